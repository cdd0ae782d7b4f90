//! What somebody did before a cut-off beside buying, as numbers.

use super::habits::{Absent, Column, in_window};
use super::sql::{indented, literal, rows, text_of};
use super::{Events, Preset};

/// The last days that events are counted in by themselves, as far as the window reaches beyond them.
const RECENT_DAYS: [u32; 3] = [1, 7, 30];

/// The query of `preset_events`: what somebody did on one day, a row for each action that is counted by itself and one for
/// all others.
pub(super) fn sql(preset: &Preset, events: &Events) -> String {
    let Events { table, customer, time, action, .. } = events;
    let action = action.as_ref().map_or_else(|| "CAST(NULL AS VARCHAR)".to_owned(), text_of);
    let lines = rows(preset, [table.as_str(), customer.as_str(), time.as_str()], [(action, "action")]);
    format!(
        "SELECT customer, day, action, count(*) AS events\nFROM (\n{}\n) AS lines\nGROUP BY customer, day, action",
        indented(&lines, 2)
    )
}

/// The columns over `preset_events`, a row a customer and cut-off.
pub(super) fn columns(preset: &Preset, events: &Events) -> Vec<Column> {
    let window = preset.window().count();
    let recent = RECENT_DAYS.into_iter().filter(|days| *days < window);
    let mut columns = vec![
        Column::number("days_since_event", "min(age_days)", Absent::Null),
        Column::number("events", "sum(events)", Absent::Zero),
        Column::number("event_days", "count(DISTINCT age_days)", Absent::Zero),
    ];
    for days in recent.clone() {
        let sql = format!("coalesce(sum(events) FILTER (WHERE age_days <= {days}), 0)");
        columns.push(Column::number(format!("events_{days}d"), sql, Absent::Zero));
    }
    for action in &events.actions {
        let is_it = format!("action = {}", literal(action.as_str()));
        let all = format!("coalesce(sum(events) FILTER (WHERE {is_it}), 0)");
        columns.push(Column::number(format!("{action}_events"), all, Absent::Zero));
        let recency = format!("min(age_days) FILTER (WHERE {is_it})");
        columns.push(Column::number(format!("{action}_recency_days"), recency, Absent::Null));
        for days in recent.clone() {
            let sql = format!("coalesce(sum(events) FILTER (WHERE {is_it} AND age_days <= {days}), 0)");
            columns.push(Column::number(format!("{action}_events_{days}d"), sql, Absent::Zero));
        }
    }
    columns
}

/// The query of `preset_interest`.
pub(super) fn interest(preset: &Preset, events: &Events) -> String {
    in_window(preset, "preset_events", &["action", "events"], &columns(preset, events))
}
