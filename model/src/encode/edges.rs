//! Edges of a numeric column's bins.

use super::sketch::Weighted;

/// Shares of the weight that are taken for the same one.
const ROUNDING: f64 = 1e-9;

/// Ascending edges of about `bins` bins of equal weight, from the smallest to the largest value, in which a value that is
/// heavier than a bin weighs as much as one (as LightGBM's bins, Ke 2017): where most rows are zero, the others still get
/// their bins. Such a value's neighbours are edges too, so that it can be told from them however far the next quantile is.
/// At most `3 · bins + 1`; every value where there are no more than `bins + 1`.
pub(super) fn bin_edges(items: &[Weighted], bins: usize) -> Vec<f64> {
    if items.len() <= bins + 1 {
        return items.iter().map(|item| item.value).collect();
    }
    let fair = fair_share(items, bins);
    let mut places = quantile_places(items, bins, fair);
    let heavy = (0..items.len()).filter(|&place| items[place].weight as f64 > fair);
    places.extend(heavy.flat_map(|place| [place.saturating_sub(1), place, (place + 1).min(items.len() - 1)]));
    places.sort_unstable();
    places.dedup();
    places.into_iter().map(|place| items[place].value).collect()
}

/// The weight c of a bin, if a value counts at most c: `Σ min(weight, c) = bins · c`.
fn fair_share(items: &[Weighted], bins: usize) -> f64 {
    let (mut fair, mut heavy) = (f64::INFINITY, 0);
    loop {
        let light: f64 = items.iter().map(|item| item.weight as f64).filter(|&weight| weight <= fair).sum();
        fair = light / (bins - heavy) as f64;
        let now = items.iter().filter(|item| item.weight as f64 > fair).count();
        if now == heavy {
            return fair;
        }
        heavy = now;
    }
}

/// The places of the values at which `0/bins, 1/bins, …, bins/bins` of the weight is reached.
fn quantile_places(items: &[Weighted], bins: usize, fair: f64) -> Vec<usize> {
    let mut places = vec![0];
    let mut below = 0.0;
    for (place, item) in items.iter().enumerate() {
        below += (item.weight as f64).min(fair);
        while places.len() < bins && below >= places.len() as f64 * fair * (1.0 - ROUNDING) {
            places.push(place);
        }
    }
    places.push(items.len() - 1);
    places
}

#[cfg(test)]
mod tests;
