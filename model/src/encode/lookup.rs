//! From a categorical value to its id: hash tables over a vocabulary, or hash buckets.

use arrow::datatypes::DataType;

use super::hash::{Integer, bucket, hash_text, vocabulary_text};
use super::ids::{Ids, Vocabulary};
use super::texts::TextTable;
use super::values::ValueCodes;

/// Ids of one feature, its first row of the merged table already added.
#[derive(Debug)]
pub(super) struct IdLookup {
    null: i32,
    first: i32,
    table: Table,
}

#[derive(Debug)]
enum Table {
    Texts(TextTable),
    Integers(IntegerTable),
    Buckets { buckets: u32, seed: u64 },
}

impl IdLookup {
    /// A lookup for values of a type: the element type of lists, the value type of dictionaries. `null` is what null
    /// becomes: the first row, or what its caller tells it by.
    pub(super) fn new(ids: &Ids, data_type: &DataType, first_row: u32, null: i32) -> Self {
        let first = first_row as i32;
        let table = match ids {
            Ids::Hash { buckets, seed } => Table::Buckets { buckets: *buckets, seed: *seed },
            Ids::Vocabulary(vocabulary) if data_type.is_integer() => {
                Table::Integers(IntegerTable::new(vocabulary, *data_type == DataType::UInt64, first))
            }
            Ids::Vocabulary(vocabulary) => Table::Texts(TextTable::new(vocabulary, first)),
        };
        Self { null, first, table }
    }
}

impl ValueCodes for IdLookup {
    type Code = i32;

    fn null(&self) -> i32 {
        self.null
    }

    fn text(&self, text: &[u8]) -> i32 {
        match &self.table {
            Table::Texts(table) => table.find(&vocabulary_text(text)),
            Table::Buckets { buckets, seed } => self.first + 1 + bucket(hash_text(text, *seed), *buckets) as i32,
            Table::Integers(_) => unreachable!("this lookup was made for integers"),
        }
    }

    fn texts(&self, texts: &[&[u8]], out: &mut [i32]) {
        match &self.table {
            Table::Texts(table) => table.find_all(texts, out),
            Table::Buckets { .. } | Table::Integers(_) => {
                out.iter_mut().zip(texts).for_each(|(out, text)| *out = self.text(text));
            }
        }
    }

    fn integers<N: Integer>(&self, values: &[N], out: &mut [i32]) {
        match &self.table {
            Table::Integers(IntegerTable::Dense { first_key, ids }) => {
                let last = ids.len() - 1;
                for (out, value) in out.iter_mut().zip(values) {
                    let index = value.key().wrapping_sub(*first_key);
                    *out = ids[index.min(last as u64) as usize];
                }
            }
            Table::Integers(IntegerTable::Sparse(table)) => {
                out.iter_mut().zip(values).for_each(|(out, value)| *out = table.find(value.key()));
            }
            Table::Buckets { buckets, seed } => {
                for (out, value) in out.iter_mut().zip(values) {
                    *out = self.first + 1 + bucket(hash_text(value.text().as_bytes(), *seed), *buckets) as i32;
                }
            }
            Table::Texts(_) => unreachable!("this lookup was made for texts"),
        }
    }
}

/// The vocabulary's integers.
#[derive(Debug)]
enum IntegerTable {
    /// One id for every integer from the smallest to the largest, and the unknown id after them.
    Dense { first_key: u64, ids: Vec<i32> },
    /// Where they lie too far apart for that.
    Sparse(SparseTable),
}

/// Spread of integers, per value of the vocabulary, up to which the table is dense; and the spread that always is.
const DENSE_SPREAD: u64 = 8;
const DENSE_ALWAYS: u64 = 1 << 16;

impl IntegerTable {
    fn new(vocabulary: &Vocabulary, unsigned: bool, first: i32) -> Self {
        let mut entries = Vec::with_capacity(vocabulary.len());
        let mut id = first + 1;
        vocabulary.each_integer(|value| {
            id += 1;
            let key = value.and_then(|value| match unsigned {
                true => u64::try_from(value).ok(),
                false => i64::try_from(value).ok().map(|value| value as u64),
            });
            entries.extend(key.map(|key| (key, id)));
        });
        let order = |key: u64| if unsigned { key } else { key ^ 1 << 63 };
        let smallest = entries.iter().map(|&(key, _)| order(key)).min().unwrap_or(0);
        let largest = entries.iter().map(|&(key, _)| order(key)).max().unwrap_or(0);
        let spread = largest - smallest;
        if spread < DENSE_ALWAYS.max(DENSE_SPREAD * entries.len() as u64) {
            let first_key = order(smallest);
            let mut ids = vec![first + 1; spread as usize + 2];
            entries.iter().for_each(|&(key, id)| ids[key.wrapping_sub(first_key) as usize] = id);
            return Self::Dense { first_key, ids };
        }
        Self::Sparse(SparseTable::new(&entries, first + 1))
    }
}

/// An open-addressing table, at most half full. An empty slot holds the unknown id, so that a search ends at the key or at
/// an empty slot with the answer in hand.
#[derive(Debug)]
struct SparseTable {
    slots: Vec<(u64, i32)>,
    unknown: i32,
    shift: u32,
}

impl SparseTable {
    fn new(entries: &[(u64, i32)], unknown: i32) -> Self {
        let size = (entries.len() * 2).next_power_of_two().max(2);
        let mut table = Self { slots: vec![(0, unknown); size], unknown, shift: 64 - size.trailing_zeros() };
        for &(key, id) in entries {
            let mut slot = table.start(key);
            while table.slots[slot].1 != unknown {
                slot = (slot + 1) & (size - 1);
            }
            table.slots[slot] = (key, id);
        }
        table
    }

    fn start(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    fn find(&self, key: u64) -> i32 {
        let mut slot = self.start(key);
        loop {
            let (known, id) = self.slots[slot];
            if known == key || id == self.unknown {
                return id;
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

/// Hashes of values, for crosses: null is 0.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashLookup {
    /// The cross's seed.
    pub(super) seed: u64,
}

impl ValueCodes for HashLookup {
    type Code = u64;

    fn null(&self) -> u64 {
        0
    }

    fn text(&self, text: &[u8]) -> u64 {
        hash_text(text, self.seed)
    }

    fn texts(&self, texts: &[&[u8]], out: &mut [u64]) {
        out.iter_mut().zip(texts).for_each(|(out, text)| *out = self.text(text));
    }

    fn integers<N: Integer>(&self, values: &[N], out: &mut [u64]) {
        out.iter_mut().zip(values).for_each(|(out, value)| *out = hash_text(value.text().as_bytes(), self.seed));
    }
}
