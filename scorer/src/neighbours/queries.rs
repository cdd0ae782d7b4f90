//! Who is asked about: their embeddings, found in one pass over the population and frozen for every shard.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, FixedSizeBinaryArray, Float32Array, ListArray, RecordBatch, UInt64Array};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Float32Type, Schema, UInt64Type};
use artifacts::keys::hash_nullable_keys;
use artifacts::layout::{self, Attempt};
use artifacts::object::FileRecord;
use artifacts::rows::{BATCH_ROWS, Columns, open_file, read_row_group};
use artifacts::runs::{NeighbourQueries, commit_queries, read_queries};
use artifacts::{ParquetOptions, ParquetWriter};
use feed::FeedBatch;
use futures::TryStreamExt;
use model::neighbours::Queries;
use query::KeySet;
use spec::ids::NeighboursName;
use spec::neighbours::Neighbours;
use tokio::runtime::Handle;

use super::similarity_of;
use crate::error::{Result, ScorerError};
use crate::reading::Reading;
use crate::run::Run;
use crate::score::layout::embedding_item;

/// Neighbours of all people who are asked about, at the most: a process keeps them in memory.
const MOST_NEIGHBOURS: u64 = 1_000_000;

/// The columns of the file, in order.
const COLUMNS: [&str; 3] = ["row", "tie", "embedding"];

/// The keys of a declaration's people.
pub(crate) struct Asked {
    pub(crate) name: NeighboursName,
    pub(crate) keys: KeySet,
}

/// The people of a declaration who are in the population.
struct Found<'a> {
    asked: &'a Asked,
    declared: &'a Neighbours,
    seen: HashSet<u128>,
    rows: Vec<u64>,
    ties: Vec<u128>,
    embeddings: Vec<f32>,
}

/// People who were found.
pub(crate) struct FoundQueries {
    /// Their rows in the population.
    pub(crate) rows: Vec<u64>,
    /// The same, to be searched for.
    pub(crate) queries: Queries,
}

/// Finds the people of all declarations in one pass and freezes them.
///
/// # Errors
///
/// A population that cannot be read or encoded; nobody of a table in the population, or too many.
pub(crate) async fn find_queries(run: &Run, asked: Vec<Asked>, reading: Reading, attempt: &Attempt) -> Result<()> {
    let (run_of_thread, runtime) = (run.clone(), Handle::current());
    let found = tokio::task::spawn_blocking(move || find(&run_of_thread, &asked, &reading, &runtime)).await;
    for (name, batch) in found.map_err(ScorerError::Thread)?? {
        let file = write(run, &name, attempt, &batch).await?;
        let queries = NeighbourQueries { attempt: attempt.clone(), file };
        commit_queries(&run.workspace, &run.id, &name, queries).await?;
    }
    Ok(())
}

fn find(run: &Run, asked: &[Asked], reading: &Reading, runtime: &Handle) -> Result<Vec<(NeighboursName, RecordBatch)>> {
    let declared = &run.spec().neighbours;
    let mut found: Vec<Found<'_>> = asked.iter().map(|asked| Found::new(asked, &declared[&asked.name])).collect();
    let (mut first_row, key) = (0, run.spec().key.clone());
    reading.each_batch("find people", vec![key.clone()], runtime, |batch| {
        let carried = batch.carry.as_ref().and_then(|carried| carried.column_by_name(key.as_str()));
        let is_no_key = |source| ScorerError::Key { column: key.clone(), source };
        let hashes = hash_nullable_keys(carried.ok_or(ScorerError::Broken)?, KeySet::SEED).map_err(is_no_key)?;
        found.iter_mut().try_for_each(|found| found.add(batch, &hashes, first_row, reading))?;
        first_row += batch.rows() as u64;
        Ok(())
    })?;
    let width = reading.predictor.embedding_width();
    found.into_iter().map(|found| Ok((found.asked.name.clone(), found.finish(width, reading)?))).collect()
}

impl<'a> Found<'a> {
    fn new(asked: &'a Asked, declared: &'a Neighbours) -> Self {
        let (rows, ties) = (Vec::new(), Vec::new());
        Self { asked, declared, seen: HashSet::new(), rows, ties, embeddings: Vec::new() }
    }

    /// Adds a batch's people who are asked about, each where they come first.
    fn add(&mut self, batch: &FeedBatch, hashes: &[Option<u128>], first_row: u64, reading: &Reading) -> Result<()> {
        let mut wanted = Vec::new();
        for (row, hash) in (0u32..).zip(hashes) {
            let Some(hash) = hash.filter(|hash| self.asked.keys.contains(*hash)) else { continue };
            if self.seen.insert(hash) {
                wanted.push(row);
                self.rows.push(first_row + u64::from(row));
                self.ties.push(hash);
            }
        }
        let (people, count) = (self.rows.len() as u64, u64::from(self.declared.count));
        if people * count > MOST_NEIGHBOURS {
            let most = MOST_NEIGHBOURS / count;
            return Err(ScorerError::ManyQueries { name: self.asked.name.clone(), most });
        }
        reading.embed(batch, &wanted, &mut self.embeddings)
    }

    fn finish(self, width: usize, reading: &Reading) -> Result<RecordBatch> {
        let (name, found, keys) = (&self.asked.name, self.rows.len(), self.asked.keys.len());
        if found == 0 {
            return Err(ScorerError::NoQueries { name: name.clone(), keys });
        }
        reading.progress.note(format!("{name}: {found} of {keys} people are in the population"));
        let ties = self.ties.iter().map(|tie| tie.to_be_bytes());
        let ties = FixedSizeBinaryArray::try_from_iter(ties).map_err(ScorerError::rows)?;
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, found));
        let numbers = Arc::new(Float32Array::from(self.embeddings));
        let embeddings = ListArray::new(embedding_item(), offsets, numbers, None);
        let types = [DataType::UInt64, DataType::FixedSizeBinary(16), DataType::List(embedding_item())];
        let fields = COLUMNS.into_iter().zip(types).map(|(name, data_type)| Field::new(name, data_type, false));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let columns: Vec<ArrayRef> = vec![Arc::new(UInt64Array::from(self.rows)), Arc::new(ties), Arc::new(embeddings)];
        RecordBatch::try_new(schema, columns).map_err(ScorerError::rows)
    }
}

async fn write(run: &Run, name: &NeighboursName, attempt: &Attempt, batch: &RecordBatch) -> Result<FileRecord> {
    let key = layout::neighbour_queries(&run.id, name, attempt);
    let mut writer = ParquetWriter::create(&run.workspace, key, &batch.schema(), &ParquetOptions::default())?;
    for first in (0..batch.num_rows()).step_by(BATCH_ROWS) {
        writer.write(&batch.slice(first, BATCH_ROWS.min(batch.num_rows() - first))).await?;
    }
    Ok(writer.finish().await?)
}

/// Reads the people of a declaration as they were frozen.
///
/// # Errors
///
/// People who were not frozen, storage that fails.
pub(crate) async fn load_queries(run: &Run, name: &NeighboursName, declared: &Neighbours) -> Result<FoundQueries> {
    let frozen = read_queries(&run.workspace, &run.id, name).await?;
    let handle = open_file(&frozen.file.input_file(&run.workspace)).await?;
    let projection = handle.project(&Columns::new(COLUMNS))?;
    let (mut rows, mut ties, mut embeddings) = (Vec::new(), Vec::new(), Vec::new());
    for row_group in 0..handle.row_groups() {
        let mut batches = read_row_group(&handle, row_group, &projection, BATCH_ROWS);
        while let Some(batch) = batches.try_next().await? {
            rows.extend_from_slice(batch.column(0).as_primitive::<UInt64Type>().values());
            for tie in batch.column(1).as_fixed_size_binary().iter().flatten() {
                ties.push(u128::from_be_bytes(tie.try_into().map_err(|_| ScorerError::Broken)?));
            }
            for embedding in batch.column(2).as_list::<i32>().iter().flatten() {
                embeddings.extend_from_slice(embedding.as_primitive::<Float32Type>().values());
            }
        }
    }
    let width = embeddings.len() / rows.len().max(1);
    Ok(FoundQueries { rows, queries: Queries::new(embeddings, width.max(1), ties, similarity_of(declared)) })
}
