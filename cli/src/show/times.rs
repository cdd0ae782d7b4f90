//! Moments of a coordinator's answers.

use chrono::SecondsFormat;
use proto::api::{Timestamp, from_timestamp};

/// A moment in UTC, to the second; empty where there is none.
pub(super) fn text(time: Option<&Timestamp>) -> String {
    let time = time.and_then(from_timestamp);
    time.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true)).unwrap_or_default()
}
