//! The examples as the training reads them: encoders fitted once, then batches of one part in a stated order.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use feed::{
    Feed, FeedBatch, FeedPlan, FitPlan, Fitted, Labels, Order, PartCounts, RowSets, Seeds, Splitter, Table,
    fit_encoders,
};
use model::encode::Encoders;
use model::input::Batch;
use model::measure::Part as MeasuredPart;
use query::KeySet;
use spec::{ColumnName, TrainingSpec};
use tokio::runtime::Handle;

use crate::conditions;
use crate::error::Result;
use crate::seeds::SeedLists;

pub(crate) use feed::Part;

/// Rows of an evaluation's batch.
const EVALUATION_ROWS: usize = 8192;
/// Memory that the rows of a shuffle window may take.
const WINDOW_BYTES: usize = 256 << 20;
/// Rows of a shuffle window at the most.
const MOST_WINDOW_ROWS: usize = 1 << 19;

/// The examples with fitted encoders.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    table: Table,
    fitted: Arc<Fitted>,
    encoders: Arc<Encoders>,
    labels: Labels,
    splitter: Splitter,
    /// Columns by whose values tasks are grouped to be measured.
    groups: Vec<ColumnName>,
    seed: u64,
    batch_rows: usize,
    threads: usize,
    runtime: Handle,
}

/// The labels that a document's tasks have, `seeds` being those of its lookalike tasks and `columns` the examples'.
///
/// # Errors
///
/// A lookalike task without seeds, a condition that is none.
pub(crate) fn labels(spec: &TrainingSpec, seeds: &SeedLists, columns: &SchemaRef) -> Result<Labels> {
    let set = |keys: &Arc<KeySet>| {
        let keys = Arc::clone(keys);
        Seeds::new(move |hash| keys.contains(hash))
    };
    let sets = RowSets {
        seeds: seeds.lists.iter().map(|(task, list)| (task.clone(), set(&list.keys))).collect(),
        excluded: seeds
            .lists
            .iter()
            .filter_map(|(task, list)| Some((task.clone(), set(list.excluded.as_ref()?))))
            .collect(),
        conditions: conditions::of_tasks(spec, columns)?,
    };
    Ok(Labels::new(&spec.tasks, spec.weight.as_ref(), &spec.key, &sets)?)
}

/// The part's word in `metrics.json`.
pub(crate) fn measured(part: Part) -> MeasuredPart {
    match part {
        Part::Train => MeasuredPart::Train,
        Part::Validation => MeasuredPart::Validation,
        Part::Test => MeasuredPart::Test,
    }
}

fn batches(feed: Feed) -> impl Iterator<Item = Result<Batch>> + use<> {
    feed.map(|batch| Ok(batch?.batch))
}

impl Rows {
    /// Fits the encoders in one pass over the training rows, and counts what each part has. Blocking.
    ///
    /// # Errors
    ///
    /// Columns, labels or weights that no model can learn from, by name and place.
    pub(crate) fn fit(
        table: Table,
        spec: &TrainingSpec,
        labels: Labels,
        threads: usize,
        runtime: &Handle,
    ) -> Result<Self> {
        let splitter = Splitter::new(&spec.split, &spec.key);
        let groups: BTreeSet<_> = spec.tasks.values().filter_map(|task| task.group_by().cloned()).collect();
        let plan = FitPlan {
            table: table.clone(),
            features: spec.features.clone(),
            labels: labels.clone(),
            splitter: splitter.clone(),
            threads,
        };
        let fitted = Arc::new(fit_encoders(plan, runtime)?);
        let batch_rows = spec.training.batch_rows(fitted.train.rows);
        Ok(Self {
            table,
            encoders: Arc::new(fitted.encoders.clone()),
            labels: labels.with_classes(fitted.encoders.classes()),
            fitted,
            splitter,
            groups: groups.into_iter().collect(),
            seed: spec.training.seed,
            batch_rows,
            threads,
            runtime: runtime.clone(),
        })
    }

    /// The same rows and encoders for a document that differs in its network and training alone.
    pub(crate) fn for_training(&self, spec: &TrainingSpec) -> Self {
        let batch_rows = spec.training.batch_rows(self.fitted.train.rows);
        Self { seed: spec.training.seed, batch_rows, ..self.clone() }
    }

    /// What the pass over the examples found.
    pub(crate) fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// The encoders.
    pub(crate) fn encoders(&self) -> &Encoders {
        &self.encoders
    }

    /// Rows and labels of a part.
    pub(crate) fn counts(&self, part: Part) -> &PartCounts {
        match part {
            Part::Train => &self.fitted.train,
            Part::Validation => &self.fitted.validation,
            Part::Test => &self.fitted.test,
        }
    }

    /// Rows that the model learns from.
    pub(crate) fn training_rows(&self) -> u64 {
        self.fitted.learned_rows
    }

    /// Rows of a training step.
    pub(crate) fn batch_rows(&self) -> usize {
        self.batch_rows
    }

    /// Steps of an epoch.
    pub(crate) fn steps_per_epoch(&self) -> u64 {
        self.training_rows().div_ceil(self.batch_rows as u64)
    }

    /// Threads that decode and compute.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// The training rows of an epoch, shuffled.
    ///
    /// # Errors
    ///
    /// Files that cannot be read.
    pub(crate) fn shuffled(&self, epoch: u32) -> Result<impl Iterator<Item = Result<Batch>> + use<>> {
        let order = Order::Shuffled { seed: self.seed, epoch: u64::from(epoch), window_rows: self.window_rows() };
        self.open(&self.encoders, &self.labels, Part::Train, order, self.batch_rows, &[]).map(batches)
    }

    /// The rows of a part, in the table's order.
    ///
    /// # Errors
    ///
    /// Files that cannot be read.
    pub(crate) fn sequential(&self, part: Part) -> Result<impl Iterator<Item = Result<Batch>> + use<>> {
        self.open(&self.encoders, &self.labels, part, Order::Sequential, EVALUATION_ROWS, &[]).map(batches)
    }

    /// The same with what tasks are measured by beside them.
    ///
    /// # Errors
    ///
    /// Columns that are missing; files that cannot be read.
    pub(crate) fn to_measure(&self, part: Part) -> Result<impl Iterator<Item = Result<FeedBatch>> + use<>> {
        self.with_columns(part, &self.groups)
    }

    /// The same with columns of the table beside them.
    ///
    /// # Errors
    ///
    /// Columns that are missing; files that cannot be read.
    pub(crate) fn with_columns(
        &self,
        part: Part,
        columns: &[ColumnName],
    ) -> Result<impl Iterator<Item = Result<FeedBatch>> + use<>> {
        let feed = self.open(&self.encoders, &self.labels, part, Order::Sequential, EVALUATION_ROWS, columns)?;
        Ok(feed.map(|batch| Ok(batch?)))
    }

    /// The same rows in the same batches as another model's encoders see them, without labels.
    ///
    /// # Errors
    ///
    /// Columns that the encoders read and the table does not have; files that cannot be read.
    pub(crate) fn encoded_by(
        &self,
        encoders: Arc<Encoders>,
        part: Part,
    ) -> Result<impl Iterator<Item = Result<Batch>> + use<>> {
        self.open(&encoders, &Labels::default(), part, Order::Sequential, EVALUATION_ROWS, &[]).map(batches)
    }

    fn open(
        &self,
        encoders: &Arc<Encoders>,
        labels: &Labels,
        part: Part,
        order: Order,
        batch_rows: usize,
        carry: &[ColumnName],
    ) -> Result<Feed> {
        let plan = FeedPlan {
            table: self.table.clone(),
            encoders: Arc::clone(encoders),
            labels: labels.clone(),
            part: Some((self.splitter.clone(), part)),
            learning: order != Order::Sequential,
            carry: carry.to_vec(),
            order,
            batch_rows,
            threads: self.threads,
        };
        Ok(Feed::open(plan, &self.runtime)?)
    }

    fn window_rows(&self) -> usize {
        let layout = self.encoders.layout();
        let numbers = layout.numeric_width() + layout.single_slots() + 8 * layout.bag_slots() + 2 * self.labels.tasks();
        (WINDOW_BYTES / (4 * numbers.max(1))).clamp(self.batch_rows, MOST_WINDOW_ROWS.max(self.batch_rows))
    }
}
