//! A SQL session over a document's tables: what they are, queries over them, under one memory limit.
//!
//! Queries run in one partition, unions one input behind the other, and functions that change from run to run are
//! refused, so that the same tables give the same rows in the same order. Rows that do not fit under the limit are
//! spilled to one folder.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use artifacts::InputFile;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SessionConfig, SessionContext};
use spec::table::TableFormat;
use spec::{PrepareStep, TableName, TableSource};

use crate::error::{QueryError, Result, TableError};
use crate::joins::{Joins, SortedJoins};
use crate::parquet::ParquetTable;
use crate::run::Failures;
use crate::scan::{FileTable, Rows};
use crate::sequential::SequentialUnions;
use crate::sql::{Origin, parse_query, planning_failed, refuse_unstable};
use crate::text::TextTable;

/// Rows a batch, where memory allows it.
const BATCH_ROWS: usize = 8192;

/// Memory that a session has for each row of a batch, so that sorts have room for a batch of every spilled run that they
/// merge.
const MEMORY_BYTES_PER_BATCH_ROW: usize = 16 << 10;

/// Spilled runs that are merged at once: what one merge holds is then a small part of the memory, and a query's other
/// sorts have the rest.
const MERGED_RUNS: usize = 8;

/// Consumers that an error about memory names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(5).expect("five is not zero");

/// What a session may use.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Memory that rows held by queries may take together; they are spilled beyond it where an operator can.
    pub memory_bytes: u64,
    /// Where spilled rows go; created if need be, and emptied as they are read back.
    pub spill_folder: PathBuf,
    /// Row groups that are decoded at once.
    pub threads: usize,
}

/// Named tables, and SQL over them.
pub struct Session {
    context: SessionContext,
    tables: BTreeMap<TableName, Table>,
    failures: Failures,
    threads: usize,
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
        let runtime = runtime(&failures).map_err(|source| QueryError::Session {
            spill_folder: failures.spill_folder.clone(),
            source: Box::new(source),
        })?;
        let mut rules = PhysicalOptimizer::new().rules;
        rules.insert(0, Arc::new(SequentialUnions));
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(config(memory_bytes))
            .with_runtime_env(Arc::new(runtime))
            .with_physical_optimizer_rules(rules)
            .build();
        let context = SessionContext::new_with_state(state);
        Ok(Self { context, tables: BTreeMap::new(), failures, threads: options.threads.max(1) })
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
                Ok(Table::Parquet(Arc::new(ParquetTable::open(resolved.files, self.threads).await?)))
            }
        }
    }

    /// A table over Parquet files that are known already.
    pub async fn add_parquet(&mut self, name: &TableName, files: &[InputFile]) -> Result<()> {
        let opened = ParquetTable::open(files.to_vec(), self.threads).await;
        let table = opened.map_err(|source| QueryError::Table { table: name.clone(), source })?;
        self.add(name, Table::Parquet(Arc::new(table)))
    }

    /// A `prepare` step as a view: its query is checked and planned now, and runs whenever its rows are asked for.
    pub async fn add_view(&mut self, index: usize, step: &PrepareStep) -> Result<()> {
        let origin = Origin::Step { index, table: step.name.as_str().to_owned() };
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

    /// Runs one query; its rows come as they are computed.
    pub async fn stream(&self, sql: &str) -> Result<SendableRecordBatchStream> {
        self.stream_of(&Origin::Query, sql).await
    }

    pub(crate) async fn stream_of(&self, origin: &Origin, sql: &str) -> Result<SendableRecordBatchStream> {
        let plan = self.plan(origin, sql).await?;
        self.execute(origin, plan, Joins::Hashed).await
    }

    pub(crate) async fn execute(
        &self,
        origin: &Origin,
        plan: LogicalPlan,
        joins: Joins,
    ) -> Result<SendableRecordBatchStream> {
        let failed = |source| self.failures.of(&origin.to_string(), source);
        let state = match joins {
            Joins::Hashed => self.context.state(),
            Joins::Sorted => {
                let mut rules = self.context.state().physical_optimizers().to_vec();
                rules.insert(0, Arc::new(SortedJoins));
                SessionStateBuilder::new_from_existing(self.context.state())
                    .with_physical_optimizer_rules(rules)
                    .build()
            }
        };
        let context = state.task_ctx();
        let physical = state.create_physical_plan(&plan).await.map_err(failed)?;
        execute_stream(physical, context).map_err(failed)
    }

    /// Checks a query and plans it over the session's tables.
    pub(crate) async fn plan(&self, origin: &Origin, sql: &str) -> Result<LogicalPlan> {
        let state = self.context.state();
        let statement = parse_query(&state, origin, sql)?;
        let named = state.resolve_table_references(&statement).unwrap_or_default();
        let absent = |name: &String| !self.tables.contains_key(name.as_str());
        let absent: Vec<String> = named.iter().map(|reference| reference.table().to_owned()).filter(absent).collect();
        let failed = |error| planning_failed(origin, sql, &error, &absent, &self.known_tables());
        let plan = state.statement_to_plan(statement).await.map_err(failed)?;
        let queries_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        queries_only.verify_plan(&plan).map_err(failed)?;
        refuse_unstable(origin, sql, &plan)?;
        // The analyzer finds what is left to find (types that do not fit) before anything runs.
        state.optimize(&plan).map_err(failed)?;
        Ok(plan)
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

fn runtime(failures: &Failures) -> datafusion::error::Result<RuntimeEnv> {
    std::fs::create_dir_all(&failures.spill_folder)?;
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![failures.spill_folder.clone()]))
        .with_max_temp_directory_size(u64::MAX)
        .with_max_spill_merge_fan_in(MERGED_RUNS);
    let pool = TrackConsumersPool::new(FairSpillPool::new(failures.memory_bytes), NAMED_CONSUMERS);
    RuntimeEnvBuilder::new().with_disk_manager_builder(disk).with_memory_pool(Arc::new(pool)).build()
}

/// One partition, nothing that depends on the number of cores or on timing, names as they are written.
fn config(memory_bytes: usize) -> SessionConfig {
    let batch_rows = (memory_bytes / MEMORY_BYTES_PER_BATCH_ROW).clamp(BATCH_ROWS / 16, BATCH_ROWS);
    let mut config = SessionConfig::new().with_target_partitions(1).with_batch_size(batch_rows);
    let options = config.options_mut();
    options.sql_parser.enable_ident_normalization = false;
    options.sql_parser.map_string_types_to_utf8view = false;
    options.sql_parser.collect_spans = true;
    options.optimizer.enable_round_robin_repartition = false;
    options.optimizer.enable_dynamic_filter_pushdown = false;
    options.optimizer.enable_join_dynamic_filter_pushdown = false;
    options.optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    options.optimizer.enable_topk_dynamic_filter_pushdown = false;
    options.execution.planning_concurrency = 1;
    options.execution.sort_spill_reservation_bytes = (memory_bytes / 16).clamp(64 << 10, 10 << 20);
    config
}
