//! Presets: that the tables and columns that a kind needs are stated, and nothing that it has no use for.

use super::tables::Known;
use super::{Checker, spec, tables};
use crate::contradiction::PresetContradiction;
use crate::ids::{ColumnName, TableName};
use crate::node::Path;
use crate::preset::{Preset, PresetKind, Purpose, Scope, Similarity, column_names, step_names};

pub(super) fn check(checker: &mut Checker<'_>, preset: &Preset, purpose: Purpose, known: &Known) {
    // The filled steps come behind the tables that they read.
    let filled = step_names(preset, purpose);
    let is_read = |name: &&String| !filled.contains(&name.as_str());
    let known = known.as_ref().map(|names| names.iter().filter(is_read).cloned().collect());
    for (part, table) in tables_of(preset) {
        tables::check_exists(checker, &at(part).name("table"), table, &known);
    }
    check_needs(checker, preset);
    check_options(checker, preset);
    check_tables_used(checker, preset);
    check_names(checker, preset);
    check_cut_offs(checker, preset, purpose);
}

fn at(field: &str) -> Path {
    spec("preset").name(field)
}

fn tables_of(preset: &Preset) -> Vec<(&'static str, &TableName)> {
    let mut tables = vec![("transactions", &preset.transactions.table)];
    tables.extend(preset.customers.as_ref().map(|customers| ("customers", &customers.table)));
    tables.extend(preset.events.as_ref().map(|events| ("events", &events.table)));
    tables.extend(preset.contacts.as_ref().map(|contacts| ("contacts", &contacts.table)));
    tables
}

/// Reports what is not stated and without which nothing can be said.
fn check_needs(checker: &mut Checker<'_>, preset: &Preset) {
    for Need { above, field, words, .. } in needs(preset).into_iter().filter(|need| !need.is_met) {
        // What is not written is said of what it would stand in.
        let above = above.map_or_else(|| spec("preset"), at);
        if !checker.has_damage(&above.name(field)) {
            checker.report(&above, PresetContradiction::Needs { kind: preset.kind.name(), words }.into());
        }
    }
}

/// Something that a kind cannot do without.
struct Need {
    /// The part of the preset that it would stand in, if not in the preset itself.
    above: Option<&'static str>,
    field: &'static str,
    words: &'static str,
    is_met: bool,
}

fn needs(preset: &Preset) -> Vec<Need> {
    let stated = &preset.transactions;
    let column = |field, words, column: &Option<ColumnName>| Need {
        above: Some("transactions"),
        field,
        words,
        is_met: column.is_some(),
    };
    let own = |field, words, is_met| Need { above: None, field, words, is_met };
    let amount = column("amount", "`transactions.amount`", &stated.amount);
    let category = column("category", "`transactions.category`", &stated.category);
    match preset.kind {
        PresetKind::Purchase | PresetKind::Repurchase | PresetKind::Churn => vec![],
        PresetKind::Value | PresetKind::Upsell => vec![amount],
        PresetKind::CrossSell => vec![category],
        PresetKind::HighIntent => vec![own("events", "`events`", preset.events.is_some())],
        PresetKind::Response => vec![own("contacts", "`contacts`", preset.contacts.is_some())],
        PresetKind::Acquisition => {
            let of = own("of", "`of`", preset.of.is_some());
            match preset.scope.unwrap_or_default() {
                Scope::Site => {
                    let knows_since = preset.customers.as_ref().is_some_and(|customers| customers.since.is_some());
                    let words = "`customers` with `since`, or `events`: people who are known and have not bought";
                    vec![own("events", words, knows_since || preset.events.is_some())]
                }
                Scope::Brand => vec![column("brand", "`transactions.brand`", &stated.brand), of],
                Scope::Category => vec![category, of],
            }
        }
        PresetKind::NewProduct => {
            let is_by_category = preset.similar.as_ref().is_some_and(|similar| similar.by == Similarity::Category);
            let product = column("product", "`transactions.product`", &stated.product);
            let similar = own("similar", "`similar`", preset.similar.is_some());
            [product, similar].into_iter().chain(is_by_category.then_some(category)).collect()
        }
    }
}

/// Reports fields that only other kinds have a use for.
fn check_options(checker: &mut Checker<'_>, preset: &Preset) {
    use PresetKind::{Acquisition, Churn, HighIntent, NewProduct, Response, Upsell};
    let options: [(_, &[PresetKind], _); 6] = [
        ("active_within", &[Churn, HighIntent], preset.active_within.is_some()),
        ("uplift", &[Upsell], preset.uplift.is_some()),
        ("scope", &[Acquisition], preset.scope.is_some()),
        ("of", &[Acquisition], preset.of.is_some()),
        ("similar", &[NewProduct], preset.similar.is_some()),
        ("contacts", &[Response], preset.contacts.is_some()),
    ];
    for (option, of, is_given) in options {
        if is_given && !of.contains(&preset.kind) {
            let of = of.iter().map(|kind| kind.name()).collect();
            checker.report_whole(
                &at(option),
                PresetContradiction::OptionOfAnother { option, of, kind: preset.kind.name() }.into(),
            );
        }
    }
    if preset.kind == Acquisition && preset.scope.unwrap_or_default() == Scope::Site && preset.of.is_some() {
        checker.report(&at("of"), PresetContradiction::OfSite.into());
    }
    let Some(events) = &preset.events else { return };
    let path = at("events").name("actions");
    checker.check_unique(&path, events.actions.iter().map(|action| action.as_str()));
    if events.action.is_none() && !events.actions.is_empty() && !checker.is_damaged(&at("events").name("action")) {
        let words = "`events.action` for these";
        checker.report(&path, PresetContradiction::Needs { kind: preset.kind.name(), words }.into());
    }
}

/// Reports a table of customers that nothing is taken from.
fn check_tables_used(checker: &mut Checker<'_>, preset: &Preset) {
    let Some(customers) = &preset.customers else { return };
    let takes_people = matches!(preset.kind, PresetKind::Purchase | PresetKind::Acquisition | PresetKind::Response);
    if customers.keep.is_empty() && !(customers.since.is_some() && takes_people) {
        checker.report_whole(&at("customers"), PresetContradiction::TableUnused { kind: preset.kind.name() }.into());
    }
}

/// Reports columns that would have the name of one that the preset makes.
fn check_names(checker: &mut Checker<'_>, preset: &Preset) {
    let made = column_names(preset);
    let key = &preset.transactions.customer;
    let check = |checker: &mut Checker<'_>, path: Path, column: &ColumnName, is_taken: bool| {
        if is_taken || made.iter().any(|name| name == column.as_str()) {
            checker.report(&path, PresetContradiction::ColumnTaken { column: column.to_string() }.into());
        }
    };
    check(checker, at("transactions").name("customer"), key, false);
    let Some(customers) = &preset.customers else { return };
    let keep = at("customers").name("keep");
    checker.check_unique(&keep, customers.keep.iter().map(|column| column.as_str()));
    for (index, column) in customers.keep.iter().enumerate() {
        check(checker, keep.item(index), column, column == key);
    }
}

/// Reports cut-offs that do not exist, or that a kind has no use for.
fn check_cut_offs(checker: &mut Checker<'_>, preset: &Preset, purpose: Purpose) {
    if preset.cut_offs(purpose).is_none() && !checker.has_damage(&spec("preset")) {
        checker.report(&at("as_of"), PresetContradiction::TooEarly.into());
    }
    let is_given = checker.tree.get("spec").and_then(|spec| spec.get("preset")?.get("cut_offs")).is_some();
    let why = match preset.kind {
        PresetKind::Response => "each contact is looked at as of its own day",
        PresetKind::NewProduct => "its seeds are those of one cut-off",
        _ => return,
    };
    if is_given {
        checker.report_whole(&at("cut_offs"), PresetContradiction::CutOffs { kind: preset.kind.name(), why }.into());
    }
}
