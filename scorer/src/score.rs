//! The middle unit of work: scores one shard of the plan.
//!
//! The population's rows come from the feed encoded and in order; a crew of threads predicts, ranks and hashes them, batch by
//! batch ([`batch`]); the results are put back in order ([`ordered`]) and written to a key that no other attempt uses while
//! the next ones are read. The shard's commit, created once, makes the file count; an attempt that loses takes its file away.

pub mod batch;
mod frozen;
pub mod ids;
pub mod key_steps;
pub mod layout;
pub mod ordered;
pub mod output;
pub mod rank;

use std::sync::Arc;
use std::time::{Duration, Instant};

use artifacts::layout::{self as keys, Attempt, ShardId};
use artifacts::object::FileRecord;
use artifacts::plan::{Shard, ShardPlan};
use artifacts::registry::{ModelPackage, load_identity};
use artifacts::rows::RowGroupRef;
use artifacts::runs::{Commit, commit_shard, read_commit, read_plan};
use artifacts::{InputFile, ParquetOptions, ParquetWriter};
use feed::{Feed, FeedBatch, FeedPlan, Labels, Order, Table};
use indexmap::IndexMap;
use model::drift::{Distributions, FeatureCounts};
use model::encode::Encoders;
use model::outputs::TaskOutput;
use model::predictor::Predictor;
use serde::{Deserialize, Serialize};
use spec::ids::SegmentationName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;
use worker::{Cancel, Progress};

use crate::commit::{ScoreCommit, ShardSummary, merge};
use crate::error::{Result, ScorerError};
use crate::neighbours::{Searches, Wanted};
use crate::plan::{Sql, read_encoders};
use crate::quarantine::DamagedRows;
use crate::run::Run;
use crate::secret_keys;
use crate::segments::counts::SegmentCounts;
use batch::{BatchScorer, ScoredBatch};
use frozen::{load_neighbours, read_frozen_segments, read_learned_lists};
use key_steps::read_key_sets;
use layout::ScoreLayout;
use ordered::Crew;
use rank::ShardCounts;

/// Rows a batch: enough to spread what a batch costs, few enough to stay in a core's caches.
const BATCH_ROWS: usize = 8192;

/// Scored batches that wait for the writer.
const WAITING_BATCHES: usize = 4;

/// What came of scoring a shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreOutcome {
    /// The shard.
    pub shard: ShardId,
    /// Its rows.
    pub rows: u64,
    /// Whether this attempt's file is the one that counts.
    pub won: bool,
}

/// A process's readiness to score shards of one run: model, key sets and threads, loaded once.
pub struct Scorer {
    run: Run,
    plan: ShardPlan,
    population: Table,
    encoders: Arc<Encoders>,
    batches: Arc<BatchScorer>,
    neighbours: Vec<Wanted>,
    crew: Crew,
}

impl Scorer {
    /// Loads what every shard needs. The model is verified to the byte.
    ///
    /// # Errors
    ///
    /// A run that was not planned, a package that was changed, key tables that cannot be read.
    pub async fn load(run: Run, progress: &Progress) -> Result<Self> {
        progress.phase("load", "files", None);
        let plan = read_plan(&run.workspace, &run.id).await?;
        let plan = plan.ok_or_else(|| ScorerError::NoRun { url: run.workspace.url_of(&keys::run_plan(&run.id)) })?;
        secret_keys::check(&run).await?;
        let package = load_identity(&run.workspace, &run.model).await?;
        let seed_lists = read_learned_lists(&run).await?;
        let encoders = Arc::new(read_encoders(&package)?);
        let mut outputs = TaskOutput::of(&package.manifest.document.spec, &encoders);
        outputs.extend(seed_lists.iter().flat_map(|lists| lists.names()).map(TaskOutput::number));
        let files: Vec<InputFile> = plan.files.iter().map(|planned| planned.file.clone()).collect();
        let mut sql = Sql::open(&run)?;
        sql.session.add_parquet(&run.spec().population, &files).await?;
        let columns = sql.session.schema(&run.spec().population)?;
        let watched = run.watches_drift().then(|| package.manifest.document.spec.features.clone());
        let counted = FeatureCounts::new(watched.iter().flatten());
        let layout = ScoreLayout::new(run.spec(), &columns, &outputs)?.carrying(counted.columns());
        let key_sets = read_key_sets(&run, &layout.key_sources, &mut sql.session).await?;
        let predictor = load_predictor(&run, &package, &encoders)?;
        let (version, scored_at) = (run.model.version, run.scored_at());
        let segments = read_frozen_segments(&run).await?;
        let neighbours = load_neighbours(&run).await?;
        let batches = BatchScorer {
            layout,
            predictor,
            seed_lists,
            segments,
            looks_for_neighbours: !neighbours.is_empty(),
            key_sets,
            version,
            scored_at,
            watched,
        };
        let batches = Arc::new(batches);
        let population = Table::open(&files).await?;
        let crew = Crew::new(run.threads())?;
        Ok(Self { run, plan, population, encoders, batches, neighbours, crew })
    }

    /// Scores a shard, unless it is committed already.
    ///
    /// # Errors
    ///
    /// A population that cannot be read, a row that cannot be scored, storage that fails.
    pub async fn score(
        &self,
        id: ShardId,
        attempt: &Attempt,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<ScoreOutcome> {
        let (workspace, run) = (&self.run.workspace, &self.run.id);
        if let Some(committed) = read_commit::<ShardSummary>(workspace, run, id).await? {
            return Ok(ScoreOutcome { shard: id, rows: committed.rows, won: committed.attempt == *attempt });
        }
        let shard = self.plan.shard(id).ok_or_else(|| ScorerError::NoShard { run: run.clone(), shard: id.0 })?;
        progress.phase("score", "rows", Some(shard.rows));
        let (summary, file) = self.write_readable(shard, attempt, progress, cancel).await?;
        let rows = shard.rows - summary.rows_left_out();
        let commit = ScoreCommit { shard: id, attempt: attempt.clone(), rows, file, summary };
        let won = matches!(commit_shard(workspace, run, &commit).await?, Commit::Won);
        if !won {
            self.clear(commit.summary).await;
        }
        Ok(ScoreOutcome { shard: id, rows, won })
    }

    /// Scores the rows that can be read. A row group that turns out to be damaged is left out, if the document allows it, and the
    /// shard scored anew: what is left out depends on the rows alone.
    async fn write_readable(
        &self,
        shard: &Shard,
        attempt: &Attempt,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(ShardSummary, FileRecord)> {
        let quarantine = self.run.spec().quarantine.as_ref();
        let mut damaged = DamagedRows::default();
        loop {
            let readable = Shard { rows: shard.rows - damaged.rows(), ..shard.clone() };
            match self.write((&readable, &damaged.places), attempt, progress, cancel).await {
                Ok((summary, file)) => return Ok((ShardSummary { left_out: damaged.left_out, ..summary }, file)),
                Err(error) => damaged.add(quarantine, &self.plan, error)?,
            }
            progress.note(format!("shard {}: row groups were left out that cannot be read", shard.id));
            progress.phase("score", "rows", Some(shard.rows - damaged.rows()));
        }
    }

    /// Reads, scores and writes a shard's rows at the same time.
    async fn write(
        &self,
        (shard, damaged): (&Shard, &[RowGroupRef]),
        attempt: &Attempt,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<(ShardSummary, FileRecord)> {
        let key = keys::shard_part(&self.run.id, shard.id, attempt);
        let schema = &self.batches.layout.schema;
        let writer = ParquetWriter::create(&self.run.workspace, key, schema, &ParquetOptions::default())?;
        let (sender, scored) = channel(WAITING_BATCHES);
        let started = Instant::now();
        let feed = self.feed(shard, damaged)?;
        let (batches, crew) = (Arc::clone(&self.batches), self.crew.clone());
        let watch = Watch { progress: progress.clone(), cancel: cancel.clone() };
        let searches = Searches::new(&self.neighbours, shard);
        let scoring = spawn_blocking(move || score_all(feed, (batches, searches), &crew, watch, &sender));
        let written = write_all(writer, scored).await;
        let counts = scoring.await.map_err(ScorerError::Thread)?;
        match (counts, written) {
            (Ok((counts, searches)), Ok(writer)) => {
                let file = writer.finish().await?;
                let neighbours = searches.write(&self.run, shard, attempt).await?;
                Ok((ShardSummary { neighbours, ..counts.finish(started.elapsed()) }, file))
            }
            // The writer stopped first: its error is the cause.
            (Err(ScorerError::Broken) | Ok(_), Err(error)) => Err(error),
            (Err(error), _) => Err(error),
        }
    }
}

impl Scorer {
    /// Takes the files away that an attempt which lost has written beside its scores.
    async fn clear(&self, summary: ShardSummary) {
        for file in summary.neighbours.values() {
            if let Err(error) = self.run.workspace.delete(&file.key).await {
                tracing::warn!(key = %file.key, %error, "a file that lost its race could not be deleted");
            }
        }
    }

    /// A shard's rows, encoded, in order.
    fn feed(&self, shard: &Shard, damaged: &[RowGroupRef]) -> Result<Feed> {
        let plan = FeedPlan {
            table: self.population.part(&shard.parts).without(damaged),
            encoders: Arc::clone(&self.encoders),
            labels: Labels::default(),
            learning: false,
            part: None,
            carry: self.batches.layout.carried().to_vec(),
            order: Order::Sequential,
            batch_rows: BATCH_ROWS,
            threads: self.run.threads(),
        };
        Ok(Feed::open(plan, &Handle::current())?)
    }
}

/// The model, verified already, on the document's device.
pub(crate) fn load_predictor(run: &Run, package: &ModelPackage, encoders: &Encoders) -> Result<Predictor> {
    let training = &package.manifest.document.spec;
    let (weights, calibration) = (package.file("weights.safetensors")?, package.file("calibration.json")?);
    Ok(Predictor::load(training, encoders, weights, calibration, run.spec().device)?)
}

/// Whom a pipeline tells how far it is, and who may stop it.
struct Watch {
    progress: Progress,
    cancel: Cancel,
}

/// Scores all batches of a feed and sends them on, in order; blocks its thread.
fn score_all(
    feed: Feed,
    (batches, mut searches): (Arc<BatchScorer>, Searches),
    crew: &Crew,
    watch: Watch,
    scored: &Sender<ScoredBatch>,
) -> Result<(Counts, Searches)> {
    let mut counts = Counts::new(&batches.layout);
    let Watch { progress, cancel } = watch;
    let work = move |batch: FeedBatch| {
        if cancel.is_cancelled() {
            return Err(ScorerError::Cancelled);
        }
        let carried = batch.carry.as_ref().ok_or(ScorerError::Broken)?;
        batches.score(&batch.batch.inputs, carried)
    };
    crew.in_order(feed.map(|batch| Ok(batch?)), work, |batch| {
        counts.add(&batch);
        searches.look(&batch, crew);
        progress.advance(batch.rows.num_rows() as u64);
        scored.blocking_send(batch).map_err(|_| ScorerError::Broken)
    })?;
    Ok((counts, searches))
}

/// Writes scored batches until there are no more; the file is not complete by that.
async fn write_all(mut writer: ParquetWriter, mut scored: Receiver<ScoredBatch>) -> Result<ParquetWriter> {
    while let Some(batch) = scored.recv().await {
        writer.write(&batch.rows).await?;
    }
    Ok(writer)
}

/// What is counted over a shard's batches.
struct Counts {
    names: Vec<spec::AudienceName>,
    audiences: Vec<ShardCounts>,
    segmentations: Vec<SegmentationName>,
    segments: IndexMap<SegmentationName, SegmentCounts>,
    null_keys: u64,
    distributions: Option<Distributions>,
}

impl Counts {
    fn new(layout: &ScoreLayout) -> Self {
        Self {
            names: layout.audiences.iter().map(|audience| audience.name.clone()).collect(),
            audiences: layout
                .audiences
                .iter()
                .map(|audience| ShardCounts::new(audience.gates.len(), audience.thresholds.iter().copied()))
                .collect(),
            segmentations: layout.segmentations.clone(),
            segments: IndexMap::new(),
            null_keys: 0,
            distributions: None,
        }
    }

    fn add(&mut self, batch: &ScoredBatch) {
        let audiences = self.audiences.iter_mut().zip(&batch.ranked);
        audiences.for_each(|(counts, ranked)| counts.add(ranked, &batch.rank_ties));
        for (name, counts) in self.segmentations.iter().zip(&batch.segments) {
            merge(&mut self.segments, name, counts);
        }
        self.null_keys += batch.null_keys;
        if let Some(more) = &batch.distributions {
            self.distributions.get_or_insert_default().merge(more);
        }
    }

    fn finish(self, took: Duration) -> ShardSummary {
        let counts = self.audiences.into_iter().map(ShardCounts::finish);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let audiences = self.names.into_iter().zip(counts).collect();
        ShardSummary {
            null_keys: self.null_keys,
            micros,
            audiences,
            segments: self.segments,
            distributions: self.distributions,
            ..ShardSummary::default()
        }
    }
}
