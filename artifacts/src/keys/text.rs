//! The canonical text of keys, written into a buffer that every row uses again.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use chrono::{DateTime, Datelike, NaiveDate, Timelike, Utc};

use super::KeyError;

/// Floats below this hold every whole number exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;
const DAY_MS: i64 = 86_400_000;

type Each<'a> = &'a mut dyn FnMut(usize, Option<&[u8]>) -> Result<(), KeyError>;

pub(super) fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_supported(value),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => true,
        DataType::Boolean | DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _) => true,
        DataType::Decimal128(_, _) | DataType::Decimal256(_, _) => true,
        other => other.is_integer() || other.is_floating(),
    }
}

/// Calls back with every row's text, `None` for null.
pub(super) fn for_each_text(
    keys: &ArrayRef,
    mut each: impl FnMut(usize, Option<&[u8]>) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    let each: Each<'_> = &mut each;
    match keys.data_type() {
        DataType::Utf8 => rows(keys.as_string::<i32>().iter(), each, str::as_bytes),
        DataType::LargeUtf8 => rows(keys.as_string::<i64>().iter(), each, str::as_bytes),
        DataType::Utf8View => rows(keys.as_string_view().iter(), each, str::as_bytes),
        DataType::Binary => rows(keys.as_binary::<i32>().iter(), each, |bytes| bytes),
        DataType::LargeBinary => rows(keys.as_binary::<i64>().iter(), each, |bytes| bytes),
        DataType::BinaryView => rows(keys.as_binary_view().iter(), each, |bytes| bytes),
        DataType::FixedSizeBinary(_) => rows(keys.as_fixed_size_binary().iter(), each, |bytes| bytes),
        DataType::Boolean => rows(keys.as_boolean().iter(), each, |value| if value { &b"true"[..] } else { b"false" }),
        DataType::Int8 => integers::<Int8Type>(keys, each),
        DataType::Int16 => integers::<Int16Type>(keys, each),
        DataType::Int32 => integers::<Int32Type>(keys, each),
        DataType::Int64 => integers::<Int64Type>(keys, each),
        DataType::UInt8 => integers::<UInt8Type>(keys, each),
        DataType::UInt16 => integers::<UInt16Type>(keys, each),
        DataType::UInt32 => integers::<UInt32Type>(keys, each),
        DataType::UInt64 => integers::<UInt64Type>(keys, each),
        DataType::Float16 => floats::<Float16Type>(keys, each, |value| value.to_f64()),
        DataType::Float32 => floats::<Float32Type>(keys, each, f64::from),
        DataType::Float64 => floats::<Float64Type>(keys, each, |value| value),
        DataType::Decimal128(_, scale) => decimals::<Decimal128Type>(keys, each, *scale),
        DataType::Decimal256(_, scale) => decimals::<Decimal256Type>(keys, each, *scale),
        DataType::Date32 => dates::<Date32Type>(keys, each, i64::from),
        DataType::Date64 => dates::<Date64Type>(keys, each, |value| value.div_euclid(DAY_MS)),
        DataType::Timestamp(TimeUnit::Second, _) => times::<TimestampSecondType>(keys, each, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => times::<TimestampMillisecondType>(keys, each, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => times::<TimestampMicrosecondType>(keys, each, 1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => times::<TimestampNanosecondType>(keys, each, 1_000_000_000),
        other => Err(KeyError::Type { found: other.clone() }),
    }
}

fn rows<'a, T>(
    values: impl Iterator<Item = Option<T>>,
    each: Each<'_>,
    bytes: impl Fn(T) -> &'a [u8],
) -> Result<(), KeyError> {
    for (row, value) in values.enumerate() {
        each(row, value.map(&bytes))?;
    }
    Ok(())
}

/// Writes each value's text into one buffer; `write` may fail with what is wrong with the row.
fn written<T: ArrowPrimitiveType>(
    keys: &ArrayRef,
    each: Each<'_>,
    write: impl Fn(&mut String, usize, T::Native) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    let keys: &PrimitiveArray<T> = keys.as_primitive();
    let mut text = String::with_capacity(40);
    for row in 0..keys.len() {
        if keys.is_null(row) {
            each(row, None)?;
            continue;
        }
        text.clear();
        write(&mut text, row, keys.value(row))?;
        each(row, Some(text.as_bytes()))?;
    }
    Ok(())
}

fn put(text: &mut String, value: impl std::fmt::Display) {
    write!(text, "{value}").expect("a String takes any text");
}

fn integers<T: ArrowPrimitiveType<Native: Into<i128>>>(keys: &ArrayRef, each: Each<'_>) -> Result<(), KeyError> {
    written::<T>(keys, each, |text, _, value| {
        let value: i128 = value.into();
        put_integer(text, value < 0, value.unsigned_abs() as u64);
        Ok(())
    })
}

/// Decimal digits, four times as fast as the standard formatter: most keys are integers, and every row has one.
fn put_integer(text: &mut String, is_negative: bool, mut magnitude: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (magnitude % 10) as u8;
        magnitude /= 10;
        if magnitude == 0 {
            break;
        }
    }
    if is_negative {
        text.push('-');
    }
    text.push_str(std::str::from_utf8(&digits[first..]).expect("digits are ASCII"));
}

fn floats<T: ArrowPrimitiveType>(
    keys: &ArrayRef,
    each: Each<'_>,
    widen: impl Fn(T::Native) -> f64,
) -> Result<(), KeyError> {
    written::<T>(keys, each, |text, row, value| {
        let value = widen(value);
        if value.fract() != 0.0 || !value.is_finite() || value.abs() >= EXACT {
            return Err(KeyError::Fraction { row, value: value.to_string() });
        }
        put_integer(text, value < 0.0, value.abs() as u64);
        Ok(())
    })
}

fn decimals<T: ArrowPrimitiveType<Native: std::fmt::Display>>(
    keys: &ArrayRef,
    each: Each<'_>,
    scale: i8,
) -> Result<(), KeyError> {
    written::<T>(keys, each, |text, _, value| {
        put_decimal(text, &value.to_string(), scale);
        Ok(())
    })
}

/// The digits of an unscaled decimal with the point where the scale puts it, and no trailing zeros behind it.
pub(super) fn put_decimal(text: &mut String, unscaled: &str, scale: i8) {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    let places = usize::from(scale.unsigned_abs());
    if scale <= 0 {
        let zeros = if digits == "0" { 0 } else { places };
        put(text, format_args!("{sign}{digits}{}", "0".repeat(zeros)));
        return;
    }
    let padded = format!("{digits:0>width$}", width = places + 1);
    let (whole, fraction) = padded.split_at(padded.len() - places);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    put(text, format_args!("{sign}{whole}{point}{fraction}"));
}

fn dates<T: ArrowPrimitiveType>(
    keys: &ArrayRef,
    each: Each<'_>,
    days: impl Fn(T::Native) -> i64,
) -> Result<(), KeyError> {
    written::<T>(keys, each, |text, row, value| {
        let days = days(value);
        let epoch = NaiveDate::default();
        let date = chrono::TimeDelta::try_days(days).and_then(|delta| epoch.checked_add_signed(delta));
        put_date(text, date.ok_or(KeyError::Calendar { row, value: days })?);
        Ok(())
    })
}

fn times<T: ArrowPrimitiveType<Native = i64>>(
    keys: &ArrayRef,
    each: Each<'_>,
    per_second: i64,
) -> Result<(), KeyError> {
    written::<T>(keys, each, |text, row, value| {
        let nanos = value.rem_euclid(per_second) * (1_000_000_000 / per_second);
        let time = DateTime::<Utc>::from_timestamp(value.div_euclid(per_second), nanos as u32);
        put_time(text, time.ok_or(KeyError::Calendar { row, value })?);
        Ok(())
    })
}

fn put_date(text: &mut String, date: NaiveDate) {
    put(text, format_args!("{:04}-{:02}-{:02}", date.year(), date.month(), date.day()));
}

fn put_time(text: &mut String, time: DateTime<Utc>) {
    put_date(text, time.date_naive());
    put(text, format_args!("T{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second()));
    if time.nanosecond() != 0 {
        let fraction = format!("{:09}", time.nanosecond());
        put(text, format_args!(".{}", fraction.trim_end_matches('0')));
    }
    put(text, 'Z');
}
