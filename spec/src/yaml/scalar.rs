//! Plain scalars by YAML 1.2's core schema: null, booleans, numbers, and text for everything else.

use crate::node::{Number, Value};

/// The value that a plain scalar means. Dates are text; `yes` and `on` are text.
pub(crate) fn resolve(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Boolean(true),
        "false" | "False" | "FALSE" => Value::Boolean(false),
        _ => match number(&text) {
            Some(number) => Value::Number(number, text),
            None => Value::Text(text),
        },
    }
}

fn number(text: &str) -> Option<Number> {
    let whole = |digits: &str, radix| i128::from_str_radix(digits, radix).ok().map(Number::Whole);
    if let Some(digits) = text.strip_prefix("0x") {
        return digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| whole(digits, 16))?;
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| whole(digits, 8))?;
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
        return Some(Number::Decimal(sign * f64::INFINITY));
    }
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Some(Number::Decimal(f64::NAN));
    }
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !unsigned.is_empty() && is_digits(unsigned) {
        return whole(text, 10).or_else(|| text.parse().ok().map(Number::Decimal));
    }
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (left, right) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let has_digits = (!left.is_empty() || !right.is_empty()) && !exponent.is_empty();
    let is_decimal = has_digits && [left, right, exponent].into_iter().all(is_digits);
    if is_decimal { text.parse().ok().map(Number::Decimal) } else { None }
}
