//! Which ids are of one person: the connected components of ids that stand together in rows.
//!
//! Ids are 128-bit hashes of kind and normalized value, so memory does not depend on how long they are: 35 to 70 bytes an
//! id, and for each different set of ids that stands in a row 30 to 60 bytes and 4 to 8 an id. Tables are read twice, once for
//! who is who and once for the values, of which none is kept. A person's key is the hash of the smallest of the person's ids, by
//! the order of kinds and then by hash: it depends neither on the order of rows nor on how they are divided into files.

mod groups;
mod interner;
mod reading;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use artifacts::keys::hash_text;
use artifacts::runs::{IdentityCounts, IgnoredIds};
use futures::TryStreamExt;
use spec::Identity;

use crate::error::{QueryError, Result, RunError};
use crate::session::{RowStream, Session};
use crate::sql::Origin;
use groups::{Groups, People};
use reading::{IdReader, Value};

/// Ids in memory at the most, whatever memory there is: their numbers have 32 bits.
const MOST_IDS: usize = 1 << 31;

/// The columns of a step's table.
pub(crate) fn people_schema() -> SchemaRef {
    Arc::new(Schema::new(Identity::COLUMNS.map(|name| Field::new(name, DataType::Utf8, true)).to_vec()))
}

/// The rows of a step's table as they are read: every id with its person's key, at its first place in the tables.
pub(crate) struct PeopleRows<'a> {
    session: &'a Session,
    readers: Vec<IdReader<'a>>,
    people: People,
    /// What was found.
    pub(crate) counts: IdentityCounts,
    reading: usize,
    rows: Option<RowStream>,
}

impl Session {
    /// Reads who is who.
    pub(crate) async fn resolve<'a>(&'a self, origin: &Origin, identity: &'a Identity) -> Result<PeopleRows<'a>> {
        let readers: Vec<IdReader<'a>> = identity.tables.iter().map(|table| IdReader::new(identity, table)).collect();
        let mut groups = Groups::default();
        let ignored = identity.kinds.keys().map(|kind| (kind.clone(), IgnoredIds::default()));
        let mut counts = IdentityCounts { ignored: ignored.collect(), ..IdentityCounts::default() };
        for reader in &readers {
            let mut rows = reader.open(self).await?;
            while let Some(batch) = rows.try_next().await? {
                add(reader, &batch, &mut groups, &mut counts)?;
                self.check_room(origin, &groups)?;
            }
        }
        let most: Vec<u32> = identity.kinds.values().map(|kind| kind.max_records).collect();
        let people = groups.resolve(&most).await;
        let sizes = people.sizes();
        counts.ids = sizes.ids;
        counts.people = sizes.people;
        counts.most_ids = sizes.most_ids;
        for (ignored, shared) in counts.ignored.values_mut().zip(people.shared(identity.kinds.len())) {
            ignored.shared = shared;
        }
        Ok(PeopleRows { session: self, readers, people, counts, reading: 0, rows: None })
    }

    fn check_room(&self, origin: &Origin, groups: &Groups) -> Result<()> {
        let limit_bytes = self.failures().memory_bytes;
        if groups.bytes() <= limit_bytes && groups.ids() < MOST_IDS {
            return Ok(());
        }
        let source = RunError::Ids { ids: groups.ids(), limit_bytes };
        Err(QueryError::Run { place: origin.to_string(), source })
    }
}

/// Adds the ids of a batch's rows.
fn add(reader: &IdReader<'_>, batch: &RecordBatch, groups: &mut Groups, counts: &mut IdentityCounts) -> Result<()> {
    let columns = reader.columns(batch)?;
    let mut record = Vec::new();
    for row in 0..batch.num_rows() {
        record.clear();
        for column in &columns {
            let ignored = &mut counts.ignored[column.kind];
            column.each(row, |value| match value {
                Value::Id(text) => record.push(groups.id(hash_text(text.as_bytes(), column.seed), column.kind)),
                Value::Blank => ignored.blank += 1,
                Value::Invalid => ignored.invalid += 1,
            });
        }
        groups.add_record(&mut record);
    }
    counts.rows += batch.num_rows() as u64;
    Ok(())
}

impl PeopleRows<'_> {
    /// The next rows; `None` when there are no more.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while let Some(reader) = self.readers.get(self.reading) {
            let rows = match &mut self.rows {
                Some(rows) => rows,
                None => self.rows.insert(reader.open(self.session).await?),
            };
            match rows.try_next().await? {
                Some(batch) => return first_places(reader, &batch, &mut self.people).map(Some),
                None => {
                    self.rows = None;
                    self.reading += 1;
                }
            }
        }
        Ok(None)
    }
}

/// Rows for the ids that are met for the first time.
fn first_places(reader: &IdReader<'_>, batch: &RecordBatch, people: &mut People) -> Result<RecordBatch> {
    let columns = reader.columns(batch)?;
    let mut builders = [StringBuilder::new(), StringBuilder::new(), StringBuilder::new()];
    for row in 0..batch.num_rows() {
        for column in &columns {
            column.each(row, |value| {
                let Value::Id(text) = value else { return };
                if let Some(person) = people.meet(hash_text(text.as_bytes(), column.seed)) {
                    let [kinds, ids, persons] = &mut builders;
                    kinds.append_value(column.name);
                    ids.append_value(text);
                    persons.append_value(format!("{person:032x}"));
                }
            });
        }
    }
    let columns: Vec<ArrayRef> = builders.into_iter().map(|mut builder| Arc::new(builder.finish()) as _).collect();
    RecordBatch::try_new(people_schema(), columns).map_err(failed)
}

fn failed(source: ArrowError) -> QueryError {
    let source = RunError::Engine(Box::new(source.into()));
    QueryError::Run { place: "joining ids".to_owned(), source }
}
