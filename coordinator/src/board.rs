//! What happens to one run, for everybody who watches it: the entries of its log, none of which is left out, and
//! notices, which a slow watcher misses.
//!
//! The run's log is read and written by one task; it posts here, and any number of watchers read from memory. A watcher
//! never holds that task up.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use proto::{Progress, Unit};
use tokio::sync::{OnceCell, broadcast, watch};

use crate::figures::Figures;
use crate::house::Units;
use crate::launcher::ChildName;
use crate::log::LogEntry;
use crate::notice::Notice;
use crate::waiting::WaitsFor;

#[cfg(test)]
mod tests;
mod watcher;

pub(crate) use watcher::Watcher;

/// Notices that may wait for a watcher before it misses some.
const MOST_NOTICES: usize = 256;

/// What a board is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Somebody carries the run, or is about to, and closes the board.
    Carried,
    /// Nobody here carries it: the board shows its log as it was read.
    Read,
}

/// A run's notice board.
#[derive(Debug)]
pub(crate) struct Board {
    role: Role,
    entries: Mutex<Vec<Arc<LogEntry>>>,
    mark: watch::Sender<Mark>,
    notices: broadcast::Sender<Arc<Notice>>,
    standing: Mutex<Standing>,
    figures: Arc<Figures>,
    /// Set once everything that was in the log has been posted.
    pub(crate) filled: OnceCell<()>,
}

/// How far a board is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    entries: usize,
    is_closed: bool,
}

/// What notices say of how a run is now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    /// Of the current stage.
    pub(crate) units: Option<Units>,
    /// Processes launched and not ended.
    pub(crate) processes: u64,
    /// What it waits for; empty while it advances.
    pub(crate) stalled: Vec<WaitsFor>,
    progress: BTreeMap<ChildName, (Option<Unit>, Progress)>,
}

impl Standing {
    /// Leases held: processes that said which unit they are at.
    pub(crate) fn leases(&self) -> u64 {
        self.progress.values().filter(|(unit, _)| unit.is_some()).count() as u64
    }

    /// Takes note; returns how many rows were done since a process last said so.
    fn note(&mut self, notice: &Notice) -> u64 {
        match notice {
            Notice::StageBegan { units, done, .. } | Notice::UnitDone { units, done, .. } => {
                self.units = Some(Units { done: *done as u64, total: *units as u64 });
                self.stalled.clear();
            }
            Notice::Launched { processes, .. } => self.processes += u64::from(*processes),
            Notice::Ended { child } => {
                self.processes = self.processes.saturating_sub(1);
                self.progress.remove(child);
            }
            Notice::Progressed { child, unit, progress } => {
                let before = self.progress.insert(child.clone(), (*unit, progress.clone()));
                if before.as_ref().is_none_or(|(_, before)| before != progress) {
                    self.stalled.clear();
                }
                return rows_between(before.as_ref(), *unit, progress);
            }
            Notice::Waiting { reasons, .. } => self.stalled.clone_from(reasons),
            Notice::Opened { .. }
            | Notice::Straggler { .. }
            | Notice::Leftover { .. }
            | Notice::AttemptFailed { .. }
            | Notice::StageFinished { .. }
            | Notice::Stopping { .. } => {}
        }
        0
    }
}

fn rows_between(before: Option<&(Option<Unit>, Progress)>, unit: Option<Unit>, now: &Progress) -> u64 {
    if now.item != "rows" {
        return 0;
    }
    match before {
        Some((of, before)) if *of == unit && before.phase == now.phase => now.done.saturating_sub(before.done),
        Some(_) | None => now.done,
    }
}

impl Board {
    pub(crate) fn new(figures: Arc<Figures>, role: Role) -> Arc<Self> {
        let (notices, _) = broadcast::channel(MOST_NOTICES);
        let mark = watch::Sender::new(Mark { entries: 0, is_closed: false });
        let (entries, standing) = (Mutex::default(), Mutex::default());
        Arc::new(Self { role, entries, mark, notices, standing, figures, filled: OnceCell::new() })
    }

    pub(crate) fn role(&self) -> Role {
        self.role
    }

    /// Posts the log's entry of this number; one that has been posted already is left alone.
    pub(crate) fn post(&self, seq: u64, entry: &LogEntry) {
        let mut entries = self.entries();
        if entries.len() as u64 == seq {
            entries.push(Arc::new(entry.clone()));
            let posted = entries.len();
            drop(entries);
            self.mark.send_modify(|mark| mark.entries = posted);
        }
    }

    /// Posts a notice.
    pub(crate) fn tell(&self, notice: Notice) {
        let rows = self.standing_now().note(&notice);
        self.figures.rows_done.add(rows);
        match &notice {
            Notice::UnitDone { .. } => self.figures.units_done.add(1),
            Notice::AttemptFailed { failure, .. } => self.figures.count_failure(failure.class),
            _ => {}
        }
        // Nobody may be watching.
        let _ = self.notices.send(Arc::new(notice));
    }

    /// An entry took so long to be written.
    pub(crate) fn took(&self, duration: Duration) {
        self.figures.log_appends.record(duration);
    }

    /// Nothing more will be posted.
    pub(crate) fn close(&self) {
        self.mark.send_modify(|mark| mark.is_closed = true);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.mark.borrow().is_closed
    }

    /// Returns once nothing more will be posted.
    pub(crate) async fn closed(&self) {
        let mut mark = self.mark.subscribe();
        // The board itself holds the sender.
        let _ = mark.wait_for(|mark| mark.is_closed).await;
    }

    /// How the run is now, as far as notices say.
    pub(crate) fn standing(&self) -> Standing {
        self.standing_now().clone()
    }

    /// Streams that watch it.
    pub(crate) fn watchers(&self) -> u64 {
        self.notices.receiver_count() as u64
    }

    /// The entries from `from` on, at most `most` of them.
    fn since(&self, from: usize, most: usize) -> Vec<Arc<LogEntry>> {
        self.entries().iter().skip(from).take(most).cloned().collect()
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Arc<LogEntry>>> {
        // Every change is one push, so a panic elsewhere leaves the list whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing_now(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
