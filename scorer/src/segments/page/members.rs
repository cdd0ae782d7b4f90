//! Who is in a segment: its values, its classes and its means.

use page::bars::{Bar, bars};
use page::figure::{details, figure, row, share_cell, table};
use page::html::Html;
use page::numbers::{ABSENT, count, fixed, percent, plural};

use super::apart::cell;
use crate::segments::profile::{ClassMean, SegmentProfile, TypicalValue};

/// The section of a segment.
pub(super) fn section(html: &mut Html, segment: &SegmentProfile) {
    html.element("section", &[], |html| {
        html.element("h2", &[], |html| {
            html.text(&format!("Segment {}", segment.segment));
            let size = format!("{}, {}", plural(segment.people, "person", "people"), percent(segment.share));
            html.line("span", &[("class", "kind")], &size);
        });
        if segment.people == 0 {
            html.line("p", &[], "Nobody is in it.");
            return;
        }
        html.element("div", &[("class", "figures apart")], |html| {
            values(html, segment);
            segment.classes.iter().for_each(|(task, likely)| classes(html, task.as_str(), likely));
        });
        figures_of_values(html, &segment.typical);
        means(html, segment);
    });
}

/// The picture of the values that the segment has more of.
fn values(html: &mut Html, segment: &SegmentProfile) {
    let title = "More than elsewhere";
    let Some(first) = segment.typical.first() else {
        let says = "No value is surely more frequent here than among all people, and 30 people's at least.";
        return figure(html, title, says, &[], |_| ());
    };
    let says = format!(
        "{} of the segment have {} {}, of all people {}: {} times as many ({} to {}).",
        percent(first.share),
        first.column,
        first.value,
        percent(first.population_share),
        fixed(first.tgi / 100.0, 2),
        fixed(first.low / 100.0, 2),
        fixed(first.high / 100.0, 2),
    );
    let bar = |value: &TypicalValue| Bar {
        name: format!("{}: {}", value.column, value.value),
        value: value.tgi,
        interval: (value.low, value.high),
        hint: format!(
            "{}: {}: {} of the segment, {} of all, TGI {} ({} to {})",
            value.column,
            value.value,
            percent(value.share),
            percent(value.population_share),
            fixed(value.tgi, 0),
            fixed(value.low, 0),
            fixed(value.high, 0)
        ),
    };
    let all: Vec<Bar> = segment.typical.iter().map(bar).collect();
    let keys = [("model bar", "TGI"), ("natural", "95 % interval"), ("chance", "all people")];
    figure(html, title, &says, &keys, |html| bars(html, &says, &all, 100.0, "TGI: all people are 100"));
}

/// The likeliest classes of a task.
fn classes(html: &mut Html, task: &str, likely: &[ClassMean]) {
    let says = "The mean probability is the share of the segment that is expected to be of the class.";
    figure(html, &format!("Likely {task}"), says, &[], |html| {
        table(html, "likely", &[("text wide", "class"), ("number", "mean probability"), ("number", "index")], |html| {
            for class in likely {
                html.element("tr", &[], |html| {
                    html.line("th", &[("scope", "row"), ("class", "text wide")], &class.class);
                    share_cell(html, class.mean);
                    let index = class.index.map_or_else(|| ABSENT.to_owned(), |index| fixed(index, 0));
                    html.line("td", &[("class", "number")], &index);
                });
            }
        });
    });
}

/// The values as figures.
fn figures_of_values(html: &mut Html, values: &[TypicalValue]) {
    if values.is_empty() {
        return;
    }
    details(html, "More than elsewhere, as figures", |html| {
        let head = [
            ("text wide", "column"),
            ("text wide", "value"),
            ("number", "people"),
            ("number", "of the segment"),
            ("number", "of all people"),
            ("number", "TGI"),
            ("number", "95 % interval"),
        ];
        table(html, "typical", &head, |html| {
            for value in values {
                row(
                    html,
                    &[
                        ("text wide", value.column.as_str()),
                        ("text wide", &value.value),
                        ("number", &count(value.people)),
                        ("number", &percent(value.share)),
                        ("number", &percent(value.population_share)),
                        ("number strong", &fixed(value.tgi, 0)),
                        ("number faint", &format!("{}–{}", fixed(value.low, 0), fixed(value.high, 0))),
                    ],
                );
            }
        });
    });
}

/// The means of scores and columns.
fn means(html: &mut Html, segment: &SegmentProfile) {
    if segment.scores.is_empty() && segment.means.is_empty() {
        return;
    }
    details(html, "Means of scores and columns", |html| {
        let head = [("text wide", "mean of"), ("text faint", ""), ("number", "mean and index")];
        table(html, "members", &head, |html| {
            let scores = segment.scores.iter().map(|(name, mean)| (name.as_str(), "score", mean));
            let columns = segment.means.iter().map(|(name, mean)| (name.as_str(), "column", mean));
            for (name, kind, mean) in scores.chain(columns) {
                html.element("tr", &[], |html| {
                    html.line("th", &[("scope", "row"), ("class", "text wide")], name);
                    html.line("td", &[("class", "text faint")], kind);
                    cell(html, *mean);
                });
            }
        });
    });
}
