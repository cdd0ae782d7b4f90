//! What a preset fills, put into a document's tree beside what the user wrote.
//!
//! The user's own always wins. A step of `prepare` with the name of a filled one takes its place; other steps of the
//! user's come before all filled ones. A feature or task of the user's with the name of a filled one stands instead of
//! it, null leaves it out, and others come behind. Any other field is filled where the user does not write it.

use std::sync::LazyLock;

use serde_json::{Map, Value as Json, json};

use super::defaults::Purpose;
use super::filling::{Filling, fill};
use super::{Preset, PresetKind};
use crate::node::{Entry, Node, Number, Path, Value};
use crate::problem::{Place, Problem};
use crate::shape::Shape;
use crate::{schema, structure};

#[cfg(test)]
mod tests;

static SHAPE: LazyLock<Shape> =
    LazyLock::new(|| Shape::of_schema(&schema::of::<Preset>()).expect("a test compiles the schema of our own types"));

/// What became of a document's preset.
pub(crate) enum Merged {
    /// It has none.
    None,
    /// The document is filled; what the preset filled stands where the preset does.
    Filled(PresetKind, Place),
    /// Its kind cannot be told, which is reported, and so nothing can be said of the rest of the document.
    Unknown,
}

/// Fills a document from its preset, if it has one.
pub(crate) fn merge(document: &mut Node, problems: &mut Vec<Problem>) -> Merged {
    let purpose = match document.get("kind").and_then(Node::text) {
        Some("Training") => Purpose::Training,
        Some("Scoring") => Purpose::Scoring,
        _ => return Merged::None,
    };
    let Some(written) = document.get("spec").and_then(|spec| spec.get("preset")) else { return Merged::None };
    let place = written.place.clone();
    let path = Path::default().name("spec").name("preset");
    let mut found = Vec::new();
    let checked = structure::check_at(&SHAPE, written, path.clone(), &mut found);
    let has_kind = !checked.damage.contains(&path.name("kind"));
    let preset = checked.json.filter(|_| has_kind).and_then(|json| serde_json::from_value::<Preset>(json).ok());
    let Some(preset) = preset else {
        problems.extend(found);
        return Merged::Unknown;
    };
    if let Some(spec) = document.get_mut("spec") {
        put_into(spec, fill(&preset, purpose), &place);
    }
    Merged::Filled(preset.kind, place)
}

fn put_into(spec: &mut Node, filling: Filling, place: &Place) {
    let Filling { steps, named, fields } = filling;
    let Value::Map(entries) = &mut spec.value else { return };
    match entries.iter_mut().find(|entry| entry.name == "prepare") {
        Some(written) => merge_steps(&mut written.node.value, steps, place),
        None => {
            let steps = steps.into_iter().map(|step| step_node(step, place)).collect();
            entries.push(entry("prepare", Value::List(steps), place));
        }
    }
    for (field, parts) in named {
        match entries.iter_mut().find(|entry| entry.name == field) {
            Some(written) => merge_parts(&mut written.node.value, parts, place),
            None => entries.push(entry(field, value_of(Json::Object(parts), place), place)),
        }
    }
    for (field, json) in fields {
        if entries.iter().all(|entry| entry.name != field) {
            entries.push(entry(field, value_of(json, place), place));
        }
    }
}

/// Steps of one name are one step, the user's.
fn merge_steps(written: &mut Value, filled: Vec<(&'static str, String)>, place: &Place) {
    let Value::List(own) = written else { return };
    let name_of = |step: &Node| step.get("name").and_then(Node::text).map(str::to_owned);
    let merged: Vec<Node> = filled
        .into_iter()
        .map(|step| match own.iter().position(|own| name_of(own).as_deref() == Some(step.0)) {
            Some(index) => own.remove(index),
            None => step_node(step, place),
        })
        .collect();
    own.extend(merged);
}

/// Parts of one name are one part, the user's; null leaves it out.
fn merge_parts(written: &mut Value, filled: Map<String, Json>, place: &Place) {
    let Value::Map(own) = written else { return };
    let mut merged = Vec::with_capacity(filled.len() + own.len());
    for (name, json) in filled {
        match own.iter().position(|entry| entry.name == name) {
            Some(index) => merged.push(own.remove(index)),
            None => merged.push(entry(&name, value_of(json, place), place)),
        }
        merged.pop_if(|entry| entry.node.value == Value::Null);
    }
    merged.append(own);
    *own = merged;
}

fn step_node((name, sql): (&str, String), place: &Place) -> Node {
    Node { place: place.clone(), value: value_of(json!({"name": name, "sql": sql}), place) }
}

fn entry(name: &str, value: Value, place: &Place) -> Entry {
    Entry { name: name.to_owned(), place: place.clone(), node: Node { place: place.clone(), value } }
}

/// JSON as it would have been written at a place.
fn value_of(json: Json, place: &Place) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Boolean(value),
        Json::Number(number) => {
            let text = number.to_string();
            let whole = number.as_i64().map(|whole| Number::Whole(whole.into()));
            Value::Number(whole.or_else(|| number.as_f64().map(Number::Decimal)).unwrap_or(Number::Whole(0)), text)
        }
        Json::String(text) => Value::Text(text),
        Json::Array(items) => {
            let node = |item| Node { place: place.clone(), value: value_of(item, place) };
            Value::List(items.into_iter().map(node).collect())
        }
        Json::Object(fields) => {
            Value::Map(fields.into_iter().map(|(name, json)| entry(&name, value_of(json, place), place)).collect())
        }
    }
}
