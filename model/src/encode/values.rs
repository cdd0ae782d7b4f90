//! Categorical columns to codes, one pass, whatever their type: the type is told once a batch, never once a value.

use arrow::array::{Array, ArrayAccessor, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::column::{gather, set_nulls, with_key_type};
use super::hash::{Integer, binary_text, decimal_text, float_text};

/// Texts that are looked up side by side, so that what each waits for from memory arrives meanwhile.
pub(crate) const TEXTS: usize = 32;

/// What a categorical value becomes: an id, or a hash.
pub(crate) trait ValueCodes {
    /// The code.
    type Code: Copy;

    /// The code of null.
    fn null(&self) -> Self::Code;

    /// The code of a text.
    fn text(&self, text: &[u8]) -> Self::Code;

    /// The codes of at most [`TEXTS`] texts.
    fn texts(&self, texts: &[&[u8]], out: &mut [Self::Code]);

    /// The codes of integers.
    fn integers<N: Integer>(&self, values: &[N], out: &mut [Self::Code]);
}

/// The codes of the last dictionary seen, for as long as batches come with the same one.
#[derive(Debug)]
pub(crate) struct DictionaryCodes<T> {
    values: Option<ArrayRef>,
    codes: Vec<T>,
}

impl<T> Default for DictionaryCodes<T> {
    fn default() -> Self {
        Self { values: None, codes: Vec::new() }
    }
}

impl<T: Copy> DictionaryCodes<T> {
    /// One code an entry, and one more for null. An entry is looked up only when its dictionary is new here.
    fn refresh<V: ValueCodes<Code = T>>(&mut self, values: &ArrayRef, lookup: &V) -> &[T] {
        if !self.values.as_ref().is_some_and(|known| is_same(known, values)) {
            self.codes.clear();
            self.codes.resize(values.len() + 1, lookup.null());
            encode_values(values, lookup, &mut DictionaryCodes::default(), &mut self.codes[..values.len()]);
            // The array is kept, so that its address cannot be given to another one meanwhile.
            self.values = Some(values.clone());
        }
        &self.codes
    }
}

/// Whether two arrays are the same buffers.
pub(super) fn is_same(left: &ArrayRef, right: &ArrayRef) -> bool {
    left.len() == right.len() && left.to_data().ptr_eq(&right.to_data())
}

/// Writes the code of every row of a column that `is_category`.
pub(crate) fn encode_values<V: ValueCodes>(
    array: &dyn Array,
    lookup: &V,
    cache: &mut DictionaryCodes<V::Code>,
    out: &mut [V::Code],
) {
    match array.data_type() {
        DataType::Null => out.fill(lookup.null()),
        DataType::Boolean => {
            let codes = [lookup.text(b"false"), lookup.text(b"true")];
            let values = array.as_boolean().values();
            out.iter_mut().zip(values).for_each(|(out, value)| *out = codes[usize::from(value)]);
        }
        DataType::Dictionary(key_type, _) => {
            with_key_type!(key_type.as_ref(), Key => {
                let dictionary = array.as_dictionary::<Key>();
                gather(dictionary.keys(), cache.refresh(dictionary.values(), lookup), out);
            });
        }
        data_type if data_type.is_integer() => encode_integers(array, lookup, out),
        DataType::Utf8 => encode_texts(array.as_string::<i32>(), lookup, out),
        DataType::LargeUtf8 => encode_texts(array.as_string::<i64>(), lookup, out),
        DataType::Utf8View => encode_texts(array.as_string_view(), lookup, out),
        _ => {
            let mut rows = out.iter_mut();
            each_text(array, |text| {
                if let Some(out) = rows.next() {
                    *out = text.map_or(lookup.null(), |text| lookup.text(text));
                }
            });
        }
    }
    set_nulls(array.nulls(), out, lookup.null());
}

/// Null rows get the code of some text; it is overwritten.
fn encode_texts<'a, V: ValueCodes>(array: impl ArrayAccessor<Item = &'a str>, lookup: &V, out: &mut [V::Code]) {
    let mut texts: [&[u8]; TEXTS] = [b""; TEXTS];
    for (start, out) in (0..).step_by(TEXTS).zip(out.chunks_mut(TEXTS)) {
        let texts = &mut texts[..out.len()];
        texts.iter_mut().enumerate().for_each(|(place, text)| *text = array.value(start + place).as_bytes());
        lookup.texts(texts, out);
    }
}

fn encode_integers<V: ValueCodes>(array: &dyn Array, lookup: &V, out: &mut [V::Code]) {
    fn typed<T: ArrowPrimitiveType<Native: Integer>, V: ValueCodes>(
        array: &dyn Array,
        lookup: &V,
        out: &mut [V::Code],
    ) {
        lookup.integers(array.as_primitive::<T>().values(), out);
    }
    match array.data_type() {
        DataType::Int8 => typed::<Int8Type, V>(array, lookup, out),
        DataType::Int16 => typed::<Int16Type, V>(array, lookup, out),
        DataType::Int32 => typed::<Int32Type, V>(array, lookup, out),
        DataType::Int64 => typed::<Int64Type, V>(array, lookup, out),
        DataType::UInt8 => typed::<UInt8Type, V>(array, lookup, out),
        DataType::UInt16 => typed::<UInt16Type, V>(array, lookup, out),
        DataType::UInt32 => typed::<UInt32Type, V>(array, lookup, out),
        DataType::UInt64 => typed::<UInt64Type, V>(array, lookup, out),
        other => unreachable!("{other} is no integer"),
    }
}

/// Calls `row` with the text of every row of a column of strings, binary values, decimals or floats; none for null and NaN.
pub(super) fn each_text(array: &dyn Array, mut row: impl FnMut(Option<&[u8]>)) {
    let binary = |value: Option<&[u8]>, row: &mut dyn FnMut(Option<&[u8]>)| match value {
        Some(bytes) => row(Some(&binary_text(bytes))),
        None => row(None),
    };
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().for_each(|value| row(value.map(str::as_bytes))),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().for_each(|value| row(value.map(str::as_bytes))),
        DataType::Utf8View => array.as_string_view().iter().for_each(|value| row(value.map(str::as_bytes))),
        DataType::Binary => array.as_binary::<i32>().iter().for_each(|value| binary(value, &mut row)),
        DataType::LargeBinary => array.as_binary::<i64>().iter().for_each(|value| binary(value, &mut row)),
        DataType::BinaryView => array.as_binary_view().iter().for_each(|value| binary(value, &mut row)),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().iter().for_each(|value| binary(value, &mut row)),
        DataType::Decimal32(_, scale) => each_decimal::<Decimal32Type>(array, *scale, row),
        DataType::Decimal64(_, scale) => each_decimal::<Decimal64Type>(array, *scale, row),
        DataType::Decimal128(_, scale) => each_decimal::<Decimal128Type>(array, *scale, row),
        DataType::Decimal256(_, scale) => each_decimal::<Decimal256Type>(array, *scale, row),
        DataType::Float16 => each_float::<Float16Type>(array, |value| float_text(value.to_f64(), value), row),
        DataType::Float32 => each_float::<Float32Type>(array, |value| float_text(f64::from(value), value), row),
        DataType::Float64 => each_float::<Float64Type>(array, |value| float_text(value, value), row),
        other => unreachable!("{other} has no text of its own"),
    }
}

fn each_decimal<T: ArrowPrimitiveType<Native: ToString>>(
    array: &dyn Array,
    scale: i8,
    mut row: impl FnMut(Option<&[u8]>),
) {
    for value in array.as_primitive::<T>() {
        match value {
            Some(value) => row(Some(decimal_text(&value.to_string(), scale).as_bytes())),
            None => row(None),
        }
    }
}

fn each_float<T: ArrowPrimitiveType>(
    array: &dyn Array,
    text: impl Fn(T::Native) -> Option<String>,
    mut row: impl FnMut(Option<&[u8]>),
) {
    for value in array.as_primitive::<T>() {
        row(value.and_then(&text).as_ref().map(String::as_bytes));
    }
}
