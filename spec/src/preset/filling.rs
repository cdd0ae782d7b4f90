//! Everything that a preset fills, put together.

use serde_json::{Map, Value as Json, json};

use super::defaults::Purpose;
use super::habits::{self, Absent, Column};
use super::outcome::{Label, Outcome};
use super::sql::{date, identifier, indented, select_list, transactions};
use super::{Preset, PresetKind, contacts, events, outcome, people, similar, tastes};

/// What a document is filled with.
pub(crate) struct Filling {
    /// Steps of `prepare`: name and query.
    pub(crate) steps: Vec<Step>,
    /// Fields of the spec that hold named parts, into which the user's own are merged.
    pub(crate) named: Vec<(&'static str, Map<String, Json>)>,
    /// Other fields of the spec.
    pub(crate) fields: Vec<(&'static str, Json)>,
}

/// The name of a step, and its query.
type Step = (&'static str, String);

/// Numbers of people, from a step of their own.
struct Numbers {
    step: &'static str,
    columns: Vec<Column>,
}

/// What a preset stands for.
pub(crate) fn fill(preset: &Preset, purpose: Purpose) -> Filling {
    let key = json!(preset.transactions.customer);
    let mut steps = steps(preset, purpose);
    match purpose {
        Purpose::Scoring => {
            let fields = vec![("population", json!("preset_customers")), ("key", key)];
            Filling { steps, named: vec![], fields }
        }
        Purpose::Training => {
            let outcome = outcome::of(preset);
            steps.extend(label_steps(preset, &outcome));
            let tasks = outcome.tasks.into_iter().map(|(name, task)| (name.to_owned(), task)).collect();
            let split = json!({"by": "key", "validation": 0.15, "test": 0.15});
            let fields = vec![
                ("examples", json!("preset_examples")),
                ("key", key),
                ("split", split),
                ("network", outcome.network),
            ];
            Filling { steps, named: vec![("features", features(preset)), ("tasks", tasks)], fields }
        }
    }
}

/// The steps that are filled.
pub(crate) fn step_names(preset: &Preset, purpose: Purpose) -> Vec<&'static str> {
    fill(preset, purpose).steps.into_iter().map(|(name, _)| name).collect()
}

/// The columns of `preset_customers` and `preset_examples` beside the key and what is kept of the customers' table.
pub(crate) fn column_names(preset: &Preset) -> Vec<String> {
    let labels = outcome::of(preset).labels.into_iter().map(|(_, name)| name.to_owned());
    let features = features(preset).into_iter().map(|(name, _)| name);
    std::iter::once("cut_off".to_owned()).chain(features).chain(labels).collect()
}

fn features(preset: &Preset) -> Map<String, Json> {
    let columns = numbers(preset).into_iter().flat_map(|numbers| numbers.columns);
    let mut features: Map<String, Json> = columns.map(|column| (column.name, column.feature)).collect();
    for (name, feature) in tastes::of(preset).iter().flat_map(tastes::Taste::features) {
        features.insert(name.to_owned(), feature);
    }
    features
}

fn numbers(preset: &Preset) -> Vec<Numbers> {
    let mut numbers = vec![Numbers { step: "preset_habits", columns: habits::columns(preset) }];
    let interest = preset.events.as_ref().map(|events| events::columns(preset, events));
    numbers.extend(interest.map(|columns| Numbers { step: "preset_interest", columns }));
    let reached = preset.contacts.as_ref().map(|contacts| contacts::columns(preset, contacts));
    numbers.extend(reached.map(|columns| Numbers { step: "preset_reached", columns }));
    numbers
}

/// The steps that Training and Scoring share; they end with `preset_customers`.
fn steps(preset: &Preset, purpose: Purpose) -> Vec<Step> {
    let is_of_contacts = preset.kind == PresetKind::Response && purpose == Purpose::Training;
    let mut steps = vec![];
    if !is_of_contacts {
        steps.push(("preset_cut_offs", cut_offs(preset, purpose)));
    }
    steps.push(("preset_orders", orders(preset)));
    if preset.kind == PresetKind::Acquisition {
        steps.extend(outcome::firsts(preset).map(|sql| ("preset_firsts", sql)));
    }
    steps.extend(preset.events.as_ref().map(|events| ("preset_events", events::sql(preset, events))));
    steps.extend(preset.contacts.as_ref().map(|contacts| ("preset_contacts", contacts::sql(preset, contacts))));
    steps.push(("preset_people", people::sql(preset, purpose)));
    steps.push(("preset_history", history(preset)));
    steps.push(("preset_habits", habits(preset)));
    steps.extend(preset.events.as_ref().map(|events| ("preset_interest", events::interest(preset, events))));
    steps.extend(preset.contacts.as_ref().map(|contacts| ("preset_reached", contacts::reached(preset, contacts))));
    steps.extend(tastes::of(preset).iter().map(|taste| (taste.step, taste.sql(preset))));
    steps.push(("preset_customers", customers(preset)));
    steps
}

/// The steps that make labels; they end with `preset_examples`.
fn label_steps(preset: &Preset, outcome: &Outcome) -> Vec<Step> {
    let mut steps = vec![];
    if preset.kind == PresetKind::CrossSell {
        steps.extend(outcome::firsts(preset).map(|sql| ("preset_firsts", sql)));
    }
    if let (PresetKind::NewProduct, Some(similar), Some(product)) =
        (preset.kind, &preset.similar, &preset.transactions.product)
    {
        steps.push(("preset_similar", similar::sql(preset, similar, product)));
    }
    if uses_orders(outcome) {
        steps.push(("preset_outcomes", outcome::orders(preset)));
    }
    steps.extend(outcome.mark.clone());
    steps.push(("preset_examples", examples(preset, outcome)));
    steps
}

fn uses_orders(outcome: &Outcome) -> bool {
    outcome.labels.iter().any(|(label, _)| matches!(label, Label::Orders(_)))
}

fn cut_offs(preset: &Preset, purpose: Purpose) -> String {
    // A day that is out of range is a mistake, which validation reports.
    let days = preset.cut_offs(purpose).unwrap_or_else(|| vec![preset.as_of]);
    let rows: Vec<String> = days.into_iter().map(|day| format!("SELECT {} AS cut_off", date(day))).collect();
    rows.join("\nUNION ALL\n")
}

/// All that somebody bought or returned on one day.
fn orders(preset: &Preset) -> String {
    format!(
        "SELECT customer, day,\n       \
         count(*) FILTER (WHERE amount > 0) AS items,\n       \
         coalesce(sum(amount) FILTER (WHERE amount > 0), 0) AS spend,\n       \
         count(*) FILTER (WHERE amount < 0) AS returns,\n       \
         coalesce(sum(-amount) FILTER (WHERE amount < 0), 0) AS returned\n\
         FROM (\n{}\n) AS lines\n\
         GROUP BY customer, day",
        indented(&transactions(preset, &[]), 2),
    )
}

/// The orders in the window before each cut-off.
fn history(preset: &Preset) -> String {
    let rhythm = "OVER (PARTITION BY people.cut_off, people.customer, items > 0 ORDER BY orders.day";
    format!(
        "SELECT people.cut_off, people.customer, orders.day, people.cut_off - orders.day AS age_days,\n       \
         items, spend, returns, returned,\n       \
         CASE WHEN items > 0 THEN orders.day - lag(orders.day) {rhythm}) END AS gap_days,\n       \
         row_number() {rhythm} DESC) AS place_from_last\n\
         FROM preset_people AS people JOIN preset_orders AS orders ON orders.customer = people.customer\n\
         WHERE people.cut_off - orders.day BETWEEN 1 AND {}",
        preset.window().count(),
    )
}

fn habits(preset: &Preset) -> String {
    let columns = habits::columns(preset);
    let list = select_list(columns.iter().map(|column| (column.sql.clone(), column.name.as_str())));
    format!("SELECT cut_off, customer,\n       {list}\nFROM preset_history\nGROUP BY cut_off, customer")
}

/// Everybody who is looked at, with all that is known of them as of the cut-off.
fn customers(preset: &Preset) -> String {
    let (numbers, tastes) = (numbers(preset), tastes::of(preset));
    let key = preset.transactions.customer.as_str();
    let mut columns = vec![("people.customer".to_owned(), key), ("people.cut_off".to_owned(), "cut_off")];
    let mut joins = Vec::new();
    for Numbers { step, columns: of_step } in &numbers {
        joins.push(joined(step));
        columns.extend(of_step.iter().map(|column| {
            let number = format!("{step}.{}", identifier(&column.name));
            let sql = match column.absent {
                Absent::Zero => format!("coalesce({number}, 0)"),
                Absent::Null => number,
            };
            (sql, column.name.as_str())
        }));
    }
    for taste in &tastes {
        let (step, names, count) = (taste.step, taste.names, taste.count);
        joins.push(joined(step));
        columns.push((format!("coalesce({step}.{count}, 0)"), count));
        columns.push((format!("{step}.{names}"), names));
    }
    if let Some(customers) = &preset.customers {
        columns.extend(customers.keep.iter().map(|name| (format!("kept.{}", identifier(name)), name.as_str())));
        joins.extend(people::kept(customers));
    }
    format!(
        "SELECT {}\nFROM preset_people AS people\n{}\nORDER BY people.cut_off, people.customer",
        select_list(columns),
        joins.join("\n"),
    )
}

fn joined(step: &str) -> String {
    format!("LEFT JOIN {step} ON {step}.cut_off = people.cut_off AND {step}.customer = people.customer")
}

fn examples(preset: &Preset, outcome: &Outcome) -> String {
    let key = identifier(&preset.transactions.customer);
    let join = |step: &str, name: &str| {
        format!("\n  LEFT JOIN {step} AS {name} ON {name}.cut_off = people.cut_off AND {name}.customer = people.{key}")
    };
    let orders = if uses_orders(outcome) { join("preset_outcomes", "outcomes") } else { String::new() };
    let marked = outcome.mark.as_ref().map(|(step, _)| join(step, "marked")).unwrap_or_default();
    let labels = outcome.labels.iter().map(|(label, name)| match label {
        Label::Orders(sql) => (sql.clone(), *name),
        Label::Marked => ("marked.customer IS NOT NULL".to_owned(), *name),
    });
    format!(
        "SELECT people.*,\n       {}\nFROM preset_customers AS people{orders}{marked}\n\
         ORDER BY people.cut_off, people.{key}",
        select_list(labels),
    )
}
