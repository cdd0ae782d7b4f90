//! That the shape of our own types is understood whole.

use serde_json::json;

use super::*;
use crate::schema::of_documents;

#[test]
fn the_schema_of_our_types_is_understood() {
    let Shape::Tagged { tag, variants, .. } = Shape::of_schema(&of_documents()).unwrap() else { panic!("three kinds") };
    assert_eq!(tag, "kind");
    assert_eq!(variants.keys().collect::<Vec<_>>(), ["Training", "Scoring", "Preparation"]);
}

#[test]
fn a_schema_of_another_form_is_an_error_and_not_ignored() {
    for schema in [
        json!({"type": "integer", "format": "int128"}),
        json!({"type": "string", "pattern": "^unheard of$"}),
        json!({"type": "string", "format": "email"}),
        json!({"allOf": []}),
        json!(true),
    ] {
        let whole = json!({"type": "object", "properties": {"a": schema}});
        assert_eq!(
            Shape::of_schema(&whole).unwrap_err(),
            UnknownForm { definition: "Document".to_owned(), schema: whole["properties"]["a"].clone() }
        );
    }
}
