//! Cells of categorical values.

use arrow::array::Array;
use xxhash_rust::xxh3::xxh3_64;

use crate::encode::hash::Integer;
use crate::encode::values::{DictionaryCodes, ValueCodes, encode_values};

/// Bits of the hash that tell a category's cell: 4096 cells.
const CELL_BITS: u32 = 12;

/// What stands for null.
const NULL: u16 = u16::MAX;

/// Values become the cells of their texts.
struct Cells;

impl ValueCodes for Cells {
    type Code = u16;

    fn null(&self) -> u16 {
        NULL
    }

    fn text(&self, text: &[u8]) -> u16 {
        (xxh3_64(text) >> (u64::BITS - CELL_BITS)) as u16
    }

    fn texts(&self, texts: &[&[u8]], out: &mut [u16]) {
        out.iter_mut().zip(texts).for_each(|(out, text)| *out = self.text(text));
    }

    fn integers<N: Integer>(&self, values: &[N], out: &mut [u16]) {
        out.iter_mut().zip(values).for_each(|(out, value)| *out = self.text(value.text().as_bytes()));
    }
}

/// Looks up the cells of one column's batches.
#[derive(Debug, Default)]
pub(super) struct CategoryCells {
    dictionary: DictionaryCodes<u16>,
    codes: Vec<u16>,
}

impl CategoryCells {
    /// The cell of each value, none for null.
    pub(super) fn of(&mut self, values: &dyn Array) -> impl Iterator<Item = Option<u16>> + '_ {
        self.codes.clear();
        self.codes.resize(values.len(), NULL);
        encode_values(values, &Cells, &mut self.dictionary, &mut self.codes);
        self.codes.iter().map(|code| (*code != NULL).then_some(*code))
    }
}
