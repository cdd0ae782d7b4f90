//! A run's tables: SQL steps run, the examples as Parquet, the seeds of lookalike tasks as key sets.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use query::{KeySet, PrepareTarget, PreparedTable, Session, SessionOptions};
use spec::{TableName, Task, TaskName, TrainingSpec};
use worker::Progress;

use crate::error::{Result, TrainerError};
use crate::run::{Run, threads};

/// The seeds of each lookalike task.
pub(crate) type SeedSets = BTreeMap<TaskName, Arc<KeySet>>;

/// What training reads.
pub(crate) struct TrainingTables {
    /// The examples.
    pub examples: PreparedTable,
    /// The seeds of each lookalike task.
    pub seeds: SeedSets,
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
    let mut seeds = SeedSets::new();
    for (name, task) in &spec.tasks {
        if let Task::Lookalike(task) = task {
            let keys = session.read_keys(&task.seeds, &spec.key).await?;
            if keys.is_empty() {
                return Err(TrainerError::NoSeeds { task: name.clone(), table: task.seeds.table.clone() });
            }
            progress.note(format!("{name}: {} seeds from {}", keys.len(), task.seeds.table));
            seeds.insert(name.clone(), Arc::new(keys));
        }
    }
    Ok(TrainingTables { examples, seeds })
}
