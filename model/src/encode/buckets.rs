//! Numbers as ids: an embedding for each bucket between two edges.

use serde::{Deserialize, Serialize};
use spec::feature::NumericFeature;

use super::ids::default_width;
use super::settle::settle_all;
use super::sketch::{QuantileSketch, quantile};

/// Buckets where the document says neither how many nor their edges.
const BUCKETS: u32 = 16;

/// A fitted bucketed number: row 0 is a missing value, row 1 + the number of edges at or below x is x.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketEncoding {
    /// The embedding's width.
    pub width: u16,
    /// Ascending; `numpy.searchsorted(edges, x, side="right")` is the bucket of x.
    pub edges: Vec<f64>,
}

impl BucketEncoding {
    /// Rows of the table.
    pub fn rows(&self) -> u64 {
        self.edges.len() as u64 + 2
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let ascending = self.edges.windows(2).all(|pair| pair[0] < pair[1]);
        match self {
            Self { width: 0, .. } => Some("a table of width 0"),
            _ if !self.edges.iter().all(|edge| edge.is_finite()) => Some("an edge is not finite"),
            _ => (!ascending).then_some("edges are not ascending"),
        }
    }

    /// The rows of numbers, NaN where missing, the first row of the table already added.
    pub(super) fn write(&self, numbers: &[f64], first_row: u32, out: &mut [i32]) {
        for (out, number) in out.iter_mut().zip(numbers) {
            let bucket = self.edges.partition_point(|edge| edge <= number) as i32;
            *out = first_row as i32 + if number.is_nan() { 0 } else { 1 + bucket };
        }
    }
}

/// What is learned of a bucketed number.
#[derive(Debug)]
pub(super) struct BucketFit {
    edges: Edges,
    width: Option<u16>,
    missing: u64,
}

#[derive(Debug)]
enum Edges {
    Given(Vec<f64>),
    Learned(QuantileSketch, u32),
}

impl BucketFit {
    /// `sketch_size` numbers a buffer of the quantile sketch.
    pub(super) fn new(feature: &NumericFeature, sketch_size: usize) -> Self {
        let edges = match &feature.edges {
            Some(edges) => Edges::Given(edges.clone()),
            None => Edges::Learned(QuantileSketch::new(sketch_size), feature.buckets.unwrap_or(BUCKETS)),
        };
        Self { edges, width: feature.width, missing: 0 }
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
        if let Edges::Learned(sketch, _) = &mut self.edges {
            sketch.add(numbers);
        }
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        if let (Edges::Learned(sketch, _), Edges::Learned(more, _)) = (&mut self.edges, other.edges) {
            sketch.merge(more);
        }
    }

    pub(super) fn finish(self) -> BucketEncoding {
        let mut edges = match self.edges {
            Edges::Given(edges) => settle_all(edges.into_iter()),
            Edges::Learned(sketch, buckets) => {
                let items = sketch.weighted();
                let shares = (1..buckets).map(|edge| f64::from(edge) / f64::from(buckets));
                settle_all(shares.filter_map(|share| quantile(&items, share)))
            }
        };
        edges.dedup_by(|later, earlier| *later <= *earlier);
        let width = self.width.unwrap_or_else(|| default_width(edges.len() as f64 + 1.0));
        BucketEncoding { width, edges }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(feature: serde_json::Value, values: &[f64]) -> BucketEncoding {
        let feature: NumericFeature = serde_json::from_value(feature).unwrap();
        let mut fit = BucketFit::new(&feature, 4096);
        fit.add(&mut values.to_vec());
        fit.finish()
    }

    #[test]
    fn buckets_lie_between_quantiles_and_missing_values_have_a_row() {
        let values: Vec<f64> = (1..=100).map(f64::from).chain([f64::NAN]).collect();
        let encoding = fitted(serde_json::json!({"transform": "buckets", "buckets": 4}), &values);
        // numpy.quantile(range(1, 101), [.25, .5, .75], method="inverted_cdf")
        assert_eq!((encoding.edges.as_slice(), encoding.width), (&[25.0, 50.0, 75.0][..], 3));
        let mut ids = [0; 6];
        // 1 + numpy.searchsorted([25, 50, 75], [-9, 24.9, 25, 50, 1e9], side="right")
        encoding.write(&[-9.0, 24.9, 25.0, 50.0, 1e9, f64::NAN], 7, &mut ids);
        assert_eq!(ids, [8, 8, 9, 10, 11, 7]);
    }

    #[test]
    fn equal_quantiles_are_one_edge_and_given_edges_stay() {
        let mostly_zero: Vec<f64> = (0..100).map(|row| if row < 90 { 0.0 } else { f64::from(row) }).collect();
        let encoding = fitted(serde_json::json!({"transform": "buckets", "buckets": 16}), &mostly_zero);
        assert_eq!(encoding.edges, [0.0, 93.0]);
        let given = fitted(serde_json::json!({"transform": "buckets", "edges": [-1.5, 0.1, 3.0], "width": 5}), &[]);
        assert_eq!((given.edges.as_slice(), given.width, given.rows()), (&[-1.5, 0.1, 3.0][..], 5, 5));
    }
}
