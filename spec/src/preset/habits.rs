//! What somebody bought before a cut-off, as numbers: recency, frequency, money, rhythm and returns.

use serde_json::{Value as Json, json};

use super::Preset;
use super::sql::select_list;

/// A filled column that is a feature.
pub(super) struct Column {
    /// Its name, and the feature's.
    pub(super) name: String,
    /// How it is computed.
    pub(super) sql: String,
    /// What it is for somebody without a purchase in the window.
    pub(super) absent: Absent,
    /// The feature.
    pub(super) feature: Json,
}

/// What a column is where there is nothing to compute it from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    Zero,
    Null,
}

impl Column {
    pub(super) fn number(name: impl Into<String>, sql: impl Into<String>, absent: Absent) -> Self {
        Self { name: name.into(), sql: sql.into(), absent, feature: json!({"kind": "numeric"}) }
    }
}

/// The last days that are counted by themselves, as far as the window reaches beyond them.
const RECENT_DAYS: [u32; 3] = [30, 90, 180];

/// Days with a purchase.
const BOUGHT: &str = "FILTER (WHERE items > 0)";

/// The columns over `preset_history`, a row a customer and cut-off.
pub(super) fn columns(preset: &Preset) -> Vec<Column> {
    let mut columns = rhythm();
    let recent = RECENT_DAYS.into_iter().filter(|days| *days < preset.window().count());
    for days in recent.clone() {
        let sql = format!("count(*) FILTER (WHERE items > 0 AND age_days <= {days})");
        columns.push(Column::number(format!("orders_{days}d"), sql, Absent::Zero));
    }
    if preset.transactions.amount.is_some() {
        for days in recent {
            let sql = format!("coalesce(sum(spend) FILTER (WHERE age_days <= {days}), 0)");
            columns.push(Column::number(format!("spend_{days}d"), sql, Absent::Zero));
        }
        columns.extend(money());
    }
    columns
}

/// The query of numbers over what a step tells of people in the window before each cut-off: over `age_days` and the columns
/// that are carried along.
pub(super) fn in_window(preset: &Preset, step: &str, carried: &[&str], columns: &[Column]) -> String {
    let carried: String = carried.iter().map(|column| format!(", {step}.{column}")).collect();
    format!(
        "SELECT cut_off, customer,\n       {}\n\
         FROM (\n  \
         SELECT people.cut_off, people.customer, people.cut_off - {step}.day AS age_days{carried}\n  \
         FROM preset_people AS people JOIN {step} ON {step}.customer = people.customer\n  \
         WHERE people.cut_off - {step}.day BETWEEN 1 AND {}\n\
         ) AS known\n\
         GROUP BY cut_off, customer",
        select_list(columns.iter().map(|column| (column.sql.clone(), column.name.as_str()))),
        preset.window().count(),
    )
}

fn rhythm() -> Vec<Column> {
    let (zero, null) = (Absent::Zero, Absent::Null);
    vec![
        Column::number("recency_days", format!("min(age_days) {BOUGHT}"), null),
        Column::number("tenure_days", format!("max(age_days) {BOUGHT}"), null),
        Column::number("orders", format!("count(*) {BOUGHT}"), zero),
        Column::number("items", "sum(items)", zero),
        Column::number("items_an_order", format!("avg(items) {BOUGHT}"), null),
        Column::number("orders_a_month", format!("30.0 * count(*) {BOUGHT} / max(age_days) {BOUGHT}"), zero),
        Column::number("mean_gap_days", "avg(gap_days)", null),
        Column::number("gap_deviation", "stddev_pop(gap_days)", null),
        Column::number("longest_gap_days", "max(gap_days)", null),
        Column::number("last_gap_days", "max(gap_days) FILTER (WHERE place_from_last = 1)", null),
        Column::number("gaps_since_last", format!("min(age_days) {BOUGHT} / avg(gap_days)"), null),
        Column::number(
            "weekend_share",
            format!("avg(CASE WHEN date_part('dow', day) IN (0, 6) THEN 1.0 ELSE 0.0 END) {BOUGHT}"),
            null,
        ),
    ]
}

fn money() -> Vec<Column> {
    let (zero, null) = (Absent::Zero, Absent::Null);
    let last = "max(spend) FILTER (WHERE items > 0 AND place_from_last = 1)";
    vec![
        Column::number("spend", "sum(spend)", zero),
        Column::number("mean_order", format!("avg(spend) {BOUGHT}"), null),
        Column::number("largest_order", format!("max(spend) {BOUGHT}"), null),
        Column::number("order_deviation", format!("stddev_pop(spend) {BOUGHT}"), null),
        Column::number("last_order", last, null),
        Column::number("last_to_mean", format!("{last} / avg(spend) {BOUGHT}"), null),
        Column::number("returns", "sum(returns)", zero),
        Column::number("returned", "sum(returned)", zero),
    ]
}
