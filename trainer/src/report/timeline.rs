//! How training went: curves by epoch, and the epochs as figures.

use model::measure::{ComparedModel, Measure, TaskKind};
use page::figure::{Key, details, figure, figures, row, table};
use page::html::Html;
use spec::TaskName;

use super::chart::{Floor, Series, by_epoch};
use super::input::{Epoch, Report, StopReason, Timeline};
use super::numbers::{ABSENT, count, fixed, measure_words, plural, seconds};

/// Loss and leading measure of one task by epoch.
pub(super) fn task_curves(html: &mut Html, report: &Report, task: &TaskName, kind: TaskKind) {
    let best = report.timeline.best_epoch;
    let epochs: Vec<_> = report
        .timeline
        .epochs
        .iter()
        .filter_map(|epoch| Some((f64::from(epoch.number), epoch.tasks.iter().find(|of| &of.task == task)?)))
        .collect();
    if epochs.is_empty() {
        return;
    }
    let of_train = epochs.iter().map(|(number, of)| (*number, of.train_loss)).collect();
    let of_validation: Vec<_> = epochs.iter().map(|(number, of)| (*number, or_gap(of.validation_loss))).collect();
    loss_figure(html, "Loss by epoch", of_train, of_validation, best);

    let leading: Vec<_> = epochs.iter().map(|(number, of)| (*number, or_gap(of.validation_measure))).collect();
    if leading.iter().any(|(_, value)| value.is_finite()) {
        let name = kind.measures().first().copied().map_or("", measure_words);
        let keys: [Key<'_>; 1] = [("model", "validation")];
        let title = format!("{} by epoch", capitalized(name));
        let watched = format!("{task}.{}", kind.measures().first().copied().map_or("", Measure::name));
        let says = if watched == report.timeline.watched { "Early stopping watched this measure." } else { "" };
        figure(html, &title, says, &keys, |html| {
            by_epoch(
                html,
                &title,
                &[Series { class: "model", name: "validation", points: leading }],
                best,
                Floor::Lowest,
            );
        });
    }
}

fn capitalized(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn loss_figure(
    html: &mut Html,
    title: &str,
    of_train: Vec<(f64, f64)>,
    of_validation: Vec<(f64, f64)>,
    best: Option<u32>,
) {
    let mut series = vec![Series { class: "train", name: "train", points: of_train }];
    let mut keys = vec![("train", "train, as the rows were met")];
    if of_validation.iter().any(|(_, value)| value.is_finite()) {
        series.push(Series { class: "model", name: "validation", points: of_validation });
        keys.push(("model", "validation, after the epoch"));
    }
    figure(html, title, "", &keys, |html| by_epoch(html, title, &series, best, Floor::Lowest));
}

fn or_gap(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// The course of the whole training.
pub(super) fn section(html: &mut Html, report: &Report) {
    let timeline = &report.timeline;
    html.element("section", &[], |html| {
        html.line("h2", &[], "Training");
        html.line("p", &[], &course(report));
        if !timeline.epochs.is_empty() {
            figures(html, |html| {
                let of = |figure: fn(&Epoch) -> f64| {
                    timeline.epochs.iter().map(|epoch| (f64::from(epoch.number), figure(epoch))).collect::<Vec<_>>()
                };
                let of_train = of(|epoch| epoch.train_loss);
                let of_validation = of(|epoch| or_gap(epoch.validation_loss));
                loss_figure(html, "Weighted loss of all tasks", of_train, of_validation, timeline.best_epoch);
                let title = "Training rows a second";
                figure(html, title, "", &[], |html| {
                    let points = of(|epoch| epoch.rows_per_second);
                    by_epoch(
                        html,
                        title,
                        &[Series { class: "model", name: "rows a second", points }],
                        None,
                        Floor::Zero,
                    );
                });
            });
            details(html, "Epochs, as figures", |html| epoch_table(html, report));
            if !report.timeline.others.is_empty() {
                details(html, "The networks of the model, as figures", |html| member_table(html, &report.timeline));
            }
        }
        settings(html, report);
    });
}

fn course(report: &Report) -> String {
    let timeline = &report.timeline;
    let epochs = plural(timeline.epochs.len() as u64, "epoch", "epochs");
    let kept = timeline.best_epoch.map_or_else(String::new, |best| format!(" The weights of epoch {best} were kept."));
    let why = match timeline.stopped {
        StopReason::Finished => "All planned epochs were done.".to_owned(),
        StopReason::NoGain => format!("It stopped because {} no longer got better.", timeline.watched),
    };
    let beside = report.comparisons.iter().find_map(|comparison| match comparison.with {
        ComparedModel::LinearBaseline { seconds, .. } if comparison.missing.is_none() => Some(seconds),
        ComparedModel::LinearBaseline { .. } | ComparedModel::Production { .. } => None,
    });
    let beside = beside.map_or_else(String::new, |time| format!(" The linear baseline took {} more.", seconds(time)));
    let networks = timeline.others.len() as u64 + 1;
    let of_several = if networks > 1 {
        format!("The model is the mean of {networks} networks, trained alike from other random numbers. Of the first: ")
    } else {
        String::new()
    };
    let all = if networks > 1 { " in all" } else { "" };
    format!(
        "{of_several}{epochs}. {} of training{all} on {} with {}, {} training rows a second. {why}{kept}{beside}",
        seconds(timeline.seconds),
        timeline.device,
        plural(u64::from(timeline.threads), "thread", "threads"),
        count(timeline.rows_per_second.max(0.0).round() as u64),
    )
}

fn member_table(html: &mut Html, timeline: &Timeline) {
    let head = [
        ("number", "network"),
        ("number", "epochs"),
        ("number", "kept"),
        ("number", timeline.watched.as_str()),
        ("number", "time"),
    ];
    let others = timeline.others.iter().map(|of| (of.epochs as usize, of.best_epoch, of.watched, of.seconds));
    let first_seconds = timeline.seconds - timeline.others.iter().map(|of| of.seconds).sum::<f64>();
    let first = (timeline.epochs.len(), timeline.best_epoch, timeline.best(), first_seconds);
    table(html, "epochs", &head, |html| {
        for (index, (epochs, best, watched, time)) in std::iter::once(first).chain(others).enumerate() {
            let figure = watched.map_or_else(|| ABSENT.to_owned(), |value| fixed(value, 5));
            row(
                html,
                &[
                    ("number", &(index + 1).to_string()),
                    ("number", &epochs.to_string()),
                    ("number", &best.map_or_else(|| ABSENT.to_owned(), |epoch| format!("epoch {epoch}"))),
                    ("number", &figure),
                    ("number", &seconds(time)),
                ],
            );
        }
    });
}

fn epoch_table(html: &mut Html, report: &Report) {
    let head = [
        ("number", "epoch"),
        ("number", "train loss"),
        ("number", "validation loss"),
        ("number", report.timeline.watched.as_str()),
        ("number", "rows/s"),
        ("number", "time"),
        ("text", ""),
    ];
    table(html, "epochs", &head, |html| {
        for epoch in &report.timeline.epochs {
            let is_best = report.timeline.best_epoch == Some(epoch.number);
            let figure = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |value| fixed(value, 5));
            row(
                html,
                &[
                    ("number", &epoch.number.to_string()),
                    ("number", &figure(Some(epoch.train_loss))),
                    ("number", &figure(epoch.validation_loss)),
                    (if is_best { "number strong" } else { "number" }, &figure(epoch.watched)),
                    ("number", &count(epoch.rows_per_second.max(0.0).round() as u64)),
                    ("number", &seconds(epoch.seconds)),
                    ("text", if is_best { "kept" } else { "" }),
                ],
            );
        }
    });
}

fn settings(html: &mut Html, report: &Report) {
    if report.settings.is_empty() {
        return;
    }
    details(html, "Settings", |html| {
        table(html, "settings", &[("text", "setting"), ("text", "value")], |html| {
            for setting in &report.settings {
                row(html, &[("text", &setting.name), ("text", &setting.value)]);
            }
        });
    });
}
