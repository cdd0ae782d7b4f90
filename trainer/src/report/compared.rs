//! The model beside others on the same rows: a sentence for each, and a table of both models' measures.

use model::measure::{ComparedModel, Comparison, Difference, Finding, Measure, PairedMetrics};
use page::figure::table;
use page::html::Html;
use spec::TaskName;

use super::input::Report;
use super::numbers::{ABSENT, amount, count, fixed, measure, measure_words, percent, plural};
use super::verdict::Tone;

/// What a comparison says of a task, and how it is meant.
pub(super) fn sentence(comparison: &Comparison, metrics: &PairedMetrics) -> (Tone, String) {
    let (with, part) = (comparison.with.words(), comparison.part.name());
    match metrics.finding() {
        Finding::Better => (Tone::Good, format!("Better than {with}, beyond noise: {part} {}.", figures(metrics))),
        Finding::Worse => (Tone::Bad, format!("Worse than {with}, beyond noise: {part} {}.", figures(metrics))),
        Finding::Same => (Tone::Plain, format!("Orders the {part} rows exactly as {with} does.")),
        Finding::CannotTell => {
            let rows = plural(metrics.rows, &format!("{part} row"), &format!("{part} rows"));
            let figures = figures(metrics);
            let tone = match comparison.with {
                ComparedModel::LinearBaseline { .. } => Tone::Caution,
                ComparedModel::Production { .. } => Tone::Plain,
            };
            (tone, format!("Cannot be told from {with} by these {rows}, which does not make them equal: {figures}."))
        }
        Finding::TooFewRows => {
            let rows = plural(metrics.rarer, "row", "rows");
            (Tone::Caution, format!("Too few {part} rows to compare with {with}: {rows} of the rarer kind."))
        }
        Finding::Undefined => {
            (Tone::Caution, format!("The {part} rows cannot tell it from {with}: all labels are alike."))
        }
    }
}

/// `AUC 0.781 against 0.745, +0.036 (95 % interval +0.021 to +0.051)`
fn figures(metrics: &PairedMetrics) -> String {
    let Some((leading, Difference { model, other, difference, interval })) = metrics.leading() else {
        return String::new();
    };
    let value = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |value| measure(leading, value));
    let by = difference.map_or_else(String::new, |difference| format!(", {}", signed(leading, difference)));
    let interval = interval.map_or_else(String::new, |interval| {
        format!(" (95\u{a0}% interval {} to {})", signed(leading, interval.low), signed(leading, interval.high))
    });
    format!("{} {} against {}{by}{interval}", measure_words(leading), value(model), value(other))
}

/// A difference of measures with its sign.
fn signed(of: Measure, difference: f64) -> String {
    let size = difference.abs();
    let size = match of {
        Measure::PrecisionAt(_)
        | Measure::RecallAt(_)
        | Measure::Accuracy
        | Measure::Top3Accuracy
        | Measure::Top5Accuracy => percent(size),
        Measure::Rmse | Measure::Mae => amount(size),
        Measure::LiftTopDecile => measure(of, size),
        Measure::Loss
        | Measure::Auc
        | Measure::GroupedAuc
        | Measure::PrAuc
        | Measure::LogLoss
        | Measure::NormalizedEntropy
        | Measure::Brier
        | Measure::Ece
        | Measure::Ks
        | Measure::Gini
        | Measure::Mrr
        | Measure::Spearman
        | Measure::NormalizedGini => fixed(size, 4),
    };
    format!("{}{size}", if difference < 0.0 { "−" } else { "+" })
}

/// The sentences that are of no task: what could not be compared, and what must be known of what was.
pub(super) fn remarks(comparison: &Comparison) -> Vec<(Tone, String)> {
    let with = comparison.with.words();
    let missing = comparison.missing.iter().map(|why| (Tone::Caution, format!("Not compared with {with}: {why}.")));
    let notes = comparison.notes.iter().map(|note| (Tone::Plain, format!("Compared with {with}: {note}.")));
    missing.chain(notes).collect()
}

/// Both models' measures of a task, a column pair for each comparison; nothing without one.
pub(super) fn section(html: &mut Html, report: &Report, task: &TaskName) {
    let comparisons = report.comparisons.iter();
    let compared: Vec<(&Comparison, &PairedMetrics)> = comparisons
        .filter_map(|comparison| {
            let metrics = comparison.tasks.get(task).filter(|metrics| metrics.rows > 0)?;
            Some((comparison, metrics))
        })
        .collect();
    let Some((first, metrics)) = compared.first() else { return };
    html.line("h3", &[], "Beside others on the same rows");
    html.line("p", &[("class", "hint")], &rows_words(first, metrics));
    let names: Vec<String> = compared.iter().map(|(comparison, _)| comparison.with.words()).collect();
    let mut head = vec![("text", "measure"), ("text way", ""), ("number", "this model")];
    for name in &names {
        head.extend([("number", name.as_str()), ("number", "difference")]);
    }
    table(html, "compared", &head, |html| {
        for name in metrics.measures.keys() {
            line(html, name, &compared);
        }
    });
}

fn rows_words(comparison: &Comparison, metrics: &PairedMetrics) -> String {
    let (rows, part) = (count(metrics.rows), comparison.part.name());
    let rows = if metrics.rows < metrics.all_rows {
        format!("a random {rows} of the {} {part} rows", count(metrics.all_rows))
    } else {
        format!("the {rows} {part} rows")
    };
    format!(
        "On {rows}; beneath a difference its 95\u{a0}% interval, which takes into account that the rows are the same."
    )
}

fn line(html: &mut Html, name: &str, compared: &[(&Comparison, &PairedMetrics)]) {
    let Ok(of) = name.parse::<Measure>() else { return };
    let way = if of.is_better_when_larger() { "higher is better" } else { "lower is better" };
    let value = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), |value| measure(of, value));
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text")], measure_words(of));
        html.line("td", &[("class", "text faint way")], way);
        for (index, (_, metrics)) in compared.iter().enumerate() {
            let difference = metrics.measures.get(name);
            if index == 0 {
                html.line("td", &[("class", "number strong")], &value(difference.and_then(|values| values.model)));
            }
            html.line("td", &[("class", "number")], &value(difference.and_then(|values| values.other)));
            html.element("td", &[("class", "number")], |html| difference_cell(html, of, difference));
        }
    });
}

fn difference_cell(html: &mut Html, of: Measure, difference: Option<&Difference>) {
    let Some((values, difference)) = difference.and_then(|values| Some((values, values.difference?))) else {
        return html.text(ABSENT);
    };
    html.text(&signed(of, difference));
    if let Some(interval) = values.interval {
        html.line("small", &[], &format!("{} to {}", signed(of, interval.low), signed(of, interval.high)));
    }
}
