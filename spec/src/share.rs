//! Shares of a whole: a number in 0..1, or its text as a percentage such as `5%`.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A percentage, as a regular expression for editors.
pub(crate) const PATTERN: &str = "^[0-9]{1,6}(\\.[0-9]{1,12})?%$";

/// The number that a percentage means, correctly rounded: `5%` is the same number as `0.05`.
pub fn parse_percentage(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |digits: &str, most: usize| {
        (1..=most).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_digits(whole, 6) || !is_digits(fraction, 12) {
        return None;
    }
    format!("{whole}.{fraction}e-2").parse().ok()
}

/// 0 < share < 1
pub(crate) fn inner(_: &mut SchemaGenerator) -> Schema {
    number_or_percentage(json_schema!({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}))
}

/// 0 < share ≤ 1
pub(crate) fn some(_: &mut SchemaGenerator) -> Schema {
    number_or_percentage(json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}))
}

/// 0 ≤ share < 1
pub(crate) fn part(_: &mut SchemaGenerator) -> Schema {
    number_or_percentage(json_schema!({"type": "number", "minimum": 0, "exclusiveMaximum": 1}))
}

/// 0 ≤ share < 1, or null.
pub(crate) fn part_or_null(generator: &mut SchemaGenerator) -> Schema {
    or_null(part(generator))
}

/// Any share ≥ 0, above 1 too, or null.
pub(crate) fn change(_: &mut SchemaGenerator) -> Schema {
    or_null(number_or_percentage(json_schema!({"type": "number", "minimum": 0})))
}

/// 0 < share < 1, or null.
pub(crate) fn inner_or_null(generator: &mut SchemaGenerator) -> Schema {
    or_null(inner(generator))
}

fn number_or_percentage(number: Schema) -> Schema {
    json_schema!({"anyOf": [number, {"type": "string", "pattern": PATTERN}]})
}

fn or_null(mut schema: Schema) -> Schema {
    if let Some(choices) = schema.get_mut("anyOf").and_then(|choices| choices.as_array_mut()) {
        choices.push(json_schema!({"type": "null"}).to_value());
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_the_same_number_as_its_decimal_form() {
        for (text, share) in
            [("5%", 0.05), ("0.1%", 0.001), ("33.3%", 0.333), ("100%", 1.0), ("0%", 0.0), ("12.345678%", 0.123_456_78)]
        {
            assert_eq!(parse_percentage(text), Some(share), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_percentage() {
        for text in ["", "%", "5", "5 %", "-5%", "5%%", ".5%", "5.%", "1e1%", "５%"] {
            assert_eq!(parse_percentage(text), None, "{text}");
        }
    }
}
