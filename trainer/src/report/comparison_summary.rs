//! What a terminal shows of comparisons, as data.

use model::measure::{ComparedModel, Comparison, Finding, Measure, PairedMetrics, Part};
use serde::{Deserialize, Serialize};
use spec::TaskName;

use super::compared::sentence;
use super::summary::shown_measures;

/// The model beside another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonSummary {
    /// What the other one is called in a sentence.
    pub with: String,
    /// The rows that both predicted.
    pub part: Part,
    /// What fitting the other one took, where it was fitted for the comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Why there is no comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// What a reader must know to judge the figures.
    pub notes: Vec<String>,
    /// The tasks that both have.
    pub tasks: Vec<ComparedTask>,
}

/// One task of both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedTask {
    /// The task.
    pub task: TaskName,
    /// What its leading measure says.
    pub finding: Finding,
    /// The same as a sentence.
    pub says: String,
    /// Rows that were compared.
    pub rows: u64,
    /// The measures that matter most.
    pub measures: Vec<ComparedMeasure>,
}

/// A measure of both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedMeasure {
    /// Its name in documents.
    pub name: String,
    /// Of the model.
    pub model: Option<f64>,
    /// Of the other one.
    pub other: Option<f64>,
    /// The model's less the other's.
    pub difference: Option<f64>,
    /// Lower end of the difference's 95 % interval, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
}

/// All comparisons, in order.
pub fn comparison_summaries(comparisons: &[Comparison]) -> Vec<ComparisonSummary> {
    comparisons.iter().map(summary).collect()
}

fn summary(comparison: &Comparison) -> ComparisonSummary {
    let Comparison { with, part, tasks, missing, notes } = comparison;
    let seconds = match with {
        ComparedModel::LinearBaseline { seconds, .. } if missing.is_none() => Some(*seconds),
        ComparedModel::LinearBaseline { .. } | ComparedModel::Production { .. } => None,
    };
    let of_task = |(task, metrics): (&TaskName, &PairedMetrics)| ComparedTask {
        task: task.clone(),
        finding: metrics.finding(),
        says: sentence(comparison, metrics).1,
        rows: metrics.rows,
        measures: shown_measures(metrics.kind).iter().map(|measure| compared(metrics, *measure)).collect(),
    };
    ComparisonSummary {
        with: with.words(),
        part: *part,
        seconds,
        missing: missing.clone(),
        notes: notes.clone(),
        tasks: tasks.iter().map(of_task).collect(),
    }
}

fn compared(metrics: &PairedMetrics, measure: Measure) -> ComparedMeasure {
    let difference = metrics.measures.get(measure.name());
    let interval = difference.and_then(|difference| difference.interval);
    ComparedMeasure {
        name: measure.name().to_owned(),
        model: difference.and_then(|difference| difference.model),
        other: difference.and_then(|difference| difference.other),
        difference: difference.and_then(|difference| difference.difference),
        low: interval.map(|interval| interval.low),
        high: interval.map(|interval| interval.high),
    }
}
