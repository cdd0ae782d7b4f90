//! What `kindred prepare` asks a worker: the tables that documents' SQL steps make, as Parquet in a folder.
//!
//! Nothing of it belongs to a run. A folder that holds anything already is refused, so that no reader takes files of
//! before for rows of the new table.

use std::num::NonZeroUsize;
use std::path::Path;

use artifacts::{Workspace, layout};
use query::{ExportTarget, PreparedTable, Session, SessionOptions};
use serde::{Deserialize, Serialize};
use spec::ids::PreparationName;
use spec::{Preparation, TableName};

use crate::error::{Result, TrainerError};

/// What is to be prepared.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Valid documents.
    pub documents: Vec<Preparation>,
    /// The folder that tables are written to, each as `<document>/<table>`.
    pub output: String,
    /// The tables that are written; the others are computed as far as these need them. All where none is named.
    pub tables: Vec<TableName>,
}

/// What was made.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The tables, in the order of the documents and their steps.
    pub tables: Vec<MadeTable>,
}

/// A table in the output.
#[derive(Debug, Serialize)]
pub struct MadeTable {
    /// The document that makes it.
    pub document: PreparationName,
    /// Its name.
    pub table: TableName,
    /// Its rows.
    pub rows: u64,
    /// Its columns, in order.
    pub columns: Vec<String>,
    /// Its folder.
    pub url: String,
}

impl Request {
    fn is_wanted(&self, table: &TableName) -> bool {
        self.tables.is_empty() || self.tables.contains(table)
    }
}

/// Makes the tables of all documents.
///
/// # Errors
///
/// An output that cannot be written to or is not empty; whatever a table or a step has wrong, by name. What was written
/// before an error is deleted.
pub async fn prepare(request: Request) -> Result<Answer> {
    let output = Workspace::open(&request.output)?;
    check_empty(&request, &output).await?;
    let spill = tempfile::Builder::new().prefix("kindred-prepare-").tempdir().map_err(TrainerError::Scratch)?;
    let mut tables = Vec::new();
    for document in &request.documents {
        if let Err(error) = make(document, &request, &output, spill.path(), &mut tables).await {
            take_back(&request, &output).await;
            return Err(error);
        }
    }
    Ok(Answer { tables })
}

async fn check_empty(request: &Request, output: &Workspace) -> Result<()> {
    for document in &request.documents {
        for step in document.spec.prepare.iter().filter(|step| request.is_wanted(&step.name)) {
            let folder = layout::exported_table(&document.metadata.name, &step.name);
            if let Some(name) = output.names_in(&folder).await?.into_iter().next() {
                return Err(TrainerError::OutputTaken { url: output.url_of_folder(&folder), name });
            }
        }
    }
    Ok(())
}

async fn make(
    document: &Preparation,
    request: &Request,
    output: &Workspace,
    spill: &Path,
    made: &mut Vec<MadeTable>,
) -> Result<()> {
    let mut session = open(document, spill).await?;
    let target = ExportTarget { folder: output, document: &document.metadata.name };
    for (index, step) in document.spec.prepare.iter().enumerate() {
        if !request.is_wanted(&step.name) {
            session.add_view(index, step).await?;
            continue;
        }
        let PreparedTable { rows, schema, .. } = session.export(index, step, &target).await?;
        made.push(MadeTable {
            document: document.metadata.name.clone(),
            table: step.name.clone(),
            rows,
            columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
            url: output.url_of_folder(&layout::exported_table(&document.metadata.name, &step.name)),
        });
    }
    Ok(())
}

/// A SQL session within the document's limits, with the document's tables.
async fn open(document: &Preparation, spill: &Path) -> Result<Session> {
    let resources = &document.spec.resources;
    let memory_bytes = spec::size::parse_bytes(&resources.memory)
        .map_err(|_| TrainerError::Memory { text: resources.memory.clone() })?;
    let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = resources.threads.map_or_else(all, |threads| threads as usize);
    let spill_folder = spill.join(document.metadata.name.as_str());
    let mut session = Session::new(SessionOptions { memory_bytes, spill_folder, threads })?;
    for (name, source) in &document.spec.tables {
        session.add_table(name, source).await?;
    }
    Ok(session)
}

/// Deletes what was written: all folders were empty before.
async fn take_back(request: &Request, output: &Workspace) {
    for document in &request.documents {
        for step in document.spec.prepare.iter().filter(|step| request.is_wanted(&step.name)) {
            // What cannot be deleted is in the way of the next preparation, which says so.
            let _ = output.delete_folder(&layout::exported_table(&document.metadata.name, &step.name)).await;
        }
    }
}
