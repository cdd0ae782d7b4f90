//! The forms of texts: names, references, sizes. The schema says a form by its pattern, for editors; what decides is
//! the check beside it.

use std::time::Duration;

use chrono::NaiveDate;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::ids::{self, ModelReference};
use crate::preset::{self, Days};
use crate::training::DeviceChoice;
use crate::{duration, share, size};

/// A form that a text must have.
#[derive(Debug)]
pub(crate) struct TextForm {
    /// What the schema says: a regular expression.
    pub(crate) pattern: &'static str,
    /// What it is, for messages.
    pub(crate) noun: &'static str,
    /// What is wrong with one that is not, or how to write it.
    pub(crate) rule: &'static str,
    /// A text of this form.
    pub(crate) example: &'static str,
    /// Whether a text has this form.
    pub(crate) check: fn(&str) -> bool,
}

pub(crate) const NOT_BLANK: &str = "\\S";
pub(crate) const ADDRESS: &str = "^[^\\u0000-\\u001f\\u007f]+$";
pub(crate) const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
pub(crate) const DELIMITER: &str = "^([^\\u0080-\\uffff\"\\r\\n]|whitespace)$";

/// Every form of a text, by pattern.
static FORMS: [TextForm; 13] = [
    TextForm {
        pattern: NOT_BLANK,
        noun: "a text",
        rule: "write something",
        example: "x",
        check: |text| !text.trim().is_empty(),
    },
    TextForm {
        pattern: ADDRESS,
        noun: "a path or URL",
        rule: "it holds a control character",
        example: "x",
        check: |text| !text.trim().is_empty() && !text.chars().any(char::is_control),
    },
    TextForm {
        pattern: VARIABLE,
        noun: "an environment variable",
        rule: "use letters, digits and `_`, not starting with a digit",
        example: "X",
        check: |text| {
            !text.starts_with(|c: char| c.is_ascii_digit())
                && !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        },
    },
    TextForm {
        pattern: DELIMITER,
        noun: "a field separator",
        rule: "one ASCII character, or the word whitespace",
        example: ",",
        check: |text| text == "whitespace" || (text.len() == 1 && text.is_ascii() && !"\"\r\n".contains(text)),
    },
    TextForm {
        pattern: ids::KEY_NAME,
        noun: "a name",
        rule: "use 1 to 63 lower-case letters, digits, `-` and `_`, starting with a letter or digit",
        example: "x",
        check: ids::is_key_name,
    },
    TextForm {
        pattern: ids::ALIAS_NAME,
        noun: "an alias",
        rule: "use 1 to 63 lower-case letters, digits, `-` and `_`, not digits alone, starting with a letter or digit",
        example: "x",
        check: ids::is_alias_name,
    },
    TextForm {
        pattern: ids::TABLE_NAME,
        noun: "a table's name",
        rule: "use 1 to 63 letters, digits, `_` and `-`, not starting with `-`",
        example: "x",
        check: ids::is_table_name,
    },
    TextForm {
        pattern: ids::COLUMN_NAME,
        noun: "a column's name",
        rule: "it is longer than 255 bytes or holds a control character",
        example: "x",
        check: ids::is_column_name,
    },
    TextForm {
        pattern: ids::MODEL_REFERENCE,
        noun: "a model",
        rule: "write name@alias or name@version, such as repurchase@production",
        example: "x@1",
        check: |text| text.parse::<ModelReference>().is_ok(),
    },
    TextForm {
        pattern: DeviceChoice::PATTERN,
        noun: "a device",
        rule: "use auto, cpu, cuda or cuda:N",
        example: "cpu",
        check: |text| DeviceChoice::try_from(text.to_owned()).is_ok(),
    },
    TextForm {
        pattern: size::PATTERN,
        noun: "an amount of memory of at least 1MiB",
        rule: "write a number and a unit, such as 4GiB or 512MB",
        example: "1GiB",
        check: |text| size::parse_bytes(text).is_ok_and(|bytes| bytes >= 1 << 20),
    },
    TextForm {
        pattern: duration::PATTERN,
        noun: "a length of time",
        rule: "write a whole number above 0 and s, m, h, d or w, such as 14d",
        example: "1d",
        check: |text| duration::parse(text).is_ok_and(|length| length > Duration::ZERO),
    },
    TextForm {
        pattern: preset::DAYS,
        noun: "a number of days",
        rule: "write 1 to 9999 and d or w, such as 90d or 13w",
        example: "90d",
        check: |text| text.parse::<Days>().is_ok(),
    },
];

/// Days, which the schema says by `format: date`.
pub(crate) static DATE: TextForm = TextForm {
    pattern: "",
    noun: "a date",
    rule: "write year, month and day, such as 2026-03-31",
    example: "2026-03-31",
    check: |text| parse_date(text).is_some(),
};

/// The day that a text means, written in ten characters.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let is_written_out = text.len() == "2026-03-31".len() && text.is_ascii();
    is_written_out.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()).flatten()
}

/// The form that a pattern stands for.
pub(crate) fn form_of(pattern: &str) -> Option<&'static TextForm> {
    FORMS.iter().find(|form| form.pattern == pattern)
}

/// Whether a pattern is that of percentages, which stand for numbers.
pub(crate) fn is_percentage(pattern: &str) -> bool {
    pattern == share::PATTERN
}

/// A text of SQL or a salt: anything but blank.
pub(crate) fn not_blank(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": NOT_BLANK})
}

/// Such a text, or null.
pub(crate) fn not_blank_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": NOT_BLANK})
}

/// A path or URL.
pub(crate) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": ADDRESS})
}

/// An environment variable's name.
pub(crate) fn variable(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": VARIABLE})
}

/// A CSV separator, or null.
pub(crate) fn delimiter_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": DELIMITER})
}

/// An amount of memory.
pub(crate) fn size(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": size::PATTERN})
}

/// An amount of memory, or null.
pub(crate) fn size_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": size::PATTERN})
}

/// A length of time.
pub(crate) fn duration(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": duration::PATTERN})
}

/// A length of time, or null.
pub(crate) fn duration_or_null(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": duration::PATTERN})
}

/// Values of parameters.
pub(crate) fn parameter(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}})
}
