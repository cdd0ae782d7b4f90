//! Steps that join ids: their rows as Parquet, or as a view of which a part is kept in memory.

use std::sync::Arc;

use artifacts::FileRecord;
use artifacts::runs::IdentityCounts;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use spec::Identity;

use super::{Destination, Parts};
use crate::error::Result;
use crate::identity::{PeopleRows, people_schema};
use crate::session::Session;
use crate::sql::Origin;

/// Ids that a view of a step holds at the most: views are for looking at documents, and nothing is written for them.
const VIEWED_IDS: usize = 1 << 20;

impl Session {
    /// Joins ids and writes the rows; what was found is told with them. After an error nothing of them is left.
    pub(super) async fn write_people(
        &self,
        origin: &Origin,
        identity: &Identity,
        destination: Destination<'_>,
    ) -> Result<(Vec<FileRecord>, IdentityCounts)> {
        let mut rows = self.resolve(origin, identity).await?;
        let mut parts = Parts { destination, schema: people_schema(), files: Vec::new(), writer: None };
        if let Err(error) = write_rows(&mut rows, &mut parts).await {
            parts.give_up().await;
            return Err(error);
        }
        let counts = rows.counts;
        tracing::info!(table = %origin, ids = counts.ids, people = counts.people, most_ids = counts.most_ids, "ids were joined");
        Ok((parts.files, counts))
    }

    /// A step's table in memory, cut off where it has very many ids.
    pub(crate) async fn people_in_memory(
        &self,
        origin: &Origin,
        identity: &Identity,
    ) -> Result<Arc<dyn TableProvider>> {
        let mut rows = self.resolve(origin, identity).await?;
        let (mut batches, mut ids) = (Vec::new(), 0);
        while ids < VIEWED_IDS
            && let Some(batch) = rows.next().await?
        {
            ids += batch.num_rows();
            batches.push(batch);
        }
        let table = MemTable::try_new(people_schema(), vec![batches]);
        Ok(Arc::new(table.map_err(|source| self.failures().of(&origin.to_string(), source))?))
    }
}

async fn write_rows(rows: &mut PeopleRows<'_>, parts: &mut Parts<'_>) -> Result<()> {
    while let Some(batch) = rows.next().await? {
        parts.write(batch).await?;
    }
    parts.finish().await
}
