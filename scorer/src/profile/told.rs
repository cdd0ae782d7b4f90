//! What `profile.json` says.

use artifacts::registry::ModelIdentity;
use chrono::NaiveDate;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::ids::{AudienceName, ColumnName, RunId, TableName, TaskName, TierName, Version};

use super::plan::OutputKind;
use super::scores::{LastScores, ReachPoint, ScoreCell};
use super::tgi::Index;
use crate::select::waterfall::Step;

/// The form of the profiles that this program writes.
pub const PROFILE_SCHEMA_VERSION: u32 = 1;

/// Who is in a version of an audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// [`PROFILE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The audience.
    pub audience: AudienceName,
    /// Its version.
    pub version: Version,
    /// The run that made it.
    pub run: RunId,
    /// The day that the run is of.
    pub date: NaiveDate,
    /// The model.
    pub model: ModelIdentity,
    /// What people are ordered by.
    pub rank_by: String,
    /// Rows of the population.
    pub population: u64,
    /// People left to be cut.
    pub eligible: u64,
    /// People taken, holdout included.
    pub selected: u64,
    /// From the population down to the selected people.
    pub waterfall: Vec<Step>,
    /// The tiers, from the top down.
    pub tiers: IndexMap<TierName, TierProfile>,
    /// What the model expects of people, by task whose output is one number.
    pub outputs: IndexMap<TaskName, OutputProfile>,
    /// How many people it shares with other audiences of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlaps: Vec<Overlap>,
    /// Whom it is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<SeedsProfile>,
    /// Eligible people by rank, ascending.
    pub scores: Vec<ScoreCell>,
    /// How many people stand at or above a rank, from the top down.
    pub reach: Vec<ReachPoint>,
    /// The ranks of the version before, if it has a profile that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastScores>,
    /// People whom a told count of a value stands for at least.
    pub min_cell: u32,
    /// What people have, the column that tells most about the audience first.
    pub columns: Vec<ColumnProfile>,
    /// Columns of the model's features whose values are of a type that cannot be told apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<ColumnName>,
}

/// A tier.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierProfile {
    /// People to be addressed.
    pub people: u64,
    /// People held out.
    pub holdout: u64,
    /// The highest rank; nothing where the tier is empty.
    pub highest: Option<f64>,
    /// The lowest.
    pub lowest: Option<f64>,
}

/// What a task's outputs come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputProfile {
    /// What a sum of them is.
    pub kind: OutputKind,
    /// Of the population.
    pub population: Expected,
    /// Of those who are addressed, by tier.
    pub tiers: IndexMap<TierName, Expected>,
    /// Of those who are held out, by tier.
    pub holdout: IndexMap<TierName, Expected>,
}

/// What is expected of some people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The people.
    pub people: u64,
    /// The sum of the outputs.
    pub sum: f64,
    /// Their mean; nothing of nobody.
    pub mean: Option<f64>,
}

/// People who are in another audience of the run too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// The other one.
    pub audience: AudienceName,
    /// Its people.
    pub people: u64,
    /// Those of them who are in this one.
    pub shared: u64,
}

/// Seeds, as far as they are in the population.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedsProfile {
    /// The table.
    pub table: TableName,
    /// People in it.
    pub listed: u64,
    /// Those in the population.
    pub population: u64,
    /// Those who are selected.
    pub selected: u64,
}

/// What people have in a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnProfile {
    /// The column.
    pub column: ColumnName,
    /// Values that are told, the most significant first.
    pub values: Vec<ValueProfile>,
    /// Values that some have and that are not told because too few do.
    pub suppressed: u64,
    /// Values that would be told if there were room.
    pub beyond: u64,
    /// Where there are too many values to tell all apart: any that more people of the population have is told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surely_above: Option<u64>,
}

/// Which values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueKind {
    /// One, or a bin of numbers.
    Value,
    /// Those that are not told apart, together.
    Other,
    /// None.
    Missing,
}

/// How frequent a value is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueProfile {
    /// The value, or a bin in words.
    pub value: String,
    /// Which values it stands for.
    pub kind: ValueKind,
    /// Its place among the column's values: bins ascend.
    pub place: usize,
    /// People of the population who have it.
    pub population: u64,
    /// Their share, 0..1.
    pub population_share: f64,
    /// In the audience.
    pub audience: Index,
    /// In the tiers of which it may be told.
    pub tiers: IndexMap<TierName, Index>,
    /// Among the seeds, if it may be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<Index>,
}

impl ColumnProfile {
    /// How much the column's values tell: the largest distance of one from a draw at random.
    pub fn significance(&self) -> f64 {
        self.values.iter().map(|value| value.audience.z.abs()).fold(0.0, f64::max)
    }
}

impl OutputProfile {
    /// What is expected of all who are addressed.
    pub fn addressed(&self) -> Expected {
        let (people, sum) =
            self.tiers.values().fold((0, 0.0), |(people, sum), tier| (people + tier.people, sum + tier.sum));
        Expected::of(people, sum)
    }
}

impl Expected {
    /// Of so many people.
    pub fn of(people: u64, sum: f64) -> Self {
        Self { people, sum, mean: (people > 0).then(|| sum / people as f64) }
    }
}
