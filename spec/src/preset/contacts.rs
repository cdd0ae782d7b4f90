//! Whom campaigns reached, and what came of it before a cut-off, as numbers.

use super::defaults::Purpose;
use super::habits::{Absent, Column, in_window};
use super::sql::{date, identifier, indented, rows};
use super::{Contacts, Preset};

/// The query of `preset_contacts`: a row a customer and day on which a campaign reached them.
pub(super) fn sql(preset: &Preset, contacts: &Contacts) -> String {
    let Contacts { table, customer, time, responded } = contacts;
    let responded = responded.as_ref().map(|responded| {
        let answered = format!("CASE WHEN CAST({} AS DOUBLE) > 0 THEN 1 ELSE 0 END", identifier(responded));
        (answered, "responded")
    });
    let answers = if responded.is_some() { "max(responded)" } else { "0" };
    format!(
        "SELECT customer, day, {answers} AS responded\nFROM (\n{}\n) AS lines\nGROUP BY customer, day",
        indented(&rows(preset, [table.as_str(), customer.as_str(), time.as_str()], responded), 2)
    )
}

/// Those who were reached, each as of the day of the contact, where the outcome is known.
pub(super) fn people(preset: &Preset) -> String {
    // A day that is out of range is a mistake, which validation reports.
    let newest = preset.cut_offs(Purpose::Training).and_then(|days| days.first().copied()).unwrap_or(preset.as_of);
    format!(
        "SELECT day AS cut_off, customer\nFROM preset_contacts\nWHERE {} - day BETWEEN 0 AND {}",
        date(newest),
        preset.window().count() - 1,
    )
}

/// The columns over `preset_contacts`, a row a customer and cut-off. Answers count once their time is over.
pub(super) fn columns(preset: &Preset, contacts: &Contacts) -> Vec<Column> {
    let mut columns = vec![
        Column::number("days_since_contact", "min(age_days)", Absent::Null),
        Column::number("contacts", "count(*)", Absent::Zero),
        Column::number("contacts_30d", "count(*) FILTER (WHERE age_days <= 30)", Absent::Zero),
    ];
    if contacts.responded.is_some() {
        let over = format!("FILTER (WHERE age_days >= {})", preset.horizon().count());
        columns.push(Column::number("responses", format!("coalesce(sum(responded) {over}, 0)"), Absent::Zero));
        columns.push(Column::number("response_rate", format!("avg(responded) {over}"), Absent::Null));
    }
    columns
}

/// The query of `preset_reached`.
pub(super) fn reached(preset: &Preset, contacts: &Contacts) -> String {
    in_window(preset, "preset_contacts", &["responded"], &columns(preset, contacts))
}
