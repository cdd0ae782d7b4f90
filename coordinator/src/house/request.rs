//! What is asked of a coordinator.

use std::num::NonZeroUsize;

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use proto::{Generation, Stage};
use serde::{Deserialize, Serialize};
use spec::{Document, SubmissionId};

use super::view::{RunStatus, SubmissionStatus};
use crate::names::{ClientToken, InvalidText, Owner, Priority};
use crate::run::Kind;

/// Documents to be run one after the other, stopping at the first that fails or is cancelled.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSubmission {
    /// Names this submit, so that it can be repeated.
    pub client_token: Option<ClientToken>,
    /// Whose it is.
    pub owner: Owner,
    /// How urgent.
    pub priority: Priority,
    /// At least one.
    pub documents: Vec<Document>,
    /// The day that documents run for which do not say it themselves.
    pub run_date: NaiveDate,
    /// Why it is.
    pub origin: Origin,
}

/// Why a submission is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// Somebody asked.
    Request,
    /// A schedule fired.
    Schedule {
        /// The schedule.
        name: String,
        /// The moment that it fired for.
        slot: DateTime<Utc>,
    },
}

/// What became of a submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submitted {
    /// The submission.
    pub id: SubmissionId,
    /// False where the same token had submitted it before.
    pub is_new: bool,
}

/// Which submissions are listed; everything that is absent or empty lets all through.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SubmissionFilter {
    /// Of this owner.
    pub owner: Option<Owner>,
    /// With a document of this kind.
    pub kind: Option<Kind>,
    /// With a document of this name.
    pub name: Option<String>,
    /// In one of these states.
    pub states: Vec<SubmissionStatus>,
}

/// Which runs are listed; everything that is absent or empty lets all through.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFilter {
    /// Of this owner.
    pub owner: Option<Owner>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of the document of this name.
    pub name: Option<String>,
    /// In one of these states.
    pub states: Vec<RunStatus>,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many at most; no more than [`Page::LARGEST`] are given.
    pub size: NonZeroUsize,
    /// [`Listed::next`] of the page before; absent for the first.
    pub token: Option<String>,
}

impl Page {
    /// Most items of one page.
    pub const LARGEST: usize = 1000;

    /// The first page of this size.
    pub fn first(size: NonZeroUsize) -> Self {
        Self { size, token: None }
    }

    pub(super) fn items(&self) -> usize {
        self.size.get().min(Self::LARGEST)
    }

    pub(super) fn unknown(&self) -> InvalidText {
        InvalidText::PageToken { text: self.token.clone().unwrap_or_default() }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// The token of the next page; absent after the last.
    pub next: Option<String>,
}

/// Which processes' output is wanted; everything that is absent lets all through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogSelector {
    /// Of this stage.
    pub stage: Option<Stage>,
    /// Of this launch.
    pub generation: Option<Generation>,
    /// With this index.
    pub process: Option<u32>,
}

/// A piece of a process's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogChunk {
    /// The process, such as `score-g2-p0`.
    pub process: String,
    /// Where in the process's output it begins, in bytes.
    pub offset: u64,
    /// At most [`LogChunk::LARGEST`] bytes.
    pub bytes: Bytes,
}

impl LogChunk {
    /// Most bytes of one piece.
    pub const LARGEST: usize = 64 << 10;
}
