//! A schedule's durable log: entry n is created once, by whoever read entry n-1, and holds the state after it.
//!
//! Two coordinators collide at the next entry, and the one that comes second reads what the first wrote and decides anew.

use artifacts::workspace::Created;
use artifacts::{Workspace, layout};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::ScheduleName;

use super::content::Content;
use super::event::Event;
use super::mistake::SchedulesError;
use super::state::State;
use super::transition::transition;
use crate::log::WriterId;

/// One entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogEntry {
    /// The coordinator that wrote it.
    pub(super) writer: WriterId,
    /// When, by its clock.
    pub(super) at: DateTime<Utc>,
    /// What happened.
    pub(super) event: Event,
    /// The state after it.
    pub(super) state: State,
}

/// A schedule's log as far as it has been read.
#[derive(Debug)]
pub(super) struct ScheduleLog {
    workspace: Workspace,
    name: ScheduleName,
    writer: WriterId,
    next: u64,
    state: Option<State>,
}

/// Whether an event got into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// It did.
    Mine,
    /// Another writer was faster; what it wrote has been read.
    Collided,
}

impl ScheduleLog {
    /// Reads a log's newest entry; there may be none.
    pub(super) async fn open(
        workspace: &Workspace,
        writer: &WriterId,
        name: ScheduleName,
    ) -> Result<Self, SchedulesError> {
        let newest = newest(workspace, &name).await?;
        let (workspace, writer) = (workspace.clone(), writer.clone());
        let mut log = Self { workspace, name, writer, next: newest.unwrap_or(0), state: None };
        log.read_on().await?;
        Ok(log)
    }

    /// The state that the log tells; nothing before its first entry.
    pub(super) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    pub(super) fn name(&self) -> &ScheduleName {
        &self.name
    }

    /// Appends an event.
    ///
    /// # Errors
    /// When it cannot happen, or when the store fails: then it may or may not be in the log, and nothing may be built
    /// on either before the log is read again.
    pub(super) async fn append(&mut self, at: DateTime<Utc>, event: Event) -> Result<Appended, SchedulesError> {
        let state = transition(self.state.clone(), self.next, at, &event)?;
        let key = layout::schedule_log_entry(&self.name, self.next);
        let entry = LogEntry { writer: self.writer.clone(), at, event, state };
        match self.workspace.create_once(&key, &entry).await? {
            Created::Won => {
                tracing::info!(schedule = %self.name, seq = self.next, event = entry.event.as_str(), "logged");
                self.state = Some(entry.state);
                self.next += 1;
                Ok(Appended::Mine)
            }
            Created::Lost { .. } => {
                self.read_on().await?;
                Ok(Appended::Collided)
            }
        }
    }

    /// Reads what other writers have appended.
    pub(super) async fn read_on(&mut self) -> Result<(), SchedulesError> {
        loop {
            let key = layout::schedule_log_entry(&self.name, self.next);
            let Some(entry) = self.workspace.read_entry_if_there::<LogEntry>(&key).await? else { return Ok(()) };
            let state = entry.body.state;
            if state.name != self.name {
                return Err(SchedulesError::Impossible { url: self.workspace.url_of(&key) });
            }
            self.state = Some(state);
            self.next += 1;
        }
    }

    /// The texts of a revision.
    ///
    /// # Errors
    /// When the store fails, or when the entry holds none.
    pub(super) async fn content(&self, revision: u64) -> Result<Content, SchedulesError> {
        let key = layout::schedule_log_entry(&self.name, revision);
        let entry: LogEntry = self.workspace.read_entry(&key).await?.body;
        match entry.event {
            Event::Revised { content, .. } => Ok(content),
            _ => Err(SchedulesError::Impossible { url: self.workspace.url_of(&key) }),
        }
    }
}

/// The number of a log's newest entry. Two short listings find it, however long the log is.
async fn newest(workspace: &Workspace, name: &ScheduleName) -> Result<Option<u64>, SchedulesError> {
    let Some(block) = workspace.numbers_in(&layout::schedule_log(name)).await?.last().copied() else { return Ok(None) };
    let entries = workspace.numbers_in(&layout::schedule_log_block(name, block)).await?;
    Ok(entries.last().copied())
}
