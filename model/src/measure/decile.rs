//! Tenths of the rows from the highest prediction down. A group of equal predictions that a cut runs through is shared out
//! in proportion: the mean over all orders of its rows, so that no order is an advantage.

use super::metrics::{Decile, ValueDecile};
use super::ranking::{Level, totals};

const DECILES: usize = 10;

/// A tenth that lacks less than this share of its size is full: sums of weights are no more exact.
const ROUNDING: f64 = 1e-9;

/// Rows of one prediction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    /// Their weight.
    pub(super) weight: f64,
    /// Σ w·prediction
    pub(super) predicted: f64,
    /// Σ w·label
    pub(super) actual: f64,
}

/// What falls into one tenth.
#[derive(Debug, Clone, Copy, Default)]
struct Tenth {
    weight: f64,
    predicted: f64,
    actual: f64,
    /// The prediction of the last group in it.
    lowest: f64,
}

fn tenths(descending: impl Iterator<Item = Group>, total: f64) -> [Tenth; DECILES] {
    let mut tenths = [Tenth::default(); DECILES];
    let size = total / DECILES as f64;
    let mut index = 0;
    for group in descending {
        let mut left = group.weight;
        while left > 0.0 {
            let room = if index + 1 < DECILES { size - tenths[index].weight } else { f64::INFINITY };
            let taken = left.min(room.max(0.0));
            let share = taken / group.weight;
            let tenth = &mut tenths[index];
            if taken > 0.0 {
                tenth.weight += taken;
                tenth.predicted += share * group.predicted;
                tenth.actual += share * group.actual;
                tenth.lowest = group.predicted / group.weight;
            }
            left -= taken;
            if taken >= room - ROUNDING * size {
                index += 1;
            }
        }
    }
    tenths
}

/// Lift and gain by decile; empty unless both classes are there.
pub(super) fn deciles(levels: &[Level]) -> Vec<Decile> {
    let (positives, negatives) = totals(levels);
    if positives <= 0.0 || negatives <= 0.0 {
        return Vec::new();
    }
    let total = positives + negatives;
    let group_of = |level: &Level| Group {
        weight: level.weight(),
        predicted: level.score * level.weight(),
        actual: level.positive,
    };
    let (mut weight, mut hits) = (0.0, 0.0);
    let mut number = 0;
    let decile_of = |tenth: Tenth| {
        weight += tenth.weight;
        hits += tenth.actual;
        number += 1;
        let rate = hits / weight;
        Decile {
            share: f64::from(number) / DECILES as f64,
            threshold: tenth.lowest,
            rate,
            lift: rate / (positives / total),
            gain: (hits / positives).min(1.0),
            decile_rate: tenth.actual / tenth.weight,
            decile_score: tenth.predicted / tenth.weight,
        }
    };
    let tenths = tenths(levels.iter().rev().map(group_of), total);
    tenths.into_iter().filter(|tenth| tenth.weight > 0.0).map(decile_of).collect()
}

/// Predicted and actual means by decile of the prediction; `descending` by prediction, `total` its weight.
pub(super) fn value_deciles(descending: impl Iterator<Item = Group>, total: f64, actual_sum: f64) -> Vec<ValueDecile> {
    let mut sum = 0.0;
    let mut number = 0;
    let decile_of = |tenth: Tenth| {
        sum += tenth.actual;
        number += 1;
        ValueDecile {
            share: f64::from(number) / DECILES as f64,
            predicted: tenth.predicted / tenth.weight,
            actual: tenth.actual / tenth.weight,
            gain: (actual_sum > 0.0).then(|| sum / actual_sum),
        }
    };
    tenths(descending, total).into_iter().filter(|tenth| tenth.weight > 0.0).map(decile_of).collect()
}
