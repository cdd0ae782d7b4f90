//! Row groups fetched ahead, worked on by several threads, and handed over in order.
//!
//! A task on the runtime fetches row groups in the stated order, a few ahead. Threads take them in that order; what each makes of its
//! row group goes through a bounded channel of the row group's own. Who receives empties the channels in order, so that what comes out
//! does not depend on how many threads there are, and memory is bounded by what is ahead, however many rows there are. The oldest
//! unfinished row group always has a thread, so that full channels of later ones cannot block it.
//!
//! These are threads of their own and not a rayon pool's, because they wait: a pool whose threads wait for a consumer that waits for the
//! pool would stand still.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use artifacts::rows::{Projection, RowGroupData, RowGroupRef};
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use crate::error::FeedError;
use crate::table::{RowGroup, Table};

/// Pieces of one row group that may wait for their receiver: threads at later row groups go on that far while an earlier
/// one is handed over. 16 pieces of 8192 rows are most row groups as a whole.
const PIECES_WAITING: usize = 16;

/// What is read, in which order, and how far ahead.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    pub(crate) table: Table,
    /// The columns of each of the table's files.
    pub(crate) projections: Arc<[Projection]>,
    pub(crate) row_groups: Vec<RowGroup>,
    pub(crate) threads: usize,
}

/// A fetched row group.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) row_group: RowGroup,
    pub(crate) data: RowGroupData,
}

/// Makes pieces of row groups; one a thread.
pub(crate) trait Work: Send + 'static {
    /// What a row group becomes, several of them.
    type Piece: Send + 'static;

    /// Calls `emit` with each piece, and stops as soon as that says that nobody wants more.
    fn work(&mut self, fetched: Fetched, emit: &mut dyn FnMut(Self::Piece) -> Wanted) -> Result<(), FeedError>;
}

/// Whether anybody waits for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    More,
    Nothing,
}

/// What a channel carries. One that closes without an end or a failure was broken off: its thread panicked.
pub(crate) enum Message<P> {
    Piece(P),
    End,
    Failed(FeedError),
}

struct Job<P> {
    fetched: Fetched,
    out: SyncSender<Message<P>>,
}

/// The receiving end; dropped, it stops everything and waits until it has stopped.
pub(crate) struct Pipeline<P> {
    /// Row groups whose channels have not been taken yet.
    waiting: usize,
    current: Option<Receiver<Message<P>>>,
    channels: Option<mpsc::Receiver<Receiver<Message<P>>>>,
    stopped: Arc<AtomicBool>,
    fetching: tokio::task::JoinHandle<()>,
    threads: Vec<JoinHandle<()>>,
}

impl<P: Send + 'static> Pipeline<P> {
    /// Starts fetching on `runtime` and working on `schedule.threads` threads.
    pub(crate) fn start<W>(
        schedule: Schedule,
        runtime: &Handle,
        mut worker: impl FnMut() -> W,
    ) -> Result<Self, FeedError>
    where
        W: Work<Piece = P>,
    {
        let stopped = Arc::new(AtomicBool::new(false));
        let (job_sender, jobs) = mpsc::channel(1);
        let (channel_sender, channels) = mpsc::channel(schedule.threads + 1);
        let (waiting, workers) = (schedule.row_groups.len(), schedule.threads.max(1));
        let fetching = runtime.spawn(fetch(schedule, job_sender, channel_sender));
        let mut pipeline =
            Self { waiting, current: None, channels: Some(channels), stopped, fetching, threads: Vec::new() };
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..workers {
            let (jobs, stopped, worker) = (jobs.clone(), pipeline.stopped.clone(), worker());
            let thread = std::thread::Builder::new().name("kindred-feed".to_owned());
            let thread = thread.spawn(move || run(worker, &jobs, &stopped)).map_err(FeedError::Thread)?;
            pipeline.threads.push(thread);
        }
        Ok(pipeline)
    }

    /// The next piece, in order; waits for it. None at the end, and after an error.
    pub(crate) fn next(&mut self) -> Option<Result<P, FeedError>> {
        loop {
            let channel = match self.current.take() {
                Some(channel) => channel,
                None if self.waiting == 0 => return None,
                None => match self.channels.as_mut().and_then(mpsc::Receiver::blocking_recv) {
                    Some(channel) => channel,
                    None => return Some(Err(self.fail(FeedError::Stopped))),
                },
            };
            match channel.recv() {
                Ok(Message::Piece(piece)) => {
                    self.current = Some(channel);
                    return Some(Ok(piece));
                }
                Ok(Message::End) => self.waiting -= 1,
                Ok(Message::Failed(error)) => return Some(Err(self.fail(error))),
                Err(_) => return Some(Err(self.fail(FeedError::Stopped))),
            }
        }
    }

    fn fail(&mut self, error: FeedError) -> FeedError {
        self.waiting = 0;
        self.stop();
        error
    }

    /// Stops the fetching from another thread: the receiver's next step fails or ends.
    pub(crate) fn abort_handle(&self) -> AbortHandle {
        self.fetching.abort_handle()
    }
}

impl<P> Pipeline<P> {
    fn stop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.fetching.abort();
        self.current = None;
        self.channels = None;
        for thread in self.threads.drain(..) {
            // A panic of a worker has reached the receiver as a row group that was broken off.
            let _ = thread.join();
        }
    }
}

impl<P> Drop for Pipeline<P> {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn fetch<P: Send + 'static>(
    schedule: Schedule,
    jobs: mpsc::Sender<Job<P>>,
    channels: mpsc::Sender<Receiver<Message<P>>>,
) {
    let Schedule { table, projections, row_groups, threads } = schedule;
    let fetches = row_groups.into_iter().map(move |row_group| {
        let (file, projections) = (table.file_of(&row_group).clone(), projections.clone());
        async move {
            let RowGroupRef { file: place, row_group: number } = row_group.place;
            file.fetch(number, &projections[place]).await.map(|data| (row_group, data))
        }
    });
    let mut fetched = futures::stream::iter(fetches).buffered(threads.max(1));
    while let Some(result) = fetched.next().await {
        let (out, receiver) = sync_channel(PIECES_WAITING);
        if channels.send(receiver).await.is_err() {
            return;
        }
        match result {
            Ok((row_group, data)) => {
                let job = Job { fetched: Fetched { row_group, data }, out };
                if jobs.send(job).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // The channel is empty, so this does not wait; a receiver that is gone needs no error.
                let _ = out.send(Message::Failed(error.into()));
                return;
            }
        }
    }
}

fn run<W: Work>(mut worker: W, jobs: &Mutex<mpsc::Receiver<Job<W::Piece>>>, stopped: &AtomicBool) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { fetched, out }) = job else { return };
        let mut emit = |piece| match out.send(Message::Piece(piece)) {
            Ok(()) if !stopped.load(Ordering::Relaxed) => Wanted::More,
            Ok(()) | Err(_) => Wanted::Nothing,
        };
        let message = match worker.work(fetched, &mut emit) {
            Ok(()) => Message::End,
            Err(error) => Message::Failed(error),
        };
        if out.send(message).is_err() || stopped.load(Ordering::Relaxed) {
            return;
        }
    }
}
