//! Many key lists in one table, told apart by a column: a campaign's name beside each of its seeds.

use std::collections::BTreeMap;

use arrow::array::Array;
use artifacts::keys::key_texts;
use futures::TryStreamExt;
use spec::{ColumnName, KeyTable};

use crate::error::{QueryError, Result};
use crate::keys::{Builder, KeySet, hashes, not_a_key};
use crate::session::Session;

/// Which lists of a table.
#[derive(Debug, Clone, Copy)]
pub struct ListsWanted<'a> {
    /// The column that tells them apart.
    pub column: &'a ColumnName,
    /// The one that is wanted; all when absent.
    pub only: Option<&'a str>,
    /// So many at the most.
    pub most: usize,
}

/// The lists of a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyLists {
    /// By the value that tells them apart, as its canonical text.
    pub lists: BTreeMap<String, KeySet>,
    /// Rows of no list: their value is null.
    pub without_value: u64,
}

impl Session {
    /// Reads lists of a table in one pass; `default_key` is the key where the table does not say.
    ///
    /// # Errors
    ///
    /// Columns that are missing or cannot be keys; more lists than are wanted.
    pub async fn read_key_lists(
        &self,
        table: &KeyTable,
        default_key: &ColumnName,
        wanted: &ListsWanted<'_>,
    ) -> Result<KeyLists> {
        let ListsWanted { column, only, most } = *wanted;
        let key = table.key.as_ref().unwrap_or(default_key);
        self.check_key(&table.table, key)?;
        self.check_key(&table.table, column)?;
        let mut rows = self.columns_of(&table.table, &[key, column]).await?;
        let (mut builders, mut without_value) = (BTreeMap::<String, Builder>::new(), 0);
        while let Some(batch) = rows.try_next().await? {
            let keys = hashes(&table.table, key, batch.column(0))?;
            let values = key_texts(batch.column(1)).map_err(|source| not_a_key(&table.table, column, source))?;
            for (row, key) in keys.into_iter().enumerate() {
                if values.is_null(row) {
                    without_value += 1;
                    continue;
                }
                let value = values.value(row);
                if only.is_some_and(|only| only != value) {
                    continue;
                }
                if builders.len() == most && !builders.contains_key(value) {
                    let (table, column) = (table.table.clone(), column.clone());
                    return Err(QueryError::ManyLists { table, column, most });
                }
                match builders.get_mut(value) {
                    Some(builder) => builder.add(key),
                    None => builders.entry(value.to_owned()).or_default().add(key),
                }
            }
        }
        let lists = builders.into_iter().map(|(value, builder)| (value, builder.finish())).collect();
        Ok(KeyLists { lists, without_value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::{Sandbox, name, source};

    const SEEDS: &str = "id,campaign\n1,8\n2,8\n2,8\n1,13\n,13\n9,\n";

    async fn read(only: Option<&str>, most: usize) -> Result<KeyLists> {
        let sandbox = Sandbox::new();
        sandbox.write("seeds.csv", SEEDS);
        let mut session = sandbox.session();
        session.add_table(&name("seeds"), &source(json!({"url": sandbox.url("seeds.csv")}))).await.unwrap();
        let table = KeyTable { table: name("seeds"), key: None };
        let campaign = "campaign".parse().unwrap();
        session.read_key_lists(&table, &"id".parse().unwrap(), &ListsWanted { column: &campaign, only, most }).await
    }

    #[tokio::test]
    async fn each_value_is_a_list_with_its_own_duplicates() {
        let found = read(None, 2).await.unwrap();
        assert_eq!(found.lists.keys().collect::<Vec<_>>(), ["13", "8"]);
        let figures = |value: &str| {
            let list = &found.lists[value];
            (list.len(), list.duplicates(), list.nulls())
        };
        assert_eq!((figures("8"), figures("13"), found.without_value), ((2, 1, 0), (1, 0, 1), 1));
        let one = read(Some("8"), 1).await.unwrap();
        assert_eq!((one.lists.len(), &one.lists["8"]), (1, &found.lists["8"]));
    }

    #[tokio::test]
    async fn more_lists_than_allowed_are_refused_by_name() {
        assert_eq!(
            read(None, 1).await.unwrap_err().to_string(),
            "column `campaign` of table `seeds` has more than 1 values, each of which would be a seed list; raise \
             `max_lists`, or name a column of campaigns"
        );
    }
}
