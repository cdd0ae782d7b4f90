//! `schedule`: when a document runs by itself, and what it waits for.
//!
//! What fires when is a pure function of the document: a [`Timetable`] gives the instants of a [`CronSchedule`], with the
//! time zone's changes of the clock in them. Who keeps schedules, and what has fired, is the coordinator's.

mod cron;
mod field;
mod mistake;
#[cfg(test)]
mod tests;
mod timetable;
mod zone;

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cron::Cron;
pub use field::CronField;
pub use mistake::{FieldFault, InvalidCron, InvalidSchedule};
pub use timetable::{Slots, Timetable};
pub use zone::TimeZone;

/// When a document runs by itself, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CronSchedule {
    /// Minute, hour, day of the month, month and day of the week, such as `0 2 * * *`.
    #[schemars(schema_with = "crate::text::not_blank")]
    pub cron: String,
    /// The zone whose clock that is, by its IANA name such as `Asia/Shanghai`.
    #[serde(default = "utc")]
    #[schemars(schema_with = "crate::text::not_blank")]
    pub time_zone: String,
    /// What becomes of a slot whose predecessor has not ended.
    #[serde(default)]
    pub overlap: Overlap,
    /// How many slots that came due while no coordinator ran are caught up with, the latest ones.
    #[serde(default = "default_catch_up")]
    #[schemars(range(max = 100))]
    pub catch_up: u32,
    /// The first day with slots, in the schedule's zone; from the start when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<NaiveDate>,
    /// The last day with slots, in the schedule's zone; for good when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<NaiveDate>,
    /// What must be there before a slot's documents are run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wait_for: Vec<WaitFor>,
}

/// What becomes of a slot whose predecessor has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It waits until the one before has ended.
    Queue,
    /// The one before is cancelled.
    Cancel,
}

/// Something that must be there before a slot's documents are run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// A file such as `_SUCCESS`, a folder with a file in it, or a pattern that a file matches.
    #[schemars(schema_with = "crate::text::address")]
    pub url: String,
    /// How long it is waited for before the slot counts as missed, such as `6h`.
    #[serde(default = "default_timeout")]
    #[schemars(schema_with = "crate::text::duration")]
    pub timeout: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn default_catch_up() -> u32 {
    1
}

fn default_timeout() -> String {
    "24h".to_owned()
}

impl Overlap {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Cancel => "cancel",
        }
    }
}
