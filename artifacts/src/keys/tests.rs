use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
    Int8Array, Int32Array, Int64Array, LargeStringArray, StringArray, StringViewArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;

use super::*;

fn texts(array: impl Array + 'static) -> Vec<Option<String>> {
    let array: ArrayRef = Arc::new(array);
    key_texts(&array).unwrap().iter().map(|text| text.map(str::to_owned)).collect()
}

fn text(array: impl Array + 'static) -> String {
    texts(array).remove(0).unwrap()
}

fn hash(array: impl Array + 'static) -> u128 {
    hash_keys(&(Arc::new(array) as ArrayRef), 7).unwrap()[0]
}

#[test]
fn the_same_person_has_one_text_in_every_type() {
    let decimal = |value, scale| Decimal128Array::from(vec![value]).with_precision_and_scale(20, scale).unwrap();
    let dictionary: DictionaryArray<Int32Type> = ["42"].into_iter().collect();
    let same = [
        hash(Int8Array::from(vec![42])),
        hash(Int32Array::from(vec![42])),
        hash(Int64Array::from(vec![42])),
        hash(UInt64Array::from(vec![42])),
        hash(Float32Array::from(vec![42.0])),
        hash(Float64Array::from(vec![42.0])),
        hash(StringArray::from(vec!["42"])),
        hash(LargeStringArray::from(vec!["42"])),
        hash(StringViewArray::from(vec!["42"])),
        hash(BinaryArray::from(vec![&b"42"[..]])),
        hash(decimal(42, 0)),
        hash(decimal(4200, 2)),
        hash(dictionary),
    ];
    assert!(same.iter().all(|hash| *hash == hash_text(b"42", 7)), "{same:?}");
}

#[test]
fn texts_are_those_of_the_table() {
    assert_eq!(texts(Int64Array::from(vec![Some(i64::MIN), None])), [Some(i64::MIN.to_string()), None]);
    assert_eq!(text(UInt64Array::from(vec![u64::MAX])), u64::MAX.to_string());
    assert_eq!(text(Float64Array::from(vec![-0.0])), "0");
    assert_eq!(text(Float64Array::from(vec![-9_007_199_254_740_991.0])), "-9007199254740991");
    assert_eq!(texts(BooleanArray::from(vec![true, false])), [Some("true".to_owned()), Some("false".to_owned())]);
    assert_eq!(text(Date32Array::from(vec![19_782])), "2024-02-29");
    assert_eq!(text(Date32Array::from(vec![-1])), "1969-12-31");
    assert_eq!(text(Date64Array::from(vec![-1])), "1969-12-31");
    assert_eq!(text(TimestampSecondArray::from(vec![1_709_211_600])), "2024-02-29T13:00:00Z");
    assert_eq!(text(TimestampMillisecondArray::from(vec![1_709_211_600_500])), "2024-02-29T13:00:00.5Z");
    assert_eq!(text(TimestampMicrosecondArray::from(vec![-1])), "1969-12-31T23:59:59.999999Z");
    let zoned = TimestampNanosecondArray::from(vec![1_709_211_600_000_000_000]).with_timezone("+08:00");
    assert_eq!(text(zoned), "2024-02-29T13:00:00Z");
}

#[test]
fn integers_are_written_as_everywhere() {
    let values = [0, 1, 9, 10, -1, -10, 1_000_000_007, i64::MAX, i64::MIN, i64::MIN + 1];
    let expected: Vec<_> = values.iter().map(|value| Some(value.to_string())).collect();
    assert_eq!(texts(Int64Array::from(values.to_vec())), expected);
}

#[test]
fn decimals_have_no_trailing_zeros() {
    for (unscaled, scale, expected) in [
        ("0", 2, "0"),
        ("5", 2, "0.05"),
        ("-5", 2, "-0.05"),
        ("-4210", 2, "-42.1"),
        ("4200", 2, "42"),
        ("42", 0, "42"),
        ("42", -2, "4200"),
        ("0", -2, "0"),
        ("123456789012345678901234567890", 10, "12345678901234567890.123456789"),
    ] {
        let mut text = String::new();
        text::put_decimal(&mut text, unscaled, scale);
        assert_eq!(text, expected, "{unscaled} at scale {scale}");
    }
}

#[test]
fn keys_that_identify_nobody_are_refused_with_their_row() {
    let failed = |array: ArrayRef| hash_keys(&array, 0).unwrap_err();
    assert_eq!(failed(Arc::new(Int64Array::from(vec![Some(1), None]))), KeyError::Null { row: 1 });
    for value in [0.5, f64::NAN, f64::INFINITY, 9_007_199_254_740_992.0] {
        let error = failed(Arc::new(Float64Array::from(vec![1.0, value])));
        assert_eq!(error, KeyError::Fraction { row: 1, value: value.to_string() });
    }
    let far = failed(Arc::new(Date64Array::from(vec![i64::MAX])));
    assert!(matches!(far, KeyError::Calendar { row: 0, .. }));
    let list = arrow::array::new_null_array(&DataType::new_list(DataType::Int32, true), 1);
    assert!(matches!(failed(list), KeyError::Type { .. }));
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\xff"[..]]));
    assert_eq!(key_texts(&bytes).unwrap_err(), KeyError::NotText { row: 0 });
}

#[test]
fn nulls_are_none_where_they_are_allowed() {
    let keys: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    assert_eq!(hash_nullable_keys(&keys, 1).unwrap(), [Some(hash_text(b"a", 1)), None]);
    let empty: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    assert!(hash_keys(&empty, 1).unwrap().is_empty());
}

#[test]
fn dictionaries_hash_like_their_rows() {
    let codes = Int32Array::from(vec![Some(1), None, Some(0), Some(1), Some(2)]);
    let values: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), Some("y"), None]));
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(codes, values));
    let plain: ArrayRef = Arc::new(StringArray::from(vec![Some("y"), None, Some("x"), Some("y"), None]));
    assert_eq!(hash_nullable_keys(&dictionary, 3), hash_nullable_keys(&plain, 3));
    assert_eq!(key_texts(&dictionary), key_texts(&plain));
    let all_null: ArrayRef = Arc::new(DictionaryArray::<Int32Type>::from_iter([None::<&str>, None]));
    assert_eq!(hash_nullable_keys(&all_null, 3).unwrap(), [None, None]);
}

#[test]
fn a_dictionary_value_that_no_row_has_does_no_harm() {
    let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 0.5]));
    let fine: ArrayRef = Arc::new(DictionaryArray::new(Int32Array::from(vec![0, 0]), Arc::clone(&values)));
    assert_eq!(hash_keys(&fine, 0).unwrap(), [hash_text(b"1", 0); 2]);
    let bad: ArrayRef = Arc::new(DictionaryArray::new(Int32Array::from(vec![0, 0, 1]), values));
    assert_eq!(hash_keys(&bad, 0).unwrap_err(), KeyError::Fraction { row: 2, value: "0.5".to_owned() });
}

#[test]
fn a_sliced_column_hashes_its_own_rows() {
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c"]));
    assert_eq!(hash_keys(&keys.slice(1, 2), 0).unwrap(), [hash_text(b"b", 0), hash_text(b"c", 0)]);
}

#[test]
fn hashes_are_xxh3_and_seeds_are_independent() {
    // Known answers of the reference implementation: XXH3_128bits of nothing, and of "abc".
    assert_eq!(hash_text(b"", 0), 0x99aa06d3014798d86001c324468d497f);
    assert_eq!(hash_text(b"abc", 0), 0x06b05ab6733a618578af5f94892f3950);
    assert_ne!(hash_text(b"abc", 0), hash_text(b"abc", 1));
    assert_ne!(seed_of("split", ""), seed_of("holdout", ""));
    assert_ne!(seed_of("holdout", "spring"), seed_of("holdout", "summer"));
    assert_ne!(seed_of("a", "b"), seed_of("", "ab"));
}

#[test]
fn the_unit_interval_is_filled_evenly() {
    let rows = 100_000;
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let below = hash_keys(&keys, seed_of("split", "")).unwrap().into_iter().filter(|hash| unit_interval(*hash) < 0.1);
    let share = below.count() as f64 / rows as f64;
    // Three standard deviations of a binomial share: 3·√(0.1·0.9/100,000) = 0.0028.
    assert!((share - 0.1).abs() < 0.0029, "{share}");
    assert_eq!(unit_interval(0), 0.0);
    assert!(unit_interval(u128::MAX) < 1.0);
}
