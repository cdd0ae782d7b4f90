use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, DictionaryArray, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, LargeStringArray, ListArray, NullArray, StringArray, StringViewArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use arrow::datatypes::{
    ArrowDictionaryKeyType, DataType, Field, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt32Type,
    UInt64Type,
};
use proptest::prelude::*;
use spec::feature::Pool;

use super::super::encoders::{BagEncoding, CategoricalEncoding, CrossEncoding};
use super::super::hash::{bucket, hash_text};
use super::super::ids::{Ids, Vocabulary};
use super::super::numeric::{NumericEncoding, Scaling};
use super::*;

fn feature(name: &str, columns: &[&str], encoding: Encoding) -> FittedFeature {
    let columns = columns.iter().map(|column| column.parse().unwrap()).collect();
    FittedFeature { name: name.parse().unwrap(), columns, missing: None, encoding }
}

fn category(name: &str, ids: Ids) -> FittedFeature {
    feature(name, &[name], Encoding::Categorical(CategoricalEncoding { width: 4, ids: ids.into() }))
}

fn texts(values: &[&str]) -> Ids {
    Ids::Vocabulary(Vocabulary::Texts(values.iter().map(|&value| value.to_owned()).collect()))
}

fn integers(values: &[i128]) -> Ids {
    Ids::Vocabulary(Vocabulary::Integers(values.to_vec()))
}

fn table(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

fn encode(features: Vec<FittedFeature>, batch: &RecordBatch) -> Inputs {
    let mut out = Inputs::default();
    Encoders::new(1, vec![], features).unwrap().bind(&batch.schema()).unwrap().encode(batch, &mut out).unwrap();
    out
}

fn ids_of(ids: Ids, array: impl Array + 'static) -> Vec<i32> {
    encode(vec![category("c", ids)], &table(vec![("c", Arc::new(array))])).ids
}

fn all_keys(values: &[Option<&str>]) -> Vec<ArrayRef> {
    fn dictionary<K: ArrowDictionaryKeyType>(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(values.iter().copied().collect::<DictionaryArray<K>>())
    }
    vec![
        dictionary::<Int8Type>(values),
        dictionary::<Int16Type>(values),
        dictionary::<Int32Type>(values),
        dictionary::<Int64Type>(values),
        dictionary::<UInt8Type>(values),
        dictionary::<UInt32Type>(values),
        dictionary::<UInt64Type>(values),
    ]
}

#[test]
fn null_is_row_0_unknown_is_row_1_and_values_follow() {
    let strings = vec![Some("b"), None, Some("never seen"), Some(""), Some("a b?")];
    let expected = [3, 0, 1, 4, 2];
    let ids = || texts(&["a b?", "b", ""]);
    assert_eq!(ids_of(ids(), StringArray::from(strings.clone())), expected);
    assert_eq!(ids_of(ids(), LargeStringArray::from(strings.clone())), expected);
    assert_eq!(ids_of(ids(), StringViewArray::from(strings.clone())), expected);
    let bytes = strings.iter().map(|value| value.map(str::as_bytes)).collect();
    assert_eq!(ids_of(ids(), BinaryArray::from_opt_vec(bytes)), expected);
    for array in all_keys(&strings) {
        assert_eq!(encode(vec![category("c", ids())], &table(vec![("c", array)])).ids, expected);
    }
    assert_eq!(ids_of(ids(), NullArray::new(2)), [0, 0]);
}

#[test]
fn integers_of_every_width_find_their_value() {
    let dense = || integers(&[5, -1, 7]);
    assert_eq!(ids_of(dense(), Int8Array::from(vec![Some(7), None, Some(6), Some(-1), Some(127)])), [4, 0, 1, 3, 1]);
    assert_eq!(ids_of(dense(), Int16Array::from(vec![5, i16::MIN])), [2, 1]);
    assert_eq!(ids_of(dense(), Int32Array::from(vec![5, i32::MAX])), [2, 1]);
    assert_eq!(ids_of(dense(), Int64Array::from(vec![5, i64::MIN, i64::MAX])), [2, 1, 1]);
    assert_eq!(ids_of(dense(), UInt8Array::from(vec![5, 255])), [2, 1]);
    assert_eq!(ids_of(dense(), UInt16Array::from(vec![7, u16::MAX])), [4, 1]);
    assert_eq!(ids_of(dense(), UInt32Array::from(vec![7, u32::MAX])), [4, 1]);
    assert_eq!(ids_of(dense(), UInt64Array::from(vec![7, u64::MAX])), [4, 1], "-1 is no large unsigned integer");
    let sparse = || integers(&[i128::from(i64::MAX), i128::from(i64::MIN), 0, i128::from(u64::MAX)]);
    assert_eq!(ids_of(sparse(), Int64Array::from(vec![i64::MAX, i64::MIN, 0, -1, 3])), [2, 3, 4, 1, 1]);
    assert_eq!(ids_of(sparse(), UInt64Array::from(vec![u64::MAX, 0, 1 << 63])), [5, 4, 1]);
    assert_eq!(ids_of(integers(&[]), Int64Array::from(vec![0, i64::MIN])), [1, 1]);
}

#[test]
fn a_value_is_its_text_whatever_the_column_is() {
    let hash = || Ids::Hash { buckets: 1_000_003, seed: 9 };
    let five = 1 + bucket(hash_text(b"5", 9), 1_000_003) as i32;
    let decimal = Decimal128Array::from(vec![500]).with_precision_and_scale(10, 2).unwrap();
    assert_eq!(ids_of(hash(), StringArray::from(vec!["5"])), [five]);
    assert_eq!(ids_of(hash(), Int8Array::from(vec![5])), [five]);
    assert_eq!(ids_of(hash(), UInt64Array::from(vec![5])), [five]);
    assert_eq!(ids_of(hash(), decimal.clone()), [five]);
    assert_eq!(ids_of(hash(), Float64Array::from(vec![Some(5.0), None, Some(f64::NAN)])), [five, 0, 0]);
    assert_eq!(ids_of(integers(&[5]), Float64Array::from(vec![5.0, 5.5, f64::NAN])), [2, 1, 0]);
    assert_eq!(ids_of(integers(&[5]), StringArray::from(vec!["5", "05"])), [2, 1]);
    assert_eq!(ids_of(integers(&[5]), decimal), [2]);
    assert_eq!(ids_of(texts(&["05", "5"]), Int32Array::from(vec![5])), [3]);
    assert_eq!(ids_of(texts(&["true"]), BooleanArray::from(vec![Some(true), Some(false), None])), [2, 1, 0]);
    assert_eq!(ids_of(texts(&["\u{fffd}"]), BinaryArray::from(vec![&[0xff][..]])), [2]);
}

#[test]
fn hashes_are_those_of_other_languages() {
    // xxhash.xxh3_64_intdigest(b"kindred", seed=7) of Python.
    assert_eq!(hash_text(b"kindred", 7), XXH3_OF_KINDRED);
}

const XXH3_OF_KINDRED: u64 = 286_999_909_059_511_017;

#[test]
fn a_dictionary_changes_between_batches_and_the_ids_with_it() {
    let batch = |values: &[&str]| {
        let keys = Int8Array::from(vec![0, 1]);
        let dictionary = DictionaryArray::<Int8Type>::new(keys, Arc::new(StringArray::from(values.to_vec())));
        table(vec![("c", Arc::new(dictionary))])
    };
    let encoders = Encoders::new(1, vec![], vec![category("c", texts(&["a", "b"]))]).unwrap();
    let mut encoder = encoders.bind(&batch(&["a", "b"]).schema()).unwrap();
    let mut out = Inputs::default();
    for (values, expected) in [(["a", "b"], [2, 3]), (["b", "a"], [3, 2]), (["c", "a"], [1, 2])] {
        // Each dictionary is dropped before the next is made, so that it may get the same address.
        encoder.encode(&batch(&values), &mut out).unwrap();
        assert_eq!(out.ids, expected);
    }
}

#[test]
fn crosses_hash_their_columns_hashes() {
    let encoding = Encoding::Cross(CrossEncoding { width: 4, buckets: 1000, seed: 3, table: None });
    let cross = vec![category("a", texts(&["x"])), feature("cross", &["a", "b"], encoding)];
    let a: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None, Some("x"), None]));
    let b: ArrayRef = Arc::new(Int32Array::from(vec![Some(5), Some(5), None, None]));
    let ids = encode(cross, &table(vec![("a", a), ("b", b)])).ids;
    let expect = |left: u64, right: u64| {
        let bytes = [left.to_le_bytes(), right.to_le_bytes()].concat();
        3 + 1 + bucket(hash_text(&bytes, 3), 1000) as i32
    };
    let (x, five) = (hash_text(b"x", 3), hash_text(b"5", 3));
    assert_eq!(ids, [2, expect(x, five), 0, expect(0, five), 2, expect(x, 0), 0, 3]);
}

#[test]
fn changed_types_and_missing_columns_of_a_batch_are_errors() {
    let encoders = Encoders::new(1, vec![], vec![category("c", texts(&["x"]))]).unwrap();
    let batch = table(vec![("c", Arc::new(StringArray::from(vec!["x"])))]);
    let mut encoder = encoders.bind(&batch.schema()).unwrap();
    let changed = table(vec![("c", Arc::new(Int32Array::from(vec![1])))]);
    let error = encoder.encode(&changed, &mut Inputs::default()).unwrap_err();
    assert!(error.to_string().contains("was Utf8 when the encoder was bound and is Int32"), "{error}");
    let empty = batch.project(&[]).unwrap();
    let error = encoder.encode(&empty, &mut Inputs::default()).unwrap_err();
    assert_eq!(error.to_string(), "feature `c`: column `c` is missing from this batch");
}

#[test]
fn a_schema_is_bound_once_as_long_as_no_other_one_comes() {
    let encoders = Encoders::new(1, vec![], vec![category("c", texts(&["x"]))]).unwrap();
    let strings = Schema::new(vec![Field::new("c", DataType::Utf8, true)]);
    let integers = Schema::new(vec![Field::new("c", DataType::Int32, true)]);
    let first = encoders.bind(&strings).unwrap();
    assert!(Arc::ptr_eq(&first.plan, &encoders.bind(&strings).unwrap().plan));
    assert!(encoders.bind(&Schema::empty()).is_err());
    assert!(Arc::ptr_eq(&first.plan, &encoders.bind(&strings).unwrap().plan));
    let mut other = encoders.bind(&integers).unwrap();
    let mut out = Inputs::default();
    other.encode(&table(vec![("c", Arc::new(Int32Array::from(vec![1])))]), &mut out).unwrap();
    assert_eq!(out.ids, [1]);
}

#[test]
fn batches_may_hold_text_in_another_way_than_the_schema() {
    let strings = [Some("x"), None, Some("y")];
    let plain = table(vec![("c", Arc::new(StringArray::from(strings.to_vec())))]);
    let mut encoder =
        Encoders::new(1, vec![], vec![category("c", texts(&["x"]))]).unwrap().bind(&plain.schema()).unwrap();
    let mut out = Inputs::default();
    for array in all_keys(&strings).into_iter().chain([Arc::new(StringViewArray::from(strings.to_vec())) as ArrayRef]) {
        encoder.encode(&table(vec![("c", array)]), &mut out).unwrap();
        assert_eq!(out.ids, [2, 0, 1]);
    }
}

#[test]
fn an_empty_batch_and_no_features_are_encoded() {
    let batch = table(vec![("c", Arc::new(StringArray::from(Vec::<&str>::new())))]);
    assert_eq!(encode(vec![category("c", texts(&["x"]))], &batch).ids, [0; 0]);
    let batch = table(vec![("c", Arc::new(StringArray::from(vec!["x"; 5])))]);
    assert_eq!(encode(vec![], &batch).rows, 5);
}

#[test]
fn ten_thousand_columns_are_bound_and_encoded() {
    let names: Vec<String> = (0..10_000).map(|column| format!("column {column}")).collect();
    let features = names.iter().map(|name| category(name, integers(&[1, 2])));
    let array: ArrayRef = Arc::new(Int32Array::from(vec![2, 3]));
    let batch = table(names.iter().map(|name| (name.as_str(), array.clone())).collect());
    let ids = encode(features.collect(), &batch).ids;
    assert_eq!((ids.len(), ids[0], ids[9_999], ids[10_000]), (20_000, 3, 9_999 * 4 + 3, 1));
}

/// One feature of every kind, over columns `text`, `integer`, `number` and `list`.
fn all_kinds() -> Vec<FittedFeature> {
    let bag = BagEncoding { width: 4, ids: texts(&["a", "b"]).into(), pool: Pool::Mean, max_length: 2 };
    let points = Scaling::Quantile { edges: vec![-1.0, 0.0, 2.0], normals: vec![-1.0, 0.5, 1.0] };
    let number = NumericEncoding { impute: 0.5, missing_flag: true, scaling: points };
    let cross = CrossEncoding { width: 8, buckets: 50, seed: 1, table: None };
    vec![
        feature("number", &["number"], Encoding::Numeric(number)),
        category("text", texts(&["a", "b", "c"])),
        category("integer", integers(&[1, 2, 3])),
        feature(
            "hashed",
            &["text"],
            Encoding::Categorical(CategoricalEncoding { width: 8, ids: Ids::Hash { buckets: 20, seed: 5 }.into() }),
        ),
        feature("cross", &["text", "integer"], Encoding::Cross(cross)),
        feature("list", &["list"], Encoding::Bag(bag)),
    ]
}

type Row = (Option<String>, Option<i32>, Option<f64>, Option<Vec<Option<i32>>>);

fn any_row() -> impl Strategy<Value = Row> {
    let number = prop::option::of(prop_oneof![-3.0..3.0f64, Just(f64::NAN), Just(f64::INFINITY)]);
    let list = prop::option::of(prop::collection::vec(prop::option::of(0..3i32), 0..4));
    (prop::option::of("[a-e]?"), prop::option::of(0..6i32), number, list)
}

fn batch_of(rows: &[Row], text: ArrayRef) -> RecordBatch {
    let integers = Int32Array::from(rows.iter().map(|row| row.1).collect::<Vec<_>>());
    let numbers = Float64Array::from(rows.iter().map(|row| row.2).collect::<Vec<_>>());
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(rows.iter().map(|row| row.3.clone()));
    let columns: Vec<(&str, ArrayRef)> =
        vec![("list", Arc::new(lists)), ("number", Arc::new(numbers)), ("text", text), ("integer", Arc::new(integers))];
    table(columns)
}

fn texts_of(rows: &[Row]) -> Vec<Option<&str>> {
    rows.iter().map(|row| row.0.as_deref()).collect()
}

proptest! {
    #[test]
    fn a_batch_is_encoded_as_its_rows_one_by_one(rows in prop::collection::vec(any_row(), 1..100)) {
        let batch = batch_of(&rows, Arc::new(StringArray::from(texts_of(&rows))));
        let encoders = Encoders::new(1, vec![], all_kinds()).unwrap();
        let mut encoder = encoders.bind(&batch.schema()).unwrap();
        let layout = encoder.layout().clone();
        let (mut whole, mut parts) = (Inputs::default(), vec![Inputs::default(); rows.len()]);
        encoder.encode(&batch, &mut whole).unwrap();
        for (row, part) in parts.iter_mut().enumerate() {
            encoder.clone().encode(&batch.slice(row, 1), part).unwrap();
        }
        let mut joined = Inputs::default();
        let places: Vec<(u32, u32)> = (0..rows.len() as u32).map(|row| (row, 0)).collect();
        joined.gather(&layout, &parts.iter().collect::<Vec<_>>(), &places);
        prop_assert_eq!(joined, whole);
    }

    #[test]
    fn a_dictionary_is_encoded_as_plain_text(rows in prop::collection::vec(any_row(), 1..100)) {
        let plain = encode(all_kinds(), &batch_of(&rows, Arc::new(StringArray::from(texts_of(&rows)))));
        for array in all_keys(&texts_of(&rows)) {
            prop_assert_eq!(&encode(all_kinds(), &batch_of(&rows, array)), &plain);
        }
    }

    #[test]
    fn ids_are_those_of_a_search_through_the_vocabulary(
        mut vocabulary in prop::collection::vec(any::<i64>().prop_map(|value| value >> (value & 63)), 0..300),
        others in prop::collection::vec(any::<i64>(), 0..50),
    ) {
        vocabulary.sort_unstable();
        vocabulary.dedup();
        let values: Vec<i64> = vocabulary.iter().copied().chain(others).chain([0, -1, i64::MAX]).collect();
        let find = |value: &i64| vocabulary.iter().position(|known| known == value).map_or(1, |place| place as i32 + 2);
        let expected: Vec<i32> = values.iter().map(find).collect();
        let known: Vec<i128> = vocabulary.iter().map(|&value| i128::from(value)).collect();
        prop_assert_eq!(&ids_of(integers(&known), Int64Array::from(values.clone())), &expected);
        let written: Vec<String> = values.iter().map(i64::to_string).collect();
        prop_assert_eq!(&ids_of(integers(&known), StringArray::from(written)), &expected);
    }
}
