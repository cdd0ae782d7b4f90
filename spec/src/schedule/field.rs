//! One field of a cron expression: a list of values, ranges and steps.

use std::fmt;

use super::mistake::FieldFault;
use crate::suggest::nearest;

/// The five fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CronField {
    /// 0 to 59
    Minute,
    /// 0 to 23
    Hour,
    /// 1 to 31
    DayOfMonth,
    /// 1 to 12, or `JAN` to `DEC`
    Month,
    /// 0 to 7, both ends Sunday, or `SUN` to `SAT`
    DayOfWeek,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const SUNDAY_AT_THE_END: u32 = 7;

/// The values that a field takes: bit n for the value n. Sunday is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Values {
    bits: u64,
    /// Whether the field begins with `*`, with or without a step.
    pub(super) has_star: bool,
}

impl Values {
    pub(super) fn contains(self, value: u32) -> bool {
        self.bits & (1 << value) != 0
    }

    /// The smallest value that is not below another.
    pub(super) fn at_least(self, least: u32) -> Option<u32> {
        let rest = self.bits.checked_shr(least)?;
        (rest != 0).then(|| least + rest.trailing_zeros())
    }
}

impl CronField {
    /// The smallest and the largest value.
    pub fn range(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, SUNDAY_AT_THE_END),
        }
    }

    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            Self::Minute | Self::Hour | Self::DayOfMonth => &[],
        }
    }

    pub(super) fn parse(self, text: &str) -> Result<Values, FieldFault> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part)?;
        }
        if self == Self::DayOfWeek && bits & (1 << SUNDAY_AT_THE_END) != 0 {
            bits = (bits | 1) & !(1 << SUNDAY_AT_THE_END);
        }
        Ok(Values { bits, has_star: text.starts_with('*') })
    }

    /// The bits of one item of the list.
    fn part(self, part: &str) -> Result<u64, FieldFault> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (least, most) = self.range();
        let (low, high) = match (range, range.split_once('-')) {
            ("*", _) if self == Self::DayOfWeek => (least, most - 1),
            ("*", _) => (least, most),
            (_, Some((low, high))) => self.ends(low, high)?,
            (value, None) => {
                let value = self.value(value)?;
                if let Some(step) = step {
                    return Err(FieldFault::StepOfOne { instead: format!("{value}-{most}/{step}") });
                }
                (value, value)
            }
        };
        let step = step.map_or(Ok(1), |step| self.step(step))?;
        Ok((low..=high).step_by(step as usize).fold(0, |bits, value| bits | 1 << value))
    }

    /// Both ends of a range. Sunday ends a week as well as it begins one.
    fn ends(self, low: &str, high: &str) -> Result<(u32, u32), FieldFault> {
        let (first, mut last) = (self.value(low)?, self.value(high)?);
        if self == Self::DayOfWeek && last == 0 && first > 0 {
            last = SUNDAY_AT_THE_END;
        }
        if first <= last {
            return Ok((first, last));
        }
        let (least, most) = self.range();
        let most = if self == Self::DayOfWeek { most - 1 } else { most };
        Err(FieldFault::Backwards { instead: format!("{first}-{most},{least}-{last}") })
    }

    fn step(self, text: &str) -> Result<u32, FieldFault> {
        let (least, most) = self.range();
        let longest = most - least;
        match text.parse::<u32>() {
            Ok(step) if (1..=longest).contains(&step) => Ok(step),
            _ => Err(FieldFault::Step { text: text.to_owned(), longest }),
        }
    }

    fn value(self, text: &str) -> Result<u32, FieldFault> {
        let (least, most) = self.range();
        if text.is_empty() {
            return Err(FieldFault::Empty);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let value = text.parse().ok().filter(|value| (least..=most).contains(value));
            return value.ok_or_else(|| FieldFault::OutOfRange { text: text.to_owned(), least, most });
        }
        let names = self.names();
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        match named {
            Some(place) => Ok(least + place as u32),
            None if text.contains(['L', 'W', '#', '?', 'l', 'w'])
                && !text.contains(|c: char| c.is_ascii_alphabetic() && !"LWlw".contains(c)) =>
            {
                Err(FieldFault::Extension { text: text.to_owned() })
            }
            None => Err(FieldFault::NoValue {
                text: text.to_owned(),
                meant: names
                    .iter()
                    .copied()
                    .find(|name| is_long_form(text, name))
                    .or_else(|| nearest(text, names.iter().copied())),
                least,
                most,
                names: names.first().copied().zip(names.last().copied()),
            }),
        }
    }
}

/// Whether a text is a name written out, such as `Monday`.
fn is_long_form(text: &str, name: &str) -> bool {
    text.len() > name.len() && text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

impl fmt::Display for CronField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of the month",
            Self::Month => "month",
            Self::DayOfWeek => "day of the week",
        })
    }
}
