use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type};
use proptest::prelude::*;
use spec::Feature;

use super::*;

fn numbers(values: impl IntoIterator<Item = f64>) -> Distribution {
    let mut distribution = Distribution::new(Kind::Numbers);
    distribution.add_numbers(values);
    distribution
}

fn feature(kind: serde_json::Value) -> Feature {
    serde_json::from_value(kind).unwrap()
}

#[test]
fn the_index_of_numbers_is_that_of_numpy_over_the_reference_s_deciles() {
    // Powers of two are cells of their own, so bins are known: rows of the reference 1, 2, 4, … 512 ten times each and
    // 5 missing, of the other 3, 3, 3, 3, 3, 20, 20, 20, 20, 20 and 2. numpy 2: q = (10 + .5) / (105 + 5.5) …; ((p - q) * log(p / q)).sum()
    let powers = || (0..10).map(|power| f64::from(1 << power));
    let reference = numbers(powers().flat_map(|value| [value; 10]).chain([f64::NAN; 5]));
    let counts = [3, 3, 3, 3, 3, 20, 20, 20, 20, 20];
    let observed = powers().zip(counts).flat_map(|(value, count)| std::iter::repeat_n(value, count));
    let observed = numbers(observed.chain([f64::NAN; 2]));
    let index = stability_index(&reference, &observed).unwrap();
    assert!((index - NUMPY_NUMBERS).abs() < 1e-9, "{index}");
}

/// `((P - Q) * numpy.log(P / Q)).sum()` with `Q = (q + .5) / (q.sum() + .5 * len(q))` and P likewise, for q and p as the test says.
const NUMPY_NUMBERS: f64 = 0.6301167977018045;
/// Likewise.
const NUMPY_CATEGORIES: f64 = 2.15013612367513;

#[test]
fn categories_beyond_the_twenty_most_frequent_share_a_bin() {
    // Reference: categories 0..25 with 50, 48, … 2 rows; the other has 30 of each of the first five and 10 of each unseen one of four.
    // Bins: the first 20 cells, the rest (5 categories: 10, 8, 6, 4, 2 = 30 rows; 40 of the other), none missing.
    let reference = Distribution::of_cells(Kind::Categories, (0..25).map(|cell| (cell, 50 - 2 * u64::from(cell))));
    let seen = (0..5).map(|cell| (cell, 30));
    let observed = Distribution::of_cells(Kind::Categories, seen.chain((100..104).map(|cell| (cell, 10))));
    let index = stability_index(&reference, &observed).unwrap();
    assert!((index - NUMPY_CATEGORIES).abs() < 1e-9, "{index}");
}

#[test]
fn what_is_the_same_has_not_moved_and_what_is_empty_cannot_be_compared() {
    let some = numbers((0..500).map(f64::from));
    assert!(stability_index(&some, &some).unwrap().abs() < 1e-12);
    assert_eq!(stability_index(&some, &numbers([])), None);
    assert_eq!(stability_index(&numbers([]), &some), None);
    assert_eq!(stability_index(&some, &Distribution::of_cells(Kind::Categories, [(1, 5)])), None);
    let beyond = stability_index(&some, &numbers([1e9; 1000])).unwrap();
    let below = stability_index(&some, &numbers([-5.0; 1000])).unwrap();
    assert!(beyond.is_finite() && beyond > 1.0 && below.is_finite() && below > 1.0, "{beyond} {below}");
}

#[test]
fn a_feature_counts_its_column_whatever_holds_it() {
    let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("b"), Some("a"), Some("5")]));
    let dictionary: ArrayRef = Arc::new(
        vec![Some("a"), None, Some("b"), Some("a"), Some("5")].into_iter().collect::<DictionaryArray<Int32Type>>(),
    );
    let count = |column: ArrayRef| {
        let categorical = feature(serde_json::json!({"kind": "categorical", "hash": {"buckets": 7}}));
        let name = "city".parse().unwrap();
        let mut counts = FeatureCounts::new([(&name, &categorical)]);
        let batch = RecordBatch::try_from_iter_with_nullable([("city", column, true)]).unwrap();
        counts.add(&batch, None);
        counts.add(&batch, Some(&vec![true, true, false, false, false].into()));
        counts.finish()["city"].clone()
    };
    let counted = count(plain);
    assert_eq!(count(dictionary), counted);
    assert_eq!((counted.missing, counted.total()), (2, 7));
    let five: ArrayRef = Arc::new(Int64Array::from(vec![5]));
    let cell = count(Arc::new(StringArray::from(vec!["5"; 5]))).cells()[0].0;
    let integers = count(arrow::compute::concat(&[&five, &five, &five, &five, &five]).unwrap());
    assert_eq!(integers.cells()[0].0, cell, "the integer 5 and the text 5 are one category");
}

#[test]
fn lists_count_by_their_elements() {
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([
        Some(vec![Some(1), Some(2), Some(1)]),
        None,
        Some(vec![]),
        Some(vec![Some(3), None]),
    ]);
    let bag = feature(serde_json::json!({"kind": "bag", "hash": {"buckets": 7}}));
    let (name, age) = ("brands".parse().unwrap(), "age".parse().unwrap());
    let numeric = feature(serde_json::json!({"kind": "numeric"}));
    let mut counts = FeatureCounts::new([(&name, &bag), (&age, &numeric)]);
    let ages: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(f64::NAN), Some(-0.0)]));
    let batch = RecordBatch::try_from_iter_with_nullable([("brands", Arc::new(lists) as _, true), ("age", ages, true)]);
    counts.add(&batch.unwrap(), None);
    let counts = counts.finish();
    let brands = &counts["brands"];
    assert_eq!(
        (brands.missing, brands.total(), brands.cells().len()),
        (3, 7, 3),
        "two lists and an element are missing"
    );
    assert_eq!((counts["age"].missing, counts["age"].cells().len()), (2, 2));
}

proptest! {
    #[test]
    fn parts_add_up_in_any_order(values in prop::collection::vec(-1e6f64..1e6, 0..200), cut in 0usize..200) {
        let cut = cut.min(values.len());
        let whole = numbers(values.iter().copied());
        let (mut left, right) = (numbers(values[cut..].iter().copied()), numbers(values[..cut].iter().copied()));
        left.merge(&right);
        prop_assert_eq!(&left, &whole);
        let json = serde_json::to_string(&whole).unwrap();
        prop_assert_eq!(serde_json::from_str::<Distribution>(&json).unwrap(), whole);
    }
}
