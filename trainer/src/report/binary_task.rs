//! The section of a binary or lookalike task.

use model::calibrate::{Calibrator, TaskCalibration};
use model::measure::{BinaryMetrics, Decile, Part, PartMetrics, TaskKind, TaskMetrics};
use page::figure::{details, figure, figures, row, table};
use page::html::Html;
use page::plot::Size;
use spec::TaskName;

use super::chart::{calibration_curve, deciles, gain, histogram, reliability, roc};
use super::compared;
use super::contents;
use super::importance;
use super::input::Report;
use super::measures_table::measures;
use super::numbers::{fixed, percent, percent_tick, plural, times};
use super::reach;
use super::slices;
use super::timeline::task_curves;
use super::verdict::judged;

/// Measures, curves and pictures of one task.
pub(super) fn section(html: &mut Html, report: &Report, task: &TaskName, metrics: &TaskMetrics) {
    html.element("section", &[], |html| {
        contents::task_head(html, report, task, metrics.kind);
        if metrics.kind == TaskKind::Lookalike {
            html.line(
                "p",
                &[("class", "hint")],
                "A positive row is a seed. Others like the seeds are among the negatives, so these figures understate a model that finds them.",
            );
        }
        measures(html, metrics);
        compared::section(html, report, task);
        figures(html, |html| {
            task_curves(html, report, task, metrics.kind);
            if let Some((part, PartMetrics::Probabilities(judged))) = judged(metrics) {
                let calibration = report.calibration.tasks.get(task);
                lift(html, part, judged);
                scores(html, part, judged);
                if metrics.kind == TaskKind::Lookalike {
                    reach::curve(html, part, judged);
                }
                ranking(html, judged, metrics);
                probabilities(html, part, judged, calibration);
                calibration_map(html, judged, calibration);
            }
            importance::picture(html, report, task);
        });
        slices::section(html, report, task, metrics.kind);
        if let Some((part, PartMetrics::Probabilities(judged))) = judged(metrics)
            && !judged.deciles.is_empty()
        {
            if metrics.kind == TaskKind::Lookalike {
                reach::figures(html, part, judged);
            }
            details(html, &format!("Lift and gain on {} rows, as figures", part.name()), |html| {
                decile_table(html, judged);
            });
        }
        importance::rest(html, report, task);
    });
}

/// Rates by tenth; nothing where one class is missing.
fn lift(html: &mut Html, part: Part, judged: &BinaryMetrics) {
    let (Some(rate), Some(first)) = (judged.rate, judged.deciles.first()) else { return };
    let says = format!(
        "The best tenth of the {} rows has a rate of {}, {} the natural {}.",
        part.name(),
        percent(first.rate),
        times(first.lift),
        percent(rate)
    );
    let keys = [("model bar", "rate of the tenth"), ("predicted", "mean prediction"), ("natural", "natural rate")];
    figure(html, "Lift by decile", &says, &keys, |html| deciles(html, &says, &judged.deciles, rate));
}

/// ROC and gain; nothing where one class is missing.
fn ranking(html: &mut Html, judged: &BinaryMetrics, metrics: &TaskMetrics) {
    let Some(rate) = judged.rate.filter(|_| !judged.deciles.is_empty()) else { return };
    let half = judged.deciles.iter().find(|decile| decile.gain >= 0.5);
    let says = half.map_or_else(String::new, |decile| {
        format!("The best {} of the rows hold {} of all positives.", percent_tick(decile.share), percent(decile.gain))
    });
    let keys = [("model", "the model"), ("perfect", "perfect order"), ("chance", "random order")];
    figure(html, "Gain", &says, &keys, |html| {
        let gains: Vec<(f64, f64)> = judged.deciles.iter().map(|decile| (decile.share, decile.gain)).collect();
        gain(html, Size::SQUARE, (&says, "positives found, of all"), &gains, Some(rate));
    });

    let curve = |part: Part| match metrics.part(part) {
        Some(PartMetrics::Probabilities(metrics)) if !metrics.roc.is_empty() => Some((metrics.auc?, &metrics.roc[..])),
        _ => None,
    };
    let parts = [(Part::Train, "train"), (Part::Validation, "validation"), (Part::Test, "model")];
    let drawn: Vec<_> = parts.into_iter().filter_map(|(part, class)| Some((part, class, curve(part)?))).collect();
    let named: Vec<(&'static str, String)> =
        drawn.iter().map(|(part, class, (auc, _))| (*class, format!("{} {}", part.name(), fixed(*auc, 3)))).collect();
    let mut keys: Vec<(&'static str, &str)> = named.iter().map(|(class, text)| (*class, text.as_str())).collect();
    keys.push(("chance", "chance 0.5"));
    let says = "The area under each curve is its AUC; curves far apart are a sign of overfitting.";
    figure(html, "ROC", says, &keys, |html| {
        let curves: Vec<_> = drawn.iter().map(|(_, class, (_, points))| (*class, *points)).collect();
        roc(html, "ROC curves of the parts", &curves);
    });
}

/// Predicted against actual.
fn probabilities(html: &mut Html, part: Part, judged: &BinaryMetrics, calibration: Option<&TaskCalibration>) {
    if !judged.calibration.is_empty() {
        let before = judged.uncalibrated.as_ref();
        let says = calibration_words(part, judged, calibration);
        let mut keys =
            vec![("model dots", if before.is_some() { "after calibration, 95 % interval" } else { "95 % interval" })];
        if before.is_some() {
            keys.push(("before", "before"));
        }
        keys.push(("chance", "as predicted"));
        figure(html, "Calibration", &says, &keys, |html| {
            let before = before.map(|raw| &raw.calibration[..]);
            reliability(html, &says, before, &judged.calibration, judged.rows);
        });
    }
}

/// What the calibration does to a raw score.
fn calibration_map(html: &mut Html, judged: &BinaryMetrics, calibration: Option<&TaskCalibration>) {
    let Some(raw) = judged.uncalibrated.as_ref() else { return };
    let kind = match calibration.map(|calibration| &calibration.calibrator) {
        Some(Calibrator::Isotonic(_)) => "isotonic",
        Some(Calibrator::Platt(_)) => "Platt",
        Some(Calibrator::None | Calibrator::Temperature(_)) | None => return,
    };
    let says = format!("The {kind} curve that was fitted to the validation rows and is part of the model.");
    let keys = [("model", "calibrated"), ("chance", "unchanged")];
    figure(html, "Calibration curve", &says, &keys, |html| {
        let most = raw.calibration.iter().map(|bin| bin.predicted).fold(0.0, f64::max);
        let apply = |score| calibration.map_or(score, |calibration| calibration.calibrator.probability(score));
        calibration_curve(html, &says, most, apply);
    });
}

/// Where the scores lie; nothing if all are equal.
fn scores(html: &mut Html, part: Part, judged: &BinaryMetrics) {
    if let Some(scores) = judged.histogram.as_ref().filter(|scores| scores.edges.len() > 2) {
        let says = format!("Where the {} rows of both classes lie, each class as shares of itself.", part.name());
        let keys = [("model area", "positives"), ("natural area", "negatives")];
        figure(html, "Scores", &says, &keys, |html| histogram(html, &says, scores));
    }
}

fn calibration_words(part: Part, judged: &BinaryMetrics, calibration: Option<&TaskCalibration>) -> String {
    let ece = |value: Option<f64>| value.map_or_else(|| "not defined".to_owned(), |ece| fixed(ece, 4));
    let bins = plural(judged.calibration.len() as u64, "bin", "bins");
    let mut says = format!("ECE on {} rows {} over {bins} of equal weight", part.name(), ece(judged.ece));
    says.push_str(&format!(", chance alone {}", ece(judged.ece_by_chance)));
    if let Some(raw) = &judged.uncalibrated {
        says.push_str(&format!(", before calibration {}", ece(raw.ece)));
    }
    if let Some(fit) = calibration.filter(|fit| fit.rows > 0 && fit.fallback.is_none()) {
        says.push_str(&format!("; fitted to {}", plural(fit.rows, "validation row", "validation rows")));
    }
    says.push('.');
    says
}

fn decile_table(html: &mut Html, judged: &BinaryMetrics) {
    let head = [
        ("number", "rows from the top"),
        ("number", "score down to"),
        ("number", "rate"),
        ("number", "lift"),
        ("number", "gain"),
        ("number", "rate of this tenth"),
        ("number", "predicted there"),
        ("number", "natural rate"),
    ];
    let natural = judged.rate.map_or_else(String::new, percent);
    table(html, "deciles", &head, |html| {
        for decile in &judged.deciles {
            let Decile { share, threshold, rate, lift, gain, decile_rate, decile_score } = *decile;
            row(
                html,
                &[
                    ("number", &percent_tick(share)),
                    ("number", &percent(threshold)),
                    ("number", &percent(rate)),
                    ("number strong", &times(lift)),
                    ("number", &percent(gain)),
                    ("number", &percent(decile_rate)),
                    ("number", &percent(decile_score)),
                    ("number faint", &natural),
                ],
            );
        }
    });
}
