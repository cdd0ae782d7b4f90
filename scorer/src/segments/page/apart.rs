//! What tells segments apart: means of scores and columns side by side, what differs most first.

use page::figure::table;
use page::html::Html;
use page::numbers::{ABSENT, amount, fixed};

use crate::segments::profile::{SegmentMean, SegmentationProfile};

/// An index from which on a mean is marked as high, and one up to which it is marked as low.
const HIGH: f64 = 120.0;
const LOW: f64 = 80.0;

/// A score's or a column's means, by segment.
struct Means<'a> {
    name: &'a str,
    kind: &'static str,
    by_segment: Vec<SegmentMean>,
}

/// The table; nothing where there is nothing to compare.
pub(super) fn section(html: &mut Html, profile: &SegmentationProfile) {
    let means = ordered(profile);
    if means.is_empty() {
        return;
    }
    html.element("section", &[], |html| {
        html.line("h2", &[], "What tells them apart");
        html.line(
            "p",
            &[("class", "hint")],
            "Means of each segment's people, with the index below: 100 is the mean of all people. What differs most between segments stands first.",
        );
        let segments: Vec<String> = profile.segments.iter().map(|segment| segment.segment.to_string()).collect();
        let head: Vec<(&'static str, &str)> = [("text wide", "mean of"), ("text faint", "")]
            .into_iter()
            .chain(segments.iter().map(|segment| ("number", segment.as_str())))
            .collect();
        table(html, "apart", &head, |html| means.iter().for_each(|means| line(html, means)));
    });
}

/// All means, those first whose largest and smallest index are farthest from each other; those without an index last.
fn ordered(profile: &SegmentationProfile) -> Vec<Means<'_>> {
    let Some(first) = profile.segments.first() else { return Vec::new() };
    let scores = first.scores.keys().map(|name| Means {
        name: name.as_str(),
        kind: "score",
        by_segment: profile.segments.iter().filter_map(|segment| segment.scores.get(name).copied()).collect(),
    });
    let columns = first.means.keys().map(|name| Means {
        name: name.as_str(),
        kind: "column",
        by_segment: profile.segments.iter().filter_map(|segment| segment.means.get(name).copied()).collect(),
    });
    let mut all: Vec<Means<'_>> = scores.chain(columns).collect();
    all.sort_by(|a, b| b.spread().total_cmp(&a.spread()));
    all
}

impl Means<'_> {
    /// How many times the largest index is the smallest, as a logarithm; below 0 where there are no indices.
    fn spread(&self) -> f64 {
        let indices = || self.by_segment.iter().filter_map(|mean| mean.index);
        let (low, high) = (indices().fold(f64::INFINITY, f64::min), indices().fold(f64::NEG_INFINITY, f64::max));
        if low > high { -1.0 } else { (high.max(1.0) / low.max(1.0)).ln() }
    }
}

fn line(html: &mut Html, means: &Means<'_>) {
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], means.name);
        html.line("td", &[("class", "text faint")], means.kind);
        means.by_segment.iter().for_each(|mean| cell(html, *mean));
    });
}

/// A mean and its index.
pub(super) fn cell(html: &mut Html, mean: SegmentMean) {
    let class = match mean.index {
        Some(index) if index >= HIGH => "number more",
        Some(index) if index <= LOW => "number less",
        _ => "number",
    };
    html.element("td", &[("class", class)], |html| {
        html.text(&mean.mean.map_or_else(|| ABSENT.to_owned(), amount));
        if let Some(index) = mean.index {
            html.line("small", &[], &fixed(index, 0));
        }
    });
}
