//! What is wrong with a schedule.

use chrono::NaiveDate;

use super::field::CronField;
use crate::duration::InvalidDuration;
use crate::node::quoted;

/// What is wrong with a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The times are none.
    #[error(transparent)]
    Cron(#[from] InvalidCron),
    /// No zone has this name.
    #[error("there is no time zone {}{}", quoted(.name), zone_hint(.meant))]
    TimeZone {
        /// The name as written.
        name: String,
        /// The zone that was probably meant.
        meant: Option<&'static str>,
    },
    /// The last day is before the first.
    #[error("the last day {end} is before the first day {start}")]
    EndBeforeStart {
        /// The first day.
        start: NaiveDate,
        /// The last day.
        end: NaiveDate,
    },
    /// No slot ever comes.
    #[error("it never comes due: no day from {start} to {end} has such a time")]
    Never {
        /// The first day.
        start: NaiveDate,
        /// The last day.
        end: NaiveDate,
    },
    /// How long something is waited for is no length of time.
    #[error(transparent)]
    Timeout(#[from] InvalidDuration),
}

fn zone_hint(meant: &Option<&'static str>) -> String {
    match meant {
        Some(name) => format!(" (did you mean {}?)", quoted(name)),
        None => ": write an IANA name such as Asia/Shanghai, Europe/Berlin or UTC".to_owned(),
    }
}

/// What is wrong with a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// Too few fields or too many.
    #[error(
        "{} has {}, and a cron expression has five: minute, hour, day of the month, month and day of the week, such as 0 2 * * *{}",
        quoted(.text),
        fields(.found),
        seconds(.found)
    )]
    Fields {
        /// The expression.
        text: String,
        /// How many fields it has.
        found: usize,
    },
    /// A word for a whole expression.
    #[error("{} is not available: write {instead}", quoted(.text))]
    Nickname {
        /// The word.
        text: String,
        /// The expression that it stands for elsewhere.
        instead: &'static str,
    },
    /// A field that says no values.
    #[error("the {field} {}: {fault}", quoted(.text))]
    Field {
        /// Which field.
        field: CronField,
        /// The field as written.
        text: String,
        /// What is wrong with it.
        fault: FieldFault,
    },
    /// Days that no month named with them has.
    #[error("it never comes due: no month that it names has such a day")]
    Never,
}

/// What is wrong with a field of a cron expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    /// Nothing before, between or after commas.
    #[error("a value is missing")]
    Empty,
    /// A number that the field does not have.
    #[error("{text} is out of range: expected {least} to {most}")]
    OutOfRange {
        /// The number as written.
        text: String,
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// Neither a number nor a name.
    #[error("{} is no value: {}", quoted(.text), expected(.meant, .least, .most, .names))]
    NoValue {
        /// The text.
        text: String,
        /// The name that was probably meant.
        meant: Option<&'static str>,
        /// The smallest number.
        least: u32,
        /// The largest number.
        most: u32,
        /// The first and the last name.
        names: Option<(&'static str, &'static str)>,
    },
    /// What only some programs have.
    #[error("{} is not available: write days as numbers, names, ranges and lists", quoted(.text))]
    Extension {
        /// The text.
        text: String,
    },
    /// A range whose end is before its start.
    #[error("the range runs backwards: write {instead}")]
    Backwards {
        /// The two ranges that it would be.
        instead: String,
    },
    /// A step that is none.
    #[error("the step {} is no number from 1 to {longest}", quoted(.text))]
    Step {
        /// The step as written.
        text: String,
        /// The longest.
        longest: u32,
    },
    /// A step from a single value, which programs understand in different ways.
    #[error("a step goes with `*` or a range: write {instead}")]
    StepOfOne {
        /// The range that it would be.
        instead: String,
    },
}

fn fields(found: &usize) -> String {
    format!("{found} {}", if *found == 1 { "field" } else { "fields" })
}

fn seconds(found: &usize) -> &'static str {
    if *found == 6 { "; there are no seconds" } else { "" }
}

fn expected(
    meant: &Option<&'static str>,
    least: &u32,
    most: &u32,
    names: &Option<(&'static str, &'static str)>,
) -> String {
    match (meant, names) {
        (Some(name), _) => format!("did you mean {name}?"),
        (None, Some((first, last))) => format!("expected {least} to {most}, or {first} to {last}"),
        (None, None) => format!("expected {least} to {most}"),
    }
}
