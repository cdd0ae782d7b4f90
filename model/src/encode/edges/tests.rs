use proptest::prelude::*;

use super::*;

fn items(values: impl IntoIterator<Item = (f64, u64)>) -> Vec<Weighted> {
    values.into_iter().map(|(value, weight)| Weighted { value, weight }).collect()
}

/// 0, 1, …, count - 1, of one row each.
fn counting(count: u32) -> Vec<Weighted> {
    items((0..count).map(|value| (f64::from(value), 1)))
}

#[test]
fn few_values_are_all_edges() {
    assert!(bin_edges(&[], 4).is_empty());
    assert_eq!(bin_edges(&items([(3.0, 7)]), 4), [3.0]);
    assert_eq!(bin_edges(&items([(0.0, 900), (1.0, 1), (2.0, 5), (7.0, 1), (9.0, 1)]), 4), [0.0, 1.0, 2.0, 7.0, 9.0]);
}

#[test]
fn even_values_are_cut_at_their_quantiles() {
    // numpy.quantile(range(1000), [0, .25, .5, .75, 1], method="inverted_cdf")
    assert_eq!(bin_edges(&counting(1000), 4), [0.0, 249.0, 499.0, 749.0, 999.0]);
}

#[test]
fn the_rows_beside_a_heavy_value_get_their_bins() {
    // Nine rows of ten are zero; 100 to 1099 have one row each.
    let spent = items(std::iter::once((0.0, 9000)).chain((100..1100).map(|value| (f64::from(value), 1))));
    // Zero weighs as much as one of five bins, the others share the other four; 100 is zero's neighbour.
    assert_eq!(bin_edges(&spent, 5), [0.0, 100.0, 349.0, 599.0, 849.0, 1099.0]);
}

#[test]
fn a_heavy_value_in_the_middle_is_told_from_both_neighbours() {
    let around = items((-500..500).map(|value| (f64::from(value), if value == 0 { 50_000 } else { 1 })));
    let edges = bin_edges(&around, 8);
    for edge in [-500.0, -1.0, 0.0, 1.0, 499.0] {
        assert!(edges.contains(&edge), "{edge} of {edges:?}");
    }
    assert_eq!(edges.iter().filter(|&&edge| edge < -1.0).count(), 4, "{edges:?}");
}

#[test]
fn heavy_values_are_found_one_after_the_other() {
    // Once the heaviest counts as one bin, the next is heavier than one.
    let weights = [1_000_000, 10_000, 100, 1, 1, 1, 1, 1, 1, 1];
    let stairs = items((0..10).map(|place| (f64::from(place), weights[place as usize])));
    assert!((fair_share(&stairs, 5) - 3.5).abs() < 1e-12, "{}", fair_share(&stairs, 5));
    assert_eq!(fair_share(&counting(100), 5), 20.0);
}

proptest! {
    #[test]
    fn edges_ascend_between_the_ends_and_hold_every_heavy_value(
        weights in prop::collection::vec(prop_oneof![4 => 1_u64..20, 1 => 1_u64..100_000], 1..300),
        bins in 1_usize..40,
    ) {
        let items = items(weights.iter().enumerate().map(|(place, &weight)| (place as f64, weight)));
        let edges = bin_edges(&items, bins);
        prop_assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(edges.first(), items.first().map(|item| &item.value));
        prop_assert_eq!(edges.last(), items.last().map(|item| &item.value));
        prop_assert!(edges.len() <= (3 * bins + 1).max(2), "{} edges", edges.len());
        let total: u64 = weights.iter().sum();
        for item in items.iter().filter(|item| item.weight > total / bins as u64 + 1) {
            prop_assert!(edges.contains(&item.value), "{} is heavy", item.value);
        }
    }

    #[test]
    fn no_bin_holds_more_than_its_share(weights in prop::collection::vec(1_u64..20, 50..300), bins in 2_usize..20) {
        let items = items(weights.iter().enumerate().map(|(place, &weight)| (place as f64, weight)));
        let fair = fair_share(&items, bins);
        let edges = bin_edges(&items, bins);
        for pair in edges.windows(2) {
            let inside = items.iter().filter(|item| item.value > pair[0] && item.value <= pair[1]);
            let weight: f64 = inside.map(|item| (item.weight as f64).min(fair)).sum();
            prop_assert!(weight <= 2.0 * fair + 1e-6, "{weight} of {fair}");
        }
    }
}
