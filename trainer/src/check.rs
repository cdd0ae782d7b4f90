//! What `kindred check` asks a worker: whether documents fit the real tables, and what in the data looks wrong.
//!
//! Tables are sampled, `prepare` steps run as views, nothing is written. Every finding names the document and the
//! place in it.

mod columns;
mod guards;
mod ids;
pub(crate) mod leak;
mod preset;
mod rows;
mod scoring;
mod training;

use std::collections::BTreeMap;
use std::path::PathBuf;

use artifacts::Workspace;
use query::{InspectOptions, Inspection, QueryError, Session, SessionOptions, TableSummary};
use serde::{Deserialize, Serialize};
use spec::{Document, PrepareStep, Preset, TableName, TableSource};

use crate::error::Result;
use crate::report::numbers::plural;

/// Rows of a table that are looked at.
pub const SAMPLE_ROWS: usize = 50_000;

/// What is to be checked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Valid documents, in the order they would run.
    pub documents: Vec<Document>,
    /// Where models are looked up.
    pub workspace: String,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Answer {
    /// Mistakes, warnings and notes, by document.
    pub findings: Vec<Finding>,
    /// The tables that examples and populations come from, as sampled.
    pub tables: Vec<CheckedTable>,
    /// What a run would do, a line a step.
    pub plan: Vec<String>,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// The document's name.
    pub document: String,
    /// The place in the document.
    pub path: String,
    /// What it is and what to do.
    pub message: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A run would fail.
    Error,
    /// A run would do something that is probably not meant.
    Warning,
    /// Worth knowing.
    Note,
}

/// A sampled table.
#[derive(Debug, Serialize)]
pub struct CheckedTable {
    /// The document's name.
    pub document: String,
    /// The table.
    pub name: TableName,
    /// Its figures.
    #[serde(flatten)]
    pub summary: TableSummary,
}

/// The findings of one document as they come up.
pub(crate) struct Notebook<'a> {
    document: &'a str,
    answer: &'a mut Answer,
}

impl Notebook<'_> {
    fn find(&mut self, level: Level, path: impl Into<String>, message: impl Into<String>) {
        let document = self.document.to_owned();
        self.answer.findings.push(Finding { level, document, path: path.into(), message: message.into() });
    }

    fn error(&mut self, path: impl Into<String>, error: &(dyn std::error::Error + 'static)) {
        self.find(Level::Error, path, with_causes(error));
    }

    fn table(&mut self, name: &TableName, summary: TableSummary) {
        self.answer.tables.push(CheckedTable { document: self.document.to_owned(), name: name.clone(), summary });
    }

    fn plan(&mut self, line: String) {
        self.answer.plan.push(line);
    }
}

pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        next = cause.source();
    }
    words
}

/// Checks documents in order; a Scoring document may use the model of a Training document before it.
///
/// # Errors
///
/// A workspace that cannot be opened. What is wrong with documents and data is in the answer.
pub async fn check(request: &Request) -> Result<Answer> {
    let workspace = Workspace::open(&request.workspace)?;
    let mut answer = Answer::default();
    let mut trained = BTreeMap::new();
    for document in &request.documents {
        let mut notebook = Notebook { document: document.name(), answer: &mut answer };
        match document {
            Document::Training(document) => {
                let expanded = training::check(document, &mut notebook).await;
                let spec = expanded.unwrap_or_else(|| document.spec.clone());
                trained.insert(document.metadata.name.clone(), spec);
            }
            Document::Scoring(document) => scoring::check(document, &trained, &workspace, &mut notebook).await,
        }
    }
    Ok(answer)
}

/// A session with the tables and views that could be opened; what could not be is noted.
async fn open_tables<'a>(
    tables: impl IntoIterator<Item = (&'a TableName, &'a TableSource)>,
    steps: &[PrepareStep],
    preset: Option<&Preset>,
    memory: &str,
    notebook: &mut Notebook<'_>,
) -> Option<Session> {
    let memory_bytes = spec::size::parse_bytes(memory).ok()?;
    let spill_folder: PathBuf = std::env::temp_dir().join(format!("kindred-check-{}", std::process::id()));
    let mut session = match Session::new(SessionOptions { memory_bytes, spill_folder, threads: 2 }) {
        Ok(session) => session,
        Err(error) => {
            notebook.error("spec", &error);
            return None;
        }
    };
    let mut complete = true;
    for (name, source) in tables {
        if let Err(error) = session.add_table(name, source).await {
            notebook.error(format!("spec.tables.{name}"), &error);
            complete = false;
        }
    }
    if !complete {
        return None;
    }
    let findings_before = notebook.answer.findings.len();
    let failed = add_views(&mut session, steps).await.err();
    if let Some(preset) = preset {
        preset::check(preset, &session, notebook);
    }
    let is_explained = notebook.answer.findings.len() > findings_before;
    match failed {
        Some((index, error)) if !is_explained => {
            let part = if steps[index].identity.is_some() { "identity" } else { "sql" };
            notebook.error(format!("spec.prepare[{index}].{part}"), &error);
        }
        Some(_) => {}
        None if is_explained => {}
        None => return Some(session),
    }
    None
}

/// How many steps a run takes before it reads rows.
fn steps_in_words(steps: &[PrepareStep]) -> String {
    let joins = steps.iter().filter(|step| step.identity.is_some()).count();
    let queries = plural((steps.len() - joins) as u64, "SQL step", "SQL steps");
    match joins {
        0 => queries,
        joins => format!("{queries} and {}", plural(joins as u64, "step that joins ids", "steps that join ids")),
    }
}

/// Adds steps as views, up to the first that is wrong.
async fn add_views(session: &mut Session, steps: &[PrepareStep]) -> std::result::Result<(), (usize, QueryError)> {
    for (index, step) in steps.iter().enumerate() {
        session.add_view(index, step).await.map_err(|error| (index, error))?;
    }
    Ok(())
}

async fn inspect(session: &Session, table: &TableName, path: &str, notebook: &mut Notebook<'_>) -> Option<Inspection> {
    let options = InspectOptions { sample_rows: SAMPLE_ROWS, ..InspectOptions::default() };
    match session.inspect(table, &options).await {
        Ok(inspection) => Some(inspection),
        Err(error) => {
            notebook.error(path, &error);
            None
        }
    }
}
