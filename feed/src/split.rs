//! Which part a row belongs to: training, validation or test.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use artifacts::keys::{KeyError, hash_keys, is_key_type, seed_of, unit_interval};
use spec::ColumnName;
use spec::training::{Shares, Split};
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::error::{FeedError, ValueFault};

/// A part of the examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What the model learns from.
    Train,
    /// For early stopping and calibration.
    Validation,
    /// Never seen until the end.
    Test,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];
}

/// Tells rows' parts. The same key is in the same part in every table and run.
#[derive(Debug, Clone)]
pub struct Splitter {
    rule: Rule,
    column: ColumnName,
}

#[derive(Debug, Clone)]
enum Rule {
    Key(Shares),
    Random(Shares),
    Column,
    /// Days since 1970 from which rows validate, and from which they test.
    Time {
        validation_from: i32,
        test_from: i32,
    },
}

/// A value that tells no part: its row in the batch, and why.
pub(crate) type SplitFault = (usize, ValueFault);

impl Splitter {
    /// The splitter of a document; `key` is its key column.
    pub fn new(split: &Split, key: &ColumnName) -> Self {
        let (rule, column) = match split {
            Split::Key(shares) => (Rule::Key(shares.clone()), key),
            Split::Random(shares) => (Rule::Random(shares.clone()), key),
            Split::Column(split) => (Rule::Column, &split.column),
            Split::Time(split) => {
                let validation_from = split.validation_from.to_epoch_days();
                (Rule::Time { validation_from, test_from: split.test_from.to_epoch_days() }, &split.column)
            }
        };
        Self { rule, column: column.clone() }
    }

    /// The column that it reads.
    pub fn column(&self) -> &ColumnName {
        &self.column
    }

    /// Fails where the column's type cannot tell parts.
    pub(crate) fn check(&self, data_type: &DataType) -> Result<(), FeedError> {
        let value_type = match data_type {
            DataType::Dictionary(_, values) => values.as_ref(),
            other => other,
        };
        let wanted = match &self.rule {
            Rule::Key(_) | Rule::Random(_) if is_key_type(data_type) => return Ok(()),
            Rule::Key(_) | Rule::Random(_) => "the key that rows are split by is a string, integer, date or the like",
            Rule::Column if is_text(value_type) => return Ok(()),
            Rule::Column => "a split column is a string: `train`, `validation` or `test`",
            Rule::Time { .. } if units_per_day(value_type).is_some() => return Ok(()),
            Rule::Time { .. } => "a split by time needs a date or timestamp",
        };
        Err(FeedError::SplitType { column: self.column.clone(), found: data_type.clone(), wanted })
    }

    /// The part of every row of a batch whose first row is `first_row` of its table.
    pub(crate) fn parts(&self, column: &ArrayRef, first_row: u64) -> Result<Vec<Part>, SplitFault> {
        match &self.rule {
            Rule::Key(shares) => {
                let hashes = hash_keys(column, seed_of("split", "")).map_err(key_fault)?;
                Ok(hashes.into_iter().map(|hash| part_of(shares, unit_interval(hash))).collect())
            }
            Rule::Random(shares) => {
                let seed = seed_of("split", "random");
                let hashes = hash_keys(column, seed).map_err(key_fault)?;
                let drawn = |(key, position): (u128, u64)| {
                    let mut bytes = [0; 24];
                    bytes[..16].copy_from_slice(&key.to_le_bytes());
                    bytes[16..].copy_from_slice(&position.to_le_bytes());
                    part_of(shares, unit_interval(xxh3_128_with_seed(&bytes, seed)))
                };
                Ok(hashes.into_iter().zip(first_row..).map(drawn).collect())
            }
            Rule::Column => named_parts(column),
            Rule::Time { validation_from, test_from } => timed_parts(column, *validation_from, *test_from),
        }
    }
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

fn part_of(shares: &Shares, drawn: f64) -> Part {
    if drawn < shares.test {
        Part::Test
    } else if drawn < shares.test + shares.validation {
        Part::Validation
    } else {
        Part::Train
    }
}

/// The row that a key error names, and the error.
pub(crate) fn key_fault(error: KeyError) -> SplitFault {
    let row = match &error {
        KeyError::Null { row }
        | KeyError::Fraction { row, .. }
        | KeyError::Calendar { row, .. }
        | KeyError::NotText { row } => *row,
        KeyError::Type { .. } => 0,
    };
    (row, ValueFault::Key(error))
}

fn named_parts(column: &ArrayRef) -> Result<Vec<Part>, SplitFault> {
    let Some(dictionary) = column.as_any_dictionary_opt().filter(|dictionary| !dictionary.values().is_empty()) else {
        let rows = texts_of(column);
        return rows.iter().enumerate().map(|(row, name)| named(name).map_err(|fault| (row, fault))).collect();
    };
    let values: Vec<_> = texts_of(dictionary.values()).iter().map(named).collect();
    let keys = dictionary.normalized_keys().into_iter().enumerate();
    keys.map(|(row, key)| {
        let part = if dictionary.is_valid(row) { values[key].clone() } else { Err(ValueFault::NoPart) };
        part.map_err(|fault| (row, fault))
    })
    .collect()
}

/// A column of strings as one kind of array; of another type, nulls.
fn texts_of(column: &ArrayRef) -> StringArray {
    let texts = cast(column, &DataType::Utf8).ok();
    let texts = texts.and_then(|texts| texts.as_string_opt::<i32>().cloned());
    texts.unwrap_or_else(|| StringArray::new_null(column.len()))
}

fn named(name: Option<&str>) -> Result<Part, ValueFault> {
    match name {
        Some("train") => Ok(Part::Train),
        Some("validation") => Ok(Part::Validation),
        Some("test") => Ok(Part::Test),
        Some(other) => Err(ValueFault::Part { part: other.chars().take(40).collect() }),
        None => Err(ValueFault::NoPart),
    }
}

fn units_per_day(data_type: &DataType) -> Option<i128> {
    let units_a_second = match data_type {
        DataType::Date32 => return Some(1),
        DataType::Date64 | DataType::Timestamp(TimeUnit::Millisecond, _) => 1_000,
        DataType::Timestamp(TimeUnit::Second, _) => 1,
        DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000_000,
        DataType::Timestamp(TimeUnit::Nanosecond, _) => 1_000_000_000,
        _ => return None,
    };
    Some(86_400 * units_a_second)
}

fn timed_parts(column: &ArrayRef, validation_from: i32, test_from: i32) -> Result<Vec<Part>, SplitFault> {
    let plain = match column.data_type() {
        DataType::Dictionary(_, values) => cast(column, values).unwrap_or_else(|_| column.clone()),
        _ => column.clone(),
    };
    let a_day = units_per_day(plain.data_type()).unwrap_or(1);
    let (validation_from, test_from) = (i128::from(validation_from) * a_day, i128::from(test_from) * a_day);
    let part = |time: i64| match i128::from(time) {
        time if time >= test_from => Part::Test,
        time if time >= validation_from => Part::Validation,
        _ => Part::Train,
    };
    let times = cast(&plain, &DataType::Int64).ok();
    let times = times.and_then(|times| times.as_primitive_opt::<Int64Type>().cloned());
    let times = times.unwrap_or_else(|| Int64Array::new_null(plain.len()));
    let rows = times.iter().enumerate();
    rows.map(|(row, time)| time.map(part).ok_or((row, ValueFault::NoPart))).collect()
}

#[cfg(test)]
mod tests;
