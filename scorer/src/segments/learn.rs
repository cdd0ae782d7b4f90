//! Fitting segments when a run is planned: one pass takes a sample of people, then each way of dividing them is fitted to its own.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::take;
use artifacts::keys::{hash_nullable_keys, seed_of, unit_interval};
use artifacts::runs::read_segments;
use feed::FeedBatch;
use indexmap::IndexMap;
use model::segments::{SegmentOptions, Segments};
use rayon::ThreadPoolBuilder;
use spec::Segmentation;
use spec::ids::{ColumnName, SegmentationName};
use tokio::runtime::Handle;

use super::groups::{DescribedColumn, Groups};
use super::numbers::numbers_of;
use super::{FrozenSegments, RunSegments};
use crate::error::{Result, ScorerError};
use crate::reading::Reading;
use crate::run::Run;

/// Fits the document's segments, or takes those of earlier runs. Blocking, on a thread of its own.
///
/// # Errors
///
/// A population that cannot be read or encoded; people of whom too few differ; a run without such segments.
pub(crate) fn learn(run: &Run, reading: &Reading, runtime: &Handle) -> Result<RunSegments> {
    let declared = &run.spec().segments;
    let kept = runtime.block_on(read_kept(run))?;
    let (rows, width) = (reading.population.rows(), reading.predictor.embedding_width());
    let mut samples: Vec<Sample<'_>> = declared.values().map(|declared| Sample::new(declared, rows, width)).collect();
    reading.each_batch("sample people", carried(run), runtime, |batch| {
        samples.iter_mut().try_for_each(|sample| sample.add(&run.spec().key, batch, reading))
    })?;
    reading.progress.phase("fit segments", "segmentations", Some(declared.len() as u64));
    let pool = ThreadPoolBuilder::new().num_threads(reading.threads).build().map_err(ScorerError::Threads)?;
    let mut segmentations = IndexMap::new();
    for (name, sample) in declared.keys().zip(samples) {
        reading.cancel.check().map_err(|_| ScorerError::Cancelled)?;
        let frozen = pool.install(|| sample.finish(name, kept.get(name)))?;
        reading.progress.note(note(name, &frozen.segments));
        reading.progress.advance(1);
        segmentations.insert(name.clone(), frozen);
    }
    Ok(RunSegments { model: run.model.clone(), segmentations })
}

/// The key and every column that segments are of or described by.
fn carried(run: &Run) -> Vec<ColumnName> {
    let mut columns = vec![run.spec().key.clone()];
    for column in run.spec().segments.values().flat_map(Segmentation::described_by) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// The segments of earlier runs that the document keeps.
async fn read_kept(run: &Run) -> Result<IndexMap<SegmentationName, FrozenSegments>> {
    let mut kept = IndexMap::new();
    for (name, declared) in &run.spec().segments {
        let Some(from) = &declared.from_run else { continue };
        let not_there = || ScorerError::NoSegments { segmentation: name.clone(), run: from.clone() };
        let mut of_run = read_segments::<RunSegments>(&run.workspace, from).await?.ok_or_else(not_there)?;
        let segments = of_run.segmentations.shift_remove(name).ok_or_else(not_there)?;
        let is_of_model = segments.columns.is_some() || of_run.model == run.model;
        if segments.columns != declared.columns || !is_of_model {
            return Err(ScorerError::OtherSegments { segmentation: name.clone(), run: from.clone() });
        }
        kept.insert(name.clone(), segments);
    }
    Ok(kept)
}

/// The people whom segments are fitted to.
struct Sample<'a> {
    declared: &'a Segmentation,
    /// Seeds the hash of the key that draws them.
    draw: u64,
    /// The share of the population that is drawn.
    rate: f64,
    /// Numbers of each.
    width: usize,
    numbers: Vec<f32>,
    /// The values of the columns that segments are described by, batch by batch.
    described: Vec<(ColumnName, Vec<ArrayRef>)>,
}

impl<'a> Sample<'a> {
    fn new(declared: &'a Segmentation, rows: u64, embedding_width: usize) -> Self {
        Self {
            declared,
            draw: seed_of("segments", &declared.seed.to_string()),
            rate: f64::from(declared.sample) / rows.max(1) as f64,
            width: declared.columns.as_ref().map_or(embedding_width, Vec::len),
            numbers: Vec::new(),
            described: declared.described_by().into_iter().map(|column| (column, Vec::new())).collect(),
        }
    }

    /// Adds a batch's people who are drawn; nobody is without a key.
    fn add(&mut self, key: &ColumnName, batch: &FeedBatch, reading: &Reading) -> Result<()> {
        let carried = batch.carry.as_ref().ok_or(ScorerError::Broken)?;
        let keys = carried.column_by_name(key.as_str()).ok_or(ScorerError::Broken)?;
        let is_no_key = |source| ScorerError::Key { column: key.clone(), source };
        let draws = hash_nullable_keys(keys, self.draw).map_err(is_no_key)?;
        let is_drawn = |draw: Option<u128>| draw.is_some_and(|draw| unit_interval(draw) < self.rate);
        let drawn: Vec<u32> = (0..).zip(draws).filter(|(_, draw)| is_drawn(*draw)).map(|(row, _)| row).collect();
        if drawn.is_empty() {
            return Ok(());
        }
        let of_drawn = rows_of(carried, &UInt32Array::from(drawn.clone()))?;
        match &self.declared.columns {
            Some(columns) => self.numbers.extend(numbers_of(&of_drawn, columns)?),
            None => reading.embed(batch, &drawn, &mut self.numbers)?,
        }
        for (column, values) in &mut self.described {
            values.push(of_drawn.column_by_name(column.as_str()).ok_or(ScorerError::Broken)?.clone());
        }
        Ok(())
    }

    /// Fits the segments to it, where they are not kept from an earlier run.
    fn finish(self, name: &SegmentationName, kept: Option<&FrozenSegments>) -> Result<FrozenSegments> {
        let described = self.described.into_iter().map(|(column, values)| {
            let groups = Groups::of(&column, &values)?;
            Ok(DescribedColumn { column, groups })
        });
        let described_by = described.collect::<Result<_>>()?;
        let segments = match (kept, self.declared.k) {
            (Some(kept), _) => kept.segments.clone(),
            (None, None) => return Err(ScorerError::Broken),
            (None, Some(k)) => {
                let options = SegmentOptions {
                    counts: k.candidates(),
                    seed: self.declared.seed,
                    restarts: self.declared.restarts,
                    iterations: self.declared.iterations,
                    batch_size: self.declared.batch_size,
                };
                let too_few = |source| ScorerError::FewDistinct { segmentation: name.clone(), source };
                Segments::fit(self.numbers, self.width, &options).map_err(too_few)?
            }
        };
        Ok(FrozenSegments { columns: self.declared.columns.clone(), segments, described_by })
    }
}

fn rows_of(batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| take(column, rows, None));
    let columns = columns.collect::<Result<Vec<_>, _>>().map_err(ScorerError::rows)?;
    RecordBatch::try_new(batch.schema(), columns).map_err(ScorerError::rows)
}

fn note(name: &SegmentationName, segments: &Segments) -> String {
    let people: u64 = segments.sizes.iter().sum();
    format!(
        "{name}: {} segments of {people} sampled people, silhouette {:.3}, {:.0} % of the variance between segments",
        segments.count(),
        segments.silhouette,
        100.0 * segments.explained
    )
}
