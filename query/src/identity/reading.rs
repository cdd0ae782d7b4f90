//! The ids of a table's rows: normalized text by kind, of columns and of lists.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use artifacts::keys::{KeyError, is_key_type, key_texts, seed_of};
use spec::identity::IdTable;
use spec::{ColumnName, Identity, Normalized, Normalizer};

use crate::error::{QueryError, Result};
use crate::keys::not_a_key;
use crate::session::{RowStream, Session};

/// What a place of a row holds.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// An id, normalized.
    Id(&'a str),
    /// Blank, or zeros alone.
    Blank,
    /// No id of the kind.
    Invalid,
}

/// How the ids of a table are read.
#[derive(Debug)]
pub(super) struct IdReader<'a> {
    table: &'a IdTable,
    /// The columns that are read, each once.
    columns: Vec<&'a ColumnName>,
    sources: Vec<Source<'a>>,
}

/// One kind of ids in a table.
#[derive(Debug)]
struct Source<'a> {
    /// The column's place among those that are read.
    column: usize,
    kind: usize,
    name: &'a str,
    seed: u64,
    normalizer: Normalizer,
}

impl<'a> IdReader<'a> {
    /// A reader of kinds that the step declares, as a checked document has them.
    pub(super) fn new(identity: &'a Identity, table: &'a IdTable) -> Self {
        let (mut columns, mut sources) = (Vec::new(), Vec::new());
        for (name, column) in &table.ids {
            let Some((kind, _, declared)) = identity.kinds.get_full(name) else { continue };
            let place = columns.iter().position(|other| *other == column).unwrap_or_else(|| {
                columns.push(column);
                columns.len() - 1
            });
            let (seed, normalizer) = (seed_of("identity", name.as_str()), declared.normalizer());
            sources.push(Source { column: place, kind, name: name.as_str(), seed, normalizer });
        }
        Self { table, columns, sources }
    }

    /// The table's rows.
    pub(super) async fn open(&self, session: &Session) -> Result<RowStream> {
        let schema = session.schema(&self.table.table)?;
        for column in &self.columns {
            let Ok(field) = schema.field_with_name(column.as_str()) else {
                let known = schema.fields().iter().map(|field| field.name().clone()).collect();
                let (table, column) = (self.table.table.clone(), (*column).clone());
                return Err(QueryError::NoColumn { table, column, known });
            };
            if !is_key_type(item_type(field.data_type())) {
                return Err(self.not_ids(column, KeyError::Type { found: field.data_type().clone() }));
            }
        }
        session.columns_of(&self.table.table, &self.columns).await
    }

    /// The ids of a batch, in the order of the step's kinds in this table.
    pub(super) fn columns(&self, batch: &RecordBatch) -> Result<Vec<IdTexts<'_>>> {
        let of = |source: &Source<'a>| {
            let (values, ends) = items(batch.column(source.column));
            let texts = key_texts(&values).map_err(|error| self.not_ids(self.columns[source.column], error))?;
            let Source { kind, seed, normalizer, .. } = *source;
            Ok(IdTexts { kind, name: source.name, seed, normalizer, texts, rows: ends })
        };
        self.sources.iter().map(of).collect()
    }

    fn not_ids(&self, column: &ColumnName, source: KeyError) -> QueryError {
        not_a_key(&self.table.table, column, source)
    }
}

/// The type of single ids of a column.
fn item_type(column: &DataType) -> &DataType {
    match column {
        DataType::List(item) | DataType::LargeList(item) => item.data_type(),
        single => single,
    }
}

/// All values of a column, and those of each row where rows are lists.
fn items(column: &ArrayRef) -> (ArrayRef, Option<Vec<Range<usize>>>) {
    let range = |is_null: bool, start: usize, length: usize| if is_null { 0..0 } else { start..start + length };
    match column.data_type() {
        DataType::List(_) => {
            let lists = column.as_list::<i32>();
            let rows = (0..lists.len()).map(|row| {
                range(lists.is_null(row), lists.value_offsets()[row] as usize, lists.value_length(row) as usize)
            });
            (ArrayRef::clone(lists.values()), Some(rows.collect()))
        }
        DataType::LargeList(_) => {
            let lists = column.as_list::<i64>();
            let rows = (0..lists.len()).map(|row| {
                range(lists.is_null(row), lists.value_offsets()[row] as usize, lists.value_length(row) as usize)
            });
            (ArrayRef::clone(lists.values()), Some(rows.collect()))
        }
        _ => (ArrayRef::clone(column), None),
    }
}

/// The values of one kind in a batch.
#[derive(Debug)]
pub(super) struct IdTexts<'a> {
    /// The kind's place among those of the step.
    pub(super) kind: usize,
    /// The kind's name.
    pub(super) name: &'a str,
    /// What the kind's ids are hashed with.
    pub(super) seed: u64,
    normalizer: Normalizer,
    texts: StringArray,
    rows: Option<Vec<Range<usize>>>,
}

impl IdTexts<'_> {
    /// Calls back with every value of a row that is not null.
    pub(super) fn each(&self, row: usize, mut each: impl FnMut(Value<'_>)) {
        let range = self.rows.as_ref().map_or(row..row + 1, |rows| rows[row].clone());
        for place in range.filter(|place| self.texts.is_valid(*place)) {
            match self.normalizer.normalize(self.texts.value(place)) {
                Normalized::Id(id) if is_nothing(&id) => each(Value::Blank),
                Normalized::Id(id) => each(Value::Id(&id)),
                Normalized::Missing => each(Value::Blank),
                Normalized::Invalid => each(Value::Invalid),
            }
        }
    }
}

/// Whether a value stands for none, whatever its kind.
fn is_nothing(id: &str) -> bool {
    id.chars().all(|c| c.is_whitespace() || c == '0' || c == '-')
}
