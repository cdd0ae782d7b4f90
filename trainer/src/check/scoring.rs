//! A Scoring document against its tables and its model.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use artifacts::{Workspace, registry};
use model::encode::EncoderFit;
use query::{ExpressionSource, Expressions, ListsWanted, Session};
use spec::ids::Selector;
use spec::suggest::nearest;
use spec::task::lists::name_of;
use spec::{ColumnName, ModelName, Network, Scoring, ScoringSpec, Segmentation, Task, TaskName, TrainingSpec};

use super::{Level, Notebook, guards, ids, inspect, open_tables, steps_in_words};
use crate::report::numbers::plural;

/// Checks the document; the findings are noted. `trained` are the models of the documents before it.
pub(super) async fn check(
    document: &Scoring,
    trained: &BTreeMap<ModelName, TrainingSpec>,
    workspace: &Workspace,
    notebook: &mut Notebook<'_>,
) {
    let spec = &document.spec;
    let model = model_of(spec, trained, workspace, notebook).await;
    let (preset, memory) = (spec.preset.as_ref(), &spec.resources.memory);
    let Some(session) = open_tables(&spec.tables, &spec.prepare, preset, memory, notebook).await else {
        return;
    };
    let schema = match session.schema(&spec.population) {
        Ok(schema) => schema,
        Err(error) => return notebook.error("spec.population", &error),
    };
    if let Err(error) = session.check_key(&spec.population, &spec.key) {
        notebook.error("spec.key", &error);
    }
    check_columns(spec, &schema, notebook);
    ids::check(spec, &schema, notebook);
    check_segments(spec, &schema, notebook);
    if let Some(model) = &model {
        check_features(model, &schema, notebook);
        check_items(spec, model, &session, notebook);
        let lists = check_seed_lists(spec, &session, notebook).await;
        check_expressions(spec, model, &lists, &schema, notebook);
    }
    check_key_tables(spec, &session, notebook);
    guards::check(spec, trained, workspace, &session, notebook).await;
    for (name, neighbours) in &spec.neighbours {
        let of = &neighbours.of;
        if let Err(error) = session.check_key(&of.table, of.key.as_ref().unwrap_or(&spec.key)) {
            notebook.error(format!("spec.neighbours.{name}.of"), &error);
        }
    }
    if let Some(inspection) = inspect(&session, &spec.population, "spec.population", notebook).await {
        notebook.table(&spec.population, inspection.summary);
    }
    notebook.plan(format!(
        "{}: run {}, score `{}` with {} in shards of {} rows on {}, publish {}",
        document.metadata.name,
        steps_in_words(&spec.prepare),
        spec.population,
        spec.model,
        spec.shard_rows,
        plural(spec.resources.processes.into(), "process", "processes"),
        plural(spec.audiences.len() as u64, "audience", "audiences"),
    ));
}

/// The Training document behind the model: one of these documents, or that of the registered version.
async fn model_of(
    spec: &ScoringSpec,
    trained: &BTreeMap<ModelName, TrainingSpec>,
    workspace: &Workspace,
    notebook: &mut Notebook<'_>,
) -> Option<TrainingSpec> {
    if let Some(training) = trained.get(&spec.model.model) {
        if let Selector::Alias(alias) = &spec.model.selector
            && !training.register.may_move(alias)
            && let Err(error) = registry::resolve(workspace, &spec.model).await
        {
            let hint = format!("add `register: {{aliases: [{alias}]}}` to the training");
            notebook.find(Level::Error, "spec.model", format!("{error}; {hint}"));
        }
        return Some(training.clone());
    }
    let manifest = match registry::resolve(workspace, &spec.model).await {
        Ok(version) => registry::read_manifest(workspace, &spec.model.model, version).await,
        Err(error) => Err(error),
    };
    match manifest {
        Ok(manifest) => Some(manifest.body.document.spec),
        Err(error) => {
            notebook.error("spec.model", &error);
            None
        }
    }
}

fn check_features(model: &TrainingSpec, schema: &SchemaRef, notebook: &mut Notebook<'_>) {
    for (name, feature) in &model.features {
        if let Err(error) = EncoderFit::new([(name, feature)], schema) {
            notebook.error("spec.population", &error);
        }
    }
}

/// Whether the model embeds items, and their table has what its features of items read.
fn check_items(spec: &ScoringSpec, model: &TrainingSpec, session: &Session, notebook: &mut Notebook<'_>) {
    let Some(table) = &spec.item_embeddings else { return };
    let Network::TwoTower(network) = &model.network else {
        let message = format!("{} does not embed items, a `two_tower` network alone does", spec.model);
        return notebook.find(Level::Error, "spec.item_embeddings", message);
    };
    if let Some(members) = model.training.members.filter(|members| *members > 1) {
        let message = format!(
            "{} is the mean of {members} networks, and no product of embeddings gives their scores: train it with \
             `training: {{members: 1}}`",
            spec.model
        );
        notebook.find(Level::Error, "spec.item_embeddings", message);
    }
    let schema = match session.schema(table) {
        Ok(schema) => schema,
        Err(error) => return notebook.error("spec.item_embeddings", &error),
    };
    for (name, feature) in model.features.iter().filter(|(name, _)| network.item_features.contains(*name)) {
        if let Err(error) = EncoderFit::new([(name, feature)], &schema) {
            notebook.error("spec.item_embeddings", &error);
        }
    }
}

fn check_columns(spec: &ScoringSpec, schema: &SchemaRef, notebook: &mut Notebook<'_>) {
    let mut expect = |column: &ColumnName, path: String| {
        if schema.field_with_name(column.as_str()).is_err() {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let hint = nearest(column.as_str(), names).map(|name| format!("; did you mean `{name}`?"));
            let message = format!("table `{}` has no column `{column}`{}", spec.population, hint.unwrap_or_default());
            notebook.find(Level::Error, path, message);
        }
    };
    for (index, column) in spec.keep.iter().enumerate() {
        expect(column, format!("spec.keep[{index}]"));
    }
    for (name, segmentation) in &spec.segments {
        for (index, column) in segmentation.columns.iter().flatten().enumerate() {
            expect(column, format!("spec.segments.{name}.columns[{index}]"));
        }
        for (index, column) in segmentation.profile.iter().enumerate() {
            expect(column, format!("spec.segments.{name}.profile[{index}]"));
        }
    }
    for (name, audience) in &spec.audiences {
        for (index, id) in audience.ids.iter().enumerate() {
            expect(&id.column, format!("spec.audiences.{name}.ids[{index}].column"));
        }
    }
}

/// Whether segments can be made of their columns; one that is not there is told elsewhere.
fn check_segments(spec: &ScoringSpec, schema: &SchemaRef, notebook: &mut Notebook<'_>) {
    for (name, segmentation) in &spec.segments {
        for (index, column) in segmentation.columns.iter().flatten().enumerate() {
            let Ok(field) = schema.field_with_name(column.as_str()) else { continue };
            let found = field.data_type();
            if !found.is_numeric() && *found != DataType::Boolean {
                let message =
                    format!("column `{column}` is {found}, and segments are of numbers: cast it in a prepare step");
                notebook.find(Level::Error, format!("spec.segments.{name}.columns[{index}]"), message);
            }
        }
    }
}

/// The columns that expressions see of segments.
fn segment_fields(spec: &ScoringSpec) -> impl Iterator<Item = Field> {
    spec.segments.keys().flat_map(|name| {
        let distance = Segmentation::distance_column(name.as_str());
        [Field::new(name.as_str(), DataType::Int32, false), Field::new(distance, DataType::Float64, false)]
    })
}

/// The columns that seed lists make, small ones too: who of them is in the population is not looked up.
async fn check_seed_lists(spec: &ScoringSpec, session: &Session, notebook: &mut Notebook<'_>) -> Vec<TaskName> {
    let mut names = Vec::new();
    for (name, lists) in &spec.seed_lists {
        let path = format!("spec.seed_lists.{name}.seeds");
        let Some(column) = lists.seeds.lists() else {
            if let Err(error) = session.check_key(&lists.seeds.table, lists.seeds.key.as_ref().unwrap_or(&spec.key)) {
                notebook.error(path, &error);
            }
            names.push(name.clone());
            continue;
        };
        let wanted = ListsWanted { column, only: None, most: lists.seeds.most_lists() };
        let read = match session.read_key_lists(&lists.seeds.keys(), &spec.key, &wanted).await {
            Ok(read) => read,
            Err(error) => {
                notebook.error(path, &error);
                continue;
            }
        };
        notebook.find(Level::Note, path.clone(), plural(read.lists.len() as u64, "seed list", "seed lists"));
        for value in read.lists.keys() {
            match name_of(name, value) {
                Ok(name) => names.push(name),
                Err(error) => notebook.error(path.clone(), &error),
            }
        }
    }
    names
}

/// Expressions over the population's columns, the model's outputs, the seed lists' scores and the segments.
fn check_expressions(
    spec: &ScoringSpec,
    model: &TrainingSpec,
    lists: &[TaskName],
    schema: &SchemaRef,
    notebook: &mut Notebook<'_>,
) {
    let outputs = model.tasks.iter().flat_map(|(name, task)| output_fields(name, task));
    let of_lists = lists.iter().map(|list| Field::new(list.as_str(), DataType::Float32, false));
    let outputs: Vec<Field> = outputs.chain(of_lists).chain(segment_fields(spec)).collect();
    let is_output = |name: &str| outputs.iter().any(|output| output.name() == name);
    let own = schema.fields().iter().filter(|field| !is_output(field.name())).map(|field| field.as_ref().clone());
    let own: Vec<Field> = own.collect();
    let columns: SchemaRef = Arc::new(Schema::new([own, outputs].concat()));
    for (name, audience) in &spec.audiences {
        let rank = ExpressionSource::number(format!("spec.audiences.{name}.rank_by"), audience.rank_by.as_str());
        let filter = audience.filter.as_deref();
        let filter = filter.map(|sql| ExpressionSource::condition(format!("spec.audiences.{name}.where"), sql));
        // Which classes there are is known when they are learned, so what reads one by its label is checked then.
        let reads_class = |sql: &str| model.tasks.iter().any(|(name, task)| reads_class(sql, name, task));
        for source in std::iter::once(rank).chain(filter).filter(|source| !reads_class(&source.sql)) {
            let path = source.name.clone();
            if let Err(error) = Expressions::compile(&columns, &[source]) {
                notebook.error(path, &error);
            }
        }
    }
}

/// The columns that expressions see of a task, but for the probabilities of classes by label.
fn output_fields(name: &TaskName, task: &Task) -> Vec<Field> {
    match task {
        Task::Multiclass(task) => {
            let types = [DataType::Utf8, DataType::Float32];
            let of_place = |names: [String; 2]| names.into_iter().zip(types.clone());
            task.columns(name).flat_map(of_place).map(|(name, data_type)| Field::new(name, data_type, false)).collect()
        }
        Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Lookalike(_) => {
            vec![Field::new(name.as_str(), DataType::Float32, false)]
        }
    }
}

/// Whether an expression has `task['…`, the probability of a class by its label.
fn reads_class(sql: &str, name: &TaskName, task: &Task) -> bool {
    let plain: String = sql.chars().filter(|c| !c.is_whitespace()).collect();
    let quoted = [format!("{name}['"), format!("\"{name}\"['")];
    matches!(task, Task::Multiclass(_)) && quoted.iter().any(|form| plain.contains(form))
}

fn check_key_tables(spec: &ScoringSpec, session: &Session, notebook: &mut Notebook<'_>) {
    for (name, audience) in &spec.audiences {
        let key_tables = [("include", &audience.include), ("exclude", &audience.exclude)];
        for (field, index, table) in key_tables
            .iter()
            .flat_map(|(field, tables)| tables.iter().enumerate().map(move |(index, table)| (field, index, table)))
        {
            if let Err(error) = session.check_key(&table.table, table.key.as_ref().unwrap_or(&spec.key)) {
                notebook.error(format!("spec.audiences.{name}.{field}[{index}]"), &error);
            }
        }
        for (index, cap) in audience.caps.iter().enumerate() {
            if let Err(error) = session.check_cap(cap, &spec.key) {
                notebook.error(format!("spec.audiences.{name}.caps[{index}]"), &error);
            }
        }
    }
}
