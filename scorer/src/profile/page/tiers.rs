//! The tiers: who is addressed and held out, and what is expected of them.

use page::figure::table;
use page::html::Html;
use page::numbers::{ABSENT, amount, count, percent, times};

use crate::profile::plan::OutputKind;
use crate::profile::told::{Expected, OutputProfile, Profile, TierProfile};

/// Tables of tiers and of what is expected of them.
pub(super) fn section(html: &mut Html, profile: &Profile) {
    html.element("section", &[], |html| {
        html.line("h2", &[], "Tiers");
        let head = [
            ("text wide", "tier"),
            ("number", "to be addressed"),
            ("number", "held out"),
            ("number", "highest rank"),
            ("number", "lowest rank"),
        ];
        table(html, "sizes", &head, |html| {
            for (name, tier) in &profile.tiers {
                line(html, name.as_str(), tier);
            }
        });
        for (task, output) in &profile.outputs {
            expected(html, task.as_str(), output);
        }
    });
}

fn line(html: &mut Html, name: &str, tier: &TierProfile) {
    let rank = |rank: Option<f64>| rank.map_or_else(|| ABSENT.to_owned(), amount);
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], name);
        html.line("td", &[("class", "number strong")], &count(tier.people));
        html.line("td", &[("class", "number")], &count(tier.holdout));
        html.line("td", &[("class", "number")], &rank(tier.highest));
        html.line("td", &[("class", "number")], &rank(tier.lowest));
    });
}

fn expected(html: &mut Html, task: &str, output: &OutputProfile) {
    html.line("h3", &[], &format!("Expected: {task}"));
    html.line(
        "p",
        &[("class", "hint")],
        match output.kind {
            OutputKind::Probability => "People of whom the model expects it, and its mean probability.",
            OutputKind::Amount => "What the model expects in all, and of a person.",
            OutputKind::Likeness => "People whom the model expects to be like the seeds, and their share.",
        },
    );
    let head = [
        ("text wide", "tier"),
        ("number", "people"),
        ("number", "expected"),
        ("number", "a person"),
        ("number", "against all people"),
        ("number", "expected of the held out"),
    ];
    table(html, "sizes", &head, |html| {
        let of_all = output.population.mean.filter(|mean| *mean > 0.0);
        for (name, tier) in &output.tiers {
            let held_out = output.holdout.get(name).filter(|held_out| held_out.people > 0);
            row(html, (name.as_str(), *tier), of_all, output.kind, held_out);
        }
        if output.tiers.len() > 1 {
            row(html, ("all tiers", output.addressed()), of_all, output.kind, None);
        }
        row(html, ("all people", output.population), of_all, output.kind, None);
    });
}

fn row(
    html: &mut Html,
    (name, expected): (&str, Expected),
    of_all: Option<f64>,
    kind: OutputKind,
    held_out: Option<&Expected>,
) {
    let sum = |expected: &Expected| match kind {
        OutputKind::Amount => amount(expected.sum),
        OutputKind::Probability | OutputKind::Likeness => count(expected.sum.max(0.0).round() as u64),
    };
    let mean = |mean: f64| match kind {
        OutputKind::Amount => amount(mean),
        OutputKind::Probability | OutputKind::Likeness => percent(mean),
    };
    let absent = || ABSENT.to_owned();
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], name);
        html.line("td", &[("class", "number")], &count(expected.people));
        html.line("td", &[("class", "number strong")], &sum(&expected));
        html.line("td", &[("class", "number")], &expected.mean.map_or_else(absent, mean));
        let against = expected.mean.zip(of_all).map(|(mean, of_all)| times(mean / of_all));
        html.line("td", &[("class", "number")], &against.unwrap_or_else(absent));
        html.line("td", &[("class", "number faint")], &held_out.map_or_else(absent, sum));
    });
}
