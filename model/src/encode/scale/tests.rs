use proptest::prelude::*;

use super::*;

fn write(scaling: Scaling, missing_flag: bool, values: &[f64]) -> Vec<Vec<f32>> {
    let encoding = NumericEncoding { impute: 1.5, missing_flag, scaling };
    let mut columns = vec![vec![f32::NAN; values.len()]; encoding.width()];
    let mut slices: Vec<&mut [f32]> = columns.iter_mut().map(Vec::as_mut_slice).collect();
    NumericWriter::new(&encoding).write(&mut values.to_vec(), &mut slices);
    columns
}

/// `numpy.interp`, one value at a time.
fn interp(value: f64, edges: &[f64], normals: &[f64]) -> f64 {
    let last = edges.len() - 1;
    if value < edges[0] {
        return normals[0];
    }
    if value >= edges[last] {
        return normals[last];
    }
    let place = edges.partition_point(|&edge| edge <= value) - 1;
    let slope = (normals[place + 1] - normals[place]) / (edges[place + 1] - edges[place]);
    slope * (value - edges[place]) + normals[place]
}

#[test]
fn missing_values_are_imputed_then_scaled_and_flagged() {
    let columns = write(Scaling::Standardize { mean: 0.5, deviation: 2.0 }, true, &[f64::NAN, 4.5]);
    assert_eq!(columns, [[0.5, 2.0], [1.0, 0.0]]);
}

#[test]
fn scalings_without_spread_are_zero() {
    for scaling in [
        Scaling::Standardize { mean: 3.0, deviation: 0.0 },
        Scaling::Log1p { mean: 3.0, deviation: 0.0 },
        Scaling::MinMax { min: 3.0, max: 3.0 },
        Scaling::Quantile { edges: vec![], normals: vec![] },
        Scaling::PiecewiseLinear { edges: vec![3.0] },
    ] {
        assert_eq!(write(scaling, false, &[3.0, 1e9, f64::NAN]), [[0.0, 0.0, 0.0]]);
    }
}

#[test]
fn ranges_and_bins_are_clipped() {
    assert_eq!(write(Scaling::MinMax { min: 1.0, max: 3.0 }, false, &[0.0, 2.0, 9.0]), [[0.0, 0.5, 1.0]]);
    let bins = write(Scaling::PiecewiseLinear { edges: vec![0.0, 1.0, 3.0] }, false, &[-1.0, 0.5, 2.0, 9.0]);
    assert_eq!(bins, [[0.0, 0.5, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0]]);
}

#[test]
fn numbers_stay_finite() {
    let columns = write(Scaling::Standardize { mean: 0.0, deviation: 1e-30 }, false, &[3e38, -3e38]);
    assert_eq!(columns, [[f32::MAX, f32::MIN]]);
}

proptest! {
    #[test]
    fn quantiles_interpolate_as_numpy_does(
        mut edges in prop::collection::vec(-100.0..100.0f64, 1..200),
        values in prop::collection::vec(-120.0..120.0f64, 0..80),
    ) {
        edges.sort_by(f64::total_cmp);
        edges.dedup();
        let normals: Vec<f64> = edges.iter().map(|edge| edge.sin() * 5.2).collect();
        let values: Vec<f64> = values.into_iter().chain(edges.iter().copied()).collect();
        let expected: Vec<f32> = values.iter().map(|&value| interp(value, &edges, &normals) as f32).collect();
        prop_assert_eq!(write(Scaling::Quantile { edges, normals }, false, &values), vec![expected]);
    }
}
