//! Units of work and what identifies them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::message::Malformed;
use crate::v1;

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Fit, evaluate and register a model: one unit.
    Train,
    /// Prepare tables and freeze the shard plan: one unit.
    Plan,
    /// Score shards: a unit each.
    Score,
    /// Build, check and publish audiences: one unit.
    Publish,
    /// Prepare the tables of a search: one unit.
    Prepare,
    /// Train the trials of a search: a unit each on every rung.
    Search,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Train, Self::Plan, Self::Score, Self::Publish, Self::Prepare, Self::Search];

    /// The word for it in command lines, logs and file names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Plan => "plan",
            Self::Score => "score",
            Self::Publish => "publish",
            Self::Prepare => "prepare",
            Self::Search => "search",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a stage: use train, plan, score, publish, prepare or search")]
pub struct UnknownStage(String);

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == text).ok_or_else(|| UnknownStage(text.to_owned()))
    }
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

impl TryFrom<i32> for Stage {
    type Error = Malformed;

    fn try_from(number: i32) -> Result<Self, Malformed> {
        match v1::Stage::try_from(number) {
            Ok(v1::Stage::Train) => Ok(Self::Train),
            Ok(v1::Stage::Plan) => Ok(Self::Plan),
            Ok(v1::Stage::Score) => Ok(Self::Score),
            Ok(v1::Stage::Publish) => Ok(Self::Publish),
            Ok(v1::Stage::Prepare) => Ok(Self::Prepare),
            Ok(v1::Stage::Search) => Ok(Self::Search),
            Ok(v1::Stage::Unspecified) | Err(_) => Err(Malformed::Number { field: "stage", number }),
        }
    }
}

/// One unit of work of a run: what a lease is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Fit, evaluate and register the model.
    Train,
    /// Prepare tables and freeze the shard plan.
    Plan,
    /// Score one shard of the plan.
    Score(Shard),
    /// Build, check and publish the audiences.
    Publish,
    /// Prepare the tables that all trials read.
    Prepare,
    /// Train a trial of the search on one rung.
    Trial(Trial),
}

impl Unit {
    /// The stage that it is a unit of.
    pub fn stage(self) -> Stage {
        match self {
            Self::Train => Stage::Train,
            Self::Plan => Stage::Plan,
            Self::Score(_) => Stage::Score,
            Self::Publish => Stage::Publish,
            Self::Prepare => Stage::Prepare,
            Self::Trial(_) => Stage::Search,
        }
    }
}

impl Unit {
    /// The shard's number, where it is one.
    pub fn shard(self) -> Option<u64> {
        match self {
            Self::Score(shard) => Some(shard.0),
            Self::Train | Self::Plan | Self::Publish | Self::Prepare | Self::Trial(_) => None,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Train | Self::Plan | Self::Publish | Self::Prepare => self.stage().fmt(f),
            Self::Score(shard) => write!(f, "shard {shard}"),
            Self::Trial(trial) => write!(f, "training {trial} of the search"),
        }
    }
}

impl From<Unit> for v1::Unit {
    fn from(unit: Unit) -> Self {
        let (shard, trial) = match unit {
            Unit::Score(shard) => (shard.0, 0),
            Unit::Trial(trial) => (0, trial.0),
            Unit::Train | Unit::Plan | Unit::Publish | Unit::Prepare => (0, 0),
        };
        Self { stage: v1::Stage::from(unit.stage()).into(), shard, trial }
    }
}

impl TryFrom<v1::Unit> for Unit {
    type Error = Malformed;

    fn try_from(unit: v1::Unit) -> Result<Self, Malformed> {
        Ok(match Stage::try_from(unit.stage)? {
            Stage::Train => Self::Train,
            Stage::Plan => Self::Plan,
            Stage::Score => Self::Score(Shard(unit.shard)),
            Stage::Publish => Self::Publish,
            Stage::Prepare => Self::Prepare,
            Stage::Search => Self::Trial(Trial(unit.trial)),
        })
    }
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

numbers! {
    /// A shard of a run's frozen plan: 0, 1, …
    Shard;
    /// A training of a run's search, numbered rung by rung: 0, 1, …
    Trial;
    /// One try at a unit of work; unique within its run over all coordinators.
    Attempt;
    /// One coordinator's term over a run; a larger one supersedes a smaller one.
    Epoch;
    /// One launch of processes for a stage of a run.
    Generation;
    /// The right to work on one unit for a while; unique within its run.
    LeaseId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_survives_the_wire() {
        let of_many = [0, 7, u64::MAX].into_iter().flat_map(|n| [Unit::Score(Shard(n)), Unit::Trial(Trial(n))]);
        for unit in [Unit::Train, Unit::Plan, Unit::Publish, Unit::Prepare].into_iter().chain(of_many) {
            assert_eq!(Unit::try_from(v1::Unit::from(unit)), Ok(unit));
        }
    }

    #[test]
    fn a_stage_nobody_knows_is_malformed() {
        for number in [0, 7, -1] {
            assert_eq!(Stage::try_from(number), Err(Malformed::Number { field: "stage", number }));
        }
    }

    #[test]
    fn stages_parse_from_their_own_words() {
        for stage in Stage::ALL {
            assert_eq!(stage.to_string().parse(), Ok(stage));
        }
        assert!("Train".parse::<Stage>().is_err());
    }
}
