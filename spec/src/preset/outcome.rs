//! What became of people after a cut-off: the labels, and the tasks that learn them.

use serde_json::{Value as Json, json};

use super::sql::{indented, literal, transactions};
use super::{Preset, PresetKind, Scope, similar};

/// The labels of a kind and what learns them.
pub(super) struct Outcome {
    /// Labels, each with its column.
    pub(super) labels: Vec<(Label, &'static str)>,
    /// The step whose rows are the people for whom [`Label::Marked`] is true, and its query.
    pub(super) mark: Option<(&'static str, String)>,
    /// The tasks, by name.
    pub(super) tasks: Vec<(&'static str, Json)>,
    /// The network.
    pub(super) network: Json,
}

/// How a label is computed.
pub(super) enum Label {
    /// An expression over `people`, with features, and `outcomes`, the orders within the horizon.
    Orders(String),
    /// Whether the person is in the marking step.
    Marked,
}

/// What is learned.
pub(super) fn of(preset: &Preset) -> Outcome {
    let bought = || Label::Orders("coalesce(outcomes.next_orders, 0) > 0".to_owned());
    match preset.kind {
        PresetKind::Purchase => single("purchase", "purchased", bought()),
        PresetKind::Repurchase => single("repurchase", "repurchased", bought()),
        PresetKind::HighIntent => single("high_intent", "purchased", bought()),
        PresetKind::Churn => {
            single("churn", "churned", Label::Orders("coalesce(outcomes.next_orders, 0) = 0".to_owned()))
        }
        PresetKind::Value => value(bought()),
        PresetKind::Upsell => {
            let factor = 1.0 + preset.uplift.unwrap_or(0.0);
            let above = format!("coalesce(outcomes.next_mean_order > {factor:?} * people.mean_order, false)");
            funnel(bought(), "upsell", "bought_above_usual", Label::Orders(above))
        }
        PresetKind::CrossSell => {
            let outcome = funnel(bought(), "cross_sell", "bought_new_category", Label::Marked);
            Outcome { mark: Some(("preset_new_categories", first_within(preset))), ..outcome }
        }
        PresetKind::Acquisition => {
            let outcome = single("acquisition", "acquired", Label::Marked);
            Outcome { mark: Some(("preset_acquired", first_within(preset))), ..outcome }
        }
        PresetKind::Response => response(preset, bought()),
        PresetKind::NewProduct => new_product(preset),
    }
}

fn binary(label: &str) -> Json {
    json!({"kind": "binary", "label": label})
}

fn single(task: &'static str, column: &'static str, label: Label) -> Outcome {
    let network = json!({"kind": "shared_bottom"});
    Outcome { labels: vec![(label, column)], mark: None, tasks: vec![(task, binary(column))], network }
}

fn value(bought: Label) -> Outcome {
    let spend = Label::Orders("greatest(coalesce(outcomes.next_net, 0), 0)".to_owned());
    Outcome {
        labels: vec![(bought, "purchased"), (spend, "next_spend")],
        mark: None,
        tasks: vec![("purchase", binary("purchased")), ("value", json!({"kind": "value", "label": "next_spend"}))],
        network: json!({"kind": "shared_bottom"}),
    }
}

/// A step that only buyers can take: its probability is that of buying times that of the step of those who buy.
fn funnel(bought: Label, task: &'static str, column: &'static str, label: Label) -> Outcome {
    let step = json!({"kind": "binary", "label": column, "after": "purchase"});
    Outcome {
        labels: vec![(bought, "purchased"), (label, column)],
        mark: None,
        tasks: vec![("purchase", binary("purchased")), (task, step)],
        network: json!({"kind": "esmm"}),
    }
}

fn response(preset: &Preset, bought: Label) -> Outcome {
    if preset.contacts.as_ref().is_none_or(|contacts| contacts.responded.is_none()) {
        return single("response", "answered", bought);
    }
    let answers = "SELECT day AS cut_off, customer\nFROM preset_contacts\nWHERE responded > 0".to_owned();
    Outcome { mark: Some(("preset_answers", answers)), ..single("response", "answered", Label::Marked) }
}

fn new_product(preset: &Preset) -> Outcome {
    let seeds = preset.transactions.product.as_ref().map(|product| similar::seeds(preset, product, &within(preset)));
    let lookalike = json!({"kind": "lookalike", "seeds": {"table": "preset_seeds", "key": "customer"}});
    Outcome {
        labels: vec![(Label::Marked, "bought_similar")],
        mark: seeds.map(|sql| ("preset_seeds", sql)),
        tasks: vec![("new_product", binary("bought_similar")), ("like_buyers", lookalike)],
        network: json!({"kind": "shared_bottom"}),
    }
}

/// The query of `preset_outcomes`: a row a cut-off and customer with any order within the horizon.
pub(super) fn orders(preset: &Preset) -> String {
    format!(
        "SELECT people.cut_off, people.customer,\n       \
         count(*) FILTER (WHERE orders.items > 0) AS next_orders,\n       \
         sum(orders.spend - orders.returned) AS next_net,\n       \
         avg(orders.spend) FILTER (WHERE orders.items > 0) AS next_mean_order\n\
         FROM preset_people AS people JOIN preset_orders AS orders ON orders.customer = people.customer\n\
         WHERE people.cut_off - orders.day {}\n\
         GROUP BY people.cut_off, people.customer",
        within(preset),
    )
}

/// The query of `preset_firsts`: the day on which a customer bought for the first time; of each category for
/// `cross_sell`, of the scope for `acquisition`.
pub(super) fn firsts(preset: &Preset) -> Option<String> {
    let stated = &preset.transactions;
    let item = match (preset.kind, preset.scope.unwrap_or_default()) {
        (PresetKind::CrossSell, _) | (PresetKind::Acquisition, Scope::Category) => stated.category.as_ref(),
        (PresetKind::Acquisition, Scope::Brand) => stated.brand.as_ref(),
        (PresetKind::Acquisition, Scope::Site) => None,
        _ => return None,
    };
    let further: Vec<_> = item.map(|item| (item, "item")).into_iter().collect();
    let (columns, is_it) = match (item, &preset.of) {
        (None, _) => ("customer", String::new()),
        (Some(_), None) => ("customer, item", " AND item IS NOT NULL".to_owned()),
        (Some(_), Some(of)) => ("customer, item", format!(" AND item = {}", literal(of))),
    };
    Some(format!(
        "SELECT {columns}, min(day) AS day\nFROM (\n{}\n) AS bought\nWHERE amount > 0{is_it}\nGROUP BY {columns}",
        indented(&transactions(preset, &further), 2),
    ))
}

/// Those one of whose first purchases lies within the horizon.
fn first_within(preset: &Preset) -> String {
    format!(
        "SELECT DISTINCT people.cut_off, people.customer\n\
         FROM preset_people AS people JOIN preset_firsts AS firsts ON firsts.customer = people.customer\n\
         WHERE people.cut_off - firsts.day {}",
        within(preset)
    )
}

/// The age in days, as of the cut-off, of what happens within the horizon: the day of the cut-off is its first.
fn within(preset: &Preset) -> String {
    format!("BETWEEN {} AND 0", 1 - i64::from(preset.horizon().count()))
}
