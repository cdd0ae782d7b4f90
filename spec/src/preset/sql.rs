//! SQL in parts: names and texts that hold anything, and the rows of a preset's tables under names of our own.

use std::fmt::Write;

use chrono::NaiveDate;

use super::{Preset, Transactions};
use crate::ids::ColumnName;

/// A name as SQL takes it, whatever is in it.
pub(super) fn identifier(name: impl AsRef<str>) -> String {
    format!("\"{}\"", name.as_ref().replace('"', "\"\""))
}

/// A day as SQL takes it.
pub(super) fn date(day: NaiveDate) -> String {
    format!("DATE '{day}'")
}

/// Lines, each further in by so many blanks.
pub(super) fn indented(text: &str, blanks: usize) -> String {
    let margin = " ".repeat(blanks);
    text.lines().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// Expressions with their names as the list of a SELECT.
pub(super) fn select_list<'a>(columns: impl IntoIterator<Item = (String, &'a str)>) -> String {
    let mut list = String::new();
    for (expression, name) in columns {
        let comma = if list.is_empty() { "" } else { ",\n" };
        // Writing to a String does not fail.
        let _ = write!(list, "{comma}       {expression} AS {}", identifier(name));
    }
    list.trim_start().to_owned()
}

/// The rows of a table before `as_of` as `customer`, `day` and further columns; rows without either are left out.
pub(super) fn rows(
    preset: &Preset,
    [table, customer, time]: [&str; 3],
    further: impl IntoIterator<Item = (String, &'static str)>,
) -> String {
    let (customer, day) = (identifier(customer), day_of(time));
    let columns = [(customer.clone(), "customer"), (day.clone(), "day")].into_iter().chain(further);
    format!(
        "SELECT {}\nFROM {}\nWHERE {customer} IS NOT NULL AND {day} < {}",
        select_list(columns),
        identifier(table),
        date(preset.as_of),
    )
}

/// The transactions before `as_of`, with `amount`, and with further columns as texts.
///
/// An amount that is NaN or infinite is null, and a row without a positive amount is no purchase.
pub(super) fn transactions(preset: &Preset, further: &[(&ColumnName, &'static str)]) -> String {
    let Transactions { table, customer, time, amount, .. } = &preset.transactions;
    let amount = match amount {
        Some(amount) => finite(&identifier(amount)),
        None => "CAST(1 AS DOUBLE)".to_owned(),
    };
    let texts = further.iter().map(|(column, name)| (text_of(column), *name));
    rows(preset, [table.as_str(), customer.as_str(), time.as_str()], [(amount, "amount")].into_iter().chain(texts))
}

/// The day of a date or timestamp.
pub(super) fn day_of(time: &str) -> String {
    format!("CAST({} AS DATE)", identifier(time))
}

/// A name in a column, whatever its type.
pub(super) fn text_of(column: &ColumnName) -> String {
    format!("CAST({} AS VARCHAR)", identifier(column))
}

/// A text as SQL takes it, whatever is in it.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A number, or null where it is NaN or infinite: NaN is above all numbers in SQL.
fn finite(column: &str) -> String {
    let number = format!("CAST({column} AS DOUBLE)");
    format!("CASE WHEN abs({number}) < CAST('Infinity' AS DOUBLE) THEN {number} END")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_a_name_whatever_is_in_it() {
        assert_eq!(identifier("customer id"), r#""customer id""#);
        assert_eq!(literal("O'Neill"), "'O''Neill'");
        assert_eq!(identifier(r#"x"; DROP TABLE y; --"#), r#""x""; DROP TABLE y; --""#);
    }
}
