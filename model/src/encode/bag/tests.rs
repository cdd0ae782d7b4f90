use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Int32Array, LargeListArray, ListArray, NullArray,
    StringArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Int8Type, Schema};
use spec::feature::Pool;

use super::super::encoders::{BagEncoding, Encoders, FittedFeature};
use super::super::ids::{Ids, Vocabulary};
use super::*;
use crate::input::Inputs;

fn encoders(ids: Ids, max_length: u32) -> Encoders {
    let encoding = Encoding::Bag(BagEncoding { width: 8, ids, pool: Pool::Mean, max_length });
    let columns = vec!["items".parse().unwrap()];
    Encoders::new(1, vec![FittedFeature { name: "bag".parse().unwrap(), columns, missing: None, encoding }]).unwrap()
}

fn words() -> Ids {
    Ids::Vocabulary(Vocabulary::Texts(vec!["a".into(), "b".into()]))
}

fn encoded(encoders: &Encoders, items: ArrayRef) -> Vec<Vec<i32>> {
    let schema = Schema::new(vec![Field::new("items", items.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![items]).unwrap();
    let mut out = Inputs::default();
    encoders.bind(&batch.schema()).unwrap().encode(&batch, &mut out).unwrap();
    (0..batch.num_rows()).map(|row| out.bags[0].row(row).to_vec()).collect()
}

fn list(values: ArrayRef) -> ArrayRef {
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    let nulls = NullBuffer::from(vec![true, false, true, true]);
    Arc::new(ListArray::new(field, OffsetBuffer::new(vec![0, 3, 4, 4, 6].into()), values, Some(nulls)))
}

fn strings() -> StringArray {
    StringArray::from(vec![Some("a"), None, Some("new"), Some("hidden by null"), Some("b"), Some("b")])
}

#[test]
fn elements_become_ids_without_nulls_and_null_lists_are_empty() {
    let expected = [vec![2, 1], vec![], vec![], vec![3, 3]];
    assert_eq!(encoded(&encoders(words(), 256), list(Arc::new(strings()))), expected);
    let dictionary: DictionaryArray<Int8Type> = strings().iter().collect();
    assert_eq!(encoded(&encoders(words(), 256), list(Arc::new(dictionary))), expected);
}

#[test]
fn only_the_front_of_a_list_is_read() {
    assert_eq!(encoded(&encoders(words(), 1), list(Arc::new(strings()))), [vec![2], vec![], vec![], vec![3]]);
    assert_eq!(encoded(&encoders(words(), 2), list(Arc::new(strings()))), [vec![2], vec![], vec![], vec![3, 3]]);
}

#[test]
fn a_slice_has_the_rows_of_the_slice() {
    let slice = list(Arc::new(strings())).slice(2, 2);
    assert_eq!(encoded(&encoders(words(), 256), slice), [vec![], vec![3, 3]]);
}

#[test]
fn large_and_fixed_size_lists_and_null_columns_are_read() {
    let integers = Ids::Vocabulary(Vocabulary::Integers(vec![7, 8]));
    let values = || Arc::new(Int32Array::from(vec![7, 8, 9, 7]));
    let field = Arc::new(Field::new("item", DataType::Int32, true));
    let large = LargeListArray::new(field.clone(), OffsetBuffer::new(vec![0, 1, 4].into()), values(), None);
    assert_eq!(encoded(&encoders(integers.clone(), 256), Arc::new(large)), [vec![2], vec![3, 1, 2]]);
    let fixed = FixedSizeListArray::new(field, 2, values(), None);
    assert_eq!(encoded(&encoders(integers.clone(), 256), Arc::new(fixed)), [vec![2, 3], vec![1, 2]]);
    assert_eq!(encoded(&encoders(integers, 256), Arc::new(NullArray::new(2))), [vec![0; 0], vec![]]);
}

#[test]
fn hashed_elements_lie_after_the_null_row() {
    let values: ArrayRef = Arc::new(BooleanArray::from(vec![true; 6]));
    let rows = encoded(&encoders(Ids::Hash { buckets: 1, seed: 0 }, 256), list(values));
    assert_eq!(rows, [vec![1, 1, 1], vec![], vec![], vec![1, 1]]);
}
