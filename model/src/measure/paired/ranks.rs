//! Two models' class probabilities of the same rows. Every measure of classes is a mean over rows, so its difference is
//! a mean of differences, with the variance of one.

use indexmap::IndexMap;

use super::super::cells::EXACT_ROWS;
use super::super::classes::ClassRank;
use super::super::metrics::Interval;
use super::super::ranking::NORMAL_975;
use super::super::sample::Sample;
use super::super::{Measure, TaskKind};
use super::{Difference, PairedMetrics, Spread};

#[derive(Debug, Clone, Copy)]
struct Row {
    model: ClassRank,
    other: ClassRank,
    weight: f32,
}

/// Collects what two models say of the same rows' classes.
#[derive(Debug, Clone)]
pub struct PairedClasses {
    rows: Sample<Row>,
}

impl Default for PairedClasses {
    fn default() -> Self {
        Self { rows: Sample::new(EXACT_ROWS) }
    }
}

impl PairedClasses {
    /// Adds a row: what the model and the other one say of its class, and its weight. A row of weight 0 counts nowhere.
    pub fn push(&mut self, model: ClassRank, other: ClassRank, weight: f32) {
        if weight != 0.0 {
            self.rows.push(Row { model, other, weight });
        }
    }

    /// Both models' measures and their differences.
    pub fn finish(self) -> PairedMetrics {
        let (all_rows, rows) = (self.rows.seen(), self.rows.into_rows());
        let measures = TaskKind::Multiclass.measures().iter().filter_map(|measure| {
            let of_row = of_row(*measure)?;
            Some((measure.name().to_owned(), difference(&rows, of_row)))
        });
        let measures: IndexMap<_, _> = measures.collect();
        let rows = rows.len() as u64;
        PairedMetrics { kind: TaskKind::Multiclass, rows, all_rows, rarer: rows, measures }
    }
}

type OfRow = fn(ClassRank) -> f64;

/// What a row adds to a measure's mean; none for measures that are no means.
fn of_row(measure: Measure) -> Option<OfRow> {
    match measure {
        Measure::LogLoss => Some(ClassRank::log_loss),
        Measure::Accuracy => Some(|rank| rank.is_within(1)),
        Measure::Top3Accuracy => Some(|rank| rank.is_within(3)),
        Measure::Top5Accuracy => Some(|rank| rank.is_within(5)),
        Measure::Mrr => Some(ClassRank::reciprocal),
        _ => None,
    }
}

fn difference(rows: &[Row], of_row: OfRow) -> Difference {
    let weight: f64 = rows.iter().map(|row| f64::from(row.weight)).sum();
    if weight <= 0.0 {
        return Difference { model: None, other: None, difference: None, interval: None };
    }
    let mean = |of: fn(&Row) -> ClassRank| {
        rows.iter().map(|row| f64::from(row.weight) * of_row(of(row))).sum::<f64>() / weight
    };
    let (model, other) = (mean(|row| row.model), mean(|row| row.other));
    let difference = model - other;
    let deviation = |row: &Row| (of_row(row.model) - of_row(row.other) - difference, row.weight);
    let half = Spread::of(rows.iter().map(deviation)).variance().map(|variance| NORMAL_975 * variance.sqrt());
    Difference {
        model: Some(model),
        other: Some(other),
        difference: Some(difference),
        interval: half.map(|half| Interval { low: difference - half, high: difference + half }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Finding;

    fn rank(probability: f32, place: u32) -> ClassRank {
        ClassRank { probability, place: Some(place) }
    }

    #[test]
    fn a_difference_is_the_mean_of_the_rows_differences() {
        let mut paired = PairedClasses::default();
        let rows = [(rank(0.5, 1), rank(0.25, 2)), (rank(0.2, 4), rank(0.2, 4)), (rank(0.4, 1), rank(0.6, 1))];
        for index in 0..30 {
            let (model, other) = rows[index % 3];
            paired.push(model, other, 1.0);
        }
        paired.push(rank(0.1, 9), rank(0.9, 1), 0.0);
        let metrics = paired.finish();
        assert_eq!((metrics.rows, metrics.rarer), (30, 30));
        let of = |name: &str| metrics.measures[name];
        let losses = [0.5f64.ln() - 0.25f64.ln(), 0.0, 0.4f64.ln() - 0.6f64.ln()].map(|gain: f64| -gain);
        let mean = losses.iter().sum::<f64>() / 3.0;
        assert!((of("log_loss").difference.unwrap() - mean).abs() < 1e-6);
        // The variance of a mean of 30: Σ(d - D)² / (n·(n - 1)).
        let variance = 10.0 * losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (30.0 * 29.0);
        let half = 1.959_963_984_540_054 * variance.sqrt();
        assert!((of("log_loss").interval.unwrap().high - (mean + half)).abs() < 1e-6);
        assert!((of("accuracy").model.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((of("mrr").difference.unwrap() - 0.5 / 3.0).abs() < 1e-12);
        assert_eq!(metrics.leading().unwrap().0, Measure::LogLoss);
        assert_eq!(metrics.finding(), Finding::CannotTell);
        assert_eq!(PairedClasses::default().finish().finding(), Finding::Undefined);
    }
}
