//! Calibration: do predicted probabilities come true? The table by equal-mass bins, and its expected error (ECE).

use std::f64::consts::FRAC_2_PI;

use super::metrics::CalibrationBin;
use super::ranking::{Bounded, Level};

/// Bins of the calibration table and of ECE; each holds as near to 1/20 of the weight as ties allow.
pub const CALIBRATION_BINS: usize = 20;

/// The calibration table: levels by ascending score, each wholly in the bin where the middle of its weight lies.
/// Empty bins (ties may leave some) are absent.
pub(super) fn calibration_table(levels: &[Level], predict: impl Fn(f64) -> f64) -> Vec<CalibrationBin> {
    let total: f64 = levels.iter().map(Level::weight).sum();
    let mut bins: Vec<(usize, CalibrationBin)> = Vec::new();
    let mut below = 0.0;
    for level in levels {
        let index = bin_of(below + 0.5 * level.weight(), total);
        below += level.weight();
        if bins.last().is_none_or(|(last, _)| *last != index) {
            bins.push((index, CalibrationBin { weight: 0.0, predicted: 0.0, actual: 0.0 }));
        }
        if let Some((_, bin)) = bins.last_mut() {
            bin.weight += level.weight();
            bin.predicted += level.weight() * predict(level.score);
            bin.actual += level.positive;
        }
    }
    let finished = |(_, bin): (usize, CalibrationBin)| CalibrationBin {
        weight: bin.weight / total,
        predicted: bin.predicted / bin.weight,
        actual: bin.actual / bin.weight,
    };
    bins.into_iter().map(finished).collect()
}

fn bin_of(middle: f64, total: f64) -> usize {
    ((CALIBRATION_BINS as f64 * middle / total) as usize).min(CALIBRATION_BINS - 1)
}

/// ECE = Σ_b (weight share of b)·|mean prediction - positive rate|, over [`CALIBRATION_BINS`] equal-mass bins, after
/// `predict` has put the scores right. None without rows.
pub fn calibration_error(levels: &[Level], predict: impl Fn(f64) -> f64) -> Option<f64> {
    table_error(&calibration_table(levels, predict))
}

pub(super) fn table_error(table: &[CalibrationBin]) -> Option<f64> {
    let error = table.iter().map(|bin| bin.weight * (bin.predicted - bin.actual).abs()).sum();
    (!table.is_empty()).then_some(error)
}

/// What ECE would be, in the mean over samples, if every prediction were the true rate: a bin of n rows then misses by
/// √(2/π)·√(p(1-p)/n). Rows of unequal weight count as if all had the mean weight.
pub(super) fn error_by_chance(table: &[CalibrationBin], rows: u64) -> Option<f64> {
    let of_bin = |bin: &CalibrationBin| {
        let deviation = (bin.predicted * (1.0 - bin.predicted) / (bin.weight * rows as f64)).sqrt();
        bin.weight * FRAC_2_PI.sqrt() * deviation
    };
    (!table.is_empty()).then(|| table.iter().map(of_bin).sum())
}

/// ECE of a table, and the most that rounding may have moved it: a mixed level across a bin's edge may belong partly to
/// the next bin, and a row that changes bins moves two of them by at most its weight.
pub(super) fn bounded_error(levels: &[Level], table: &[CalibrationBin]) -> Option<Bounded> {
    let total: f64 = levels.iter().map(Level::weight).sum();
    let (mut below, mut unsure) = (0.0, 0.0);
    for level in levels {
        let first = bin_of(below, total);
        below += level.weight();
        if level.is_mixed && bin_of(below, total) > first {
            unsure += 2.0 * level.weight() / total;
        }
    }
    table_error(table).map(|value| Bounded { value, error: unsure })
}
