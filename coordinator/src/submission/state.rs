//! The states of a submission and the events that change them.

use proto::Failure;
use serde::{Deserialize, Serialize};
use spec::RunId;

use crate::names::Owner;

/// Something that happened to a submission; what its log holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A document's turn has come, and this is its run; logged before the run is touched.
    Started {
        /// The document's place, from 0.
        document: usize,
        /// The run, and how it was found.
        take: Take,
    },
    /// A document is done, or never will be.
    Ended {
        /// The document's place, from 0.
        document: usize,
        /// How.
        end: DocumentEnd,
    },
    /// Somebody wants it to end.
    CancelRequested {
        /// Who.
        by: Owner,
    },
    /// Somebody wants it to be tried again, from the document at which it ended.
    RetryRequested {
        /// Who.
        by: Owner,
    },
}

/// A run in a submission's hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// The run.
    pub run: RunId,
    /// How often the run had been stopped before: it failed for this submission only if that is more by now.
    pub stops: u64,
}

/// How a document of a submission ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum DocumentEnd {
    /// Its run is done.
    Succeeded,
    /// Its run is done, and guards held something back.
    HeldBack,
    /// Its run failed, or could not begin.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Its run was cancelled.
    Cancelled,
}

/// What has become of the documents so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// A document's run and end, as far as there is one.
    pub documents: Vec<Trace>,
    /// The document whose turn it is; how many there are once all are done.
    pub next: usize,
    /// How often somebody asked to try again.
    pub retries: u32,
}

/// What has become of one document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// Its run.
    pub run: Option<RunId>,
    /// How it ended.
    pub end: Option<DocumentEnd>,
}

/// Where a submission stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The next document waits for its turn.
    Queued(Progress),
    /// The next document is run.
    Running(Progress, Take),
    /// The next document's run is being stopped for good.
    Cancelling(Progress, Take, Owner),
    /// All documents are done.
    Succeeded(Progress),
    /// All documents are done, and guards held something back.
    HeldBack(Progress),
    /// The next document failed.
    Failed(Progress),
    /// It was cancelled at the next document.
    Cancelled(Progress, Owner),
}

impl State {
    /// A submission of so many documents, at its beginning.
    pub fn new(documents: usize) -> Self {
        Self::Queued(Progress { documents: vec![Trace::default(); documents], next: 0, retries: 0 })
    }

    /// What has become of the documents.
    pub fn progress(&self) -> &Progress {
        match self {
            Self::Queued(progress)
            | Self::Running(progress, _)
            | Self::Cancelling(progress, ..)
            | Self::Succeeded(progress)
            | Self::HeldBack(progress)
            | Self::Failed(progress)
            | Self::Cancelled(progress, _) => progress,
        }
    }

    /// Whether nothing more will happen to it unless somebody asks.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Queued(_) | Self::Running(..) | Self::Cancelling(..) => false,
            Self::Succeeded(_) | Self::HeldBack(_) | Self::Failed(_) | Self::Cancelled(..) => true,
        }
    }

    /// A word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Queued(_) => "queued",
            Self::Running(..) => "running",
            Self::Cancelling(..) => "cancelling",
            Self::Succeeded(_) => "succeeded",
            Self::HeldBack(_) => "held back",
            Self::Failed(_) => "failed",
            Self::Cancelled(..) => "cancelled",
        }
    }
}

impl Event {
    /// A word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Ended { .. } => "ended",
            Self::CancelRequested { .. } => "cancel_requested",
            Self::RetryRequested { .. } => "retry_requested",
        }
    }
}
