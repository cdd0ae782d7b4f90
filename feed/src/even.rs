//! Batches of about one size, however small the row groups are that they come from.

use model::input::InputLayout;

use crate::chunk::{FeedBatch, places};
use crate::error::FeedError;
use crate::pipeline::Pipeline;

/// Pieces in order; small ones that follow each other are joined as long as they fit into a batch. Pieces are not cut again: what
/// is made of a row group is cut into batches already.
pub(crate) struct Even {
    pieces: Pipeline<FeedBatch>,
    layout: InputLayout,
    batch_rows: usize,
    held: Vec<FeedBatch>,
    held_rows: usize,
    failure: Option<FeedError>,
}

impl Even {
    pub(crate) fn new(pieces: Pipeline<FeedBatch>, layout: InputLayout, batch_rows: usize) -> Self {
        Self { pieces, layout, batch_rows, held: Vec::new(), held_rows: 0, failure: None }
    }

    /// The next batch; waits for it. None at the end, and after an error.
    pub(crate) fn next(&mut self) -> Option<Result<FeedBatch, FeedError>> {
        if let Some(failure) = self.failure.take() {
            return Some(Err(failure));
        }
        loop {
            match self.pieces.next() {
                Some(Ok(piece)) => {
                    let before = if self.held_rows + piece.rows() > self.batch_rows { self.joined() } else { None };
                    self.held_rows += piece.rows();
                    self.held.push(piece);
                    if before.is_some() {
                        return before;
                    }
                    if self.held_rows >= self.batch_rows {
                        return self.joined();
                    }
                }
                // The rows before it are handed over first, as if they had not been held.
                Some(Err(failure)) => match self.joined() {
                    Some(before) => {
                        self.failure = Some(failure);
                        return Some(before);
                    }
                    None => return Some(Err(failure)),
                },
                None => return self.joined(),
            }
        }
    }

    /// What is held, as one batch.
    fn joined(&mut self) -> Option<Result<FeedBatch, FeedError>> {
        self.held_rows = 0;
        let mut held = std::mem::take(&mut self.held);
        match held.len() {
            0 => None,
            1 => held.pop().map(Ok),
            _ => Some(FeedBatch::gathered(&self.layout, 0, &held, &places(&held))),
        }
    }
}
