//! Isotonic calibration: pool-adjacent-violators on score bins, then straight lines.
//!
//! 1. Validation rows go into bins of equal weight by ascending score: as many as give each 50 rows and 10 of the rarer
//!    class on average, at least 2 and at most 500. Equal scores stay together.
//! 2. Neighbouring bins whose rates do not rise are pooled until all rates rise (Ayer 1955). A lowest block without
//!    positives is given half of one, a highest block without negatives half of one, but no more than half the way to
//!    the next block.
//! 3. iso(s) runs straight from block to block, through each block's mean score and rate, and is flat outside (centered
//!    isotonic regression, Oron and Flournoy 2017: a quarter less error than steps on smooth curves). A block of more
//!    than √(bins) bins is flat between its √(bins)/2-th bin from either end, so that a true step stays one.
//! 4. The result is (1 - λ)·iso(s) + λ·s with λ = 1 / (1 + rows of a bin): as if each bin had one more row, with the raw
//!    score as its label. It is what keeps the order of scores within a block.

use serde::{Deserialize, Serialize};

use super::settled;
use crate::measure::Level;

const ROWS_OF_A_BIN: f64 = 50.0;
const RARER_ROWS_OF_A_BIN: f64 = 10.0;
const MOST_BINS: f64 = 500.0;

/// A strictly increasing piecewise linear map of 0..1 into 0..1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Points", into = "Points")]
pub struct Curve {
    points: Points,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Points {
    /// Raw scores, from 0 to 1, strictly ascending.
    scores: Vec<f64>,
    /// The probability at each, strictly ascending.
    probabilities: Vec<f64>,
}

/// Points that are no calibration curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the isotonic calibration is damaged: it needs as many probabilities as scores, both rising, the scores from 0 to 1"
)]
pub struct InvalidCurve;

impl TryFrom<Points> for Curve {
    type Error = InvalidCurve;

    fn try_from(points: Points) -> Result<Self, InvalidCurve> {
        let rises = |numbers: &[f64]| numbers.windows(2).all(|pair| pair[0] < pair[1]);
        let (scores, probabilities) = (&points.scores, &points.probabilities);
        let is_whole = scores.first() == Some(&0.0) && scores.last() == Some(&1.0);
        let is_inside = probabilities.iter().all(|probability| (0.0..=1.0).contains(probability));
        let is_valid = is_whole && is_inside && scores.len() == probabilities.len() && scores.len() > 1;
        if is_valid && rises(scores) && rises(probabilities) { Ok(Self { points }) } else { Err(InvalidCurve) }
    }
}

impl From<Curve> for Points {
    fn from(curve: Curve) -> Self {
        curve.points
    }
}

impl Curve {
    /// Linear interpolation between the points.
    pub fn probability(&self, score: f64) -> f64 {
        let Points { scores, probabilities } = &self.points;
        let after = scores.partition_point(|knot| *knot <= score).clamp(1, scores.len() - 1);
        let (low, high) = (scores[after - 1], scores[after]);
        let share = (score - low) / (high - low);
        probabilities[after - 1] + share * (probabilities[after] - probabilities[after - 1])
    }

    /// Scores and probabilities of the points, for pictures.
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.scores.iter().copied().zip(self.points.probabilities.iter().copied())
    }
}

/// Neighbouring values put together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// How many values.
    pub values: usize,
    /// Their weight.
    pub weight: f64,
    /// Their weighted mean.
    pub mean: f64,
}

/// The weighted least-squares fit of a non-decreasing sequence: blocks whose means strictly rise. Weights are positive.
pub fn pool_adjacent_violators(values: impl IntoIterator<Item = (f64, f64)>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (mean, weight) in values {
        let mut block = Block { values: 1, weight, mean };
        while let Some(last) = blocks.pop_if(|last| last.mean >= block.mean) {
            let weight = last.weight + block.weight;
            block = Block {
                values: last.values + block.values,
                weight,
                mean: (last.mean * last.weight + block.mean * block.weight) / weight,
            };
        }
        blocks.push(block);
    }
    blocks
}

/// Fits the curve to levels of both classes; None if all scores are equal.
pub(super) fn fit(levels: &[Level]) -> Option<Curve> {
    let bins = Bins::of(levels);
    if bins.scores.len() < 2 {
        return None;
    }
    let mut blocks = pool_adjacent_violators(bins.rates.iter().copied().zip(bins.rows.iter().copied()));
    settle_ends(&mut blocks);
    let knots = bins.knots(&blocks);
    let own_share = 1.0 / (1.0 + bins.rows_of_a_bin);
    let mut points = Points { scores: Vec::new(), probabilities: Vec::new() };
    let mut add = |score: f64, rate: f64| {
        let score = settled(score);
        if points.scores.last().is_none_or(|last| *last < score) {
            points.scores.push(score);
            points.probabilities.push(settled((1.0 - own_share) * rate + own_share * score));
        }
    };
    add(0.0, knots.first()?.1);
    knots.iter().for_each(|(score, rate)| add(*score, *rate));
    add(1.0, knots.last()?.1);
    Curve::try_from(points).ok()
}

/// Gives a lowest block without positives, or a highest one without negatives, half a row of the other class.
fn settle_ends(blocks: &mut [Block]) {
    let second = blocks.get(1).map_or(1.0, |block| block.mean);
    if let Some(first) = blocks.first_mut()
        && first.mean <= 0.0
    {
        first.mean = (0.5 / (first.weight + 1.0)).min(0.5 * second);
    }
    let second_last = blocks.len().checked_sub(2).map_or(0.0, |index| blocks[index].mean);
    if let Some(last) = blocks.last_mut()
        && last.mean >= 1.0
    {
        last.mean = (1.0 - 0.5 / (last.weight + 1.0)).max(0.5 * (1.0 + second_last));
    }
}

/// Bins of equal weight, ascending; weights are scaled so that they count rows.
struct Bins {
    scores: Vec<f64>,
    rates: Vec<f64>,
    rows: Vec<f64>,
    rows_of_a_bin: f64,
}

impl Bins {
    fn of(levels: &[Level]) -> Self {
        let effective = |weight: f64, squared: f64| if squared > 0.0 { weight * weight / squared } else { 0.0 };
        let sum = |of: fn(&Level) -> f64| levels.iter().map(of).sum::<f64>();
        let weight = sum(Level::weight);
        let rows = effective(weight, sum(|level| level.positive_squared + level.negative_squared));
        let positives = effective(sum(|level| level.positive), sum(|level| level.positive_squared));
        let negatives = effective(sum(|level| level.negative), sum(|level| level.negative_squared));
        let most = (rows / ROWS_OF_A_BIN).min(positives.min(negatives) / RARER_ROWS_OF_A_BIN);
        let count = most.clamp(2.0, MOST_BINS).floor();
        let mut bins =
            Self { scores: Vec::new(), rates: Vec::new(), rows: Vec::new(), rows_of_a_bin: (rows / count).max(1.0) };
        let bin_of = |middle: f64| (count * middle / weight).min(count - 1.0) as usize;
        let mut below = 0.0;
        let placed: Vec<(usize, &Level)> = levels
            .iter()
            .map(|level| {
                below += level.weight();
                (bin_of(below - 0.5 * level.weight()), level)
            })
            .collect();
        for bin in placed.chunk_by(|a, b| a.0 == b.0) {
            bins.add(bin, rows / weight);
        }
        bins
    }

    /// Where iso bends: scores and rates, ascending.
    fn knots(&self, blocks: &[Block]) -> Vec<(f64, f64)> {
        let reach = (self.scores.len() as f64).sqrt().ceil() as usize;
        let mut knots = Vec::new();
        let mut first = 0;
        for block in blocks {
            let last = first + block.values - 1;
            if block.values <= reach {
                knots.push((self.mean_score(first, last), block.mean));
            } else {
                knots.push((self.scores[first + reach / 2], block.mean));
                knots.push((self.scores[last - reach / 2], block.mean));
            }
            first = last + 1;
        }
        knots
    }

    fn mean_score(&self, first: usize, last: usize) -> f64 {
        let rows: f64 = self.rows[first..=last].iter().sum();
        let sum: f64 = self.scores[first..=last].iter().zip(&self.rows[first..=last]).map(|(s, rows)| s * rows).sum();
        sum / rows
    }

    fn add(&mut self, bin: &[(usize, &Level)], rows_per_weight: f64) {
        let weight: f64 = bin.iter().map(|(_, level)| level.weight()).sum();
        self.scores.push(bin.iter().map(|(_, level)| level.weight() * level.score).sum::<f64>() / weight);
        self.rates.push((bin.iter().map(|(_, level)| level.positive).sum::<f64>() / weight).min(1.0));
        self.rows.push(weight * rows_per_weight);
    }
}
