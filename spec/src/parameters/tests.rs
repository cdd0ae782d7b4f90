//! What becomes of `${name}`.

use serde_json::json;

use crate::testing::{SCORING, TRAINING, document, edited, mistakes, settings};
use crate::{Document, SourceFile, parse};

/// A Training document with these parameters and this query.
fn with(parameters: &str, sql: &str) -> String {
    let text = edited(TRAINING, "parameters: {today: 1998-07-01, buckets: 1000}", &format!("parameters: {parameters}"));
    let text = text.replace("${today}", "1998-07-01").replace("\"${buckets}\"", "1000");
    let step = "- {name: best_customers, sql: SELECT customer_id FROM customers}";
    edited(&text, step, &format!("- name: best_customers\n      sql: {sql}"))
}

fn sql_of(document: &Document) -> &str {
    match document {
        Document::Training(training) => &training.spec.prepare[1].sql,
        Document::Scoring(_) => panic!("a Training document was expected"),
    }
}

fn sql(parameters: &str, sql: &str) -> String {
    sql_of(&document(&with(parameters, sql))).to_owned()
}

/// What `parse` makes of a text with `--set`.
fn parse_with(text: &str, set: &[(&str, &str)]) -> Result<Document, Vec<String>> {
    let file = SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() };
    match parse(&[file], &settings(set)) {
        Ok(mut documents) => Ok(documents.remove(0)),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect()),
    }
}

#[test]
fn a_reference_inside_a_text_becomes_the_parameters_text() {
    let parameters = "{day: 1998-07-01, n: 0100, rate: 1.50, on: true, name: \"it's\"}";
    assert_eq!(sql(parameters, "a '${day}' ${n} ${rate} ${on} ${name}${n}"), "a '1998-07-01' 0100 1.50 true it's0100");
}

#[test]
fn a_reference_in_a_flow_collection_needs_no_quotes() {
    let text = with("{bins: 7}", "x");
    let text = edited(&text, "hash: {buckets: 10000}", "hash: {buckets: ${bins}}");
    let Document::Training(training) = document(&text) else { panic!("a Training document") };
    let feature = serde_json::to_value(&training.spec.features["city_x_channel"]).unwrap();
    assert_eq!(feature["hash"], json!({"buckets": 7, "seed": 0}));
}

#[test]
fn a_value_that_is_a_reference_keeps_the_parameters_type() {
    for reference in ["${bins}", "\"${bins}\"", "'${bins}'"] {
        let text = edited(&with("{bins: 7}", "x"), "buckets: 10000}", &format!("buckets: {reference}}}"));
        let Document::Training(training) = document(&text) else { panic!("a Training document") };
        let feature = serde_json::to_value(&training.spec.features["city_x_channel"]).unwrap();
        assert_eq!(feature["hash"]["buckets"], json!(7), "{reference}");
    }
    let text = edited(&with("{bins: seven}", "x"), "buckets: 10000}", "buckets: ${bins}}");
    assert_eq!(
        mistakes(&text),
        ["32:72: spec.features.city_x_channel.hash.buckets: expected a whole number, found the text `seven`"]
    );
}

#[test]
fn a_parameters_number_is_a_text_where_a_text_is_wanted() {
    let text = edited(SCORING, "spec:\n", "spec:\n  parameters: {season: 2026, most: 5}\n");
    let text = edited(&edited(&text, "salt: spring", "salt: ${season}"), "{top: 100000}", "{top: ${season}}");
    let Document::Scoring(scoring) = document(&text) else { panic!("a Scoring document") };
    let audience = &scoring.spec.audiences["likely-buyers"];
    assert_eq!(audience.holdout.as_ref().unwrap().salt, "2026");
    assert_eq!(audience.size, crate::Size::Top(2026));
}

#[test]
fn two_dollars_write_the_characters_themselves() {
    assert_eq!(sql("{a: 1}", "x '$${a}' $${ ${a} $$ $5"), "x '${a}' ${ 1 $$ $5");
    assert_eq!(sql("{a: $}", "x${a}${a}"), "x$$");
}

#[test]
fn a_parameter_may_use_the_ones_before_it() {
    assert_eq!(
        sql("{from: \"${run_date}\", text: \"since ${from}\", n: 5, m: ${n}}", "${text} ${m}"),
        "since 2026-03-31 5"
    );
    assert_eq!(
        mistakes(&with("{a: \"${b}\", b: \"${b}\"}", "x")),
        [
            "6:19: spec.parameters.a: the parameter `b` is used before it is declared",
            "6:30: spec.parameters.b: the parameter `b` is used before it is declared",
        ]
    );
}

#[test]
fn an_unknown_parameter_is_named_with_what_was_meant() {
    assert_eq!(
        mistakes(&with("{today: a}", "\"${todya} ${nothing_like_it}\"")),
        [
            "21:12: spec.prepare[1].sql: there is no parameter `todya` (did you mean `today`?)",
            "21:12: spec.prepare[1].sql: there is no parameter `nothing_like_it` (declared: run_date, today)",
        ]
    );
}

#[test]
fn what_is_no_reference_is_not_taken_for_one() {
    for (sql, text) in
        [("\"${a b}\"", "${a b}"), ("\"x ${}\"", "${}"), ("\"x ${a\"", "${a"), ("\"${${a}}\"", "${${a}}")]
    {
        let reference = format!(
            "21:12: spec.prepare[1].sql: `{text}` is no parameter: write ${{name}}, or $${{ for the two characters themselves"
        );
        assert_eq!(mistakes(&with("{a: 1}", sql)).first(), Some(&reference), "{sql}");
    }
    assert_eq!(
        mistakes(&edited(TRAINING, "    channel:", "    ${today}:")),
        ["27:5: spec.features.\"${today}\": parameters are put into values, not into the names of fields"]
    );
}

#[test]
fn a_parameter_is_one_value_with_a_name() {
    assert_eq!(
        mistakes(&with("{a: [1], b: {c: 1}, d: ~, \"e f\": 1, 5: x}", "${a} ${d}")),
        [
            "6:16: spec.parameters.a: a parameter is a text, a number, true or false; found a list",
            "6:24: spec.parameters.b: a parameter is a text, a number, true or false; found a mapping",
            "6:35: spec.parameters.d: a parameter is a text, a number, true or false; found nothing",
            "6:41: spec.parameters.\"e f\": `e f` is not a parameter's name: use letters, digits, `_` and `-`, starting with a letter or `_`",
            "6:51: spec.parameters.5: `5` is not a parameter's name: use letters, digits, `_` and `-`, starting with a letter or `_`",
        ]
    );
}

#[test]
fn set_overrides_what_is_declared() {
    let text = with("{day: 1998-07-01, n: 5, on: true, word: x}", "${day} ${n} ${on} ${word}");
    let set = parse_with(&text, &[("day", "1999-01-01"), ("n", "0.5"), ("on", "false"), ("word", "007")]).unwrap();
    assert_eq!(sql_of(&set), "1999-01-01 0.5 false 007");
    let Document::Training(training) = set else { panic!("a Training document") };
    assert_eq!(
        serde_json::to_value(&training.spec.parameters).unwrap(),
        json!({"day": "1999-01-01", "n": 0.5, "on": false, "word": "007"})
    );
}

#[test]
fn set_keeps_the_declared_type() {
    let text = with("{n: 5, on: true}", "x");
    assert_eq!(
        parse_with(&text, &[("n", "five"), ("on", "1")]).unwrap_err(),
        [
            "a.yaml:6:16: spec.parameters.n: the parameter is a number, and --set gives `five`",
            "a.yaml:6:22: spec.parameters.on: the parameter is true or false, and --set gives `1`",
        ]
    );
}

#[test]
fn set_names_a_parameter_that_some_document_declares() {
    let text = with("{today: 5}", "x");
    assert_eq!(
        parse_with(&text, &[("todya", "5")]).unwrap_err(),
        ["--set: no document declares the parameter `todya` (did you mean `today`?)"]
    );
    let both = format!("{text}---\n{SCORING}");
    assert!(parse_with(&both, &[("today", "6")]).is_ok());
}

#[test]
fn what_is_set_cannot_change_the_form_of_a_document() {
    let hostile = "x}, extra: {a: b\n  more: 1";
    let text = with("{a: x}", "${a}");
    assert_eq!(sql_of(&parse_with(&text, &[("a", hostile)]).unwrap()), hostile);
    assert_eq!(sql_of(&parse_with(&text, &[("a", "${b}")]).unwrap()), "${b}", "what is put in is not looked at again");
}

#[test]
fn the_run_date_is_always_there_and_can_be_said() {
    assert_eq!(sql("{a: 1}", "x ${run_date}"), "x 2026-03-31");
    assert_eq!(sql("{run_date: 1998-07-01}", "x ${run_date}"), "x 1998-07-01");
    let text = with("{run_date: 1998-07-01}", "x ${run_date}");
    assert_eq!(sql_of(&parse_with(&text, &[("run_date", "2000-02-29")]).unwrap()), "x 2000-02-29");
    assert_eq!(
        mistakes(&with("{run_date: yesterday}", "x")),
        ["6:26: spec.parameters.run_date: `yesterday` is not a date: write year, month and day, such as 2026-03-31"]
    );
    assert!(parse_with(&with("{a: 1}", "x"), &[("run_date", "1-2-3")]).is_err());
}

#[test]
fn parameters_cannot_grow_without_end() {
    let doubled: Vec<String> = (1..60).map(|n| format!("p{n}: \"${{p{}}}${{p{}}}\"", n - 1, n - 1)).collect();
    let text = with(&format!("{{p0: xxxxxxxxxxxxxxxx, {}}}", doubled.join(", ")), "${p59}");
    assert!(
        mistakes(&text).iter().any(|mistake| mistake.contains("longer than 1048576 bytes")),
        "{:?}",
        mistakes(&text)
    );
}
