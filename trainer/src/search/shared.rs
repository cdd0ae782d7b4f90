//! What the trials of one process share: tables that are prepared once a run, encoders that are fitted once a process as
//! long as no trial has features of its own.

use std::sync::Arc;

use feed::Table;
use indexmap::IndexMap;
use spec::{Feature, FeatureName, RunId, TrainingSpec};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use worker::Progress;

use crate::error::{Result, TrainerError};
use crate::rows::{Rows, labels};
use crate::run::Run;
use crate::tables::{self, TrainingTables};

/// The tables of the run that the process works for, and the rows as the last trial's features see them.
#[derive(Default)]
pub(crate) struct Shared {
    opened: Mutex<Option<Opened>>,
}

struct Opened {
    run: RunId,
    tables: Arc<TrainingTables>,
    table: Table,
    rows: Option<(IndexMap<FeatureName, Feature>, Rows)>,
}

impl Shared {
    /// The rows for a trial's document, and the document with a task for each seed list.
    ///
    /// # Errors
    ///
    /// Tables that cannot be prepared or read; what the encoders refuse.
    pub(super) async fn rows(
        &self,
        run: &Run,
        document: &TrainingSpec,
        progress: &Progress,
    ) -> Result<(Rows, TrainingSpec)> {
        let mut opened = self.opened.lock().await;
        if opened.as_ref().is_some_and(|opened| opened.run != run.id) {
            *opened = None;
        }
        let opened = match &mut *opened {
            Some(opened) => opened,
            none => none.insert(Opened::new(run, progress).await?),
        };
        let document = TrainingSpec { tasks: opened.tables.seeds.spec.tasks.clone(), ..document.clone() };
        if let Some((_, rows)) = opened.rows.as_ref().filter(|(features, _)| *features == document.features) {
            return Ok((rows.for_training(&document), document));
        }
        progress.phase("fit encoders", "rows", None);
        let (tables, table, spec) = (Arc::clone(&opened.tables), opened.table.clone(), document.clone());
        let (threads, runtime) = (run.threads_of_trial(), Handle::current());
        let fitting = tokio::task::spawn_blocking(move || {
            let labels = labels(&spec, &tables.seeds, &tables.examples.schema)?;
            Rows::fit(table, &spec, labels, threads, &runtime)
        });
        let rows = fitting.await.map_err(TrainerError::Thread)??;
        opened.rows = Some((document.features.clone(), rows.clone()));
        Ok((rows, document))
    }
}

impl Opened {
    async fn new(run: &Run, progress: &Progress) -> Result<Self> {
        let tables = tables::prepare(run, progress).await?;
        let table = Table::open(&tables.examples.files).await?;
        Ok(Self { run: run.id.clone(), tables: Arc::new(tables), table, rows: None })
    }
}
