//! A run's durable log: the only truth about it, written by one coordinator at a time.
//!
//! Entry n is `runs/<run>/log/<n>.json`, created once, and holds the digest of entry n-1. A coordinator takes a run
//! over by creating the next `epochs/<n>.json`; from then on the one before collides with it at the next entry and
//! steps down, because nobody writes n+1 without having written or read n.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use artifacts::workspace::{Created, Stored};
use artifacts::{Digest, Workspace, layout};
use chrono::{DateTime, Utc};
use proto::Epoch;
use serde::{Deserialize, Serialize};
use spec::RunId;
use uuid::Uuid;

use crate::board::Board;
use crate::error::{CoordinatorError, Result};
use crate::run::{Event, Kind, State, transition};

#[cfg(test)]
mod tests;

/// One coordinator process, unlike every other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WriterId(String);

impl WriterId {
    pub(crate) fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    /// As text: 32 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEntry {
    /// The epoch of the coordinator that wrote it.
    pub epoch: Epoch,
    /// That coordinator.
    pub writer: WriterId,
    /// When, by its clock; for readers only.
    pub at: DateTime<Utc>,
    /// The digest of the entry before; absent in the first.
    pub previous: Option<Digest>,
    /// What happened.
    pub event: Event,
}

/// `runs/<run>/epochs/<n>.json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EpochRecord {
    epoch: Epoch,
    writer: WriterId,
    at: DateTime<Utc>,
}

/// A run's log as far as it has been read.
#[derive(Debug, Clone)]
pub struct Replay {
    state: State,
    next: u64,
    last: Option<Digest>,
    newest: Option<Epoch>,
    stops: u64,
    began: Option<DateTime<Utc>>,
    changed: Option<DateTime<Utc>>,
    board: Option<Arc<Board>>,
}

impl Replay {
    fn empty(board: Option<Arc<Board>>) -> Self {
        let (last, newest, began, changed) = (None, None, None, None);
        Self { state: State::Absent, next: 0, last, newest, stops: 0, began, changed, board }
    }

    /// Reads a run's whole log.
    ///
    /// # Errors
    /// When the store fails, or when the log is not one: a digest that does not fit, an event that cannot have
    /// happened.
    pub async fn read(workspace: &Workspace, run: &RunId) -> Result<Self> {
        Self::read_onto(workspace, run, None).await
    }

    /// The same, and posts every entry on a board.
    pub(crate) async fn read_onto(workspace: &Workspace, run: &RunId, board: Option<Arc<Board>>) -> Result<Self> {
        let mut replay = Self::empty(board);
        replay.read_on(workspace, run).await?;
        Ok(replay)
    }

    /// The state that the log tells.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// How many entries have been read.
    pub fn entries(&self) -> u64 {
        self.next
    }

    /// How often the run has been stopped before its end.
    pub fn stops(&self) -> u64 {
        self.stops
    }

    /// When its first entry was written.
    pub fn began(&self) -> Option<DateTime<Utc>> {
        self.began
    }

    /// When its last entry was written.
    pub fn changed(&self) -> Option<DateTime<Utc>> {
        self.changed
    }

    async fn read_on(&mut self, workspace: &Workspace, run: &RunId) -> Result<()> {
        loop {
            let key = layout::run_log_entry(run, self.next);
            match workspace.persistently(|| workspace.read_entry_if_there::<LogEntry>(&key)).await? {
                Some(entry) => self.apply(workspace, run, entry)?,
                None => return Ok(()),
            }
        }
    }

    fn apply(&mut self, workspace: &Workspace, run: &RunId, entry: Stored<LogEntry>) -> Result<()> {
        let url = || workspace.url_of(&layout::run_log_entry(run, self.next));
        if entry.body.previous != self.last {
            return Err(CoordinatorError::BrokenLog { url: url() });
        }
        let state = transition(self.state.clone(), &entry.body.event)
            .map_err(|source| CoordinatorError::ImpossibleLog { url: url(), source })?;
        self.state = state;
        self.last = Some(entry.digest);
        self.newest = self.newest.max(Some(entry.body.epoch));
        self.stops += u64::from(entry.body.event == Event::Stopped);
        self.began = self.began.or(Some(entry.body.at));
        self.changed = Some(entry.body.at);
        if let Some(board) = &self.board {
            board.post(self.next, &entry.body);
        }
        self.next += 1;
        Ok(())
    }
}

/// A run's log in the hands of the coordinator that may write it.
#[derive(Debug)]
pub struct RunLog {
    workspace: Workspace,
    run: RunId,
    epoch: Epoch,
    writer: WriterId,
    replay: Replay,
}

impl RunLog {
    /// Takes a run over, or brings it into being.
    ///
    /// A run that is finished for good is left alone: `None`, with what the log says.
    pub async fn take_over(workspace: &Workspace, run: &RunId, kind: Kind) -> Result<(Option<Self>, State)> {
        Self::take_over_watched(workspace, run, kind, None).await
    }

    /// The same, and posts every entry on a board, now and from now on.
    pub(crate) async fn take_over_watched(
        workspace: &Workspace,
        run: &RunId,
        kind: Kind,
        board: Option<Arc<Board>>,
    ) -> Result<(Option<Self>, State)> {
        let replay = Replay::read_onto(workspace, run, board).await?;
        if let State::Succeeded(_) | State::HeldBack(..) = replay.state() {
            return Ok((None, replay.state));
        }
        let writer = WriterId::new();
        let epoch = claim_epoch(workspace, run, &writer).await?;
        let mut log = Self { workspace: workspace.clone(), run: run.clone(), epoch, writer, replay };
        loop {
            let event = match log.state() {
                State::Absent => Event::Submitted { kind, epoch },
                State::Succeeded(_) | State::HeldBack(..) => return Ok((None, log.replay.state)),
                _ => Event::EpochStarted { epoch },
            };
            match log.try_append(event).await? {
                Appended::Mine => break,
                // An entry that the coordinator before wrote in the meantime is as good as one read before.
                Appended::Collided => log.read_on().await?,
            }
        }
        let state = log.state().clone();
        Ok((Some(log), state))
    }

    /// The state that the log tells.
    pub fn state(&self) -> &State {
        &self.replay.state
    }

    /// This coordinator's epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The run.
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// Where the run's objects are.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Appends an event.
    ///
    /// # Errors
    /// [`CoordinatorError::Superseded`] when another coordinator has the run by now; then nothing may be done for it
    /// any more. The same holds for every other error, because the event may or may not be in the log: a store that does
    /// not answer is tried again and again, but only for so long.
    pub async fn append(&mut self, event: Event) -> Result<()> {
        match self.try_append(event).await? {
            Appended::Mine => Ok(()),
            Appended::Collided => Err(self.superseded()),
        }
    }

    /// Fails once another coordinator has taken the run over.
    pub async fn check_not_superseded(&self) -> Result<()> {
        let successor = layout::run_epoch(&self.run, self.epoch.0 + 1);
        match self.workspace.in_time(self.workspace.size_of(&successor)).await? {
            None => Ok(()),
            Some(_) => Err(self.superseded()),
        }
    }

    fn superseded(&self) -> CoordinatorError {
        CoordinatorError::Superseded { run: self.run.clone(), epoch: self.epoch }
    }

    async fn read_on(&mut self) -> Result<()> {
        self.replay.read_on(&self.workspace, &self.run).await?;
        if self.replay.newest > Some(self.epoch) {
            return Err(self.superseded());
        }
        Ok(())
    }

    async fn try_append(&mut self, event: Event) -> Result<Appended> {
        // What cannot happen must not get into the log.
        transition(self.replay.state.clone(), &event).map_err(CoordinatorError::Illegal)?;
        let key = layout::run_log_entry(&self.run, self.replay.next);
        let (epoch, writer, previous) = (self.epoch, self.writer.clone(), self.replay.last);
        let entry = LogEntry { epoch, writer, at: Utc::now(), previous, event };
        let asked = Instant::now();
        let created = self.workspace.create_once(&key, &entry).await?;
        if let Some(board) = &self.replay.board {
            board.took(asked.elapsed());
        }
        match created {
            Created::Lost { .. } => Ok(Appended::Collided),
            Created::Won => {
                let stored = self.workspace.persistently(|| self.workspace.read_entry(&key)).await?;
                self.replay.apply(&self.workspace, &self.run, stored)?;
                tracing::info!(run = %self.run, seq = self.replay.next - 1, event = entry.event.as_str(), "logged");
                Ok(Appended::Mine)
            }
        }
    }
}

enum Appended {
    Mine,
    Collided,
}

async fn claim_epoch(workspace: &Workspace, run: &RunId, writer: &WriterId) -> Result<Epoch> {
    let epochs = layout::run_epochs(run);
    let taken = workspace.persistently(|| workspace.numbers_in(&epochs)).await?;
    let mut epoch = Epoch(taken.last().map_or(1, |last| last + 1));
    loop {
        let record = EpochRecord { epoch, writer: writer.clone(), at: Utc::now() };
        match workspace.create_once(&layout::run_epoch(run, epoch.0), &record).await? {
            Created::Won => return Ok(epoch),
            Created::Lost { .. } => epoch = Epoch(epoch.0 + 1),
        }
    }
}
