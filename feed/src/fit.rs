//! One pass over the examples: encoders learn from the training rows, and what each task has is counted in every part.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter;
use indexmap::IndexMap;
use model::drift::{Distribution, FeatureCounts};
use model::encode::{ClassFit, Classes, EncoderFit, Encoders, columns_of};
use model::input::Targets;
use spec::feature::Feature;
use spec::{FeatureName, TaskName};
use tokio::runtime::Handle;

use crate::error::FeedError;
use crate::feed::CHUNK_ROWS;
use crate::label::{LabelDescription, LabelKind, Labels};
use crate::pipeline::{Fetched, Pipeline, Schedule, Wanted, Work};
use crate::plan::{FeatureColumns, Reading};
use crate::split::{Part, Splitter};
use crate::table::{RowGroup, Table};

/// What encoders are fitted on.
#[derive(Debug, Clone)]
pub struct FitPlan {
    /// The examples.
    pub table: Table,
    /// The features, in the document's order.
    pub features: IndexMap<FeatureName, Feature>,
    /// The tasks' labels.
    pub labels: Labels,
    /// Which rows train.
    pub splitter: Splitter,
    /// Threads that decode.
    pub threads: usize,
}

/// What one pass over the examples gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// Encoders, fitted on the training rows, with the classes of multiclass tasks.
    pub encoders: Encoders,
    /// Training rows that some task learns from.
    pub learned_rows: u64,
    /// Counts of training rows.
    pub train: PartCounts,
    /// Counts of validation rows.
    pub validation: PartCounts,
    /// Counts of test rows.
    pub test: PartCounts,
    /// Features whose column had more distinct values than are counted exactly, and by how much counts may be too low.
    pub inexact_counts: Vec<(FeatureName, u64)>,
    /// How the values of features are distributed over the training rows.
    pub distributions: IndexMap<FeatureName, Distribution>,
}

/// What one part of the examples holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartCounts {
    /// Its rows.
    pub rows: u64,
    /// Sum of the rows' weights; the rows where there are none.
    pub weight: f64,
    /// Each task's labels, in the document's order.
    pub tasks: Vec<LabelCounts>,
}

/// What one task's labels are in one part.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelCounts {
    /// The task.
    pub task: TaskName,
    /// Rows with a label.
    pub observed: u64,
    /// Rows whose label is above 0: positives, seeds, amounts.
    pub positives: u64,
    /// Rows that count where the part is learned from: those with a label, less the negatives that are left out.
    pub learned: u64,
    /// Sum of the weights of observed rows.
    pub observed_weight: f64,
    /// Sum of the weights of positive rows.
    pub positive_weight: f64,
    /// Weighted sum of the labels.
    pub sum: f64,
    /// The smallest label; 0 where there is none.
    pub min: f32,
    /// The largest label; 0 where there is none.
    pub max: f32,
}

impl LabelCounts {
    /// The weighted share of positives among observed rows; 0 where there are none.
    pub fn positive_rate(&self) -> f64 {
        if self.observed_weight > 0.0 { self.positive_weight / self.observed_weight } else { 0.0 }
    }

    /// Makes room for labels between two, which are not counted yet.
    fn widen(&mut self, min: f32, max: f32) {
        let is_first = self.observed == 0;
        self.min = if is_first { min } else { self.min.min(min) };
        self.max = if is_first { max } else { self.max.max(max) };
    }
}

/// Fits encoders on the training rows of a table and counts its labels, in one pass. Blocking; files are fetched on `runtime`.
/// The result depends on the rows alone, not on threads.
///
/// # Errors
///
/// What [`Feed::open`](crate::Feed::open) refuses; labels, weights, keys and parts that are none; no training rows, no labels,
/// or one class of them.
pub fn fit_encoders(plan: FitPlan, runtime: &Handle) -> Result<Fitted, FeedError> {
    let FitPlan { table, features, labels, splitter, threads } = plan;
    let mut columns = FeatureColumns::default();
    for (name, feature) in &features {
        let is_category = feature.table_settings().is_some();
        columns.add(columns_of(name, feature).into_iter(), is_category);
    }
    let reading = Arc::new(Reading::new(table.clone(), &columns, labels, Some((splitter, Part::Train)), &[])?);
    let mut fit = EncoderFit::new(&features, &reading.schema)?;
    let mut distributions = FeatureCounts::new(&features);
    let mut classes: Vec<ClassFit> = reading.labels.of_classes().map(|(.., task)| ClassFit::new(task)).collect();
    let mut learned_rows = 0;
    let mut parts = Part::ALL.map(|_| PartCounts::new(&reading.labels));
    let (projections, row_groups) = (reading.projections.clone(), table.row_groups().to_vec());
    let schedule = Schedule { table, projections, row_groups, threads: threads.max(1) };
    let work = || CountWork { reading: reading.clone(), chunk_rows: reading.chunk_rows(CHUNK_ROWS * 2) };
    let mut pipeline = Pipeline::start(schedule, runtime, work)?;
    while let Some(piece) = pipeline.next() {
        let Counted { row_group, first, rows, is_training, counts, learned, labels } = piece?;
        learned_rows += learned;
        let updated = fit.update(&rows, Some(&is_training));
        updated.map_err(|error| reading.encode_error(&row_group, first, Some(&is_training), error))?;
        distributions.add(&rows, Some(&is_training));
        classes.iter_mut().zip(&labels).for_each(|(fit, labels)| fit.add(labels));
        parts.iter_mut().zip(&counts).for_each(|(part, counts)| part.add(counts));
    }
    let [train, validation, test] = parts;
    let inexact_counts = fit.inexact_counts().into_iter().map(|(name, count)| (name.clone(), count)).collect();
    check(&reading.labels, &train, &validation, &test)?;
    let encoders = fit.finish()?.with_classes(classes_of(&reading.labels, classes)?);
    let distributions = distributions.finish();
    Ok(Fitted { encoders, learned_rows, train, validation, test, inexact_counts, distributions })
}

/// The classes of each multiclass task.
fn classes_of(labels: &Labels, fits: Vec<ClassFit>) -> Result<IndexMap<TaskName, Classes>, FeedError> {
    let finished = labels.of_classes().zip(fits).map(|((_, task, column, kind), fit)| {
        let classes = fit.finish();
        if classes.values.len() < 2 {
            let (task, column, classes) = (task.clone(), column.clone(), classes.values.len());
            return Err(FeedError::TooFewClasses { task, column, classes, min_count: kind.min_count });
        }
        Ok((task.clone(), classes))
    });
    finished.collect()
}

fn check(labels: &Labels, train: &PartCounts, validation: &PartCounts, test: &PartCounts) -> Result<(), FeedError> {
    if train.rows == 0 {
        let rows = validation.rows + test.rows;
        return Err(FeedError::NoTrainingRows { rows, validation: validation.rows, test: test.rows });
    }
    for (label, counts) in labels.describe().zip(&train.tasks) {
        let (task, column) = (label.task.clone(), label.column.clone());
        let (rows, observed) = (train.rows, counts.observed);
        match label.kind {
            _ if observed == 0 && label.is_conditional => return Err(FeedError::NoRowsInside { task, rows }),
            LabelKind::Binary | LabelKind::Value | LabelKind::Regression | LabelKind::Class if observed == 0 => {
                return Err(FeedError::NoLabels { task, column, rows });
            }
            LabelKind::Binary if counts.positives == 0 => {
                return Err(FeedError::OneClass { task, column, value: 0, observed });
            }
            LabelKind::Binary if counts.positives == observed => {
                return Err(FeedError::OneClass { task, column, value: 1, observed });
            }
            LabelKind::Binary if counts.positives == counts.learned => {
                return Err(FeedError::NoNegatives { task, negatives: observed - counts.positives });
            }
            LabelKind::Value if counts.positives == 0 => return Err(FeedError::NoAmounts { task, column, observed }),
            LabelKind::Regression if counts.min == counts.max => {
                return Err(FeedError::OneNumber { task, column, value: counts.min, observed });
            }
            LabelKind::Membership if counts.positives == 0 => {
                return Err(FeedError::NoSeeds { task, key: column, rows });
            }
            LabelKind::Membership if counts.positives == observed => {
                return Err(FeedError::OnlySeeds { task, rows: observed });
            }
            LabelKind::Membership if counts.positives == counts.learned => {
                return Err(FeedError::NoNegatives { task, negatives: observed - counts.positives });
            }
            LabelKind::Binary | LabelKind::Value | LabelKind::Regression | LabelKind::Class | LabelKind::Membership => {
            }
        }
    }
    Ok(())
}

impl PartCounts {
    fn new(labels: &Labels) -> Self {
        let none = |label: LabelDescription<'_>| LabelCounts {
            task: label.task.clone(),
            observed: 0,
            learned: 0,
            positives: 0,
            observed_weight: 0.0,
            positive_weight: 0.0,
            sum: 0.0,
            min: 0.0,
            max: 0.0,
        };
        Self { rows: 0, weight: 0.0, tasks: labels.describe().map(none).collect() }
    }

    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.weight += other.weight;
        for (counts, more) in self.tasks.iter_mut().zip(&other.tasks) {
            if more.observed > 0 {
                counts.widen(more.min, more.max);
            }
            counts.observed += more.observed;
            counts.learned += more.learned;
            counts.positives += more.positives;
            counts.observed_weight += more.observed_weight;
            counts.positive_weight += more.positive_weight;
            counts.sum += more.sum;
        }
    }
}

/// What a decoded batch adds to the pass.
struct Counted {
    row_group: RowGroup,
    /// The place of its first row in the row group.
    first: u64,
    rows: RecordBatch,
    is_training: BooleanArray,
    /// In the order of [`Part::ALL`].
    counts: [PartCounts; 3],
    /// Training rows that some task learns from.
    learned: u64,
    /// Of each multiclass task, the labels of the training rows that it learns from.
    labels: Vec<ArrayRef>,
}

/// Decodes row groups, tells parts and counts labels.
struct CountWork {
    reading: Arc<Reading>,
    chunk_rows: usize,
}

impl Work for CountWork {
    type Piece = Counted;

    fn work(&mut self, fetched: Fetched, emit: &mut dyn FnMut(Counted) -> Wanted) -> Result<(), FeedError> {
        let Fetched { row_group, data } = fetched;
        let (reading, mut first) = (&self.reading, 0);
        let Some((splitter, _)) = &reading.part else { return Ok(()) };
        for rows in data.decode(self.chunk_rows)? {
            let rows = rows?;
            let parts = reading.parts(splitter, &row_group, first, &rows)?;
            let mut targets = reading.targets(&row_group, first, &rows)?;
            let is_training: BooleanArray = parts.iter().map(|&part| Some(part == Part::Train)).collect();
            let mut counts = Part::ALL.map(|_| PartCounts::new(&reading.labels));
            count(&parts, &targets, &mut counts);
            let selection = Some(is_training.clone());
            let selection = reading.sample(&row_group, first, &rows, &mut targets, selection)?;
            let learned = selection.map_or(0, |selection| selection.true_count() as u64);
            count_learned(&parts, &targets, &mut counts);
            let labels = class_labels(reading, &row_group, &rows, &parts, &targets)?;
            let counted = Counted { row_group, first, rows, is_training, counts, learned, labels };
            first += counted.rows.num_rows() as u64;
            if emit(counted) == Wanted::Nothing {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The labels of each multiclass task in the training rows that it learns from.
fn class_labels(
    reading: &Reading,
    row_group: &RowGroup,
    rows: &RecordBatch,
    parts: &[Part],
    targets: &Targets,
) -> Result<Vec<ArrayRef>, FeedError> {
    let labels = reading.labels.of_classes().map(|(place, _, column, _)| {
        let observed = &targets.observed[place * parts.len()..(place + 1) * parts.len()];
        let teaches = parts.iter().zip(observed).map(|(part, observed)| Some(*part == Part::Train && *observed > 0.0));
        let column = rows.column_by_name(column.as_str()).expect("the projection has the label columns");
        filter(column, &teaches.collect()).map_err(|source| reading.rows(row_group, source))
    });
    labels.collect()
}

/// Counts the rows that are left after sampling.
fn count_learned(parts: &[Part], targets: &Targets, counts: &mut [PartCounts; 3]) {
    for (row, &part) in parts.iter().enumerate() {
        for (task, counts) in counts[part as usize].tasks.iter_mut().enumerate() {
            counts.learned += u64::from(targets.observed[task * parts.len() + row] > 0.0);
        }
    }
}

fn count(parts: &[Part], targets: &Targets, counts: &mut [PartCounts; 3]) {
    let rows = parts.len();
    for (row, &part) in parts.iter().enumerate() {
        let weight = targets.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
        let of_part = &mut counts[part as usize];
        of_part.rows += 1;
        of_part.weight += weight;
        for (task, counts) in of_part.tasks.iter_mut().enumerate() {
            let (label, counted) = (targets.labels[task * rows + row], targets.observed[task * rows + row]);
            if counted <= 0.0 {
                continue;
            }
            let weight = weight * f64::from(counted);
            counts.widen(label, label);
            counts.observed += 1;
            counts.observed_weight += weight;
            counts.sum += weight * f64::from(label);
            if label > 0.0 {
                counts.positives += 1;
                counts.positive_weight += weight;
            }
        }
    }
}
