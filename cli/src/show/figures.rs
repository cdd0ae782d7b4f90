//! Numbers and JSON values as people read them.

use serde_json::Value;

/// A count with thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A measure: four decimals where it is small, fewer where it is large.
pub(crate) fn figure(number: f64) -> String {
    match number.abs() {
        size if !size.is_finite() => "–".to_owned(),
        size if size >= 10_000.0 => format!("{number:.0}"),
        size if size >= 100.0 => format!("{number:.1}"),
        size if size >= 10.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

/// Any JSON value in a cell.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(whole), _) => count(whole),
            (None, Some(number)) => figure(number),
            (None, None) => number.to_string(),
        },
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_have_their_thousands_apart() {
        let cases = [(0, "0"), (999, "999"), (1000, "1,000"), (23_570, "23,570"), (1_234_567, "1,234,567")];
        for (number, expected) in cases {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn measures_keep_the_digits_that_matter() {
        let cases =
            [(0.712_345, "0.7123"), (-0.5, "-0.5000"), (36.789, "36.79"), (123.45, "123.5"), (54321.6, "54322")];
        for (number, expected) in cases {
            assert_eq!(figure(number), expected);
        }
        assert_eq!(figure(f64::NAN), "–");
    }

    #[test]
    fn any_value_has_a_text() {
        assert_eq!(text(&json!(["candidate", "production"])), "candidate, production");
        assert_eq!(text(&json!(null)), "–");
        assert_eq!(text(&json!(1500)), "1,500");
        assert_eq!(text(&json!(true)), "yes");
    }
}
