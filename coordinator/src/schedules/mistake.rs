//! What is refused of schedules.

use spec::ids::InvalidName;
use spec::schedule::InvalidSchedule;
use spec::{Problems, ScheduleName};

use super::transition::Illegal;
use crate::error::CoordinatorError;
use crate::names::Owner;

/// Why something cannot be done with schedules.
#[derive(Debug, thiserror::Error)]
pub enum SchedulesError {
    /// The documents are not valid.
    #[error("the documents are not valid")]
    Documents(#[from] Problems),
    /// No document has a schedule.
    #[error("no document has a `schedule`")]
    NoSchedule,
    /// A document's name is none.
    #[error(transparent)]
    Name(InvalidName),
    /// A schedule's times are none.
    #[error("the schedule `{name}` says no times")]
    Times {
        /// The schedule.
        name: ScheduleName,
        /// Why not.
        #[source]
        source: InvalidSchedule,
    },
    /// A schedule whose times use `${run_date}`.
    #[error(
        "the schedule `{name}` depends on ${{run_date}}, which is the day of a slot: use it in `wait_for`, not in what says when slots are"
    )]
    DependsOnDay {
        /// The schedule.
        name: ScheduleName,
    },
    /// Two documents with a schedule and one name.
    #[error(
        "two documents named `{name}` have a schedule, and a schedule is named by its document: rename one of them"
    )]
    TwoOfOneName {
        /// The name.
        name: ScheduleName,
    },
    /// A schedule that waits for too much.
    #[error(
        "the schedule `{name}` waits for {given} inputs, and may wait for {most}: let one `_SUCCESS` or one pattern stand \
         for several"
    )]
    TooManyInputs {
        /// The schedule.
        name: ScheduleName,
        /// How many it names.
        given: usize,
        /// How many it may.
        most: usize,
    },
    /// As many schedules as there may be.
    #[error("there are {most} schedules, as many as there may be: remove one first")]
    TooMany {
        /// How many.
        most: usize,
    },
    /// A name that another document's schedule has.
    #[error(
        "there is a schedule `{name}` of {owner}, of another kind of document: rename this document, or remove that schedule"
    )]
    OtherDocument {
        /// The name.
        name: ScheduleName,
        /// Whose that one is.
        owner: Owner,
    },
    /// Somebody else's schedule.
    #[error("the schedule `{name}` is {owner}'s: rename this document, or let {owner} change it")]
    OtherOwner {
        /// The name.
        name: ScheduleName,
        /// Whose it is.
        owner: Owner,
    },
    /// There is no such schedule.
    #[error("there is no schedule `{name}`{}", .meant.as_ref().map_or_else(String::new, |meant| format!(" (did you mean `{meant}`?)")))]
    Unknown {
        /// As asked for.
        name: ScheduleName,
        /// The one that was probably meant.
        meant: Option<ScheduleName>,
    },
    /// It is not in a state for that.
    #[error("the schedule `{name}` cannot be {wanted}: it is {status}")]
    NotNow {
        /// The schedule.
        name: ScheduleName,
        /// What was wanted, such as `paused`.
        wanted: &'static str,
        /// Where it stands.
        status: &'static str,
    },
    /// A log tells what cannot have happened.
    #[error("{url} tells what cannot have happened: the log is of another version, or was changed from outside")]
    Impossible {
        /// The entry.
        url: String,
    },
    /// This program tried to log what cannot happen.
    #[error("this program made a mistake")]
    Illegal(#[from] Illegal),
    /// Storage failed, or the coordinator did.
    #[error(transparent)]
    Coordinator(#[from] CoordinatorError),
    /// Nobody keeps schedules any more.
    #[error("the coordinator is stopping")]
    Stopping,
}

impl SchedulesError {
    /// Whether what is stored is at fault, and not the store.
    pub(super) fn is_content(&self) -> bool {
        let is_input = |error: &CoordinatorError| error.class() == proto::FailureClass::Input;
        matches!(self, Self::Impossible { .. } | Self::Times { .. })
            || matches!(self, Self::Coordinator(error) if is_input(error))
    }
}

impl From<artifacts::ArtifactsError> for SchedulesError {
    fn from(error: artifacts::ArtifactsError) -> Self {
        Self::Coordinator(error.into())
    }
}
