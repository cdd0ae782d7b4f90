//! The unit of work `train`: from tables to a registered version.
//!
//! Prepared tables and published versions are found again, so that doing the unit a second time costs only what was
//! not finished and ends in the same version.

use arrow::datatypes::SchemaRef;
use artifacts::registry;
use feed::Table;
use indexmap::IndexMap;
use model::calibrate::ModelCalibration;
use model::input::InputLayout;
use model::learner::{Learner, LearnerOptions, TargetStatistics};
use model::measure::{ModelMetrics, Part as MeasuredPart, TaskMetrics};
use model::outputs::Outputs;
use serde::{Deserialize, Serialize};
use spec::{AliasName, ModelName, Task, TaskName, TrainingSpec, Version};
use tokio::runtime::Handle;
use worker::{Cancel, Progress};

use crate::description::describe;
use crate::epochs;
use crate::error::{Result, TrainerError};
use crate::evaluation::{CalibratedEvaluation, Evaluation};
use crate::prior;
use crate::registration::{Claim, PackageContent, headline};
use crate::report::{self, Timeline};
use crate::rows::{Part, Rows, labels};
use crate::run::Run;
use crate::tables::{self, SeedSets};

/// Batches whose labels decide where the heads' biases start.
const STATISTICS_BATCHES: usize = 256;

/// What came of a training, for whoever reads the run.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// The model.
    pub model: ModelName,
    /// Its new version.
    pub version: Version,
    /// The aliases that point to it now because of this run.
    pub aliases: Vec<AliasName>,
    /// Where the report is.
    pub report_url: String,
    /// Measures by task, part and name.
    pub measures: serde_json::Value,
    /// Training rows a second, evaluation excluded.
    pub training_rows_per_second: f64,
    /// What a reader should know.
    pub notes: Vec<String>,
}

/// `metrics.json`: the measures and how training went.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredMetrics {
    /// All measures.
    #[serde(flatten)]
    pub metrics: ModelMetrics,
    /// How training went.
    pub timeline: Timeline,
}

/// A fitted model with its measures.
pub(crate) struct FittedModel {
    /// The rows it was fitted on, with their encoders.
    pub rows: Rows,
    /// Weights as safetensors.
    pub weights: Vec<u8>,
    /// How probabilities are put right.
    pub calibration: ModelCalibration,
    /// All measures.
    pub stored: StoredMetrics,
}

/// Trains and registers the model of a run.
///
/// # Errors
///
/// What is wrong with tables, labels or the network, by name and place; [`TrainerError::Cancelled`].
pub async fn train(run: &Run, progress: &Progress, cancel: &Cancel) -> Result<Outcome> {
    let claim = Claim::new(&run.workspace, &run.id, &run.training).await?;
    if let Some(metrics) = published(run, claim.version).await? {
        let aliases = claim.move_aliases(&metrics.metrics).await?;
        return Ok(outcome(run, claim.version, aliases, &metrics, Vec::new()));
    }
    let tables = tables::prepare(run, progress).await?;
    let table = Table::open(&tables.examples.files).await?;
    let work = Fitting {
        spec: run.spec().clone(),
        threads: run.threads(),
        seeds: tables.seeds,
        columns: tables.examples.schema,
        table,
        progress: progress.clone(),
        cancel: cancel.clone(),
        runtime: Handle::current(),
    };
    let fitted = tokio::task::spawn_blocking(move || work.fit()).await.map_err(TrainerError::Thread)??;
    progress.phase("register", "files", None);
    let report = describe(run, claim.version, &fitted);
    let content = PackageContent {
        encoders: json("encoders.json", fitted.rows.encoders())?,
        weights: fitted.weights,
        calibration: json("calibration.json", &fitted.calibration)?,
        metrics: json("metrics.json", &fitted.stored)?,
    };
    let page = report::render(&report);
    let aliases = claim.publish(content, page, run.document.inputs.clone(), &fitted.stored.metrics).await?;
    Ok(outcome(run, claim.version, aliases, &fitted.stored, report.warnings))
}

/// The metrics of this run's version, if it has been published already.
async fn published(run: &Run, version: Version) -> Result<Option<StoredMetrics>> {
    let model = &run.training.metadata.name;
    if registry::find_manifest(&run.workspace, model, version).await?.is_none() {
        return Ok(None);
    }
    let reference = spec::ModelReference { model: model.clone(), selector: spec::ids::Selector::Version(version) };
    let package = registry::load_model(&run.workspace, &reference).await?;
    let metrics = serde_json::from_slice(package.file("metrics.json")?);
    metrics.map(Some).map_err(|source| TrainerError::Json { file: "metrics.json", source })
}

fn outcome(
    run: &Run,
    version: Version,
    aliases: Vec<AliasName>,
    stored: &StoredMetrics,
    notes: Vec<String>,
) -> Outcome {
    let model = run.training.metadata.name.clone();
    let folder = run.workspace.url_of_folder(&artifacts::layout::model_version(&model, version));
    Outcome {
        report_url: format!("{}/report.html", folder.trim_end_matches('/')),
        model,
        version,
        aliases,
        measures: headline(&stored.metrics),
        training_rows_per_second: stored.timeline.rows_per_second,
        notes,
    }
}

fn json(file: &'static str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| TrainerError::Json { file, source })
}

/// The computing part, on a thread of its own.
struct Fitting {
    spec: TrainingSpec,
    table: Table,
    seeds: SeedSets,
    /// The examples'.
    columns: SchemaRef,
    threads: usize,
    progress: Progress,
    cancel: Cancel,
    runtime: Handle,
}

impl Fitting {
    fn fit(self) -> Result<FittedModel> {
        self.progress.phase("fit encoders", "rows", None);
        let labels = labels(&self.spec, &self.seeds, &self.columns)?;
        let rows = Rows::fit(self.table.clone(), &self.spec, labels, self.threads, &self.runtime)?;
        self.note_rows(&rows);
        let layout = rows.encoders().layout();
        let mut learner = self.learner(&rows, &layout)?;
        let timeline = epochs::train(&mut learner, &rows, &self.spec, &self.progress, &self.cancel)?;
        let calibration = self.validation(&learner, &rows)?.calibration(&self.spec);
        let metrics = self.measure(&learner, &rows, &calibration)?;
        Ok(FittedModel { weights: learner.save()?, rows, calibration, stored: StoredMetrics { metrics, timeline } })
    }

    fn note_rows(&self, rows: &Rows) {
        let of = |part| rows.counts(part).rows;
        let (train, validation, test) = (of(Part::Train), of(Part::Validation), of(Part::Test));
        self.progress.note(format!("{train} rows to train on, {validation} to validate, {test} to test"));
    }

    fn learner(&self, rows: &Rows, layout: &InputLayout) -> Result<Learner> {
        let mut statistics = TargetStatistics::default();
        for batch in rows.shuffled(0)?.take(STATISTICS_BATCHES) {
            let batch = batch?;
            statistics.push(&batch.targets, batch.inputs.rows);
        }
        let priors = prior::estimate(&self.spec, rows, &statistics, &self.progress, &self.cancel)?;
        let total_steps = u64::from(self.spec.training.epochs) * rows.steps_per_epoch();
        let options = LearnerOptions { threads: self.threads, total_steps, statistics, priors };
        Ok(Learner::new(&self.spec, layout, options)?)
    }

    /// Raw predictions of the validation rows, for calibration.
    fn validation(&self, learner: &Learner, rows: &Rows) -> Result<Evaluation> {
        let mut evaluation = Evaluation::new(&self.spec);
        for batch in rows.sequential(Part::Validation)? {
            crate::evaluation::evaluate_batch(learner, &batch?, &mut evaluation)?;
        }
        Ok(evaluation)
    }

    /// The measures of all parts with the weights that were kept.
    fn measure(&self, learner: &Learner, rows: &Rows, calibration: &ModelCalibration) -> Result<ModelMetrics> {
        let mut tasks: IndexMap<TaskName, TaskMetrics> = self.spec.tasks.iter().map(no_metrics).collect();
        for (part, measured) in PARTS {
            if rows.counts(part).rows == 0 {
                continue;
            }
            self.progress.phase(&format!("measure {}", measured.name()), "rows", Some(rows.counts(part).rows));
            let mut evaluation = CalibratedEvaluation::new(&self.spec, calibration);
            for batch in rows.sequential(part)? {
                self.cancel.check().map_err(|_| TrainerError::Cancelled)?;
                let (batch, mut outputs) = (batch?, Outputs::default());
                learner.predict(&batch.inputs, &mut outputs)?;
                evaluation.push(outputs, &batch.targets, batch.inputs.rows)?;
                self.progress.advance(batch.inputs.rows as u64);
            }
            for (name, metrics) in evaluation.metrics(&self.spec) {
                tasks[&name].set(measured, metrics);
            }
        }
        Ok(ModelMetrics { tasks, ..ModelMetrics::default() })
    }
}

const PARTS: [(Part, MeasuredPart); 3] = [
    (Part::Train, MeasuredPart::Train),
    (Part::Validation, MeasuredPart::Validation),
    (Part::Test, MeasuredPart::Test),
];

fn no_metrics((name, task): (&TaskName, &Task)) -> (TaskName, TaskMetrics) {
    (name.clone(), TaskMetrics::new(task.into()))
}
