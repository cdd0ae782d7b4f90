use std::sync::Arc;

use arrow::array::{
    Date32Array, DictionaryArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
    TimestampSecondArray,
};
use arrow::datatypes::Int32Type;
use proptest::prelude::*;
use spec::training::{SplitColumn, SplitTime};

use super::*;

fn shares() -> Shares {
    Shares { validation: 0.2, test: 0.1 }
}

fn splitter(split: Split) -> Splitter {
    Splitter::new(&split, &"id".parse().unwrap())
}

fn by_column() -> Splitter {
    splitter(Split::Column(SplitColumn { column: "part".parse().unwrap() }))
}

fn by_time() -> Splitter {
    let day = |text: &str| text.parse().unwrap();
    let column = "day".parse().unwrap();
    splitter(Split::Time(SplitTime { column, validation_from: day("1970-01-11"), test_from: day("1970-01-21") }))
}

fn parts(splitter: &Splitter, column: impl Array + 'static) -> Result<Vec<Part>, SplitFault> {
    splitter.parts(&(Arc::new(column) as ArrayRef), 0)
}

fn ids(count: i64) -> Int64Array {
    (0..count).collect::<Vec<_>>().into()
}

fn share(parts: &[Part], part: Part) -> f64 {
    parts.iter().filter(|&&found| found == part).count() as f64 / parts.len() as f64
}

#[test]
fn shares_are_as_declared() {
    for split in [Split::Key(shares()), Split::Random(shares())] {
        let parts = parts(&splitter(split), ids(100_000)).unwrap();
        // Five standard deviations of a share of 0.2 of 100,000.
        assert!((share(&parts, Part::Validation) - 0.2).abs() < 0.0064);
        assert!((share(&parts, Part::Test) - 0.1).abs() < 0.0048);
    }
}

#[test]
fn the_same_key_is_always_in_the_same_part_and_as_text_too() {
    let splitter = splitter(Split::Key(shares()));
    let known = parts(&splitter, ids(1000)).unwrap();
    let texts: Vec<String> = (0..1000).map(|id: i64| id.to_string()).collect();
    assert_eq!(parts(&splitter, StringArray::from(texts)).unwrap(), known);
    let column: ArrayRef = Arc::new(ids(1000));
    assert_eq!(splitter.parts(&column, 5_000_000).unwrap(), known);
}

#[test]
fn at_random_the_same_key_is_drawn_anew_in_every_row() {
    let splitter = splitter(Split::Random(shares()));
    let parts = parts(&splitter, Int64Array::from(vec![7; 10_000])).unwrap();
    assert!((share(&parts, Part::Train) - 0.7).abs() < 0.023);
    let column: ArrayRef = Arc::new(Int64Array::from(vec![7; 100]));
    assert_eq!(splitter.parts(&column, 900).unwrap(), parts[900..1000]);
}

#[test]
fn a_column_names_the_parts() {
    let names = vec![Some("train"), Some("test"), Some("validation"), Some("train")];
    let expected = [Part::Train, Part::Test, Part::Validation, Part::Train];
    assert_eq!(parts(&by_column(), StringArray::from(names.clone())).unwrap(), expected);
    assert_eq!(parts(&by_column(), names.into_iter().collect::<DictionaryArray<Int32Type>>()).unwrap(), expected);
}

#[test]
fn a_name_that_is_no_part_and_null_are_named_with_their_row() {
    let unknown = ValueFault::Part { part: "Train".to_owned() };
    assert_eq!(unknown.to_string(), r#""Train" is no part: `train`, `validation` or `test`"#);
    for (names, fault) in [(vec![Some("test"), Some("Train")], unknown), (vec![Some("test"), None], ValueFault::NoPart)]
    {
        assert_eq!(parts(&by_column(), StringArray::from(names.clone())), Err((1, fault.clone())));
        assert_eq!(parts(&by_column(), names.into_iter().collect::<DictionaryArray<Int32Type>>()), Err((1, fault)));
    }
}

#[test]
fn time_splits_at_the_start_of_days() {
    let expected = [Part::Train, Part::Train, Part::Validation, Part::Validation, Part::Test];
    assert_eq!(parts(&by_time(), Date32Array::from(vec![-400, 9, 10, 19, 20])).unwrap(), expected);
    let seconds = [-5, 10 * 86_400 - 1, 10 * 86_400, 20 * 86_400 - 1, 20 * 86_400];
    assert_eq!(parts(&by_time(), TimestampSecondArray::from(seconds.to_vec())).unwrap(), expected);
    let zoned = TimestampMicrosecondArray::from(seconds.iter().map(|second| second * 1_000_000).collect::<Vec<_>>());
    assert_eq!(parts(&by_time(), zoned.with_timezone("Asia/Shanghai")).unwrap(), expected);
    assert_eq!(parts(&by_time(), Date32Array::from(vec![Some(1), None])), Err((1, ValueFault::NoPart)));
}

#[test]
fn a_null_key_is_named_with_its_row() {
    let (row, fault) = parts(&splitter(Split::Key(shares())), Int64Array::from(vec![Some(1), None])).unwrap_err();
    assert_eq!(row, 1);
    assert!(matches!(fault, ValueFault::Key(_)));
}

#[test]
fn columns_that_cannot_tell_parts_are_refused() {
    let message = |splitter: Splitter, column: &dyn Array| splitter.check(column.data_type()).unwrap_err().to_string();
    let numbers = Float64Array::from(vec![1.0]);
    assert!(message(by_column(), &numbers).starts_with("column `part` is Float64; a split column is a string"));
    assert!(message(by_time(), &numbers).starts_with("column `day` is Float64; a split by time needs"));
    let list = arrow::array::ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    assert!(message(splitter(Split::default()), &list).starts_with("column `id` is List"));
}

proptest! {
    #[test]
    fn a_part_does_not_depend_on_the_other_rows(ids in prop::collection::vec(any::<i64>(), 1..50)) {
        let splitter = splitter(Split::Key(shares()));
        let together = parts(&splitter, Int64Array::from(ids.clone())).unwrap();
        for (id, part) in ids.into_iter().zip(together) {
            prop_assert_eq!(parts(&splitter, Int64Array::from(vec![id])).unwrap(), vec![part]);
        }
    }
}
