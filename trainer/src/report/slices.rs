//! A task's measures by the values of columns.

use model::measure::{FEWEST_OF_A_CLASS, Measure, Slice, SlicedColumn, TaskKind, TaskSlices};
use page::figure::table;
use page::html::Html;
use spec::TaskName;

use super::chart::interval_strip;
use super::input::Report;
use super::numbers::{ABSENT, amount, count, fixed, measure, measure_words, percent, plural};

/// Values that are shown of a column.
const MOST_VALUES: usize = 30;

const OF_PROBABILITIES: [Measure; 4] = [Measure::Auc, Measure::LogLoss, Measure::Ece, Measure::LiftTopDecile];
const OF_VALUES: [Measure; 4] = [Measure::NormalizedGini, Measure::Spearman, Measure::Rmse, Measure::Mae];
const OF_CLASSES: [Measure; 4] = [Measure::LogLoss, Measure::Accuracy, Measure::Top3Accuracy, Measure::Mrr];

/// A table for each column; nothing without one.
pub(super) fn section(html: &mut Html, report: &Report, task: &TaskName, kind: TaskKind) {
    for sliced in &report.slices {
        let Some(of_task) = sliced.tasks.get(task).filter(|of_task| of_task.rows > 0) else { continue };
        html.element("h3", &[], |html| {
            html.text("By ");
            html.line("bdi", &[], sliced.column.as_str());
        });
        html.line("p", &[("class", "hint")], &words(sliced, of_task));
        if !of_task.slices.is_empty() {
            values(html, of_task, kind);
        }
    }
}

fn words(sliced: &SlicedColumn, of_task: &TaskSlices) -> String {
    let part = sliced.part.name();
    let mut words = if of_task.rows < of_task.all_rows {
        format!("A random {} of the {} {part} rows", count(of_task.rows), count(of_task.all_rows))
    } else {
        format!("The {} {part} rows", count(of_task.rows))
    };
    words.push_str(&format!(", values with at least {}", plural(sliced.min_rows, "row", "rows")));
    if of_task.slices.len() > MOST_VALUES {
        words.push_str(&format!(": the {MOST_VALUES} largest of {}, all in metrics.json", of_task.slices.len()));
    }
    words.push('.');
    if of_task.left_out_rows > 0 {
        let (values, rows) = (of_task.left_out_values, of_task.left_out_rows);
        let (values, rows) = (plural(values, "value", "values"), plural(rows, "row", "rows"));
        words.push_str(&format!(" Others are left out: {values}, {rows} in all."));
    }
    if of_task.slices.iter().take(MOST_VALUES).any(|slice| slice.is_small) {
        words.push_str(&format!(
            " Few: fewer than {FEWEST_OF_A_CLASS} rows of the rarer class (or above zero), so that the order is chance for the most part."
        ));
    }
    words
}

fn values(html: &mut Html, of_task: &TaskSlices, kind: TaskKind) {
    // What labels and predictions are on average: classes have no mean.
    let (shown, label) = match kind {
        TaskKind::Binary | TaskKind::Lookalike => (OF_PROBABILITIES, Some("rate")),
        TaskKind::Value | TaskKind::Regression => (OF_VALUES, Some("mean")),
        TaskKind::Multiclass => (OF_CLASSES, None),
    };
    let mut head = vec![("text wide", "value"), ("text", ""), ("number", "rows")];
    head.extend(label.into_iter().flat_map(|label| [("number", label), ("number", "mean prediction")]));
    for of in shown {
        head.push(("number", measure_words(of)));
        head.extend((of == Measure::Auc).then_some(("strip", "95\u{a0}% interval")));
    }
    table(html, "slices", &head, |html| {
        for slice in of_task.slices.iter().take(MOST_VALUES) {
            line(html, slice, &shown, kind);
        }
    });
}

fn line(html: &mut Html, slice: &Slice, shown: &[Measure], kind: TaskKind) {
    let means = [slice.mean_label, slice.mean_prediction];
    let means: Vec<Option<String>> = match kind {
        TaskKind::Binary | TaskKind::Lookalike => means.map(|mean| mean.map(percent)).to_vec(),
        TaskKind::Value | TaskKind::Regression => means.map(|mean| mean.map(amount)).to_vec(),
        TaskKind::Multiclass => Vec::new(),
    };
    html.element("tr", &[], |html| {
        html.element("th", &[("scope", "row"), ("class", "text wide")], |html| match &slice.value {
            Some(value) => html.line("bdi", &[], value),
            None => html.line("span", &[("class", "faint")], "no value"),
        });
        html.line("td", &[("class", "text faint")], if slice.is_small { "few" } else { "" });
        number(html, Some(count(slice.rows)));
        means.into_iter().for_each(|mean| number(html, mean));
        for of in shown {
            let value = slice.measures.get(of.name()).copied();
            number(html, value.map(|value| measure(*of, value)));
            if *of == Measure::Auc {
                strip(html, slice, value);
            }
        }
    });
}

fn strip(html: &mut Html, slice: &Slice, auc: Option<f64>) {
    html.element("td", &[("class", "strip")], |html| match (auc, slice.auc_interval) {
        (Some(auc), Some(interval)) if !slice.is_small => {
            let label = format!("AUC {}, {}–{}", fixed(auc, 3), fixed(interval.low, 3), fixed(interval.high, 3));
            interval_strip(html, &label, auc, interval.low, interval.high);
        }
        _ => html.text(ABSENT),
    });
}

fn number(html: &mut Html, text: Option<String>) {
    html.line("td", &[("class", "number")], text.as_deref().unwrap_or(ABSENT));
}
