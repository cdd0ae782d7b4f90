//! The unit of work `train`: from tables to a registered version.
//!
//! Prepared tables and published versions are found again, so that doing the unit a second time costs only what was
//! not finished and ends in the same version.

use artifacts::registry;
use feed::Table;
use indexmap::IndexMap;
use model::drift::REFERENCE_FILE;
use model::measure::{Comparison, Importance, ModelMetrics, SlicedColumn};
use serde::{Deserialize, Serialize};
use spec::{AliasName, ModelName, TaskName, Training, Version};
use tokio::runtime::Handle;
use worker::{Cancel, Progress};

use crate::description::describe;
use crate::error::{Result, TrainerError};
use crate::fitting::Fitting;
use crate::production::Production;
use crate::registration::{Claim, PackageContent, headline};
use crate::report::{self, ComparisonSummary, Timeline};
use crate::run::Run;
use crate::search::{self, SearchResults};
use crate::seeds::SeedQuality;
use crate::tables;

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
    /// The model beside others on the same rows.
    pub comparisons: Vec<ComparisonSummary>,
    /// How the search went that found the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchResults>,
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
    /// The model beside others.
    #[serde(default)]
    pub comparisons: Vec<Comparison>,
    /// The seed list of each lookalike task.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub seeds: IndexMap<TaskName, SeedQuality>,
    /// How the search went that found the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<SearchResults>,
    /// The measures by the values of columns.
    #[serde(default)]
    pub slices: Vec<SlicedColumn>,
    /// What the model leans on; absent without validation rows.
    #[serde(default)]
    pub importance: Option<Importance>,
}

/// Trains and registers the model of a run; one that searches, the model of its best trial.
///
/// # Errors
///
/// What is wrong with tables, labels or the network, by name and place; a search without a trial that came to its end;
/// [`TrainerError::Cancelled`].
pub async fn train(run: Run, progress: &Progress, cancel: &Cancel) -> Result<Outcome> {
    if run.spec().search.is_none() {
        return fit(&run, None, progress, cancel).await;
    }
    let (run, search) = search::decide(run, progress).await?;
    fit(&run, Some(search), progress, cancel).await
}

async fn fit(run: &Run, search: Option<SearchResults>, progress: &Progress, cancel: &Cancel) -> Result<Outcome> {
    let claim = Claim::new(&run.workspace, &run.id, &run.training).await?;
    if let Some(metrics) = published(run, claim.version).await? {
        let aliases = claim.move_aliases(&metrics.metrics).await?;
        return Ok(outcome(run, claim.version, aliases, &metrics, Vec::new()));
    }
    let tables = tables::prepare(run, progress).await?;
    let left_out = tables.seeds.left_out.iter().map(ToString::to_string).collect();
    let table = Table::open(&tables.examples.files).await?;
    let production = Production::find(&run.workspace, &run.training.metadata.name).await?;
    let training = Training { spec: tables.seeds.spec.clone(), ..run.training.clone() };
    let work = Fitting {
        spec: training.spec.clone(),
        threads: run.threads(),
        seeds: tables.seeds,
        columns: tables.examples.schema,
        table,
        production,
        progress: progress.clone(),
        cancel: cancel.clone(),
        runtime: Handle::current(),
    };
    let mut fitted = tokio::task::spawn_blocking(move || work.fit()).await.map_err(TrainerError::Thread)??;
    fitted.stored.search = search;
    progress.phase("register", "files", None);
    let report = describe(run, claim.version, &fitted, left_out);
    let content = PackageContent {
        document: training,
        encoders: json("encoders.json", fitted.rows.encoders())?,
        weights: fitted.weights,
        calibration: json("calibration.json", &fitted.calibration)?,
        metrics: json("metrics.json", &fitted.stored)?,
        reference: json(REFERENCE_FILE, &fitted.reference)?,
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
        comparisons: report::comparison_summaries(&stored.comparisons),
        search: stored.search.clone(),
        training_rows_per_second: stored.timeline.rows_per_second,
        notes,
    }
}

fn json(file: &'static str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| TrainerError::Json { file, source })
}
