//! A pass over the population before it is scored, for what is learned of it when a run is planned.

use std::sync::Arc;

use feed::{Feed, FeedBatch, FeedPlan, Labels, Order, Table};
use model::encode::Encoders;
use model::input::Inputs;
use model::outputs::Outputs;
use model::predictor::Predictor;
use spec::ColumnName;
use tokio::runtime::Handle;
use worker::{Cancel, Progress};

use crate::error::{Result, ScorerError};

/// Rows a batch.
const BATCH_ROWS: usize = 8192;

/// What reading the population needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) population: Table,
    pub(crate) encoders: Arc<Encoders>,
    pub(crate) predictor: Arc<Predictor>,
    pub(crate) threads: usize,
    pub(crate) progress: Progress,
    pub(crate) cancel: Cancel,
}

impl Reading {
    /// Calls back with every batch, in order; these columns come along. Blocking, on a thread of its own.
    ///
    /// # Errors
    ///
    /// A population that cannot be read or encoded, being told to stop, what `each` fails with.
    pub(crate) fn each_batch(
        &self,
        phase: &str,
        carry: Vec<ColumnName>,
        runtime: &Handle,
        mut each: impl FnMut(&FeedBatch) -> Result<()>,
    ) -> Result<()> {
        self.progress.phase(phase, "rows", Some(self.population.rows()));
        let plan = FeedPlan {
            table: self.population.clone(),
            encoders: Arc::clone(&self.encoders),
            labels: Labels::default(),
            learning: false,
            part: None,
            carry,
            order: Order::Sequential,
            batch_rows: BATCH_ROWS,
            threads: self.threads,
        };
        for batch in Feed::open(plan, runtime)? {
            self.cancel.check().map_err(|_| ScorerError::Cancelled)?;
            let batch = batch?;
            each(&batch)?;
            self.progress.advance(batch.rows() as u64);
        }
        Ok(())
    }

    /// Puts the embeddings of some rows of a batch behind those that are there.
    ///
    /// # Errors
    ///
    /// A model that fails.
    pub(crate) fn embed(&self, batch: &FeedBatch, rows: &[u32], embeddings: &mut Vec<f32>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let (mut inputs, mut outputs) = (Inputs::default(), Outputs::default());
        let wanted: Vec<(u32, u32)> = rows.iter().map(|row| (0, *row)).collect();
        inputs.gather(&self.encoders.layout(), &[&batch.batch.inputs], &wanted);
        Ok(self.predictor.predict_and_embed(&inputs, &mut outputs, embeddings)?)
    }
}
