//! Counting categorical values by their text or integer, in bounded memory.
//!
//! Up to a limit of distinct values the counts are exact. Beyond it they are a Misra-Gries summary, merged as Agarwal et al.
//! (PODS 2012) do: the same amount is taken off every count and what falls to zero is forgotten. A count is then too low by
//! at most [`ValueCounts::shortfall`], never too high, and every value that occurred more often than that is still there.
//! With a limit of L and N values counted the shortfall is at most 2N/L. What is left depends on the order of the rows
//! alone, not on threads or hashing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use xxhash_rust::xxh3::xxh3_64;

use super::column::with_key_type;
use super::hash::vocabulary_text;
use super::ids::Vocabulary;
use super::values::{each_text, is_same};

/// Most bytes of text that one feature's counts hold before they are pruned.
const MAX_TEXT_BYTES: usize = 256 << 20;

/// Integers from 0 up to this are counted in a plain vector, always exactly.
const SMALL: usize = 1 << 16;

/// Counts of one feature's values.
#[derive(Debug)]
pub(super) struct ValueCounts {
    limit: usize,
    small: Vec<u64>,
    integers: HashMap<i128, u64, BuildHasherDefault<ValueHasher>>,
    texts: HashMap<Box<[u8]>, u64, BuildHasherDefault<ValueHasher>>,
    text_bytes: usize,
    shortfall: u64,
    pending: Option<PendingDictionary>,
}

/// Counts by entry of the dictionary that batches come with at the moment.
#[derive(Debug)]
struct PendingDictionary {
    values: ArrayRef,
    counts: Vec<u64>,
}

impl ValueCounts {
    /// Exact up to `limit` distinct values.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            small: Vec::new(),
            integers: HashMap::default(),
            texts: HashMap::default(),
            text_bytes: 0,
            shortfall: 0,
            pending: None,
        }
    }

    /// The most by which a count may be too low; 0 while counts are exact.
    pub(super) fn shortfall(&self) -> u64 {
        self.shortfall
    }

    /// Counts the values of a column that `is_category`; nulls are not counted.
    pub(super) fn add(&mut self, array: &dyn Array) {
        match array.data_type() {
            DataType::Dictionary(key_type, _) => with_key_type!(key_type.as_ref(), Key => {
                let dictionary = array.as_dictionary::<Key>();
                let counts = self.pending_for(dictionary.values());
                let mut count = |key: usize| counts[key] += 1;
                match dictionary.keys().nulls().filter(|nulls| nulls.null_count() > 0) {
                    None => dictionary.keys().values().iter().for_each(|key| count(key.as_usize())),
                    Some(_) => dictionary.keys().iter().flatten().for_each(|key| count(key.as_usize())),
                }
            }),
            _ => self.add_weighted(array, |_| 1),
        }
    }

    fn pending_for(&mut self, values: &ArrayRef) -> &mut Vec<u64> {
        if !self.pending.as_ref().is_some_and(|pending| is_same(&pending.values, values)) {
            self.flush();
        }
        let fresh = || PendingDictionary { values: values.clone(), counts: vec![0; values.len()] };
        &mut self.pending.get_or_insert_with(fresh).counts
    }

    fn flush(&mut self) {
        if let Some(PendingDictionary { values, counts }) = self.pending.take() {
            self.add_weighted(&values, |entry| counts[entry]);
        }
    }

    fn add_weighted(&mut self, array: &dyn Array, weight: impl Fn(usize) -> u64) {
        match array.data_type() {
            DataType::Null => {}
            DataType::Boolean => {
                for (row, value) in array.as_boolean().iter().enumerate() {
                    value.into_iter().for_each(|value| {
                        self.add_text(if value { b"true" } else { b"false" }, weight(row));
                    });
                }
            }
            DataType::Int8 => self.add_integers::<Int8Type>(array, weight),
            DataType::Int16 => self.add_integers::<Int16Type>(array, weight),
            DataType::Int32 => self.add_integers::<Int32Type>(array, weight),
            DataType::Int64 => self.add_integers::<Int64Type>(array, weight),
            DataType::UInt8 => self.add_integers::<UInt8Type>(array, weight),
            DataType::UInt16 => self.add_integers::<UInt16Type>(array, weight),
            DataType::UInt32 => self.add_integers::<UInt32Type>(array, weight),
            DataType::UInt64 => self.add_integers::<UInt64Type>(array, weight),
            _ => {
                let mut row = 0;
                each_text(array, |text| {
                    text.into_iter().for_each(|text| self.add_text(text, weight(row)));
                    row += 1;
                });
            }
        }
    }

    fn add_integers<T: ArrowPrimitiveType<Native: Into<i128>>>(
        &mut self,
        array: &dyn Array,
        weight: impl Fn(usize) -> u64,
    ) {
        let array = array.as_primitive::<T>();
        let mut count = |row: usize, value: T::Native| self.add_integer(value.into(), weight(row));
        match array.nulls().filter(|nulls| nulls.null_count() > 0) {
            None => array.values().iter().enumerate().for_each(|(row, &value)| count(row, value)),
            Some(nulls) => nulls.valid_indices().for_each(|row| count(row, array.values()[row])),
        }
    }

    fn add_integer(&mut self, value: i128, count: u64) {
        if count == 0 {
            return;
        }
        if (0..SMALL as i128).contains(&value) {
            let index = value as usize;
            if index >= self.small.len() {
                self.small.resize((index + 1).next_power_of_two(), 0);
            }
            self.small[index] += count;
            return;
        }
        *self.integers.entry(value).or_insert(0) += count;
        self.prune();
    }

    fn add_text(&mut self, text: &[u8], count: u64) {
        if count == 0 {
            return;
        }
        let text = vocabulary_text(text);
        if let Some(known) = self.texts.get_mut(text.as_ref()) {
            *known += count;
            return;
        }
        self.text_bytes += text.len();
        self.texts.insert(text.into_owned().into_boxed_slice(), count);
        self.prune();
    }

    /// Where there are too many, takes the count of the value in the middle off all of them.
    fn prune(&mut self) {
        while self.integers.len() + self.texts.len() > self.limit || self.text_bytes > MAX_TEXT_BYTES {
            let mut counts: Vec<u64> = self.integers.values().chain(self.texts.values()).copied().collect();
            let middle = (self.limit / 2).min(counts.len() / 2);
            let (_, &mut taken, _) = counts.select_nth_unstable_by(middle, |left, right| right.cmp(left));
            let keep = |count: &mut u64| {
                *count = count.saturating_sub(taken);
                *count > 0
            };
            self.integers.retain(|_, count| keep(count));
            self.texts.retain(|_, count| keep(count));
            self.text_bytes = self.texts.keys().map(|text| text.len()).sum();
            self.shortfall += taken;
        }
    }

    /// Adds another's counts.
    pub(super) fn merge(&mut self, mut other: Self) {
        self.flush();
        other.flush();
        self.shortfall += other.shortfall;
        self.small.resize(self.small.len().max(other.small.len()), 0);
        self.small.iter_mut().zip(&other.small).for_each(|(count, more)| *count += more);
        for (value, count) in sorted(other.integers) {
            self.add_integer(value, count);
        }
        for (text, count) in sorted(other.texts) {
            self.add_text(&text, count);
        }
    }

    /// The values counted at least `min_count` times, most frequent first, at most `max_size`. Where an integer and a text
    /// were both seen (files of different types), integers count as their text.
    pub(super) fn into_vocabulary(self, min_count: u64, max_size: usize) -> Vocabulary {
        self.into_counted(min_count, max_size).0
    }

    /// The same, with the count of each value.
    pub(super) fn into_counted(mut self, min_count: u64, max_size: usize) -> (Vocabulary, Vec<u64>) {
        self.flush();
        let small = std::mem::take(&mut self.small);
        let small = small.into_iter().enumerate().filter(|&(_, count)| count > 0);
        let mut integers: Vec<(i128, u64)> = small.map(|(value, count)| (value as i128, count)).collect();
        integers.extend(std::mem::take(&mut self.integers));
        if self.texts.is_empty() && !integers.is_empty() {
            let (integers, counts) = most_frequent(integers, min_count, max_size);
            return (Vocabulary::Integers(integers), counts);
        }
        for (value, count) in integers {
            *self.texts.entry(value.to_string().into_bytes().into_boxed_slice()).or_insert(0) += count;
        }
        let (texts, counts) = most_frequent(self.texts.into_iter().collect(), min_count, max_size);
        let texts = texts.into_iter().map(|text| String::from_utf8_lossy(&text).into_owned());
        (Vocabulary::Texts(texts.collect()), counts)
    }
}

fn sorted<K: Ord, S>(counts: HashMap<K, u64, S>) -> Vec<(K, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    counts
}

fn most_frequent<K: Ord>(mut counts: Vec<(K, u64)>, min_count: u64, max_size: usize) -> (Vec<K>, Vec<u64>) {
    counts.retain(|&(_, count)| count >= min_count);
    counts.sort_unstable_by(|left, right| right.1.cmp(&left.1).then_with(|| left.0.cmp(&right.0)));
    counts.truncate(max_size);
    counts.into_iter().unzip()
}

/// Hashes texts with xxh3 and integers with one product; not for input that an attacker chooses to collide, which would
/// cost time alone.
#[derive(Debug, Default)]
struct ValueHasher(u64);

impl Hasher for ValueHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= xxh3_64(bytes);
    }

    fn write_usize(&mut self, _length: usize) {}

    fn write_u128(&mut self, value: u128) {
        let product = (value as u64 ^ (value >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = product ^ product >> 32;
    }

    fn write_i128(&mut self, value: i128) {
        self.write_u128(value as u128);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests;
