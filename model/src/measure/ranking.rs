//! Measures of order: AUC with its interval, average precision and KS, each with the error that rounded scores allow.

use super::cells::Cell;
use super::metrics::Interval;

/// The rows of one score (or of one run of scores that rounding put together), both classes apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The score; where several were put together, their weighted mean.
    pub score: f64,
    /// Weight of the positive rows.
    pub positive: f64,
    /// Weight of the negative rows.
    pub negative: f64,
    /// Σ w² over the positive rows.
    pub positive_squared: f64,
    /// Σ w² over the negative rows.
    pub negative_squared: f64,
    /// Whether different scores were put together.
    pub is_mixed: bool,
}

impl Level {
    /// Weight of all rows.
    pub fn weight(&self) -> f64 {
        self.positive + self.negative
    }
}

/// A measure and the most that rounding may have moved it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounded {
    pub(super) value: f64,
    pub(super) error: f64,
}

impl Bounded {
    /// Both divided by a positive number.
    pub(super) fn over(self, divisor: f64) -> Self {
        Self { value: self.value / divisor, error: self.error / divisor }
    }
}

/// Levels by ascending score from cells of (score, label).
pub(super) fn levels_of(cells: &[Cell]) -> Vec<Level> {
    cells.chunk_by(|a, b| a.x_key() == b.x_key()).map(level_of).collect()
}

fn level_of(cells: &[Cell]) -> Level {
    let mut level = Level {
        score: 0.0,
        positive: 0.0,
        negative: 0.0,
        positive_squared: 0.0,
        negative_squared: 0.0,
        is_mixed: false,
    };
    let (mut low, mut high) = (u32::MAX, 0);
    for cell in cells {
        let (cell_low, cell_high) = cell.x_span();
        (low, high) = (low.min(cell_low), high.max(cell_high));
        level.score += cell.x_sum;
        if cell.y_sum > 0.0 {
            level.positive += cell.weight;
            level.positive_squared += cell.weight_squared;
        } else {
            level.negative += cell.weight;
            level.negative_squared += cell.weight_squared;
        }
    }
    level.score /= level.weight();
    level.is_mixed = low < high;
    level
}

/// Weights of both classes over all levels.
pub(super) fn totals(levels: &[Level]) -> (f64, f64) {
    levels.iter().fold((0.0, 0.0), |(positive, negative), level| (positive + level.positive, negative + level.negative))
}

/// P(score of a positive > score of a negative) + ½ P(equal); rounding turns at most the pairs within a mixed level
/// into ties, each worth ½.
pub(super) fn auc(levels: &[Level]) -> Option<Bounded> {
    let (positives, negatives) = totals(levels);
    let pairs = positives * negatives;
    if pairs <= 0.0 {
        return None;
    }
    let (mut won, mut unsure, mut below) = (0.0, 0.0, 0.0);
    for level in levels {
        won += level.positive * (below + 0.5 * level.negative);
        below += level.negative;
        if level.is_mixed {
            unsure += 0.5 * level.positive * level.negative;
        }
    }
    Some(Bounded { value: (won / pairs).clamp(0.0, 1.0), error: unsure / pairs })
}

/// The 95 % interval of an AUC (DeLong 1988; by ranks, Sun 2014), cut to 0..1. With row weights the variance is that of
/// the weighted means of the placements, rows being the units; with equal weights it is DeLong's. None where a class
/// has fewer than two rows' worth of weight.
pub(super) fn auc_interval(levels: &[Level], auc: f64) -> Option<Interval> {
    let (positives, negatives) = totals(levels);
    let (mut positive_spread, mut negative_spread) = (0.0, 0.0);
    let (mut positive_squares, mut negative_squares) = (0.0, 0.0);
    let (mut positives_below, mut negatives_below) = (0.0, 0.0);
    for level in levels {
        let won = (negatives_below + 0.5 * level.negative) / negatives;
        let lost = (positives_below + 0.5 * level.positive) / positives;
        positive_spread += level.positive_squared * (won - auc).powi(2);
        negative_spread += level.negative_squared * (1.0 - lost - auc).powi(2);
        positive_squares += level.positive_squared;
        negative_squares += level.negative_squared;
        positives_below += level.positive;
        negatives_below += level.negative;
    }
    let variance = mean_variance(positive_spread, positive_squares, positives)?
        + mean_variance(negative_spread, negative_squares, negatives)?;
    let half = NORMAL_975 * variance.sqrt();
    Some(Interval { low: (auc - half).max(0.0), high: (auc + half).min(1.0) })
}

/// The 97.5 % point of the normal distribution.
pub(super) const NORMAL_975: f64 = 1.959_963_984_540_054;

/// Variance of a weighted mean: Σw²(v-mean)² / (Σw)², times n/(n-1) with n = (Σw)²/Σw².
pub(super) fn mean_variance(spread: f64, squares: f64, weight: f64) -> Option<f64> {
    let effective_rows = weight * weight / squares;
    (effective_rows > 1.0 + 1e-9).then(|| spread / (weight * weight) * effective_rows / (effective_rows - 1.0))
}

/// Average precision: Σ (recall_n - recall_{n-1})·precision_n over descending scores, ties taken together. Within a
/// mixed level the positives may truly come all first or all last.
pub(super) fn average_precision(levels: &[Level]) -> Option<Bounded> {
    let (positives, _) = totals(levels);
    if positives <= 0.0 {
        return None;
    }
    let (mut value, mut least, mut most) = (0.0, 0.0, 0.0);
    let (mut hits, mut misses) = (0.0, 0.0);
    for level in levels.iter().rev() {
        let before = hits;
        let misses_before = misses;
        hits += level.positive;
        misses += level.negative;
        let share = level.positive / positives;
        value += share * precision(hits, misses);
        let (worst, best) = if level.is_mixed { (before, misses_before) } else { (hits, misses) };
        least += share * precision(worst, misses);
        most += share * precision(hits, best);
    }
    Some(Bounded { value: value.clamp(0.0, 1.0), error: (value - least).max(most - value) })
}

fn precision(hits: f64, misses: f64) -> f64 {
    if misses > 0.0 { hits / (hits + misses) } else { 1.0 }
}

/// Kolmogorov-Smirnov: the largest distance between the two classes' score distributions.
pub(super) fn kolmogorov_smirnov(levels: &[Level]) -> Option<Bounded> {
    let (positives, negatives) = totals(levels);
    if positives <= 0.0 || negatives <= 0.0 {
        return None;
    }
    let (mut value, mut most): (f64, f64) = (0.0, 0.0);
    let mut distance: f64 = 0.0;
    for level in levels {
        let (up, down) = (level.negative / negatives, level.positive / positives);
        if level.is_mixed {
            most = most.max(distance + up).max(down - distance);
        }
        distance += up - down;
        value = value.max(distance.abs());
    }
    Some(Bounded { value: value.min(1.0), error: (most - value).max(0.0) })
}
