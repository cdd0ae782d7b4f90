//! Advertising ids of devices (IDFA, Google's advertising id): UUIDs (RFC 9562).

use std::borrow::Cow;

use super::Normalized;

/// The case of a UUID's letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Lower,
    Upper,
}

/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const DIGITS: usize = 32;

/// The UUID as 8-4-4-4-12 hex digits in one case. It may be written without hyphens or in braces. Zeros alone are what a
/// device gives for nobody.
pub(super) fn uuid(text: &str, case: Case) -> Normalized<'_> {
    let text = text.trim();
    if text.is_empty() {
        return Normalized::Missing;
    }
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text);
    let Some(digits) = digits_of(inner) else { return Normalized::Invalid };
    if digits.bytes().all(|digit| digit == b'0') {
        return Normalized::Missing;
    }
    let digits = match case {
        Case::Lower => digits.to_ascii_lowercase(),
        Case::Upper => digits.to_ascii_uppercase(),
    };
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    Normalized::Id(Cow::Owned(parts.join("-")))
}

/// The 32 hex digits; nothing where there are others, or hyphens elsewhere.
fn digits_of(text: &str) -> Option<String> {
    let is_hyphenated = text.len() == DIGITS + HYPHENS.len();
    if !text.is_ascii() || (!is_hyphenated && text.len() != DIGITS) {
        return None;
    }
    if is_hyphenated && HYPHENS.iter().any(|place| text.as_bytes()[*place] != b'-') {
        return None;
    }
    let digits: String = text.chars().filter(|c| !is_hyphenated || *c != '-').collect();
    (digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then_some(digits)
}
