//! Key tables: seeds, buyers, blacklists, as sets of hashed keys.

use arrow::array::{ArrayRef, BooleanArray};
use artifacts::keys::{KeyError, hash_nullable_keys, is_key_type};
use futures::TryStreamExt;
use spec::{ColumnName, KeyTable, TableName};

use crate::error::{QueryError, Result};
use crate::session::{RowStream, Session};
use crate::sql::Origin;

/// Hashes that are waited for before they are sorted into the set.
const UNSORTED_KEYS: usize = 1 << 20;

/// The distinct keys of a table, as 128-bit hashes of their canonical text: 16 bytes a key, however long it is.
///
/// Keys are equal when their text is, whatever their types: the integer 7 is in a set of the text `7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    /// Ascending, each once.
    hashes: Vec<u128>,
    duplicates: u64,
    nulls: u64,
}

impl KeySet {
    /// The seed that keys are hashed with.
    pub const SEED: u64 = 0;

    /// The set of these hashes, made with [`KeySet::SEED`].
    pub fn from_hashes(hashes: impl IntoIterator<Item = u128>) -> Self {
        let mut builder = Builder::default();
        hashes.into_iter().for_each(|hash| builder.add(Some(hash)));
        builder.finish()
    }

    /// Distinct keys.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Rows whose key an earlier row had.
    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    /// Rows without a key.
    pub fn nulls(&self) -> u64 {
        self.nulls
    }

    /// The hashes, ascending.
    pub fn hashes(&self) -> &[u128] {
        &self.hashes
    }

    /// Whether a key of this hash, made with [`KeySet::SEED`], is in the set.
    pub fn contains(&self, hash: u128) -> bool {
        self.hashes.binary_search(&hash).is_ok()
    }

    /// For every row whether its key is in the set; false for null.
    pub fn contains_column(&self, keys: &ArrayRef) -> Result<BooleanArray, KeyError> {
        let hashes = hash_nullable_keys(keys, Self::SEED)?;
        Ok(hashes.into_iter().map(|hash| Some(hash.is_some_and(|hash| self.contains(hash)))).collect())
    }
}

impl Session {
    /// Reads the keys of a key table; `default_key` is its column where the table does not say.
    pub async fn read_keys(&self, table: &KeyTable, default_key: &ColumnName) -> Result<KeySet> {
        let mut builder = Builder::default();
        self.each_key(table, default_key, |hash| builder.add(hash)).await?;
        Ok(builder.finish())
    }

    /// Calls back with the hash, made with [`KeySet::SEED`], of every row's key, `None` for null, in the table's order.
    pub async fn each_key(
        &self,
        table: &KeyTable,
        default_key: &ColumnName,
        mut each: impl FnMut(Option<u128>),
    ) -> Result<()> {
        let column = table.key.as_ref().unwrap_or(default_key);
        self.check_key(&table.table, column)?;
        let mut rows = self.columns_of(&table.table, &[column]).await?;
        while let Some(batch) = rows.try_next().await? {
            hashes(&table.table, column, batch.column(0))?.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    /// Some columns of all rows of a table.
    pub(crate) async fn columns_of(&self, table: &TableName, columns: &[&ColumnName]) -> Result<RowStream> {
        let columns: Vec<_> = columns.iter().map(|column| quoted(column.as_str())).collect();
        let sql = format!("SELECT {} FROM {}", columns.join(", "), quoted(table.as_str()));
        self.stream_of(&Origin::Reading(table.as_str().to_owned()), &sql).await
    }

    /// Fails unless a table has a column that can be a key.
    pub fn check_key(&self, table: &TableName, column: &ColumnName) -> Result<()> {
        let schema = self.schema(table)?;
        let Ok(field) = schema.field_with_name(column.as_str()) else {
            let known = schema.fields().iter().map(|field| field.name().clone()).collect();
            return Err(QueryError::NoColumn { table: table.clone(), column: column.clone(), known });
        };
        if is_key_type(field.data_type()) {
            return Ok(());
        }
        Err(not_a_key(table, column, KeyError::Type { found: field.data_type().clone() }))
    }
}

/// The hash of every key of a table's column.
pub(crate) fn hashes(table: &TableName, column: &ColumnName, keys: &ArrayRef) -> Result<Vec<Option<u128>>> {
    hash_nullable_keys(keys, KeySet::SEED).map_err(|source| not_a_key(table, column, source))
}

pub(crate) fn not_a_key(table: &TableName, column: &ColumnName, source: KeyError) -> QueryError {
    QueryError::Key { table: table.clone(), column: column.clone(), source }
}

/// A name as SQL has it whatever its characters.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Collects hashes: a sorted part, and an unsorted one that is merged into it whenever it is as large, so that sorting
/// costs n log n in all and memory stays within a small multiple of the distinct keys.
#[derive(Default)]
pub(crate) struct Builder {
    sorted: Vec<u128>,
    unsorted: Vec<u128>,
    keys: u64,
    nulls: u64,
}

impl Builder {
    pub(crate) fn add(&mut self, hash: Option<u128>) {
        let Some(hash) = hash else {
            self.nulls += 1;
            return;
        };
        self.keys += 1;
        self.unsorted.push(hash);
        if self.unsorted.len() >= UNSORTED_KEYS.max(self.sorted.len() / 2) {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.sorted.append(&mut self.unsorted);
        // The sorted part is one run, which a stable sort keeps.
        self.sorted.sort();
        self.sorted.dedup();
    }

    pub(crate) fn finish(mut self) -> KeySet {
        self.merge();
        self.sorted.shrink_to_fit();
        let duplicates = self.keys - self.sorted.len() as u64;
        KeySet { hashes: self.sorted, duplicates, nulls: self.nulls }
    }
}

#[cfg(test)]
mod tests;
