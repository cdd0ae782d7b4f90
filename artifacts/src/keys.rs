//! Keys of people: one canonical text for every type that a key column may have, and its hash.
//!
//! The text makes equal what means the same person: the integer 42, the float 42.0, the decimal 42.00 and the string
//! `42` are one key. Hashes are xxh3 with 128 bits over the text's bytes: used for splits, ties, holdouts, seeds and
//! exclusions, the same on every machine.
//!
//! | column | text |
//! |---|---|
//! | integers | decimal digits, `-` in front of negative ones |
//! | floats | as integers; a fraction, NaN, an infinity or 2^53 and beyond is an error |
//! | decimals | digits, with a fraction only where it is not zero, without trailing zeros |
//! | text, bytes | as they are |
//! | booleans | `true`, `false` |
//! | dates | `2024-02-29` |
//! | timestamps | UTC, `2024-02-29T13:00:00Z`, with a fraction only where it is not zero, without trailing zeros |
//! | dictionaries | their values' |

mod text;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::compute::take;
use arrow::datatypes::DataType;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use text::for_each_text;

/// A key column that has no canonical text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A row without a key.
    #[error("row {row} has no key: a key column must not be null")]
    Null {
        /// The row, from 0 in its batch.
        row: usize,
    },
    /// A float that is no whole number.
    #[error("row {row} has the key {value}: a float can be a key only if it is a whole number below 2^53")]
    Fraction {
        /// The row, from 0 in its batch.
        row: usize,
        /// The value.
        value: String,
    },
    /// A time outside the calendar.
    #[error("row {row} has a date or time outside the calendar: {value}")]
    Calendar {
        /// The row, from 0 in its batch.
        row: usize,
        /// The value as it is stored.
        value: i64,
    },
    /// Bytes that are no text, where text is needed.
    #[error("row {row} has a key that is not UTF-8")]
    NotText {
        /// The row, from 0 in its batch.
        row: usize,
    },
    /// A type that identifies nobody.
    #[error(
        "a key column cannot be of type {found}: use integers, text, bytes, dates, timestamps, booleans or decimals"
    )]
    Type {
        /// The column's type.
        found: DataType,
    },
}

/// Whether a column of this type can be a key.
pub fn is_key_type(data_type: &DataType) -> bool {
    text::is_supported(data_type)
}

/// The hash of every key; a null is an error.
pub fn hash_keys(keys: &ArrayRef, seed: u64) -> Result<Vec<u128>, KeyError> {
    let mut hashes = Vec::with_capacity(keys.len());
    for_each_hash(keys, seed, |row, hash| {
        hashes.push(hash.ok_or(KeyError::Null { row })?);
        Ok(())
    })?;
    Ok(hashes)
}

/// The hash of every key, `None` for null.
pub fn hash_nullable_keys(keys: &ArrayRef, seed: u64) -> Result<Vec<Option<u128>>, KeyError> {
    let mut hashes = Vec::with_capacity(keys.len());
    for_each_hash(keys, seed, |_, hash| {
        hashes.push(hash);
        Ok(())
    })?;
    Ok(hashes)
}

/// The hash of a key that is given as its canonical text.
pub fn hash_text(text: &[u8], seed: u64) -> u128 {
    xxh3_128_with_seed(text, seed)
}

/// A seed of its own for every use and salt, so that a split and a holdout of the same people are independent.
pub fn seed_of(purpose: &str, salt: &str) -> u64 {
    let mut text = purpose.as_bytes().to_vec();
    text.push(0);
    text.extend_from_slice(salt.as_bytes());
    xxhash_rust::xxh3::xxh3_64(&text)
}

/// A hash as a number that is uniform in 0..1.
pub fn unit_interval(hash: u128) -> f64 {
    ((hash >> 75) as u64) as f64 / (1u64 << 53) as f64
}

/// The canonical text of every key, null for null.
pub fn key_texts(keys: &ArrayRef) -> Result<StringArray, KeyError> {
    let mut texts = StringBuilder::with_capacity(keys.len(), keys.len() * 12);
    for_each_text(&expanded(keys), |row, text| {
        let text = text.map(|text| std::str::from_utf8(text).map_err(|_| KeyError::NotText { row }));
        texts.append_option(text.transpose()?);
        Ok(())
    })?;
    Ok(texts.finish())
}

/// Calls back with the hash of every row; a dictionary's values are hashed once each.
fn for_each_hash(
    keys: &ArrayRef,
    seed: u64,
    mut each: impl FnMut(usize, Option<u128>) -> Result<(), KeyError>,
) -> Result<(), KeyError> {
    let dictionary = keys.as_any_dictionary_opt().filter(|dictionary| !dictionary.values().is_empty());
    if let Some(dictionary) = dictionary
        && let Ok(hashes) = hash_nullable_keys(dictionary.values(), seed)
    {
        let codes = dictionary.normalized_keys().into_iter().enumerate();
        return codes
            .map(|(row, code)| (row, hashes[code].filter(|_| dictionary.is_valid(row))))
            .try_for_each(|(row, hash)| each(row, hash));
    }
    for_each_text(&expanded(keys), |row, text| each(row, text.map(|text| xxh3_128_with_seed(text, seed))))
}

/// A dictionary's values, row by row; so an error names a row, and a value that no row has is none.
fn expanded(keys: &ArrayRef) -> ArrayRef {
    let dictionary = keys.as_any_dictionary_opt();
    let expanded = dictionary.and_then(|dictionary| take(dictionary.values(), dictionary.keys(), None).ok());
    expanded.unwrap_or_else(|| Arc::clone(keys))
}

#[cfg(test)]
mod tests;
