//! What happens to a schedule; what its log holds.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::SubmissionId;

use super::content::Content;
use super::slot::Slot;
use crate::names::Owner;

/// Something that happened to a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// It came to be, or its documents changed; slots after this are of the new revision.
    Revised {
        /// What it is now.
        content: Content,
        /// Who wanted it.
        by: Owner,
    },
    /// Nothing of it is started any more; slots that wait are left.
    Paused {
        /// Who wanted it.
        by: Owner,
    },
    /// It goes on with the slots after this.
    Resumed {
        /// Who wanted it.
        by: Owner,
    },
    /// It is no more.
    Removed {
        /// Who wanted it.
        by: Owner,
    },
    /// Slots came due and are not run.
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
    /// A slot came due and will be run.
    Admitted {
        /// The slot.
        slot: Slot,
        /// Whether it is one that is caught up with.
        is_late: bool,
    },
    /// An admitted slot's documents are about to be submitted; logged before they are.
    Started {
        /// The slot.
        slot: Slot,
        /// The submission that it is.
        submission: SubmissionId,
    },
    /// An admitted slot will not be run.
    Left {
        /// The slot.
        slot: Slot,
        /// Why.
        why: Left,
    },
}

/// Why slots are passed over when they come due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Passed {
    /// They came due while no coordinator ran, and `catch_up` does not reach so far.
    Missed {
        /// How many are caught up with.
        catch_up: u32,
    },
    /// `overlap: skip`: the slot before has not ended.
    Overlap {
        /// The slot before.
        slot: Slot,
    },
    /// The schedule was changed, paused or removed before it could be found out how the slot before is.
    Changed,
    /// As many slots wait as may.
    TooManyWait {
        /// How many.
        waiting: usize,
    },
}

/// Why an admitted slot is not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Left {
    /// An input did not come in time.
    InputMissing {
        /// What was waited for.
        url: String,
        /// Until when.
        until: DateTime<Utc>,
        /// Why it could not even be looked for, the last time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
    /// Its documents are not valid for its day, or are not taken.
    Refused {
        /// What is wrong.
        problem: String,
    },
    /// `overlap: cancel`: a later slot came due.
    Overtaken {
        /// The later one.
        by: Slot,
    },
    /// The schedule was paused.
    Paused {
        /// Who paused it.
        by: Owner,
    },
    /// The schedule was removed.
    Removed {
        /// Who removed it.
        by: Owner,
    },
}

impl Event {
    /// A word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Revised { .. } => "revised",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::Removed { .. } => "removed",
            Self::Passed { .. } => "passed",
            Self::Admitted { .. } => "admitted",
            Self::Started { .. } => "started",
            Self::Left { .. } => "left",
        }
    }
}
