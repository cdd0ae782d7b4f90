//! The table of neighbours: what all shards found, put together, with keys.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float32Array, Int32Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::{concat, take};
use arrow::datatypes::{DataType, Field, Schema};
use artifacts::layout;
use artifacts::object::FileRecord;
use artifacts::registry::ModelIdentity;
use artifacts::rows::Columns;
use artifacts::{ParquetOptions, ParquetWriter};
use model::neighbours::{Neighbour, Search};
use serde::{Deserialize, Serialize};
use spec::ids::{NeighboursName, RunId};
use spec::neighbours::Neighbours;

use super::{load_queries, partial};
use crate::commit::ScoreCommit;
use crate::error::{Result, ScorerError};
use crate::publish::{RowGroup, ScoreTable};
use crate::run::Run;

/// Rows that are written at once.
const WRITTEN_ROWS: usize = 1 << 16;

/// What a table of neighbours is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeighboursManifest {
    /// Its name in the document.
    pub name: NeighboursName,
    /// The run.
    pub run: RunId,
    /// The model whose embeddings were compared.
    pub model: ModelIdentity,
    /// What was asked for.
    pub definition: Neighbours,
    /// People asked about who are in the population.
    pub people: u64,
    /// The file: `person`, `rank` from 1, `neighbour`, `similarity`; by person in the population's order, the nearest first.
    pub file: FileRecord,
}

/// Puts together what the shards of a run have found, and writes a table for each declaration. Done again, it writes the same.
///
/// # Errors
///
/// Files that are missing or damaged, storage that fails.
pub(crate) async fn publish_neighbours(
    run: &Run,
    table: &ScoreTable,
    commits: &[ScoreCommit],
) -> Result<Vec<NeighboursManifest>> {
    let mut manifests = Vec::new();
    for (name, declared) in &run.spec().neighbours {
        let found = load_queries(run, name, declared).await?;
        let mut search = Search::new(Arc::new(found.queries), declared.count as usize);
        for commit in commits {
            let file = commit.summary.neighbours.get(name).ok_or(ScorerError::Broken)?;
            partial::offer(&file.input_file(&run.workspace), &mut search).await?;
        }
        let nearest = search.finish();
        let people = found.rows.len() as u64;
        let file = write(run, table, name, &found.rows, &nearest).await?;
        let (definition, model) = (declared.clone(), run.model.clone());
        let manifest = NeighboursManifest { name: name.clone(), run: run.id.clone(), model, definition, people, file };
        let key = layout::neighbours_manifest(&run.id, name);
        manifests.push(run.workspace.create_once(&key, &manifest).await?.settled(manifest));
    }
    Ok(manifests)
}

/// Writes the table of these people, given as rows of the population, and their nearest.
async fn write(
    run: &Run,
    table: &ScoreTable,
    name: &NeighboursName,
    people: &[u64],
    nearest: &[Vec<Neighbour>],
) -> Result<FileRecord> {
    let mut rows: Vec<u64> = nearest.iter().flatten().map(|found| found.row).chain(people.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    let rows: Arc<[u64]> = rows.into();
    let keys = keys_of(table, run.spec().key.as_str(), Arc::clone(&rows)).await?;
    let key_type = keys.data_type().clone();
    let schema = Arc::new(Schema::new(vec![
        Field::new("person", key_type.clone(), false),
        Field::new("rank", DataType::Int32, false),
        Field::new("neighbour", key_type, false),
        Field::new("similarity", DataType::Float32, false),
    ]));
    let place = |row: u64| rows.binary_search(&row).map(|place| place as u32).map_err(|_| ScorerError::Broken);
    let mut lines = Vec::new();
    for (person, nearest) in people.iter().zip(nearest) {
        for (rank, found) in (1..).zip(nearest) {
            lines.push((place(*person)?, rank, place(found.row)?, found.similarity as f32));
        }
    }
    let file_key = layout::neighbours_table(&run.id, name);
    let mut writer = ParquetWriter::create(&run.workspace, file_key, &schema, &ParquetOptions::default())?;
    for lines in lines.chunks(WRITTEN_ROWS) {
        let taken = |places: Vec<u32>| take(&keys, &UInt32Array::from(places), None).map_err(ScorerError::rows);
        let columns: Vec<ArrayRef> = vec![
            taken(lines.iter().map(|line| line.0).collect())?,
            Arc::new(Int32Array::from_iter_values(lines.iter().map(|line| line.1))),
            taken(lines.iter().map(|line| line.2).collect())?,
            Arc::new(Float32Array::from_iter_values(lines.iter().map(|line| line.3))),
        ];
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns).map_err(ScorerError::rows)?).await?;
    }
    Ok(writer.finish().await?)
}

/// The keys of some rows of the population, ascending, from one pass over the score table's key column.
async fn keys_of(table: &ScoreTable, key: &str, rows: Arc<[u64]>) -> Result<ArrayRef> {
    let work = move |group: RowGroup| {
        let mut keys = Vec::new();
        for batch in group.batches()? {
            let (first, batch) = batch?;
            let end = first + batch.num_rows() as u64;
            let inside = &rows[rows.partition_point(|row| *row < first)..rows.partition_point(|row| *row < end)];
            let places = UInt64Array::from_iter_values(inside.iter().map(|row| row - first));
            keys.push(take(batch.column(0), &places, None).map_err(ScorerError::rows)?);
        }
        Ok(keys)
    };
    let columns = Columns::new([key]);
    let keys: Vec<ArrayRef> = table.fold("find keys", &columns, Vec::new(), work, Vec::extend).await?;
    concat(&keys.iter().map(|keys| keys.as_ref() as &dyn Array).collect::<Vec<_>>()).map_err(ScorerError::rows)
}
