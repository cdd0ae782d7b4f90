//! Tables as DataFusion sees them: a schema, what is known of their size, and rows in a fixed order.
//!
//! A table has one partition, and its files are read one behind the other, so that rows come in the same order in
//! every run. Reading runs a few batches ahead of the query, on a task of its own.

use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::TryStreamExt;
use futures::stream::BoxStream;

use crate::error::FileError;

/// Batches that a scan reads ahead of the query.
const BATCHES_AHEAD: usize = 4;

/// Rows of some files.
pub(crate) trait Rows: Debug + Send + Sync + 'static {
    /// The table's columns.
    fn schema(&self) -> &SchemaRef;

    /// How many rows there are, where it is known.
    fn rows(&self) -> Option<u64>;

    /// How many bytes the files have.
    fn bytes(&self) -> u64;

    /// Batches of the named columns (at least one, ascending), at most `batch_rows` rows each, in the files' order.
    fn read(&self, projection: &[usize], batch_rows: usize) -> BoxStream<'static, Result<RecordBatch, FileError>>;
}

/// A table over [`Rows`].
#[derive(Debug)]
pub(crate) struct FileTable {
    name: String,
    rows: Arc<dyn Rows>,
}

impl FileTable {
    /// The table `name`.
    pub(crate) fn new(name: &str, rows: Arc<dyn Rows>) -> Self {
        Self { name: name.to_owned(), rows }
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.rows.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.rows.schema().fields().len()).collect();
        let projection = projection.cloned().unwrap_or_else(all);
        Ok(Arc::new(FileScan::new(&self.name, Arc::clone(&self.rows), projection, limit)?))
    }
}

/// Reads some columns of a table.
struct FileScan {
    table: String,
    rows: Arc<dyn Rows>,
    projection: Vec<usize>,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl FileScan {
    fn new(table: &str, rows: Arc<dyn Rows>, projection: Vec<usize>, limit: Option<usize>) -> DataFusionResult<Self> {
        let schema = Arc::new(rows.schema().project(&projection)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self { table: table.to_owned(), rows, projection, limit, properties: Arc::new(properties) })
    }

    fn statistics(&self) -> Statistics {
        let columns = self.rows.schema().fields().len().max(1);
        let bytes = self.rows.bytes() as usize / columns * self.projection.len();
        let num_rows = self.rows.rows().map_or(Precision::Absent, |rows| Precision::Exact(rows as usize));
        Statistics {
            num_rows: match self.limit {
                Some(limit) => num_rows.min(&Precision::Exact(limit)).to_inexact(),
                None => num_rows,
            },
            total_byte_size: Precision::Inexact(bytes),
            column_statistics: vec![ColumnStatistics::new_unknown(); self.projection.len()],
        }
    }
}

impl Debug for FileScan {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileScan").field("table", &self.table).field("projection", &self.projection).finish()
    }
}

impl DisplayAs for FileScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> std::fmt::Result {
        let schema = self.properties.eq_properties.schema();
        let columns: Vec<_> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        write!(f, "FileScan: {} [{}]", self.table, columns.join(", "))
    }
}

impl ExecutionPlan for FileScan {
    fn name(&self) -> &str {
        "FileScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DataFusionResult<TreeNodeRecursion>,
    ) -> DataFusionResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> DataFusionResult<SendableRecordBatchStream> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let batch_rows = context.session_config().batch_size();
        let read = if self.projection.is_empty() { vec![0] } else { self.projection.clone() };
        let mut batches = self.rows.read(&read, batch_rows);
        let mut rows_left = self.limit.unwrap_or(usize::MAX);

        let mut builder = RecordBatchReceiverStreamBuilder::new(Arc::clone(&schema), BATCHES_AHEAD);
        let sender = builder.tx();
        builder.spawn(async move {
            while rows_left > 0
                && let Some(batch) = batches.try_next().await.map_err(external)?
            {
                let batch = batch.slice(0, batch.num_rows().min(rows_left));
                rows_left -= batch.num_rows();
                if sender.send(Ok(shaped(&batch, &schema)?)).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        Ok(builder.build())
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> DataFusionResult<Arc<Statistics>> {
        Ok(Arc::new(self.statistics()))
    }
}

/// The batch under the scan's own schema; without columns it keeps its number of rows.
fn shaped(batch: &RecordBatch, schema: &SchemaRef) -> DataFusionResult<RecordBatch> {
    let columns = if schema.fields().is_empty() { Vec::new() } else { batch.columns().to_vec() };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// A file's error on its way through DataFusion.
fn external(error: FileError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
