//! Tests of whole documents: what is read, and that nothing makes parsing fail but with mistakes and their places.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{SCORING, TRAINING, document, edited, mistakes, parse_one, settings};
use crate::training::{Calibration, Split};
use crate::{Size, TierCut};

mod examples;

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

fn training(text: &str) -> crate::TrainingSpec {
    match document(text) {
        Document::Training(training) => training.spec,
        Document::Scoring(_) => panic!("a Training document was expected"),
    }
}

fn scoring(text: &str) -> crate::ScoringSpec {
    match document(text) {
        Document::Scoring(scoring) => scoring.spec,
        Document::Training(_) => panic!("a Scoring document was expected"),
    }
}

#[test]
fn every_field_of_a_training_document_is_read() {
    let spec = training(TRAINING);
    assert_eq!(spec.prepare[0].sql, "SELECT * FROM transactions\nWHERE date < DATE '1998-07-01'\n");
    let names: Vec<&str> = spec.features.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["recency_days", "channel", "area", "product_ids", "first_seen", "city_x_channel"]);
    assert_eq!(
        serde_json::to_value(&spec.features["area"]).unwrap(),
        json!({"kind": "categorical", "column": "city", "hash": {"buckets": 1000, "seed": 3}, "width": 8})
    );
    assert_eq!(serde_json::to_value(&spec.features["first_seen"]).unwrap()["reference"], json!("1998-07-01"));
    let Split::Key(shares) = &spec.split else { panic!("split by key") };
    assert_eq!((shares.validation, shares.test), (0.1, 0.1));
    assert_eq!((spec.training.seed, spec.training.clip_norm), (u64::MAX, None));
    assert_eq!(spec.training.optimizer.weight_decay, 1e-4);
    assert_eq!(serde_json::to_value(&spec.tasks["best"]).unwrap()["prior"], json!(0.05));
}

const PREPARATION: &str = "\
apiVersion: kindred.dev/v1
kind: Preparation
metadata: {name: rfm}
spec:
  parameters: {days: 90, today: \"${run_date}\"}
  tables: {t: {url: t.parquet}}
  prepare:
    - {name: recent, sql: \"SELECT * FROM t WHERE DATE '${today}' - day <= ${days}\"}
  resources: {memory: 1GiB, threads: 2}
";

fn preparation(text: &str) -> Result<Vec<Preparation>, Problems> {
    preparations(&[file("a.yaml", text)], &settings(&[]))
}

#[test]
fn every_field_of_a_preparation_document_is_read() {
    let read = preparation(PREPARATION).unwrap().remove(0);
    assert_eq!(read.metadata.name.as_str(), "rfm");
    assert_eq!(read.spec.prepare[0].sql, "SELECT * FROM t WHERE DATE '2026-03-31' - day <= 90");
    assert_eq!((read.spec.resources.memory.as_str(), read.spec.resources.threads), ("1GiB", Some(2)));
    let expanded = expand(&[file("a.yaml", PREPARATION)], &settings(&[])).unwrap();
    assert_eq!(preparation(&expanded).unwrap(), [read]);
}

#[test]
fn every_document_can_be_prepared_and_a_preparation_alone_cannot_be_run() {
    let all = preparation(&format!("{TRAINING}---\n{SCORING}---\n{PREPARATION}")).unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].spec.prepare, training(TRAINING).prepare);
    assert_eq!(all[1].spec.tables, scoring(SCORING).tables);
    assert_eq!(
        mistakes(PREPARATION),
        [
            "2:7: kind: there is nothing to run in a Preparation document (`kindred prepare FILE --output URL` makes its tables)"
        ]
    );
}

#[test]
fn mistakes_of_a_preparation_are_told_with_their_place() {
    let told = |from: &str, to: &str| match preparation(&edited(PREPARATION, from, to)) {
        Ok(_) => String::new(),
        Err(problems) => problems.iter().map(|problem| problem.to_string()).collect::<Vec<_>>().join("\n"),
    };
    assert_eq!(told("name: recent", "name: t"), "a.yaml:8:14: spec.prepare[0].name: there is already a table `t`");
    let unknown = told("  tables:", "  examples: t\n  tables:");
    assert!(unknown.starts_with("a.yaml:6:3: spec.examples: unknown field `examples`"), "{unknown}");
    let memory = told("memory: 1GiB", "memory: much");
    assert!(memory.starts_with("a.yaml:9:23: spec.resources.memory: "), "{memory}");
}

#[test]
fn every_field_of_a_scoring_document_is_read() {
    let spec = scoring(SCORING);
    assert_eq!(spec.shard_rows, 2_000_000);
    let audience = &spec.audiences["likely-buyers"];
    assert_eq!(audience.size, Size::Top(100_000));
    let tiers: Vec<(&str, &TierCut)> = audience.tiers.iter().map(|(name, cut)| (name.as_str(), cut)).collect();
    assert_eq!(tiers[0], ("high", &TierCut::Share(0.2)));
    assert_eq!(tiers[1], ("mid", &TierCut::Share(0.3)));
    assert_eq!(tiers[2].0, "low");
    assert_eq!(audience.guards.max_change, Some(0.3));
    assert_eq!(spec.audiences["share-of-all"].size, Size::Share(0.05));
    assert_eq!(spec.audiences["above"].size, Size::Threshold(0.3));
}

#[test]
fn what_is_left_out_has_its_default() {
    let spec = training(
        "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {name: a}\nspec:\n  tables: {t: {url: t.parquet}}\n  \
         examples: t\n  key: id\n  features: {x: {kind: numeric}}\n  tasks: {y: {kind: binary, label: y}}\n  \
         network: {kind: linear}\n",
    );
    assert_eq!(spec.training, crate::training::Fit::default());
    assert_eq!(spec.split, Split::default());
    assert_eq!(spec.calibration, Calibration::Isotonic);
    assert!(spec.parameters.is_empty());
}

#[test]
fn documents_of_all_files_come_in_order() {
    let both = format!("---\n{TRAINING}---\n# nothing here\n---\n{SCORING}...\n");
    let other = edited(TRAINING, "name: repurchase", "name: churn");
    let documents = parse(&[file("a.yaml", &both), file("b.yaml", &other)], &settings(&[])).unwrap();
    let names: Vec<(&str, &str)> = documents.iter().map(|document| (document.kind(), document.name())).collect();
    assert_eq!(names, [("Training", "repurchase"), ("Scoring", "nightly-customers"), ("Training", "churn")]);
}

#[test]
fn a_document_goes_through_json_unchanged() {
    for text in [TRAINING, SCORING] {
        let before = document(text);
        let json = serde_json::to_string(&before).unwrap();
        assert_eq!(serde_json::from_str::<Document>(&json).unwrap(), before);
        assert_eq!(document(&json), before, "JSON is YAML, and a resolved document is a document");
    }
}

#[test]
fn mistakes_of_all_documents_and_files_come_together_in_order() {
    let bad_training = edited(TRAINING, "epochs: 20", "epochs: 0");
    let bad_scoring = edited(SCORING, "population: consenting", "population: nobody");
    let files = [file("z.yaml", &format!("{bad_training}---\n{bad_scoring}")), file("a.yaml", "kind: [\n")];
    let problems = parse(&files, &settings(&[("nope", "1")])).unwrap_err();
    assert_eq!(
        problems.to_string().lines().collect::<Vec<_>>(),
        [
            "--set: no document declares the parameter `nope` (declared: buckets, today)",
            "z.yaml:43:13: spec.training.epochs: 0 is out of range: expected 1 to 100000",
            "z.yaml:72:15: spec.population: there is no table `nobody` (tables so far: customers, recent_buyers, consenting)",
            "a.yaml:2:1: kind[0]: not YAML: while parsing a node, did not find expected node content",
        ]
    );
    assert_eq!(problems.count(), 4);
}

#[test]
fn two_documents_of_one_kind_and_name_are_one_too_many() {
    let twice = format!("{TRAINING}---\n{TRAINING}");
    assert_eq!(
        mistakes(&twice),
        ["65:9: metadata.name: there are two Training documents named `repurchase` (the first is at 4:9)"]
    );
    let other_kind = edited(SCORING, "name: nightly-customers", "name: repurchase");
    assert!(parse_one(&format!("{TRAINING}---\n{other_kind}")).is_ok());
}

#[test]
fn a_file_without_a_document_is_a_mistake() {
    for text in ["", "# only this\n", "---\n---\n", "~"] {
        assert_eq!(mistakes(text), ["1:1: there is no document in this file"], "{text:?}");
    }
}

#[test]
fn the_run_date_stands_in_the_document_where_it_matters() {
    let date = |text: &str| document(text).run_date().map(|date| date.to_string());
    assert_eq!(date(TRAINING), None);
    assert_eq!(date(&edited(TRAINING, "today: 1998-07-01", "today: ${run_date}")).as_deref(), Some("2026-03-31"));
    assert_eq!(date(SCORING).as_deref(), Some("2026-03-31"));
    let fixed = edited(SCORING, "spec:\n", "spec:\n  parameters: {run_date: 1998-07-01}\n");
    assert_eq!(date(&fixed).as_deref(), Some("1998-07-01"));
}

/// Pieces that documents are made of, and that break them.
const PIECES: [&str; 44] = [
    "",
    " ",
    "\n",
    "\n  ",
    "\t",
    "- ",
    ": ",
    ":",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "<<: ",
    "!x ",
    "!!str ",
    "|\n",
    ">\n",
    "---\n",
    "...\n",
    "? ",
    "%",
    "@",
    "${",
    "${today}",
    "$${",
    "}",
    "~",
    "null",
    "true",
    "0",
    "-1",
    "1e999",
    ".nan",
    "5%",
    "é",
    "\u{feff}",
    "\u{0}",
    "\u{1f600}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_gives_documents_or_mistakes(text in any::<String>()) {
        check_outcome(&text)?;
    }

    #[test]
    fn any_pieces_of_yaml_give_documents_or_mistakes(pieces in prop::collection::vec(0..PIECES.len(), 0..60)) {
        check_outcome(&pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>())?;
    }

    #[test]
    fn a_changed_document_gives_documents_or_mistakes(
        is_training in any::<bool>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..20_usize, 0..PIECES.len()), 1..4),
    ) {
        let mut text: Vec<char> = if is_training { TRAINING } else { SCORING }.chars().collect();
        for (at, removed, piece) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + removed).min(text.len());
            text.splice(start..end, PIECES[piece].chars());
        }
        check_outcome(&text.into_iter().collect::<String>())?;
    }

    #[test]
    fn a_document_with_a_value_exchanged_gives_documents_or_mistakes(
        is_training in any::<bool>(),
        from in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
    ) {
        let text = if is_training { TRAINING } else { SCORING };
        let values: Vec<&str> = text.split([' ', '\n', ',', '{', '}', '[', ']']).filter(|word| !word.is_empty()).collect();
        let (from, to) = (values[from.index(values.len())], values[to.index(values.len())]);
        check_outcome(&text.replacen(from, to, 1))?;
    }
}

/// Parsing ends, mistakes have places inside the file, and what the schema lets through our types take.
fn check_outcome(text: &str) -> Result<(), TestCaseError> {
    let Err(problems) = parse_one(text) else { return Ok(()) };
    prop_assert!(problems.count() > 0);
    let lines: Vec<&str> = text.split('\n').collect();
    for problem in &problems {
        prop_assert!(!matches!(problem.mistake, Mistake::Refused { .. }), "{problem}");
        prop_assert!(!problem.to_string().contains('\n'), "{problem:?}");
        let place = problem.place.as_ref().expect("nothing is set");
        prop_assert!(place.line >= 1 && place.line <= lines.len() + 1, "{problem}");
        prop_assert!(place.column >= 1, "{problem}");
    }
    Ok(())
}
