//! What is read from YAML, and what is said of text that is none.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::node::Number;
use crate::testing::{SCORING, TRAINING, document, edited};

fn trees(text: &str) -> (Vec<Node>, Vec<String>) {
    let (trees, problems) = read(&Arc::from("file.yaml"), text);
    (trees, problems.iter().map(|problem| problem.to_string().replace("file.yaml:", "")).collect())
}

/// The only document of a text without mistakes, as JSON.
fn tree(text: &str) -> Json {
    let (trees, problems) = trees(text);
    assert_eq!((trees.len(), problems), (1, Vec::new()), "{text:?}");
    json_of(&trees[0])
}

fn json_of(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Unknown | Value::Parameter(..) => panic!("nothing of it is in a text"),
        Value::Boolean(value) => json!(value),
        Value::Number(Number::Whole(whole), _) => json!(i64::try_from(*whole).unwrap()),
        Value::Number(Number::Decimal(value), _) if value.is_finite() => json!(value),
        Value::Number(Number::Decimal(value), _) => json!(value.to_string()),
        Value::Text(text) => json!(format!("'{text}'")),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.name.clone(), json_of(&entry.node))).collect())
        }
    }
}

fn problems(text: &str) -> Vec<String> {
    trees(text).1
}

#[test]
fn plain_scalars_follow_the_core_schema() {
    for (text, value) in [
        ("~", Json::Null),
        ("null", Json::Null),
        ("true", json!(true)),
        ("FALSE", json!(false)),
        ("yes", json!("'yes'")),
        ("on", json!("'on'")),
        ("5", json!(5)),
        ("+5", json!(5)),
        ("-5", json!(-5)),
        ("007", json!(7)),
        ("0x1F", json!(31)),
        ("0o17", json!(15)),
        ("0x", json!("'0x'")),
        ("5.", json!(5.0)),
        (".5", json!(0.5)),
        ("5e3", json!(5000.0)),
        ("-1.5E-2", json!(-0.015)),
        (".inf", json!("inf")),
        ("-.INF", json!("-inf")),
        (".nan", json!("NaN")),
        ("e5", json!("'e5'")),
        (".", json!("'.'")),
        ("5e", json!("'5e'")),
        ("1_000", json!("'1_000'")),
        ("infinity", json!("'infinity'")),
        ("1998-07-01", json!("'1998-07-01'")),
        ("12:30:45", json!("'12:30:45'")),
        ("'5'", json!("'5'")),
        ("\"true\"", json!("'true'")),
        ("!!str 5", json!("'5'")),
        ("5%", json!("'5%'")),
    ] {
        assert_eq!(tree(&format!("a: {text}")), json!({"a": value}), "{text}");
    }
}

#[test]
fn a_number_beyond_128_bits_is_still_a_number() {
    let text = "9".repeat(60);
    assert_eq!(tree(&format!("a: {text}")), json!({"a": 1e60}));
}

#[test]
fn names_are_texts_whatever_they_look_like() {
    assert_eq!(tree("{1: a, true: b, 2.50: c, no: d}"), json!({"1": "'a'", "true": "'b'", "2.50": "'c'", "no": "'d'"}));
}

#[test]
fn anchors_aliases_and_merge_keys_are_resolved() {
    let text = "a: &x {p: 1, q: 2}\nb: *x\nc: {<<: *x, q: 3}\nd: {<<: [{p: 4}, *x], r: 5}\n";
    assert_eq!(
        tree(text),
        json!({"a": {"p": 1, "q": 2}, "b": {"p": 1, "q": 2}, "c": {"q": 3, "p": 1}, "d": {"r": 5, "p": 4, "q": 2}})
    );
}

#[test]
fn a_merge_takes_mappings_alone() {
    assert_eq!(problems("a: {<<: 5}"), ["1:9: a: `<<` takes a mapping or a list of mappings"]);
    assert_eq!(problems("a: {<<: [{b: 1}, 5]}"), ["1:18: a: `<<` takes a mapping or a list of mappings"]);
}

#[test]
fn an_alias_means_something_finished() {
    assert_eq!(problems("a: *b"), ["1:4: a: not YAML: while parsing node, found unknown anchor"]);
    assert_eq!(
        problems("a: &x [1, *x]"),
        ["1:11: a[1]: an alias means a value that is finished before it in the same document"]
    );
    assert_eq!(
        problems("a: &x 1\n---\nb: *x"),
        ["3:4: b: an alias means a value that is finished before it in the same document"]
    );
}

#[test]
fn aliases_cannot_multiply_without_end() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..20 {
        let below = level - 1;
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{below}"); 10].join(", "));
    }
    assert_eq!(problems(&text).len(), 1);
    assert!(problems(&text)[0].ends_with("more than 200000 values in one file"), "{:?}", problems(&text));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1000].join(", "));
    assert!(problems(&long)[0].ends_with("more than 200000 values in one file"), "long texts count too");
}

#[test]
fn nesting_ends_somewhere() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(problems(&nested(64)), Vec::<String>::new());
    assert!(problems(&nested(65))[0].ends_with("nested more than 64 levels deep"));
    assert_eq!(problems(&nested(100_000)).len(), 1);
    assert!(problems(&"- ".repeat(100_000))[0].ends_with("nested more than 64 levels deep"));
    let by_aliases: String = (1..70).map(|level| format!("a{level}: &a{level} [*a{}]\n", level - 1)).collect();
    assert!(problems(&format!("a0: &a0 []\n{by_aliases}"))[0].ends_with("nested more than 64 levels deep"));
}

#[test]
fn a_field_is_given_once() {
    assert_eq!(
        problems("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
        ["2:11: b: `c` is given twice (first on line 2)", "3:1: `a` is given twice (first on line 1)"]
    );
}

#[test]
fn names_are_no_lists_or_mappings() {
    assert_eq!(problems("a: {[x]: 1, ? {y: 2} : 3, b: 4}").len(), 2);
    assert_eq!(problems("? [a]\n: 1\n"), ["1:3: the name of a field is a text"]);
    assert_eq!(problems("~: 1\n"), ["1:1: the name of a field is a text"]);
}

#[test]
fn tags_mean_nothing() {
    assert_eq!(problems("a: !secret x"), ["1:4: a: the tag `!secret` means nothing here (leave it out)"]);
    assert_eq!(problems("a: !!int 5").len(), 1);
    assert_eq!(problems("a: !!map {b: !!seq [1]}"), Vec::<String>::new());
}

#[test]
fn control_characters_do_not_hide_the_rest_of_a_file() {
    assert_eq!(problems("a: 1\nbé: x\u{0}y: 2\n"), ["2:6: the control character U+0000 does not belong in a document"]);
    assert_eq!(problems("a: \u{1b}[31mred"), ["1:4: the control character U+001B does not belong in a document"]);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_nothing() {
    let text = format!("\u{feff}{}", TRAINING.replace('\n', "\r\n"));
    assert_eq!(document(&text), document(TRAINING));
}

#[test]
fn what_is_not_yaml_is_said_with_its_place() {
    for (text, message) in [
        ("a: [1, 2", "1:9: a[2]: not YAML: while parsing a flow sequence, expected ',' or ']'"),
        ("a: b: c", "1:5: a: not YAML: mapping values are not allowed in this context"),
        ("a: \"x", "1:6: a: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
        ("a:\n\t- b", "2:2: a: not YAML: tabs disallowed within this context (block indentation)"),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text:?} {found:?}");
        assert!(found[0].contains("not YAML"), "{text:?} {found:?} {message}");
    }
}

#[test]
fn documents_before_a_syntax_error_are_still_checked() {
    let bad = edited(SCORING, "shard_rows: 2e6", "shard_rows: 0");
    let found = crate::testing::mistakes(&format!("{bad}---\nkind: [\n"));
    assert_eq!(found.len(), 2);
    assert!(found[0].contains("spec.shard_rows: 0 is out of range"), "{found:?}");
    assert!(found[1].contains("not YAML"), "{found:?}");
}

#[test]
fn a_text_with_every_unused_character_is_read() {
    let text = "a: \"\u{f0000}\u{f0001} ${x}\"\nb: {c: ${x}, d: '${y}'}\n";
    assert_eq!(tree(text), json!({"a": "'\u{f0000}\u{f0001} ${x}'", "b": {"c": "'${x}'", "d": "'${y}'"}}));
}
