//! From a fetched row group to encoded rows, on one thread.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::interleave_record_batch;
use model::encode::Encoder;
use model::input::{Batch, InputLayout, Inputs, Targets};

use crate::error::FeedError;
use crate::pipeline::{Fetched, Wanted, Work};
use crate::plan::Reading;
use crate::table::RowGroup;

/// Encoded rows: one batch of a feed.
#[derive(Debug, Default)]
pub struct FeedBatch {
    /// The rows' features, and what they teach.
    pub batch: Batch,
    /// The carried columns of the same rows, where any were asked for.
    pub carry: Option<RecordBatch>,
}

impl FeedBatch {
    /// How many rows.
    pub fn rows(&self) -> usize {
        self.batch.inputs.rows
    }

    /// Rows of other batches of the same feed: (batch, row) pairs, in that order.
    pub(crate) fn gathered(
        layout: &InputLayout,
        tasks: usize,
        from: &[Self],
        rows: &[(u32, u32)],
    ) -> Result<Self, FeedError> {
        let inputs: Vec<&Inputs> = from.iter().map(|chunk| &chunk.batch.inputs).collect();
        let targets: Vec<&Targets> = from.iter().map(|chunk| &chunk.batch.targets).collect();
        let mut gathered = Self::default();
        gathered.batch.inputs.gather(layout, &inputs, rows);
        gathered.batch.targets.gather(tasks, &targets, rows);
        let carried: Option<Vec<&RecordBatch>> = from.iter().map(|chunk| chunk.carry.as_ref()).collect();
        if let Some(carried) = carried.filter(|carried| !carried.is_empty()) {
            let places: Vec<(usize, usize)> = rows.iter().map(|&(batch, row)| (batch as usize, row as usize)).collect();
            gathered.carry = Some(interleave_record_batch(&carried, &places).map_err(FeedError::Gather)?);
        }
        Ok(gathered)
    }
}

/// Decodes and encodes row groups.
#[derive(Debug)]
pub(crate) struct EncodeWork {
    pub(crate) reading: Arc<Reading>,
    pub(crate) encoder: Encoder,
    /// Whether the rows are to be learned from.
    pub(crate) learning: bool,
    /// Rows decoded at once.
    pub(crate) chunk_rows: usize,
    /// Rows that selected ones are collected up to before they are emitted; each chunk by itself where absent.
    pub(crate) collect_rows: Option<usize>,
}

impl Work for EncodeWork {
    type Piece = FeedBatch;

    fn work(&mut self, fetched: Fetched, emit: &mut dyn FnMut(FeedBatch) -> Wanted) -> Result<(), FeedError> {
        let Fetched { row_group, data } = fetched;
        let (mut first, mut collected) = (0, Collected::default());
        for batch in data.decode(self.chunk_rows)? {
            let batch = batch?;
            let chunk = self.encode(&row_group, first, &batch)?;
            first += batch.num_rows() as u64;
            let Some(chunk) = chunk else { continue };
            let ready = match self.collect_rows {
                Some(rows) => collected.add(chunk, rows, self.encoder.layout(), self.reading.labels.tasks()),
                None => Ok(vec![chunk]),
            };
            for chunk in ready? {
                if emit(chunk) == Wanted::Nothing {
                    return Ok(());
                }
            }
        }
        if let Some(rest) = collected.rest(self.encoder.layout(), self.reading.labels.tasks())? {
            emit(rest);
        }
        Ok(())
    }
}

impl EncodeWork {
    /// The wanted rows of a batch, if there are any.
    fn encode(
        &mut self,
        row_group: &RowGroup,
        first: u64,
        batch: &RecordBatch,
    ) -> Result<Option<FeedBatch>, FeedError> {
        let reading = self.reading.clone();
        let mut chunk = FeedBatch::default();
        chunk.batch.targets = reading.targets(row_group, first, batch)?;
        let mut selection = reading.selection(row_group, first, batch)?;
        if self.learning {
            selection = reading.sample(row_group, first, batch, &mut chunk.batch.targets, selection)?;
        }
        let selected = match &selection {
            Some(selection) if selection.true_count() == 0 => return Ok(None),
            Some(selection) => {
                chunk.batch.targets = picked(&chunk.batch.targets, reading.labels.tasks(), selection);
                &reading.filtered(row_group, batch, selection)?
            }
            None => batch,
        };
        let encoded = self.encoder.encode(selected, &mut chunk.batch.inputs);
        encoded.map_err(|error| reading.encode_error(row_group, first, selection.as_ref(), error))?;
        chunk.carry = reading.carried(row_group, selected)?;
        Ok(Some(chunk))
    }
}

fn picked(targets: &Targets, tasks: usize, selection: &BooleanArray) -> Targets {
    let rows = selection.iter().enumerate().filter(|(_, selected)| *selected == Some(true));
    let rows: Vec<(u32, u32)> = rows.map(|(row, _)| (0, row as u32)).collect();
    let mut picked = Targets::default();
    picked.gather(tasks, &[targets], &rows);
    picked
}

/// Rows of one row group on the way to a batch of the size that was asked for.
#[derive(Debug, Default)]
struct Collected {
    chunks: Vec<FeedBatch>,
    rows: usize,
}

impl Collected {
    fn add(
        &mut self,
        chunk: FeedBatch,
        batch_rows: usize,
        layout: &InputLayout,
        tasks: usize,
    ) -> Result<Vec<FeedBatch>, FeedError> {
        self.rows += chunk.rows();
        self.chunks.push(chunk);
        let mut ready = Vec::new();
        let places = self.places();
        let whole = self.rows / batch_rows * batch_rows;
        for rows in places[..whole].chunks(batch_rows) {
            ready.push(FeedBatch::gathered(layout, tasks, &self.chunks, rows)?);
        }
        if whole > 0 {
            let rest = &places[whole..];
            self.chunks = match rest {
                [] => Vec::new(),
                rest => vec![FeedBatch::gathered(layout, tasks, &self.chunks, rest)?],
            };
            self.rows = rest.len();
        }
        Ok(ready)
    }

    fn rest(&mut self, layout: &InputLayout, tasks: usize) -> Result<Option<FeedBatch>, FeedError> {
        match self.chunks.len() {
            0 => Ok(None),
            1 => Ok(self.chunks.pop()),
            _ => FeedBatch::gathered(layout, tasks, &self.chunks, &self.places()).map(Some),
        }
    }

    fn places(&self) -> Vec<(u32, u32)> {
        places(&self.chunks)
    }
}

/// All rows of some batches, in order.
pub(crate) fn places(chunks: &[FeedBatch]) -> Vec<(u32, u32)> {
    let rows = |(chunk, batch): (usize, &FeedBatch)| (0..batch.rows() as u32).map(move |row| (chunk as u32, row));
    chunks.iter().enumerate().flat_map(rows).collect()
}
