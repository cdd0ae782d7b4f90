//! The sets of keys that audiences leave people out by: where they are read from, and what a person in one means.

use arrow::array::BooleanArray;
use arrow::compute::not;
use query::{KeySet, Session};
use spec::ids::ColumnName;
use spec::{ContactCap, KeyStep, KeyTable};

use crate::error::{Result, ScorerError};
use crate::plan::table_files;
use crate::run::Run;

/// What makes a set of keys.
#[derive(Debug, Clone, PartialEq)]
pub enum KeySource {
    /// The keys of a table, whose column is said.
    Table(KeyTable),
    /// Those that were contacted too often, by a table whose key column is said.
    Capped(ContactCap),
}

/// A step by a set of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The set, among [`ScoreLayout::key_sources`](super::layout::ScoreLayout::key_sources).
    pub keys: usize,
    /// Whether it leaves out those who are not in the set, instead of those who are.
    pub lets_members_in: bool,
}

impl KeySource {
    /// What a step reads; `default_key` is the key column where it does not say.
    pub fn of(step: KeyStep<'_>, default_key: &ColumnName) -> Self {
        let keyed = |key: &Option<ColumnName>| Some(key.clone().unwrap_or_else(|| default_key.clone()));
        match step {
            KeyStep::Include(table) | KeyStep::Exclude(table) => {
                Self::Table(KeyTable { table: table.table.clone(), key: keyed(&table.key) })
            }
            KeyStep::Cap(cap) => Self::Capped(ContactCap { key: keyed(&cap.key), ..cap.clone() }),
        }
    }
}

impl Gate {
    /// Whom of some rows it leaves out; `is_in` says of each set which rows have their key in it.
    ///
    /// # Errors
    ///
    /// None in practice: booleans can be negated.
    pub fn leaves_out(&self, is_in: &[BooleanArray]) -> Result<BooleanArray> {
        let is_in = &is_in[self.keys];
        if self.lets_members_in { not(is_in).map_err(ScorerError::rows) } else { Ok(is_in.clone()) }
    }
}

/// The sets, from tables as the plan has frozen them.
///
/// # Errors
///
/// Tables that cannot be read.
pub(crate) async fn read_key_sets(run: &Run, sources: &[KeySource], session: &mut Session) -> Result<Vec<KeySet>> {
    let (key, day) = (&run.spec().key, run.document.run_date);
    let mut sets = Vec::with_capacity(sources.len());
    for source in sources {
        let table = match source {
            KeySource::Table(table) => &table.table,
            KeySource::Capped(cap) => &cap.table,
        };
        if !session.tables().any(|name| name == table) {
            session.add_parquet(table, &table_files(run, table).await?).await?;
        }
        sets.push(match source {
            KeySource::Table(table) => session.read_keys(table, key).await?,
            KeySource::Capped(cap) => session.read_capped(cap, key, day).await?,
        });
    }
    Ok(sets)
}
