//! Rows shuffled within windows: one thread fills the next window while another hands out the last one's rows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use model::input::InputLayout;
use tokio::task::AbortHandle;

use crate::chunk::{FeedBatch, places};
use crate::error::FeedError;
use crate::order::{Random, Use};
use crate::pipeline::{Message, Pipeline};

/// Batches that may wait for their consumer.
const BATCHES_WAITING: usize = 4;

/// How windows are made and cut.
#[derive(Debug)]
pub(crate) struct Windows {
    pub(crate) seed: u64,
    pub(crate) epoch: u64,
    pub(crate) window_rows: usize,
    pub(crate) batch_rows: usize,
    pub(crate) layout: InputLayout,
    pub(crate) tasks: usize,
}

/// The receiving end; dropped, it stops everything.
pub(crate) struct Shuffled {
    batches: Option<Receiver<Message<FeedBatch>>>,
    stopped: Arc<AtomicBool>,
    fetching: AbortHandle,
    threads: Vec<JoinHandle<()>>,
}

impl Shuffled {
    pub(crate) fn start(pipeline: Pipeline<FeedBatch>, windows: Windows) -> Result<Self, FeedError> {
        let (window_sender, window_receiver) = sync_channel(0);
        let (batch_sender, batches) = sync_channel(BATCHES_WAITING);
        let stopped = Arc::new(AtomicBool::new(false));
        let fetching = pipeline.abort_handle();
        let mut shuffled = Self { batches: Some(batches), stopped: stopped.clone(), fetching, threads: Vec::new() };
        let window_rows = windows.window_rows.max(1);
        shuffled.spawn(move || fill(pipeline, window_rows, &stopped, &window_sender))?;
        shuffled.spawn(move || hand_out(&windows, &window_receiver, &batch_sender))?;
        Ok(shuffled)
    }

    fn spawn(&mut self, work: impl FnOnce() + Send + 'static) -> Result<(), FeedError> {
        let thread = std::thread::Builder::new().name("kindred-shuffle".to_owned());
        self.threads.push(thread.spawn(work).map_err(FeedError::Thread)?);
        Ok(())
    }

    /// The next batch; waits for it. None at the end, and after an error.
    pub(crate) fn next(&mut self) -> Option<Result<FeedBatch, FeedError>> {
        let message = self.batches.as_ref()?.recv();
        match message {
            Ok(Message::Piece(batch)) => Some(Ok(batch)),
            Ok(Message::End) => {
                self.batches = None;
                None
            }
            Ok(Message::Failed(error)) => {
                self.batches = None;
                Some(Err(error))
            }
            Err(_) => {
                self.batches = None;
                Some(Err(FeedError::Stopped))
            }
        }
    }
}

impl Drop for Shuffled {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.fetching.abort();
        self.batches = None;
        for thread in self.threads.drain(..) {
            // A panic there ended the batches; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Fills windows until there are no more rows, or nobody wants them.
fn fill(
    mut pipeline: Pipeline<FeedBatch>,
    window_rows: usize,
    stopped: &AtomicBool,
    windows: &SyncSender<Message<Vec<FeedBatch>>>,
) {
    let (mut window, mut rows) = (Vec::new(), 0);
    while let Some(chunk) = pipeline.next() {
        if stopped.load(Ordering::Relaxed) {
            return;
        }
        let full = match chunk {
            Ok(chunk) => {
                rows += chunk.rows();
                window.push(chunk);
                rows >= window_rows
            }
            Err(error) => {
                // A receiver that is gone needs no error.
                let _ = windows.send(Message::Failed(error));
                return;
            }
        };
        if full {
            rows = 0;
            if windows.send(Message::Piece(std::mem::take(&mut window))).is_err() {
                return;
            }
        }
    }
    if windows.send(Message::Piece(window)).is_ok() {
        let _ = windows.send(Message::End);
    }
}

/// Shuffles each window and cuts it into batches; the rows that make no whole batch go into the next window.
fn hand_out(windows: &Windows, received: &Receiver<Message<Vec<FeedBatch>>>, batches: &SyncSender<Message<FeedBatch>>) {
    let mut rest = None;
    for number in 0.. {
        let (mut chunks, is_last) = match received.recv() {
            Ok(Message::Piece(window)) => (window, false),
            Ok(Message::End) => (Vec::new(), true),
            Ok(Message::Failed(error)) => {
                let _ = batches.send(Message::Failed(error));
                return;
            }
            Err(_) => return,
        };
        chunks.extend(rest.take());
        let mut rows = places(&chunks);
        Random::new(windows.seed, windows.epoch, Use::Window(number)).shuffle(&mut rows);
        let whole = if is_last { rows.len() } else { rows.len() / windows.batch_rows * windows.batch_rows };
        for rows in rows[..whole].chunks(windows.batch_rows) {
            let batch = windows.gathered(&chunks, rows);
            let failed = matches!(batch, Message::Failed(_));
            if batches.send(batch).is_err() || failed {
                return;
            }
        }
        if is_last {
            let _ = batches.send(Message::End);
            return;
        }
        if whole < rows.len() {
            match windows.gathered(&chunks, &rows[whole..]) {
                Message::Piece(left) => rest = Some(left),
                failed => {
                    let _ = batches.send(failed);
                    return;
                }
            }
        }
    }
}

impl Windows {
    fn gathered(&self, chunks: &[FeedBatch], rows: &[(u32, u32)]) -> Message<FeedBatch> {
        match FeedBatch::gathered(&self.layout, self.tasks, chunks, rows) {
            Ok(batch) => Message::Piece(batch),
            Err(error) => Message::Failed(error),
        }
    }
}
