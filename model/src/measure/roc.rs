//! Pictures of the scores: the ROC curve thinned to what an eye can see, and the histogram of both classes.

use super::metrics::{RocPoint, ScoreHistogram};
use super::ranking::{Level, totals};

/// Points are left out while the curve has travelled less than this along both axes together.
const STEP: f64 = 0.02;

const BINS: usize = 40;

/// Log-odds beyond this are shown at this: about 6 in a million.
const MOST_LOGIT: f64 = 12.0;

/// The ROC curve from (0, 0) to (1, 1); the points on both sides of every jump are kept. Empty unless both classes are
/// there.
pub(super) fn roc(levels: &[Level]) -> Vec<RocPoint> {
    let (positives, negatives) = totals(levels);
    if positives <= 0.0 || negatives <= 0.0 {
        return Vec::new();
    }
    let start = RocPoint { false_positive_rate: 0.0, true_positive_rate: 0.0, threshold: None };
    let mut points = vec![start];
    let (mut kept, mut last) = (start, start);
    let (mut hits, mut misses) = (0.0, 0.0);
    for level in levels.iter().rev() {
        hits += level.positive;
        misses += level.negative;
        let point = RocPoint {
            false_positive_rate: (misses / negatives).min(1.0),
            true_positive_rate: (hits / positives).min(1.0),
            threshold: Some(level.score),
        };
        if travel(&kept, &point) > STEP {
            if last != kept {
                points.push(last);
            }
            kept = last;
        }
        if travel(&kept, &point) > STEP {
            points.push(point);
            kept = point;
        }
        last = point;
    }
    if last != kept {
        points.push(last);
    }
    points
}

fn travel(from: &RocPoint, to: &RocPoint) -> f64 {
    to.true_positive_rate - from.true_positive_rate + to.false_positive_rate - from.false_positive_rate
}

/// The histogram of scores by class, 40 bins of equal width in log-odds; None without rows.
pub(super) fn histogram(levels: &[Level]) -> Option<ScoreHistogram> {
    let (low, high) = (logit(levels.first()?.score), logit(levels.last()?.score));
    let bins = if high > low { BINS } else { 1 };
    let width = (high - low) / bins as f64;
    let (positives, negatives) = totals(levels);
    let mut histogram = ScoreHistogram {
        edges: (0..=bins).map(|edge| logistic(low + width * edge as f64)).collect(),
        positives: vec![0.0; bins],
        negatives: vec![0.0; bins],
    };
    for level in levels {
        let bin = if width > 0.0 { ((logit(level.score) - low) / width) as usize } else { 0 }.min(bins - 1);
        if positives > 0.0 {
            histogram.positives[bin] += level.positive / positives;
        }
        if negatives > 0.0 {
            histogram.negatives[bin] += level.negative / negatives;
        }
    }
    Some(histogram)
}

fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln().clamp(-MOST_LOGIT, MOST_LOGIT)
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
