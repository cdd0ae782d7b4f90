//! The first unit of work: prepares tables, checks that the model and the audiences fit the population, freezes the
//! shard plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use artifacts::layout::Attempt;
use artifacts::plan::shard_plan;
use artifacts::quarantine::LeftOut;
use artifacts::registry::load_identity;
use artifacts::rows::{FileHandle, open_files};
use artifacts::runs::{freeze_plan, freeze_profiles, freeze_seed_lists, freeze_segments, read_plan, read_table};
use artifacts::{ArtifactsError, InputFile};
use feed::Table;
use model::drift::REFERENCE_FILE;
use model::encode::{EncodeError, Encoders};
use model::outputs::TaskOutput;
use query::{PrepareTarget, PreparedTable, Session, SessionOptions};
use serde::{Deserialize, Serialize};
use spec::{Audience, KeyStep, TableName};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use worker::{Cancel, Progress};

use crate::error::{Misfit, Result, ScorerError};
use crate::freshness;
use crate::items;
use crate::neighbours::{Asked, find_queries};
use crate::profile::plan::{plan_profiles, seed_tables};
use crate::quarantine::readable;
use crate::reading::Reading;
use crate::run::Run;
use crate::score::layout::ScoreLayout;
use crate::score::load_predictor;
use crate::secret_keys;
use crate::seed_lists::{self, SeedList};
use crate::segments;
use crate::select::cut::{divide, selected};
use crate::select::share::Share;
use crate::select::standing::Standing;

/// What was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOutcome {
    /// Rows of the population.
    pub rows: u64,
    /// Shards that they are scored in.
    pub shards: usize,
}

/// Plans a run. Done again, it finds the plan that was frozen and the tables that were prepared.
///
/// # Errors
///
/// Everything in the document that the tables and the model reveal to be wrong, tables that cannot be read, SQL that fails,
/// storage that fails.
pub async fn plan(run: &Run, attempt: &Attempt, progress: &Progress, cancel: &Cancel) -> Result<PlanOutcome> {
    if let Some(plan) = read_plan(&run.workspace, &run.id).await? {
        return Ok(PlanOutcome { rows: plan.rows, shards: plan.shards.len() });
    }
    check_cuts(run)?;
    secret_keys::freeze(run).await?;
    let package = load_identity(&run.workspace, &run.model).await?;
    let encoders = read_encoders(&package)?;
    let mut outputs = TaskOutput::of(&package.manifest.document.spec, &encoders);
    let Tables { population: prepared, left_out, lists, asked } = tokio::select! {
        prepared = prepare(run, attempt, progress) => prepared?,
        () = cancel.cancelled() => return Err(ScorerError::Cancelled),
    };
    outputs.extend(lists.iter().map(|list| TaskOutput::number(list.name().clone())));
    ScoreLayout::new(run.spec(), &prepared.schema, &outputs)?;
    let training = &package.manifest.document.spec;
    let profiles = plan_profiles(run.spec(), &prepared.schema, (training, &encoders, &outputs))?;
    if run.watches_drift() && package.file(REFERENCE_FILE).is_err() {
        let (model, version) = (run.model.model.clone(), run.model.version);
        return Err(ScorerError::NoReference { model, version });
    }
    encoders.bind(&prepared.schema).map_err(|source| does_not_fit(run, &prepared, source))?;
    items::check(run, &package).await?;
    if !lists.is_empty() || !run.spec().segments.is_empty() || !asked.is_empty() {
        let predictor = Arc::new(load_predictor(run, &package, &encoders)?);
        let population = Table::open(&prepared.files).await?;
        let (encoders, threads) = (Arc::new(encoders), run.threads());
        let (progress, cancel) = (progress.clone(), cancel.clone());
        let reading = Reading { population, encoders, predictor, threads, progress, cancel };
        learn(run, lists, &reading).await?;
        if !asked.is_empty() {
            find_queries(run, asked, reading, attempt).await?;
        }
    }
    if let Some(profiles) = profiles {
        freeze_profiles(&run.workspace, &run.id, profiles).await?;
    }
    let files = open_files(&prepared.files).await?;
    let sizes: Vec<(InputFile, Vec<u64>)> =
        files.iter().map(|file| (FileHandle::file(file).clone(), file.row_group_rows())).collect();
    let plan = shard_plan(&sizes, run.spec().shard_rows).without(left_out);
    let plan = freeze_plan(&run.workspace, &run.id, plan).await?;
    for item in &plan.left_out {
        progress.note(format!("left out: {}", item.reason));
    }
    progress.note(format!("{} rows in {} shards", plan.rows, plan.shards.len()));
    Ok(PlanOutcome { rows: plan.rows, shards: plan.shards.len() })
}

/// Learns and freezes what shards need of the whole population: the seed lists and the segments.
async fn learn(run: &Run, lists: Vec<SeedList>, reading: &Reading) -> Result<()> {
    if !lists.is_empty() {
        let (run_of_thread, reading, runtime) = (run.clone(), reading.clone(), Handle::current());
        let learned = spawn_blocking(move || seed_lists::learn(&run_of_thread, &lists, &reading, &runtime)).await;
        freeze_seed_lists(&run.workspace, &run.id, learned.map_err(ScorerError::Thread)??).await?;
    }
    if !run.spec().segments.is_empty() {
        let (run_of_thread, reading, runtime) = (run.clone(), reading.clone(), Handle::current());
        let fitted = spawn_blocking(move || segments::learn(&run_of_thread, &reading, &runtime)).await;
        freeze_segments(&run.workspace, &run.id, fitted.map_err(ScorerError::Thread)??).await?;
    }
    Ok(())
}

fn does_not_fit(run: &Run, population: &PreparedTable, source: EncodeError) -> ScorerError {
    let misfit = Misfit {
        table: run.spec().population.clone(),
        url: population.files.first().map(|file| file.url.clone()),
        model: run.model.model.clone(),
        version: run.model.version,
    };
    ScorerError::Population { misfit: Box::new(misfit), source: Box::new(source) }
}

/// Sizes, tiers, holdouts and expiries that would fail only when everything is scored.
fn check_cuts(run: &Run) -> Result<()> {
    for (name, audience) in &run.spec().audiences {
        let is_wrong = |source| ScorerError::Cut { audience: name.clone(), source };
        let nobody = Standing::default();
        selected(audience.size, &nobody).map_err(is_wrong)?;
        divide(0, &audience.tiers, &nobody).map_err(is_wrong)?;
        if let Some(share) = audience.holdout.as_ref().map(|holdout| holdout.share)
            && Share::of(share).is_none_or(|exact| exact > Share::WHOLE)
        {
            return Err(ScorerError::HoldoutShare { audience: name.clone(), share });
        }
        for fresh in &audience.guards.fresh {
            spec::duration::parse(&fresh.within)
                .map_err(|_| ScorerError::Freshness { audience: name.clone(), text: fresh.within.clone() })?;
        }
        if let Some(text) = audience.expires_after.as_ref().filter(|text| spec::duration::parse(text).is_err()) {
            return Err(ScorerError::Expiry { audience: name.clone(), text: text.clone() });
        }
    }
    Ok(())
}

/// The model's fitted encoders.
///
/// # Errors
///
/// A package that is not what this program writes.
pub fn read_encoders(package: &artifacts::registry::ModelPackage) -> Result<Encoders> {
    let bytes = package.file("encoders.json")?;
    serde_json::from_slice(bytes).map_err(|source| ScorerError::Package { file: "encoders.json", source })
}

/// What is prepared of a run's tables.
struct Tables {
    population: PreparedTable,
    /// Files of the population that cannot be read.
    left_out: Vec<LeftOut>,
    lists: Vec<SeedList>,
    /// The people whose neighbours are looked for.
    asked: Vec<Asked>,
}

/// Names the document's tables; the population's without the files that a quarantine leaves out.
async fn add_tables(run: &Run, session: &mut Session) -> Result<Vec<LeftOut>> {
    let spec = run.spec();
    let mut left_out = Vec::new();
    for (name, source) in &spec.tables {
        let files = run.document.inputs.get(name).filter(|_| *name == spec.population);
        let files = files.filter(|files| artifacts::source::is_parquet(source, files));
        match spec.quarantine.as_ref().zip(files) {
            Some((quarantine, files)) => {
                let readable = readable(quarantine, files).await?;
                session.add_parquet(name, &readable.files).await?;
                left_out = readable.left_out;
            }
            None => session.add_table(name, source).await?,
        }
    }
    Ok(left_out)
}

/// Prepares all tables that later units read, as Parquet.
async fn prepare(run: &Run, attempt: &Attempt, progress: &Progress) -> Result<Tables> {
    let spec = run.spec();
    let mut sql = Sql::open(run)?;
    let session = &mut sql.session;
    let left_out = add_tables(run, session).await?;
    freshness::freeze(run, session).await?;
    let report = |table: &TableName, rows: u64| {
        progress.phase(&format!("prepare {table}"), "rows", None);
        progress.set_done(rows);
    };
    let target = PrepareTarget { workspace: &run.workspace, run: &run.id, attempt, progress: &report };
    session.prepare_all(&spec.prepare, &target).await?;
    for table in key_tables(run).into_iter().chain(spec.item_embeddings.clone()) {
        session.materialize(&table, &target).await?;
    }
    for cap in spec.audiences.values().flat_map(|audience| &audience.caps) {
        session.check_cap(cap, &spec.key)?;
    }
    for seeds in seed_tables(spec) {
        session.check_key(&seeds.table, seeds.key.as_ref().unwrap_or(&spec.key))?;
    }
    let population = session.materialize(&spec.population, &target).await?;
    let mut asked = Vec::new();
    for (name, neighbours) in &spec.neighbours {
        let keys = session.read_keys(&neighbours.of, &spec.key).await?;
        asked.push(Asked { name: name.clone(), keys });
    }
    Ok(Tables { population, left_out, lists: seed_lists::read(run, session, progress).await?, asked })
}

/// A SQL session within the run's limits, and the folder that its rows spill to, which goes with it.
pub(crate) struct Sql {
    pub(crate) session: Session,
    _spilled: TempDir,
}

impl Sql {
    /// A session without tables.
    pub(crate) fn open(run: &Run) -> Result<Self> {
        let resources = &run.spec().resources;
        let memory_bytes = spec::size::parse_bytes(&resources.memory);
        let memory_bytes = memory_bytes.map_err(|_| ScorerError::Memory { text: resources.memory.clone() })?;
        let spilled = tempfile::Builder::new().prefix("kindred-spill-").tempdir().map_err(ScorerError::SpillFolder)?;
        let spill_folder = spilled.path().to_owned();
        let session = Session::new(SessionOptions { memory_bytes, spill_folder, threads: run.threads() })?;
        Ok(Self { session, _spilled: spilled })
    }
}

fn key_tables(run: &Run) -> BTreeSet<TableName> {
    let steps = run.spec().audiences.values().flat_map(Audience::key_steps);
    let table = |step: KeyStep<'_>| match step {
        KeyStep::Include(table) | KeyStep::Exclude(table) => table.table.clone(),
        KeyStep::Cap(cap) => cap.table.clone(),
    };
    let compared = seed_tables(run.spec()).into_iter().map(|seeds| seeds.table);
    steps.map(table).chain(compared).collect()
}

/// The files of a table that a plan has made readable as Parquet: prepared ones, or the document's own.
///
/// # Errors
///
/// A table that the run does not have.
pub async fn table_files(run: &Run, table: &TableName) -> Result<Vec<InputFile>> {
    if let Some(prepared) = read_table(&run.workspace, &run.id, table).await? {
        return Ok(prepared.input_files(&run.workspace));
    }
    let own = run.document.inputs.get(table);
    own.cloned().ok_or_else(|| {
        let run = run.id.to_string();
        ArtifactsError::NotPrepared { table: table.clone(), run }.into()
    })
}
