use std::sync::Arc;

use arrow::array::{
    BinaryArray, BooleanArray, DictionaryArray, Int32Array, Int64Array, NullArray, StringArray, StringViewArray,
    UInt64Array,
};
use arrow::datatypes::Int8Type;
use proptest::prelude::*;

use super::*;

fn texts(values: &[&str]) -> Vocabulary {
    Vocabulary::Texts(values.iter().map(|&value| value.to_owned()).collect())
}

fn vocabulary(arrays: &[&dyn Array]) -> Vocabulary {
    let mut counts = ValueCounts::new(1000);
    arrays.iter().for_each(|array| counts.add(*array));
    counts.into_vocabulary(1, 1000)
}

#[test]
fn values_are_ordered_by_count_then_by_themselves() {
    let strings = StringArray::from(vec![Some("b"), Some("a"), None, Some("c"), Some("c"), Some("")]);
    assert_eq!(vocabulary(&[&strings]), texts(&["c", "", "a", "b"]));
    let integers = Int32Array::from(vec![Some(70_000), Some(-5), None, Some(9), Some(-5), Some(10)]);
    assert_eq!(vocabulary(&[&integers]), Vocabulary::Integers(vec![-5, 9, 10, 70_000]));
}

#[test]
fn rare_values_and_those_beyond_the_size_are_left_out() {
    let mut counts = ValueCounts::new(1000);
    counts.add(&Int64Array::from(vec![1, 1, 1, 2, 2, 3, 3, 4]));
    assert_eq!(counts.into_vocabulary(2, 2), Vocabulary::Integers(vec![1, 2]));
}

#[test]
fn large_unsigned_integers_are_not_negative() {
    let array = UInt64Array::from(vec![u64::MAX, u64::MAX, 3]);
    assert_eq!(vocabulary(&[&array]), Vocabulary::Integers(vec![i128::from(u64::MAX), 3]));
}

#[test]
fn every_way_to_hold_text_counts_alike() {
    let dictionary: DictionaryArray<Int8Type> = vec![Some("x"), None, Some("y"), Some("x")].into_iter().collect();
    let view = StringViewArray::from(vec!["x", "a string that is too long to be inlined"]);
    let binary = BinaryArray::from_opt_vec(vec![Some(b"y"), Some(b"x"), None, Some(&[b'y', 0xff])]);
    let all = vocabulary(&[&dictionary, &view, &binary, &NullArray::new(7)]);
    assert_eq!(all, texts(&["x", "y", "a string that is too long to be inlined", "y\u{fffd}"]));
    assert_eq!(
        vocabulary(&[&BooleanArray::from(vec![Some(true), None, Some(false), Some(true)])]),
        texts(&["true", "false"])
    );
}

#[test]
fn dictionaries_that_change_between_batches_are_all_counted() {
    let dictionary = |keys: Vec<i8>, values: Vec<&str>| {
        DictionaryArray::<Int8Type>::new(keys.into(), Arc::new(StringArray::from(values)))
    };
    let first = dictionary(vec![0, 1, 1], vec!["a", "b", "never"]);
    let shared = dictionary(vec![0, 0, 0], vec!["b", "a"]);
    let all = vocabulary(&[&first, &first.slice(1, 2), &shared]);
    assert_eq!(all, texts(&["b", "a"]));
}

#[test]
fn integers_and_texts_of_one_feature_become_texts() {
    let all = vocabulary(&[&Int32Array::from(vec![5, 5, 6]), &StringArray::from(vec!["5", "six"])]);
    assert_eq!(all, texts(&["5", "6", "six"]));
}

#[test]
fn huge_texts_are_counted_by_their_digest() {
    let huge = "x".repeat(5 << 20);
    let array = StringArray::from(vec![huge.as_str(), huge.as_str()]);
    let Vocabulary::Texts(values) = vocabulary(&[&array]) else { panic!("texts") };
    assert_eq!(values.len(), 1);
    assert!(values[0].starts_with("xxh3:") && values[0].len() == 37);
}

#[test]
fn frequent_values_survive_any_number_of_rare_ones_within_the_stated_shortfall() {
    let (limit, rows) = (1000, 200_000u64);
    let mut counts = ValueCounts::new(limit);
    let mut frequent = 0;
    for row in 0..rows {
        let value = if row % 50 == 0 { -1 } else { 100_000 + row as i64 };
        frequent += u64::from(value == -1);
        counts.add(&Int64Array::from(vec![value]));
    }
    let shortfall = counts.shortfall();
    assert!(shortfall > 0 && shortfall <= 2 * rows / limit as u64, "{shortfall}");
    assert!(frequent > shortfall);
    assert!(counts.integers.len() <= limit);
    let kept = counts.integers[&-1];
    assert!(kept <= frequent && kept + shortfall >= frequent);
    assert_eq!(counts.into_vocabulary(2, 10), Vocabulary::Integers(vec![-1]));
}

proptest! {
    #[test]
    fn merged_counts_are_those_of_all_rows(values in prop::collection::vec(prop::option::of("[a-d]{0,2}"), 0..200), cut in 0usize..200) {
        let cut = cut.min(values.len());
        let array = StringArray::from(values.clone());
        let mut merged = ValueCounts::new(1000);
        merged.add(&array.slice(0, cut));
        let mut rest = ValueCounts::new(1000);
        let dictionary: DictionaryArray<Int8Type> = values[cut..].iter().map(|value| value.as_deref()).collect();
        rest.add(&dictionary);
        merged.merge(rest);
        prop_assert_eq!(merged.shortfall(), 0);
        prop_assert_eq!(merged.into_vocabulary(1, 1000), vocabulary(&[&array]));
    }

    #[test]
    fn pruned_counts_depend_on_the_rows_alone(values in prop::collection::vec(100_000i64..100_200, 1..400)) {
        let count = || {
            let mut counts = ValueCounts::new(32);
            counts.add(&Int64Array::from(values.clone()));
            (counts.shortfall(), counts.into_vocabulary(1, 1000))
        };
        prop_assert_eq!(count(), count());
    }
}
