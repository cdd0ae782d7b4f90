//! Lengths of time as a document writes them: `45s`, `30m`, `12h`, `14d`, `2w`.

use std::time::Duration;

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a length of time: write a whole number and s, m, h, d or w, such as 14d")]
pub struct InvalidDuration {
    /// The text as written.
    pub text: String,
}

/// What [`parse`] accepts, as a regular expression for editors.
pub(crate) const PATTERN: &str = "^[0-9]{1,9}[smhdw]$";

/// The length of time that a text such as `14d` means; a day is 24 hours.
///
/// # Errors
/// [`InvalidDuration`] where the text is anything but up to nine digits and one of `s m h d w`.
pub fn parse(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration { text: text.to_owned() };
    let unit = text.chars().last().ok_or_else(invalid)?;
    let unit_seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return Err(invalid()),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    let count: u64 = digits.parse().map_err(|_| invalid())?;
    Ok(Duration::from_secs(count * unit_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_counts_its_seconds() {
        for (text, seconds) in
            [("0s", 0), ("45s", 45), ("30m", 1_800), ("12h", 43_200), ("14d", 1_209_600), ("2w", 1_209_600)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "d", "14", "14 d", "-1d", "1.5d", "14D", "14days", "1234567890s", "1é"] {
            assert_eq!(parse(text), Err(InvalidDuration { text: text.to_owned() }), "{text}");
        }
    }
}
