//! Scores one batch: predictions, ranks and ids beside the columns that are kept.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Int64Array, ListArray, RecordBatch, TimestampMicrosecondArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float32Type, Float64Type, Schema, SchemaRef};
use artifacts::keys::hash_nullable_keys;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use model::drift::{Distribution, Distributions, FeatureCounts, Kind};
use model::input::Inputs;
use model::outputs::Outputs;
use model::predictor::Predictor;
use model::segments::Assigned;
use query::KeySet;
use spec::Feature;
use spec::ids::{FeatureName, Version};

use super::layout::{AudienceLayout, ScoreLayout, embedding_item};
use super::output::{class_struct, score_columns, score_fields};
use super::rank::{Ranked, rank_rows};
use crate::error::{Result, ScorerError};
use crate::seed_lists::LearnedLists;
use crate::segments::counts::{Scores, SegmentCounts};
use crate::segments::{FrozenSegments, segment_columns, segment_fields};
use crate::select::order::tie_seed;

/// Everything that scoring a batch needs; shared by the threads that do it.
pub struct BatchScorer {
    /// What is computed and written.
    pub layout: ScoreLayout,
    /// The model.
    pub predictor: Predictor,
    /// The seed lists that people are scored for beside the model's tasks.
    pub seed_lists: Option<LearnedLists>,
    /// The segments that people are put into: those of [`ScoreLayout::segmentations`].
    pub segments: Vec<FrozenSegments>,
    /// Whether people's embeddings and ties are wanted by whoever looks for neighbours.
    pub looks_for_neighbours: bool,
    /// The keys of [`ScoreLayout::key_sources`].
    pub key_sets: Vec<KeySet>,
    /// The model's version.
    pub version: Version,
    /// When rows are said to be scored.
    pub scored_at: DateTime<Utc>,
    /// The features whose distributions a guard watches, with those of the outputs; none watched when absent.
    pub watched: Option<IndexMap<FeatureName, Feature>>,
}

/// A batch of the score table, and what was counted on the way.
#[derive(Debug)]
pub struct ScoredBatch {
    /// The rows.
    pub rows: RecordBatch,
    /// For each audience, its ranks and counts.
    pub ranked: Vec<Ranked>,
    /// For each way of dividing people, who is in its segments.
    pub segments: Vec<SegmentCounts>,
    /// People's embeddings, one behind the other; empty unless neighbours are looked for.
    pub embeddings: Vec<f32>,
    /// Hashes of their keys; empty likewise.
    pub ties: Vec<Option<u128>>,
    /// The top 64 bits of the hashes by which people of one rank are ordered.
    pub rank_ties: Vec<u64>,
    /// Rows without a key.
    pub null_keys: u64,
    /// What the rows look like, where a guard watches it.
    pub distributions: Option<Distributions>,
}

impl BatchScorer {
    /// Scores the rows of a batch: their encoded features, and their columns that are carried along.
    ///
    /// # Errors
    ///
    /// A model that fails, an expression that fails on a row, a key or id that is none.
    pub fn score(&self, inputs: &Inputs, carried: &RecordBatch) -> Result<ScoredBatch> {
        let (predictions, embeddings) = self.predict(inputs)?;
        let assigned = self.assign(carried, &embeddings)?;
        let segments = self.count(&assigned, &predictions, carried)?;
        let distributions = self.watched.as_ref().map(|watched| self.distributions(watched, carried, &predictions));
        let said = self.said(predictions, assigned);
        let keys = self.carried(carried, self.layout.key().as_str())?;
        let values = self.layout.expressions.evaluate(&self.expression_rows(carried, &said)?)?;
        let is_in = self.key_sets.iter().map(|set| set.contains_column(&keys));
        let is_no_key = |source| ScorerError::Key { column: self.layout.key().clone(), source };
        let is_in = is_in.collect::<Result<Vec<BooleanArray>, _>>().map_err(is_no_key)?;
        let ranked = self.layout.audiences.iter().map(|audience| Ok(rank(audience, &values, &is_in)?.with_keys(&keys)));
        let ranked = ranked.collect::<Result<Vec<Ranked>>>()?;
        let ties = self.looks_for_neighbours.then(|| hash_nullable_keys(&keys, KeySet::SEED));
        let ties = ties.transpose().map_err(is_no_key)?.unwrap_or_default();
        let compared = if self.looks_for_neighbours { embeddings.clone() } else { Vec::new() };
        let embedding = self.layout.has_embedding.then(|| self.embedding_column(embeddings, inputs.rows));
        let computed = said.columns.into_iter().chain(embedding).collect();
        let rows = self.score_rows(carried, computed, &ranked)?;
        Ok(ScoredBatch {
            rows,
            ranked,
            segments,
            embeddings: compared,
            ties,
            rank_ties: self.rank_ties(&keys)?,
            null_keys: keys.logical_null_count() as u64,
            distributions,
        })
    }

    /// Where people of one rank stand; nothing without audiences.
    fn rank_ties(&self, keys: &ArrayRef) -> Result<Vec<u64>> {
        if self.layout.audiences.is_empty() {
            return Ok(Vec::new());
        }
        let is_no_key = |source| ScorerError::Key { column: self.layout.key().clone(), source };
        let hashes = hash_nullable_keys(keys, tie_seed()).map_err(is_no_key)?;
        Ok(hashes.into_iter().map(|hash| (hash.unwrap_or_default() >> 64) as u64).collect())
    }

    fn distributions(
        &self,
        watched: &IndexMap<FeatureName, Feature>,
        carried: &RecordBatch,
        predictions: &[Vec<f32>],
    ) -> Distributions {
        let mut features = FeatureCounts::new(watched);
        features.add(carried, None);
        let of_one_number = self.layout.outputs.iter().zip(predictions).filter(|(output, _)| output.classes.is_none());
        let outputs = of_one_number.map(|(output, numbers)| {
            let mut distribution = Distribution::new(Kind::Numbers);
            distribution.add_numbers(numbers.iter().map(|number| f64::from(*number)));
            (output.task.clone(), distribution)
        });
        Distributions { outputs: outputs.collect(), features: features.finish() }
    }

    /// The predictions of each task and seed list, and the embeddings if anything needs them.
    fn predict(&self, inputs: &Inputs) -> Result<(Vec<Vec<f32>>, Vec<f32>)> {
        let (mut outputs, mut numbers) = (Outputs::default(), Vec::new());
        let is_of_embedding = |segments: &FrozenSegments| segments.columns.is_none();
        let of_segments = self.segments.iter().any(is_of_embedding);
        let of_lists = self.seed_lists.as_ref().is_some_and(LearnedLists::needs_embeddings);
        if self.layout.has_embedding || of_lists || of_segments || self.looks_for_neighbours {
            self.predictor.predict_and_embed(inputs, &mut outputs, &mut numbers)?;
        } else {
            self.predictor.predict(inputs, &mut outputs)?;
        }
        let mut predictions = outputs.tasks;
        if let Some(lists) = &self.seed_lists {
            predictions.extend(lists.scores(&self.predictor, inputs, &numbers)?);
        }
        Ok((predictions, numbers))
    }

    fn embedding_column(&self, numbers: Vec<f32>, rows: usize) -> ArrayRef {
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(self.predictor.embedding_width(), rows));
        Arc::new(ListArray::new(embedding_item(), offsets, Arc::new(Float32Array::from(numbers)), None))
    }

    fn assign(&self, carried: &RecordBatch, embeddings: &[f32]) -> Result<Vec<Assigned>> {
        self.segments.iter().map(|segments| segments.assign(carried, embeddings)).collect()
    }

    fn count(
        &self,
        assigned: &[Assigned],
        predictions: &[Vec<f32>],
        carried: &RecordBatch,
    ) -> Result<Vec<SegmentCounts>> {
        let scores = self.layout.outputs.iter().zip(predictions).map(|(output, numbers)| Scores {
            task: &output.task,
            classes: output.classes.as_ref().map(|classes| classes.names.as_slice()),
            numbers,
        });
        let scores: Vec<Scores<'_>> = scores.collect();
        let segments = self.segments.iter().zip(assigned);
        segments.map(|(segments, assigned)| segments.count(assigned, &scores, carried)).collect()
    }

    /// A carried column in the type that the layout was made with; text may come as a dictionary.
    fn carried(&self, carried: &RecordBatch, name: &str) -> Result<ArrayRef> {
        let column = carried.column_by_name(name).ok_or(ScorerError::Broken)?;
        match column.data_type() {
            DataType::Dictionary(_, values) => cast(column, values).map_err(ScorerError::rows),
            _ => Ok(Arc::clone(column)),
        }
    }

    /// The columns of all outputs and segments, and those that expressions alone see.
    fn said(&self, predictions: Vec<Vec<f32>>, assigned: Vec<Assigned>) -> Said {
        let (mut columns, mut structs) = (Vec::new(), Vec::new());
        for (output, predictions) in self.layout.outputs.iter().zip(predictions) {
            let name = output.task.as_str();
            if let Some(classes) = &output.classes
                && self.layout.expressions.columns().any(|column| column == name)
            {
                structs.push((name.to_owned(), class_struct(classes, &predictions)));
            }
            columns.extend(score_columns(output, predictions));
        }
        columns.extend(assigned.into_iter().flat_map(segment_columns));
        Said { columns, structs }
    }

    fn expression_rows(&self, carried: &RecordBatch, said: &Said) -> Result<RecordBatch> {
        let of_segments = self.layout.segmentations.iter().flat_map(segment_fields);
        let fields_said = self.layout.outputs.iter().flat_map(score_fields).chain(of_segments);
        let names: Vec<String> = fields_said.map(|field| field.name().clone()).collect();
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for name in self.layout.expressions.columns() {
            let of_classes = said.structs.iter().find(|(task, _)| task == name).map(|(_, column)| column.clone());
            let output = || names.iter().position(|output| output == name).map(|place| widened(&said.columns[place]));
            let column = match of_classes.or_else(output) {
                Some(column) => column,
                None => self.carried(carried, name)?,
            };
            fields.push(arrow::datatypes::Field::new(name, column.data_type().clone(), true));
            columns.push(column);
        }
        batch(Arc::new(Schema::new(fields)), columns, carried.num_rows())
    }

    fn score_rows(&self, carried: &RecordBatch, computed: Vec<ArrayRef>, ranked: &[Ranked]) -> Result<RecordBatch> {
        let rows = carried.num_rows();
        let kept = self.layout.kept.iter().map(|column| self.carried(carried, column.as_str()));
        let mut columns = kept.collect::<Result<Vec<_>>>()?;
        columns.extend(computed);
        columns.extend(ranked.iter().map(|ranked| Arc::new(ranked.ranks.clone()) as ArrayRef));
        for recipe in &self.layout.recipes {
            let values = carried.column_by_name(recipe.column.as_str()).ok_or(ScorerError::Broken)?;
            columns.extend(recipe.derive(values)?.columns());
        }
        columns.push(Arc::new(Int64Array::from_value(self.version.0 as i64, rows)));
        let scored_at = TimestampMicrosecondArray::from_value(self.scored_at.timestamp_micros(), rows);
        columns.push(Arc::new(scored_at.with_timezone("UTC")));
        batch(Arc::clone(&self.layout.schema), columns, rows)
    }
}

/// What a model says of a batch's rows.
struct Said {
    /// The score table's columns of all outputs and segments.
    columns: Vec<ArrayRef>,
    /// The probabilities of all classes, by task, where an expression reads them.
    structs: Vec<(String, ArrayRef)>,
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(schema, columns, &options).map_err(ScorerError::rows)
}

/// A model's output as expressions see it: numbers in 64 bits, so that products of outputs keep their digits.
fn widened(prediction: &ArrayRef) -> ArrayRef {
    match prediction.as_primitive_opt::<Float32Type>() {
        Some(numbers) => Arc::new(numbers.unary::<_, Float64Type>(f64::from)),
        None => Arc::clone(prediction),
    }
}

fn rank(audience: &AudienceLayout, values: &[ArrayRef], is_in: &[BooleanArray]) -> Result<Ranked> {
    let filter = audience.filter.map(|filter| values[filter].as_boolean());
    let steps = audience.gates.iter().map(|gate| gate.leaves_out(is_in)).collect::<Result<Vec<_>>>()?;
    Ok(rank_rows(filter, &steps, values[audience.rank].as_primitive()))
}
