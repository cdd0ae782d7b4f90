//! Whole days as presets write them: `90d`, `13w`.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is accepted, as a regular expression for editors.
pub(crate) const PATTERN: &str = "^[0-9]{1,4}[dw]$";

/// A whole number of days, at least 1 and at most 69,993.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = PATTERN))]
pub struct Days(u32);

/// A text that is not a number of days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a number of days: write 1 to 9999 and d or w, such as 90d or 13w")]
pub struct InvalidDays {
    /// The text as written.
    pub text: String,
}

impl Days {
    pub(super) const fn new(days: u32) -> Self {
        Self(days)
    }

    /// How many.
    pub fn count(self) -> u32 {
        self.0
    }
}

impl FromStr for Days {
    type Err = InvalidDays;

    fn from_str(text: &str) -> Result<Self, InvalidDays> {
        let invalid = || InvalidDays { text: text.to_owned() };
        let (digits, days_of_one) = match (text.strip_suffix('d'), text.strip_suffix('w')) {
            (Some(digits), _) => (digits, 1),
            (None, Some(digits)) => (digits, 7),
            (None, None) => return Err(invalid()),
        };
        let is_written_out = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let count: u32 = digits.parse().ok().filter(|count| is_written_out && *count > 0).ok_or_else(invalid)?;
        Ok(Self(count * days_of_one))
    }
}

impl TryFrom<String> for Days {
    type Error = InvalidDays;

    fn try_from(text: String) -> Result<Self, InvalidDays> {
        text.parse()
    }
}

impl From<Days> for String {
    fn from(days: Days) -> String {
        days.to_string()
    }
}

/// As documents write it: in weeks where days would take five digits.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 > 9999 { write!(f, "{}w", self.0 / 7) } else { write!(f, "{}d", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weeks_are_counted_and_written_again() {
        for (text, days, written) in
            [("1d", 1, "1d"), ("13w", 91, "91d"), ("9999d", 9999, "9999d"), ("9999w", 69_993, "9999w")]
        {
            let read: Days = text.parse().unwrap();
            assert_eq!((read.count(), read.to_string().as_str()), (days, written));
            assert_eq!(read.to_string().parse(), Ok(read));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "d", "90", "0d", "-1d", "+1d", "1.5d", "90 d", "12h", "10000d", "1é", "3m"] {
            assert_eq!(text.parse::<Days>(), Err(InvalidDays { text: text.to_owned() }), "{text}");
        }
    }
}
