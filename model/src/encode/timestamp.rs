//! Timestamps as an age and as positions in the calendar's cycles, in UTC.

use std::f64::consts::TAU;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType,
};
use serde::{Deserialize, Serialize};
use spec::feature::{TimestampFeature, TimestampPart};

use super::column::{gather, set_nulls, with_key_type};
use super::moments::Moments;
use super::settle::settle;

/// A fitted timestamp feature. Its numbers are those of `parts` in order, then, where `missing_flag` is set, 1 for null and 0
/// else. All parts of null are 0. Times are taken in UTC, whatever their zone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampEncoding {
    /// The day that ages count back from, in days since 1970-01-01.
    pub reference_day: i32,
    /// Mean of the training rows' ages in days.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// What is taken.
    pub parts: Vec<TimestampPart>,
    /// Whether values were missing in the training rows.
    pub missing_flag: bool,
}

impl TimestampEncoding {
    /// Numbers a row.
    pub fn width(&self) -> usize {
        let widths = self.parts.iter().map(|part| if *part == TimestampPart::AgeDays { 1 } else { 2 });
        widths.sum::<usize>() + usize::from(self.missing_flag)
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        if self.parts.is_empty() && !self.missing_flag {
            return Some("it has no part");
        }
        let sound = self.mean.is_finite() && self.deviation.is_finite() && self.deviation >= 0.0;
        (!sound).then_some("a mean or deviation is not finite")
    }

    /// Days before the reference.
    fn age(&self, time: Time) -> f64 {
        f64::from(self.reference_day) - time.days()
    }
}

/// A point in time: units since 1970-01-01 00:00 UTC.
#[derive(Debug, Clone, Copy)]
struct Time {
    units: i64,
    units_per_day: i64,
}

impl Time {
    fn days(self) -> f64 {
        self.units as f64 / self.units_per_day as f64
    }

    fn day(self) -> i64 {
        self.units.div_euclid(self.units_per_day)
    }

    fn hour(self) -> usize {
        (i128::from(self.units.rem_euclid(self.units_per_day)) * 24 / i128::from(self.units_per_day)) as usize
    }

    /// 0 is Monday.
    fn weekday(self) -> usize {
        (self.day() + 3).rem_euclid(7) as usize
    }

    /// 0 is January. From days to the civil calendar as Hinnant does: years start in March, so that the leap day is last.
    fn month(self) -> usize {
        let day_of_era = (self.day() + 719_468).rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months_since_march = (5 * day_of_year + 2) / 153;
        ((months_since_march + 2) % 12) as usize
    }
}

/// A column of times as integers.
pub(super) struct Times {
    units: Vec<i64>,
    present: Vec<bool>,
    units_per_day: i64,
}

impl Times {
    /// Reads a column that `is_time`.
    pub(super) fn of(array: &dyn Array) -> Self {
        let mut units = vec![0; array.len()];
        let mut present = vec![true; array.len()];
        let units_per_day = match array.data_type() {
            DataType::Date32 => copy::<Date32Type>(array, &mut units, i64::from, 1),
            DataType::Date64 => copy::<Date64Type>(array, &mut units, |value| value, 86_400_000),
            DataType::Timestamp(TimeUnit::Second, _) => {
                copy::<TimestampSecondType>(array, &mut units, |value| value, 86_400)
            }
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                copy::<TimestampMillisecondType>(array, &mut units, |value| value, 86_400_000)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                copy::<TimestampMicrosecondType>(array, &mut units, |value| value, 86_400_000_000)
            }
            DataType::Timestamp(TimeUnit::Nanosecond, _) => {
                copy::<TimestampNanosecondType>(array, &mut units, |value| value, 86_400_000_000_000)
            }
            DataType::Dictionary(key_type, _) => with_key_type!(key_type.as_ref(), Key => {
                let dictionary = array.as_dictionary::<Key>();
                let mut entries = Self::of(dictionary.values().as_ref());
                entries.units.push(0);
                entries.present.push(false);
                gather(dictionary.keys(), &entries.units, &mut units);
                gather(dictionary.keys(), &entries.present, &mut present);
                entries.units_per_day
            }),
            _ => {
                present.fill(false);
                1
            }
        };
        set_nulls(array.nulls(), &mut present, false);
        Self { units, present, units_per_day }
    }

    fn iter(&self) -> impl Iterator<Item = Option<Time>> {
        let times = self.units.iter().map(|&units| Time { units, units_per_day: self.units_per_day });
        times.zip(&self.present).map(|(time, &present)| present.then_some(time))
    }
}

fn copy<T: ArrowPrimitiveType>(
    array: &dyn Array,
    out: &mut [i64],
    unit: impl Fn(T::Native) -> i64,
    per_day: i64,
) -> i64 {
    let values = array.as_primitive::<T>().values();
    out.iter_mut().zip(values).for_each(|(out, &value)| *out = unit(value));
    per_day
}

/// Writes a column's numbers, one slice of `out` a number, as long as the column.
pub(super) fn write_timestamps(encoding: &TimestampEncoding, array: &dyn Array, out: &mut [&mut [f32]]) {
    let times = Times::of(array);
    let mut column = 0;
    for part in &encoding.parts {
        match part {
            TimestampPart::AgeDays => {
                for (out, time) in out[column].iter_mut().zip(times.iter()) {
                    let standardized = |time| (encoding.age(time) - encoding.mean) / encoding.deviation;
                    *out = if encoding.deviation > 0.0 { time.map_or(0.0, standardized) as f32 } else { 0.0 };
                }
                column += 1;
            }
            TimestampPart::Hour => column += write_cycle::<24>(&times, Time::hour, &mut out[column..]),
            TimestampPart::Weekday => column += write_cycle::<7>(&times, Time::weekday, &mut out[column..]),
            TimestampPart::Month => column += write_cycle::<12>(&times, Time::month, &mut out[column..]),
        }
    }
    if encoding.missing_flag {
        out[column].iter_mut().zip(&times.present).for_each(|(out, &present)| *out = f32::from(u8::from(!present)));
    }
}

/// sin and cos of 2π·position/length.
fn write_cycle<const LENGTH: usize>(times: &Times, position: impl Fn(Time) -> usize, out: &mut [&mut [f32]]) -> usize {
    let angle = |position: usize| TAU * position as f64 / LENGTH as f64;
    let sines: [f32; LENGTH] = std::array::from_fn(|position| angle(position).sin() as f32);
    let cosines: [f32; LENGTH] = std::array::from_fn(|position| angle(position).cos() as f32);
    let [sine_column, cosine_column, ..] = out else { return 0 };
    for ((time, sine), cosine) in times.iter().zip(sine_column.iter_mut()).zip(cosine_column.iter_mut()) {
        let at = time.map(&position);
        *sine = at.map_or(0.0, |at| sines[at]);
        *cosine = at.map_or(0.0, |at| cosines[at]);
    }
    2
}

/// What is learned of a timestamp column.
#[derive(Debug)]
pub(super) struct TimestampFit {
    encoding: TimestampEncoding,
    ages: Moments,
}

impl TimestampFit {
    pub(super) fn new(feature: &TimestampFeature) -> Self {
        let encoding = TimestampEncoding {
            reference_day: feature.reference.to_epoch_days(),
            mean: 0.0,
            deviation: 0.0,
            parts: feature.encode.clone(),
            missing_flag: false,
        };
        Self { encoding, ages: Moments::default() }
    }

    /// Adds a column that `is_time`.
    pub(super) fn add(&mut self, array: &dyn Array) {
        let times = Times::of(array);
        let ages: Vec<f64> = times.iter().flatten().map(|time| self.encoding.age(time)).collect();
        self.encoding.missing_flag |= ages.len() < array.len();
        self.ages.add(&ages);
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: &Self) {
        self.encoding.missing_flag |= other.encoding.missing_flag;
        self.ages.merge(&other.ages);
    }

    pub(super) fn finish(mut self) -> TimestampEncoding {
        self.encoding.mean = settle(self.ages.mean());
        self.encoding.deviation = settle(self.ages.deviation());
        self.encoding
    }
}

#[cfg(test)]
mod tests;
