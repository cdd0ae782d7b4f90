//! Slots: the moments at which a schedule comes due.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::ScheduleName;

use crate::names::ClientToken;

/// What the client tokens of slots begin with, and no other's may: a slot's submission is found by its token.
pub(crate) const SLOT_TOKENS: &str = "schedule/";

/// A moment at which a schedule comes due, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub DateTime<Utc>);

impl Slot {
    /// What names the submit for this slot of a schedule: always the same.
    pub fn client_token(self, schedule: &ScheduleName) -> ClientToken {
        let token = format!("{SLOT_TOKENS}{schedule}/{self}");
        token.parse().expect("a name of at most 63 letters and a time are a client token")
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format("%Y-%m-%dT%H:%MZ").fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_of_a_schedule_has_one_token_whatever_the_schedules_name() {
        let slot = Slot("2026-03-29T01:30:00Z".parse().unwrap());
        let name: ScheduleName = "n".repeat(63).parse().unwrap();
        assert_eq!(slot.client_token(&name).as_str(), format!("schedule/{name}/2026-03-29T01:30Z"));
    }
}
