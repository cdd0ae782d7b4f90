//! The seed lists of lookalike tasks side by side: how large they are, how distinct, and what tells them from others.

use model::measure::{BinaryMetrics, PartMetrics};
use page::figure::table;
use page::html::Html;
use spec::TaskName;

use super::input::Report;
use super::numbers::{ABSENT, count, fixed, percent, times};
use super::verdict::judged;
use crate::seeds::{SeedQuality, Sighting, warnings};

/// A row a list; nothing without lookalike tasks.
pub(super) fn section(html: &mut Html, report: &Report) {
    if report.seeds.is_empty() {
        return;
    }
    html.element("section", &[], |html| {
        html.line("h2", &[], "Seeds");
        html.line("p", &[], "Found seeds are among the examples; only they teach. AUC tells how distinct they are from the others: 0.5 is no signal, near 1 the list was selected by what the features hold. Recall is the share of seeds held out that the best 10 % of the rows reach.");
        let head = [
            ("text", "task"),
            ("number", "seeds"),
            ("number", "duplicates"),
            ("number", "found"),
            ("number", "negatives"),
            ("number", "AUC"),
            ("number", "recall at 10 %"),
            ("text wide", "what tells most, by itself"),
            ("text wide", "beware"),
        ];
        table(html, "seeds", &head, |html| {
            for (task, quality) in &report.seeds {
                line(html, task, quality, held_out(report, task));
            }
        });
    });
}

/// What the model makes of the seeds that it did not learn from.
fn held_out<'a>(report: &'a Report, task: &TaskName) -> Option<&'a BinaryMetrics> {
    match judged(report.metrics.tasks.get(task)?)? {
        (_, PartMetrics::Probabilities(metrics)) => Some(metrics),
        (_, PartMetrics::Values(_) | PartMetrics::Classes(_)) => None,
    }
}

fn line(html: &mut Html, task: &TaskName, quality: &SeedQuality, held_out: Option<&BinaryMetrics>) {
    let seen = held_out.and_then(|metrics| Some(Sighting { auc: metrics.auc?, interval: metrics.auc_interval }));
    let found = quality.found as f64 / (quality.size as f64).max(1.0);
    let negatives = (quality.others as f64 * quality.negative_rate).round() as u64;
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text")], task.as_str());
        html.line("td", &[("class", "number")], &count(quality.size));
        html.line("td", &[("class", "number")], &count(quality.duplicates));
        with_small(html, &count(quality.found), &percent(found));
        html.line("td", &[("class", "number")], &count(negatives));
        match seen {
            None => html.line("td", &[("class", "number")], ABSENT),
            Some(Sighting { auc, interval }) => {
                let interval =
                    interval.map(|interval| format!("{} to {}", fixed(interval.low, 2), fixed(interval.high, 2)));
                with_small(html, &fixed(auc, 3), interval.as_deref().unwrap_or_default());
            }
        }
        match held_out.and_then(|metrics| metrics.recall_at_10_percent) {
            None => html.line("td", &[("class", "number")], ABSENT),
            Some(recall) => with_small(html, &percent(recall), &format!("{} random", times(10.0 * recall))),
        }
        lines(html, quality.signs.iter().map(ToString::to_string));
        lines(html, warnings(quality, seen).iter().map(ToString::to_string));
    });
}

fn with_small(html: &mut Html, figure: &str, small: &str) {
    html.element("td", &[("class", "number")], |html| {
        html.text(figure);
        html.line("small", &[], small);
    });
}

fn lines(html: &mut Html, lines: impl Iterator<Item = String>) {
    html.element("td", &[("class", "text wide")], |html| {
        for line in lines {
            html.line("div", &[], &line);
        }
    });
}
