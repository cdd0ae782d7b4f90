//! The states of a run and the events that change them.

use std::collections::BTreeMap;
use std::fmt;

use proto::{Epoch, Failure, Generation, Stage, Unit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::{AudienceName, Document};

use super::budget::Spent;
use crate::names::Owner;

/// What a run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One stage: train.
    Training,
    /// Three stages: plan, score, publish.
    Scoring,
    /// Three stages: prepare, search, train.
    Search,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Training, Self::Scoring, Self::Search];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Scoring => "scoring",
            Self::Search => "search",
        }
    }

    /// What a document asks for.
    pub fn of(document: &Document) -> Self {
        match document {
            Document::Training(training) if training.spec.search.is_some() => Self::Search,
            Document::Training(_) => Self::Training,
            Document::Scoring(_) => Self::Scoring,
        }
    }

    /// Its stages, in order.
    pub fn stages(self) -> &'static [Stage] {
        match self {
            Self::Training => &[Stage::Train],
            Self::Scoring => &[Stage::Plan, Stage::Score, Stage::Publish],
            Self::Search => &[Stage::Prepare, Stage::Search, Stage::Train],
        }
    }

    /// The stage after this one; `None` after the last.
    pub fn after(self, stage: Stage) -> Option<Stage> {
        self.stages().iter().copied().skip_while(|candidate| *candidate != stage).nth(1)
    }
}

/// What a failure happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A unit of work.
    Unit(Unit),
    /// A process that held no unit, such as one that did not start.
    Process(Stage),
}

impl Subject {
    /// The stage that it belongs to.
    pub fn stage(self) -> Stage {
        match self {
            Self::Unit(unit) => unit.stage(),
            Self::Process(stage) => stage,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unit(unit) => unit.fmt(f),
            Self::Process(stage) => write!(f, "a process for {stage}"),
        }
    }
}

/// Something that happened to a run; what its log holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The run came to be.
    Submitted {
        /// What it does.
        kind: Kind,
        /// The epoch of the coordinator that took it.
        epoch: Epoch,
    },
    /// A coordinator took the run over.
    EpochStarted {
        /// Its epoch.
        epoch: Epoch,
    },
    /// Processes are about to be launched for the current stage; logged before they are.
    Launched {
        /// The stage.
        stage: Stage,
        /// Which launch it is; counts up over the whole run.
        generation: Generation,
        /// How many processes.
        processes: u32,
    },
    /// A unit or process failed, and that was counted against its budget.
    AttemptFailed {
        /// What failed.
        subject: Subject,
        /// Why.
        failure: Failure,
    },
    /// All units of the current stage are done.
    StageFinished {
        /// The stage.
        stage: Stage,
        /// What came of it.
        outcome: Value,
        /// What guards held back; of the last stage only.
        #[serde(default)]
        held_back: Vec<HeldBack>,
    },
    /// The run's processes are about to be stopped; logged before they are.
    StopRequested {
        /// Why.
        reason: StopReason,
    },
    /// None of the run's processes is left.
    Stopped,
    /// A stopped run goes on, with fresh budgets.
    Reopened,
}

/// Why a run is stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StopReason {
    /// Somebody wanted it to pause.
    Interrupted,
    /// Somebody wanted it to end.
    Cancelled {
        /// Who.
        by: Owner,
    },
    /// A failure used up its budget.
    Failed {
        /// What failed.
        subject: Subject,
        /// Why.
        failure: Failure,
    },
}

/// An audience that is not published, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// The audience; absent when a guard stopped the run as a whole.
    pub audience: Option<AudienceName>,
    /// What its guards found, a line each.
    pub reasons: Vec<String>,
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// What the run does.
    pub kind: Kind,
    /// The newest coordinator's epoch.
    pub epoch: Epoch,
    /// What came of the stages that are finished.
    pub finished: BTreeMap<Stage, Value>,
    /// The current stage.
    pub stage: Stage,
    /// The last launch; zero before the first.
    pub generation: Generation,
    /// What failures have used up of their budgets since the run was opened.
    pub spent: Spent,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Nothing is known of it.
    Absent,
    /// None of its processes is wanted yet for the current stage.
    Ready(Course),
    /// Processes work on the current stage, or are about to.
    Active(Course),
    /// Its processes are being stopped.
    Stopping(Course, StopReason),
    /// It was stopped on request; it can go on.
    Interrupted(Course),
    /// It was ended on request; it can be tried again.
    Cancelled(Course, Owner),
    /// It failed; it can be tried again.
    Failed(Course, Subject, Failure),
    /// It is done.
    Succeeded(Course),
    /// It is done, and guards held something back.
    HeldBack(Course, Vec<HeldBack>),
}

impl State {
    /// Whether nothing more will happen to it unless somebody asks.
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Absent | Self::Ready(_) | Self::Active(_) | Self::Stopping(..) => false,
            Self::Interrupted(_) | Self::Cancelled(..) | Self::Failed(..) | Self::Succeeded(_) | Self::HeldBack(..) => {
                true
            }
        }
    }

    /// How far the run has come, unless it is absent.
    pub fn course(&self) -> Option<&Course> {
        match self {
            Self::Absent => None,
            Self::Ready(course)
            | Self::Active(course)
            | Self::Stopping(course, _)
            | Self::Interrupted(course)
            | Self::Cancelled(course, _)
            | Self::Failed(course, ..)
            | Self::Succeeded(course)
            | Self::HeldBack(course, _) => Some(course),
        }
    }

    /// A word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Ready(_) => "ready",
            Self::Active(_) => "active",
            Self::Stopping(..) => "stopping",
            Self::Interrupted(_) => "interrupted",
            Self::Cancelled(..) => "cancelled",
            Self::Failed(..) => "failed",
            Self::Succeeded(_) => "succeeded",
            Self::HeldBack(..) => "held back",
        }
    }
}

impl Event {
    /// A word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Submitted { .. } => "submitted",
            Self::EpochStarted { .. } => "epoch_started",
            Self::Launched { .. } => "launched",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::StageFinished { .. } => "stage_finished",
            Self::StopRequested { .. } => "stop_requested",
            Self::Stopped => "stopped",
            Self::Reopened => "reopened",
        }
    }
}
