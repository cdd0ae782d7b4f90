//! A SQL session over a document's tables: what they are, queries over them, under one memory limit.
//!
//! Queries run in one partition, unions one input behind the other, and functions that change from run to run are
//! refused, so that the same tables give the same rows in the same order. Rows that do not fit under the limit are
//! spilled to one folder.

mod queries;
mod setup;

pub(crate) use queries::RowStream;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use artifacts::InputFile;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::prelude::SessionContext;
use spec::table::TableFormat;
use spec::{PrepareStep, TableName, TableSource};

use crate::error::{QueryError, Result, TableError};
use crate::identity::people_schema;
use crate::parquet::{ParquetTable, ReadAhead};
use crate::run::Failures;
use crate::scan::{FileTable, Rows};
use crate::sql::Origin;
use crate::text::TextTable;

/// Row groups that are decoded at once, at the most: the query itself runs on one thread and takes no more.
const ROW_GROUPS_AHEAD: usize = 4;

/// What a session may use.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Memory that rows held by queries may take together; they are spilled beyond it where an operator can.
    pub memory_bytes: u64,
    /// Where spilled rows go; created if need be, and emptied as they are read back.
    pub spill_folder: PathBuf,
    /// Threads that row groups are decoded on, up to four of them.
    pub threads: usize,
}

/// Named tables, and SQL over them.
pub struct Session {
    context: SessionContext,
    tables: BTreeMap<TableName, Table>,
    failures: Failures,
    ahead: ReadAhead,
}

/// A table of a session.
#[derive(Debug, Clone)]
pub(crate) enum Table {
    /// Parquet files, which others can read as well.
    Parquet(Arc<ParquetTable>),
    /// Text files, to be read through the session alone.
    Text(Arc<TextTable>),
    /// A query that runs whenever its rows are asked for.
    View(SchemaRef),
}

impl Session {
    /// A session without tables.
    pub fn new(options: SessionOptions) -> Result<Self> {
        let memory_bytes = usize::try_from(options.memory_bytes).unwrap_or(usize::MAX);
        let failures = Failures { memory_bytes, spill_folder: options.spill_folder };
        let context = setup::context(&failures).map_err(|source| QueryError::Session {
            spill_folder: failures.spill_folder.clone(),
            source: Box::new(source),
        })?;
        let ahead =
            ReadAhead { row_groups: options.threads.clamp(1, ROW_GROUPS_AHEAD), bytes: options.memory_bytes / 8 };
        Ok(Self { context, tables: BTreeMap::new(), failures, ahead })
    }

    /// Finds a table's files and reads their schema; errors name the file and column.
    pub async fn add_table(&mut self, name: &TableName, source: &TableSource) -> Result<()> {
        let unreadable = |source| QueryError::Table { table: name.clone(), source };
        let table = self.open(source).await.map_err(unreadable)?;
        self.add(name, table)
    }

    async fn open(&self, source: &TableSource) -> Result<Table, TableError> {
        let resolved = artifacts::source::resolve(source).await?;
        match resolved.format {
            TableFormat::Csv => Ok(Table::Text(Arc::new(TextTable::csv(source, resolved).await?))),
            TableFormat::Json => {
                refuse_csv_fields(source)?;
                Ok(Table::Text(Arc::new(TextTable::json(source, resolved).await?)))
            }
            TableFormat::Parquet => {
                refuse_csv_fields(source)?;
                if !source.types.is_empty() {
                    return Err(TableError::NotForFormat { field: "types", format: "CSV and JSON" });
                }
                Ok(Table::Parquet(Arc::new(ParquetTable::open(resolved.files, self.ahead).await?)))
            }
        }
    }

    /// A table over Parquet files that are known already.
    pub async fn add_parquet(&mut self, name: &TableName, files: &[InputFile]) -> Result<()> {
        let opened = ParquetTable::open(files.to_vec(), self.ahead).await;
        let table = opened.map_err(|source| QueryError::Table { table: name.clone(), source })?;
        self.add(name, Table::Parquet(Arc::new(table)))
    }

    /// A `prepare` step as a view: its query is checked and planned now, and runs whenever its rows are asked for. Ids are
    /// joined now, and a million of them kept in memory.
    pub async fn add_view(&mut self, index: usize, step: &PrepareStep) -> Result<()> {
        let origin = Origin::of_step(index, step);
        if let Some(identity) = &step.identity {
            let people = self.people_in_memory(&origin, identity).await?;
            return self.register(&step.name, people, Table::View(people_schema()));
        }
        let plan = self.plan(&origin, &step.sql).await?;
        let schema = crate::prepare::stored_schema(&origin, plan.schema().as_arrow())?;
        let view = ViewTable::new(plan, Some(step.sql.clone()));
        self.register(&step.name, Arc::new(view), Table::View(schema))
    }

    pub(crate) fn add(&mut self, name: &TableName, table: Table) -> Result<()> {
        let rows: Arc<dyn Rows> = match &table {
            Table::Parquet(parquet) => Arc::clone(parquet) as _,
            Table::Text(text) => Arc::clone(text) as _,
            Table::View(_) => unreachable!("views are added with their plan"),
        };
        self.register(name, Arc::new(FileTable::new(name.as_str(), rows)), table)
    }

    fn register(&mut self, name: &TableName, provider: Arc<dyn TableProvider>, table: Table) -> Result<()> {
        if self.tables.contains_key(name) {
            return Err(QueryError::TableTwice { table: name.clone() });
        }
        let registered = self.context.register_table(TableReference::bare(name.as_str()), provider);
        registered.map_err(|source| self.failures.of(&format!("registering `{name}`"), source))?;
        self.tables.insert(name.clone(), table);
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &TableName) -> Result<()> {
        let removed = self.context.deregister_table(TableReference::bare(name.as_str()));
        removed.map_err(|source| self.failures.of(&format!("removing `{name}`"), source))?;
        self.tables.remove(name);
        Ok(())
    }

    /// The tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.tables.keys()
    }

    /// A table's columns.
    pub fn schema(&self, name: &TableName) -> Result<SchemaRef> {
        Ok(match self.table(name)? {
            Table::Parquet(table) => Arc::clone(table.schema()),
            Table::Text(table) => Arc::clone(table.schema()),
            Table::View(schema) => Arc::clone(schema),
        })
    }

    /// The files of a Parquet table, in order; none for other tables.
    pub fn parquet_files(&self, name: &TableName) -> Result<Option<Vec<InputFile>>> {
        Ok(match self.table(name)? {
            Table::Parquet(table) => Some(table.files().cloned().collect()),
            Table::Text(_) | Table::View(_) => None,
        })
    }

    pub(crate) fn table(&self, name: &TableName) -> Result<&Table> {
        self.tables.get(name).ok_or_else(|| QueryError::NoTable { table: name.clone(), known: self.known_tables() })
    }

    fn known_tables(&self) -> Vec<String> {
        self.tables.keys().map(|name| name.as_str().to_owned()).collect()
    }

    #[cfg(test)]
    pub(crate) fn state(&self) -> datafusion::execution::SessionState {
        self.context.state()
    }

    pub(crate) fn failures(&self) -> &Failures {
        &self.failures
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("tables", &self.tables).field("limits", &self.failures).finish_non_exhaustive()
    }
}

fn refuse_csv_fields(source: &TableSource) -> Result<(), TableError> {
    let refuse = |field| Err(TableError::NotForFormat { field, format: "CSV" });
    match source {
        TableSource { delimiter: Some(_), .. } => refuse("delimiter"),
        TableSource { header: Some(_), .. } => refuse("header"),
        TableSource { columns: Some(_), .. } => refuse("columns"),
        _ => Ok(()),
    }
}
