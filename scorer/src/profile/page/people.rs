//! Who is in the audience: what they have more often and less often than others, and every column's values.

use page::bars::{Bar, bars_of_long_names};
use page::figure::{details, figure, table};
use page::html::Html;
use page::numbers::{ABSENT, count, fixed, percent, plural};

use super::values;
use crate::profile::tgi::Index;
use crate::profile::told::{ColumnProfile, Profile, ValueProfile};

/// Bars of a picture at the most.
const BARS: usize = 15;

/// The section; of nobody, nothing.
pub(super) fn section(html: &mut Html, profile: &Profile) {
    if profile.selected == 0 || profile.columns.is_empty() {
        return;
    }
    html.element("section", &[], |html| {
        html.line("h2", &[], "Who they are");
        let told = values(profile);
        let (more, less): (Vec<_>, Vec<_>) = told.into_iter().partition(|(_, value)| value.audience.tgi > 100.0);
        html.element("div", &[("class", "figures apart")], |html| {
            picture(html, "More than among all people", &more);
            picture(html, "Less than among all people", &less);
        });
        html.line("h3", &[], "All columns");
        let hint = format!(
            "The column that tells most stands first, and in it the most significant value. Counts of fewer than {} are not told.",
            plural(u64::from(profile.min_cell), "person", "people")
        );
        html.line("p", &[("class", "hint")], &hint);
        profile.columns.iter().for_each(|column| of_column(html, profile, column));
        if !profile.left_out.is_empty() {
            let names: Vec<&str> = profile.left_out.iter().map(|column| column.as_str()).collect();
            html.line("p", &[("class", "hint")], &format!("Not compared, because of their type: {}.", names.join(", ")));
        }
    });
}

fn picture(html: &mut Html, title: &str, values: &[(&str, &ValueProfile)]) {
    let Some((column, first)) = values.first() else {
        return figure(html, title, "No value is, beyond chance and with enough people to be told.", &[], |_| ());
    };
    let says = format!(
        "{} of the audience have {column} {}, of all people {}.",
        percent(first.audience.share),
        first.value,
        percent(first.population_share)
    );
    let bar = |(column, value): &(&str, &ValueProfile)| {
        let Index { tgi, low, high, share, .. } = value.audience;
        Bar {
            name: format!("{}: {}", shortened(column), value.value),
            value: tgi,
            interval: (low, high),
            hint: format!(
                "{column}: {}: {} of the audience, {} of all, TGI {} ({} to {})",
                value.value,
                percent(share),
                percent(value.population_share),
                fixed(tgi, 0),
                fixed(low, 0),
                fixed(high, 0)
            ),
        }
    };
    let all: Vec<Bar> = values.iter().take(BARS).map(bar).collect();
    let keys = [("model bar", "TGI"), ("natural", "95 % interval"), ("chance", "all people")];
    figure(html, title, &says, &keys, |html| {
        bars_of_long_names(html, &says, &all, 100.0, "TGI: all people are 100");
    });
}

/// A column's name that leaves room for a value beside it.
fn shortened(column: &str) -> String {
    const MOST: usize = 14;
    if column.chars().count() <= MOST {
        column.to_owned()
    } else {
        column.chars().take(MOST - 1).chain(['…']).collect()
    }
}

fn of_column(html: &mut Html, profile: &Profile, column: &ColumnProfile) {
    let title = match column.values.first() {
        Some(first) => format!("{} · {} (TGI {})", column.column, first.value, fixed(first.audience.tgi, 0)),
        None => format!("{} · nothing can be told", column.column),
    };
    details(html, &title, |html| {
        if !column.values.is_empty() {
            values_of(html, profile, column);
        }
        for note in notes(column) {
            html.line("p", &[("class", "hint")], &note);
        }
    });
}

fn values_of(html: &mut Html, profile: &Profile, column: &ColumnProfile) {
    let tiers: Vec<_> = if profile.tiers.len() > 1 { profile.tiers.keys().collect() } else { Vec::new() };
    let mut head = vec![
        ("text wide", "value"),
        ("number", "people"),
        ("number", "of the audience"),
        ("number", "of all people"),
        ("number", "TGI"),
        ("number", "95 % interval"),
    ];
    head.extend(tiers.iter().map(|tier| ("number", tier.as_str())));
    head.extend(profile.seeds.as_ref().map(|_| ("number", "seeds")));
    table(html, "values", &head, |html| {
        for value in &column.values {
            html.element("tr", &[], |html| {
                html.line("th", &[("scope", "row"), ("class", "text wide")], &value.value);
                html.line("td", &[("class", "number")], &count(value.audience.people));
                html.line("td", &[("class", "number")], &percent(value.audience.share));
                html.line("td", &[("class", "number")], &percent(value.population_share));
                index(html, Some(&value.audience), "number strong");
                let (low, high) = (fixed(value.audience.low, 0), fixed(value.audience.high, 0));
                html.line("td", &[("class", "number faint")], &format!("{low}–{high}"));
                tiers.iter().for_each(|tier| index(html, value.tiers.get(*tier), "number"));
                if profile.seeds.is_some() {
                    index(html, value.seeds.as_ref(), "number");
                }
            });
        }
    });
}

/// A TGI, marked where it is clearly above or below 100.
fn index(html: &mut Html, index: Option<&Index>, class: &'static str) {
    let marked = match (index, class) {
        (Some(index), "number strong") if index.low > 100.0 => "number strong more",
        (Some(index), "number strong") if index.high < 100.0 => "number strong less",
        (Some(index), _) if index.low > 100.0 => "number more",
        (Some(index), _) if index.high < 100.0 => "number less",
        _ => class,
    };
    let text = index.map_or_else(|| ABSENT.to_owned(), |index| fixed(index.tgi, 0));
    html.line("td", &[("class", marked)], &text);
}

fn notes(column: &ColumnProfile) -> Vec<String> {
    let mut notes = Vec::new();
    if column.suppressed > 0 {
        notes.push(format!(
            "{} not told, to keep counts of few people from being known.",
            plural(column.suppressed, "value is", "values are")
        ));
    }
    if column.beyond > 0 {
        notes.push(format!("{} less significant and not listed.", plural(column.beyond, "value is", "values are")));
    }
    if let Some(above) = column.surely_above {
        notes.push(format!(
            "There are very many values: those that more than {} have are surely told apart, of the others the more frequent ones.",
            plural(above, "person", "people")
        ));
    }
    notes
}
