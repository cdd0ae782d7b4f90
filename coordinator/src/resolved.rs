//! A document on its way to becoming a run: which files it means now, which model, and so which run it is.

use std::collections::BTreeMap;

use artifacts::runs::RunDocument;
use artifacts::{Workspace, registry, source};
use chrono::NaiveDate;
use spec::{Document, RunId, TableName, TableSource};

use crate::error::{CoordinatorError, Result};
use crate::run::Kind;

/// What makes runs of different programs different.
pub const PROGRAM: &str = concat!("kindred ", env!("CARGO_PKG_VERSION"));

/// A document with everything that it refers to resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedDocument {
    /// The run that it is.
    pub run: RunId,
    /// What the run keeps.
    pub document: RunDocument,
}

impl ResolvedDocument {
    /// Lists the files of every table and, for Scoring, resolves the model to a version. A document that a preset has
    /// filled is the same run as one in which all of that is written, and one with a schedule the same as one without.
    ///
    /// # Errors
    /// When a table has no files, or the model has no such version or alias.
    pub async fn resolve(workspace: &Workspace, document: Document, run_date: NaiveDate) -> Result<Self> {
        let document = document.without_preset().without_schedule();
        let (tables, model) = match &document {
            Document::Training(training) => (&training.spec.tables, None),
            Document::Scoring(scoring) => (&scoring.spec.tables, Some(&scoring.spec.model)),
        };
        let inputs = inputs_of(tables).await?;
        let model = match model {
            Some(reference) => Some(registry::resolve_identity(workspace, reference).await?),
            None => None,
        };
        let run_date = stated_date(&document).unwrap_or(run_date);
        let document = RunDocument { document, run_date, inputs, program: PROGRAM.to_owned(), model };
        Ok(Self { run: document.run_id(), document })
    }

    /// What the run does.
    pub fn kind(&self) -> Kind {
        Kind::of(&self.document.document)
    }

    /// What a process may hold, if that is limited.
    pub(crate) fn memory_limit_bytes(&self) -> Option<u64> {
        match &self.document.document {
            Document::Training(training) => training.spec.resources.memory_limit_bytes(),
            Document::Scoring(scoring) => scoring.spec.resources.memory_limit_bytes(),
        }
    }

    /// How many processes score, or train trials, at once.
    pub(crate) fn processes(&self) -> u32 {
        match &self.document.document {
            Document::Training(training) => training.spec.search.as_ref().map_or(1, |search| search.parallel),
            Document::Scoring(scoring) => scoring.spec.resources.processes,
        }
    }
}

/// The day that the document itself was put together for.
fn stated_date(document: &Document) -> Option<NaiveDate> {
    let parameters = match document {
        Document::Training(training) => &training.spec.parameters,
        Document::Scoring(scoring) => &scoring.spec.parameters,
    };
    parameters.get("run_date")?.as_str()?.parse().ok()
}

async fn inputs_of(
    tables: &BTreeMap<TableName, TableSource>,
) -> Result<BTreeMap<TableName, Vec<artifacts::InputFile>>> {
    let mut inputs = BTreeMap::new();
    for (table, source) in tables {
        let resolved = source::resolve(source).await;
        let resolved = resolved.map_err(|source| CoordinatorError::Table { table: table.clone(), source })?;
        inputs.insert(table.clone(), resolved.files);
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests;
