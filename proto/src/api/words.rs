//! Words of the API and what they are inside.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::v1;
use crate::{FailureClass, Stage};

/// A number that stands for no word that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{number} is no {noun} that this program knows; it may be of a newer version")]
pub struct UnknownWord {
    /// The number.
    pub number: i32,
    /// What it should have been.
    pub noun: &'static str,
}

/// A moment on the wire.
pub fn timestamp(time: DateTime<Utc>) -> prost_types::Timestamp {
    // A chrono time has at most two seconds' worth of nanoseconds (a leap second), which an i32 holds.
    prost_types::Timestamp { seconds: time.timestamp(), nanos: time.timestamp_subsec_nanos() as i32 }
}

/// A length of time on the wire; `None` where it is beyond what that holds.
pub fn duration(time: Duration) -> Option<prost_types::Duration> {
    time.try_into().ok()
}

/// A moment from the wire; `None` where it is none.
pub fn from_timestamp(time: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}

impl From<Stage> for v1::Stage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Train => Self::Train,
            Stage::Plan => Self::Plan,
            Stage::Score => Self::Score,
            Stage::Publish => Self::Publish,
            Stage::Prepare => Self::Prepare,
            Stage::Search => Self::Search,
        }
    }
}

impl TryFrom<v1::Stage> for Stage {
    type Error = UnknownWord;

    fn try_from(stage: v1::Stage) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|known| v1::Stage::from(*known) == stage);
        known.ok_or(UnknownWord { number: stage.into(), noun: "stage" })
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

impl TryFrom<v1::FailureClass> for FailureClass {
    type Error = UnknownWord;

    fn try_from(class: v1::FailureClass) -> Result<Self, UnknownWord> {
        let known = Self::ALL.into_iter().find(|known| v1::FailureClass::from(*known) == class);
        known.ok_or(UnknownWord { number: class.into(), noun: "class of failures" })
    }
}

impl v1::State {
    /// The word for it in tables, JSON and command lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unknown",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Succeeded => "succeeded",
            Self::HeldBack => "held_back",
        }
    }

    /// Whether nothing more happens unless somebody asks for it.
    pub fn is_final(self) -> bool {
        match self {
            Self::Unspecified | Self::Queued | Self::Running | Self::Stopping | Self::Interrupted => false,
            Self::Cancelled | Self::Failed | Self::Succeeded | Self::HeldBack => true,
        }
    }
}

impl v1::Kind {
    /// The word for it in tables, JSON and command lines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unspecified => "unknown",
            Self::Training => "training",
            Self::Scoring => "scoring",
            Self::Search => "search",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_survives_the_wire() {
        for stage in Stage::ALL {
            assert_eq!(Stage::try_from(v1::Stage::from(stage)), Ok(stage));
        }
        for class in FailureClass::ALL {
            assert_eq!(FailureClass::try_from(v1::FailureClass::from(class)), Ok(class));
        }
        assert!(Stage::try_from(v1::Stage::Unspecified).is_err());
        assert!(FailureClass::try_from(v1::FailureClass::Unspecified).is_err());
    }

    #[test]
    fn moments_survive_the_wire() {
        let time = DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap();
        assert_eq!(from_timestamp(&timestamp(time)), Some(time));
        let before = DateTime::from_timestamp(-7, 5).unwrap();
        assert_eq!(from_timestamp(&timestamp(before)), Some(before));
        assert_eq!(from_timestamp(&prost_types::Timestamp { seconds: 0, nanos: -1 }), None);
    }
}
