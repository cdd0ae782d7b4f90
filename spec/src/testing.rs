//! What tests share: two whole documents, and what `parse` says of changed ones.

use std::collections::BTreeMap;

use crate::{Document, Problems, Settings, SourceFile, parse};

/// A Training document that uses every field.
pub(crate) const TRAINING: &str = include_str!("testing/training.yaml");

/// A Scoring document that uses every field.
pub(crate) const SCORING: &str = include_str!("testing/scoring.yaml");

pub(crate) fn settings(set: &[(&str, &str)]) -> Settings {
    let set: BTreeMap<String, String> = set.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Settings { set, run_date: "2026-03-31".parse().unwrap() }
}

pub(crate) fn parse_one(text: &str) -> Result<Vec<Document>, Problems> {
    parse(&[SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() }], &settings(&[]))
}

/// The only document of a text.
pub(crate) fn document(text: &str) -> Document {
    let mut documents = parse_one(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// The mistakes of a text, without the file's name.
pub(crate) fn mistakes(text: &str) -> Vec<String> {
    match parse_one(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|problem| problem.to_string().replace("a.yaml:", "")).collect(),
    }
}

/// A text with one part replaced, which occurs exactly once.
pub(crate) fn edited(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from:?} stands exactly once in the document");
    text.replace(from, to)
}

/// Checks the mistakes of a document with one part replaced, for each of a table's rows: what is replaced, with what,
/// and the messages. Every `§` in the new part is the place of a mistake, in the order of the messages; a message of a
/// mistake elsewhere says its place itself.
pub(crate) fn check_edits(text: &str, table: &[(&str, &str, &[&str])]) {
    for (from, to, messages) in table {
        let start = text.find(from).unwrap_or_else(|| panic!("{from:?} stands in the document"));
        let parts: Vec<&str> = to.split('§').collect();
        let marks = (1..parts.len()).map(|mark| format!("{}{}", &text[..start], parts[..mark].concat()));
        let mut places = marks.map(|before| place_after(&before));
        let has_place =
            |message: &str| message.starts_with(|c: char| c.is_ascii_digit()) || message.starts_with("--set");
        let expected: Vec<String> = messages
            .iter()
            .map(|message| match has_place(message) {
                true => (*message).to_owned(),
                false => format!("{}: {message}", places.next().expect("a § for each message without a place")),
            })
            .collect();
        assert_eq!(places.next(), None, "a message for each § in {to:?}");
        assert_eq!(mistakes(&edited(text, from, &parts.concat())), expected, "{from:?} -> {to:?}");
    }
}

/// The place of what follows a text.
fn place_after(before: &str) -> String {
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    format!("{}:{}", before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
