//! The table of a task's measures on all three parts.

use model::measure::{BinaryMetrics, ClassMetrics, GroupedMetrics, Measure, Part, PartMetrics, TaskKind, TaskMetrics};
use page::figure::table;
use page::html::Html;

use super::numbers::{ABSENT, amount, count, measure, measure_words, percent, plural, times};

/// Rows are measures, columns are parts.
pub(super) fn measures(html: &mut Html, metrics: &TaskMetrics) {
    let head =
        [("text", "measure"), ("text way", ""), ("number", "train"), ("number", "validation"), ("number", "test")];
    table(html, "measures", &head, |html| {
        line(html, "rows", "", |part| Some(count(metrics.part(part)?.rows())));
        described(html, metrics);
        for name in metrics.kind.measures() {
            measure_line(html, metrics, *name);
            if *name == Measure::Auc && Part::ALL.iter().any(|part| grouped(metrics, *part).is_some()) {
                measure_line(html, metrics, Measure::GroupedAuc);
            }
        }
    });
    if let Some(note) = groups_note(metrics) {
        html.line("p", &[("class", "hint")], &note);
    }
    if let Some(note) = rounding_note(metrics) {
        html.line("p", &[("class", "hint")], &note);
    }
}

/// What the rows are like, before any measure.
fn described(html: &mut Html, metrics: &TaskMetrics) {
    let of = |part: Part| metrics.part(part);
    if metrics.kind == TaskKind::Multiclass {
        line(html, "classes", "", |part| classes(of(part)?).map(|metrics| count(metrics.classes)));
        line(html, "of no class of their own", "", |part| classes(of(part)?)?.other_rate.map(percent));
        return;
    }
    let is_probability = Part::ALL.into_iter().filter_map(of).any(|part| matches!(part, PartMetrics::Probabilities(_)));
    if is_probability {
        line(html, "positives", "", |part| probabilities(of(part)?).map(|metrics| count(metrics.positives)));
        line(html, "natural rate", "", |part| probabilities(of(part)?)?.rate.map(percent));
        line(html, "mean prediction", "near the rate", |part| probabilities(of(part)?)?.mean_score.map(percent));
    } else {
        line(html, "above zero", "", |part| match of(part)? {
            PartMetrics::Values(metrics) => Some(count(metrics.positives)),
            PartMetrics::Probabilities(_) | PartMetrics::Classes(_) => None,
        });
        line(html, "mean", "", |part| match of(part)? {
            PartMetrics::Values(metrics) => metrics.mean_actual.map(amount),
            PartMetrics::Probabilities(_) | PartMetrics::Classes(_) => None,
        });
        line(html, "mean prediction", "near the mean", |part| match of(part)? {
            PartMetrics::Values(metrics) => metrics.mean_predicted.map(amount),
            PartMetrics::Probabilities(_) | PartMetrics::Classes(_) => None,
        });
    }
}

fn probabilities(metrics: &PartMetrics) -> Option<&BinaryMetrics> {
    match metrics {
        PartMetrics::Probabilities(metrics) => Some(metrics),
        PartMetrics::Values(_) | PartMetrics::Classes(_) => None,
    }
}

fn classes(metrics: &PartMetrics) -> Option<&ClassMetrics> {
    match metrics {
        PartMetrics::Classes(metrics) => Some(metrics),
        PartMetrics::Probabilities(_) | PartMetrics::Values(_) => None,
    }
}

fn measure_line(html: &mut Html, metrics: &TaskMetrics, of: Measure) {
    let way = if of.is_better_when_larger() { "higher is better" } else { "lower is better" };
    html.element("tr", &[], |html| {
        html.line("th", &[("scope", "row"), ("class", "text")], measure_words(of));
        html.line("td", &[("class", "text faint way")], way);
        for part in Part::ALL {
            let class = if part == Part::Test { "number strong" } else { "number" };
            html.element("td", &[("class", class)], |html| {
                let value = metrics.part(part).and_then(|metrics| metrics.measure(of.name()));
                html.text(&value.map_or_else(|| ABSENT.to_owned(), |value| measure(of, value)));
                for note in metrics.part(part).map(|metrics| beside(metrics, of)).unwrap_or_default() {
                    html.line("small", &[], &note);
                }
            });
        }
    });
}

fn grouped(metrics: &TaskMetrics, part: Part) -> Option<&GroupedMetrics> {
    probabilities(metrics.part(part)?)?.grouped.as_ref()
}

/// What the groups of the rows that judge the model are, and which are left out.
fn groups_note(metrics: &TaskMetrics) -> Option<String> {
    let judging = [Part::Test, Part::Validation].into_iter();
    let (part, grouped) = judging.filter_map(|part| Some((part, grouped(metrics, part)?))).next()?;
    let rows = plural(grouped.one_class_rows, "row", "rows");
    let mut note = format!(
        "Groups are the values of {}: each group's AUC, weighted by its rows. Of the {} rows, {} count; left out {} of one class ({rows}) and {} without a group.",
        grouped.column,
        part.name(),
        plural(grouped.groups, "group", "groups"),
        plural(grouped.one_class_groups, "group", "groups"),
        plural(grouped.rows_without_group, "row", "rows"),
    );
    if grouped.rows < grouped.all_rows {
        note.push_str(&format!(" A random {} of {} rows were measured.", count(grouped.rows), count(grouped.all_rows)));
    }
    Some(note)
}

/// A measure's interval, and what it was before calibration or would be by chance.
fn beside(metrics: &PartMetrics, of: Measure) -> Vec<String> {
    let interval = metrics.interval(of);
    let interval = interval.map(|found| format!("{}–{}", measure(of, found.low), measure(of, found.high)));
    interval.into_iter().chain(notes(metrics, of)).collect()
}

fn notes(metrics: &PartMetrics, of: Measure) -> Vec<String> {
    if let Some(metrics) = classes(metrics) {
        return notes_of_classes(metrics, of);
    }
    let Some(metrics) = probabilities(metrics) else { return Vec::new() };
    let before = |value: Option<f64>| value.map(|value| format!("before {}", measure(of, value)));
    let raw = metrics.uncalibrated.as_ref();
    let notes = match of {
        Measure::GroupedAuc => {
            [metrics.grouped.as_ref().map(|grouped| plural(grouped.groups, "group", "groups")), None]
        }
        Measure::RecallAt(top) => {
            let lift = metrics.get(of).map(|recall| format!("{} random", times(recall / top.share())));
            [lift, None]
        }
        Measure::Ece => {
            let by_chance = metrics.ece_by_chance.map(|by_chance| format!("by chance {}", measure(of, by_chance)));
            [by_chance, before(raw.and_then(|raw| raw.ece))]
        }
        Measure::LogLoss => [before(raw.and_then(|raw| raw.log_loss)), None],
        Measure::Brier => [before(raw.and_then(|raw| raw.brier)), None],
        Measure::Auc
        | Measure::Loss
        | Measure::PrAuc
        | Measure::NormalizedEntropy
        | Measure::Ks
        | Measure::Gini
        | Measure::LiftTopDecile
        | Measure::PrecisionAt(_)
        | Measure::Accuracy
        | Measure::Top3Accuracy
        | Measure::Top5Accuracy
        | Measure::Mrr
        | Measure::Rmse
        | Measure::Mae
        | Measure::Spearman
        | Measure::NormalizedGini => [None, None],
    };
    notes.into_iter().flatten().collect()
}

/// What the classes' frequencies alone reach, and what it was before calibration.
fn notes_of_classes(metrics: &ClassMetrics, of: Measure) -> Vec<String> {
    let majority = metrics.majority.get(of).map(|value| format!("by frequency {}", measure(of, value)));
    let raw = metrics.uncalibrated.as_ref();
    let before = match of {
        Measure::LogLoss => raw.and_then(|raw| raw.log_loss),
        Measure::Ece => raw.and_then(|raw| raw.ece),
        _ => None,
    };
    let by_chance = metrics.ece_by_chance.filter(|_| of == Measure::Ece);
    let by_chance = by_chance.map(|by_chance| format!("by chance {}", measure(of, by_chance)));
    let before = before.map(|before| format!("before {}", measure(of, before)));
    [majority, by_chance, before].into_iter().flatten().collect()
}

fn line(html: &mut Html, name: &str, hint: &str, figure: impl Fn(Part) -> Option<String>) {
    html.element("tr", &[("class", "described")], |html| {
        html.line("th", &[("scope", "row"), ("class", "text")], name);
        html.line("td", &[("class", "text faint way")], hint);
        for part in Part::ALL {
            html.line("td", &[("class", "number")], figure(part).as_deref().unwrap_or(ABSENT));
        }
    });
}

fn rounding_note(metrics: &TaskMetrics) -> Option<String> {
    let errors = Part::ALL.into_iter().filter_map(|part| metrics.part(part)).flat_map(|metrics| match metrics {
        PartMetrics::Probabilities(metrics) => metrics.rounding.values().copied().collect::<Vec<_>>(),
        PartMetrics::Values(metrics) => metrics.rounding.values().copied().collect(),
        PartMetrics::Classes(_) => Vec::new(),
    });
    let most = errors.fold(0.0, f64::max);
    (most > 0.0).then(|| {
        format!("More than a million rows were measured in cells of nearly equal predictions; no figure is off by more than {most:.1e} for that.")
    })
}
