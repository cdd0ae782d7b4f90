//! Two models on the same rows: the measures of both, and whether a difference is more than noise.
//!
//! What a row adds to a difference is known for each measure (its influence), so the difference's variance is that of a
//! mean of independent rows, and the rows' common luck cancels: intervals are those of the paired difference, not of two
//! models measured apart. For AUC this is DeLong's covariance of two correlated AUCs. Up to [`EXACT_ROWS`] rows are
//! compared, beyond that a uniform sample of as many at the most. Measures of which a row's part is not known (PR-AUC, ECE,
//! lift, …) have the bootstrap's variance.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::bootstrap::{MOST_ROWS, variances};
use super::cells::EXACT_ROWS;
use super::metrics::Interval;
use super::ranking::{NORMAL_975, mean_variance};
use super::sample::Sample;
use super::{Measure, MeasureError, TaskKind};

mod amounts;
mod classes;
#[cfg(test)]
mod fixture_tests;
mod ranks;
#[cfg(test)]
mod tests;

pub use ranks::PairedClasses;

/// Below so many rows of the rarer class (of amounts above zero, of other numbers at all) nothing is said of a difference: intervals from so few rows
/// cannot be trusted.
pub const FEWEST_OF_A_CLASS: u64 = 20;

/// A row with both models' predictions.
#[derive(Debug, Clone, Copy)]
struct Row {
    model: f32,
    other: f32,
    label: f32,
    weight: f32,
}

/// Collects the predictions of two models for the same rows of one task.
#[derive(Debug, Clone)]
pub struct PairedMeasures {
    kind: TaskKind,
    rows: Sample<Row>,
}

impl PairedMeasures {
    /// One without rows.
    pub fn new(kind: TaskKind) -> Self {
        Self { kind, rows: Sample::new(EXACT_ROWS) }
    }

    /// Adds a row: what the model and the other one predict, the label and the weight, as they are measured. A row of
    /// weight 0 counts nowhere.
    pub fn push(&mut self, model: f32, other: f32, label: f32, weight: f32) {
        if weight != 0.0 {
            self.rows.push(Row { model, other, label, weight });
        }
    }

    /// Both models' measures and their differences.
    ///
    /// # Errors
    /// A prediction, label or weight that cannot be measured.
    pub fn finish(self) -> Result<PairedMetrics, MeasureError> {
        let Self { kind, rows } = self;
        let (seen, rows) = (rows.seen(), rows.into_rows());
        let model = kind.measure(rows.iter().map(|row| (row.model, row.label, row.weight)))?;
        let other = kind.measure(rows.iter().map(|row| (row.other, row.label, row.weight)))?;
        let drawn = drawn_variances(kind, &rows)?;
        let measures = kind.measures().iter().map(|measure| {
            let values = (model.measure(measure.name()), other.measure(measure.name()));
            (measure.name().to_owned(), difference(&rows, *measure, values, drawn.get(measure).copied()))
        });
        Ok(PairedMetrics {
            kind,
            rows: rows.len() as u64,
            all_rows: seen,
            rarer: kind.rarer(&model),
            measures: measures.collect(),
        })
    }
}

/// The variances of the differences of measures without a formula, by the bootstrap: both models are drawn the same rows.
fn drawn_variances(kind: TaskKind, rows: &[Row]) -> Result<IndexMap<Measure, f64>, MeasureError> {
    let wanted: Vec<Measure> = kind.measures().iter().copied().filter(|measure| formula(*measure).is_none()).collect();
    if wanted.is_empty() || rows.is_empty() {
        return Ok(IndexMap::new());
    }
    let mut sample = Sample::new(MOST_ROWS);
    rows.iter().for_each(|row| sample.push(*row));
    let sample = sample.into_rows();
    let values = |times: &[f32]| {
        let drawn = || sample.iter().zip(times).map(|(row, times)| (row, row.weight * times));
        let model = kind.measure(drawn().map(|(row, weight)| (row.model, row.label, weight)))?;
        let other = kind.measure(drawn().map(|(row, weight)| (row.other, row.label, weight)))?;
        Ok(wanted.iter().map(|of| Some(model.measure(of.name())? - other.measure(of.name())?)).collect())
    };
    let variances = variances(sample.len(), rows.len() as u64, values)?;
    Ok(wanted.iter().copied().zip(variances).filter_map(|(measure, variance)| Some((measure, variance?))).collect())
}

fn difference(
    rows: &[Row],
    measure: Measure,
    (model, other): (Option<f64>, Option<f64>),
    drawn: Option<f64>,
) -> Difference {
    let difference = model.zip(other).map(|(model, other)| model - other);
    let variance = match formula(measure) {
        Some(formula) => difference.and_then(|difference| formula(rows, difference)),
        None => drawn,
    };
    let interval = difference.zip(variance).map(|(difference, variance)| {
        let half = NORMAL_975 * variance.sqrt();
        Interval { low: difference - half, high: difference + half }
    });
    Difference { model, other, difference, interval }
}

/// The variance of a difference of so much, from what each row adds to it.
type Formula = fn(&[Row], f64) -> Option<f64>;

/// The formula of a measure; none where it is not known what a row adds.
fn formula(measure: Measure) -> Option<Formula> {
    match measure {
        Measure::Auc => Some(classes::auc_variance),
        Measure::Gini => Some(|rows, difference| Some(4.0 * classes::auc_variance(rows, 0.5 * difference)?)),
        Measure::LogLoss => Some(classes::log_loss_variance),
        Measure::Brier => Some(classes::brier_variance),
        Measure::Mae => Some(amounts::mae_variance),
        Measure::Rmse => Some(amounts::rmse_variance),
        Measure::NormalizedGini => Some(amounts::normalized_gini_variance),
        Measure::Spearman => Some(|rows, _| amounts::spearman_variance(rows)),
        Measure::Loss
        | Measure::GroupedAuc
        | Measure::PrAuc
        | Measure::NormalizedEntropy
        | Measure::Ece
        | Measure::Ks
        | Measure::LiftTopDecile
        | Measure::PrecisionAt(_)
        | Measure::RecallAt(_)
        | Measure::Accuracy
        | Measure::Top3Accuracy
        | Measure::Top5Accuracy
        | Measure::Mrr => None,
    }
}

/// The variance of a weighted mean from the deviations of its terms.
#[derive(Debug, Clone, Copy, Default)]
struct Spread {
    weight: f64,
    squares: f64,
    spread: f64,
}

impl Spread {
    /// Of terms with their weights: how far each is from the mean.
    fn of(deviations: impl Iterator<Item = (f64, f32)>) -> Self {
        deviations.fold(Self::default(), |sum, (deviation, weight)| {
            let weight = f64::from(weight);
            Self {
                weight: sum.weight + weight,
                squares: sum.squares + weight * weight,
                spread: sum.spread + (weight * deviation).powi(2),
            }
        })
    }

    /// None with less than two rows' worth of weight.
    fn variance(self) -> Option<f64> {
        mean_variance(self.spread, self.squares, self.weight)
    }
}

/// Two models' measures of one task on the same rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairedMetrics {
    /// What the task predicts.
    pub kind: TaskKind,
    /// Rows that were compared.
    pub rows: u64,
    /// Rows that there are; more than `rows` where a sample of them was compared.
    pub all_rows: u64,
    /// Compared rows of the rarer class, of amounts those above zero, of other numbers all.
    pub rarer: u64,
    /// By the measure's name, the leading one first.
    pub measures: IndexMap<String, Difference>,
}

/// A measure of two models on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Of the model.
    pub model: Option<f64>,
    /// Of the one that it is compared with.
    pub other: Option<f64>,
    /// The model's less the other's.
    pub difference: Option<f64>,
    /// The 95 % interval of the difference; absent where the measure has none or its rows are too few.
    pub interval: Option<Interval>,
}

/// What a comparison says of the model, by its task's leading measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The whole interval is on the model's side of zero.
    Better,
    /// The whole interval is on the other's side.
    Worse,
    /// The interval holds zero: these rows do not show which one is better. They do not show that both are equal.
    CannotTell,
    /// Both order these rows in the same way.
    Same,
    /// Fewer than [`FEWEST_OF_A_CLASS`] rows of the rarer class: no interval could be trusted.
    TooFewRows,
    /// The leading measure is not defined on these rows.
    Undefined,
}

impl PairedMetrics {
    /// The measure that decides, and its values.
    pub fn leading(&self) -> Option<(Measure, Difference)> {
        let measure = *self.kind.measures().first()?;
        Some((measure, *self.measures.get(measure.name())?))
    }

    /// What the comparison says.
    pub fn finding(&self) -> Finding {
        let Some((measure, leading)) = self.leading() else { return Finding::Undefined };
        let Some(difference) = leading.difference else { return Finding::Undefined };
        if self.rarer < FEWEST_OF_A_CLASS {
            return Finding::TooFewRows;
        }
        let Some(Interval { low, high }) = leading.interval else { return Finding::TooFewRows };
        match () {
            () if difference == 0.0 && low == high => Finding::Same,
            () if low <= 0.0 && high >= 0.0 => Finding::CannotTell,
            () if (low > 0.0) == measure.is_better_when_larger() => Finding::Better,
            () => Finding::Worse,
        }
    }
}
