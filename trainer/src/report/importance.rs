//! Which features a task leans on: a bar each.

use model::measure::{FeatureImportance, Importance, Measure, TaskImportance};
use page::bars::{Bar, bars};
use page::figure::{details, figure, row, table};
use page::html::Html;
use spec::TaskName;

use super::input::Report;
use super::numbers::{count, fixed, measure_words};

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
    figure(html, TITLE, &says, &keys, |html| {
        bars(html, &says, &bars_of(of_task), 0.0, "how much worse the measure gets");
    });
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

fn bars_of(of_task: &TaskImportance) -> Vec<Bar> {
    let bar = |feature: &FeatureImportance| Bar {
        name: feature.feature.to_string(),
        value: feature.drop,
        interval: (feature.drop - 2.0 * feature.standard_error, feature.drop + 2.0 * feature.standard_error),
        hint: format!("{}: {:.5} ± {:.5}", feature.feature, feature.drop, feature.standard_error),
    };
    of_task.features.iter().take(MOST_BARS).map(bar).collect()
}
