use model::outputs::ClassOutput;
use serde_json::{Value, json};

use super::*;

fn spec(changes: Value) -> ScoringSpec {
    let mut spec = json!({
        "model": "repurchase@1",
        "tables": {"customers": {"url": "customers.parquet"}},
        "population": "customers",
        "key": "customer_id",
    });
    for (field, value) in changes.as_object().expect("fields") {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).expect("a spec")
}

fn population() -> Schema {
    Schema::new(vec![
        Field::new("customer_id", DataType::Int64, true),
        Field::new("city", DataType::Utf8, true),
        Field::new("email", DataType::Utf8, true),
        Field::new("age", DataType::Float64, true),
        Field::new("repurchase", DataType::Int64, true),
        Field::new("tags", DataType::new_list(DataType::Utf8, true), true),
    ])
}

fn number(task: &str) -> TaskOutput {
    TaskOutput { task: task.parse().expect("a name"), classes: None }
}

fn outputs() -> Vec<TaskOutput> {
    ["repurchase", "spend"].map(number).to_vec()
}

/// A model that says which product is next too.
fn layout_of_classes(rank_by: &str) -> Result<ScoreLayout> {
    let names = ["tea", "milk", "dark bread"].map(str::to_owned).to_vec();
    let next = TaskOutput { classes: Some(ClassOutput { names, top: 2 }), ..number("next") };
    let changes = json!({"audiences": {"all": {"rank_by": rank_by, "where": "next_1 <> 'milk'", "size": {"top": 1}}}});
    ScoreLayout::new(&spec(changes), &population(), &[number("spend"), next])
}

fn layout(changes: Value) -> Result<ScoreLayout> {
    ScoreLayout::new(&spec(changes), &population(), &outputs())
}

fn refusal(changes: Value) -> String {
    let error = layout(changes).expect_err("a document that cannot work");
    assert_eq!(error.class(), worker::FailureClass::Input, "{error}");
    error.to_string()
}

fn columns(layout: &ScoreLayout) -> Vec<&str> {
    layout.schema.fields().iter().map(|field| field.name().as_str()).collect()
}

fn carried(layout: &ScoreLayout) -> Vec<&str> {
    layout.carried().iter().map(ColumnName::as_str).collect()
}

#[test]
fn a_run_without_audiences_keeps_the_key_and_the_outputs() {
    let layout = layout(json!({"keep": ["city", "customer_id"]})).expect("a layout");
    assert_eq!(columns(&layout), ["customer_id", "city", "repurchase", "spend", "model_version", "scored_at"]);
    assert_eq!(carried(&layout), ["customer_id", "city"]);
}

#[test]
fn an_embedding_is_a_column_behind_the_outputs_of_a_name_of_its_own() {
    let layout = layout(json!({"embedding": "user_vector"})).expect("a layout");
    assert_eq!(columns(&layout), ["customer_id", "repurchase", "spend", "user_vector", "model_version", "scored_at"]);
    assert!(refusal(json!({"embedding": "spend"})).contains("`spend`"));
}

#[test]
fn only_what_audiences_need_is_carried_along() {
    let layout = layout(json!({"audiences": {
        "buyers": {
            "rank_by": "repurchase * spend",
            "where": "city = 'Berlin'",
            "size": {"top": 10},
            "exclude": [{"table": "recent"}, {"table": "fraud", "key": "id"}],
            "ids": [{"column": "email", "normalize": "email"}, {"column": "customer_id", "hash": "none"}],
        },
        "young": {"rank_by": "-age", "size": {"share": 0.1}, "exclude": [{"table": "fraud", "key": "id"}],
            "include": [{"table": "recent"}],
            "caps": [{"table": "recent", "time": "at", "most": 3, "within": "7d"}]},
    }}))
    .expect("a layout");
    assert_eq!(carried(&layout), ["customer_id", "email", "city", "age"]);
    assert_eq!(
        columns(&layout)[1..],
        ["repurchase", "spend", "rank:buyers", "rank:young", "id:email:sha256:email", "model_version", "scored_at"]
    );
    let table = |source: &KeySource| match source {
        KeySource::Table(table) => table.table.to_string(),
        KeySource::Capped(cap) => format!("{} contacts in {}", cap.most, cap.within),
    };
    let tables: Vec<_> = layout.key_sources.iter().map(table).collect();
    assert_eq!(tables, ["recent", "fraud", "3 contacts in 7d"]);
    let gates = |audience: usize| {
        let gates = layout.audiences[audience].gates.iter();
        gates.map(|gate| (gate.keys, gate.lets_members_in)).collect::<Vec<_>>()
    };
    assert_eq!(gates(0), [(0, false), (1, false)]);
    assert_eq!(gates(1), [(0, true), (1, false), (2, false)], "include, exclude, caps");
    assert_eq!((layout.audiences[0].filter, layout.audiences[1].rank), (Some(1), 2));
}

#[test]
fn an_output_hides_the_column_of_its_name() {
    let layout =
        layout(json!({"audiences": {"all": {"rank_by": "repurchase", "size": {"top": 1}}}})).expect("a layout");
    assert_eq!(carried(&layout), ["customer_id"], "the label column `repurchase` is not read");
}

#[test]
fn an_audience_without_ids_publishes_the_hashed_key() {
    let spec = spec(json!({"audiences": {"all": {"rank_by": "1", "size": {"top": 1}}}}));
    let (name, audience) = spec.audiences.first().expect("an audience");
    let ids = published_ids(name, audience, &spec.key).expect("ids");
    let published = published_columns(&ids, &spec.key, &population()).expect("columns");
    assert_eq!(published, [("sha256_customer_id".to_owned(), DataType::Utf8)]);
}

#[test]
fn mistakes_are_refused_with_the_column_named() {
    let audience = |fields: Value| {
        let mut audience = json!({"rank_by": "spend", "size": {"top": 1}});
        for (field, value) in fields.as_object().expect("fields") {
            audience[field] = value.clone();
        }
        json!({"audiences": {"all": audience}})
    };
    let cases = [
        (json!({"key": "Customer ID"}), "no column `Customer ID`, which `key` needs; did you mean `customer_id`?"),
        (json!({"key": "tags"}), "`tags` does not identify people"),
        (json!({"keep": ["town"]}), "no column `town`, which `keep` needs"),
        (json!({"keep": ["repurchase"]}), "two columns `repurchase`"),
        (audience(json!({"ids": [{"column": "phone"}]})), "no column `phone`, which an id needs"),
        (
            audience(json!({"ids": [{"column": "tags"}], "format": {"kind": "csv"}})),
            "column `tags` is a list, which CSV has no form for",
        ),
        (audience(json!({"ids": [{"column": "city", "explode": true}]})), "column `city` is Utf8"),
        (audience(json!({"ids": [{"column": "email"}, {"column": "city", "as": "sha256_email"}]})), "`sha256_email`"),
        (audience(json!({"ids": [{"column": "email", "as": "score"}]})), "`score`"),
        (audience(json!({"rank_by": "spendd"})), "spec.audiences.all.rank_by"),
        (audience(json!({"rank_by": "city"})), "spec.audiences.all.rank_by"),
        (audience(json!({"where": "age"})), "spec.audiences.all.where"),
    ];
    for (changes, expected) in cases {
        let told = refusal(changes);
        assert!(told.contains(expected), "{told:?} should contain {expected:?}");
    }
}

#[test]
fn classes_are_columns_by_place_and_expressions_read_any_of_them_by_label() {
    for rank_by in ["next_1_probability * spend", "next['dark bread'] + next['other']", "next['tea']"] {
        let layout = layout_of_classes(rank_by).unwrap_or_else(|error| panic!("{rank_by}: {error}"));
        let expected = ["next_1", "next_1_probability", "next_2", "next_2_probability"];
        assert_eq!(columns(&layout)[2..6], expected);
        assert_eq!(carried(&layout), ["customer_id"]);
    }
    let told = |rank_by: &str| layout_of_classes(rank_by).expect_err("no number").to_string();
    for (rank_by, words) in
        [("next", "next['label']"), ("next['salt']", "salt"), ("next_1", "Utf8"), ("next_3_probability", "next_3")]
    {
        let told = told(rank_by);
        assert!(told.contains("spec.audiences.all.rank_by") && told.contains(words), "{rank_by}: {told}");
    }
}
