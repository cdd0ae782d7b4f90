//! Shapes in words, for messages.

use crate::node::Value;
use crate::shape::{Bound, Shape};

/// What a field takes.
pub(crate) fn describe(shape: &Shape) -> String {
    match shape {
        Shape::Optional(shape) => describe(shape),
        Shape::Any => "any value".to_owned(),
        Shape::Scalar => "a text, a number, true or false".to_owned(),
        Shape::Boolean => "true or false".to_owned(),
        Shape::Whole { .. } => "a whole number".to_owned(),
        Shape::Decimal { is_share: false, .. } => "a number".to_owned(),
        Shape::Decimal { is_share: true, .. } => "a share such as 0.05 or 5%".to_owned(),
        Shape::Text(None) => "a text".to_owned(),
        Shape::Text(Some(form)) => form.noun.to_owned(),
        Shape::Words { words: one_of, .. } => words(one_of),
        Shape::List { item, .. } => format!("a list, each item {}", describe(item)),
        Shape::Names { value, .. } => format!("a mapping from names, each to {}", describe(value)),
        Shape::Record(record) => {
            let required: Vec<String> = record
                .fields
                .iter()
                .filter(|(_, field)| field.is_required)
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            if required.is_empty() { "a mapping".to_owned() } else { format!("a mapping with {}", required.join(", ")) }
        }
        Shape::Tagged { tag, variants, .. } => {
            let known: Vec<String> = variants.keys().cloned().collect();
            format!("a mapping with `{tag}`, {}", words(&known))
        }
        Shape::OneField { variants, .. } => {
            let known: Vec<&str> = variants.keys().map(String::as_str).collect();
            format!("a mapping with exactly one of {}", known.join(", "))
        }
        Shape::Either { shapes } => shapes.iter().map(describe).collect::<Vec<_>>().join(", or "),
    }
}

/// Words to choose from.
pub(super) fn words(words: &[String]) -> String {
    match words {
        [word] => word.clone(),
        _ => format!("one of {}", words.join(", ")),
    }
}

/// What words of a type are called: `NumericTransform` gives `numeric transform`, a tag comes after it.
pub(super) fn noun(definition: &str, tag: Option<&str>) -> String {
    let mut noun = String::new();
    for c in definition.chars() {
        if c.is_uppercase() && !noun.is_empty() {
            noun.push(' ');
        }
        noun.extend(c.to_lowercase());
    }
    match tag {
        Some(tag) => format!("{noun} {tag}"),
        None => noun,
    }
}

/// What stands where a shape is expected. Somebody may have written a secret where its source belongs.
pub(super) fn found(shape: &Shape, value: &Value) -> String {
    match shape {
        Shape::OneField { definition, .. } if definition == "SecretSource" => "something else".to_owned(),
        _ => value.describe(),
    }
}

/// How to write what was probably meant.
pub(super) fn rewrite(shape: &Shape, value: &Value) -> Option<String> {
    match (shape, value) {
        (Shape::Optional(shape), _) => rewrite(shape, value),
        (Shape::Text(_), Value::Number(_, text)) => Some(format!("put it in quotes: \"{text}\"")),
        (Shape::Text(_), Value::Boolean(value)) => Some(format!("put it in quotes: \"{value}\"")),
        (Shape::Boolean, Value::Text(text)) => match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" => Some("write true".to_owned()),
            "no" | "off" | "n" | "false" => Some("write false".to_owned()),
            _ => None,
        },
        (Shape::Whole { .. } | Shape::Decimal { .. }, Value::Text(text)) => plain_number(text),
        (Shape::List { .. }, Value::Text(text)) if !text.contains('\n') => Some(format!("write [{text}]")),
        (Shape::Tagged { tag, variants, .. }, Value::Text(word)) if variants.contains_key(word) => {
            Some(format!("write {{{tag}: {word}}}"))
        }
        _ => None,
    }
}

/// A number that was put in quotes, or whose digits were put in groups.
fn plain_number(text: &str) -> Option<String> {
    let is_number = |text: &str| text.parse::<f64>().is_ok_and(f64::is_finite);
    let plain: String = text.chars().filter(|c| !matches!(c, '_' | ',' | ' ')).collect();
    if is_number(text) {
        Some(format!("write {text} without quotes"))
    } else if text.len() < 40 && is_number(&plain) {
        Some(format!("write {plain}"))
    } else {
        None
    }
}

/// A range of whole numbers that a number is out of; an end that is only that of the type is said where it matters.
pub(super) fn range_of_wholes(least: i128, most: i128, is_below: bool) -> String {
    match most >= u32::MAX.into() {
        true if is_below => format!("at least {least}"),
        true => format!("at most {most}"),
        false => format!("{least} to {most}"),
    }
}

/// A range of numbers.
pub(super) fn range_of_decimals(low: Bound, high: Bound) -> String {
    let low = match low {
        Bound::None => None,
        Bound::Included(bound) => Some(format!("at least {bound}")),
        Bound::Excluded(bound) => Some(format!("above {bound}")),
    };
    let high = match high {
        Bound::None => None,
        Bound::Included(bound) => Some(format!("at most {bound}")),
        Bound::Excluded(bound) => Some(format!("below {bound}")),
    };
    match (low, high) {
        (Some(low), Some(high)) => format!("{low} and {high}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "a finite number".to_owned(),
    }
}

/// How many of something.
pub(super) fn length(least: usize, most: usize, what: &str) -> String {
    match (least, most) {
        (1, usize::MAX) => format!("at least one {what}"),
        (least, usize::MAX) => format!("at least {least} {what}s"),
        (0, most) => format!("at most {most} {what}s"),
        (least, most) => format!("{least} to {most} {what}s"),
    }
}
