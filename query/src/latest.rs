//! The latest time in a column: how fresh a table is.

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use spec::{ColumnName, TableName};

use crate::error::{QueryError, Result};
use crate::keys::quoted;
use crate::session::Session;
use crate::sql::Origin;

impl Session {
    /// Fails unless a table has a column of dates or timestamps.
    pub fn check_time(&self, table: &TableName, column: &ColumnName) -> Result<()> {
        let schema = self.schema(table)?;
        let Ok(field) = schema.field_with_name(column.as_str()) else {
            let known = schema.fields().iter().map(|field| field.name().clone()).collect();
            return Err(QueryError::NoColumn { table: table.clone(), column: column.clone(), known });
        };
        match field.data_type() {
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(()),
            found => Err(not_a_time(table, column, found)),
        }
    }

    /// The latest date or timestamp in a table's column; a date is its midnight, and times without a zone are in UTC. `None` where
    /// no row has one.
    ///
    /// # Errors
    ///
    /// A column that is missing or holds no times, a table that cannot be read.
    pub async fn latest_time(&self, table: &TableName, column: &ColumnName) -> Result<Option<DateTime<Utc>>> {
        self.check_time(table, column)?;
        let sql = format!("SELECT max({}) FROM {}", quoted(column.as_str()), quoted(table.as_str()));
        let mut rows = self.stream_of(&Origin::Reading(table.as_str().to_owned()), &sql).await?;
        let mut latest = None;
        while let Some(batch) = rows.try_next().await? {
            let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            let found = batch.column(0).data_type().clone();
            let times = cast(batch.column(0), &utc).map_err(|_| not_a_time(table, column, &found))?;
            let times = times.as_primitive::<TimestampMicrosecondType>();
            latest = latest.max(times.iter().flatten().max());
        }
        Ok(latest.and_then(DateTime::from_timestamp_micros))
    }
}

fn not_a_time(table: &TableName, column: &ColumnName, found: &DataType) -> QueryError {
    QueryError::NotTime { table: table.clone(), column: column.clone(), found: found.clone() }
}

#[cfg(test)]
mod tests;
