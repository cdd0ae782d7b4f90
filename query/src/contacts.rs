//! Contact histories: who was contacted how often within a window of days.

use std::ops::Range;
use std::str::FromStr;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{Days, NaiveDate, NaiveTime};
use futures::TryStreamExt;
use spec::{ColumnName, ContactCap, TimeZone};

use crate::error::{QueryError, Result};
use crate::keys::{KeySet, hashes};
use crate::session::Session;

/// Contacts that are waited for before they are sorted into the tally.
const UNSORTED_CONTACTS: usize = 1 << 20;

impl Session {
    /// The people whom a cap leaves out on a day: those with [`ContactCap::most`] contacts or more in its window, of which
    /// `day` is the last one. `default_key` is the key where the cap does not say.
    ///
    /// Contacts after the window, and rows without a key or a time, are not counted. Memory grows with the people
    /// contacted in the window, not with their contacts.
    ///
    /// # Errors
    ///
    /// Columns that are missing, or that are no key and no time.
    pub async fn read_capped(&self, cap: &ContactCap, default_key: &ColumnName, day: NaiveDate) -> Result<KeySet> {
        self.check_cap(cap, default_key)?;
        let window = Window::of(cap, day)?;
        let column = cap.key.as_ref().unwrap_or(default_key);
        let mut rows = self.columns_of(&cap.table, &[column, &cap.time]).await?;
        let mut tally = Tally::default();
        while let Some(batch) = rows.try_next().await? {
            let is_inside = window.contains_column(batch.column(1));
            for (key, is_inside) in hashes(&cap.table, column, batch.column(0))?.into_iter().zip(is_inside) {
                if let Some(key) = key.filter(|_| is_inside) {
                    tally.add(key);
                }
            }
        }
        Ok(KeySet::from_hashes(tally.of_at_least(cap.most)))
    }

    /// Fails unless a cap's table has a column that can be a key and one that says when.
    ///
    /// # Errors
    ///
    /// Columns that are missing, or that are no key and no time.
    pub fn check_cap(&self, cap: &ContactCap, default_key: &ColumnName) -> Result<()> {
        self.check_key(&cap.table, cap.key.as_ref().unwrap_or(default_key))?;
        let (schema, column) = (self.schema(&cap.table)?, cap.time.clone());
        let Ok(field) = schema.field_with_name(column.as_str()) else {
            let known = schema.fields().iter().map(|field| field.name().clone()).collect();
            return Err(QueryError::NoColumn { table: cap.table.clone(), column, known });
        };
        match field.data_type() {
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Ok(()),
            found => Err(QueryError::NotATime { table: cap.table.clone(), column, found: found.clone() }),
        }
    }
}

/// A cap's days, as microseconds since 1970: on the zone's clock, and as instants.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    local: Range<i64>,
    instants: Range<i64>,
}

impl Window {
    fn of(cap: &ContactCap, last: NaiveDate) -> Result<Self> {
        let zone = cap.time_zone.as_deref().map_or("UTC".parse(), TimeZone::from_str);
        let zone = zone.map_err(|source| QueryError::CapZone { table: cap.table.clone(), source: Box::new(source) })?;
        let first = last.checked_sub_days(Days::new(u64::from(cap.within.count()) - 1)).unwrap_or(NaiveDate::MIN);
        let end = last.succ_opt().unwrap_or(NaiveDate::MAX);
        let local = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc().timestamp_micros();
        let instant = |day| zone.start_of(day).map_or_else(|| local(day), |start| start.timestamp_micros());
        Ok(Self { local: local(first)..local(end), instants: instant(first)..instant(end) })
    }

    /// For every row whether its time is one of these; false for null.
    fn contains_column(&self, times: &ArrayRef) -> Vec<bool> {
        let (zone, range) = match times.data_type() {
            DataType::Timestamp(_, Some(zone)) => (Some(zone.clone()), &self.instants),
            _ => (None, &self.local),
        };
        // Times that microseconds cannot say are null then: no window has them.
        let Ok(micros) = cast(times, &DataType::Timestamp(TimeUnit::Microsecond, zone)) else {
            return vec![false; times.len()];
        };
        let micros = micros.as_primitive::<TimestampMicrosecondType>();
        micros.iter().map(|micros| micros.is_some_and(|micros| range.contains(&micros))).collect()
    }
}

/// How often each key came: a sorted part, and an unsorted one that is merged into it whenever it is large enough.
#[derive(Debug, Default)]
struct Tally {
    sorted: Vec<(u128, u32)>,
    unsorted: Vec<u128>,
}

impl Tally {
    fn add(&mut self, key: u128) {
        self.unsorted.push(key);
        if self.unsorted.len() >= UNSORTED_CONTACTS.max(self.sorted.len()) {
            self.merge();
        }
    }

    fn merge(&mut self) {
        self.unsorted.sort_unstable();
        let mut known = std::mem::take(&mut self.sorted).into_iter().peekable();
        let mut merged: Vec<(u128, u32)> = Vec::with_capacity(known.len());
        for key in self.unsorted.drain(..) {
            while let Some(entry) = known.next_if(|(other, _)| *other <= key) {
                merged.push(entry);
            }
            match merged.last_mut() {
                Some((last, count)) if *last == key => *count = count.saturating_add(1),
                _ => merged.push((key, 1)),
            }
        }
        merged.extend(known);
        self.sorted = merged;
    }

    fn of_at_least(mut self, most: u32) -> impl Iterator<Item = u128> {
        self.merge();
        self.sorted.into_iter().filter(move |(_, count)| *count >= most).map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests;
