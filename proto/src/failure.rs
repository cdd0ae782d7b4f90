//! Why a unit of work failed.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::message::Malformed;
use crate::v1;

/// Kinds of failures, by what helps against them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The document or its tables: the same again would fail again.
    Input,
    /// Object storage or a disk did not do its part.
    Storage,
    /// Memory, of the host or of a device, was not enough.
    OutOfMemory,
    /// A GPU failed or is missing.
    Device,
    /// The process was told to stop, or was killed.
    Preempted,
    /// A mistake in this program.
    Bug,
    /// A guard does not allow it.
    Guard,
    /// The machine or account is in the way (disk full, no permission): a person has to act.
    Environment,
}

impl FailureClass {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Input,
        Self::Storage,
        Self::OutOfMemory,
        Self::Device,
        Self::Preempted,
        Self::Bug,
        Self::Guard,
        Self::Environment,
    ];

    /// The words for it in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Storage => "storage",
            Self::OutOfMemory => "out of memory",
            Self::Device => "device",
            Self::Preempted => "preempted",
            Self::Bug => "bug",
            Self::Guard => "guard",
            Self::Environment => "environment",
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure of a unit of work or of its process: one line that a person understands, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What helps against it.
    pub class: FailureClass,
    /// What failed, in one line.
    pub message: String,
    /// Its causes, outermost first.
    #[serde(default)]
    pub causes: Vec<String>,
}

/// Most causes and characters that a failure carries over the wire; a runaway message must not break the report of it.
const MOST_CAUSES: usize = 32;
const MOST_CHARACTERS: usize = 16 * 1024;

impl Failure {
    /// A failure without causes.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), causes: Vec::new() }
    }

    /// An error and its chain of sources.
    pub fn of(class: FailureClass, error: &(dyn Error + 'static)) -> Self {
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        Self { class, message: error.to_string(), causes: causes.map(ToString::to_string).collect() }
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

impl From<Failure> for v1::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            class: v1::FailureClass::from(failure.class).into(),
            message: shortened(failure.message),
            causes: failure.causes.into_iter().take(MOST_CAUSES).map(shortened).collect(),
        }
    }
}

impl TryFrom<v1::Failure> for Failure {
    type Error = Malformed;

    fn try_from(failure: v1::Failure) -> Result<Self, Malformed> {
        let class = FailureClass::try_from(failure.class)?;
        Ok(Self { class, message: failure.message, causes: failure.causes })
    }
}

impl From<FailureClass> for v1::FailureClass {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::Input => Self::Input,
            FailureClass::Storage => Self::Storage,
            FailureClass::OutOfMemory => Self::OutOfMemory,
            FailureClass::Device => Self::Device,
            FailureClass::Preempted => Self::Preempted,
            FailureClass::Bug => Self::Bug,
            FailureClass::Guard => Self::Guard,
            FailureClass::Environment => Self::Environment,
        }
    }
}

impl TryFrom<i32> for FailureClass {
    type Error = Malformed;

    fn try_from(number: i32) -> Result<Self, Malformed> {
        let known = Self::ALL.into_iter().find(|class| i32::from(v1::FailureClass::from(*class)) == number);
        known.ok_or(Malformed::Number { field: "class", number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("reading {file} failed")]
    struct Outer {
        file: &'static str,
        source: Inner,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("footer is cut off")]
    struct Inner;

    #[test]
    fn a_failure_keeps_the_chain_of_causes() {
        let failure = Failure::of(FailureClass::Input, &Outer { file: "a.parquet", source: Inner });
        assert_eq!(failure.message, "reading a.parquet failed");
        assert_eq!(failure.causes, ["footer is cut off"]);
    }

    #[test]
    fn every_class_survives_the_wire() {
        for class in FailureClass::ALL {
            let failure = Failure { class, message: "m".to_owned(), causes: vec!["c".to_owned()] };
            assert_eq!(Failure::try_from(v1::Failure::from(failure.clone())), Ok(failure));
        }
        assert_eq!(FailureClass::try_from(0), Err(Malformed::Number { field: "class", number: 0 }));
    }

    #[test]
    fn a_runaway_message_is_cut() {
        let failure =
            Failure { class: FailureClass::Bug, message: "ü".repeat(1 << 20), causes: vec!["x".repeat(1 << 20); 100] };
        let sent = v1::Failure::from(failure);
        assert_eq!(sent.message.chars().count(), MOST_CHARACTERS + 2);
        assert_eq!(sent.causes.len(), MOST_CAUSES);
    }
}
