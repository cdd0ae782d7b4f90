//! Time zones by their IANA names.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone as _, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

use super::mistake::InvalidSchedule;
use crate::suggest::nearest;

/// A time zone with its changes of the clock, as the IANA database in this program has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeZone(Tz);

/// What a time on a zone's clock is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instants {
    /// An instant.
    One(DateTime<Utc>),
    /// Two: the clock was set back, and showed it twice.
    Two(DateTime<Utc>, DateTime<Utc>),
    /// None: the clock was set forward over it; this is the first instant after that.
    Skipped(DateTime<Utc>),
}

impl TimeZone {
    /// An instant on the zone's clock.
    pub fn local(self, instant: DateTime<Utc>) -> DateTime<FixedOffset> {
        let local = instant.with_timezone(&self.0);
        let offset = local.offset().fix();
        local.with_timezone(&offset)
    }

    /// The day that an instant is in.
    pub fn date_of(self, instant: DateTime<Utc>) -> NaiveDate {
        self.local(instant).date_naive()
    }

    /// The first instant of a day; nothing outside of the calendar.
    pub fn start_of(self, day: NaiveDate) -> Option<DateTime<Utc>> {
        Some(match self.instants_of(day.and_time(NaiveTime::MIN))? {
            Instants::One(instant) | Instants::Two(instant, _) | Instants::Skipped(instant) => instant,
        })
    }

    /// The instants at which the zone's clock shows a time; nothing outside of the calendar.
    pub(super) fn instants_of(self, local: NaiveDateTime) -> Option<Instants> {
        match self.0.from_local_datetime(&local) {
            LocalResult::Single(instant) => Some(Instants::One(instant.to_utc())),
            LocalResult::Ambiguous(first, second) => Some(Instants::Two(first.to_utc(), second.to_utc())),
            LocalResult::None => GapInfo::new(&local, &self.0)?.end.map(|end| Instants::Skipped(end.to_utc())),
        }
    }
}

impl FromStr for TimeZone {
    type Err = InvalidSchedule;

    fn from_str(name: &str) -> Result<Self, InvalidSchedule> {
        name.parse().map(Self).map_err(|_| InvalidSchedule::TimeZone { name: name.to_owned(), meant: meant_by(name) })
    }
}

/// The zone whose name, or whose city's name, was probably meant.
fn meant_by(written: &str) -> Option<&'static str> {
    let names = || TZ_VARIANTS.iter().map(|zone| zone.name());
    let city = written.trim().replace(' ', "_");
    let is_city = |name: &&str| name.rsplit('/').next().is_some_and(|last| last.eq_ignore_ascii_case(&city));
    names().find(is_city).or_else(|| nearest(&city, names()))
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}
