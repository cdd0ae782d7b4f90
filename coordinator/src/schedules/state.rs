//! Where a schedule stands.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::{CronSchedule, ScheduleName, SubmissionId};

use super::content::DocumentName;
use super::event::{Left, Passed};
use super::slot::Slot;
use crate::names::{Owner, Priority};

/// Slots that may wait at once.
pub const MOST_WAITING: usize = 100;
/// How many of the last slots a schedule remembers by itself; the others are in its log.
pub const MOST_RECENT: usize = 20;

/// Where a schedule stands: everything that its log tells, but for the texts of its documents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Its name.
    pub name: ScheduleName,
    /// Whose its submissions are.
    pub owner: Owner,
    /// How urgent they are.
    pub priority: Priority,
    /// The documents that count now.
    pub revision: Revision,
    /// Whether it comes due.
    pub status: Status,
    /// Every slot up to here is decided.
    pub decided: DateTime<Utc>,
    /// Slots that were admitted and not started, the first admitted first.
    pub waiting: Vec<Waiting>,
    /// The last slot that was started.
    pub started: Option<StartedSlot>,
    /// What became of the last slots, the newest last; [`MOST_RECENT`] at the most.
    pub recent: VecDeque<Recent>,
}

/// One of a schedule's revisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// The log entry that holds its texts.
    pub entry: u64,
    /// When it came to be.
    pub at: DateTime<Utc>,
    /// Who made it.
    pub by: Owner,
    /// When it comes due.
    pub schedule: CronSchedule,
    /// What it runs, in order.
    pub documents: Vec<DocumentName>,
}

/// Whether a schedule comes due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Status {
    /// It does.
    Active,
    /// Not until somebody resumes it.
    Paused(Paused),
    /// Not any more.
    Removed,
}

/// Who paused a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Who.
    pub by: Owner,
    /// When.
    pub at: DateTime<Utc>,
}

/// A slot that was admitted and not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// The slot.
    pub slot: Slot,
    /// The log entry of the revision that it is of.
    pub revision: u64,
    /// Since when it waits.
    pub since: DateTime<Utc>,
    /// Whether it is caught up with: such slots are run one after the other, whatever `overlap` says.
    pub is_late: bool,
}

/// A slot that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartedSlot {
    /// The slot.
    pub slot: Slot,
    /// Whose the schedule was then, and so the submission is.
    pub owner: Owner,
    /// How urgent it was then.
    pub priority: Priority,
    /// The log entry of the revision that it is of.
    pub revision: u64,
    /// Its submission.
    pub submission: SubmissionId,
}

/// What became of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Recent {
    /// Its documents were submitted.
    Started {
        /// The slot.
        slot: Slot,
        /// When.
        at: DateTime<Utc>,
        /// The submission.
        submission: SubmissionId,
    },
    /// It came due and was passed over, with others perhaps.
    Passed {
        /// The first of them.
        first: Slot,
        /// The last of them.
        last: Slot,
        /// How many.
        count: u64,
        /// Why.
        why: Passed,
    },
    /// It waited and was not run.
    Left {
        /// The slot.
        slot: Slot,
        /// When that was decided.
        at: DateTime<Utc>,
        /// Why.
        why: Left,
    },
}

impl State {
    /// The submission that a slot becomes when it is started.
    pub fn submission_of(&self, slot: Slot) -> SubmissionId {
        crate::submission::id_of(&self.owner, Some(&slot.client_token(&self.name)))
    }

    pub(super) fn remember(&mut self, what: Recent) {
        if self.recent.len() == MOST_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(what);
    }
}
