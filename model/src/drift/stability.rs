//! The population stability index.

use std::collections::BTreeMap;

use super::distribution::{Distribution, Kind};

/// Bins of numbers: about this many, of equal weight in the reference.
const QUANTILES: u128 = 10;

/// Categories that have a bin of their own: the most frequent of the reference.
const CATEGORIES: usize = 20;

/// What every bin has beside its rows, so that an empty one has a logarithm (the prior of Jeffreys).
const SMOOTHING: f64 = 0.5;

/// The population stability index of a distribution against a reference: Σ (p - q) · ln(p / q) over bins, p being a bin's
/// share of the one and q of the other; Kullback and Leibler's divergence made symmetric (Jeffreys 1946), under the name
/// that credit scoring gave it (Siddiqi, Credit Risk Scorecards, 2006), where 0.1 is a small shift and 0.25 a large one.
///
/// Bins are the reference's: of numbers its deciles, cut between cells, each cell going where its middle rank lies; of categories
/// its 20 most frequent cells, and one bin for all others. Missing values are a bin. With B bins that hold anything, n rows in
/// one and N in all, its share is (n + 0.5) / (N + 0.5 · B). None where either has no rows, or they are not of one kind.
pub fn stability_index(reference: &Distribution, observed: &Distribution) -> Option<f64> {
    if reference.kind != observed.kind || reference.total() == 0 || observed.total() == 0 {
        return None;
    }
    let bins = match reference.kind {
        Kind::Numbers => Bins::quantiles(reference),
        Kind::Categories => Bins::most_frequent(reference),
    };
    let (expected, found) = (bins.count(reference), bins.count(observed));
    let occupied: Vec<(u64, u64)> =
        expected.into_iter().zip(found).filter(|(expected, found)| expected + found > 0).collect();
    let room = SMOOTHING * occupied.len() as f64;
    let share = |rows: u64, total: u64| (rows as f64 + SMOOTHING) / (total as f64 + room);
    let terms = occupied.into_iter().map(|(expected, found)| {
        let (q, p) = (share(expected, reference.total()), share(found, observed.total()));
        (p - q) * (p / q).ln()
    });
    Some(terms.sum())
}

/// Which bin a cell falls into; the last one is of missing values.
struct Bins {
    bins: usize,
    of: Assignment,
}

enum Assignment {
    /// The first cell of each bin, ascending.
    Starts(Vec<u16>),
    /// The bins of single cells; all others share the next one.
    Cells(BTreeMap<u16, usize>),
}

impl Bins {
    fn quantiles(reference: &Distribution) -> Self {
        let rows: u64 = reference.cells().iter().map(|(_, count)| count).sum();
        let (mut before, mut last, mut starts) = (0, None, Vec::new());
        for (cell, count) in reference.cells() {
            let quantile = QUANTILES * u128::from(2 * before + count) / u128::from(2 * rows);
            if last != Some(quantile) {
                starts.push(*cell);
                last = Some(quantile);
            }
            before += count;
        }
        Self { bins: starts.len() + 1, of: Assignment::Starts(starts) }
    }

    fn most_frequent(reference: &Distribution) -> Self {
        let mut cells = reference.cells().to_vec();
        cells.sort_by_key(|(cell, count)| (std::cmp::Reverse(*count), *cell));
        cells.truncate(CATEGORIES);
        let places = cells.into_iter().enumerate().map(|(bin, (cell, _))| (cell, bin)).collect::<BTreeMap<_, _>>();
        Self { bins: places.len() + 2, of: Assignment::Cells(places) }
    }

    fn count(&self, distribution: &Distribution) -> Vec<u64> {
        let mut counts = vec![0; self.bins];
        for (cell, count) in distribution.cells() {
            let bin = match &self.of {
                Assignment::Starts(starts) => starts.partition_point(|start| start <= cell).saturating_sub(1),
                Assignment::Cells(places) => places.get(cell).copied().unwrap_or(places.len()),
            };
            counts[bin] += count;
        }
        counts[self.bins - 1] += distribution.missing;
        counts
    }
}
