//! Reading Arrow columns: which types a kind of feature takes, numbers as f64.

use arrow::array::{Array, AsArray, PrimitiveArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};

/// `$body` with `$key` standing for a dictionary's key type.
macro_rules! with_key_type {
    ($key_type:expr, $key:ident => $body:expr) => {
        with_key_type!($key_type, $key => $body,
            Int8 Int8Type, Int16 Int16Type, Int32 Int32Type, Int64 Int64Type,
            UInt8 UInt8Type, UInt16 UInt16Type, UInt32 UInt32Type, UInt64 UInt64Type)
    };
    ($key_type:expr, $key:ident => $body:expr, $($variant:ident $native:ident),+) => {
        match $key_type {
            $(arrow::datatypes::DataType::$variant => {
                type $key = arrow::datatypes::$native;
                $body
            })+
            other => unreachable!("{other} is no key type of a dictionary"),
        }
    };
}
pub(super) use with_key_type;

/// Whether a numeric feature reads it.
pub fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Boolean => true,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => true,
        DataType::Dictionary(_, values) => is_number(values),
        other => other.is_integer() || other.is_floating(),
    }
}

/// Whether a categorical feature reads it.
pub(super) fn is_category(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Boolean => true,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => true,
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => true,
        DataType::Dictionary(_, values) => is_category(values),
        other => other.is_integer() || other.is_floating(),
    }
}

/// Whether a bag feature reads it.
pub(super) fn is_bag(data_type: &DataType) -> bool {
    is_list_of(is_category, data_type)
}

/// Whether it is lists of numbers.
pub(super) fn is_number_list(data_type: &DataType) -> bool {
    is_list_of(is_number, data_type)
}

fn is_list_of(is_item: fn(&DataType) -> bool, data_type: &DataType) -> bool {
    match data_type {
        DataType::Null => true,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            is_item(item.data_type())
        }
        _ => false,
    }
}

/// Whether a timestamp feature reads it.
pub(super) fn is_time(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => true,
        DataType::Dictionary(_, values) => is_time(values),
        _ => false,
    }
}

/// Puts `null` where the column is null.
pub(super) fn set_nulls<T: Copy>(nulls: Option<&NullBuffer>, out: &mut [T], null: T) {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return };
    let words = nulls.inner().bit_chunks();
    for (out, word) in out.chunks_mut(64).zip(words.iter_padded()) {
        if word != u64::MAX {
            out.iter_mut()
                .enumerate()
                .for_each(|(bit, value)| *value = if word >> bit & 1 == 1 { *value } else { null });
        }
    }
}

/// `codes[key]` for every key of a dictionary column. `codes` has one entry more than the dictionary: the last stands for
/// null, and for whatever lies in the key of a null row.
pub(super) fn gather<K: ArrowPrimitiveType, T: Copy>(keys: &PrimitiveArray<K>, codes: &[T], out: &mut [T]) {
    let last = codes.len() - 1;
    for (out, key) in out.iter_mut().zip(keys.values()) {
        *out = codes[key.as_usize().min(last)];
    }
    set_nulls(keys.nulls(), out, codes[last]);
}

/// The numbers of a column that [`is_number`], NaN where they are missing: null, NaN, infinite, or beyond ±3.4e38 (what an
/// f32 holds; some programs write the largest f64 for "missing").
pub fn read_numbers(array: &dyn Array, out: &mut Vec<f64>) {
    out.clear();
    out.resize(array.len(), f64::NAN);
    read_present(array, out);
    let largest = f64::from(f32::MAX);
    out.iter_mut().for_each(|value| *value = if value.abs() <= largest { *value } else { f64::NAN });
    set_nulls(array.nulls(), out, f64::NAN);
}

fn read_present(array: &dyn Array, out: &mut [f64]) {
    match array.data_type() {
        DataType::Boolean => {
            let values = array.as_boolean().values();
            out.iter_mut().zip(values).for_each(|(out, value)| *out = f64::from(u8::from(value)));
        }
        DataType::Int8 => convert::<Int8Type>(array, out, f64::from),
        DataType::Int16 => convert::<Int16Type>(array, out, f64::from),
        DataType::Int32 => convert::<Int32Type>(array, out, f64::from),
        DataType::Int64 => convert::<Int64Type>(array, out, |value| value as f64),
        DataType::UInt8 => convert::<UInt8Type>(array, out, f64::from),
        DataType::UInt16 => convert::<UInt16Type>(array, out, f64::from),
        DataType::UInt32 => convert::<UInt32Type>(array, out, f64::from),
        DataType::UInt64 => convert::<UInt64Type>(array, out, |value| value as f64),
        DataType::Float16 => convert::<Float16Type>(array, out, |value| value.to_f64()),
        DataType::Float32 => convert::<Float32Type>(array, out, f64::from),
        DataType::Float64 => convert::<Float64Type>(array, out, |value| value),
        DataType::Decimal32(_, scale) => {
            let unit = power_of_ten(*scale);
            convert::<Decimal32Type>(array, out, |value| f64::from(value) / unit);
        }
        DataType::Decimal64(_, scale) => {
            let unit = power_of_ten(*scale);
            convert::<Decimal64Type>(array, out, |value| value as f64 / unit);
        }
        DataType::Decimal128(_, scale) => {
            let unit = power_of_ten(*scale);
            convert::<Decimal128Type>(array, out, |value| value as f64 / unit);
        }
        DataType::Decimal256(_, scale) => {
            let unit = power_of_ten(*scale);
            convert::<Decimal256Type>(array, out, |value| value.to_string().parse::<f64>().unwrap_or(f64::NAN) / unit);
        }
        DataType::Dictionary(key_type, _) => with_key_type!(key_type.as_ref(), Key => {
            let dictionary = array.as_dictionary::<Key>();
            let mut numbers = Vec::new();
            read_numbers(dictionary.values(), &mut numbers);
            numbers.push(f64::NAN);
            gather(dictionary.keys(), &numbers, out);
        }),
        _ => {}
    }
}

fn convert<T: ArrowPrimitiveType>(array: &dyn Array, out: &mut [f64], number: impl Fn(T::Native) -> f64) {
    let values = array.as_primitive::<T>().values();
    out.iter_mut().zip(values).for_each(|(out, &value)| *out = number(value));
}

fn power_of_ten(scale: i8) -> f64 {
    10f64.powi(i32::from(scale))
}

#[cfg(test)]
mod tests;
