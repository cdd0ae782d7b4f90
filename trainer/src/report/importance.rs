//! Which features a task leans on: a bar each.

use model::measure::{Importance, Measure, TaskImportance};
use spec::TaskName;

use super::figure::{details, figure, row, table};
use super::html::Html;
use super::input::Report;
use super::numbers::{count, fixed, measure_words, tick};
use super::plot::{Plot, Range, Size};

const TITLE: &str = "Importance of features";

/// Bars that are drawn.
const MOST_BARS: usize = 20;

/// The picture of a task, in its grid of figures, or why there is none; nothing where no importance was wanted.
pub(super) fn picture(html: &mut Html, report: &Report, task: &TaskName) {
    let Some(importance) = &report.importance else { return };
    if let Some(missing) = &importance.missing {
        return figure(html, TITLE, &format!("Importance of features was not measured: {missing}."), &[], |_| ());
    }
    let Some(of_task) = importance.tasks.get(task) else { return };
    if of_task.features.is_empty() {
        return figure(html, TITLE, &too_few(importance, of_task), &[], |_| ());
    }
    let says = words(importance, of_task);
    let keys = [("model bar", "mean"), ("natural", "± 2 standard errors")];
    figure(html, TITLE, &says, &keys, |html| bars(html, &says, of_task));
}

fn too_few(importance: &Importance, of_task: &TaskImportance) -> String {
    format!(
        "Only {} of the {} rows are of the rarer class (or above zero): too few to tell what the task leans on.",
        count(of_task.rarer),
        count(importance.rows)
    )
}

/// All features as figures, behind a title; nothing where no importance was measured.
pub(super) fn rest(html: &mut Html, report: &Report, task: &TaskName) {
    let of_task = report.importance.as_ref().and_then(|importance| importance.tasks.get(task));
    let Some(of_task) = of_task.filter(|of_task| !of_task.features.is_empty()) else { return };
    details(html, &format!("{TITLE}, as figures"), |html| {
        let head = [("text wide", "feature"), ("number", "worse by"), ("number", "standard error")];
        table(html, "importance", &head, |html| {
            for feature in &of_task.features {
                let (drop, error) = (fixed(feature.drop, 5), fixed(feature.standard_error, 5));
                row(html, &[("text wide", feature.feature.as_str()), ("number", &drop), ("number", &error)]);
            }
        });
    });
}

fn words(importance: &Importance, of_task: &TaskImportance) -> String {
    let measure = of_task.measure.parse::<Measure>().map_or("measure", measure_words);
    let (shown, all) = (of_task.features.len().min(MOST_BARS), of_task.features.len());
    let most =
        if shown < all { format!(" The {shown} of {all} features with the most are shown.") } else { String::new() };
    format!(
        "How much worse the {} rows' {measure} of {} gets when a feature's values are dealt out anew among {} of them, {} times each. \
         Features that say the same share what they are worth.{most}",
        importance.part.name(),
        fixed(of_task.value, 3),
        count(importance.rows),
        importance.repeats,
    )
}

fn bars(html: &mut Html, label: &str, of_task: &TaskImportance) {
    let shown = &of_task.features[..of_task.features.len().min(MOST_BARS)];
    let ends = shown
        .iter()
        .flat_map(|feature| [feature.drop - 2.0 * feature.standard_error, feature.drop + 2.0 * feature.standard_error]);
    let x = Range::from_zero(ends, 4);
    let y = Range { from: 0.0, to: shown.len() as f64, ticks: Vec::new() };
    let size = Size {
        width: 480.0,
        height: 24.0 * shown.len() as f64 + 46.0,
        left: 170.0,
        right: 24.0,
        top: 4.0,
        bottom: 42.0,
    };
    Plot::draw(html, size, (&x, &y), label, |plot| {
        plot.rule("chance", (0.0, 0.0), (0.0, y.to));
        for (index, feature) in shown.iter().enumerate() {
            let middle = y.to - index as f64 - 0.5;
            plot.text("tick end", (size.left - 8.0, plot.y.at(middle) + 4.0), &shortened(feature.feature.as_str()));
            plot.rule("thick", (0.0, middle), (feature.drop, middle));
            let two = 2.0 * feature.standard_error;
            plot.rule("natural thin", (feature.drop - two, middle), (feature.drop + two, middle));
            let hint = format!("{}: {:.5} ± {:.5}", feature.feature, feature.drop, feature.standard_error);
            plot.dot("model", (feature.drop, middle), 3.0, &hint);
        }
        plot.x_axis(&x.ticks, tick, "how much worse the measure gets");
    });
}

/// A name that fits beside its bar.
fn shortened(name: &str) -> String {
    const MOST: usize = 24;
    if name.chars().count() <= MOST { name.to_owned() } else { name.chars().take(MOST - 1).chain(['…']).collect() }
}
