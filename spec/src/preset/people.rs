//! Who is looked at as of a cut-off.

use super::defaults::Purpose;
use super::sql::{day_of, identifier, indented, select_list};
use super::{Customers, Preset, PresetKind, contacts};

/// The query of `preset_people`: a row a cut-off and customer.
pub(super) fn sql(preset: &Preset, purpose: Purpose) -> String {
    match preset.kind {
        PresetKind::Repurchase
        | PresetKind::Value
        | PresetKind::Upsell
        | PresetKind::CrossSell
        | PresetKind::NewProduct => buyers(&format!("BETWEEN 1 AND {}", preset.window().count())),
        PresetKind::Churn => buyers(&format!("BETWEEN 1 AND {}", preset.active_within().count())),
        PresetKind::Purchase => known(preset),
        PresetKind::HighIntent => seen(&format!("BETWEEN 1 AND {}", preset.active_within().count())),
        PresetKind::Response if purpose == Purpose::Training => contacts::people(preset),
        PresetKind::Response => known(preset),
        PresetKind::Acquisition => strangers(preset),
    }
}

/// Those whose purchases lie so many days before the cut-off.
fn buyers(age_days: &str) -> String {
    format!(
        "SELECT DISTINCT cut_off, customer\n\
         FROM preset_orders CROSS JOIN preset_cut_offs\n\
         WHERE items > 0 AND cut_off - day {age_days}"
    )
}

/// Everybody of whom something is known before the cut-off.
fn known(preset: &Preset) -> String {
    let mut sources = vec![buyers(">= 1")];
    sources.extend(preset.customers.as_ref().and_then(registered));
    sources.extend(preset.events.as_ref().map(|_| seen(">= 1")));
    sources.join("\nUNION\n")
}

/// Those whose events lie so many days before the cut-off.
fn seen(age_days: &str) -> String {
    format!(
        "SELECT DISTINCT cut_off, customer\n\
         FROM preset_events CROSS JOIN preset_cut_offs\n\
         WHERE cut_off - day {age_days}"
    )
}

/// Those who are known and have not bought what `preset_firsts` tells of.
fn strangers(preset: &Preset) -> String {
    format!(
        "SELECT known.cut_off, known.customer\n\
         FROM (\n{}\n) AS known LEFT JOIN preset_firsts AS firsts ON firsts.customer = known.customer\n\
         WHERE firsts.day IS NULL OR firsts.day >= known.cut_off",
        indented(&known(preset), 2)
    )
}

/// Those who are in the customers' table before the cut-off.
fn registered(customers: &Customers) -> Option<String> {
    let (customer, since) = (identifier(&customers.customer), day_of(customers.since.as_ref()?.as_str()));
    Some(format!(
        "SELECT DISTINCT cut_off, {customer} AS customer\n\
         FROM {} CROSS JOIN preset_cut_offs\n\
         WHERE {customer} IS NOT NULL AND {since} < cut_off",
        identifier(&customers.table),
    ))
}

/// The join that carries the kept columns of the customers' table along, one row a person.
pub(super) fn kept(customers: &Customers) -> Option<String> {
    if customers.keep.is_empty() {
        return None;
    }
    let customer = identifier(&customers.customer);
    let kept: Vec<String> = customers.keep.iter().map(identifier).collect();
    let columns = kept.iter().zip(&customers.keep).map(|(sql, name)| (sql.clone(), name.as_str()));
    let columns = std::iter::once((customer.clone(), "preset customer")).chain(columns);
    let place = format!("row_number() OVER (PARTITION BY {customer} ORDER BY {})", kept.join(", "));
    let rows = format!(
        "SELECT {}\nFROM {}",
        select_list(columns.chain([(place, "preset place")])),
        identifier(&customers.table)
    );
    Some(format!(
        "LEFT JOIN (\n{}\n) AS kept ON kept.\"preset customer\" = people.customer AND kept.\"preset place\" = 1",
        indented(&rows, 2)
    ))
}
