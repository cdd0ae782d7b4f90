//! The rows that the model was made of: parts and labels, and where they came from.

use model::measure::TaskKind;
use page::figure::{details, row, table};
use page::html::Html;

use super::input::{LabelRate, Report};
use super::numbers::{ABSENT, amount, bytes, count, percent};

/// Rows and labels by part.
pub(super) fn section(html: &mut Html, report: &Report) {
    html.element("section", &[], |html| {
        html.line("h2", &[], "Data");
        html.element("p", &[], |html| {
            html.text("Examples are the rows of ");
            html.line("code", &[], &report.examples);
            html.text(", one person is one ");
            html.line("code", &[], &report.key);
            html.text(&format!(". Split {}.", report.split));
        });
        let head = [("text", "part"), ("number", "rows"), ("number", "share")];
        let tasks: Vec<_> = report.metrics.tasks.keys().map(|task| ("number", task.as_str())).collect();
        let all: u64 = report.parts.iter().map(|part| part.rows).sum();
        table(html, "parts", &[&head[..], &tasks[..]].concat(), |html| {
            for part in &report.parts {
                html.element("tr", &[], |html| {
                    html.line("th", &[("scope", "row"), ("class", "text")], part.part.name());
                    html.line("td", &[("class", "number")], &count(part.rows));
                    let share = if all > 0 { percent(part.rows as f64 / all as f64) } else { ABSENT.to_owned() };
                    html.line("td", &[("class", "number")], &share);
                    for (task, metrics) in &report.metrics.tasks {
                        let label = part.labels.iter().find(|label| &label.task == task);
                        label_cell(html, label, metrics.kind);
                    }
                });
            }
        });
        html.line("p", &[("class", "hint")], "Under each task: the natural rate of its label or the label's mean, and how many rows are positive of those observed.");
    });
}

fn label_cell(html: &mut Html, label: Option<&LabelRate>, kind: TaskKind) {
    html.element("td", &[("class", "number")], |html| match label {
        None => html.text(ABSENT),
        Some(label) => {
            let mean = label.mean.map_or_else(
                || ABSENT.to_owned(),
                |mean| match kind {
                    TaskKind::Value | TaskKind::Regression => amount(mean),
                    TaskKind::Binary | TaskKind::Lookalike => percent(mean),
                    TaskKind::Multiclass => "classes".to_owned(),
                },
            );
            html.text(&mean);
            let rows = match kind {
                TaskKind::Multiclass => count(label.observed),
                TaskKind::Binary | TaskKind::Lookalike | TaskKind::Value | TaskKind::Regression => {
                    format!("{} of {}", count(label.positives), count(label.observed))
                }
            };
            html.line("small", &[], &rows);
        }
    });
}

/// Input files and the document.
pub(super) fn lineage(html: &mut Html, report: &Report) {
    html.element("section", &[], |html| {
        html.line("h2", &[], "Lineage");
        let files = report.inputs.len() as u64;
        let size: u64 = report.inputs.iter().map(|input| input.bytes).sum();
        let says = format!(
            "{} of {} were read. The same document over the same files with the same program gives the same model.",
            if files == 1 { "1 file".to_owned() } else { format!("{} files", count(files)) },
            bytes(size)
        );
        html.line("p", &[], &says);
        match report.inputs.len() {
            0 => {}
            1..=12 => files_table(html, report),
            _ => details(html, "All files", |html| files_table(html, report)),
        }
        details(html, "The document", |html| html.line("pre", &[("tabindex", "0")], &report.document));
    });
}

fn files_table(html: &mut Html, report: &Report) {
    let head = [("text", "table"), ("text wide", "file"), ("number", "size"), ("text", "etag"), ("text", "written")];
    table(html, "inputs", &head, |html| {
        for input in &report.inputs {
            let written = input.last_modified.map(|time| time.format("%Y-%m-%d %H:%M").to_string());
            row(
                html,
                &[
                    ("text", &input.table),
                    ("text wide code", &input.url),
                    ("number", &bytes(input.bytes)),
                    ("text code", input.etag.as_deref().unwrap_or(ABSENT)),
                    ("text", written.as_deref().unwrap_or(ABSENT)),
                ],
            );
        }
    });
}
