//! Tables: where they come from, and that what is named exists.

use std::collections::BTreeMap;

use super::{Checker, identity, spec};
use crate::contradiction::{Contradiction, FileContradiction};
use crate::ids::TableName;
use crate::node::{Path, Value};
use crate::table::{PrepareStep, TableFormat, TableSource};

/// The tables that a document can name; none where that cannot be told.
pub(super) type Known = Option<Vec<String>>;

/// Checks tables and steps. Gives the names that there are after the last step.
pub(super) fn check(
    checker: &mut Checker<'_>,
    tables: &BTreeMap<TableName, TableSource>,
    steps: &[PrepareStep],
) -> Known {
    for (name, source) in tables {
        check_source(checker, &spec("tables").name(name), source);
    }
    let mut known = checker.names_written("tables");
    for (index, step) in steps.iter().enumerate() {
        check_step(checker, index, step, &known);
        let path = spec("prepare").item(index).name("name");
        let name = step.name.as_str();
        let names = known.get_or_insert_default();
        if names.iter().any(|known| known == name) {
            checker.report(&path, Contradiction::TableTwice { name: name.to_owned() });
        } else {
            names.push(name.to_owned());
        }
    }
    let prepare = checker.tree.get("spec").and_then(|spec| spec.get("prepare")).map(|prepare| &prepare.value);
    let is_whole = checker.names_written("tables").is_some() && matches!(prepare, None | Some(Value::List(_)));
    known.filter(|_| is_whole && steps.iter().enumerate().all(|(index, _)| !has_lost_name(checker, index)))
}

/// Checks what a step is of; `known` are the tables before it.
fn check_step(checker: &mut Checker<'_>, index: usize, step: &PrepareStep, known: &Known) {
    let path = spec("prepare").item(index);
    if checker.is_damaged(&path) {
        return;
    }
    let parts = [("sql", !step.sql.is_empty()), ("identity", step.identity.is_some())];
    checker.check_exactly_one(&path, &parts);
    if let Some(identity) = &step.identity {
        identity::check_step(checker, &path.name("identity"), identity, known);
    }
}

fn has_lost_name(checker: &Checker<'_>, step: usize) -> bool {
    checker.is_damaged(&spec("prepare").item(step).name("name"))
}

/// Reports a table that is not there.
pub(super) fn check_exists(checker: &mut Checker<'_>, path: &Path, name: &TableName, known: &Known) {
    let Some(known) = known else { return };
    if !known.iter().any(|known| known == name.as_str()) {
        checker.report(path, Contradiction::UnknownTable { name: name.to_string(), known: known.clone() });
    }
}

fn check_source(checker: &mut Checker<'_>, path: &Path, source: &TableSource) {
    let format = source.format.or_else(|| told_by_extension(&source.url));
    let csv_options = [
        ("delimiter", "csv", source.delimiter.is_some()),
        ("header", "csv", source.header.is_some()),
        ("columns", "csv", source.columns.is_some()),
        ("types", "csv and json", !source.types.is_empty()),
    ];
    let (foreign, format) = match format {
        Some(TableFormat::Parquet) => (&csv_options[..], "parquet"),
        Some(TableFormat::Json) => (&csv_options[..3], "json"),
        Some(TableFormat::Csv) | None => (&[][..], "csv"),
    };
    for (option, of, _) in foreign.iter().filter(|(_, _, is_given)| *is_given) {
        checker.report(&path.name(option), FileContradiction::OptionOfAnotherFormat { option, of, format }.into());
    }
    if foreign.is_empty() {
        check_columns(checker, path, source);
    }
}

fn check_columns(checker: &mut Checker<'_>, path: &Path, source: &TableSource) {
    if checker.has_damage(&path.name("columns")) || checker.has_damage(&path.name("header")) {
        return;
    }
    match (source.header, &source.columns) {
        (Some(true), Some(_)) => checker.report(&path.name("header"), FileContradiction::HeaderAndColumns.into()),
        (Some(false), None) => checker.report(&path.name("header"), FileContradiction::NoColumnNames.into()),
        _ => {}
    }
    let Some(columns) = &source.columns else { return };
    checker.check_unique(&path.name("columns"), columns.iter().map(|column| column.as_str()));
    for name in source.types.keys().filter(|name| !columns.contains(name)) {
        let known = columns.iter().map(ToString::to_string).collect();
        let unknown = FileContradiction::UnknownColumn { name: name.to_string(), known }.into();
        checker.report(&path.name("types").name(name), unknown);
    }
}

/// The format that a file's name says, compression left aside.
fn told_by_extension(url: &str) -> Option<TableFormat> {
    let name = url.trim_end_matches(".gz").trim_end_matches(".zst");
    let is = |extensions: &[&str]| extensions.iter().any(|extension| name.ends_with(extension));
    if is(&[".parquet"]) {
        Some(TableFormat::Parquet)
    } else if is(&[".json", ".jsonl", ".ndjson"]) {
        Some(TableFormat::Json)
    } else if is(&[".csv", ".tsv"]) {
        Some(TableFormat::Csv)
    } else {
        None
    }
}
