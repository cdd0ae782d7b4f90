//! Results on stdout.

mod comparison;
mod figures;
pub(crate) mod lift;
mod outcome;
mod overlap;
pub(crate) mod runs;
pub(crate) mod schedules;
mod search;
mod segments;
pub(crate) mod submissions;
mod times;

use std::io::{ErrorKind, Write};

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableComponent};
use serde::Serialize;

use crate::arguments::Format;
use crate::failure::Failure;

pub(crate) use figures::{count, text};
pub(crate) use outcome::{publication, training};

/// Prints a result: as tables for people, or as it is for scripts.
pub(crate) fn result<T: Serialize>(format: Format, value: &T, tables: impl FnOnce() -> String) -> Result<(), Failure> {
    let text = match format {
        Format::Table => tables(),
        Format::Json => {
            serde_json::to_string_pretty(value).context("the result has no JSON form").map_err(Failure::Failed)?
        }
        Format::Yaml => {
            serde_saphyr::to_string(value).context("the result has no YAML form").map_err(Failure::Failed)?
        }
    };
    print(&text)
}

/// Prints text with one line end after it. A reader that has gone is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Failed(anyhow::Error::new(error).context("writing to stdout failed")))
        }
        _ => Ok(()),
    }
}

/// Tells something on stderr, with one line end after it. A reader that has gone is no error.
pub(crate) fn tell(text: &str) {
    let text = text.trim_end_matches('\n');
    if !text.is_empty() {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }
}

/// Columns of tables whose text is wrapped.
const WIDTH: u16 = 118;

/// A table with these columns. Those whose name starts with `>` hold numbers and stand on the right.
pub(crate) struct Rows {
    table: Table,
    numeric: Vec<bool>,
}

impl Rows {
    pub(crate) fn new(columns: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_style(TableComponent::HeaderLines, '─').set_style(TableComponent::MiddleHeaderIntersections, '─');
        table
            .set_style(TableComponent::LeftHeaderIntersection, ' ')
            .set_style(TableComponent::RightHeaderIntersection, ' ');
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
        let numeric: Vec<bool> = columns.iter().map(|column| column.starts_with('>')).collect();
        let names = columns.iter().map(|column| column.trim_start_matches('>'));
        table.set_header(names.zip(&numeric).map(|(name, numeric)| aligned(name.to_owned(), *numeric)));
        Self { table, numeric }
    }

    pub(crate) fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().zip(&self.numeric);
        self.table.add_row(cells.map(|(cell, numeric)| aligned(cell, *numeric)).collect::<Vec<_>>());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.table.lines().map(|line| line.trim_end().to_owned()).collect();
        f.write_str(&lines.join("\n"))
    }
}

fn aligned(text: String, is_numeric: bool) -> Cell {
    let alignment = if is_numeric { CellAlignment::Right } else { CellAlignment::Left };
    Cell::new(text).set_alignment(alignment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_the_right_and_no_line_ends_in_blanks() {
        let mut rows = Rows::new(&["name", ">rows"]);
        rows.add(["people".to_owned(), "7".to_owned()]);
        rows.add(["x".to_owned(), "23,570".to_owned()]);
        let text = rows.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.iter().any(|line| line.ends_with("     7")), "{text}");
        assert!(lines.iter().any(|line| line.starts_with("  x ") && line.ends_with("23,570")), "{text}");
        assert!(lines.iter().all(|line| line.trim_end() == *line), "{text}");
    }
}
