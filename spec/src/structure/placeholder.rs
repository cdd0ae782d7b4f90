//! What stands in for a required value that is wrong or missing, so that the rest of a document can still be read.

use serde_json::{Map, Value as Json, json};

use crate::shape::{Bound, Record, Shape};

/// The plainest value of a shape.
pub(super) fn of(shape: &Shape) -> Json {
    match shape {
        Shape::Optional(_) | Shape::Any => Json::Null,
        Shape::Boolean => json!(false),
        Shape::Scalar | Shape::Text(None) => json!("x"),
        Shape::Text(Some(form)) => json!(form.example),
        Shape::Whole { least, .. } => json!(u64::try_from(*least).unwrap_or_default()),
        Shape::Decimal { low, high, .. } => json!(between(*low, *high)),
        Shape::Words { words, .. } => json!(words.first()),
        Shape::List { item, least, .. } => Json::Array(vec![of(item); *least]),
        Shape::Names { .. } => json!({}),
        Shape::Record(record) => Json::Object(required_of(record)),
        Shape::Tagged { tag, variants, .. } => {
            let mut map = Map::new();
            if let Some((word, record)) = variants.first() {
                map.insert(tag.clone(), json!(word));
                map.extend(required_of(record));
            }
            Json::Object(map)
        }
        Shape::OneField { variants, .. } => {
            let first = variants.first().map(|(name, shape)| (name.clone(), of(shape)));
            Json::Object(first.into_iter().collect())
        }
        Shape::Either { shapes } => shapes.first().map_or(Json::Null, of),
    }
}

fn required_of(record: &Record) -> Map<String, Json> {
    let required = record.fields.iter().filter(|(_, field)| field.is_required);
    required.map(|(name, field)| (name.clone(), of(&field.shape))).collect()
}

fn between(low: Bound, high: Bound) -> f64 {
    match (low.value(), high.value()) {
        (Some(low), Some(high)) => f64::midpoint(low, high),
        (Some(low), None) => low + 1.0,
        (None, Some(high)) => high - 1.0,
        (None, None) => 0.0,
    }
}
