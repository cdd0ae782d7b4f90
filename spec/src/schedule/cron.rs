//! Cron expressions: which minutes of the calendar they name.
//!
//! Written here and not taken from a library because a mistake must say which field it is in and what would be right,
//! and because of what becomes of times that clocks skip or repeat (see [`super::Timetable`]).

use std::fmt;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike};

use super::field::{CronField, Values};
use super::mistake::InvalidCron;

/// A cron expression: five fields of values, ranges (`1-5`), steps (`*/15`, `8-18/2`) and lists of them, with names of
/// months and days.
///
/// A day is named by the day of the month and by the day of the week; where neither field begins with `*`, one of them is
/// enough, as in every cron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: Values,
    hours: Values,
    days: Values,
    months: Values,
    weekdays: Values,
}

/// What `@` words stand for elsewhere.
const NICKNAMES: [(&str, &str); 8] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@reboot", "a time: nothing here runs when a machine starts"),
];

/// Days of the months, of February in a leap year.
const MOST_DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// The longest time between two days that an expression names: 29 February from 2096 to 2104, and some more.
const LONGEST_GAP_DAYS: usize = 3_000;

impl Cron {
    /// Whether every hour is meant: then it names times within the hour, else times of the day.
    pub fn is_hourly(&self) -> bool {
        (0..24).all(|hour| self.hours.contains(hour))
    }

    /// The first minute of the calendar that it names, not before another.
    pub(super) fn not_before(&self, from: NaiveDateTime) -> Option<NaiveDateTime> {
        let mut date = from.date();
        let mut time = Some((from.hour(), from.minute()));
        if from.second() > 0 || from.nanosecond() > 0 {
            time = minute_after(from.hour(), from.minute());
        }
        for _ in 0..LONGEST_GAP_DAYS {
            if let Some((hour, minute)) = time
                && self.names_day(date)
                && let Some((hour, minute)) = self.time_not_before(hour, minute)
            {
                return date.and_hms_opt(hour, minute, 0);
            }
            date = date.succ_opt()?;
            time = Some((0, 0));
        }
        None
    }

    fn time_not_before(&self, hour: u32, minute: u32) -> Option<(u32, u32)> {
        let in_this_hour = self.hours.contains(hour).then(|| self.minutes.at_least(minute)).flatten();
        match in_this_hour {
            Some(minute) => Some((hour, minute)),
            None => self.hours.at_least(hour + 1).zip(self.minutes.at_least(0)),
        }
    }

    fn names_day(&self, date: NaiveDate) -> bool {
        let day = self.days.contains(date.day());
        let weekday = self.weekdays.contains(date.weekday().num_days_from_sunday());
        let is_day = if self.days.has_star || self.weekdays.has_star { day && weekday } else { day || weekday };
        is_day && self.months.contains(date.month())
    }

    /// Whether any month that it names has a day that it names.
    fn has_days(&self) -> bool {
        let has_days = |(month, most): (u32, &u32)| self.months.contains(month) && self.days.at_least(1) <= Some(*most);
        let names_weekdays = !self.weekdays.has_star && !self.days.has_star;
        names_weekdays || (1..).zip(&MOST_DAYS).any(has_days)
    }
}

fn minute_after(hour: u32, minute: u32) -> Option<(u32, u32)> {
    match (hour, minute) {
        (23, 59) => None,
        (_, 59) => Some((hour + 1, 0)),
        _ => Some((hour, minute + 1)),
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, InvalidCron> {
        let word = text.trim();
        if let Some((_, instead)) = NICKNAMES.iter().find(|(nickname, _)| nickname.eq_ignore_ascii_case(word)) {
            return Err(InvalidCron::Nickname { text: word.to_owned(), instead });
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields[..] else {
            return Err(InvalidCron::Fields { text: text.to_owned(), found: fields.len() });
        };
        let values = |field: CronField, text: &str| {
            field.parse(text).map_err(|fault| InvalidCron::Field { field, text: text.to_owned(), fault })
        };
        let cron = Self {
            text: fields.join(" "),
            minutes: values(CronField::Minute, minutes)?,
            hours: values(CronField::Hour, hours)?,
            days: values(CronField::DayOfMonth, days)?,
            months: values(CronField::Month, months)?,
            weekdays: values(CronField::DayOfWeek, weekdays)?,
        };
        if cron.has_days() { Ok(cron) } else { Err(InvalidCron::Never) }
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
