//! The JSON Schema of documents.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value as Json, json};

use crate::preparation::Written;
use crate::preset::{FILLED_IN_SCORING, FILLED_IN_TRAINING};

#[cfg(test)]
mod tests;

/// The JSON Schema of documents for editors: completion, descriptions and mistakes while writing.
///
/// A value may also be a text with `${name}` in it wherever a document may use a parameter.
pub fn schema() -> Json {
    let mut schema = of_documents();
    if let Json::Object(root) = &mut schema {
        root.insert("title".to_owned(), json!("Kindred documents"));
        root.insert(
            "description".to_owned(),
            json!("Training, Scoring and Preparation documents; `kind` tells them apart."),
        );
    }
    allow_parameters(&mut schema);
    if let Some(Json::Object(definitions)) = schema.get_mut("$defs") {
        allow_presets(definitions);
        definitions.insert("Parameter".to_owned(), parameter());
    }
    schema
}

/// The schema of our own types, parameters put in already.
pub(crate) fn of_documents() -> Json {
    of::<Written>()
}

/// The schema of one of our own types.
pub(crate) fn of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12();
    SchemaGenerator::new(settings).into_root_schema_for::<T>().to_value()
}

/// Lets a preset stand for the fields that it fills, and null leave a feature or task of it out.
fn allow_presets(definitions: &mut Map<String, Json>) {
    let filled = [("TrainingSpec", &FILLED_IN_TRAINING[..]), ("ScoringSpec", &FILLED_IN_SCORING[..])];
    for (definition, fields) in filled {
        let Some(Json::Object(definition)) = definitions.get_mut(definition) else { continue };
        if let Some(Json::Array(required)) = definition.get_mut("required") {
            required.retain(|name| !fields.iter().any(|field| name == field));
        }
        for parts in ["features", "tasks"] {
            let Some(properties) = definition.get_mut("properties") else { continue };
            let named = properties.get_mut(parts).and_then(|parts| parts.get_mut("patternProperties"));
            for part in named.and_then(Json::as_object_mut).into_iter().flat_map(Map::values_mut) {
                *part = json!({"anyOf": [part.take(), {"type": "null"}]});
            }
        }
        definition.insert("anyOf".to_owned(), json!([{"required": ["preset"]}, {"required": fields}]));
    }
}

fn parameter() -> Json {
    json!({
        "description": "A text with parameters: `${name}` is declared under `spec.parameters`, `${run_date}` always.",
        "type": "string",
        "pattern": "\\$\\{[A-Za-z_][A-Za-z0-9_-]*\\}"
    })
}

/// Lets every value that has a form of its own be a parameter instead.
fn allow_parameters(schema: &mut Json) {
    let Json::Object(fields) = schema else { return };
    if is_leaf(fields) {
        let mut leaf = std::mem::take(fields);
        for note in ["description", "default"] {
            if let Some(note_of_leaf) = leaf.shift_remove(note) {
                fields.insert(note.to_owned(), note_of_leaf);
            }
        }
        fields.insert("anyOf".to_owned(), json!([leaf, {"$ref": "#/$defs/Parameter"}]));
        return;
    }
    for (key, below) in fields.iter_mut() {
        match (key.as_str(), below) {
            ("properties" | "patternProperties" | "$defs", Json::Object(named)) => {
                named.values_mut().filter(|schema| schema.get("const").is_none()).for_each(allow_parameters);
            }
            ("oneOf" | "anyOf", Json::Array(choices)) => choices.iter_mut().for_each(allow_parameters),
            ("items" | "additionalProperties", schema) => allow_parameters(schema),
            _ => {}
        }
    }
}

/// Whether a schema describes a value that is not a list or mapping and that a parameter's text would not satisfy.
fn is_leaf(schema: &Map<String, Json>) -> bool {
    let words = schema.get("oneOf").and_then(Json::as_array);
    if words.is_some_and(|words| words.iter().all(|word| word.get("const").is_some())) {
        return true;
    }
    let is_text = schema.get("type").is_some_and(|name| name == "string");
    let types: Vec<&str> = match schema.get("type") {
        Some(Json::String(name)) => vec![name],
        Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
        _ => return false,
    };
    let is_scalar = types.iter().all(|name| !matches!(*name, "object" | "array"));
    let is_free_text = is_text && schema.get("pattern").is_none() && schema.get("format").is_none();
    is_scalar && !is_free_text && types != ["null"] && types != ["string", "number", "boolean"]
}
