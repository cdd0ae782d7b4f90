//! How often a failed unit of work is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Failure, FailureClass, Unit};
use serde::{Deserialize, Serialize};

use super::state::Subject;

/// What failures have used up: how many of each class for each subject.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spent {
    failures: BTreeMap<(Subject, FailureClass), u32>,
}

impl Spent {
    /// How many failures there have been.
    pub fn total(&self) -> u32 {
        self.failures.values().sum()
    }

    /// How many failures of a class a subject has had.
    pub fn count(&self, subject: Subject, class: FailureClass) -> u32 {
        self.failures.get(&(subject, class)).copied().unwrap_or(0)
    }

    /// One more.
    #[must_use]
    pub fn and(mut self, subject: Subject, class: FailureClass) -> Self {
        *self.failures.entry((subject, class)).or_default() += 1;
        self
    }
}

/// How many further tries a failure of this class gets, for each unit of work.
pub fn retries(class: FailureClass) -> u32 {
    match class {
        FailureClass::Input | FailureClass::Guard | FailureClass::Environment => 0,
        FailureClass::Bug | FailureClass::Device | FailureClass::OutOfMemory => 1,
        FailureClass::Storage | FailureClass::Preempted => 5,
    }
}

/// What a failure leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Verdict {
    /// The subject is tried again after this long.
    Retry {
        /// The delay.
        after: Duration,
    },
    /// The run goes on without the subject, a trial of a search.
    LeaveOut,
    /// The run fails.
    GiveUp,
}

const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// What one more failure leads to, given those before it.
pub fn verdict(spent: &Spent, subject: Subject, failure: &Failure) -> Verdict {
    let before = spent.count(subject, failure.class);
    match subject {
        _ if before < retries(failure.class) => Verdict::Retry { after: delay(failure.class, before) },
        Subject::Unit(Unit::Trial(_)) if is_of_one_trial(failure.class) => Verdict::LeaveOut,
        Subject::Unit(_) | Subject::Process(_) => Verdict::GiveUp,
    }
}

/// Whether a trial's settings may be why it failed again and again: too large for the memory or the device, or too much
/// for the program. What is wrong with the tables, the store or the machine is no trial's own.
fn is_of_one_trial(class: FailureClass) -> bool {
    match class {
        FailureClass::OutOfMemory | FailureClass::Device | FailureClass::Preempted | FailureClass::Bug => true,
        FailureClass::Input | FailureClass::Storage | FailureClass::Guard | FailureClass::Environment => false,
    }
}

/// A store or a device may need time to recover; a killed process says nothing about the next.
fn delay(class: FailureClass, before: u32) -> Duration {
    match class {
        FailureClass::Storage | FailureClass::Device => {
            Duration::from_secs(1).saturating_mul(1 << before.min(16)).min(LONGEST_DELAY)
        }
        FailureClass::Input
        | FailureClass::OutOfMemory
        | FailureClass::Preempted
        | FailureClass::Bug
        | FailureClass::Guard
        | FailureClass::Environment => Duration::ZERO,
    }
}
