use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Int32Array, LargeListArray, ListArray, NullArray,
    StringArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Field, Float64Type, Int8Type, Schema};
use spec::feature::{Pool, SequencePool};

use super::super::encoders::{BagEncoding, Encoders, FittedFeature, SequenceEncoding};
use super::super::ids::{Ids, Vocabulary};
use super::*;
use crate::input::{Inputs, Pooling};

fn encoders(ids: Ids, max_length: u32) -> Encoders {
    let encoding = Encoding::Bag(BagEncoding { width: 8, ids: ids.into(), pool: Pool::Mean, max_length });
    let columns = vec!["items".parse().unwrap()];
    Encoders::new(1, vec![], vec![FittedFeature { name: "bag".parse().unwrap(), columns, missing: None, encoding }])
        .unwrap()
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

fn weighted(items: ArrayRef, weights: ArrayRef, max_length: u32) -> Result<Inputs, EncodeError> {
    let bag = BagEncoding { width: 8, ids: words().into(), pool: Pool::Weighted, max_length };
    let columns = ["items", "weights"].map(|name| name.parse().unwrap()).to_vec();
    let feature = FittedFeature { name: "bag".parse().unwrap(), columns, missing: None, encoding: Encoding::Bag(bag) };
    let batch = RecordBatch::try_from_iter_with_nullable([("items", items, true), ("weights", weights, true)]).unwrap();
    let mut out = Inputs::default();
    Encoders::new(1, vec![], vec![feature]).unwrap().bind(&batch.schema())?.encode(&batch, &mut out)?;
    Ok(out)
}

fn numbers(rows: [Option<Vec<Option<f64>>>; 4]) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(rows))
}

#[test]
fn weights_become_shares_of_the_ids_that_are_kept() {
    let some = |weights: &[f64]| Some(weights.iter().map(|weight| Some(*weight)).collect());
    let weights = || numbers([some(&[1.0, 9.0, 3.0]), None, some(&[]), some(&[0.0, 0.0])]);
    let found = weighted(list(Arc::new(strings())), weights(), 256).unwrap();
    assert_eq!((found.bags[0].row(0), found.bags[0].row_weights(0)), (&[2, 1][..], &[0.25f32, 0.75][..]));
    assert_eq!(found.bags[0].row_weights(3), [0.0, 0.0]);
    assert_eq!(found.bags[0].offsets, [0, 2, 2, 2, 4]);
    let front = weighted(list(Arc::new(strings())), weights(), 1).unwrap();
    assert_eq!((front.bags[0].row(0), front.bags[0].row_weights(0)), (&[2][..], &[1.0f32][..]));
}

#[test]
fn weights_that_are_none_are_refused_by_row() {
    let some = |weights: &[Option<f64>]| Some(weights.to_vec());
    let one = Some(1.0);
    let error = |weights| weighted(list(Arc::new(strings())), weights, 256).unwrap_err().to_string();
    let full = || some(&[one, one, one]);
    for (weights, message) in [
        (numbers([full(), None, None, some(&[one])]), "column `weights`, row 3 of the batch: 1 weights for 2 ids"),
        (numbers([full(), some(&[one]), None, None]), "row 1 of the batch: 1 weights for 0 ids"),
        (
            numbers([full(), None, None, some(&[one, Some(-2.0)])]),
            "row 3 of the batch: the weight at place 1 is -2, and has to be a finite number of at least 0",
        ),
        (numbers([full(), None, None, some(&[None, one])]), "the weight at place 0 is null, NaN or infinite"),
        (numbers([some(&[one, Some(f64::NAN), one]), None, None, some(&[one, one])]), "row 0 of the batch"),
    ] {
        let said = error(weights);
        assert!(said.starts_with("feature `bag`: ") && said.contains(message), "{said}");
    }
}

#[test]
fn a_sequence_keeps_the_end_of_a_list() {
    let (ids, pool) = (words().into(), SequencePool::Mean);
    let sequence = SequenceEncoding {
        width: 8,
        ids,
        pool,
        max_length: 2,
        target: None,
        with: vec![],
        steps_of: None,
        heads: None,
    };
    let (name, columns) = ("history".parse().unwrap(), vec!["items".parse().unwrap()]);
    let feature = FittedFeature { name, columns, missing: None, encoding: Encoding::Sequence(sequence) };
    let encoders = Encoders::new(1, vec![], vec![feature]).unwrap();
    assert_eq!(encoders.layout().tables[0].slots[0].pool, Some(Pooling::Mean));
    assert_eq!(encoded(&encoders, list(Arc::new(strings()))), [vec![1], vec![], vec![], vec![3, 3]]);
}

/// `items` with `kinds` beside it.
fn steps() -> Encoders {
    let sequence = |with: &[&str], steps_of: Option<&str>| {
        Encoding::Sequence(SequenceEncoding {
            width: 8,
            ids: words().into(),
            pool: if with.is_empty() { SequencePool::Mean } else { SequencePool::SelfAttention },
            max_length: 2,
            target: None,
            with: with.iter().map(|name| name.parse().unwrap()).collect(),
            steps_of: steps_of.map(|name| name.parse().unwrap()),
            heads: None,
        })
    };
    let feature = |name: &str, encoding| {
        let columns = vec![name.parse().unwrap()];
        FittedFeature { name: name.parse().unwrap(), columns, missing: None, encoding }
    };
    let features = vec![feature("items", sequence(&["kinds"], None)), feature("kinds", sequence(&[], Some("items")))];
    Encoders::new(1, vec![], features).unwrap()
}

#[test]
fn sequences_that_share_places_keep_nulls_and_are_equally_long() {
    let column = |rows: &[&[Option<&str>]]| -> ArrayRef {
        let mut lists = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
        rows.iter().for_each(|row| lists.append_value(row.iter().copied()));
        Arc::new(lists.finish())
    };
    let items = column(&[&[Some("a"), None, Some("b")], &[], &[Some("a")]]);
    let encode = |kinds: ArrayRef| {
        let batch = RecordBatch::try_from_iter([("items", items.clone()), ("kinds", kinds)]).unwrap();
        let (encoders, mut out) = (steps(), Inputs::default());
        encoders.bind(&batch.schema()).unwrap().encode(&batch, &mut out).map(|()| out)
    };
    let out = encode(column(&[&[None, None, Some("a")], &[], &[None]])).unwrap();
    assert_eq!(out.bags[0].offsets, out.bags[1].offsets);
    let (null, known) = (out.bags[0].row(0)[0], out.bags[0].row(2)[0]);
    assert!(null == 0 && known >= 2, "a null keeps its place: {:?}", out.bags[0].ids);
    // Both are longer than what is read of them.
    let error = encode(column(&[&[None, Some("a"), None, Some("a")], &[], &[None]])).unwrap_err();
    let message = "3 elements, and 4 in `kinds`: sequences that share places are equally long in every row";
    assert!(error.to_string().contains(message) || format!("{error:?}").contains("others: 4"), "{error}");
}
