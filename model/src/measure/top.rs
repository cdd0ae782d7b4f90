//! The rows with the highest predictions: how many of them are positive, and how many of the positives are among them.

use super::TopShare;
use super::ranking::{Bounded, Level, totals};

/// The tenth whose lift is a measure of its own.
const TENTH: f64 = 0.1;

/// The positive weight among the top `share` of all weight, over all weight: a group of equal scores that the cut runs
/// through is shared out in proportion. In a mixed level that the cut runs through, the rows above the cut may truly
/// hold as many or as few positives as there are. None unless both classes are there.
fn hits(levels: &[Level], share: f64) -> Option<Bounded> {
    let (positives, negatives) = totals(levels);
    if positives <= 0.0 || negatives <= 0.0 {
        return None;
    }
    let total = positives + negatives;
    let cut = share * total;
    let (mut above, mut hits) = (0.0, 0.0);
    for level in levels.iter().rev() {
        let room = cut - above;
        if level.weight() >= room {
            let taken = room * level.positive / level.weight();
            let most = room.min(level.positive);
            let least = (room - level.negative).max(0.0);
            let unsure = if level.is_mixed { (most - taken).max(taken - least) } else { 0.0 };
            return Some(Bounded { value: (hits + taken) / total, error: unsure / total });
        }
        above += level.weight();
        hits += level.positive;
    }
    Some(Bounded { value: hits / total, error: 0.0 })
}

/// The rate of positives among the top rows.
pub(super) fn precision_at(levels: &[Level], top: TopShare) -> Option<Bounded> {
    Some(hits(levels, top.share())?.over(top.share()))
}

/// The share of all positives that is among the top rows.
pub(super) fn recall_at(levels: &[Level], top: TopShare) -> Option<Bounded> {
    Some(hits(levels, top.share())?.over(natural_rate(levels)))
}

/// The rate among the best tenth over the natural rate.
pub(super) fn lift_top_decile(levels: &[Level]) -> Option<Bounded> {
    Some(hits(levels, TENTH)?.over(TENTH * natural_rate(levels)))
}

fn natural_rate(levels: &[Level]) -> f64 {
    let (positives, negatives) = totals(levels);
    positives / (positives + negatives)
}
