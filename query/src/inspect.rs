//! A look at a table without reading all of it: types, nulls, distinct values, ranges, and a sample of its rows.

mod column;
mod sample;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use serde::Serialize;
use spec::TableName;

use crate::error::Result;
use crate::inspect::column::ColumnTally;
use crate::session::Session;

/// How much of a table is looked at.
#[derive(Debug, Clone, Copy)]
pub struct InspectOptions {
    /// Rows that the sample has, more or less; fewer where the table has very many columns.
    pub sample_rows: usize,
    /// Rows of a table without row groups (text files, views) that are read to take the sample from.
    pub scan_rows: u64,
}

impl Default for InspectOptions {
    fn default() -> Self {
        Self { sample_rows: 20_000, scan_rows: 1_000_000 }
    }
}

/// What a look at a table found.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The figures.
    pub summary: TableSummary,
    /// The sampled rows.
    pub sample: Vec<RecordBatch>,
}

/// Figures of a table; those of its columns are of the sampled rows alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableSummary {
    /// Rows in the table, where the files say it or all of it was read.
    pub rows: Option<u64>,
    /// Rows in the sample.
    pub sampled_rows: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnSummary>,
}

/// Figures of a column over the sampled rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// The column.
    pub name: String,
    /// Its type.
    pub data_type: String,
    /// Share of nulls, 0..1; 0 without rows.
    pub null_rate: f64,
    /// NaN and infinite values.
    pub non_finite: u64,
    /// Distinct values that are not null; absent where the type has no equality.
    pub distinct: Option<u64>,
    /// The smallest value, as text; NaN and infinities aside.
    pub min: Option<String>,
    /// The largest value, as text; NaN and infinities aside.
    pub max: Option<String>,
    /// There are rows, and all of them have the same value or null.
    pub is_constant: bool,
}

impl Session {
    /// Looks at a table. Parquet tables are sampled from row groups spread over all files; text files and views from
    /// rows spread over the first [`InspectOptions::scan_rows`].
    pub async fn inspect(&self, table: &TableName, options: &InspectOptions) -> Result<Inspection> {
        let schema = self.schema(table)?;
        let sampled = sample::take(self, table, options).await?;
        // One column at a time: a tally holds its column's distinct values.
        let summary_of = |(index, field): (usize, &Arc<Field>)| {
            let mut tally = ColumnTally::new(field);
            sampled.batches.iter().for_each(|batch| tally.add(batch.column(index)));
            tally.finish()
        };
        let columns = schema.fields().iter().enumerate().map(summary_of).collect();
        let sampled_rows = sampled.batches.iter().map(|batch| batch.num_rows() as u64).sum();
        Ok(Inspection { summary: TableSummary { rows: sampled.rows, sampled_rows, columns }, sample: sampled.batches })
    }
}
