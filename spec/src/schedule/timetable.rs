//! The instants at which a schedule comes due.

use std::collections::VecDeque;

use chrono::{DateTime, Duration, FixedOffset, NaiveDate, NaiveDateTime, Utc};

use super::CronSchedule;
use super::cron::Cron;
use super::mistake::InvalidSchedule;
use super::zone::{Instants, TimeZone};

/// When a schedule comes due, as instants.
///
/// Clocks are set forward and back. An expression that names hours names times of the day, and each of them comes once:
/// one that the clock skips at the first instant after it, one that the clock shows twice the first time. Several that
/// are skipped together are one. An expression for every hour (`*/30 * * * *`) counts on: it comes due in both of two equal
/// hours, and nothing is made up for in an hour that is skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
    first_day: NaiveDate,
    last_day: NaiveDate,
}

/// Slots in order, from some instant on.
#[derive(Debug, Clone)]
pub struct Slots<'a> {
    timetable: &'a Timetable,
    /// The next time on the zone's clock to look at.
    local: Option<NaiveDateTime>,
    /// The last slot, or where the search began: what comes next is later.
    last: DateTime<Utc>,
    /// The second of two equal times, which come when all first ones have.
    second_time: VecDeque<DateTime<Utc>>,
    /// A slot that was found and comes after those.
    found: Option<DateTime<Utc>>,
}

/// Days that documents may name.
const CALENDAR: (NaiveDate, NaiveDate) =
    (NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day"), NaiveDate::from_ymd_opt(9998, 12, 31).expect("a day"));

/// Clocks are set back by less.
const LONGEST_REPEAT: Duration = Duration::hours(25);

impl Timetable {
    /// What a schedule says.
    ///
    /// # Errors
    /// The first mistake: in the expression, the zone, or the days.
    pub fn of(schedule: &CronSchedule) -> Result<Self, InvalidSchedule> {
        let timetable = Self {
            cron: schedule.cron.parse()?,
            zone: schedule.time_zone.parse()?,
            first_day: schedule.start.unwrap_or(CALENDAR.0).max(CALENDAR.0),
            last_day: schedule.end.unwrap_or(CALENDAR.1).min(CALENDAR.1),
        };
        timetable.check_days()?;
        Ok(timetable)
    }

    fn check_days(&self) -> Result<(), InvalidSchedule> {
        let (start, end) = (self.first_day, self.last_day);
        if end < start {
            return Err(InvalidSchedule::EndBeforeStart { start, end });
        }
        let before = start.and_time(chrono::NaiveTime::MIN).and_utc() - LONGEST_REPEAT;
        match self.slots_after(before).next() {
            Some(_) => Ok(()),
            None => Err(InvalidSchedule::Never { start, end }),
        }
    }

    /// The expression.
    pub fn cron(&self) -> &Cron {
        &self.cron
    }

    /// The zone.
    pub fn zone(&self) -> TimeZone {
        self.zone
    }

    /// An instant on the schedule's clock.
    pub fn local(&self, instant: DateTime<Utc>) -> DateTime<FixedOffset> {
        self.zone.local(instant)
    }

    /// The day that a slot is for, `${run_date}` of its documents: its day on the schedule's clock.
    pub fn run_date(&self, slot: DateTime<Utc>) -> NaiveDate {
        self.zone.date_of(slot)
    }

    /// The slots after an instant, in order.
    pub fn slots_after(&self, after: DateTime<Utc>) -> Slots<'_> {
        let local = self.zone.local(after).naive_local();
        // A time that was shown for the first time before may be shown again after.
        let local = if self.cron.is_hourly() { local - LONGEST_REPEAT } else { local };
        let local = local.max(self.first_day.and_time(chrono::NaiveTime::MIN));
        Slots { timetable: self, local: Some(local), last: after, second_time: VecDeque::new(), found: None }
    }

    /// The first slot after an instant.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.slots_after(after).next()
    }
}

impl Slots<'_> {
    /// The instant of the next time on the zone's clock that the expression names, whether or not it is later than the
    /// last slot.
    fn look(&mut self) -> Option<DateTime<Utc>> {
        loop {
            let local = self.timetable.cron.not_before(self.local?);
            let local = local.filter(|local| local.date() <= self.timetable.last_day);
            self.local = local.and_then(|local| local.checked_add_signed(Duration::minutes(1)));
            let is_hourly = self.timetable.cron.is_hourly();
            match self.timetable.zone.instants_of(local?)? {
                Instants::One(instant) => return Some(instant),
                Instants::Two(first, second) => {
                    if is_hourly {
                        self.second_time.push_back(second);
                    }
                    return Some(first);
                }
                Instants::Skipped(_) if is_hourly => {}
                Instants::Skipped(instant_after) => return Some(instant_after),
            }
        }
    }

    /// The next instant in order; the same one may come again where times were skipped.
    fn next_in_order(&mut self) -> Option<DateTime<Utc>> {
        let found = self.found.take().or_else(|| self.look());
        match (found, self.second_time.front().copied()) {
            (Some(found), Some(second)) if second < found => {
                self.found = Some(found);
                self.second_time.pop_front()
            }
            (None, Some(_)) => self.second_time.pop_front(),
            (found, _) => found,
        }
    }
}

impl Iterator for Slots<'_> {
    type Item = DateTime<Utc>;

    fn next(&mut self) -> Option<DateTime<Utc>> {
        loop {
            let instant = self.next_in_order()?;
            if instant > self.last {
                self.last = instant;
                return Some(instant);
            }
        }
    }
}
