//! The section of a multiclass task.

use model::calibrate::{Calibrator, TaskCalibration};
use model::measure::{ClassLine, ClassMetrics, Part, PartMetrics, TaskMetrics};
use page::figure::{figure, figures, row, table};
use page::html::Html;
use spec::TaskName;

use super::chart::reliability;
use super::compared;
use super::input::Report;
use super::measures_table::measures;
use super::numbers::{ABSENT, count, fixed, percent};
use super::timeline::task_curves;
use super::verdict::judged;

/// Measures, the most frequent classes and pictures of one task.
pub(super) fn section(html: &mut Html, report: &Report, task: &TaskName, metrics: &TaskMetrics) {
    html.element("section", &[], |html| {
        html.element("h2", &[], |html| {
            html.line("bdi", &[], task.as_str());
            html.line("span", &[("class", "kind")], metrics.kind.name());
        });
        measures(html, metrics);
        compared::section(html, report, task);
        let judged = match judged(metrics) {
            Some((part, PartMetrics::Classes(judged))) => Some((part, judged)),
            Some((_, PartMetrics::Probabilities(_) | PartMetrics::Values(_))) | None => None,
        };
        if let Some((part, judged)) = judged {
            class_table(html, part, judged);
        }
        figures(html, |html| {
            task_curves(html, report, task, metrics.kind);
            if let Some((part, judged)) = judged {
                confidence(html, part, judged, report.calibration.tasks.get(task));
            }
        });
    });
}

fn class_table(html: &mut Html, part: Part, judged: &ClassMetrics) {
    html.line("h3", &[], "The most frequent classes");
    let says = format!(
        "Of {}, by frequency in the training rows; the figures are of the {} rows.",
        count(judged.classes),
        part.name()
    );
    html.line("p", &[("class", "hint")], &says);
    let head = [
        ("text wide", "class"),
        ("number", "rows"),
        ("number", "rate"),
        ("number", "mean prediction"),
        ("number", "right when first"),
        ("number", "found first"),
        ("number", "found among 3"),
    ];
    let share = |share: Option<f64>| share.map_or_else(|| ABSENT.to_owned(), percent);
    table(html, "classes", &head, |html| {
        for ClassLine { class, rows, rate, mean_probability, precision, recall, recall_at_3 } in &judged.most_frequent {
            row(
                html,
                &[
                    ("text wide", class),
                    ("number", &count(*rows)),
                    ("number", &share(*rate)),
                    ("number", &share(*mean_probability)),
                    ("number", &share(*precision)),
                    ("number strong", &share(*recall)),
                    ("number", &share(*recall_at_3)),
                ],
            );
        }
    });
}

/// The first class's probability against how often it was right.
fn confidence(html: &mut Html, part: Part, judged: &ClassMetrics, calibration: Option<&TaskCalibration>) {
    let Some(ece) = judged.ece.filter(|_| !judged.calibration.is_empty()) else { return };
    let before = judged.uncalibrated.as_ref();
    let mut says = format!("How often the most probable class is right on {} rows: ECE {}", part.name(), fixed(ece, 4));
    if let Some(raw) = before.and_then(|raw| raw.ece) {
        says.push_str(&format!(", before calibration {}", fixed(raw, 4)));
    }
    if let Some(Calibrator::Temperature(fit)) = calibration.map(|calibration| &calibration.calibrator) {
        says.push_str(&format!("; temperature {}", fixed(fit.temperature, 3)));
    }
    says.push('.');
    let mut keys = vec![("model dots", "95 % interval"), ("chance", "as predicted")];
    if before.is_some() {
        keys.push(("before", "before"));
    }
    figure(html, "Calibration of the first class", &says, &keys, |html| {
        reliability(html, &says, before.map(|raw| &raw.calibration[..]), &judged.calibration, judged.rows);
    });
}
