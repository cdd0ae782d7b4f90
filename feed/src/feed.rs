//! Encoded batches, one after the other, made ahead of whoever takes them.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use model::encode::Encoder;
use model::input::InputLayout;
use tokio::runtime::Handle;

use crate::chunk::{EncodeWork, FeedBatch};
use crate::error::FeedError;
use crate::even::Even;
use crate::order::{Order, Random, Use};
use crate::pipeline::{Pipeline, Schedule};
use crate::plan::{FeatureColumns, FeedPlan, Reading};
use crate::table::RowGroup;
use crate::window::{Shuffled, Windows};

/// Rows decoded at once where batches are cut elsewhere.
pub(crate) const CHUNK_ROWS: usize = 8192;

/// A blocking iterator over encoded batches. An error is the last item. Dropped, it stops all its threads.
///
/// Not to be waited for on a thread that drives the runtime: take it to one of its own, or to `spawn_blocking`.
pub struct Feed {
    source: Source,
    layout: InputLayout,
    carry: Option<SchemaRef>,
}

enum Source {
    Sequential(Pipeline<FeedBatch>),
    /// All rows, and nothing that they teach.
    Even(Box<Even>),
    Shuffled(Shuffled),
    /// A table without rows.
    Empty,
}

impl Feed {
    /// Starts reading; files are fetched on `runtime`.
    ///
    /// # Errors
    ///
    /// Columns that are missing, differ between files, or are of a type that does not fit; threads that cannot be started.
    pub fn open(plan: FeedPlan, runtime: &Handle) -> Result<Self, FeedError> {
        let FeedPlan { table, encoders, labels, part, learning, carry, order, batch_rows, threads } = plan;
        let (layout, batch_rows) = (encoders.layout(), batch_rows.max(1));
        if table.rows() == 0 {
            return Ok(Self { source: Source::Empty, layout, carry: None });
        }
        let row_groups = ordered(table.row_groups(), order);
        let reading = Arc::new(Reading::new(table, &FeatureColumns::of(&encoders), labels, part, &carry)?);
        let encoder = encoders.bind(&reading.schema)?;
        let (projections, table) = (reading.projections.clone(), reading.table.clone());
        let schedule = Schedule { table, projections, row_groups, threads: threads.max(1) };
        let work = || EncodeWork { learning, ..encode_work(&reading, &encoder, order, batch_rows) };
        let pipeline = Pipeline::start(schedule, runtime, work)?;
        let source = match order {
            Order::Sequential if reading.part.is_none() && reading.labels.tasks() == 0 => {
                Source::Even(Box::new(Even::new(pipeline, layout.clone(), batch_rows)))
            }
            Order::Sequential => Source::Sequential(pipeline),
            Order::Shuffled { seed, epoch, window_rows } => {
                let (layout, tasks) = (layout.clone(), reading.labels.tasks());
                Source::Shuffled(Shuffled::start(
                    pipeline,
                    Windows { seed, epoch, window_rows, batch_rows, layout, tasks },
                )?)
            }
        };
        Ok(Self { source, layout, carry: reading.carry.clone() })
    }

    /// Where each feature lies in a batch.
    pub fn layout(&self) -> &InputLayout {
        &self.layout
    }

    /// The carried columns; none where none were asked for or the table has no rows.
    pub fn carry_schema(&self) -> Option<&SchemaRef> {
        self.carry.as_ref()
    }
}

impl Iterator for Feed {
    type Item = Result<FeedBatch, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Sequential(pipeline) => pipeline.next(),
            Source::Even(even) => even.next(),
            Source::Shuffled(shuffled) => shuffled.next(),
            Source::Empty => None,
        }
    }
}

fn ordered(row_groups: &[RowGroup], order: Order) -> Vec<RowGroup> {
    let mut row_groups = row_groups.to_vec();
    if let Order::Shuffled { seed, epoch, .. } = order {
        Random::new(seed, epoch, Use::RowGroups).shuffle(&mut row_groups);
    }
    row_groups
}

fn encode_work(reading: &Arc<Reading>, encoder: &Encoder, order: Order, batch_rows: usize) -> EncodeWork {
    let wanted = match order {
        Order::Sequential if reading.part.is_none() => batch_rows,
        Order::Sequential | Order::Shuffled { .. } => CHUNK_ROWS,
    };
    let collect_rows = (order == Order::Sequential).then_some(batch_rows);
    let (reading, chunk_rows) = (reading.clone(), reading.chunk_rows(wanted));
    EncodeWork { reading, encoder: encoder.clone(), learning: false, chunk_rows, collect_rows }
}
