//! What `metrics.json` holds. Its fields are described in `docs/measures.md`; an absent measure was not defined.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::TaskName;

use super::{ClassMetrics, GroupedMetrics, Measure, TaskKind, TopShare, of_task_or_lists};

/// The schema version of `metrics.json`.
pub const METRICS_SCHEMA: u32 = 1;

/// All measures of a model: `metrics.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelMetrics {
    /// [`METRICS_SCHEMA`]
    pub schema_version: u32,
    /// By task, in the document's order.
    pub tasks: IndexMap<TaskName, TaskMetrics>,
}

impl Default for ModelMetrics {
    fn default() -> Self {
        Self { schema_version: METRICS_SCHEMA, tasks: IndexMap::new() }
    }
}

impl ModelMetrics {
    /// A measure of a task on a part of the rows, of a table of seed lists the mean over them; None where it is not defined
    /// there, or is no measure of the task.
    pub fn measure(&self, task: &TaskName, part: Part, name: &str) -> Option<f64> {
        of_task_or_lists(&self.tasks, task, |metrics| metrics.part(part)?.measure(name))
    }
}

/// The parts that rows are split into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the weights were fitted to.
    Train,
    /// What early stopping and calibration saw.
    Validation,
    /// What nothing saw.
    Test,
}

impl Part {
    /// All parts, in order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The part's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The measures of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// What the task predicts.
    pub kind: TaskKind,
    /// On training rows; absent where they were not evaluated.
    pub train: Option<PartMetrics>,
    /// On validation rows.
    pub validation: Option<PartMetrics>,
    /// On test rows.
    pub test: Option<PartMetrics>,
}

impl TaskMetrics {
    /// A task without any evaluated part.
    pub fn new(kind: TaskKind) -> Self {
        Self { kind, train: None, validation: None, test: None }
    }

    /// The measures on one part.
    pub fn part(&self, part: Part) -> Option<&PartMetrics> {
        match part {
            Part::Train => self.train.as_ref(),
            Part::Validation => self.validation.as_ref(),
            Part::Test => self.test.as_ref(),
        }
    }

    /// Puts the measures on one part.
    pub fn set(&mut self, part: Part, metrics: PartMetrics) {
        match part {
            Part::Train => self.train = Some(metrics),
            Part::Validation => self.validation = Some(metrics),
            Part::Test => self.test = Some(metrics),
        }
    }
}

/// The measures of one task on one part of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum PartMetrics {
    /// Of a binary or lookalike task.
    Probabilities(Box<BinaryMetrics>),
    /// Of a value or regression task.
    Values(Box<ValueMetrics>),
    /// Of a multiclass task.
    Classes(Box<ClassMetrics>),
}

impl From<ClassMetrics> for PartMetrics {
    fn from(metrics: ClassMetrics) -> Self {
        Self::Classes(Box::new(metrics))
    }
}

impl From<BinaryMetrics> for PartMetrics {
    fn from(metrics: BinaryMetrics) -> Self {
        Self::Probabilities(Box::new(metrics))
    }
}

impl From<ValueMetrics> for PartMetrics {
    fn from(metrics: ValueMetrics) -> Self {
        Self::Values(Box::new(metrics))
    }
}

impl PartMetrics {
    /// The measures with the task's loss as it is trained, which only the learner knows.
    pub fn with_loss(mut self, loss: f64) -> Self {
        match &mut self {
            Self::Probabilities(metrics) => metrics.loss = Some(loss),
            Self::Values(metrics) => metrics.loss = Some(loss),
            Self::Classes(metrics) => metrics.loss = Some(loss),
        }
        self
    }

    /// The measures with the AUC within groups, where they are of probabilities.
    pub fn with_groups(mut self, grouped: GroupedMetrics) -> Self {
        if let Self::Probabilities(metrics) = &mut self {
            metrics.grouped = Some(grouped);
        }
        self
    }

    /// The measures with intervals by name; classes have their own.
    pub fn with_intervals(mut self, intervals: IndexMap<String, Interval>) -> Self {
        match &mut self {
            Self::Probabilities(metrics) => metrics.intervals = intervals,
            Self::Values(metrics) => metrics.intervals = intervals,
            Self::Classes(_) => {}
        }
        self
    }

    /// The 95 % interval of a measure, where it was taken.
    pub fn interval(&self, measure: Measure) -> Option<Interval> {
        match (self, measure) {
            (Self::Probabilities(metrics), Measure::Auc) => metrics.auc_interval,
            (Self::Probabilities(metrics), Measure::GroupedAuc) => metrics.grouped.as_ref()?.interval,
            (Self::Probabilities(metrics), Measure::RecallAt(top)) => metrics.recall_interval(top),
            (Self::Probabilities(metrics), _) => metrics.intervals.get(measure.name()).copied(),
            (Self::Values(metrics), _) => metrics.intervals.get(measure.name()).copied(),
            (Self::Classes(metrics), _) => metrics.interval(measure),
        }
    }

    /// A measure by its name; None where it is not defined on these rows or not a measure of this kind of task.
    pub fn measure(&self, name: &str) -> Option<f64> {
        let measure = name.parse().ok()?;
        match self {
            Self::Probabilities(metrics) => metrics.get(measure),
            Self::Values(metrics) => metrics.get(measure),
            Self::Classes(metrics) => metrics.get(measure),
        }
    }

    /// Rows with an observed label and a positive weight.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Probabilities(metrics) => metrics.rows,
            Self::Values(metrics) => metrics.rows,
            Self::Classes(metrics) => metrics.rows,
        }
    }
}

/// Both ends of a 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Measures of predicted probabilities.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BinaryMetrics {
    /// Rows with an observed label and a positive weight.
    pub rows: u64,
    /// Those with label 1.
    pub positives: u64,
    /// Sum of the row weights.
    pub weight: f64,
    /// The natural rate: weighted share of positive rows.
    pub rate: Option<f64>,
    /// The task's loss as it is trained, a mean over the rows; absent where nobody has put it here.
    pub loss: Option<f64>,
    /// Weighted mean prediction; equal to `rate` where predictions are right on average.
    pub mean_score: Option<f64>,
    /// [`Measure::Auc`]
    pub auc: Option<f64>,
    /// DeLong's 95 % interval of the AUC; absent where a class has fewer than two rows.
    pub auc_interval: Option<Interval>,
    /// The AUC within groups; absent where the task has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grouped: Option<GroupedMetrics>,
    /// [`Measure::PrAuc`]
    pub pr_auc: Option<f64>,
    /// [`Measure::LogLoss`]
    pub log_loss: Option<f64>,
    /// [`Measure::NormalizedEntropy`]
    pub normalized_entropy: Option<f64>,
    /// [`Measure::Brier`]
    pub brier: Option<f64>,
    /// [`Measure::Ece`]
    pub ece: Option<f64>,
    /// The ECE that predictions without any error would show on as many rows, by chance alone.
    pub ece_by_chance: Option<f64>,
    /// [`Measure::Ks`]
    pub ks: Option<f64>,
    /// [`Measure::Gini`]
    pub gini: Option<f64>,
    /// [`Measure::LiftTopDecile`]
    pub lift_top_decile: Option<f64>,
    /// [`Measure::PrecisionAt`] the top 1 % of the rows' weight.
    pub precision_at_1_percent: Option<f64>,
    /// The same at 5 %.
    pub precision_at_5_percent: Option<f64>,
    /// The same at 10 %.
    pub precision_at_10_percent: Option<f64>,
    /// The same at 20 %.
    pub precision_at_20_percent: Option<f64>,
    /// [`Measure::RecallAt`] the top 1 % of the rows' weight.
    pub recall_at_1_percent: Option<f64>,
    /// The same at 5 %.
    pub recall_at_5_percent: Option<f64>,
    /// The same at 10 %.
    pub recall_at_10_percent: Option<f64>,
    /// The same at 20 %.
    pub recall_at_20_percent: Option<f64>,
    /// The most that rounding beyond the exact rows may have moved a measure; empty where all are exact.
    pub rounding: IndexMap<String, f64>,
    /// The 95 % intervals of measures that have none of their own above; empty where they were not taken.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub intervals: IndexMap<String, Interval>,
    /// From the best tenth of the rows down; empty unless both classes are there.
    pub deciles: Vec<Decile>,
    /// How many positives an audience of the best rows reaches as it grows; empty unless both classes are there.
    #[serde(default)]
    pub reach: Vec<ReachPoint>,
    /// Predicted against actual, by ascending prediction.
    pub calibration: Vec<CalibrationBin>,
    /// From (0, 0) to (1, 1), at most about 200 points; empty unless both classes are there.
    pub roc: Vec<RocPoint>,
    /// Where the scores of both classes lie; absent without rows.
    pub histogram: Option<ScoreHistogram>,
    /// The same rows before calibration; absent where nothing was calibrated.
    pub uncalibrated: Option<Uncalibrated>,
}

impl BinaryMetrics {
    /// One of the measures.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Auc => self.auc,
            Measure::GroupedAuc => self.grouped.as_ref()?.auc,
            Measure::PrAuc => self.pr_auc,
            Measure::LogLoss => self.log_loss,
            Measure::NormalizedEntropy => self.normalized_entropy,
            Measure::Brier => self.brier,
            Measure::Ece => self.ece,
            Measure::Ks => self.ks,
            Measure::Gini => self.gini,
            Measure::LiftTopDecile => self.lift_top_decile,
            Measure::PrecisionAt(TopShare::Percent1) => self.precision_at_1_percent,
            Measure::PrecisionAt(TopShare::Percent5) => self.precision_at_5_percent,
            Measure::PrecisionAt(TopShare::Percent10) => self.precision_at_10_percent,
            Measure::PrecisionAt(TopShare::Percent20) => self.precision_at_20_percent,
            Measure::RecallAt(TopShare::Percent1) => self.recall_at_1_percent,
            Measure::RecallAt(TopShare::Percent5) => self.recall_at_5_percent,
            Measure::RecallAt(TopShare::Percent10) => self.recall_at_10_percent,
            Measure::RecallAt(TopShare::Percent20) => self.recall_at_20_percent,
            Measure::Loss => self.loss,
            Measure::Rmse
            | Measure::Mae
            | Measure::Spearman
            | Measure::NormalizedGini
            | Measure::Accuracy
            | Measure::Top3Accuracy
            | Measure::Top5Accuracy
            | Measure::Mrr => None,
        }
    }

    /// The interval of [`Measure::RecallAt`] a share.
    pub fn recall_interval(&self, top: TopShare) -> Option<Interval> {
        let point = self.reach.iter().find(|point| (point.share - top.share()).abs() < 1e-9);
        point.map(|point| point.recall_interval)
    }

    /// Keeps what calibration changes, taken from the same rows before it.
    pub fn with_uncalibrated(mut self, raw: Self) -> Self {
        self.uncalibrated = Some(Uncalibrated {
            mean_score: raw.mean_score,
            log_loss: raw.log_loss,
            brier: raw.brier,
            ece: raw.ece,
            calibration: raw.calibration,
        });
        self
    }
}

/// What calibration changes, before it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Uncalibrated {
    /// Weighted mean prediction.
    pub mean_score: Option<f64>,
    /// [`Measure::LogLoss`]
    pub log_loss: Option<f64>,
    /// [`Measure::Brier`]
    pub brier: Option<f64>,
    /// [`Measure::Ece`]
    pub ece: Option<f64>,
    /// Predicted against actual, by ascending prediction.
    pub calibration: Vec<CalibrationBin>,
}

/// The rows of highest score, and the tenth that this line adds to the line before it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Decile {
    /// Share of the rows' weight taken from the top: 0.1, 0.2, … 1.
    pub share: f64,
    /// The lowest score among them.
    pub threshold: f64,
    /// Rate among them.
    pub rate: f64,
    /// Their rate over the natural rate.
    pub lift: f64,
    /// Share of all positives that is among them.
    pub gain: f64,
    /// Rate in this tenth alone.
    pub decile_rate: f64,
    /// Mean prediction in this tenth alone.
    pub decile_score: f64,
}

/// An audience of the rows of highest score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReachPoint {
    /// Its share of the rows' weight: 0.01, 0.02, 0.05, … 1.
    pub share: f64,
    /// The lowest score in it; absent where a share is too small for any.
    pub threshold: Option<f64>,
    /// The mean score in it.
    pub mean_score: f64,
    /// The share of all positives that is in it.
    pub recall: f64,
    /// Wilson's 95 % interval of that, the audience taken as given.
    pub recall_interval: Interval,
    /// `recall` over `share`: how much better than a random audience.
    pub lift: f64,
}

/// A bin of the calibration table.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBin {
    /// Share of the rows' weight.
    pub weight: f64,
    /// Mean prediction.
    pub predicted: f64,
    /// Rate of positives.
    pub actual: f64,
}

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Share of the negatives at or above the threshold.
    pub false_positive_rate: f64,
    /// Share of the positives at or above the threshold.
    pub true_positive_rate: f64,
    /// The score; absent at (0, 0).
    pub threshold: Option<f64>,
}

/// Where scores lie, in bins of equal width on the log-odds scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoreHistogram {
    /// Edges of the bins as probabilities, ascending; one more than bins.
    pub edges: Vec<f64>,
    /// Share of the positives' weight in each bin; zeros where there are none.
    pub positives: Vec<f64>,
    /// Share of the negatives' weight in each bin; zeros where there are none.
    pub negatives: Vec<f64>,
}

/// Measures of predicted amounts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ValueMetrics {
    /// Rows with an observed label and a positive weight.
    pub rows: u64,
    /// Those whose label is above zero.
    pub positives: u64,
    /// Sum of the row weights.
    pub weight: f64,
    /// The task's loss as it is trained, a mean over the rows; absent where nobody has put it here.
    pub loss: Option<f64>,
    /// Weighted mean label.
    pub mean_actual: Option<f64>,
    /// Weighted mean prediction.
    pub mean_predicted: Option<f64>,
    /// [`Measure::Rmse`]
    pub rmse: Option<f64>,
    /// [`Measure::Mae`]
    pub mae: Option<f64>,
    /// [`Measure::Spearman`]
    pub spearman: Option<f64>,
    /// [`Measure::NormalizedGini`]
    pub normalized_gini: Option<f64>,
    /// The most that rounding beyond the exact rows may have moved a measure; empty where all are exact.
    pub rounding: IndexMap<String, f64>,
    /// The 95 % intervals of measures that have none of their own above; empty where they were not taken.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub intervals: IndexMap<String, Interval>,
    /// From the tenth of the rows with the highest predictions down; empty without rows.
    pub deciles: Vec<ValueDecile>,
}

impl ValueMetrics {
    /// One of the measures.
    pub fn get(&self, measure: Measure) -> Option<f64> {
        match measure {
            Measure::Rmse => self.rmse,
            Measure::Mae => self.mae,
            Measure::Spearman => self.spearman,
            Measure::NormalizedGini => self.normalized_gini,
            Measure::Loss => self.loss,
            Measure::Auc
            | Measure::GroupedAuc
            | Measure::PrAuc
            | Measure::LogLoss
            | Measure::NormalizedEntropy
            | Measure::Brier
            | Measure::Ece
            | Measure::Ks
            | Measure::Gini
            | Measure::LiftTopDecile
            | Measure::PrecisionAt(_)
            | Measure::RecallAt(_)
            | Measure::Accuracy
            | Measure::Top3Accuracy
            | Measure::Top5Accuracy
            | Measure::Mrr => None,
        }
    }
}

/// A tenth of the rows, by descending prediction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ValueDecile {
    /// Share of the rows' weight taken from the top, this tenth included: 0.1, 0.2, … 1.
    pub share: f64,
    /// Mean prediction in this tenth.
    pub predicted: f64,
    /// Mean label in this tenth.
    pub actual: f64,
    /// Share of the labels' sum that the tenths so far hold; absent where that sum is not above zero.
    pub gain: Option<f64>,
}
