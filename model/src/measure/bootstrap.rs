//! How far measures may be off that have no formula for it: by drawing the rows anew.
//!
//! Each replicate counts every row as often as a Poisson number of mean 1 says (Hanley and MacGibbon 2006; Chamandy 2012), a
//! number that depends on the replicate and the row's place alone. The variance over replicates is that of the measure. Of
//! many rows a uniform sample is drawn from, and the variance is that of the sample times its share of the rows, since variances
//! fall as one over the rows.

use indexmap::IndexMap;

use super::metrics::Interval;
use super::ranking::NORMAL_975;
use super::sample::{Sample, mixed};
use super::{Measure, MeasureError, PartMetrics, TaskKind};

/// Rows that are drawn from at the most.
pub(super) const MOST_ROWS: usize = 1 << 14;

const REPLICATES: u64 = 100;

/// Replicates in which a measure must be defined; where it is in fewer, rows are too few to tell.
const LEAST_REPLICATES: usize = 90;

/// A prediction beside what came true.
#[derive(Debug, Clone, Copy)]
struct Row {
    score: f32,
    label: f32,
    weight: f32,
}

/// Collects one task's predictions for the intervals of its measures; bounded memory (at most 512 KiB).
#[derive(Debug, Clone)]
pub struct Bootstrap {
    kind: TaskKind,
    rows: Sample<Row>,
}

impl Bootstrap {
    /// One without rows.
    pub fn new(kind: TaskKind) -> Self {
        Self { kind, rows: Sample::new(MOST_ROWS) }
    }

    /// Adds a row, as [`super::BinaryMeasures`] and [`super::ValueMeasures`] take it.
    pub fn push(&mut self, score: f32, label: f32, weight: f32) {
        if weight != 0.0 {
            self.rows.push(Row { score, label, weight });
        }
    }

    /// The 95 % interval of each measure of the same rows by name: the measure ± 1.96 standard errors, cut to where it can lie. Without
    /// those that vary in too few replicates, and without those that have formulas: the AUC and the Gini DeLong's, recall at a
    /// share of the rows a binomial one.
    ///
    /// # Errors
    /// A prediction, label or weight that cannot be measured.
    pub fn intervals(self, metrics: &PartMetrics) -> Result<IndexMap<String, Interval>, MeasureError> {
        let Self { kind, rows } = self;
        let (all_rows, rows) = (rows.seen(), rows.into_rows());
        let has_formula = |measure: &Measure| matches!(measure, Measure::Auc | Measure::Gini | Measure::RecallAt(_));
        let wanted = kind.measures().iter().filter(|measure| !has_formula(measure));
        let wanted: Vec<Measure> = wanted.copied().collect();
        let values = |times: &[f32]| {
            let drawn = rows.iter().zip(times).map(|(row, times)| (row.score, row.label, row.weight * times));
            let metrics = kind.measure(drawn)?;
            Ok(wanted.iter().map(|measure| metrics.measure(measure.name())).collect())
        };
        let variances = variances(rows.len(), all_rows, values)?;
        let intervals = wanted.iter().zip(variances).filter_map(|(measure, variance)| {
            let (value, half) = (metrics.measure(measure.name())?, NORMAL_975 * variance?.sqrt());
            let (least, most) = range(*measure);
            let interval = Interval { low: (value - half).max(least), high: (value + half).min(most) };
            Some((measure.name().to_owned(), interval))
        });
        Ok(intervals.collect())
    }
}

/// Where a measure can lie.
fn range(measure: Measure) -> (f64, f64) {
    match measure {
        Measure::Auc
        | Measure::GroupedAuc
        | Measure::PrAuc
        | Measure::Brier
        | Measure::Ece
        | Measure::Ks
        | Measure::PrecisionAt(_)
        | Measure::RecallAt(_)
        | Measure::Accuracy
        | Measure::Top3Accuracy
        | Measure::Top5Accuracy
        | Measure::Mrr => (0.0, 1.0),
        Measure::LiftTopDecile => (0.0, 10.0),
        Measure::Gini | Measure::Spearman | Measure::NormalizedGini => (-1.0, 1.0),
        Measure::LogLoss | Measure::NormalizedEntropy | Measure::Rmse | Measure::Mae => (0.0, f64::INFINITY),
        Measure::Loss => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// The variance of each value over replicates of so many rows of `all_rows`: `values` are taken of rows that count as often
/// as it is told. None for a value that is seldom defined.
///
/// # Errors
/// What `values` refuses.
pub(super) fn variances(
    rows: usize,
    all_rows: u64,
    values: impl Fn(&[f32]) -> Result<Vec<Option<f64>>, MeasureError>,
) -> Result<Vec<Option<f64>>, MeasureError> {
    let replicate = |number: u64| values(&(0..rows).map(|row| times(number, row)).collect::<Vec<f32>>());
    let replicates = (0..REPLICATES).map(replicate).collect::<Result<Vec<_>, _>>()?;
    let share = rows as f64 / (all_rows as f64).max(1.0);
    let of_value = |value: usize| {
        let drawn: Vec<f64> = replicates.iter().filter_map(|values| values[value]).collect();
        (drawn.len() >= LEAST_REPLICATES).then(|| share * variance(&drawn))
    };
    Ok((0..replicates.first().map_or(0, Vec::len)).map(of_value).collect())
}

fn variance(numbers: &[f64]) -> f64 {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / (count - 1.0)
}

/// A Poisson number of mean 1, by inversion.
fn times(replicate: u64, row: usize) -> f32 {
    let drawn = (mixed((replicate << 32) ^ row as u64) >> 11) as f64 / (1u64 << 53) as f64;
    let mut probability = (-1.0f64).exp();
    let (mut times, mut below) = (0u8, probability);
    while drawn >= below && times < 20 {
        times += 1;
        probability /= f64::from(times);
        below += probability;
    }
    f32::from(times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{BinaryMeasures, ValueMeasures};

    fn uniform(number: u64) -> f32 {
        // Other numbers than those that rows are drawn by.
        (mixed(number ^ (1 << 60)) >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Scores that are the rates of their labels.
    fn classes(rows: u64) -> impl Iterator<Item = (f32, f32)> + Clone {
        (0..rows).map(|row| {
            let score = uniform(row);
            (score, f32::from(u8::from(uniform(row + (1 << 40)) < score)))
        })
    }

    fn amounts(rows: u64) -> impl Iterator<Item = (f32, f32)> + Clone {
        (0..rows).map(|row| {
            let predicted = uniform(row) * 10.0;
            (predicted, (predicted + 8.0 * uniform(row + (1 << 40)) - 4.0).max(0.0))
        })
    }

    fn intervals(kind: TaskKind, rows: impl Iterator<Item = (f32, f32)> + Clone) -> IndexMap<String, Interval> {
        let metrics = kind.measure(rows.clone().map(|(score, label)| (score, label, 1.0))).unwrap();
        let mut bootstrap = Bootstrap::new(kind);
        rows.for_each(|(score, label)| bootstrap.push(score, label, 1.0));
        bootstrap.intervals(&metrics).unwrap()
    }

    fn half(interval: &Interval) -> f64 {
        0.5 * (interval.high - interval.low)
    }

    #[test]
    fn poisson_numbers_have_mean_and_variance_one() {
        let drawn: Vec<f64> = (0..20_000).map(|row| f64::from(times(7, row))).collect();
        let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
        // Four standard errors: 1/√20000, and √(3/20000) of the variance.
        assert!((mean - 1.0).abs() < 0.029 && (variance(&drawn) - 1.0).abs() < 0.05, "{mean} {}", variance(&drawn));
        assert_ne!(
            (0..50).map(|row| times(1, row)).collect::<Vec<_>>(),
            (0..50).map(|row| times(2, row)).collect::<Vec<_>>()
        );
    }

    #[test]
    fn standard_errors_agree_with_those_that_have_a_formula() {
        let rows = 3000;
        let found = intervals(TaskKind::Binary, classes(rows));
        let squares: Vec<f64> = classes(rows).map(|(score, label)| f64::from(score - label).powi(2)).collect();
        let of_brier = NORMAL_975 * (variance(&squares) / rows as f64).sqrt();
        let share: Vec<f64> = {
            let mut best: Vec<(f32, f32)> = classes(rows).collect();
            best.sort_by(|a, b| b.0.total_cmp(&a.0));
            best[..300].iter().map(|row| f64::from(row.1)).collect()
        };
        // A share of 300 rows, whose cut moves as well: near the binomial one.
        let of_precision = NORMAL_975 * (variance(&share) / 300.0).sqrt();
        // A hundred replicates give a standard error to about 7 %: three of them.
        for (name, expected, off) in [("brier", of_brier, 0.22), ("precision_at_10_percent", of_precision, 0.35)] {
            let ratio = half(&found[name]) / expected;
            assert!((ratio - 1.0).abs() < off, "{name}: {ratio}");
        }
        let errors: Vec<f64> = amounts(rows).map(|(predicted, label)| f64::from((predicted - label).abs())).collect();
        let of_mae = NORMAL_975 * (variance(&errors) / rows as f64).sqrt();
        let found = intervals(TaskKind::Value, amounts(rows));
        assert!((half(&found["mae"]) / of_mae - 1.0).abs() < 0.22, "{found:?}");
        assert!(found.contains_key("spearman") && found.contains_key("normalized_gini"));
    }

    #[test]
    fn a_sample_of_many_rows_says_how_far_all_of_them_vary() {
        let (few, many) = (intervals(TaskKind::Binary, classes(10_000)), intervals(TaskKind::Binary, classes(160_000)));
        let ratio = half(&few["pr_auc"]) / half(&many["pr_auc"]);
        // Sixteen times the rows, a fourth of the width; two widths to 7 % each.
        assert!((ratio / 4.0 - 1.0).abs() < 0.35, "{ratio}");
    }

    #[test]
    fn what_is_seldom_defined_has_no_interval() {
        let mut bootstrap = Bootstrap::new(TaskKind::Binary);
        let mut metrics = BinaryMeasures::default();
        for (score, label) in [(0.1, 0.0), (0.4, 0.0), (0.6, 1.0)] {
            bootstrap.push(score, label, 1.0);
            metrics.push(score, label, 1.0).unwrap();
        }
        let found = bootstrap.intervals(&metrics.finish().into()).unwrap();
        assert!(!found.contains_key("pr_auc") && found.contains_key("brier"), "{found:?}");
        let nothing = Bootstrap::new(TaskKind::Value).intervals(&ValueMeasures::default().finish().into()).unwrap();
        assert!(nothing.is_empty());
    }
}
