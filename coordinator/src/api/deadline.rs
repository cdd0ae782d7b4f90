//! The deadline that a client gives its call: the header `grpc-timeout`.
//!
//! The gate ends calls with one answer, and streams end themselves, a little before the server would without a word of why.

use std::time::{Duration, Instant};

use axum::http::HeaderMap;

/// When a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// The deadline of a request that arrived at `arrived`; `None` without one, or with one that cannot be read.
    pub(super) fn of(headers: &HeaderMap, arrived: Instant) -> Option<Self> {
        let timeout = parsed(headers.get("grpc-timeout")?.to_str().ok()?)?;
        arrived.checked_add(timeout).map(Self)
    }

    /// How long this program takes at most: a little less, so that its answer is the first.
    pub(super) fn own(&self) -> Duration {
        let left = self.left();
        left - (left / 20).min(Duration::from_millis(50))
    }

    /// How long it is until then.
    pub(super) fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// At most eight digits and a unit, as gRPC's description of its wire format has it.
fn parsed(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_digits_and_a_unit() {
        for (text, expected) in [
            ("1H", Duration::from_secs(3600)),
            ("2M", Duration::from_secs(120)),
            ("30S", Duration::from_secs(30)),
            ("99999999m", Duration::from_millis(99_999_999)),
            ("7u", Duration::from_micros(7)),
            ("0n", Duration::ZERO),
        ] {
            assert_eq!(parsed(text), Some(expected), "{text}");
        }
        for bad in ["", "S", "5", "5s", "-5S", "123456789S", "5 S", "1é"] {
            assert_eq!(parsed(bad), None, "{bad:?}");
        }
    }
}
