//! The page of an audience: how it came to be, what is expected of it, how its ranks lie, and who is in it.
//!
//! A pure function of the profile: nothing is on the page that `profile.json` does not say.

mod people;
mod ranks;
mod tiers;

use page::figure::{share_cell, table};
use page::html::Html;
use page::numbers::{amount, count, fixed, percent, plural, times};
use page::parts::{self, Heading, Masthead, Tone};

use super::plan::OutputKind;
use super::told::{OutputProfile, Profile, ValueKind, ValueProfile};

/// A distance between the ranks of two versions from which on they are called different.
const FAR: f64 = 0.1;

/// Values that the sentences name.
const NAMED: usize = 3;

/// The page as one HTML document.
pub fn render(profile: &Profile) -> String {
    page::document(&format!("Audience {}", profile.audience), |html| {
        masthead(html, profile);
        let said = sentences(profile);
        parts::sentences(html, |html| {
            let said = said.iter().map(|(tone, sentence)| (*tone, sentence.as_str()));
            parts::group(html, Heading::Plain("audience"), said);
        });
        tiers::section(html, profile);
        waterfall(html, profile);
        ranks::section(html, profile);
        people::section(html, profile);
        overlaps(html, profile);
        parts::glossary(html, "How to read the figures", &MEANINGS);
    })
}

fn masthead(html: &mut Html, profile: &Profile) {
    let held_out: u64 = profile.tiers.values().map(|tier| tier.holdout).sum();
    let held_out = match held_out {
        0 => String::new(),
        some => format!(" {} of them are held out to measure what addressing the others brings.", count(some)),
    };
    let lead = format!(
        "{}, chosen from {} of {}.{held_out}",
        plural(profile.selected, "person", "people"),
        plural(profile.eligible, "eligible person", "eligible people"),
        count(profile.population),
    );
    let (date, model) = (profile.date.to_string(), format!("{}@{}", profile.model.model, profile.model.version));
    let head = Masthead {
        kicker: "Audience",
        name: profile.audience.as_str(),
        version: &format!("version {}", profile.version),
        lead: &lead,
        facts: &[("of", &date), ("model", &model), ("run", profile.run.as_str()), ("ordered by", &profile.rank_by)],
    };
    parts::masthead(html, &head);
}

/// What the figures of the whole say, by stated rules.
fn sentences(profile: &Profile) -> Vec<(Tone, String)> {
    let mut said: Vec<(Tone, String)> = Vec::new();
    for (task, output) in &profile.outputs {
        said.extend(expectation(task.as_str(), output).map(|sentence| (Tone::Plain, sentence)));
    }
    said.extend(typical(profile).map(|sentence| (Tone::Plain, sentence)));
    if let Some(seeds) = profile.seeds.as_ref().filter(|seeds| seeds.population > 0) {
        let (held, people) =
            (seeds.selected as f64 / seeds.population as f64, profile.selected as f64 / profile.population as f64);
        let sentence = format!(
            "It holds {} of the {} seeds of {} that are in the population, with {} of the people.",
            percent(held),
            count(seeds.population),
            seeds.table,
            percent(people)
        );
        said.push((Tone::Plain, sentence));
    }
    said.extend(before(profile));
    if profile.selected == 0 {
        said.push((Tone::Caution, "Nobody is in it.".to_owned()));
    }
    said
}

fn expectation(task: &str, output: &OutputProfile) -> Option<String> {
    let addressed = output.addressed();
    let (mean, of_all) = (addressed.mean?, output.population.mean.filter(|mean| *mean > 0.0));
    let people = plural(addressed.people, "person", "people");
    let beside = of_all.map_or_else(String::new, |of_all| format!(", {} that of all people", times(mean / of_all)));
    Some(match output.kind {
        OutputKind::Probability => format!(
            "Of the {people} to be addressed, {} are expected to {task}: a rate of {}{beside}.",
            count(addressed.sum.round() as u64),
            percent(mean)
        ),
        OutputKind::Amount => {
            format!(
                "The {people} to be addressed are expected to have {} of {task}: a mean of {}{beside}.",
                amount(addressed.sum),
                amount(mean)
            )
        }
        OutputKind::Likeness => format!(
            "Of the {people} to be addressed, {} are expected to be like the seeds of {task}: a share of {}{beside}.",
            count(addressed.sum.round() as u64),
            percent(mean)
        ),
    })
}

/// Values of the whole page, with their columns, the most significant first.
fn values(profile: &Profile) -> Vec<(&str, &ValueProfile)> {
    let columns = profile.columns.iter();
    let mut values: Vec<(&str, &ValueProfile)> =
        columns.flat_map(|column| column.values.iter().map(|value| (column.column.as_str(), value))).collect();
    values.retain(|(_, value)| value.kind != ValueKind::Other && value.audience.is_clear());
    values.sort_by(|one, other| other.1.audience.z.abs().total_cmp(&one.1.audience.z.abs()));
    values
}

fn typical(profile: &Profile) -> Option<String> {
    let more = values(profile).into_iter().filter(|(_, value)| value.audience.tgi > 100.0).take(NAMED);
    let named: Vec<String> = more
        .map(|(column, value)| format!("{column} {} (TGI {})", value.value, fixed(value.audience.tgi, 0)))
        .collect();
    (!named.is_empty()).then(|| format!("What tells it most clearly from all people: {}.", named.join("; ")))
}

/// What has changed since the version before.
fn before(profile: &Profile) -> Vec<(Tone, String)> {
    let Some(last) = &profile.last else { return Vec::new() };
    let size =
        format!("It has {} people; version {} had {}.", count(profile.selected), last.version, count(last.selected));
    let distance = percent(last.distance);
    let ranks = match last.distance >= FAR {
        true => (
            Tone::Caution,
            format!(
                "Ranks lie otherwise than those of version {}: shares of people above a rank differ by up to {distance}.",
                last.version
            ),
        ),
        false => (
            Tone::Good,
            format!(
                "Ranks lie as those of version {}: shares of people above a rank differ by {distance} at the most.",
                last.version
            ),
        ),
    };
    vec![(Tone::Plain, size), ranks]
}

fn waterfall(html: &mut Html, profile: &Profile) {
    html.element("section", &[], |html| {
        html.line("h2", &[], "From everybody to the audience");
        let head = [("text wide", "step"), ("number", "left out"), ("number", "left"), ("number", "of all")];
        table(html, "sizes", &head, |html| {
            for step in &profile.waterfall {
                let share = step.remaining as f64 / profile.population.max(1) as f64;
                html.element("tr", &[], |html| {
                    html.line("th", &[("scope", "row"), ("class", "text wide")], &step.step);
                    html.line("td", &[("class", "number")], &count(step.left_out));
                    html.line("td", &[("class", "number")], &count(step.remaining));
                    share_cell(html, share);
                });
            }
        });
    });
}

fn overlaps(html: &mut Html, profile: &Profile) {
    if profile.overlaps.is_empty() {
        return;
    }
    html.element("section", &[], |html| {
        html.line("h2", &[], "People in other audiences of the run");
        let head =
            [("text wide", "audience"), ("number", "its people"), ("number", "in both"), ("number", "of this one")];
        table(html, "sizes", &head, |html| {
            for overlap in &profile.overlaps {
                let share = overlap.shared as f64 / profile.selected.max(1) as f64;
                html.element("tr", &[], |html| {
                    html.line("th", &[("scope", "row"), ("class", "text wide")], overlap.audience.as_str());
                    html.line("td", &[("class", "number")], &count(overlap.people));
                    html.line("td", &[("class", "number")], &count(overlap.shared));
                    share_cell(html, share);
                });
            }
        });
    });
}

const MEANINGS: [(&str, &str); 7] = [
    (
        "TGI",
        "Target group index: 100 times the share of the audience that has a value over the share of all people that have it. 100 is as elsewhere, 200 twice as frequent.",
    ),
    (
        "95 % interval",
        "Where the TGI lies but for chance (Katz and others 1978, of the audience against all others). Of a hundred values that say nothing, about five lie beside 100 by chance.",
    ),
    (
        "most significant",
        "Values are sorted by how far their number lies from that of as many people drawn at random: z standard errors (Pearson 1900).",
    ),
    (
        "not told",
        "Counts below the minimum are not told, and no count from which one could be had by subtraction, so that nobody can be recognized.",
    ),
    ("rank", "What people are ordered by: the audience takes them from the highest down."),
    ("expected", "The sum of what the model says of each person. Those who are held out are not in it."),
    (
        "reach",
        "How many people stand at or above a rank: the further down, the more people, and the less alike or likely.",
    ),
];

#[cfg(test)]
mod tests;
