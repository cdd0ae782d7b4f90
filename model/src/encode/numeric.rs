//! Numeric features: what is learned of a column, and the numbers its values become.

use serde::{Deserialize, Serialize};
use spec::feature::{Impute, NumericFeature, NumericTransform};

use super::edges::bin_edges;
use super::moments::Moments;
use super::normal::normal_quantile;
use super::settle::{settle, settle_all};
use super::sketch::{QuantileSketch, Weighted, quantile};

/// A fitted numeric feature. Its numbers are those of `scaling`, then, where `missing_flag` is set, 1 for a missing value and
/// 0 else. Missing are null, NaN, infinities and what lies beyond ±3.4028234663852886e38.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumericEncoding {
    /// What is scaled in place of a missing value.
    pub impute: f64,
    /// Whether values were missing in the training rows.
    pub missing_flag: bool,
    /// From a value to its number or numbers.
    pub scaling: Scaling,
}

/// Fitted scalings; x is the value, all arithmetic is in f64, the result is clipped to what an f32 holds and rounded to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Scaling {
    /// Interpolation between (edge, normal) points, constant outside: `numpy.interp(x, edges, normals)`. No points: 0.
    Quantile {
        /// Ascending values of the training rows.
        edges: Vec<f64>,
        /// The normal quantile function at the middle of each edge's ranks, clipped to ±5.2.
        normals: Vec<f64>,
    },
    /// (x - mean) / deviation; 0 where the deviation is 0.
    Standardize {
        /// Mean of the training rows.
        mean: f64,
        /// Their standard deviation.
        deviation: f64,
    },
    /// With y = sign(x)·ln(1 + |x|): (y - mean) / deviation; 0 where the deviation is 0.
    Log1p {
        /// Mean of y.
        mean: f64,
        /// Standard deviation of y.
        deviation: f64,
    },
    /// (x - min) / (max - min), clipped to 0..1; 0 where both are equal.
    MinMax {
        /// The smallest value.
        min: f64,
        /// The largest.
        max: f64,
    },
    /// x.
    None,
    /// One number for each pair of neighbours: (x - lower) / (upper - lower), clipped to 0..1. Fewer than two edges: 0.
    PiecewiseLinear {
        /// Ascending edges of the bins.
        edges: Vec<f64>,
    },
}

impl NumericEncoding {
    /// Numbers a row.
    pub fn width(&self) -> usize {
        self.scaling.width() + usize::from(self.missing_flag)
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let finite = |values: &[f64]| values.iter().all(|value| value.is_finite());
        let ascending = |edges: &[f64]| edges.windows(2).all(|pair| pair[0] < pair[1]);
        match &self.scaling {
            _ if !self.impute.is_finite() => Some("`impute` is not finite"),
            Scaling::Quantile { edges, normals } if edges.len() != normals.len() => {
                Some("as many normals as edges, please")
            }
            Scaling::Quantile { edges, .. } | Scaling::PiecewiseLinear { edges } if !ascending(edges) => {
                Some("edges are not ascending")
            }
            Scaling::Quantile { edges, normals } if !finite(edges) || !finite(normals) => Some("a point is not finite"),
            Scaling::PiecewiseLinear { edges } if !finite(edges) => Some("an edge is not finite"),
            Scaling::Standardize { mean, deviation } | Scaling::Log1p { mean, deviation }
                if !finite(&[*mean, *deviation]) || *deviation < 0.0 =>
            {
                Some("a mean or deviation is not finite")
            }
            Scaling::MinMax { min, max } if !finite(&[*min, *max]) || min > max => Some("no range from min to max"),
            _ => None,
        }
    }
}

impl Scaling {
    /// Numbers a row.
    pub fn width(&self) -> usize {
        match self {
            Self::PiecewiseLinear { edges } => edges.len().saturating_sub(1).max(1),
            _ => 1,
        }
    }
}

/// Most points of the quantile scaling; of those, points at ever smaller shares at both ends.
const MAX_EDGES: usize = 1000;
const TAIL_EDGES: usize = 10;

/// Bins of the piecewise linear scaling, but for those that heavy values add: a bin for so many rows, within limits.
const ROWS_A_BIN: f64 = 100.0;
const LEAST_BINS: f64 = 8.0;
const MOST_BINS: f64 = 32.0;

/// Largest normal quantile; that of a share of 1e-7.
const LARGEST_NORMAL: f64 = 5.2;

/// What is learned of a numeric column.
#[derive(Debug)]
pub(super) struct NumericFit {
    transform: NumericTransform,
    impute: Impute,
    missing: u64,
    values: Moments,
    logarithms: Moments,
    sketch: Option<QuantileSketch>,
}

impl NumericFit {
    /// `sketch_size` numbers a buffer of the quantile sketch.
    pub(super) fn new(feature: &NumericFeature, sketch_size: usize) -> Self {
        let (transform, impute) = (feature.transform, feature.impute);
        let by_rank = matches!(transform, NumericTransform::Quantile | NumericTransform::PiecewiseLinear);
        let sketch = (by_rank || impute == Impute::Median).then(|| QuantileSketch::new(sketch_size));
        Self { transform, impute, missing: 0, values: Moments::default(), logarithms: Moments::default(), sketch }
    }

    /// Numbers that were missing.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Adds numbers, NaN where missing. Leaves the missing ones out of `numbers`.
    pub(super) fn add(&mut self, numbers: &mut Vec<f64>) {
        let all = numbers.len();
        numbers.retain(|number| !number.is_nan());
        self.missing += (all - numbers.len()) as u64;
        self.values.add(numbers);
        if let Some(sketch) = &mut self.sketch {
            sketch.add(numbers);
        }
        if self.transform == NumericTransform::Log1p {
            numbers.iter_mut().for_each(|number| *number = signed_log(*number));
            self.logarithms.add(numbers);
        }
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        self.values.merge(&other.values);
        self.logarithms.merge(&other.logarithms);
        if let (Some(sketch), Some(more)) = (&mut self.sketch, other.sketch) {
            sketch.merge(more);
        }
    }

    pub(super) fn finish(self) -> NumericEncoding {
        let items = self.sketch.as_ref().map(QuantileSketch::weighted).unwrap_or_default();
        let impute = match self.impute {
            Impute::Mean => self.values.mean(),
            Impute::Median => quantile(&items, 0.5).unwrap_or(0.0),
            Impute::Zero => 0.0,
        };
        let scaling = match self.transform {
            NumericTransform::Quantile => quantile_scaling(&items),
            NumericTransform::Standardize => {
                Scaling::Standardize { mean: settle(self.values.mean()), deviation: settle(self.values.deviation()) }
            }
            NumericTransform::Log1p => {
                Scaling::Log1p { mean: settle(self.logarithms.mean()), deviation: settle(self.logarithms.deviation()) }
            }
            NumericTransform::MinMax => {
                let (min, max) = self.values.range();
                Scaling::MinMax { min: settle(min), max: settle(max) }
            }
            NumericTransform::None => Scaling::None,
            NumericTransform::Buckets => unreachable!("buckets have a fit of their own"),
            NumericTransform::PiecewiseLinear => {
                let mut edges = settle_all(bin_edges(&items, bins(&items)).into_iter());
                edges.dedup_by(|later, earlier| *later <= *earlier);
                Scaling::PiecewiseLinear { edges }
            }
        };
        NumericEncoding { impute: settle(impute), missing_flag: self.missing > 0, scaling }
    }
}

/// Bins for a column with these values.
fn bins(items: &[Weighted]) -> usize {
    let rows: f64 = items.iter().map(|item| item.weight as f64).sum();
    (rows / ROWS_A_BIN).clamp(LEAST_BINS, MOST_BINS) as usize
}

/// sign(x)·ln(1 + |x|)
pub(super) fn signed_log(value: f64) -> f64 {
    value.abs().ln_1p().copysign(value)
}

/// Points at the edges' middle ranks: all values where they are few, else evenly spread ranks and ever smaller shares at both
/// ends, so that straight lines between points stay within 0.03 of the normal quantile of the interpolated rank.
fn quantile_scaling(items: &[Weighted]) -> Scaling {
    let total: f64 = items.iter().map(|item| item.weight as f64).sum();
    let mut below = 0.0;
    let ranked = items.iter().map(|item| {
        let middle = (below + item.weight as f64 / 2.0) / total;
        below += item.weight as f64;
        (item.value, middle)
    });
    let ranked: Vec<(f64, f64)> = ranked.collect();
    let kept = if ranked.len() <= MAX_EDGES { ranked } else { thin(&ranked) };
    let constant = kept.len() == 1;
    let normal = |share: f64| normal_quantile(share).clamp(-LARGEST_NORMAL, LARGEST_NORMAL);
    let mut points: Vec<(f64, f64)> = kept
        .into_iter()
        .map(|(value, share)| (settle(value), if constant { 0.0 } else { settle(normal(share)) }))
        .collect();
    // Settling may bring neighbours together that were a rounding apart, or past each other.
    points.dedup_by(|later, earlier| later.0 <= earlier.0);
    let (edges, normals) = points.into_iter().unzip();
    Scaling::Quantile { edges, normals }
}

fn thin(ranked: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let even = MAX_EDGES - 2 * TAIL_EDGES - 2;
    let step = 1.0 / even as f64;
    let tail = (1..=TAIL_EDGES).map(|halvings| step / f64::from(1u32 << halvings));
    let mut shares: Vec<f64> = (1..even).map(|edge| edge as f64 * step).collect();
    shares.extend(tail.flat_map(|share| [share, 1.0 - share]));
    let mut places: Vec<usize> =
        shares.into_iter().map(|share| ranked.partition_point(|item| item.1 < share)).collect();
    places.extend([0, ranked.len() - 1]);
    places.sort_unstable();
    places.dedup();
    places.into_iter().filter_map(|place| ranked.get(place).copied()).collect()
}

#[cfg(test)]
mod tests;
