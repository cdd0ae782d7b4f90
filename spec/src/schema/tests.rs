//! What editors are told.

use super::*;

/// The schema that a reference stands for, or itself.
fn resolved<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    match schema["$ref"].as_str() {
        Some(path) => root.pointer(path.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

fn check_described(schema: &Json, path: &str, undescribed: &mut Vec<String>) {
    let Json::Object(fields) = schema else { return };
    for (name, field) in fields.get("properties").and_then(Json::as_object).into_iter().flatten() {
        let is_tag = field.get("const").is_some();
        let is_variant = fields["properties"].as_object().unwrap().len() == 1;
        if !is_tag && !is_variant && field.get("description").is_none() {
            undescribed.push(format!("{path}.{name}"));
        }
        check_described(field, &format!("{path}.{name}"), undescribed);
    }
    for key in ["oneOf", "anyOf"] {
        for choice in fields.get(key).and_then(Json::as_array).into_iter().flatten() {
            check_described(choice, path, undescribed);
        }
    }
}

#[test]
fn every_field_has_a_description() {
    let schema = schema();
    let mut undescribed = Vec::new();
    check_described(&schema, "", &mut undescribed);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        check_described(definition, name, &mut undescribed);
    }
    assert_eq!(undescribed, Vec::<String>::new());
}

#[test]
fn kind_tells_the_documents_apart() {
    let schema = schema();
    let kinds: Vec<&Json> =
        schema["oneOf"].as_array().unwrap().iter().map(|kind| &kind["properties"]["kind"]["const"]).collect();
    assert_eq!(kinds, ["Training", "Scoring", "Preparation"]);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn a_value_with_a_form_may_be_a_parameter() {
    let schema = schema();
    let scoring = &schema["$defs"]["ScoringSpec"]["properties"];
    let parameter = json!({"$ref": "#/$defs/Parameter"});
    assert_eq!(scoring["shard_rows"]["anyOf"][1], parameter);
    assert_eq!(scoring["shard_rows"]["anyOf"][0]["minimum"], json!(1));
    assert_eq!(scoring["shard_rows"]["default"], json!(2_000_000));
    assert_eq!(resolved(&schema, &scoring["model"])["anyOf"][1], parameter);
    assert_eq!(resolved(&schema, &schema["$defs"]["Network"]["oneOf"][0]["properties"]["kind"])["const"], "linear");
    assert!(resolved(&schema, &parameter)["pattern"].is_string());
}

#[test]
fn a_preset_stands_for_the_fields_that_it_fills() {
    let schema = schema();
    let (training, scoring) = (&schema["$defs"]["TrainingSpec"], &schema["$defs"]["ScoringSpec"]);
    assert_eq!(training["required"], json!(["tables"]));
    assert_eq!(scoring["required"], json!(["model", "tables"]));
    for spec in [training, scoring] {
        assert_eq!(spec["anyOf"][0], json!({"required": ["preset"]}));
    }
    assert_eq!(scoring["anyOf"][1], json!({"required": ["population", "key"]}));
    let features = training["properties"]["features"]["patternProperties"].as_object().unwrap();
    assert!(features.values().all(|feature| feature["anyOf"][1] == json!({"type": "null"})), "{features:?}");
}

#[test]
fn the_schema_is_the_same_every_time() {
    assert_eq!(schema().to_string(), schema().to_string());
}
