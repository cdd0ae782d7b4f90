//! What a terminal shows of the measures, as data: rows of task, part and the measures that matter most.

use model::measure::{Measure, ModelMetrics, Part, PartMetrics, TaskKind};
use serde::{Deserialize, Serialize};
use spec::TaskName;

/// The rows, tasks in order, each with its evaluated parts in order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The rows.
    pub rows: Vec<SummaryRow>,
}

/// One task on one part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    /// The task.
    pub task: TaskName,
    /// What it predicts.
    pub kind: TaskKind,
    /// The part.
    pub part: Part,
    /// Rows with an observed label.
    pub rows: u64,
    /// Those with label 1, or a value above zero; all of a multiclass task.
    pub positives: u64,
    /// The natural rate, the mean value, or the share of the most frequent class; absent without rows.
    pub base: Option<f64>,
    /// The measures, in the order to show; the same for all rows of one kind.
    pub measures: Vec<SummaryMeasure>,
}

/// A measure's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SummaryMeasure {
    /// Its name in documents.
    pub name: String,
    /// Absent where it is not defined.
    pub value: Option<f64>,
    /// Lower end of the 95 % interval, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

const OF_PROBABILITIES: [Measure; 5] =
    [Measure::Auc, Measure::PrAuc, Measure::LogLoss, Measure::Ece, Measure::LiftTopDecile];
const OF_CLASSES: [Measure; 5] =
    [Measure::LogLoss, Measure::Accuracy, Measure::Top3Accuracy, Measure::Top5Accuracy, Measure::Mrr];
const OF_VALUES: [Measure; 4] = [Measure::NormalizedGini, Measure::Spearman, Measure::Rmse, Measure::Mae];

/// The rows of all tasks and parts that were evaluated.
pub fn summary(metrics: &ModelMetrics) -> Summary {
    let of_task = metrics.tasks.iter().flat_map(|(task, metrics)| {
        let parts = Part::ALL.into_iter().filter_map(|part| Some((part, metrics.part(part)?)));
        parts.map(|(part, of)| row(task, metrics.kind, part, of))
    });
    Summary { rows: of_task.collect() }
}

/// The measures that matter most for a kind of task.
pub(super) fn shown_measures(kind: TaskKind) -> &'static [Measure] {
    match kind {
        TaskKind::Binary | TaskKind::Lookalike => &OF_PROBABILITIES,
        TaskKind::Value | TaskKind::Regression => &OF_VALUES,
        TaskKind::Multiclass => &OF_CLASSES,
    }
}

fn row(task: &TaskName, kind: TaskKind, part: Part, metrics: &PartMetrics) -> SummaryRow {
    let (positives, base) = match metrics {
        PartMetrics::Probabilities(metrics) => (metrics.positives, metrics.rate),
        PartMetrics::Values(metrics) => (metrics.positives, metrics.mean_actual),
        // A class is no more positive than another; what the largest one reaches is the base.
        PartMetrics::Classes(metrics) => (metrics.rows, metrics.majority.accuracy),
    };
    let of = |measure: &Measure| {
        let interval = match metrics {
            PartMetrics::Probabilities(metrics) => metrics.auc_interval.filter(|_| *measure == Measure::Auc),
            PartMetrics::Values(_) => None,
            PartMetrics::Classes(metrics) => metrics.interval(*measure),
        };
        SummaryMeasure {
            name: measure.name().to_owned(),
            value: metrics.measure(measure.name()),
            low: interval.map(|interval| interval.low),
            high: interval.map(|interval| interval.high),
        }
    };
    SummaryRow {
        task: task.clone(),
        kind,
        part,
        rows: metrics.rows(),
        positives,
        base,
        measures: shown_measures(kind).iter().map(of).collect(),
    }
}
