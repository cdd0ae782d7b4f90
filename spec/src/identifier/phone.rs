//! Telephone numbers in the international form of ITU-T E.164: a country's calling code and the number within it.

mod country;

use std::borrow::Cow;

pub use country::{Country, NumberPlan};

use super::Normalized;

/// The most digits of a number, calling code included (E.164, 6.2.1).
const MOST_DIGITS: usize = 15;
/// The fewest digits that a number of a country without a plan here is taken to have.
const FEWEST_DIGITS: usize = 7;
/// What is dialled before a calling code where nothing else is known of the country (E.164's recommendation).
const ABROAD: [&str; 1] = ["00"];

/// The number in E.164, with `plus` in front of its digits.
///
/// It may be written with its calling code (`+49 30 …`, `0049 30 …`, also with `(0)`), or as it is dialled within
/// `country` (`030 …`), with blanks, hyphens, dots, slashes and brackets. Where a number has neither a prefix nor the
/// zero that its country writes, it is read as one of the country or as one with its calling code, whichever has a
/// length that such numbers have; where both have, it is invalid.
pub(super) fn e164<'a>(text: &str, country: Option<Country>, plus: &str) -> Normalized<'a> {
    let text = text.trim();
    if text.is_empty() {
        return Normalized::Missing;
    }
    let Some((has_plus, digits)) = digits_of(text) else { return Normalized::Invalid };
    let number = match (has_plus, country) {
        (true, _) => international(&digits),
        (false, Some(country)) => dialled(&digits, country.plan()),
        (false, None) => without_prefix(&digits, &ABROAD).and_then(international),
    };
    match number {
        Some((calling_code, subscriber)) => Normalized::Id(Cow::Owned(format!("{plus}{calling_code}{subscriber}"))),
        None => Normalized::Invalid,
    }
}

/// Whether there is a plus sign in front, and the digits; nothing where there is anything else but punctuation.
fn digits_of(text: &str) -> Option<(bool, String)> {
    let (mut has_plus, mut digits) = (false, String::with_capacity(text.len()));
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '+' if !has_plus && digits.is_empty() => has_plus = true,
            '-' | '.' | '/' | '(' | ')' | '\u{2010}'..='\u{2015}' | '\u{2212}' => {}
            c if c.is_whitespace() => {}
            _ => return None,
        }
    }
    Some((has_plus, digits))
}

/// Calling code and number of digits that begin with a calling code.
fn international(digits: &str) -> Option<(&str, &str)> {
    if digits.starts_with('0') || !(FEWEST_DIGITS..=MOST_DIGITS + 2).contains(&digits.len()) {
        return None;
    }
    match Country::plan_of(digits) {
        Some(plan) => {
            let (calling_code, rest) = digits.split_at(plan.calling_code.len());
            plan.subscriber(rest).map(|subscriber| (calling_code, subscriber))
        }
        None => (digits.len() <= MOST_DIGITS).then_some((digits, "")),
    }
}

/// Calling code and number of digits as they are dialled, or stored, within a country.
fn dialled<'a>(digits: &'a str, plan: &'static NumberPlan) -> Option<(&'a str, &'a str)> {
    if let Some(abroad) = without_prefix(digits, plan.abroad) {
        return international(abroad);
    }
    let national = plan.subscriber(digits);
    let has_trunk = !plan.trunk.is_empty() && digits.starts_with(plan.trunk);
    let with_code = digits.strip_prefix(plan.calling_code).filter(|_| !has_trunk);
    let with_code = with_code.and_then(|rest| plan.subscriber(rest));
    match (national, with_code) {
        (Some(_), Some(_)) | (None, None) => None,
        (Some(subscriber), None) | (None, Some(subscriber)) => Some((plan.calling_code, subscriber)),
    }
}

fn without_prefix<'a>(digits: &'a str, prefixes: &[&str]) -> Option<&'a str> {
    prefixes.iter().find_map(|prefix| digits.strip_prefix(prefix))
}
