//! One watcher of a board.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::Stream;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::watch;

use super::{Board, Mark};
use crate::house::RunEvent;
use crate::log::LogEntry;
use crate::notice::Notice;

/// Entries taken from a board at once.
const ENTRIES_AT_ONCE: usize = 64;

/// Reads a board from an entry on, at its own pace.
#[derive(Debug)]
pub(crate) struct Watcher {
    board: Arc<Board>,
    mark: watch::Receiver<Mark>,
    notices: broadcast::Receiver<Arc<Notice>>,
    next: usize,
    taken: VecDeque<(u64, Arc<LogEntry>)>,
}

impl Watcher {
    /// A watcher that begins with entry `from`.
    pub(crate) fn new(board: Arc<Board>, from: u64) -> Self {
        let (mark, notices) = (board.mark.subscribe(), board.notices.subscribe());
        let next = usize::try_from(from).unwrap_or(usize::MAX);
        Self { board, mark, notices, next, taken: VecDeque::new() }
    }

    /// The next thing that happened; `None` after the last. Safe to drop and ask again.
    pub(crate) async fn next(&mut self) -> Option<RunEvent> {
        loop {
            if let Some((seq, entry)) = self.taken.pop_front() {
                return Some(RunEvent::Logged { seq, entry: entry.as_ref().clone() });
            }
            let Mark { entries, is_closed } = *self.mark.borrow_and_update();
            if entries > self.next {
                let taken = self.board.since(self.next, ENTRIES_AT_ONCE);
                let first = self.next as u64;
                self.next += taken.len();
                self.taken.extend((first..).zip(taken));
                continue;
            }
            let told = if is_closed {
                // What was told before the end is still worth showing.
                match self.notices.try_recv() {
                    Ok(notice) => Ok(notice),
                    Err(TryRecvError::Lagged(notices)) => Err(notices),
                    Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
                }
            } else {
                tokio::select! {
                    changed = self.mark.changed() => {
                        changed.ok()?;
                        continue;
                    }
                    told = self.notices.recv() => match told {
                        Ok(notice) => Ok(notice),
                        Err(RecvError::Lagged(notices)) => Err(notices),
                        Err(RecvError::Closed) => return None,
                    },
                }
            };
            return Some(match told {
                Ok(notice) => RunEvent::Notice { notice: notice.as_ref().clone() },
                Err(notices) => {
                    self.board.figures.missed_notices.add(notices);
                    RunEvent::Missed { notices }
                }
            });
        }
    }

    /// The same as a stream.
    pub(crate) fn stream(self) -> impl Stream<Item = RunEvent> + Send {
        futures::stream::unfold(self, |mut watcher| async move { Some((watcher.next().await?, watcher)) })
    }
}
