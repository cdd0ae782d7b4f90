//! What type the values of a text column have, told from the values without losing any of their text.
//!
//! A column becomes a number only if reading it as one keeps what is written: `00123`, `+491701234` and integers
//! beyond 64 bits stay text, because they are identifiers.

use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{DataType, Date32Type, TimeUnit};
use chrono::Utc;
use spec::table::ColumnType;

/// The narrowest type seen so far of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Guess {
    /// No value yet: all fields are empty.
    Empty,
    /// `true`, `false` in any case.
    Boolean,
    /// A 64-bit integer without leading zeros or plus sign.
    Integer,
    /// A decimal number, `NaN` or an infinity.
    Number,
    /// Digits that are no integer: leading zeros, or too many of them.
    Digits,
    /// `YYYY-MM-DD`
    Date,
    /// A date and a time.
    Timestamp {
        /// With an offset from UTC.
        zoned: bool,
        /// With more than six digits of a second.
        nanoseconds: bool,
    },
    /// Anything else.
    Text,
}

impl Guess {
    /// The narrowest type of one field; empty fields are null.
    pub(crate) fn of(value: &str) -> Self {
        let bytes = value.as_bytes();
        let Some(&first) = bytes.first() else { return Self::Empty };
        match first {
            b'0'..=b'9' | b'-' | b'.' => Self::of_number(value).or_else(|| Self::of_time(value)),
            b't' | b'T' | b'f' | b'F' => is_boolean(value).then_some(Self::Boolean),
            b'n' | b'N' | b'i' | b'I' => is_special_number(value).then_some(Self::Number),
            _ => None,
        }
        .unwrap_or(Self::Text)
    }

    fn of_number(value: &str) -> Option<Self> {
        let unsigned = value.strip_prefix('-').unwrap_or(value);
        let is_digits = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = unsigned.len() > 1 && unsigned.starts_with('0') && !unsigned.starts_with("0.");
        if is_digits {
            let is_negative = unsigned.len() < value.len();
            let is_integer = !has_leading_zero && value != "-0" && value.parse::<i64>().is_ok();
            return match (is_integer, is_negative) {
                (true, _) => Some(Self::Integer),
                (false, false) => Some(Self::Digits),
                (false, true) => None,
            };
        }
        if is_special_number(unsigned) {
            return Some(Self::Number);
        }
        let has_digit = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let is_number = has_digit && !has_leading_zero && value.parse::<f64>().is_ok();
        is_number.then_some(Self::Number)
    }

    fn of_time(value: &str) -> Option<Self> {
        let bytes = value.as_bytes();
        let has_date = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-';
        if !has_date {
            return None;
        }
        if bytes.len() == 10 {
            return Date32Type::parse(value).map(|_| Self::Date);
        }
        if !matches!(bytes[10], b'T' | b't' | b' ') {
            return None;
        }
        string_to_datetime(&Utc, value).ok()?;
        let clock = &bytes[11..];
        let fraction = clock
            .iter()
            .position(|&byte| byte == b'.')
            .map_or(0, |dot| clock[dot + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count());
        let zoned = clock.iter().any(|byte| matches!(byte, b'+' | b'-') || byte.is_ascii_alphabetic());
        Some(Self::Timestamp { zoned, nanoseconds: fraction > 6 })
    }

    /// The narrowest type that holds both, where there is one short of text.
    pub(crate) fn widened(self, other: Self) -> Option<Self> {
        use Guess::{Date, Digits, Empty, Integer, Number, Timestamp};
        match (self, other) {
            (a, b) if a == b => Some(a),
            (Empty, wider) | (wider, Empty) => Some(wider),
            (Integer, Number) | (Number, Integer) => Some(Number),
            (Integer, Digits) | (Digits, Integer) => Some(Digits),
            (Date, time @ Timestamp { zoned: false, .. }) | (time @ Timestamp { zoned: false, .. }, Date) => Some(time),
            (Timestamp { zoned: a, .. }, Timestamp { zoned: b, .. }) if a == b => {
                Some(Timestamp { zoned: a, nanoseconds: true })
            }
            (Digits, Guess::Text) | (Guess::Text, Digits) => Some(Guess::Text),
            _ => None,
        }
    }

    /// Takes in one more field of the same column and file.
    pub(crate) fn see(&mut self, value: &str) {
        if *self != Self::Text {
            *self = self.widened(Self::of(value)).unwrap_or(Self::Text);
        }
    }

    /// The type that a column of such values is read as.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Date => DataType::Date32,
            Self::Timestamp { zoned, nanoseconds } => {
                let unit = if nanoseconds { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
                DataType::Timestamp(unit, zoned.then(|| "+00:00".into()))
            }
            Self::Empty | Self::Digits | Self::Text => DataType::Utf8,
        }
    }
}

/// The Arrow type of a declared type.
pub(crate) fn declared_type(declared: ColumnType) -> DataType {
    match declared {
        ColumnType::String => DataType::Utf8,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
    }
}

fn is_boolean(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

fn is_special_number(value: &str) -> bool {
    ["nan", "inf", "infinity"].iter().any(|special| value.eq_ignore_ascii_case(special))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: Guess = Guess::Timestamp { zoned: false, nanoseconds: false };

    #[test]
    fn one_value_has_its_narrowest_type() {
        let cases = [
            ("", Guess::Empty),
            ("true", Guess::Boolean),
            ("FALSE", Guess::Boolean),
            ("t", Guess::Text),
            ("0", Guess::Integer),
            ("-12", Guess::Integer),
            ("9223372036854775807", Guess::Integer),
            ("9223372036854775808", Guess::Digits),
            ("00123", Guess::Digits),
            ("-007", Guess::Text),
            ("-0", Guess::Text),
            ("+4917", Guess::Text),
            ("11.77", Guess::Number),
            ("0.5", Guess::Number),
            ("-0.5", Guess::Number),
            (".5", Guess::Number),
            ("1e-5", Guess::Number),
            ("NaN", Guess::Number),
            ("-inf", Guess::Number),
            ("-", Guess::Text),
            (".", Guess::Text),
            ("1.2.3", Guess::Text),
            ("007.5", Guess::Text),
            ("12,50", Guess::Text),
            ("1 2", Guess::Text),
            (" 12", Guess::Text),
            ("?", Guess::Text),
            ("1998-06-30", Guess::Date),
            ("1998-02-30", Guess::Text),
            ("1998-06-30 12:00:00", TIME),
            ("1998-06-30T12:00:00.123456", TIME),
            ("1998-06-30T12:00:00.1234567", Guess::Timestamp { zoned: false, nanoseconds: true }),
            ("1998-06-30T12:00:00Z", Guess::Timestamp { zoned: true, nanoseconds: false }),
            ("1998-06-30T12:00:00+08:00", Guess::Timestamp { zoned: true, nanoseconds: false }),
            ("1998-06-30x", Guess::Text),
            ("naïve", Guess::Text),
        ];
        for (value, expected) in cases {
            assert_eq!(Guess::of(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_column_has_the_narrowest_type_of_all_its_values() {
        let cases: [(&[&str], DataType); 8] = [
            (&["", ""], DataType::Utf8),
            (&["1", "", "2"], DataType::Int64),
            (&["1", "2.5"], DataType::Float64),
            (&["1", "02"], DataType::Utf8),
            (&["1", "?"], DataType::Utf8),
            (&["1998-06-30", "1998-06-30 01:02:03"], DataType::Timestamp(TimeUnit::Microsecond, None)),
            (&["1998-06-30", "1998-06-30T01:02:03Z"], DataType::Utf8),
            (&["true", "0"], DataType::Utf8),
        ];
        for (values, expected) in cases {
            let mut guess = Guess::Empty;
            values.iter().for_each(|value| guess.see(value));
            assert_eq!(guess.data_type(), expected, "{values:?}");
        }
    }
}
