//! Tables made by `prepare` steps, by SQL or by joining ids, or of text files: as Parquet in the workspace.
//!
//! Rows are written as they are computed. A table belongs to its run: whoever commits it first has made it, and every
//! later attempt, also one after a crash, uses what is there.

mod export;
mod people;
mod stored;

#[cfg(test)]
mod tests;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use artifacts::layout::{self, Key};
use artifacts::runs::{self, Commit};
use artifacts::{Attempt, Digest, FileRecord, InputFile, ParquetOptions, ParquetWriter, Workspace};
use datafusion::logical_expr::LogicalPlan;
use futures::TryStreamExt;
use spec::{Identity, PrepareStep, RunId, TableName};

use crate::error::{QueryError, Result, RunError};
use crate::joins::{Joins, has_join};
use crate::keys::quoted;
use crate::session::{Session, Table};
use crate::sql::Origin;
pub use export::ExportTarget;
pub(crate) use stored::{stored_batch, stored_schema};

/// A new file begins after this many rows.
const PART_ROWS: u64 = 1 << 22;

/// Where prepared tables go.
#[derive(Clone, Copy)]
pub struct PrepareTarget<'a> {
    /// The workspace.
    pub workspace: &'a Workspace,
    /// The run that they belong to.
    pub run: &'a RunId,
    /// Who makes them.
    pub attempt: &'a Attempt,
    /// Called with the rows of a table that are written so far.
    pub progress: &'a (dyn Fn(&TableName, u64) + Send + Sync),
}

/// A table in Parquet that others can read without SQL.
#[derive(Debug, Clone)]
pub struct PreparedTable {
    /// Its files, in order.
    pub files: Vec<InputFile>,
    /// Rows in all.
    pub rows: u64,
    /// Its columns.
    pub schema: SchemaRef,
}

impl Session {
    /// Runs all steps in order; each is a table for those behind it.
    pub async fn prepare_all(&mut self, steps: &[PrepareStep], target: &PrepareTarget<'_>) -> Result<()> {
        for (index, step) in steps.iter().enumerate() {
            self.prepare(index, step, target).await?;
        }
        Ok(())
    }

    /// Makes the table of the step at `index` under `prepare`, unless its run has it already, and adds it to the
    /// session.
    pub async fn prepare(
        &mut self,
        index: usize,
        step: &PrepareStep,
        target: &PrepareTarget<'_>,
    ) -> Result<PreparedTable> {
        if self.table(&step.name).is_ok() {
            return Err(QueryError::TableTwice { table: step.name.clone() });
        }
        let origin = Origin::of_step(index, step);
        let made = match (self.committed(&step.name, target).await?, &step.identity) {
            (Some(table), _) => table,
            (None, Some(identity)) => self.make_people(&origin, &step.name, identity, target).await?,
            (None, None) => self.make(&origin, &step.name, &step.sql, target).await?,
        };
        self.add_prepared(&step.name, made, target).await
    }

    /// A table as Parquet: its own files if it is, else a copy in the workspace, which takes its place in the session.
    pub async fn materialize(&mut self, name: &TableName, target: &PrepareTarget<'_>) -> Result<PreparedTable> {
        if let Table::Parquet(parquet) = self.table(name)? {
            return Ok(PreparedTable {
                files: parquet.files().cloned().collect(),
                rows: parquet.row_count(),
                schema: self.schema(name)?,
            });
        }
        let origin = Origin::Table(name.as_str().to_owned());
        let sql = format!("SELECT * FROM {}", quoted(name.as_str()));
        let table = match self.committed(name, target).await? {
            Some(table) => table,
            None => self.make(&origin, name, &sql, target).await?,
        };
        self.remove(name)?;
        self.add_prepared(name, table, target).await
    }

    async fn add_prepared(
        &mut self,
        name: &TableName,
        table: runs::PreparedTable,
        target: &PrepareTarget<'_>,
    ) -> Result<PreparedTable> {
        let files = table.input_files(target.workspace);
        self.add_parquet(name, &files).await?;
        Ok(PreparedTable { files, rows: table.rows, schema: self.schema(name)? })
    }

    /// The table that an earlier attempt has made.
    async fn committed(&self, name: &TableName, target: &PrepareTarget<'_>) -> Result<Option<runs::PreparedTable>> {
        let table = runs::read_table(target.workspace, target.run, name).await?;
        for file in table.iter().flat_map(|table| &table.files) {
            runs::check_size(target.workspace, file).await?;
        }
        Ok(table)
    }

    /// Makes a table of a query's rows.
    async fn make(
        &self,
        origin: &Origin,
        name: &TableName,
        sql: &str,
        target: &PrepareTarget<'_>,
    ) -> Result<runs::PreparedTable> {
        let plan = self.plan(origin, sql).await?;
        let destination = Destination {
            workspace: target.workspace,
            key: &|number| layout::prepared_part(target.run, name, target.attempt, number),
            progress: &|rows| (target.progress)(name, rows),
        };
        let files = self.write(origin, plan, destination).await?;
        let mut table = runs::PreparedTable::new(name.clone(), target.attempt.clone(), files);
        table.recipe = Some(Digest::of(sql.as_bytes()));
        commit(table, target).await
    }

    /// Makes a table of joined ids.
    async fn make_people(
        &self,
        origin: &Origin,
        name: &TableName,
        identity: &Identity,
        target: &PrepareTarget<'_>,
    ) -> Result<runs::PreparedTable> {
        let destination = Destination {
            workspace: target.workspace,
            key: &|number| layout::prepared_part(target.run, name, target.attempt, number),
            progress: &|rows| (target.progress)(name, rows),
        };
        let (files, counts) = self.write_people(origin, identity, destination).await?;
        let mut table = runs::PreparedTable::new(name.clone(), target.attempt.clone(), files);
        table.recipe = Some(Digest::of(&serde_json::to_vec(identity).expect("a step has a JSON form")));
        table.identity = Some(counts);
        commit(table, target).await
    }

    /// Writes a query's rows; a join whose smaller side does not fit in memory is made again by sorting both.
    async fn write(&self, origin: &Origin, plan: LogicalPlan, destination: Destination<'_>) -> Result<Vec<FileRecord>> {
        match self.write_all(origin, &plan, destination, Joins::Hashed).await {
            Err(QueryError::Run { source: RunError::Memory { .. }, .. }) if has_join(&plan) => {
                tracing::info!(table = %origin, "a join does not fit in memory; both sides are sorted instead");
                self.write_all(origin, &plan, destination, Joins::Sorted).await
            }
            written => written,
        }
    }

    /// Writes a query's rows. After an error nothing of them is left.
    async fn write_all(
        &self,
        origin: &Origin,
        plan: &LogicalPlan,
        destination: Destination<'_>,
        joins: Joins,
    ) -> Result<Vec<FileRecord>> {
        let schema = stored_schema(origin, plan.schema().as_arrow())?;
        let mut parts = Parts { destination, schema, files: Vec::new(), writer: None };
        match self.write_parts(origin, plan.clone(), joins, &mut parts).await {
            Ok(()) => Ok(parts.files),
            Err(error) => {
                parts.give_up().await;
                Err(error)
            }
        }
    }

    async fn write_parts(&self, origin: &Origin, plan: LogicalPlan, joins: Joins, parts: &mut Parts<'_>) -> Result<()> {
        let failed = |source: ArrowError| self.failures().of(&origin.to_string(), source.into());
        let mut rows = self.execute(origin, plan, joins).await?;
        while let Some(batch) = rows.try_next().await? {
            let batch = stored_batch(&batch, &parts.schema).map_err(failed)?;
            parts.write(batch).await?;
        }
        parts.finish().await
    }
}

/// Where the files of one table go.
#[derive(Clone, Copy)]
struct Destination<'a> {
    workspace: &'a Workspace,
    /// The key of the n-th file.
    key: &'a (dyn Fn(u64) -> Key + Send + Sync),
    /// Called with the rows that are written so far.
    progress: &'a (dyn Fn(u64) + Send + Sync),
}

/// Commits a table that was made; what counts is that of whoever was first.
async fn commit(table: runs::PreparedTable, target: &PrepareTarget<'_>) -> Result<runs::PreparedTable> {
    match runs::commit_table(target.workspace, target.run, table.clone()).await? {
        Commit::Won => Ok(table),
        Commit::Lost { winner } => Ok(winner),
    }
}

/// The files of one table while they are written.
struct Parts<'a> {
    destination: Destination<'a>,
    schema: SchemaRef,
    files: Vec<FileRecord>,
    writer: Option<ParquetWriter>,
}

impl Parts<'_> {
    async fn write(&mut self, mut batch: arrow::record_batch::RecordBatch) -> Result<()> {
        while batch.num_rows() > 0 {
            let mut writer = match self.writer.take() {
                Some(writer) => writer,
                None => self.open()?,
            };
            let room = usize::try_from(PART_ROWS - writer.rows()).unwrap_or(usize::MAX).min(batch.num_rows());
            writer.write(&batch.slice(0, room)).await?;
            batch = batch.slice(room, batch.num_rows() - room);
            if writer.rows() < PART_ROWS {
                self.writer = Some(writer);
            } else {
                self.files.push(writer.finish().await?);
            }
        }
        (self.destination.progress)(self.rows());
        Ok(())
    }

    fn open(&self) -> Result<ParquetWriter> {
        let key = (self.destination.key)(self.files.len() as u64);
        Ok(ParquetWriter::create(self.destination.workspace, key, &self.schema, &ParquetOptions::default())?)
    }

    fn rows(&self) -> u64 {
        let written: u64 = self.files.iter().map(|file| file.rows).sum();
        written + self.writer.as_ref().map_or(0, ParquetWriter::rows)
    }

    /// Closes the last file; a table without rows has one file, which holds its columns.
    async fn finish(&mut self) -> Result<()> {
        let last = match self.writer.take() {
            Some(writer) => Some(writer),
            None if self.files.is_empty() => Some(self.open()?),
            None => None,
        };
        if let Some(writer) = last {
            self.files.push(writer.finish().await?);
        }
        Ok(())
    }

    async fn give_up(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.abort().await;
        }
        for file in &self.files {
            if let Err(error) = self.destination.workspace.delete(&file.key).await {
                tracing::warn!(key = %file.key, %error, "a file of a failed step could not be deleted");
            }
        }
    }
}
