use super::*;

fn fitted(transform: NumericTransform, impute: Impute, values: &[f64]) -> NumericEncoding {
    let mut fit = NumericFit::new(&NumericFeature { transform, impute, ..NumericFeature::default() }, 4096);
    fit.add(&mut values.to_vec());
    fit.finish()
}

fn points(values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    match fitted(NumericTransform::Quantile, Impute::Median, values).scaling {
        Scaling::Quantile { edges, normals } => (edges, normals),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_rank_is_the_middle_of_its_equals() {
    let (edges, normals) = points(&[0.0, 0.0, 0.0, 7.0]);
    assert_eq!(edges, [0.0, 7.0]);
    assert!((normals[0] - normal_quantile(0.375)).abs() < 1e-12);
    assert!((normals[1] - normal_quantile(0.875)).abs() < 1e-12);
}

#[test]
fn many_values_keep_a_thousand_edges_that_follow_the_normal_quantile_of_the_rank() {
    let count = 200_000;
    let values: Vec<f64> = (0..count).map(|row| f64::from(row) * 0.5).collect();
    let (edges, normals) = points(&values);
    assert!(edges.len() <= 1000 && edges.len() > 900);
    assert_eq!((edges[0], edges[edges.len() - 1]), (0.0, f64::from(count - 1) * 0.5));
    assert!(normals.iter().all(|normal| normal.abs() <= 5.2));
    for share in [0.0005, 0.001, 0.01, 0.25, 0.5, 0.9, 0.9995] {
        let value = share * f64::from(count) * 0.5;
        let place = edges.partition_point(|&edge| edge <= value) - 1;
        let part = (value - edges[place]) / (edges[place + 1] - edges[place]);
        let normal = normals[place] + part * (normals[place + 1] - normals[place]);
        assert!((normal - normal_quantile(share)).abs() < 0.1, "{share}: {normal}");
    }
}

#[test]
fn a_constant_and_nothing_become_zero() {
    assert_eq!(points(&[4.0; 10]), (vec![4.0], vec![0.0]));
    assert_eq!(points(&[]), (vec![], vec![]));
    let nothing = fitted(NumericTransform::Standardize, Impute::Median, &[f64::NAN; 3]);
    let scaling = Scaling::Standardize { mean: 0.0, deviation: 0.0 };
    assert_eq!(nothing, NumericEncoding { impute: 0.0, missing_flag: true, scaling });
}

#[test]
fn missing_values_are_flagged_and_do_not_teach() {
    let encoding = fitted(NumericTransform::MinMax, Impute::Mean, &[1.0, f64::NAN, 4.0]);
    let scaling = Scaling::MinMax { min: 1.0, max: 4.0 };
    assert_eq!(encoding, NumericEncoding { impute: 2.5, missing_flag: true, scaling });
    assert_eq!(encoding.width(), 2);
    assert_eq!(fitted(NumericTransform::None, Impute::Zero, &[1.0, 4.0]).width(), 1);
}

#[test]
fn logarithms_are_standardized_among_themselves() {
    let encoding = fitted(NumericTransform::Log1p, Impute::Zero, &[0.0, std::f64::consts::E - 1.0]);
    let Scaling::Log1p { mean, deviation } = encoding.scaling else { panic!("log1p") };
    assert!((mean - 0.5).abs() < 1e-12 && (deviation - 0.5).abs() < 1e-12);
    assert_eq!(signed_log(-(std::f64::consts::E - 1.0)), -1.0);
}

#[test]
fn bins_are_between_distinct_quantiles() {
    for (rows, bins) in [(160, 8), (1344, 13), (100_000, 32)] {
        let values: Vec<f64> = (0..rows).map(f64::from).collect();
        assert_eq!(fitted(NumericTransform::PiecewiseLinear, Impute::Median, &values).width(), bins);
    }
    assert_eq!(fitted(NumericTransform::PiecewiseLinear, Impute::Median, &[0.0, 0.0, 1.0]).width(), 1);
    assert_eq!(fitted(NumericTransform::PiecewiseLinear, Impute::Median, &[3.0]).width(), 1);
}

#[test]
fn merged_fits_are_those_of_all_rows() {
    let values: Vec<f64> = (0..1000).map(|row| f64::from(row * 7919 % 1000)).collect();
    for transform in [NumericTransform::Quantile, NumericTransform::MinMax, NumericTransform::PiecewiseLinear] {
        let feature = NumericFeature { transform, impute: Impute::Median, ..NumericFeature::default() };
        let (mut left, mut right) = (NumericFit::new(&feature, 4096), NumericFit::new(&feature, 4096));
        left.add(&mut values[..300].to_vec());
        right.add(&mut values[300..].to_vec());
        left.merge(right);
        assert_eq!(left.finish(), fitted(transform, Impute::Median, &values));
    }
}
