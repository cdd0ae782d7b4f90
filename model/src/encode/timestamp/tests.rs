use std::sync::Arc;

use arrow::array::{
    Date32Array, Date64Array, DictionaryArray, Int8Array, NullArray, TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow::datatypes::Int8Type;
use spec::feature::TimestampPart::{AgeDays, Hour, Month, Weekday};

use super::*;

fn feature(encode: &[TimestampPart]) -> TimestampFeature {
    let reference = "1998-07-01".parse().unwrap();
    TimestampFeature { column: None, reference, encode: encode.to_vec() }
}

fn fitted(encode: &[TimestampPart], array: &dyn Array) -> TimestampEncoding {
    let mut fit = TimestampFit::new(&feature(encode));
    fit.add(array);
    fit.finish()
}

fn written(encoding: &TimestampEncoding, array: &dyn Array) -> Vec<Vec<f32>> {
    let mut columns = vec![vec![9.0; array.len()]; encoding.width()];
    let mut slices: Vec<&mut [f32]> = columns.iter_mut().map(Vec::as_mut_slice).collect();
    write_timestamps(encoding, array, &mut slices);
    columns
}

fn time(text: &str) -> Time {
    let time = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    Time { units: time.and_utc().timestamp_millis(), units_per_day: 86_400_000 }
}

#[test]
fn positions_are_those_of_the_calendar() {
    for (text, hour, weekday, month) in [
        ("1970-01-01 00:00", 0, 3, 0),
        ("2000-02-29 23:59", 23, 1, 1),
        ("1999-12-31 12:00", 12, 4, 11),
        ("1900-03-01 01:00", 1, 3, 2),
        ("1969-12-31 23:00", 23, 2, 11),
    ] {
        assert_eq!((time(text).hour(), time(text).weekday(), time(text).month()), (hour, weekday, month), "{text}");
    }
}

#[test]
fn months_agree_with_chrono_for_a_century() {
    use chrono::Datelike;
    for day in (-20_000..20_000).step_by(7) {
        let date = chrono::NaiveDate::from_epoch_days(day).unwrap();
        let time = Time { units: i64::from(day), units_per_day: 1 };
        assert_eq!(time.month(), date.month0() as usize);
        assert_eq!(time.weekday(), date.weekday().num_days_from_monday() as usize);
    }
}

#[test]
fn ages_count_back_from_the_reference_and_are_standardized() {
    let days = Date32Array::from(vec![10_407 - 10, 10_407 - 20]);
    let encoding = fitted(&[AgeDays], &days);
    assert_eq!((encoding.reference_day, encoding.mean, encoding.deviation), (10_408, 16.0, 5.0));
    assert_eq!(written(&encoding, &days), [[-1.0, 1.0]]);
}

#[test]
fn every_unit_gives_the_same_numbers() {
    let encoding = fitted(&[AgeDays, Hour, Weekday, Month], &Date32Array::from(vec![10_000, 10_001]));
    let day = Date32Array::from(vec![10_000]);
    let expected = written(&encoding, &day);
    assert_eq!(written(&encoding, &Date64Array::from(vec![10_000 * 86_400_000])), expected);
    assert_eq!(written(&encoding, &TimestampSecondArray::from(vec![10_000 * 86_400])), expected);
    let zoned = TimestampMicrosecondArray::from(vec![10_000 * 86_400_000_000]).with_timezone("Asia/Shanghai");
    assert_eq!(written(&encoding, &zoned), expected);
    let dictionary = DictionaryArray::<Int8Type>::new(Int8Array::from(vec![0]), Arc::new(day));
    assert_eq!(written(&encoding, &dictionary), expected);
}

#[test]
fn null_is_nothing_and_flagged_where_it_was_seen() {
    let array = TimestampSecondArray::from(vec![None, Some(3600 * 6)]);
    let encoding = fitted(&[AgeDays, Hour], &array);
    assert_eq!(encoding.width(), 4);
    let columns = written(&encoding, &array);
    assert_eq!(columns[0], [0.0, 0.0], "one age has no deviation");
    assert_eq!(columns[1], [0.0, 1.0]);
    assert!(columns[2][1].abs() < 1e-7);
    assert_eq!(columns[3], [1.0, 0.0]);
    assert_eq!(written(&encoding, &NullArray::new(1)), [[0.0], [0.0], [0.0], [1.0]]);
    assert!(!fitted(&[AgeDays], &array.slice(1, 1)).missing_flag);
}
