use proptest::prelude::*;

use super::*;

fn of(capacity: usize, values: &[f64]) -> QuantileSketch {
    let mut sketch = QuantileSketch::new(capacity);
    sketch.add(values);
    sketch
}

/// A stream without order: the multiples of a large odd number.
fn scrambled(count: u64) -> Vec<f64> {
    (0..count).map(|row| (row.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11) as f64).collect()
}

fn largest_rank_error(items: &[Weighted], sorted: &[f64]) -> f64 {
    let mut below = 0;
    let errors = items.iter().map(|item| {
        below += item.weight;
        (below as f64 - sorted.partition_point(|&value| value <= item.value) as f64).abs()
    });
    errors.fold(0.0, f64::max) / sorted.len() as f64
}

#[test]
fn few_numbers_are_kept_as_they_are() {
    let values = [3.0, -1.0, 0.0, -0.0, 3.0, f64::from(f32::MAX)];
    let kept = of(16, &values).weighted();
    let pairs: Vec<(f64, u64)> = kept.iter().map(|item| (item.value, item.weight)).collect();
    assert_eq!(pairs, [(-1.0, 1), (0.0, 2), (3.0, 2), (f64::from(f32::MAX), 1)]);
    assert_eq!(quantile(&kept, 0.5), Some(0.0));
    assert_eq!(quantile(&kept, 0.0), Some(-1.0));
    assert_eq!(quantile(&kept, 1.0), Some(f64::from(f32::MAX)));
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn ranks_of_many_numbers_are_within_the_stated_error_in_any_order() {
    let (count, capacity) = (300_000, 512);
    let levels = (count as f64 / capacity as f64).log2().floor() + 1.0;
    let mut ascending = scrambled(count);
    let random = ascending.clone();
    ascending.sort_by(f64::total_cmp);
    let descending: Vec<f64> = ascending.iter().rev().copied().collect();
    for stream in [&random, &ascending, &descending] {
        let kept = of(capacity, stream).weighted();
        assert_eq!(kept.iter().map(|item| item.weight).sum::<u64>(), count);
        assert!(kept.len() <= capacity * (levels as usize + 2));
        let error = largest_rank_error(&kept, &ascending);
        assert!(error <= levels / capacity as f64, "{error}");
    }
}

#[test]
fn memory_grows_with_the_logarithm_of_the_stream() {
    let kept = |count| of(256, &scrambled(count)).weighted().len();
    assert!(kept(1_000_000) <= kept(100_000) + 4 * 256);
}

proptest! {
    #[test]
    fn merging_small_sketches_is_exact(left in prop::collection::vec(-1e3..1e3f64, 0..50), right in prop::collection::vec(-1e3..1e3f64, 0..50)) {
        let mut merged = of(128, &left);
        merged.merge(of(128, &right));
        let all: Vec<f64> = left.into_iter().chain(right).collect();
        prop_assert_eq!(merged.weighted(), of(128, &all).weighted());
    }

    #[test]
    fn merging_keeps_the_weight_and_the_error_bound(cuts in prop::collection::vec(1usize..5000, 1..8)) {
        let total: usize = cuts.iter().sum();
        let all = scrambled(total as u64);
        let mut merged = QuantileSketch::new(64);
        let mut first = 0;
        for cut in cuts {
            merged.merge(of(64, &all[first..first + cut]));
            first += cut;
        }
        let mut sorted = all;
        sorted.sort_by(f64::total_cmp);
        let levels = (total as f64 / 64.0).log2().floor().max(0.0) + 1.0;
        let kept = merged.weighted();
        prop_assert_eq!(kept.iter().map(|item| item.weight).sum::<u64>(), total as u64);
        prop_assert!(largest_rank_error(&kept, &sorted) <= levels / 64.0);
    }
}
