//! The section of a value or regression task.

use model::measure::{Part, PartMetrics, TaskKind, TaskMetrics, ValueMetrics};
use page::figure::{details, figure, figures, row, table};
use page::html::Html;
use page::plot::Size;
use spec::TaskName;

use super::chart::{gain, value_deciles};
use super::compared;
use super::contents;
use super::importance;
use super::input::Report;
use super::measures_table::measures;
use super::numbers::{ABSENT, amount, percent, percent_tick, times};
use super::slices;
use super::timeline::task_curves;
use super::verdict::judged;

/// Measures, curves and pictures of one task.
pub(super) fn section(html: &mut Html, report: &Report, task: &TaskName, metrics: &TaskMetrics) {
    html.element("section", &[], |html| {
        contents::task_head(html, report, task, metrics.kind);
        measures(html, metrics);
        compared::section(html, report, task);
        figures(html, |html| {
            task_curves(html, report, task, metrics.kind);
            if let Some((part, PartMetrics::Values(judged))) = judged(metrics) {
                pictures(html, metrics.kind, part, judged);
            }
            importance::picture(html, report, task);
        });
        slices::section(html, report, task, metrics.kind);
        if let Some((part, PartMetrics::Values(judged))) = judged(metrics)
            && !judged.deciles.is_empty()
        {
            details(html, &format!("Deciles of {} rows, as figures", part.name()), |html| decile_table(html, judged));
        }
        importance::rest(html, report, task);
    });
}

fn pictures(html: &mut Html, kind: TaskKind, part: Part, judged: &ValueMetrics) {
    let (Some(first), Some(mean)) = (judged.deciles.first(), judged.mean_actual) else { return };
    let tenth = format!("The tenth of the {} rows with the highest predictions", part.name());
    let (actual, predicted) = (amount(first.actual), amount(first.predicted));
    let says = if kind == TaskKind::Regression {
        format!("{tenth} is {actual} on average, all are {}; {predicted} was predicted.", amount(mean))
    } else {
        let lift = if mean > 0.0 { times(first.actual / mean) } else { ABSENT.to_owned() };
        format!("{tenth} is worth {actual} each, {lift} the mean of {}; {predicted} was predicted.", amount(mean))
    };
    let keys = [("predicted bar", "predicted"), ("model bar", "actual"), ("natural", "mean of all rows")];
    figure(html, "Predicted and actual by decile", &says, &keys, |html| {
        value_deciles(html, &says, &judged.deciles, mean);
    });
    let gains: Vec<(f64, f64)> =
        judged.deciles.iter().filter_map(|decile| Some((decile.share, decile.gain?))).collect();
    if let Some((share, held)) = gains.iter().find(|(_, held)| *held >= 0.5) {
        let says = format!("The best {} of the rows hold {} of the whole value.", percent_tick(*share), percent(*held));
        let keys = [("model", "the model"), ("chance", "random order")];
        figure(html, "Gain", &says, &keys, |html| {
            gain(html, Size::TITLED, (&says, "value held, of all"), &gains, None)
        });
    }
}

fn decile_table(html: &mut Html, judged: &ValueMetrics) {
    let head = [
        ("number", "rows from the top"),
        ("number", "predicted"),
        ("number", "actual"),
        ("number", "actual / mean"),
        ("number", "value held so far"),
    ];
    table(html, "deciles", &head, |html| {
        for decile in &judged.deciles {
            let lift = judged.mean_actual.filter(|mean| *mean > 0.0).map(|mean| times(decile.actual / mean));
            row(
                html,
                &[
                    ("number", &percent_tick(decile.share)),
                    ("number", &amount(decile.predicted)),
                    ("number strong", &amount(decile.actual)),
                    ("number", lift.as_deref().unwrap_or(ABSENT)),
                    ("number", decile.gain.map(percent).as_deref().unwrap_or(ABSENT)),
                ],
            );
        }
    });
}
