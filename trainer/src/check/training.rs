//! A Training document against its tables.

use arrow::datatypes::{DataType, SchemaRef};
use artifacts::keys::is_key_type;
use model::encode::{EncoderFit, columns_of, is_class};
use query::{Inspection, Session};
use spec::suggest::nearest;
use spec::task::{RegressionTask, ValueTask};
use spec::training::Split;
use spec::{ColumnName, SearchPlan, Task, Training, TrainingSpec};

use crate::columns::{GROUPED, SLICED, has_values};
use crate::conditions;

use super::{Level, Notebook, columns, inspect, leak, open_tables, rows, steps_in_words};
use crate::report::numbers::plural;
use crate::seeds;

/// Checks the document; the findings are noted. Gives it with a task for each seed list, if its lists can be read.
pub(super) async fn check(document: &Training, notebook: &mut Notebook<'_>) -> Option<TrainingSpec> {
    let spec = &document.spec;
    let (preset, memory) = (spec.preset.as_ref(), &spec.resources.memory);
    let session = open_tables(&spec.tables, &spec.prepare, preset, memory, notebook).await?;
    let schema = match session.schema(&spec.examples) {
        Ok(schema) => schema,
        Err(error) => {
            notebook.error("spec.examples", &error);
            return None;
        }
    };
    check_features(spec, &schema, notebook);
    check_columns(spec, &schema, notebook);
    let expanded =
        if check_seeds(spec, &session, notebook) { read_seeds(spec, &session, notebook).await } else { None };
    if let Some(inspection) = inspect(&session, &spec.examples, "spec.examples", notebook).await {
        look_at_rows(spec, inspection, notebook);
    }
    plan(document, expanded.as_ref().unwrap_or(spec), notebook);
    expanded
}

/// Whether the columns of all seeds and excluded people are there.
fn check_seeds(spec: &TrainingSpec, session: &Session, notebook: &mut Notebook<'_>) -> bool {
    let mut are_there = session.check_key(&spec.examples, &spec.key).is_ok();
    for (name, task) in &spec.tasks {
        let Task::Lookalike(task) = task else { continue };
        let excluded =
            task.exclude.iter().enumerate().map(|(index, table)| (format!("exclude[{index}]"), table.clone()));
        let keys = std::iter::once(("seeds".to_owned(), task.seeds.keys())).chain(excluded);
        let keys = keys.map(|(field, table)| (field, table.table, table.key.unwrap_or_else(|| spec.key.clone())));
        let campaign = task.seeds.campaign.clone();
        let campaign = campaign.map(|column| ("seeds.campaign".to_owned(), task.seeds.table.clone(), column));
        for (field, table, column) in keys.chain(campaign) {
            if let Err(error) = session.check_key(&table, &column) {
                notebook.error(format!("spec.tasks.{name}.{field}"), &error);
                are_there = false;
            }
        }
    }
    are_there
}

/// Counts the seeds among the examples and says what is to be known of each list.
async fn read_seeds(spec: &TrainingSpec, session: &Session, notebook: &mut Notebook<'_>) -> Option<TrainingSpec> {
    let seeds = match seeds::read(session, spec).await {
        Ok(seeds) => seeds,
        Err(error) => {
            notebook.error("spec.tasks", &error);
            return None;
        }
    };
    for (name, quality) in seeds.qualities() {
        let signs: Vec<_> = quality.signs.iter().map(ToString::to_string).collect();
        let tell = if signs.is_empty() { String::new() } else { format!("; what tells most: {}", signs.join("; ")) };
        notebook.find(Level::Note, format!("spec.tasks.{name}.seeds"), format!("{quality}{tell}"));
        for warning in seeds::warnings(&quality, None) {
            notebook.find(Level::Warning, format!("spec.tasks.{name}.seeds"), warning.to_string());
        }
    }
    for left_out in &seeds.left_out {
        notebook.find(Level::Warning, left_out.path(), left_out.to_string());
    }
    Some(seeds.spec)
}

/// Each feature by itself, so that all that is wrong is said at once.
fn check_features(spec: &TrainingSpec, schema: &SchemaRef, notebook: &mut Notebook<'_>) {
    for (name, feature) in &spec.features {
        if let Err(error) = EncoderFit::new([(name, feature)], schema) {
            notebook.error(format!("spec.features.{name}"), &error);
        }
    }
}

fn check_columns(spec: &TrainingSpec, schema: &SchemaRef, notebook: &mut Notebook<'_>) {
    let mut expect = |column: &ColumnName, path: String, fits: fn(&DataType) -> bool, wanted: &str| match schema
        .field_with_name(column.as_str())
    {
        Ok(field) if fits(field.data_type()) => {}
        Ok(field) => {
            let message =
                format!("column `{column}` of table `{}` is {}; it must be {wanted}", spec.examples, field.data_type());
            notebook.find(Level::Error, path, message);
        }
        Err(_) => {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let hint = nearest(column.as_str(), names).map(|name| format!("; did you mean `{name}`?"));
            let message = format!("table `{}` has no column `{column}`{}", spec.examples, hint.unwrap_or_default());
            notebook.find(Level::Error, path, message);
        }
    };
    let is_number = |found: &DataType| found.is_numeric() || matches!(found, DataType::Boolean | DataType::Null);
    expect(&spec.key, "spec.key".to_owned(), is_key_type, GROUPED);
    if let Some(weight) = &spec.weight {
        expect(weight, "spec.weight".to_owned(), is_number, "a number");
    }
    match &spec.split {
        Split::Column(split) => expect(&split.column, "spec.split.column".to_owned(), is_text, "text"),
        Split::Time(split) => {
            expect(&split.column, "spec.split.column".to_owned(), |found| found.is_temporal(), "a date or timestamp");
        }
        Split::Key(_) | Split::Random(_) => {}
    }
    for column in &spec.slices.columns {
        expect(column, "spec.slices.columns".to_owned(), has_values, SLICED);
    }
    for (name, task) in &spec.tasks {
        match task {
            Task::Binary(task) => {
                expect(&task.label, format!("spec.tasks.{name}.label"), is_number, "boolean, or 0 and 1")
            }
            Task::Value(ValueTask { label, .. }) | Task::Regression(RegressionTask { label, .. }) => {
                expect(label, format!("spec.tasks.{name}.label"), is_number, "a number")
            }
            Task::Multiclass(task) => {
                let wanted = "text, a whole number or boolean";
                expect(&task.label, format!("spec.tasks.{name}.label"), is_class, wanted)
            }
            Task::Lookalike(_) => {}
        }
    }
    for (name, task) in &spec.tasks {
        if let Some(weight) = task.weight() {
            expect(weight, format!("spec.tasks.{name}.weight"), is_number, "a number");
        }
        if let Some(group) = task.group_by() {
            expect(group, format!("spec.tasks.{name}.group_by"), is_key_type, GROUPED);
        }
    }
    for (name, task) in &spec.tasks {
        if let Err(error) = conditions::of_task(name, task, schema) {
            notebook.error(format!("spec.tasks.{name}.when"), &error);
        }
    }
}

fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Dictionary(_, values) => is_text(values),
        other => other.is_string(),
    }
}

fn look_at_rows(spec: &TrainingSpec, inspection: Inspection, notebook: &mut Notebook<'_>) {
    let Inspection { summary, sample } = inspection;
    if summary.sampled_rows == 0 {
        notebook.find(Level::Error, "spec.examples", format!("table `{}` has no rows", spec.examples));
    }
    for (name, feature) in &spec.features {
        for column in columns_of(name, feature) {
            columns::look_at(&summary, column.as_str(), &format!("spec.features.{name}"), notebook);
        }
    }
    for (name, task) in &spec.tasks {
        let Some(label) = task.label() else { continue };
        let column = summary.columns.iter().find(|column| column.name == label.as_str());
        if let Some(column) = column.filter(|column| summary.sampled_rows > 0 && column.is_constant) {
            let what = if column.null_rate >= 1.0 { "null" } else { "the same" };
            let message = format!("label `{label}` is {what} in all {} sampled rows", summary.sampled_rows);
            notebook.find(Level::Error, format!("spec.tasks.{name}.label"), message);
        }
    }
    for unfit in rows::find(spec, &sample) {
        notebook.find(Level::Error, format!("spec.features.{}", unfit.feature), unfit.message);
    }
    for leak in leak::find(spec, &sample) {
        notebook.find(Level::Warning, format!("spec.features.{}", leak.feature), leak.message());
    }
    notebook.table(&spec.examples, summary);
}

fn plan(document: &Training, spec: &TrainingSpec, notebook: &mut Notebook<'_>) {
    let metadata = &document.metadata;
    let tasks: Vec<_> = spec.tasks.keys().map(|name| name.as_str()).collect();
    let batches = match spec.training.batch_size {
        Some(rows) => format!("batches of {rows}"),
        None => "batches by the number of rows".to_owned(),
    };
    notebook.plan(format!(
        "{}: run {}, fit {} on `{}`, train {} for at most {} in {batches}, register the version",
        metadata.name,
        steps_in_words(&spec.prepare),
        plural(spec.features.len() as u64, "feature", "features"),
        spec.examples,
        tasks.join(", "),
        plural(spec.training.epochs.into(), "epoch", "epochs"),
    ));
    if let (Some(search), Ok(plan)) = (&spec.search, SearchPlan::of(spec)) {
        let trials = plural(plan.trials.len() as u64, "trial", "trials");
        let rungs = plan
            .rungs
            .iter()
            .map(|rung| format!("{} for at most {}", rung.trials, plural(rung.epochs.into(), "epoch", "epochs")));
        let rungs: Vec<_> = rungs.collect();
        notebook.plan(format!(
            "{}: before that, {trials} by {}: {}; {} at a time",
            metadata.name,
            search.method.words(),
            rungs.join(", "),
            search.parallel,
        ));
    }
}
