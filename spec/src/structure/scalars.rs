//! Values that are neither lists nor mappings.

use serde_json::Value as Json;

use super::Walk;
use super::describe::{range_of_decimals, range_of_wholes};
use crate::mistake::Mistake;
use crate::node::{Node, Number, Value};
use crate::planned;
use crate::shape::Shape;
use crate::text::{TextForm, VARIABLE};

impl Walk<'_> {
    pub(super) fn scalar(&mut self, shape: &Shape, node: &Node) -> Option<Json> {
        match &node.value {
            Value::Text(text) => Some(Json::String(text.clone())),
            Value::Boolean(value) => Some(Json::Bool(*value)),
            Value::Number(number, text) => match json_of(*number) {
                Some(number) => Some(number),
                None => self.out_of_range(node, text, "a finite number".to_owned()),
            },
            _ => self.wrong_type(shape, node),
        }
    }

    fn out_of_range(&mut self, node: &Node, text: &str, range: String) -> Option<Json> {
        self.wrong(node, Mistake::OutOfRange { value: text.to_owned(), range })
    }

    pub(super) fn whole(
        &mut self,
        shape: &Shape,
        node: &Node,
        number: Number,
        text: &str,
        least: i128,
        most: i128,
    ) -> Option<Json> {
        const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;
        let whole = match number {
            Number::Whole(whole) => whole,
            Number::Decimal(value) if value.fract() == 0.0 && value.abs() <= LARGEST_EXACT => value as i128,
            Number::Decimal(value) if value.fract() == 0.0 || value.is_infinite() => {
                return self.out_of_range(node, text, range_of_wholes(least, most, value < 0.0));
            }
            Number::Decimal(_) => return self.wrong_type(shape, node),
        };
        if (least..=most).contains(&whole) {
            json_of(Number::Whole(whole))
        } else {
            self.out_of_range(node, text, range_of_wholes(least, most, whole < least))
        }
    }

    pub(super) fn decimal(&mut self, shape: &Shape, node: &Node, value: f64, text: &str) -> Option<Json> {
        let Shape::Decimal { low, high, .. } = shape else { return self.wrong_type(shape, node) };
        if value.is_finite() && low.is_below(value) && high.is_above(value) {
            serde_json::Number::from_f64(value).map(Json::Number)
        } else {
            self.out_of_range(node, text, range_of_decimals(*low, *high))
        }
    }

    pub(super) fn word(
        &mut self,
        node: &Node,
        noun: &str,
        definition: &str,
        words: &[String],
        word: &str,
    ) -> Option<Json> {
        if words.iter().any(|known| known == word) {
            return Some(Json::String(word.to_owned()));
        }
        let (noun, word, words) = (noun.to_owned(), word.to_owned(), words.to_vec());
        let mistake = match planned::instead(definition, &word) {
            Some(instead) => Mistake::WordElsewhere { noun, word, instead },
            None if planned::is_word(definition, &word) => Mistake::WordNotAvailable { noun, word, available: words },
            None => Mistake::UnknownWord { noun, word, known: words },
        };
        self.wrong(node, mistake)
    }
}

/// A value of any form as it is written; nothing where a part of it could not be told.
pub(super) fn plain_json(node: &Node) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Unknown => return None,
        Value::Boolean(value) => Json::Bool(*value),
        Value::Number(number, text) => json_of(*number).unwrap_or_else(|| Json::String(text.clone())),
        Value::Text(text) => Json::String(text.clone()),
        Value::Parameter(value, _) => plain_json(&Node { place: node.place.clone(), value: (**value).clone() })?,
        Value::List(items) => Json::Array(items.iter().map(plain_json).collect::<Option<_>>()?),
        Value::Map(entries) => {
            let fields = entries.iter().map(|entry| Some((entry.name.clone(), plain_json(&entry.node)?)));
            Json::Object(fields.collect::<Option<_>>()?)
        }
    })
}

/// The mistake in a text that has not its form.
pub(super) fn malformed(form: &'static TextForm, text: &str) -> Option<Mistake> {
    let (noun, rule) = (form.noun, form.rule);
    match (form.check)(text) {
        true => None,
        false if text.trim().is_empty() => Some(Mistake::Blank { noun }),
        // Somebody may have written a secret where the name of its variable belongs.
        false if form.pattern == VARIABLE => Some(Mistake::Malformed { text: "…".to_owned(), noun, rule }),
        false => Some(Mistake::Malformed { text: text.to_owned(), noun, rule }),
    }
}

pub(super) fn as_f64(number: Number) -> f64 {
    match number {
        Number::Whole(whole) => whole as f64,
        Number::Decimal(value) => value,
    }
}

fn json_of(number: Number) -> Option<Json> {
    let number = match number {
        Number::Whole(whole) => match (u64::try_from(whole), i64::try_from(whole)) {
            (Ok(whole), _) => Some(whole.into()),
            (_, Ok(whole)) => Some(whole.into()),
            _ => serde_json::Number::from_f64(whole as f64),
        },
        Number::Decimal(value) => serde_json::Number::from_f64(value),
    };
    number.map(Json::Number)
}
