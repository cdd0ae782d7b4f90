//! Features of points in time.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::ColumnName;

/// A date or timestamp as an age and as positions in the calendar's cycles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimestampFeature {
    /// The column, if it is not named like the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<ColumnName>,
    /// The day that ages count back from.
    pub reference: NaiveDate,
    /// What is taken from it.
    #[serde(default = "default_timestamp_parts")]
    #[schemars(length(min = 1))]
    pub encode: Vec<TimestampPart>,
}

fn default_timestamp_parts() -> Vec<TimestampPart> {
    vec![TimestampPart::AgeDays]
}

/// What a timestamp feature gives: an age (standardized), or sine and cosine of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimestampPart {
    /// Days before the reference, fractional, standardized; one number.
    AgeDays,
    /// Hour of the day; two numbers.
    Hour,
    /// Day of the week; two numbers.
    Weekday,
    /// Month of the year; two numbers.
    Month,
}

impl TimestampPart {
    /// The word in documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::AgeDays => "age_days",
            Self::Hour => "hour",
            Self::Weekday => "weekday",
            Self::Month => "month",
        }
    }
}
