//! What a shard has found, as a file: a query's number, the similarity, the tie and the row of each neighbour, by query, the
//! nearest first.

use std::sync::Arc;

use arrow::array::{AsArray, FixedSizeBinaryArray, Float64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef, UInt32Type, UInt64Type};
use artifacts::layout::Key;
use artifacts::object::FileRecord;
use artifacts::rows::{BATCH_ROWS, Columns, open_file, read_row_group};
use artifacts::{InputFile, ParquetOptions, ParquetWriter, Workspace};
use futures::TryStreamExt;
use model::neighbours::{Neighbour, Search};

use crate::error::{Result, ScorerError};

/// The columns, in order.
const COLUMNS: [&str; 4] = ["query", "similarity", "tie", "row"];

fn schema() -> SchemaRef {
    let types = [DataType::UInt32, DataType::Float64, DataType::FixedSizeBinary(16), DataType::UInt64];
    let fields = COLUMNS.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, false));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Writes what was found of each query.
pub(super) async fn write(workspace: &Workspace, key: Key, nearest: Vec<Vec<Neighbour>>) -> Result<FileRecord> {
    let schema = schema();
    let mut writer = ParquetWriter::create(workspace, key, &schema, &ParquetOptions::default())?;
    let numbered = (0u32..).zip(&nearest).flat_map(|(query, nearest)| nearest.iter().map(move |found| (query, found)));
    let rows: Vec<(u32, &Neighbour)> = numbered.collect();
    for rows in rows.chunks(BATCH_ROWS) {
        writer.write(&batch(&schema, rows)?).await?;
    }
    Ok(writer.finish().await?)
}

fn batch(schema: &SchemaRef, rows: &[(u32, &Neighbour)]) -> Result<RecordBatch> {
    let ties = rows.iter().map(|(_, found)| found.tie.to_be_bytes());
    let ties = FixedSizeBinaryArray::try_from_iter(ties).map_err(ScorerError::rows)?;
    RecordBatch::try_new(
        SchemaRef::clone(schema),
        vec![
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|(query, _)| *query))),
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|(_, found)| found.similarity))),
            Arc::new(ties),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(_, found)| found.row))),
        ],
    )
    .map_err(ScorerError::rows)
}

/// Offers a search what a shard has found.
pub(super) async fn offer(file: &InputFile, search: &mut Search) -> Result<()> {
    let handle = open_file(file).await?;
    let projection = handle.project(&Columns::new(COLUMNS))?;
    for row_group in 0..handle.row_groups() {
        let mut batches = read_row_group(&handle, row_group, &projection, BATCH_ROWS);
        while let Some(batch) = batches.try_next().await? {
            let queries = batch.column(0).as_primitive::<UInt32Type>();
            let similarities = batch.column(1).as_primitive::<Float64Type>();
            let (ties, rows) = (batch.column(2).as_fixed_size_binary(), batch.column(3).as_primitive::<UInt64Type>());
            for place in 0..batch.num_rows() {
                let tie = u128::from_be_bytes(ties.value(place).try_into().map_err(|_| ScorerError::Broken)?);
                let found = Neighbour { similarity: similarities.value(place), tie, row: rows.value(place) };
                search.offer(queries.value(place) as usize, found);
            }
        }
    }
    Ok(())
}
