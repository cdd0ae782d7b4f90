//! The search that found the document: what was tried, what came of it, and what it took.

use page::figure::{details, figure, figures, row, table};
use page::html::Html;
use page::plot::{Plot, Range, Size};

use super::input::Report;
use super::numbers::{ABSENT, count, fixed, plural, seconds, tick};
use crate::search::{SearchResults, TrainingLine, TrialLine};

/// The trials as pictures and as a table; nothing for a document that was not searched for.
pub(super) fn section(html: &mut Html, report: &Report) {
    let Some(search) = &report.search else { return };
    html.element("section", &[], |html| {
        html.line("h2", &[], "Search");
        html.line("p", &[], &course(search));
        html.line("p", &[("class", "hint")], LUCK);
        figures(html, |html| pictures(html, search));
        details(html, &format!("All {} trials", search.trials.len()), |html| trials(html, search));
    });
}

const LUCK: &str = "The best of many trials was also the luckiest on the validation rows, which chose it: its figure there flatters. \
                    The test rows took no part in the search.";

fn course(search: &SearchResults) -> String {
    let trials = plural(search.trials.len() as u64, "trial", "trials");
    let rungs: Vec<String> = search
        .rungs
        .iter()
        .map(|rung| format!("{} for {}", rung.trials, plural(rung.epochs.into(), "epoch", "epochs")))
        .collect();
    let how = if rungs.len() > 1 { format!(", {} at the most", rungs.join(", ")) } else { String::new() };
    let mut text = format!(
        "{trials} by {}{how}; {} on the validation rows decided. All trainings took {} one after the other.",
        search.method,
        search.objective,
        seconds(search.seconds),
    );
    if let Some(best) = search.trials.get(search.winner as usize) {
        text.push_str(&format!(" Trial {} was best with {}", best.trial, score(best.score())));
        text.push_str(&match search.trials.first().filter(|own| own.trial != best.trial) {
            Some(own) => format!("; the document as it was written, trial 0, {}.", reached(own, search)),
            None => ": the document as it was written.".to_owned(),
        });
    }
    text
}

/// How far a trial came.
fn reached(trial: &TrialLine, search: &SearchResults) -> String {
    match (trial.failure(), search.rungs.len()) {
        (Some(failure), _) => format!("failed ({failure})"),
        (None, 1) => format!("had {}", score(trial.score())),
        (None, rungs) => format!("had {} on rung {} of {rungs}", score(trial.score()), trial.rung() + 1),
    }
}

fn score(score: Option<f64>) -> String {
    score.map_or_else(|| ABSENT.to_owned(), |score| fixed(score, 4))
}

/// A training that came to its end, and whose it was.
struct Mark<'a> {
    number: f64,
    trial: &'a TrialLine,
    training: &'a TrainingLine,
    score: f64,
}

/// The trainings in the order of the search: rung by rung, and on each rung by trial.
fn marks(search: &SearchResults) -> Vec<Mark<'_>> {
    let of_rung = |rung: usize| {
        search.trials.iter().filter_map(move |trial| {
            let training = trial.trainings.iter().find(|training| training.rung == rung)?;
            Some((trial, training))
        })
    };
    let all = (0..search.rungs.len()).flat_map(of_rung).enumerate();
    let marks = all.filter_map(|(index, (trial, training))| {
        Some(Mark { number: (index + 1) as f64, trial, training, score: training.score? })
    });
    marks.collect()
}

fn pictures(html: &mut Html, search: &SearchResults) {
    let marks = marks(search);
    if marks.is_empty() {
        return;
    }
    let last = search.rungs.len() - 1;
    let mut keys = vec![("model dots", if last > 0 { "trained in full" } else { "a trial" })];
    if last > 0 {
        keys.push(("before", "trained for fewer epochs"));
    }
    let title = format!("{} by training", search.objective);
    let says = "Each trial once on every rung that it came to; the line is the best so far.";
    let with_line: Vec<_> = keys.iter().copied().chain([("train", "best so far")]).collect();
    figure(html, &title, says, &with_line, |html| {
        let most = marks.iter().map(|mark| mark.number).fold(1.0, f64::max);
        let axis =
            Axis { title: "training, in the order of the search", range: Range::whole(1, most as u32), is_order: true };
        scatter(html, &title, &axis, &marks, search);
    });
    let title = format!("{} against time", search.objective);
    figure(html, &title, "What a training took, and what came of it.", &keys, |html| {
        let range = Range::from_zero(marks.iter().map(|mark| mark.training.seconds), 5);
        let axis = Axis { title: "seconds of training", range, is_order: false };
        scatter(html, &title, &axis, &marks, search);
    });
}

/// Along what trainings are drawn: their order, with the best so far as a line, or their time.
struct Axis {
    title: &'static str,
    range: Range,
    is_order: bool,
}

impl Axis {
    fn at(&self, mark: &Mark<'_>) -> f64 {
        if self.is_order { mark.number } else { mark.training.seconds }
    }
}

fn scatter(html: &mut Html, label: &str, axis: &Axis, marks: &[Mark<'_>], search: &SearchResults) {
    let y = Range::around(marks.iter().map(|mark| mark.score), 5);
    Plot::draw(html, Size::HALF, (&axis.range, &y), label, |plot| {
        plot.y_axis(&y.ticks, tick);
        plot.x_axis(&axis.range.ticks, tick, axis.title);
        if axis.is_order {
            plot.line("train", best_so_far(marks, search.is_better_when_larger).into_iter());
        }
        let last = search.rungs.len() - 1;
        for mark in marks {
            let class = if mark.training.rung == last { "model" } else { "before" };
            let radius = if mark.trial.trial == search.winner { 5.5 } else { 3.2 };
            let hint = format!(
                "trial {}: {} {} after {} in {}",
                mark.trial.trial,
                search.objective,
                fixed(mark.score, 4),
                plural(mark.training.epochs.into(), "epoch", "epochs"),
                seconds(mark.training.seconds),
            );
            plot.dot(class, (axis.at(mark), mark.score), radius, &hint);
        }
    });
}

fn best_so_far(marks: &[Mark<'_>], is_better_when_larger: bool) -> Vec<(f64, f64)> {
    let better: fn(f64, f64) -> f64 = if is_better_when_larger { f64::max } else { f64::min };
    let mut best = None;
    let step = |mark: &Mark<'_>| {
        let so_far = best.map_or(mark.score, |best| better(best, mark.score));
        best = Some(so_far);
        (mark.number, so_far)
    };
    marks.iter().map(step).collect()
}

fn trials(html: &mut Html, search: &SearchResults) {
    let paths: Vec<&str> =
        search.trials.first().into_iter().flat_map(|trial| trial.settings.keys().map(String::as_str)).collect();
    let mut head = vec![("number", "trial")];
    head.extend(paths.iter().map(|path| ("text", *path)));
    let figures = [("number", search.objective.as_str()), ("number", "rung"), ("number", "epochs"), ("number", "time")];
    head.extend(figures);
    head.push(("text", ""));
    table(html, "trials", &head, |html| {
        let mut ordered: Vec<&TrialLine> = search.trials.iter().collect();
        ordered.sort_by(|a, b| order(a, b, search));
        for trial in ordered {
            trial_row(html, trial, search);
        }
    });
}

/// The best first: those that came further, then by score, failed ones last.
fn order(a: &TrialLine, b: &TrialLine, search: &SearchResults) -> std::cmp::Ordering {
    let key = |trial: &TrialLine| {
        let worst = if search.is_better_when_larger { f64::NEG_INFINITY } else { f64::INFINITY };
        let score = trial.score().unwrap_or(worst);
        (
            trial.failure().is_some(),
            usize::MAX - trial.rung(),
            if search.is_better_when_larger { -score } else { score },
        )
    };
    let (a_key, b_key) = (key(a), key(b));
    a_key.0.cmp(&b_key.0).then(a_key.1.cmp(&b_key.1)).then(a_key.2.total_cmp(&b_key.2)).then(a.trial.cmp(&b.trial))
}

fn trial_row(html: &mut Html, trial: &TrialLine, search: &SearchResults) {
    let own = if trial.trial == 0 { "as written" } else { "" };
    let best = if trial.trial == search.winner { "best" } else { "" };
    let notes: Vec<&str> =
        [best, own, trial.failure().unwrap_or("")].into_iter().filter(|note| !note.is_empty()).collect();
    let settings: Vec<String> = trial.settings.values().map(setting).collect();
    let (number, reached, epochs) = (trial.trial.to_string(), trial.rung() + 1, count(trial.epochs().into()));
    let (value, rung, time) = (score(trial.score()), reached.to_string(), seconds(trial.seconds()));
    let mut cells = vec![("number", number.as_str())];
    cells.extend(settings.iter().map(|value| ("text", value.as_str())));
    let class = if trial.trial == search.winner { "number strong" } else { "number" };
    let notes = notes.join(", ");
    cells.extend([
        (class, value.as_str()),
        ("number", &rung),
        ("number", &epochs),
        ("number", &time),
        ("text", &notes),
    ]);
    row(html, &cells);
}

fn setting(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => ABSENT.to_owned(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
