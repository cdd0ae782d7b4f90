//! Reference values are of scipy 1.17.1; the lines that made them stand beside them (`stats` is `scipy.stats`).

use proptest::prelude::*;

use super::*;

const CONFIDENCE: f64 = 0.95;

fn assert_close(found: f64, expected: f64, what: &str) {
    let tolerance = 1e-9 * expected.abs().max(1e-300);
    assert!((found - expected).abs() <= tolerance, "{what}: {found:e}, expected {expected:e}");
}

fn assert_estimate(found: Option<Estimate>, [estimate, low, high]: [f64; 3], what: &str) {
    let found = found.expect("an interval");
    for (found, expected) in [(found.estimate, estimate), (found.low, low), (found.high, high)] {
        assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
    }
}

fn count(converted: u64, people: u64) -> Count {
    Count { converted, people }
}

#[test]
fn tails_of_the_normal_distribution_are_scipy_s() {
    // stats.norm.sf(z)
    let tails = [
        (0.5, 0.3085375387259869),
        (1.959963984540054, 0.025),
        (6.0, 9.865876450376946e-10),
        (12.0, 1.776482112077653e-33),
    ];
    for (z, expected) in tails {
        assert_close(normal_sf(z), expected, "sf");
        assert_close(normal_sf(-z), 1.0 - expected, "sf");
    }
    // stats.norm.isf(p)
    for (p, z) in [(0.025, 1.9599639845400545), (0.2, 0.8416212335729142), (1e-9, 5.9978070150076865)] {
        assert_close(normal_isf(p), z, "isf");
    }
    assert_close(normal_isf(0.8), -0.8416212335729142, "isf");
}

#[test]
fn tails_of_student_s_t_are_scipy_s() {
    // stats.t.sf(t, df)
    let tails = [
        (0.7, 3.2, 0.2657101620511385),
        (2.5, 11.7, 0.014180824361926712),
        (8.0, 240.5, 2.6292474987811405e-14),
        (2.0, 1e7, 0.02275014544592148),
    ];
    for (t, df, expected) in tails {
        let found = student_sf(t, df);
        assert!((found - expected).abs() <= 1e-8 * expected, "t {t}, df {df}: {found:e}, expected {expected:e}");
    }
    // stats.t.isf(p, df)
    for (p, df, t) in
        [(0.025, 3.2, 3.0728289297131637), (0.025, 57.3, 2.002238268231336), (0.005, 1e6, 2.5758342201053344)]
    {
        assert!((student_isf(p, df) - t).abs() < 1e-8, "{p} {df}");
    }
}

#[test]
fn score_intervals_are_scipy_s() {
    // stats.binomtest(x, n).proportion_ci(0.95, 'wilson')
    let cases = [
        (0, 20, [0.0, 0.0, 0.16112515805281935]),
        (81, 263, [81.0 / 263.0, 0.2552885198782742, 0.36620957698280004]),
        (250_000, 1_000_000, [0.25, 0.24915227214719246, 0.2508496485748395]),
    ];
    for (x, n, expected) in cases {
        assert_estimate(rate_interval(count(x, n), CONFIDENCE), expected, "wilson");
    }
    assert_eq!(rate_interval(count(20, 20), CONFIDENCE).unwrap().high, 1.0);
    assert_eq!(rate_interval(count(0, 0), CONFIDENCE), None);
}

#[test]
fn differences_have_newcombe_s_interval() {
    // l, u = stats.binomtest(x, n).proportion_ci(0.95, 'wilson') of both;
    // d - np.sqrt((p1-l1)**2 + (u2-p2)**2), d + np.sqrt((u1-p1)**2 + (p2-l2)**2)
    // The first two are the examples (a) and (f) of Newcombe's table II: 0.0524 to 0.3339, 0.1705 to 0.8090.
    let cases = [
        ((56, 70), (48, 80), [0.2, 0.052431472402364815, 0.3338726540369059]),
        ((9, 10), (3, 10), [0.6, 0.17052272393450302, 0.8090179735354881]),
        ((540, 9000), (45, 1000), [0.015, -0.00042322953017587955, 0.027305582074338905]),
    ];
    for ((a, m), (b, n), expected) in cases {
        assert_estimate(difference(count(a, m), count(b, n), CONFIDENCE), expected, "newcombe");
    }
}

#[test]
fn ratios_have_katz_s_interval() {
    // stats.contingency.relative_risk(a, m, b, n).confidence_interval(0.95)
    let cases = [
        ((56, 70), (48, 80), [4.0 / 3.0, 1.076626422763193, 1.651248511266387]),
        ((540, 9000), (45, 1000), [4.0 / 3.0, 0.9907215526954045, 1.7944272767066285]),
    ];
    for ((a, m), (b, n), expected) in cases {
        assert_estimate(ratio(count(a, m), count(b, n), CONFIDENCE), expected, "katz");
    }
    assert_eq!(ratio(count(0, 10), count(1, 10), CONFIDENCE), None);
    assert_eq!(ratio(count(1, 10), count(0, 10), CONFIDENCE), None);
}

#[test]
fn rates_are_tested_with_z_and_with_fisher_s_test_where_counts_are_small() {
    // stats.chi2_contingency([[a, m-a], [b, n-b]], correction=False).pvalue, the square of the pooled z
    for ((a, m), (b, n), p) in
        [((56, 70), (48, 80), 0.008045081368196585), ((540, 9000), (45, 1000), 0.05518057962493545)]
    {
        let (test, found) = test_of_rates(count(a, m), count(b, n)).unwrap();
        assert_eq!(test, RateTest::PooledZ);
        assert_close(found, p, "z");
    }
    // stats.fisher_exact([[a, m-a], [b, n-b]]).pvalue
    let exact = [
        ((8, 10), (1, 6), 0.034965034965034975),
        ((3, 9000), (2, 1000), 0.08141623803962716),
        ((0, 5), (5, 5), 0.007936507936507938),
        ((12, 900_000), (5, 100_000), 0.02214316723768817),
        ((899_990, 900_000), (99_990, 100_000), 7.148617367125316e-6),
    ];
    for ((a, m), (b, n), p) in exact {
        let (test, found) = test_of_rates(count(a, m), count(b, n)).unwrap();
        assert_eq!(test, RateTest::FisherExact, "{a}/{m} {b}/{n}");
        assert!((found - p).abs() <= 1e-6 * p, "{a}/{m} {b}/{n}: {found}, expected {p}");
    }
    assert_eq!(test_of_rates(count(0, 10), count(0, 10)).unwrap().1, 1.0);
    assert_eq!(test_of_rates(count(0, 0), count(0, 10)), None);
}

#[test]
fn means_are_compared_as_scipy_s_welch_test_does() {
    let (treated, holdout) = ([12.5, 30.25, 7.75, 19.0, 4.5], [3.5, 8.25, 1.0]);
    let (treated, holdout) = (Sample::of(&treated, 10), Sample::of(&holdout, 6));
    // x = [12.5, 0, 0, 30.25, 7.75, 0, 19, 0, 4.5, 0]; y = [0, 3.5, 0, 8.25, 0, 1.0]
    // r = stats.ttest_ind(x, y, equal_var=False); r.pvalue; r.confidence_interval(0.95)
    assert_close(welch_p_value(&treated, &holdout).unwrap(), 0.16264221051251107, "welch");
    let expected = [7.4 - 2.125, -2.4600549480894998, 13.0100549480895];
    assert_estimate(difference_of_means(&treated, &holdout, CONFIDENCE), expected, "welch");
    // v = x.var(ddof=1)/10/x.mean()**2 + y.var(ddof=1)/6/y.mean()**2; k * np.exp(-+ stats.norm.isf(.025) * v**.5)
    let expected = [3.4823529411764707, 0.7668572126919121, 15.81361146014597];
    assert_estimate(ratio_of_means(&treated, &holdout, CONFIDENCE), expected, "ratio");
    // (stats.norm.isf(.025) + stats.norm.isf(.2)) * np.sqrt(x.var(ddof=1)/10 + y.var(ddof=1)/6)
    let found = minimum_detectable_mean(&treated, &holdout, CONFIDENCE).unwrap();
    assert_close(found, 9.916896081340981, "minimum detectable");
    assert_eq!(welch_p_value(&Sample::of(&[], 10), &Sample::of(&[], 5)), None);
    assert_eq!(welch_p_value(&treated, &Sample::of(&[1.0], 1)), None);
}

#[test]
fn the_smallest_effect_and_the_sample_ratio_are_scipy_s() {
    // (stats.norm.isf(.025) + stats.norm.isf(.2)) * np.sqrt(.045*.955*(1/9000 + 1/1000))
    let found = minimum_detectable_rate(0.045, 9000, 1000, CONFIDENCE).unwrap();
    assert_close(found, 0.019359339020616616, "minimum detectable");
    assert_eq!(minimum_detectable_rate(0.0, 9000, 1000, CONFIDENCE), None);
    assert_eq!(minimum_detectable_rate(0.1, 0, 1000, CONFIDENCE), None);
    // stats.chisquare([9000, 1100], [10100*.9, 10100*.1]).pvalue
    assert_close(sample_ratio_p_value(1100, 10_100, 0.1).unwrap(), 0.002834749080259389, "sample ratio");
    assert_eq!(sample_ratio_p_value(0, 0, 0.1), None);
}

#[test]
fn holm_multiplies_by_the_tests_that_are_left_and_never_falls() {
    // By hand: 0.01 * 4; max(0.04, 0.013 * 3); max(0.04, 0.03 * 2); max(0.06, 0.2)
    let adjusted = holm(&[0.03, 0.01, 0.2, 0.013]);
    for (found, expected) in adjusted.iter().zip([0.06, 0.04, 0.2, 0.04]) {
        assert_close(*found, expected, "holm");
    }
    assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    assert!(holm(&[]).is_empty());
}

proptest! {
    #[test]
    fn intervals_hold_their_estimate_and_p_values_are_chances(
        (m, n) in (1_u64..2000, 1_u64..2000),
        (share_a, share_b) in (0.0_f64..=1.0, 0.0_f64..=1.0),
    ) {
        let (a, b) = ((share_a * m as f64) as u64, (share_b * n as f64) as u64);
        let (treated, holdout) = (count(a, m), count(b, n));
        let interval = difference(treated, holdout, CONFIDENCE).unwrap();
        prop_assert!(-1.0 - 1e-12 <= interval.low && interval.low <= interval.estimate);
        prop_assert!(interval.estimate <= interval.high && interval.high <= 1.0 + 1e-12);
        let (_, p) = test_of_rates(treated, holdout).unwrap();
        prop_assert!((0.0..=1.0).contains(&p));
        let (_, swapped) = test_of_rates(holdout, treated).unwrap();
        prop_assert!((p - swapped).abs() < 1e-9);
    }
}
