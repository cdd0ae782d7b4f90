//! Ids of a column's values, as the score table holds them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBuilder, FixedSizeBinaryArray, FixedSizeBinaryBuilder,
    GenericListArray, ListArray, OffsetSizeTrait, StringArray, UInt64Array, downcast_dictionary_array, make_comparator,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{SortOptions, take};
use arrow::datatypes::{DataType, Field};
use artifacts::keys::key_texts;
use md5::Md5;
use sha2::{Digest, Sha256};
use spec::Normalized;

use super::{Hashing, IdRecipe};
use crate::error::{Result, ScorerError};

/// The ids of some rows.
#[derive(Debug, Clone)]
pub struct Derived {
    /// As [`IdRecipe::stored_type`] says; null for people without any.
    pub ids: ArrayRef,
    /// Who has a value that is no id; `None` where every value is one.
    pub invalid: Option<BooleanArray>,
}

impl Derived {
    /// The columns of [`IdRecipe::stored_fields`].
    pub fn columns(self) -> impl Iterator<Item = ArrayRef> {
        std::iter::once(self.ids).chain(self.invalid.map(|invalid| Arc::new(invalid) as ArrayRef))
    }
}

impl IdRecipe {
    /// The ids of these rows; a dictionary's entries are hashed once each. Of a list, each id once, in the list's order.
    ///
    /// # Errors
    ///
    /// A column of a type that [`IdRecipe::check`] refuses.
    pub fn derive(&self, values: &ArrayRef) -> Result<Derived> {
        self.check(values.data_type())?;
        match values.data_type() {
            DataType::List(_) => self.of_lists(values.as_list::<i32>()),
            DataType::LargeList(_) => self.of_lists(values.as_list::<i64>()),
            _ => self.of_values(values),
        }
    }

    fn of_values(&self, values: &ArrayRef) -> Result<Derived> {
        downcast_dictionary_array!(
            values => {
                let entries = self.of_values(values.values())?;
                let ids = take(&entries.ids, values.keys(), None).map_err(ScorerError::rows)?;
                let of_rows = |invalid: BooleanArray| -> BooleanArray {
                    let of_row = |key: Option<usize>| key.is_some_and(|key| invalid.value(key));
                    (0..values.len()).map(|row| Some(of_row(values.key(row)))).collect()
                };
                return Ok(Derived { ids, invalid: entries.invalid.map(of_rows) });
            },
            _ => {}
        );
        match values.data_type() {
            DataType::Utf8 => self.of_texts(values.as_string::<i32>().iter()),
            DataType::LargeUtf8 => self.of_texts(values.as_string::<i64>().iter()),
            DataType::Utf8View => self.of_texts(values.as_string_view().iter()),
            raw if self.is_raw(raw) => Ok(Derived { ids: Arc::clone(values), invalid: None }),
            _ => {
                let texts =
                    key_texts(values).map_err(|source| ScorerError::Key { column: self.column.clone(), source })?;
                self.of_texts(texts.iter())
            }
        }
    }

    fn of_texts<'a>(&self, texts: impl Iterator<Item = Option<&'a str>>) -> Result<Derived> {
        let mut invalid = self.normalizer.can_refuse().then(BooleanBuilder::new);
        let normalized = texts.map(|text| {
            let normalized = text.map_or(Normalized::Missing, |text| self.normalizer.normalize(text));
            if let Some(invalid) = &mut invalid {
                invalid.append_value(normalized == Normalized::Invalid);
            }
            match normalized {
                Normalized::Id(id) => Some(id),
                Normalized::Missing | Normalized::Invalid => None,
            }
        });
        let ids = match &self.hashing {
            Hashing::Sha256 => digests::<32>(normalized, |text| Sha256::digest(text).into())?,
            Hashing::HmacSha256(key) => digests::<32>(normalized, |text| key.hmac(text))?,
            Hashing::Md5 => digests::<16>(normalized, |text| Md5::digest(text).into())?,
            Hashing::None => Arc::new(normalized.collect::<StringArray>()),
        };
        Ok(Derived { ids, invalid: invalid.map(|mut invalid| invalid.finish()) })
    }

    fn of_lists<O: OffsetSizeTrait>(&self, lists: &GenericListArray<O>) -> Result<Derived> {
        let items = self.of_values(lists.values())?;
        let order = make_comparator(&items.ids, &items.ids, SortOptions::default()).map_err(ScorerError::rows)?;
        let range = |row: usize| match lists.is_null(row) {
            true => 0..0,
            false => lists.value_offsets()[row].as_usize()..lists.value_offsets()[row + 1].as_usize(),
        };
        let (mut kept, mut lengths, mut is_there) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..lists.len() {
            let present = range(row).filter(|item| items.ids.is_valid(*item)).collect();
            let once = each_once(present, &order);
            lengths.push(once.len());
            is_there.push(!once.is_empty());
            kept.extend(once.into_iter().map(|item| item as u64));
        }
        let ids = take(&items.ids, &UInt64Array::from(kept), None).map_err(ScorerError::rows)?;
        let field = Arc::new(Field::new_list_field(ids.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths);
        let ids = ListArray::try_new(field, offsets, ids, Some(NullBuffer::from(is_there)));
        let invalid = items.invalid.map(|invalid| {
            let of_row = |row: usize| Some(range(row).any(|item| invalid.value(item)));
            (0..lists.len()).map(of_row).collect()
        });
        Ok(Derived { ids: Arc::new(ids.map_err(ScorerError::rows)?), invalid })
    }
}

/// The first of equal items, in the order in which they come.
fn each_once(mut items: Vec<usize>, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    if items.len() > 1 {
        items.sort_by(|one, other| order(*one, *other).then(one.cmp(other)));
        items.dedup_by(|later, first| order(*later, *first).is_eq());
        items.sort_unstable();
    }
    items
}

fn digests<'a, const WIDTH: usize>(
    texts: impl Iterator<Item = Option<Cow<'a, str>>>,
    digest: impl Fn(&[u8]) -> [u8; WIDTH],
) -> Result<ArrayRef> {
    let mut digests = FixedSizeBinaryBuilder::with_capacity(texts.size_hint().0, WIDTH as i32);
    for text in texts {
        match text {
            Some(text) => digests.append_value(digest(text.as_bytes())).map_err(ScorerError::rows)?,
            None => digests.append_null(),
        }
    }
    let digests: FixedSizeBinaryArray = digests.finish();
    Ok(Arc::new(digests))
}
