//! Documents from files and what is said beside them.

use std::path::PathBuf;

use anyhow::Context;
use chrono::{NaiveDate, Utc};
use spec::{Document, Preparation, Settings, SourceFile};

use crate::arguments::Beside;
use crate::failure::Failure;

/// The day of a run.
pub(crate) fn run_date(given: Option<NaiveDate>) -> NaiveDate {
    given.unwrap_or_else(|| Utc::now().date_naive())
}

/// All documents of the files, in order.
pub(crate) fn documents(files: &[PathBuf], beside: &Beside) -> Result<Vec<Document>, Failure> {
    spec::parse(&read_all(files)?, &settings_of(beside)).map_err(Failure::Document)
}

/// The tables and steps of all documents of the files, in order.
pub(crate) fn preparations(files: &[PathBuf], beside: &Beside) -> Result<Vec<Preparation>, Failure> {
    spec::preparations(&read_all(files)?, &settings_of(beside)).map_err(Failure::Document)
}

/// All documents of the files as YAML, with what their presets fill.
pub(crate) fn expanded(files: &[PathBuf], beside: &Beside) -> Result<String, Failure> {
    spec::expand(&read_all(files)?, &settings_of(beside)).map_err(Failure::Document)
}

fn settings_of(beside: &Beside) -> Settings {
    Settings { set: beside.set.iter().cloned().collect(), run_date: run_date(beside.run_date) }
}

/// The text of all files, in order.
pub(crate) fn read_all(files: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    files.iter().map(read).collect()
}

fn read(path: &PathBuf) -> Result<SourceFile, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}")).map_err(Failure::Usage)?;
    Ok(SourceFile { name, text })
}
