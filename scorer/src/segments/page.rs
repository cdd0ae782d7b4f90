//! The page of a segmentation: how large its segments are, what tells them apart, and who is in each.
//!
//! A pure function of the profile: nothing is on the page that the profile does not say.

mod apart;
mod members;

use model::segments::Choice;
use page::figure::{figure, figures, share_cell, table};
use page::html::Html;
use page::numbers::{ABSENT, count, fixed, percent, plural, tick};
use page::parts::{self, Heading, Masthead, Tone};
use page::plot::{Plot, Range, Size};

use super::profile::{SegmentProfile, SegmentationProfile};

/// A silhouette from which on groups are clear, and one below which people lie evenly (Kaufman and Rousseeuw 1990).
const CLEAR: f64 = 0.5;
const EVEN: f64 = 0.25;

/// A segment of a smaller share is hardly worth a plan of its own.
const SMALL: f64 = 0.01;

/// Values that the overview tells of a segment.
const VALUES: usize = 3;

/// What the page says beside the profile.
#[derive(Debug, Clone, Copy)]
pub struct Provenance<'a> {
    /// The run.
    pub run: &'a str,
    /// The model and its version.
    pub model: &'a str,
    /// The day that the population is of.
    pub date: &'a str,
}

/// The page as one HTML document.
pub fn render(profile: &SegmentationProfile, of: &Provenance<'_>) -> String {
    page::document(&format!("Segments {}", profile.name), |html| {
        masthead(html, profile, of);
        let said = sentences(profile);
        parts::sentences(html, |html| {
            let said = said.iter().map(|(tone, sentence)| (*tone, sentence.as_str()));
            parts::group(html, Heading::Plain("segments"), said);
        });
        overview(html, profile);
        apart::section(html, profile);
        profile.segments.iter().for_each(|segment| members::section(html, segment));
        parts::glossary(html, "How to read the figures", &MEANINGS);
    })
}

fn masthead(html: &mut Html, profile: &SegmentationProfile, of: &Provenance<'_>) {
    let basis = match &profile.columns {
        None => "what the model sees of them".to_owned(),
        Some(columns) => columns.iter().map(|column| column.as_str()).collect::<Vec<_>>().join(", "),
    };
    let lead =
        format!("{}, put together by how alike they are in {basis}.", plural(profile.people, "person", "people"));
    let head = Masthead {
        kicker: "Segments",
        name: profile.name.as_str(),
        version: &plural(profile.segments.len() as u64, "segment", "segments"),
        lead: &lead,
        facts: &[("of", of.date), ("model", of.model), ("run", of.run)],
    };
    parts::masthead(html, &head);
}

/// What the figures of the whole say, by stated rules.
fn sentences(profile: &SegmentationProfile) -> Vec<(Tone, String)> {
    let silhouette = fixed(profile.silhouette, 3);
    let mut said = vec![match profile.silhouette {
        high if high >= CLEAR => {
            (Tone::Good, format!("The segments are clearly apart: the mean silhouette is {silhouette}."))
        }
        low if low < EVEN => (
            Tone::Caution,
            format!(
                "People lie rather evenly (mean silhouette {silhouette}): these segments are cuts through a cloud, useful \
                 perhaps, but other cuts would do as well."
            ),
        ),
        _ => (
            Tone::Plain,
            format!("The segments are apart and overlap at their borders: the mean silhouette is {silhouette}."),
        ),
    }];
    let between = percent(profile.explained);
    said.push((Tone::Plain, format!("{between} of the variance lies between the segments, the rest within them.")));
    said.extend(choice(profile));
    let small: Vec<String> = profile.segments.iter().filter(|segment| segment.share < SMALL).map(named).collect();
    if !small.is_empty() {
        let (names, share) = (small.join(", "), percent(SMALL));
        said.push((Tone::Caution, format!("Fewer than {share} of the people each are in: {names}.")));
    }
    said
}

/// How the number of segments was chosen.
fn choice(profile: &SegmentationProfile) -> Option<(Tone, String)> {
    let (first, last) = (profile.choices.first()?, profile.choices.last()?);
    let chosen = profile.segments.len();
    if profile.choices.len() < 2 {
        return None;
    }
    let words = format!("{chosen} segments have the highest silhouette of {} to {}.", first.count, last.count);
    match chosen == last.count as usize {
        true => Some((Tone::Caution, format!("{words} More than that were not tried."))),
        false => Some((Tone::Plain, words)),
    }
}

fn named(segment: &SegmentProfile) -> String {
    format!("segment {} ({})", segment.segment, plural(segment.people, "person", "people"))
}

/// All segments, a line each, and the picture of how many there should be.
fn overview(html: &mut Html, profile: &SegmentationProfile) {
    html.element("section", &[], |html| {
        html.line("h2", &[], "Sizes");
        let head = [
            ("number", "segment"),
            ("number", "people"),
            ("number", "share"),
            ("number", "distance"),
            ("text wide", "surely more than elsewhere"),
        ];
        table(html, "sizes", &head, |html| profile.segments.iter().for_each(|segment| line(html, segment)));
        if profile.choices.len() > 1 {
            figures(html, |html| silhouettes(html, profile));
        }
    });
}

fn line(html: &mut Html, segment: &SegmentProfile) {
    let typical = segment.typical.iter().take(VALUES).map(|value| format!("{}: {}", value.column, value.value));
    let typical: Vec<String> = typical.collect();
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "number")], &segment.segment.to_string());
        html.line("td", &[("class", "number")], &count(segment.people));
        share_cell(html, segment.share);
        let distance = segment.distance.map_or_else(|| ABSENT.to_owned(), |distance| fixed(distance, 2));
        html.line("td", &[("class", "number")], &distance);
        html.line(
            "td",
            &[("class", "text wide")],
            &if typical.is_empty() { ABSENT.to_owned() } else { typical.join(" · ") },
        );
    });
}

fn silhouettes(html: &mut Html, profile: &SegmentationProfile) {
    let chosen = profile.segments.len();
    let says = format!("How clearly people lie in their segment, by the number of segments: {chosen} were taken.");
    figure(html, "Silhouette by number of segments", &says, &[], |html| {
        let points = || profile.choices.iter().map(|choice| (f64::from(choice.count), choice.silhouette));
        let end = |choice: Option<&Choice>| choice.map_or(0, |choice| choice.count);
        let x = Range::whole(end(profile.choices.first()), end(profile.choices.last()));
        let y = Range::around(points().map(|(_, silhouette)| silhouette), 5);
        Plot::draw(html, Size::TITLED, (&x, &y), &says, |plot| {
            plot.y_axis(&y.ticks, tick);
            plot.x_axis(&x.ticks, tick, "segments");
            plot.y_title("mean silhouette");
            plot.line("model", points());
            for (count, silhouette) in points() {
                let radius = if count == chosen as f64 { 5.5 } else { 3.2 };
                plot.dot("model", (count, silhouette), radius, &format!("{count}: {}", fixed(silhouette, 3)));
            }
        });
    });
}

const MEANINGS: [(&str, &str); 6] = [
    (
        "silhouette",
        "How much nearer people are to others of their segment than to those of the next one, −1 to 1 (Rousseeuw 1987): 0 is on the border, 1 far from it.",
    ),
    (
        "distance",
        "How far the segment's people are from its centre on average, in standard deviations of the numbers that segments are of.",
    ),
    ("index", "100 times the segment's mean over that of all people: 100 is as elsewhere."),
    (
        "TGI",
        "Target group index: 100 times the share of the segment that has a value over the share of all people that have it. The interval is that of 95 % (Wilson 1927).",
    ),
    (
        "more than elsewhere",
        "Values whose interval lies above 100 and that 30 people of the segment have at least, the surest first. What fewer have says little, and is not told.",
    ),
    ("likely classes", "The mean probability of a class is the share of the segment that is expected to be of it."),
];

#[cfg(test)]
mod tests;
