//! What a scoring run reads beside the model's features, computes for its audiences, and writes: decided once from the
//! document, the population's columns and the model's tasks.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use artifacts::keys::{KeyError, is_key_type};
use model::outputs::TaskOutput;
use query::{ExpressionSource, Expressions};
use spec::audience::FileKind;
use spec::ids::{AudienceName, ColumnName, SegmentationName};
use spec::{Audience, KeyStep, ScoringSpec, Segmentation};

use super::ids::{IdRecipe, list_item, published_type};
use super::key_steps::{Gate, KeySource};
use super::output::{expression_fields, score_fields};
use crate::columns::{MODEL_VERSION, SCORE, SCORED_AT, rank_column};
use crate::error::{Result, ScorerError};
use crate::segments::{check_columns, segment_fields};
use crate::select::standing::thresholds;

/// Everything that scoring does to a batch, by column.
#[derive(Debug, Clone)]
pub struct ScoreLayout {
    /// The key, then the kept columns.
    pub kept: Vec<ColumnName>,
    /// The model's outputs, in its order, and then those of the seed lists.
    pub outputs: Vec<TaskOutput>,
    /// Ways of dividing people, in the document's order: two columns each, behind those of the outputs.
    pub segmentations: Vec<SegmentationName>,
    /// Whether each person's embedding is a column behind these.
    pub has_embedding: bool,
    /// The audiences' expressions.
    pub expressions: Expressions,
    /// The audiences, in the document's order.
    pub audiences: Vec<AudienceLayout>,
    /// The sets of keys that audiences leave people out by, each once.
    pub key_sources: Vec<KeySource>,
    /// Ids that the score table holds, each once.
    pub recipes: Vec<IdRecipe>,
    /// The score table's columns.
    pub schema: SchemaRef,
    carried: Vec<ColumnName>,
}

/// One audience's part of it.
#[derive(Debug, Clone, PartialEq)]
pub struct AudienceLayout {
    /// The audience.
    pub name: AudienceName,
    /// `rank_by` among the expressions.
    pub rank: usize,
    /// `where` among the expressions.
    pub filter: Option<usize>,
    /// The steps by tables, in their order.
    pub gates: Vec<Gate>,
    /// The ranks at which the document ends something.
    pub thresholds: Vec<f64>,
    /// The published ids.
    pub ids: Vec<PublishedId>,
}

impl ScoreLayout {
    /// Plans it; every mistake in the document that the population's columns or the model's tasks reveal is found here.
    ///
    /// # Errors
    ///
    /// Missing columns, names that clash, types that make no key, id or rank, and SQL that is not accepted.
    pub fn new(spec: &ScoringSpec, population: &Schema, outputs: &[TaskOutput]) -> Result<Self> {
        check_key(spec, population)?;
        check_columns(spec, population)?;
        let audiences = spec.audiences.iter();
        let (sources, mut layouts) = (expression_sources(spec), Vec::with_capacity(spec.audiences.len()));
        let (mut key_sources, mut recipes, mut expression) = (Vec::new(), Vec::new(), 0);
        for (name, audience) in audiences {
            let filter = audience.filter.as_ref().map(|_| expression + 1);
            let gates = audience.key_steps().map(|step| Gate {
                keys: index_of(&mut key_sources, KeySource::of(step, &spec.key)),
                lets_members_in: matches!(step, KeyStep::Include(_)),
            });
            let gates = gates.collect();
            let thresholds = thresholds(audience).collect();
            let ids = published_ids(name, audience, &spec.key)?;
            for id in &ids {
                let found = find(spec, population, &id.recipe.column, "an id")?.data_type();
                id.recipe.check(found)?;
                check_lists(name, id, audience.format.kind, found)?;
                if id.recipe.column != spec.key {
                    index_of(&mut recipes, id.recipe.clone());
                }
            }
            layouts.push(AudienceLayout { name: name.clone(), rank: expression, filter, gates, thresholds, ids });
            expression += 1 + usize::from(filter.is_some());
        }
        let computed = computed_fields(spec, outputs);
        let expressions = Expressions::compile(&expression_schema(population, &computed), &sources)?;
        let kept = kept_columns(spec);
        let schema = score_schema(spec, population, outputs, &kept, &recipes)?;
        let carried = carried(spec, population, (&kept, &recipes), (&expressions, &computed))?;
        Ok(Self {
            kept,
            outputs: outputs.to_vec(),
            segmentations: spec.segments.keys().cloned().collect(),
            has_embedding: spec.embedding.is_some(),
            expressions,
            audiences: layouts,
            key_sources,
            recipes,
            schema,
            carried,
        })
    }

    /// The same with more columns carried, which expressions do not read.
    #[must_use]
    pub fn carrying<'a>(mut self, columns: impl Iterator<Item = &'a ColumnName>) -> Self {
        for column in columns {
            index_of(&mut self.carried, column.clone());
        }
        self
    }

    /// The population's columns that are read beside the features.
    pub fn carried(&self) -> &[ColumnName] {
        &self.carried
    }

    /// The key's column in the score table, which is its first.
    pub fn key(&self) -> &ColumnName {
        &self.kept[0]
    }
}

/// A published id.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedId {
    /// The column's name.
    pub name: String,
    /// How it is made.
    pub recipe: IdRecipe,
    /// Whether each id of a list has a row.
    pub explode: bool,
}

/// Lists need a format that has them, or a row for each id; a row for each id needs lists.
fn check_lists(audience: &AudienceName, id: &PublishedId, format: FileKind, found: &DataType) -> Result<()> {
    let (audience, column) = (audience.clone(), id.recipe.column.clone());
    match (list_item(found), id.explode, format) {
        (None, true, _) => Err(ScorerError::NoLists { audience, column, found: found.clone() }),
        (Some(_), false, FileKind::Csv) => Err(ScorerError::ListInCsv { audience, column }),
        (None, false, _) | (Some(_), true, _) | (Some(_), false, FileKind::Parquet | FileKind::Jsonl) => Ok(()),
    }
}

/// The columns of ids in published files, made from a score table of this schema.
///
/// # Errors
///
/// A score table that lacks a column.
pub fn published_columns(ids: &[PublishedId], key: &ColumnName, scores: &Schema) -> Result<Vec<(String, DataType)>> {
    let columns = ids.iter().map(|PublishedId { name, recipe, explode: _ }| {
        let is_key = recipe.column == *key;
        let column = if is_key { key.to_string() } else { recipe.stored_name() };
        let found = scores.field_with_name(&column).map_err(ScorerError::rows)?.data_type();
        let stored = if is_key { recipe.stored_type(found) } else { found.clone() };
        Ok((name.clone(), published_type(&stored)))
    });
    columns.collect()
}

/// Where an item is in a list; put at its end if it is not there.
fn index_of<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|other| *other == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// The ids that an audience publishes: those of the document, or the SHA-256 of the key.
///
/// # Errors
///
/// Two published columns of one name, a secret key that cannot be used.
pub fn published_ids(name: &AudienceName, audience: &Audience, key: &ColumnName) -> Result<Vec<PublishedId>> {
    let mut ids: Vec<PublishedId> = audience
        .ids
        .iter()
        .map(|id| {
            let recipe = IdRecipe::of(id)?;
            let name = id.name.as_ref().map_or_else(|| recipe.default_name(), ColumnName::to_string);
            Ok(PublishedId { name, recipe, explode: id.explode })
        })
        .collect::<Result<_>>()?;
    if ids.is_empty() {
        let recipe = IdRecipe::of_key(key);
        ids.push(PublishedId { name: recipe.default_name(), recipe, explode: false });
    }
    let mut names: Vec<&str> = ids.iter().map(|id| id.name.as_str()).chain([SCORE]).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ScorerError::PublishedTwice { audience: name.clone(), column: pair[0].to_owned() }),
        None => Ok(ids),
    }
}

fn expression_sources(spec: &ScoringSpec) -> Vec<ExpressionSource> {
    let mut sources = Vec::new();
    for (name, audience) in &spec.audiences {
        sources.push(ExpressionSource::number(format!("spec.audiences.{name}.rank_by"), &audience.rank_by));
        if let Some(filter) = &audience.filter {
            sources.push(ExpressionSource::condition(format!("spec.audiences.{name}.where"), filter));
        }
    }
    sources
}

/// The columns and outputs that an audience's rank reads.
///
/// # Errors
///
/// SQL that is not accepted.
pub(crate) fn rank_columns(
    spec: &ScoringSpec,
    population: &Schema,
    outputs: &[TaskOutput],
    (name, audience): (&AudienceName, &Audience),
) -> Result<Vec<String>> {
    let schema = expression_schema(population, &computed_fields(spec, outputs));
    let source = ExpressionSource::number(format!("spec.audiences.{name}.rank_by"), &audience.rank_by);
    Ok(Expressions::compile(&schema, &[source])?.columns().map(str::to_owned).collect())
}

/// What expressions see beside the population: the model's outputs, and the segments.
fn computed_fields(spec: &ScoringSpec, outputs: &[TaskOutput]) -> Vec<Field> {
    let wide = |field: Field| match field.data_type() {
        DataType::Float32 => field.with_data_type(DataType::Float64),
        _ => field,
    };
    let segments = spec.segments.keys().flat_map(segment_fields).map(|field| wide(field).with_nullable(true));
    outputs.iter().flat_map(expression_fields).chain(segments).collect()
}

/// The population's columns and what is computed, which hides a column of its name.
fn expression_schema(population: &Schema, computed: &[Field]) -> SchemaRef {
    let is_output = |field: &Field| computed.iter().any(|output| output.name() == field.name());
    let columns = population.fields().iter().filter(|field| !is_output(field)).map(|field| field.as_ref().clone());
    let columns: Vec<Field> = columns.collect();
    Arc::new(Schema::new([&columns, computed].concat()))
}

fn kept_columns(spec: &ScoringSpec) -> Vec<ColumnName> {
    let mut kept = vec![spec.key.clone()];
    for column in &spec.keep {
        index_of(&mut kept, column.clone());
    }
    kept
}

fn carried(
    spec: &ScoringSpec,
    population: &Schema,
    (kept, recipes): (&[ColumnName], &[IdRecipe]),
    (expressions, computed): (&Expressions, &[Field]),
) -> Result<Vec<ColumnName>> {
    let is_output = |name: &str| computed.iter().any(|field| field.name() == name);
    let mut carried = kept.to_vec();
    for column in spec.segments.values().flat_map(Segmentation::described_by) {
        find(spec, population, &column, "`segments`")?;
        index_of(&mut carried, column);
    }
    for recipe in recipes {
        index_of(&mut carried, recipe.column.clone());
    }
    for column in expressions.columns().filter(|name| !is_output(name)) {
        index_of(&mut carried, column.parse()?);
    }
    Ok(carried)
}

fn score_schema(
    spec: &ScoringSpec,
    population: &Schema,
    outputs: &[TaskOutput],
    kept: &[ColumnName],
    recipes: &[IdRecipe],
) -> Result<SchemaRef> {
    let mut fields = Vec::new();
    for column in kept {
        let field = find(spec, population, column, "`keep`")?;
        fields.push((Field::new(field.name(), field.data_type().clone(), true), "another column"));
    }
    fields.extend(outputs.iter().flat_map(score_fields).map(|field| (field, "a task")));
    fields.extend(spec.segments.keys().flat_map(segment_fields).map(|field| (field, "the segments")));
    let embedding = |name: &ColumnName| Field::new(name.as_str(), DataType::List(embedding_item()), false);
    fields.extend(spec.embedding.iter().map(|name| (embedding(name), "the embedding")));
    let rank = |name| (Field::new(rank_column(name), DataType::Float64, true), "an audience's rank");
    fields.extend(spec.audiences.keys().map(rank));
    for recipe in recipes {
        let stored = recipe.stored_fields(find(spec, population, &recipe.column, "an id")?.data_type());
        fields.extend(stored.into_iter().map(|field| (field, "an id")));
    }
    fields.push((Field::new(MODEL_VERSION, DataType::Int64, false), "the model's version"));
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    fields.push((Field::new(SCORED_AT, timestamp, false), "the time of scoring"));
    for (index, (field, other)) in fields.iter().enumerate() {
        if fields[..index].iter().any(|(earlier, _)| earlier.name() == field.name()) {
            return Err(ScorerError::NameTaken { column: field.name().clone(), other });
        }
    }
    Ok(Arc::new(Schema::new(fields.into_iter().map(|(field, _)| field).collect::<Vec<_>>())))
}

/// A number of an embedding, as a list's item.
pub(crate) fn embedding_item() -> FieldRef {
    Arc::new(Field::new("item", DataType::Float32, false))
}

fn check_key(spec: &ScoringSpec, population: &Schema) -> Result<()> {
    let found = find(spec, population, &spec.key, "`key`")?.data_type();
    match is_key_type(found) {
        true => Ok(()),
        false => {
            let source = KeyError::Type { found: found.clone() };
            Err(ScorerError::Key { column: spec.key.clone(), source })
        }
    }
}

/// A column of the population, or who misses it.
///
/// # Errors
///
/// A column that is not there.
pub(crate) fn find<'a>(
    spec: &ScoringSpec,
    columns: &'a Schema,
    wanted: &ColumnName,
    by: &'static str,
) -> Result<&'a Field> {
    let found = columns.fields().iter().find(|field| field.name() == wanted.as_str());
    found.map(AsRef::as_ref).ok_or_else(|| ScorerError::NoColumn {
        table: spec.population.clone(),
        column: wanted.clone(),
        wanted_by: by,
        near: near(wanted.as_str(), columns),
    })
}

/// Columns whose names differ from a wanted one in case, blanks and punctuation alone.
fn near(wanted: &str, columns: &Schema) -> Vec<String> {
    let essence = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let names = columns.fields().iter().map(|field| field.name());
    names.filter(|name| essence(name) == essence(wanted)).cloned().collect()
}

#[cfg(test)]
mod tests;
