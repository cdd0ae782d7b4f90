//! A few rows from all over a table.

use arrow::array::UInt64Array;
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use artifacts::rows::RowGroupRef;
use futures::TryStreamExt;
use spec::TableName;

use super::InspectOptions;
use crate::error::{QueryError, Result, TableError};
use crate::keys::quoted;
use crate::parquet::ParquetTable;
use crate::session::{Session, Table};
use crate::sql::Origin;

/// Row groups that a Parquet table is sampled from, at the most.
const ROW_GROUPS: usize = 8;

/// Values that a sample has at the most: fewer rows of a table with very many columns.
const SAMPLED_VALUES: usize = 50_000_000;

/// Rows of a batch while sampling.
const BATCH_ROWS: usize = 4096;

/// Sampled rows, and how many there are in all where it is known.
pub(super) struct Sampled {
    pub(super) rows: Option<u64>,
    pub(super) batches: Vec<RecordBatch>,
}

pub(super) async fn take(session: &Session, name: &TableName, options: &InspectOptions) -> Result<Sampled> {
    let columns = session.schema(name)?.fields().len().max(1);
    let sample_rows = options.sample_rows.min(SAMPLED_VALUES / columns).max(1);
    match session.table(name)? {
        Table::Parquet(table) => {
            let unreadable = |source: TableError| QueryError::Table { table: name.clone(), source };
            from_row_groups(table, sample_rows).await.map_err(unreadable)
        }
        Table::Text(_) | Table::View(_) => from_stream(session, name, sample_rows, options.scan_rows).await,
    }
}

/// The first rows of row groups that are spread evenly over the table.
async fn from_row_groups(table: &ParquetTable, sample_rows: usize) -> Result<Sampled, TableError> {
    let chosen = spread(&table.row_groups(), ROW_GROUPS);
    let rows_each = sample_rows.div_ceil(chosen.len().max(1));
    let projection: Vec<usize> = (0..crate::scan::Rows::schema(table).fields().len()).collect();
    let mut batches = Vec::new();
    for row_group in chosen {
        let mut rows_left = rows_each;
        let mut stream = table.read_row_groups(vec![row_group], &projection, BATCH_ROWS.min(rows_each.max(1)));
        while rows_left > 0
            && let Some(batch) = stream.try_next().await?
        {
            let batch = batch.slice(0, batch.num_rows().min(rows_left));
            rows_left -= batch.num_rows();
            batches.push(batch);
        }
    }
    Ok(Sampled { rows: Some(table.row_count()), batches })
}

/// At most `count` of the row groups, the first among them, the others evenly behind it.
fn spread(row_groups: &[RowGroupRef], count: usize) -> Vec<RowGroupRef> {
    let count = count.min(row_groups.len());
    (0..count).map(|index| row_groups[index * row_groups.len() / count]).collect()
}

/// Every n-th row of those that are read, n doubling whenever there are twice as many as asked for.
async fn from_stream(session: &Session, name: &TableName, sample_rows: usize, scan_rows: u64) -> Result<Sampled> {
    let sql = format!("SELECT * FROM {}", quoted(name.as_str()));
    let origin = Origin::Reading(name.as_str().to_owned());
    let mut stream = session.stream_of(&origin, &sql).await?;
    let failed = |source: ArrowError| session.failures().of(&origin.to_string(), source.into());
    let mut thinned = Thinned { step: 1, seen: 0, kept: 0, batches: Vec::new() };
    while thinned.seen < scan_rows {
        match stream.try_next().await? {
            Some(batch) => thinned.add(&batch, sample_rows).map_err(failed)?,
            None => return Ok(Sampled { rows: Some(thinned.seen), batches: thinned.batches }),
        }
    }
    Ok(Sampled { rows: None, batches: thinned.batches })
}

/// Rows 0, n, 2n, … of a stream.
struct Thinned {
    step: u64,
    seen: u64,
    kept: usize,
    batches: Vec<RecordBatch>,
}

impl Thinned {
    fn add(&mut self, batch: &RecordBatch, wanted: usize) -> Result<(), ArrowError> {
        let rows = batch.num_rows() as u64;
        let first = self.seen.next_multiple_of(self.step) - self.seen;
        let thin = every(batch, first, self.step)?;
        self.seen += rows;
        self.kept += thin.num_rows();
        self.batches.push(thin);
        while self.kept > 2 * wanted {
            self.halve()?;
        }
        Ok(())
    }

    fn halve(&mut self) -> Result<(), ArrowError> {
        self.step *= 2;
        let mut position = 0;
        for batch in &mut self.batches {
            let rows = batch.num_rows() as u64;
            *batch = every(batch, position % 2, 2)?;
            position += rows;
        }
        self.batches.retain(|batch| batch.num_rows() > 0);
        self.kept = self.batches.iter().map(RecordBatch::num_rows).sum();
        Ok(())
    }
}

fn every(batch: &RecordBatch, first: u64, step: u64) -> Result<RecordBatch, ArrowError> {
    let chosen: UInt64Array = (first..batch.num_rows() as u64).step_by(step as usize).collect::<Vec<_>>().into();
    take_record_batch(batch, &chosen)
}
