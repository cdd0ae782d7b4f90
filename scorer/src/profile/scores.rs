//! The ranks of an audience as a histogram whose cells are the same in every version, and how far down they reach.

use serde::{Deserialize, Serialize};
use spec::ids::Version;

use super::marks::{CellCounts, ScoreCounts};
use crate::select::order::rank_of;

/// Points of the curve of reach at the most.
const POINTS: usize = 100;

/// Eligible people whose rank is in a cell: one of sixteen to each power of two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScoreCell {
    /// Its number: cells ascend with the rank.
    pub cell: u16,
    /// Its lowest rank; nothing of infinite ones.
    pub from: Option<f64>,
    /// Eligible people.
    pub eligible: u64,
    /// Those of them who are selected, by tier from the top down.
    pub tiers: Vec<u64>,
}

impl ScoreCell {
    /// Those of them who are selected.
    pub fn selected(&self) -> u64 {
        self.tiers.iter().sum()
    }
}

/// How many people stand at or above a rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReachPoint {
    /// The rank; nothing of infinite ones.
    pub rank: Option<f64>,
    /// Eligible people of at least this rank.
    pub people: u64,
    /// Their share of the eligible, 0..1.
    pub share: f64,
    /// The share of the eligible seeds among them, 0..1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<f64>,
}

/// The ranks of the version before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastScores {
    /// The version.
    pub version: Version,
    /// Its selected people.
    pub selected: u64,
    /// Its eligible people by cell.
    pub eligible: Vec<(u16, u64)>,
    /// The largest distance between the shares of eligible people at or above a rank then and now, 0..1 (Kolmogorov and Smirnov).
    pub distance: f64,
}

/// The histogram, ascending.
pub(super) fn cells(counts: &ScoreCounts) -> Vec<ScoreCell> {
    let cell = |(cell, counts): (&u16, &CellCounts)| ScoreCell {
        cell: *cell,
        from: lowest_of(*cell),
        eligible: counts.eligible,
        tiers: counts.tiers.clone(),
    };
    counts.cells.iter().map(cell).collect()
}

/// The lowest rank of a cell.
pub fn lowest_of(cell: u16) -> Option<f64> {
    let rank = rank_of(u64::from(cell) << 48);
    // The cell of minus infinity starts with bits that are no number.
    Some(rank).filter(|rank| rank.is_finite())
}

/// The curve of reach, from the top down.
pub(super) fn reach(counts: &ScoreCounts, has_seeds: bool) -> Vec<ReachPoint> {
    let eligible: u64 = counts.cells.values().map(|cell| cell.eligible).sum();
    let eligible_seeds: u64 = counts.cells.values().map(|cell| cell.seeds).sum();
    let (mut people, mut seeds) = (0, 0);
    let mut points: Vec<ReachPoint> = Vec::new();
    for (cell, counts) in counts.cells.iter().rev() {
        people += counts.eligible;
        seeds += counts.seeds;
        let share = people as f64 / eligible.max(1) as f64;
        let of_seeds = (has_seeds && eligible_seeds > 0).then(|| seeds as f64 / eligible_seeds as f64);
        points.push(ReachPoint { rank: lowest_of(*cell), people, share, seeds: of_seeds });
    }
    thinned(points)
}

/// The last point of each hundredth of the eligible.
fn thinned(points: Vec<ReachPoint>) -> Vec<ReachPoint> {
    let step = |point: &ReachPoint| (point.share * POINTS as f64).ceil() as u64;
    let mut kept: Vec<ReachPoint> = Vec::with_capacity(POINTS);
    for point in points {
        match kept.last_mut().filter(|last| step(last) == step(&point)) {
            Some(last) => *last = point,
            None => kept.push(point),
        }
    }
    kept
}

/// The version before, compared with this one.
pub(super) fn compared(version: Version, selected: u64, before: &[ScoreCell], now: &[ScoreCell]) -> LastScores {
    let total = |cells: &[ScoreCell]| cells.iter().map(|cell| cell.eligible).sum::<u64>().max(1) as f64;
    let (all_before, all_now) = (total(before), total(now));
    let mut steps: Vec<(u16, f64)> = before.iter().map(|cell| (cell.cell, cell.eligible as f64 / all_before)).collect();
    steps.extend(now.iter().map(|cell| (cell.cell, -(cell.eligible as f64) / all_now)));
    steps.sort_by_key(|(cell, _)| *cell);
    let (mut difference, mut distance) = (0.0, 0.0_f64);
    for same in steps.chunk_by(|one, next| one.0 == next.0) {
        difference += same.iter().map(|(_, share)| share).sum::<f64>();
        distance = distance.max(difference.abs());
    }
    let eligible = before.iter().map(|cell| (cell.cell, cell.eligible)).collect();
    LastScores { version, selected, eligible, distance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::histogram::cell_of;
    use crate::select::order::rank_bits;

    fn counts(people: &[(f64, u64, u64)]) -> ScoreCounts {
        let cell = |(rank, eligible, seeds): &(f64, u64, u64)| {
            let counts = CellCounts { eligible: *eligible, tiers: vec![0], seeds: *seeds };
            (cell_of(rank_bits(*rank).unwrap()), counts)
        };
        ScoreCounts { cells: people.iter().map(cell).collect(), ..ScoreCounts::default() }
    }

    #[test]
    fn cells_say_their_lowest_rank_and_reach_goes_down_from_the_top() {
        let counts = counts(&[(0.5, 60, 1), (1.0, 30, 3), (2.0, 10, 4), (f64::INFINITY, 0, 0)]);
        let cells = cells(&counts);
        let told: Vec<_> = cells.iter().map(|cell| (cell.from, cell.eligible)).collect();
        assert_eq!(told, [(Some(0.5), 60), (Some(1.0), 30), (Some(2.0), 10), (None, 0)]);
        let reach = reach(&counts, true);
        let told: Vec<_> = reach.iter().map(|point| (point.rank, point.people, point.seeds)).collect();
        assert_eq!(told[1..], [(Some(2.0), 10, Some(0.5)), (Some(1.0), 40, Some(0.875)), (Some(0.5), 100, Some(1.0))]);
    }

    #[test]
    fn a_rank_is_in_the_cell_that_starts_at_or_below_it() {
        for rank in [0.0, 1e-300, 0.3, 17.2, -0.3, -5e8, f64::MAX, f64::MIN] {
            let from = lowest_of(cell_of(rank_bits(rank).unwrap()));
            assert!(from.is_none_or(|from| from <= rank), "{rank} {from:?}");
        }
    }

    #[test]
    fn a_curve_has_a_hundred_points_at_the_most_and_ends_with_everybody() {
        let people: Vec<_> = (1..400).map(|rank| (f64::from(rank), 10, 0)).collect();
        let points = reach(&counts(&people), false);
        assert!(points.len() <= POINTS && points.len() > 20, "{}", points.len());
        assert_eq!((points.last().unwrap().share, points[0].seeds), (1.0, None));
        assert!(points.is_sorted_by(|one, next| one.people < next.people));
    }

    #[test]
    fn the_distance_to_the_last_version_is_that_of_kolmogorov_and_smirnov() {
        // Shares at or below: 0.6, 0.9, 1 then; 0.1, 0.5, 1 now.
        let (before, now) =
            (counts(&[(0.5, 60, 0), (1.0, 30, 0), (2.0, 10, 0)]), counts(&[(0.5, 10, 0), (1.0, 40, 0), (2.0, 50, 0)]));
        let last = compared(Version(3), 10, &cells(&before), &cells(&now));
        assert!((last.distance - 0.5).abs() < 1e-12, "{}", last.distance);
        assert_eq!(compared(Version(3), 10, &cells(&now), &cells(&now)).distance, 0.0);
    }
}
