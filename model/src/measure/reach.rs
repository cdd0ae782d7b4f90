//! The reach curve: how many of the positives an audience reaches as it grows, and how like them it still is.

use super::metrics::{Interval, ReachPoint};
use super::ranking::{Level, totals};

/// The audiences' shares of all rows.
const SHARES: [f64; 14] = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0];

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// A share that lacks less than this of its size is full: sums of weights are no more exact.
const ROUNDING: f64 = 1e-9;

/// What is among the rows so far.
#[derive(Clone, Copy, Default)]
struct Taken {
    weight: f64,
    positive: f64,
    /// Σ w·score
    score: f64,
}

impl Taken {
    /// With a share of a level's rows.
    fn with(self, level: &Level, share: f64) -> Self {
        Self {
            weight: self.weight + share * level.weight(),
            positive: self.positive + share * level.positive,
            score: self.score + share * level.weight() * level.score,
        }
    }
}

/// The curve from the best 1 % of the weight to all of it; empty unless both classes are there. A group of equal scores that
/// an audience's end runs through is shared out in proportion.
pub(super) fn reach(levels: &[Level]) -> Vec<ReachPoint> {
    let (positives, negatives) = totals(levels);
    if positives <= 0.0 || negatives <= 0.0 {
        return Vec::new();
    }
    let squares: f64 = levels.iter().map(|level| level.positive_squared).sum();
    let (total, counted) = (positives + negatives, positives * positives / squares);
    let (mut taken, mut descending) = (Taken::default(), levels.iter().rev().peekable());
    let point = |share: f64| {
        let size = share * total;
        let mut lowest = None;
        while let Some(level) = descending.next_if(|level| taken.weight + level.weight() <= size + ROUNDING * total) {
            (taken, lowest) = (taken.with(level, 1.0), Some(level.score));
        }
        let room = size - taken.weight;
        let reached = match descending.peek().filter(|_| room > ROUNDING * total) {
            Some(level) => {
                lowest = Some(level.score);
                taken.with(level, room / level.weight())
            }
            None => taken,
        };
        let recall = (reached.positive / positives).clamp(0.0, 1.0);
        ReachPoint {
            share,
            threshold: lowest,
            mean_score: reached.score / reached.weight,
            recall,
            recall_interval: wilson(recall, counted),
            lift: recall / share,
        }
    };
    SHARES.into_iter().map(point).collect()
}

/// The 95 % interval of a share that so many rows showed: Wilson's (Probable Inference, JASA 1927).
fn wilson(share: f64, rows: f64) -> Interval {
    let (square, spread) = (Z * Z / rows, (share * (1.0 - share) / rows + Z * Z / (4.0 * rows * rows)).sqrt());
    let (middle, width) = ((share + square / 2.0) / (1.0 + square), Z * spread / (1.0 + square));
    Interval { low: (middle - width).max(0.0), high: (middle + width).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(score: f64, positive: f64, negative: f64) -> Level {
        Level { score, positive, negative, positive_squared: positive, negative_squared: negative, is_mixed: false }
    }

    #[test]
    fn wilsons_interval_is_scipys() {
        // scipy.stats.binomtest(k, n).proportion_ci(method="wilson")
        for (hits, rows, low, high) in [
            (3.0, 5.0, 0.230_724_281_276_012_97, 0.882_379_225_767_352_1),
            (0.0, 10.0, 0.0, 0.277_532_799_862_889_26),
            (40.0, 130.0, 0.234_825_569_153_573_78, 0.391_598_108_228_839_9),
        ] {
            let interval = wilson(hits / rows, rows);
            assert!((interval.low - low).abs() < 1e-12 && (interval.high - high).abs() < 1e-12, "{interval:?}");
        }
    }

    #[test]
    fn an_audience_reaches_its_share_of_equal_scores() {
        // 100 rows: 10 at 0.9 with 6 positives, 30 at 0.5 with 3, 60 at 0.1 with 1.
        let curve = reach(&[level(0.1, 1.0, 59.0), level(0.5, 3.0, 27.0), level(0.9, 6.0, 4.0)]);
        let at = |share: f64| *curve.iter().find(|point| (point.share - share).abs() < 1e-12).unwrap();
        let near =
            |value: f64, expected: f64| assert!((value - expected).abs() < 1e-12, "{value}, expected {expected}");
        near(at(0.05).recall, 0.3);
        near(at(0.1).recall, 0.6);
        near(at(0.1).mean_score, 0.9);
        assert_eq!((at(0.1).threshold, at(0.15).threshold), (Some(0.9), Some(0.5)));
        near(at(0.25).recall, 0.6 + 0.3 / 2.0);
        near(at(0.25).mean_score, (10.0 * 0.9 + 15.0 * 0.5) / 25.0);
        near(at(0.1).lift, 6.0);
        near(at(1.0).recall, 1.0);
        near(at(1.0).mean_score, 0.30);
        assert!(
            curve.windows(2).all(|pair| pair[0].recall <= pair[1].recall && pair[0].mean_score >= pair[1].mean_score)
        );
        assert!(reach(&[level(0.5, 3.0, 0.0)]).is_empty());
    }
}
