//! A run's tables: SQL steps run, the examples as Parquet, the seeds of lookalike tasks read.

use std::path::PathBuf;

use query::{PrepareTarget, PreparedTable, Session, SessionOptions};
use spec::{TableName, TrainingSpec};
use worker::Progress;

use crate::error::{Result, TrainerError};
use crate::run::{Run, threads};
use crate::seeds::{self, SeedLists};

/// What training reads.
pub(crate) struct TrainingTables {
    /// The examples.
    pub examples: PreparedTable,
    /// The seeds of each lookalike task, and the document with a task for each list.
    pub seeds: SeedLists,
}

/// A SQL session within the document's limits, with the document's tables.
///
/// # Errors
///
/// A memory limit that is none, a table that cannot be read.
pub(crate) async fn open_session(spec: &TrainingSpec, spill_folder: PathBuf) -> Result<Session> {
    let memory = &spec.resources.memory;
    let memory_bytes = spec::size::parse_bytes(memory).map_err(|_| TrainerError::Memory { text: memory.clone() })?;
    let mut session = Session::new(SessionOptions { memory_bytes, spill_folder, threads: threads(spec) })?;
    for (name, source) in &spec.tables {
        session.add_table(name, source).await?;
    }
    Ok(session)
}

/// Runs the SQL steps that the run has not run yet and reads the seeds.
///
/// # Errors
///
/// Whatever a table or a step has wrong, by name; examples without rows; a lookalike task whose seed table is empty.
pub(crate) async fn prepare(run: &Run, progress: &Progress) -> Result<TrainingTables> {
    let spec = run.spec();
    let mut session = open_session(spec, run.spill_folder()).await?;
    let report = |table: &TableName, rows: u64| {
        progress.phase(&format!("prepare {table}"), "rows", None);
        progress.set_done(rows);
    };
    let target = PrepareTarget { workspace: &run.workspace, run: &run.id, attempt: &run.attempt, progress: &report };
    session.prepare_all(&spec.prepare, &target).await?;
    let examples = session.materialize(&spec.examples, &target).await?;
    if examples.rows == 0 {
        return Err(TrainerError::NoExamples { table: spec.examples.clone() });
    }
    let seeds = seeds::read(&session, spec).await?;
    seeds.notes().into_iter().for_each(|note| progress.note(note));
    Ok(TrainingTables { examples, seeds })
}
