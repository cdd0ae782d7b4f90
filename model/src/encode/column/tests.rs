use std::sync::Arc;

use arrow::array::{
    BooleanArray, Decimal128Array, DictionaryArray, Float16Array, Float32Array, Float64Array, Int8Array, Int32Array,
    NullArray, UInt64Array,
};
use half::f16;

use super::*;

fn numbers(array: &dyn Array) -> Vec<Option<f64>> {
    let mut out = vec![1.0; 3];
    read_numbers(array, &mut out);
    out.into_iter().map(|value| (!value.is_nan()).then_some(value)).collect()
}

#[test]
fn every_number_type_is_read() {
    let two_and_null = [Some(2.0), None];
    assert_eq!(numbers(&Int8Array::from(vec![Some(2), None])), two_and_null);
    assert_eq!(numbers(&UInt64Array::from(vec![Some(2), None])), two_and_null);
    assert_eq!(numbers(&Float16Array::from(vec![Some(f16::from_f32(2.0)), None])), two_and_null);
    assert_eq!(numbers(&Float32Array::from(vec![Some(2.0), None])), two_and_null);
    assert_eq!(numbers(&BooleanArray::from(vec![Some(true), None, Some(false)])), [Some(1.0), None, Some(0.0)]);
    assert_eq!(numbers(&NullArray::new(2)), [None, None]);
    let decimal = Decimal128Array::from(vec![Some(250), None, Some(-1)]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(numbers(&decimal), [Some(2.5), None, Some(-0.01)]);
}

#[test]
fn what_is_no_finite_f32_is_missing() {
    let array = Float64Array::from(vec![Some(f64::NAN), Some(f64::INFINITY), Some(-f64::MAX), Some(1e30), None]);
    assert_eq!(numbers(&array), [None, None, None, Some(1e30), None]);
}

#[test]
fn dictionaries_of_numbers_are_read_through_with_nulls_on_both_sides() {
    let values = Arc::new(Int32Array::from(vec![Some(7), None]));
    let array = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![Some(0), Some(1), None, Some(0)]), values);
    assert_eq!(numbers(&array), [Some(7.0), None, None, Some(7.0)]);
}

#[test]
fn a_dictionary_without_entries_is_all_null() {
    let array = DictionaryArray::<Int8Type>::new(
        Int8Array::from(vec![None, None]),
        Arc::new(Int32Array::from(Vec::<i32>::new())),
    );
    assert_eq!(numbers(&array), [None, None]);
}

#[test]
fn nulls_of_a_slice_are_its_own() {
    let array = Int32Array::from((0..200).map(|row| (row % 3 != 0).then_some(row)).collect::<Vec<_>>());
    let slice = array.slice(67, 130);
    let expected: Vec<Option<f64>> = (67..197).map(|row| (row % 3 != 0).then_some(f64::from(row))).collect();
    assert_eq!(numbers(&slice), expected);
}
