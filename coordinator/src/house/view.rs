//! What a coordinator shows: plain data without behaviour.

use std::collections::BTreeMap;
use std::time::Duration;

use artifacts::runs::RunDocument;
use chrono::{DateTime, NaiveDate, Utc};
use proto::{Epoch, Failure, Generation, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::{Document, RunId, SubmissionId};

use super::queue::Wait;
use super::request::Origin;
use crate::log::LogEntry;
use crate::names::{Owner, Priority};
use crate::notice::Notice;
use crate::run::{HeldBack, Kind, State, Subject};
use crate::submission::{self, DocumentEnd};
use crate::waiting::WaitsFor;

/// Where a submission stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubmissionStatus {
    /// It waits for its turn, before its first document or between two.
    Queued,
    /// One of its documents is run.
    Running,
    /// Its processes are being stopped because somebody cancelled it.
    Cancelling,
    /// All its documents are done.
    Succeeded,
    /// All its documents are done, and guards held something back.
    HeldBack,
    /// A document failed; those after it were not run.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl SubmissionStatus {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Queued, Self::Running, Self::Cancelling, Self::Succeeded, Self::HeldBack, Self::Failed, Self::Cancelled];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Succeeded => "succeeded",
            Self::HeldBack => "held_back",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more will happen to it unless somebody asks.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Cancelling => false,
            Self::Succeeded | Self::HeldBack | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl From<&submission::State> for SubmissionStatus {
    fn from(state: &submission::State) -> Self {
        use submission::State;
        match state {
            State::Queued(_) => Self::Queued,
            State::Running(..) => Self::Running,
            State::Cancelling(..) => Self::Cancelling,
            State::Succeeded(_) => Self::Succeeded,
            State::HeldBack(_) => Self::HeldBack,
            State::Failed(_) => Self::Failed,
            State::Cancelled(..) => Self::Cancelled,
        }
    }
}

/// Where a run stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// No process works on it yet.
    Ready,
    /// Processes work on it.
    Active,
    /// Its processes are being stopped.
    Stopping,
    /// It was stopped on request, and can go on.
    Interrupted,
    /// Somebody cancelled it.
    Cancelled,
    /// It failed, and can be tried again.
    Failed,
    /// It is done.
    Succeeded,
    /// It is done, and guards held something back.
    HeldBack,
}

impl RunStatus {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Active,
        Self::Stopping,
        Self::Interrupted,
        Self::Cancelled,
        Self::Failed,
        Self::Succeeded,
        Self::HeldBack,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Active => "active",
            Self::Stopping => "stopping",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::HeldBack => "held_back",
        }
    }

    /// Whether nothing more will happen to it unless somebody asks.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Ready | Self::Active | Self::Stopping => false,
            Self::Interrupted | Self::Cancelled | Self::Failed | Self::Succeeded | Self::HeldBack => true,
        }
    }
}

impl From<&State> for RunStatus {
    /// A run whose log has not begun is as good as ready.
    fn from(state: &State) -> Self {
        match state {
            State::Absent | State::Ready(_) => Self::Ready,
            State::Active(_) => Self::Active,
            State::Stopping(..) => Self::Stopping,
            State::Interrupted(_) => Self::Interrupted,
            State::Cancelled(..) => Self::Cancelled,
            State::Failed(..) => Self::Failed,
            State::Succeeded(_) => Self::Succeeded,
            State::HeldBack(..) => Self::HeldBack,
        }
    }
}

/// A submission.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubmissionView {
    /// Its id.
    pub id: SubmissionId,
    /// Whose it is.
    pub owner: Owner,
    /// How urgent.
    pub priority: Priority,
    /// Why it is.
    pub origin: Origin,
    /// The day that its documents run for.
    pub run_date: NaiveDate,
    /// Where it stands.
    pub status: SubmissionStatus,
    /// What it waits for; of one that is queued.
    pub waits: Option<Wait>,
    /// Its documents, in order.
    pub documents: Vec<DocumentView>,
    /// Who cancelled it.
    pub cancelled_by: Option<Owner>,
    /// How often somebody asked to try it again.
    pub retries: u32,
    /// When it was submitted.
    pub created: DateTime<Utc>,
    /// When it last changed.
    pub changed: DateTime<Utc>,
}

/// A document of a submission.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DocumentView {
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// The run that it became; absent until its turn.
    pub run: Option<RunId>,
    /// How it ended; absent until then, and where it was not run.
    pub ended: Option<DocumentEnd>,
}

/// A run: a document with what it meant when its turn came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// Its id.
    pub id: RunId,
    /// The submission that it last belonged to; absent for one of `kindred run`.
    pub submission: Option<SubmissionId>,
    /// Whose that submission is.
    pub owner: Option<Owner>,
    /// The document's name.
    pub name: String,
    /// What it does.
    pub kind: Kind,
    /// The document, its parameters put in, and the files and model that it meant.
    pub resolved: RunDocument,
    /// Where it stands.
    pub status: RunStatus,
    /// The current stage, or the one at which it ended.
    pub stage: Stage,
    /// How far the current stage is; absent unless the run is being carried by this coordinator.
    pub units: Option<Units>,
    /// The last launch; zero before the first.
    pub generation: Generation,
    /// The epoch of the coordinator that last had it.
    pub epoch: Epoch,
    /// Failed tries since it was last opened.
    pub failed_attempts: u32,
    /// What it waits for.
    pub waits: Option<Wait>,
    /// Why it does not advance, once it has not for a while, what matters most first; of a run that this coordinator carries.
    pub stalled: Vec<WaitsFor>,
    /// Why it failed.
    pub failure: Option<RunFailure>,
    /// Who cancelled it.
    pub cancelled_by: Option<Owner>,
    /// What came of it; null until the end.
    pub outcome: Value,
    /// What guards held back.
    pub held_back: Vec<HeldBack>,
    /// When it was first taken up.
    pub started: Option<DateTime<Utc>>,
    /// When it last changed.
    pub changed: Option<DateTime<Utc>>,
}

/// How many units of a stage are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Units {
    /// Done.
    pub done: u64,
    /// In all.
    pub total: u64,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunFailure {
    /// What failed.
    pub subject: Subject,
    /// Why: one line that a person understands, and the causes.
    pub failure: Failure,
}

/// What who watches a run is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "few are in flight, and a box would be in everyone's way")]
pub enum RunEvent {
    /// An entry of its log. None is left out.
    Logged {
        /// Its number.
        seq: u64,
        /// The entry.
        entry: LogEntry,
    },
    /// Something that is worth showing and is not kept.
    Notice {
        /// What.
        notice: Notice,
    },
    /// The watcher was too slow for some notices.
    Missed {
        /// How many.
        notices: u64,
    },
}

/// What who watches a submission is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "few are in flight, and a box would be in everyone's way")]
pub enum SubmissionEvent {
    /// It is like this now; said first, and with every change.
    Changed {
        /// The submission.
        submission: SubmissionView,
    },
    /// Something happened to the run of one of its documents.
    Run {
        /// The document's place, from 0.
        document: usize,
        /// The run.
        run: RunId,
        /// What.
        event: RunEvent,
    },
}

/// A coordinator in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Which leadership of the workspace it has.
    pub leadership: u64,
    /// Submissions by state.
    pub submissions: BTreeMap<SubmissionStatus, u64>,
    /// Runs that this coordinator carries, by kind and state.
    pub runs: BTreeMap<(Kind, RunStatus), u64>,
    /// Units of the current stages of those.
    pub units: Units,
    /// Processes of those.
    pub processes: u64,
    /// Leases that those processes hold.
    pub leases: u64,
    /// Streams that watch a run.
    pub watchers: u64,
    /// Notices that watchers were too slow for, since this coordinator started.
    pub missed_notices: u64,
    /// Units done since this coordinator started.
    pub units_done: u64,
    /// Tries that failed since this coordinator started, by class.
    pub failed_attempts: BTreeMap<proto::FailureClass, u64>,
    /// Rows that workers said they have done since this coordinator started.
    pub rows_done: u64,
    /// How long workers waited for an answer when they asked for work.
    pub grants: Latencies,
    /// How long entries of run logs took to be written.
    pub log_appends: Latencies,
}

/// How often something took how long.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Latencies {
    /// Upper bounds, ascending, each with how many took no longer than it and longer than the bound before.
    pub buckets: Vec<(Duration, u64)>,
    /// How many took longer than the last bound.
    pub beyond: u64,
    /// All of them together.
    pub sum: Duration,
}

impl Latencies {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.beyond + self.buckets.iter().map(|(_, count)| count).sum::<u64>()
    }
}

/// A document's name.
pub(super) fn name_of(document: &Document) -> String {
    match document {
        Document::Training(training) => training.metadata.name.to_string(),
        Document::Scoring(scoring) => scoring.metadata.name.to_string(),
    }
}
