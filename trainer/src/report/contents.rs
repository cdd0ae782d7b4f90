//! The top of the page: what this is, what the figures say, and all tasks at a glance.

use model::measure::{BinaryMetrics, ClassMetrics, PartMetrics, TaskKind, ValueMetrics};
use page::figure::table;
use page::html::Html;
use page::parts::{self, Heading, Masthead};
use spec::TaskName;

use super::chart::interval_strip;
use super::input::Report;
use super::numbers::{ABSENT, amount, count, fixed, percent, seconds, times};
use super::verdict::{Verdict, judged};

/// The version in words.
pub(super) fn version(report: &Report) -> String {
    report.version.map_or_else(|| "not registered".to_owned(), |version| format!("version {version}"))
}

/// The model's name and how it came about.
pub(super) fn masthead(html: &mut Html, report: &Report) {
    let created = report.created.format("%Y-%m-%d %H:%M UTC").to_string();
    let head = Masthead {
        kicker: "Training report",
        name: &report.model,
        version: &version(report),
        lead: &lead(report),
        facts: &[("made", &created), ("run", &report.run), ("by", &report.program)],
    };
    parts::masthead(html, &head);
}

fn lead(report: &Report) -> String {
    let rows: u64 = report.parts.iter().map(|part| part.rows).sum();
    let tasks = report.metrics.tasks.len();
    format!(
        "{}{}: {} weights, {} for {}, fitted to {} rows of {} in {} on {}.",
        report.network,
        networks(report),
        count(report.weights),
        if report.features.len() == 1 { "1 feature".to_owned() } else { format!("{} features", report.features.len()) },
        if tasks == 1 { "1 task".to_owned() } else { format!("{tasks} tasks") },
        count(report.parts.iter().filter(|part| part.part == model::measure::Part::Train).map(|part| part.rows).sum()),
        count(rows),
        seconds(report.timeline.seconds),
        report.timeline.device,
    )
}

/// That the model is the mean of several networks.
fn networks(report: &Report) -> String {
    match report.timeline.others.len() {
        0 => String::new(),
        others => format!(", the mean of {} networks", others + 1),
    }
}

/// The top of a task's section: its name, its kind, and what the document says of it.
pub(super) fn task_head(html: &mut Html, report: &Report, task: &TaskName, kind: TaskKind) {
    html.element("h2", &[], |html| {
        html.line("bdi", &[], task.as_str());
        html.line("span", &[("class", "kind")], kind.name());
    });
    if let Some(line) = report.tasks.get(task) {
        html.line("p", &[("class", "hint described")], line);
    }
}

/// The sentences, by task.
pub(super) fn verdicts(html: &mut Html, verdicts: &[Verdict]) {
    parts::sentences(html, |html| {
        for group in verdicts.chunk_by(|a, b| a.task == b.task) {
            let task = group.first().and_then(|verdict| verdict.task.as_ref());
            let heading = task.map_or(Heading::Plain("training"), |task| Heading::Named(task.as_str()));
            parts::group(html, heading, group.iter().map(|verdict| (verdict.tone, verdict.text.as_str())));
        }
    });
}

/// One line for each task.
pub(super) fn glance(html: &mut Html, report: &Report) {
    let tasks = report.metrics.tasks.iter();
    let judged: Vec<_> = tasks.filter_map(|(task, metrics)| Some((task.as_str(), judged(metrics)?))).collect();
    html.element("section", &[], |html| {
        html.line("h2", &[], "At a glance");
        if judged.is_empty() {
            html.line("p", &[], "No task has validation or test rows: nothing is known about this model.");
            return;
        }
        html.line(
            "p",
            &[("class", "hint")],
            "On the rows that nothing was fitted to; the bar is the AUC's 95\u{a0}% interval from 0.4 to 1, 0.5 is chance.",
        );
        for head in [PROBABILITY_HEAD, VALUE_HEAD, CLASS_HEAD] {
            let lines = || judged.iter().filter(|(_, (_, metrics))| glance_head(metrics) == head);
            if lines().next().is_some() {
                table(html, "glance", &head, |html| {
                    lines().for_each(|(task, (part, metrics))| glance_line(html, task, part.name(), metrics));
                });
            }
        }
    });
}

type Head = [(&'static str, &'static str); 9];

fn glance_head(metrics: &PartMetrics) -> Head {
    match metrics {
        PartMetrics::Probabilities(_) => PROBABILITY_HEAD,
        PartMetrics::Values(_) => VALUE_HEAD,
        PartMetrics::Classes(_) => CLASS_HEAD,
    }
}

const PROBABILITY_HEAD: Head = [
    ("text", "task"),
    ("text", "rows"),
    ("number", "positives"),
    ("number", "natural rate"),
    ("number", "AUC"),
    ("strip", "95\u{a0}% interval"),
    ("number", "lift, best tenth"),
    ("number", "log loss"),
    ("number", "ECE"),
];

const CLASS_HEAD: Head = [
    ("text", "task"),
    ("text", "rows"),
    ("number", "classes"),
    ("number", "most frequent"),
    ("number", "accuracy"),
    ("number", "top-3"),
    ("number", "top-5"),
    ("number", "log loss"),
    ("number", "by frequency"),
];

const VALUE_HEAD: Head = [
    ("text", "task"),
    ("text", "rows"),
    ("number", "above zero"),
    ("number", "mean"),
    ("number", "predicted"),
    ("number", "normalized Gini"),
    ("number", "Spearman"),
    ("number", "RMSE"),
    ("number", "MAE"),
];

fn glance_line(html: &mut Html, task: &str, part: &str, metrics: &PartMetrics) {
    match metrics {
        PartMetrics::Probabilities(metrics) => probability_line(html, task, part, metrics),
        PartMetrics::Values(metrics) => value_line(html, task, part, metrics),
        PartMetrics::Classes(metrics) => class_line(html, task, part, metrics),
    }
}

fn probability_line(html: &mut Html, task: &str, part: &str, metrics: &BinaryMetrics) {
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], task);
        html.line("td", &[("class", "text")], &format!("{} {part}", count(metrics.rows)));
        number(html, Some(count(metrics.positives)));
        number(html, metrics.rate.map(percent));
        html.element("td", &[("class", "number strong")], |html| {
            html.text(&metrics.auc.map_or_else(|| ABSENT.to_owned(), |auc| fixed(auc, 3)));
        });
        html.element("td", &[("class", "strip")], |html| match (metrics.auc, metrics.auc_interval) {
            (Some(auc), Some(interval)) => {
                let label = format!("AUC {}, {}–{}", fixed(auc, 3), fixed(interval.low, 3), fixed(interval.high, 3));
                interval_strip(html, &label, auc, interval.low, interval.high);
            }
            _ => html.text(ABSENT),
        });
        number(html, metrics.lift_top_decile.map(times));
        number(html, metrics.log_loss.map(|loss| fixed(loss, 4)));
        number(html, metrics.ece.map(|ece| fixed(ece, 4)));
    });
}

fn class_line(html: &mut Html, task: &str, part: &str, metrics: &ClassMetrics) {
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], task);
        html.line("td", &[("class", "text")], &format!("{} {part}", count(metrics.rows)));
        number(html, Some(count(metrics.classes)));
        number(html, metrics.majority.accuracy.map(percent));
        number(html, metrics.accuracy.map(percent));
        number(html, metrics.top_3_accuracy.map(percent));
        number(html, metrics.top_5_accuracy.map(percent));
        number(html, metrics.log_loss.map(|loss| fixed(loss, 4)));
        number(html, metrics.majority.log_loss.map(|loss| fixed(loss, 4)));
    });
}

fn value_line(html: &mut Html, task: &str, part: &str, metrics: &ValueMetrics) {
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text wide")], task);
        html.line("td", &[("class", "text")], &format!("{} {part}", count(metrics.rows)));
        number(html, Some(count(metrics.positives)));
        number(html, metrics.mean_actual.map(amount));
        number(html, metrics.mean_predicted.map(amount));
        number(html, metrics.normalized_gini.map(|gini| fixed(gini, 3)));
        number(html, metrics.spearman.map(|spearman| fixed(spearman, 3)));
        number(html, metrics.rmse.map(amount));
        number(html, metrics.mae.map(amount));
    });
}

fn number(html: &mut Html, text: Option<String>) {
    html.line("td", &[("class", "number")], text.as_deref().unwrap_or(ABSENT));
}
