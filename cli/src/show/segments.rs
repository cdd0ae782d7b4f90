//! Who is in a run's segments, as tables.

use serde_json::{Map, Value};

use super::figures::{count, figure};
use super::{Rows, text};

/// Columns of means that a table has room for.
const MEANS: usize = 6;

/// Values told of a segment.
const VALUES: usize = 5;

/// For each way of dividing people, a table of sizes and means, and one of the values that are typical.
pub(crate) fn segments(outcome: &Value) -> Vec<String> {
    let all = outcome.get("segments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    all.iter().map(|profile| segmentation(profile).join("\n")).collect()
}

fn segmentation(profile: &Value) -> Vec<String> {
    let segments = profile.get("segments").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let number = |name: &str| profile.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let basis = match profile.get("columns") {
        Some(columns) if !columns.is_null() => text(columns),
        _ => "the embedding".to_owned(),
    };
    let head = format!(
        "segments {} of {basis}: {} segments, silhouette {:.3}, {:.0} % of the variance between them{}",
        profile.get("name").map_or_else(String::new, text),
        segments.len(),
        number("silhouette"),
        100.0 * number("explained"),
        choices(profile),
    );
    let mut lines = vec![head, sizes(segments)];
    lines.extend(classes(segments));
    lines.extend(typical(segments));
    lines.extend(profile.get("page_url").map(|url| format!("page: {}", text(url))));
    lines
}

/// The silhouettes that a number of segments was chosen by.
fn choices(profile: &Value) -> String {
    let choices = profile.get("choices").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if choices.len() < 2 {
        return String::new();
    }
    let of = |choice: &Value, name: &str| choice.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let told = choices.iter().map(|choice| format!("{}: {:.3}", of(choice, "count"), of(choice, "silhouette")));
    format!("; chosen from {}", told.collect::<Vec<_>>().join(", "))
}

fn sizes(segments: &[Value]) -> String {
    let means = |segment: &Value| -> Vec<(String, Value)> {
        let of = |name: &str| segment.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        [of("scores"), of("means")].into_iter().flat_map(Map::into_iter).take(MEANS).collect()
    };
    let names: Vec<String> = segments
        .first()
        .map(means)
        .unwrap_or_default()
        .into_iter()
        .map(|(name, _)| format!(">{name} (index)"))
        .collect();
    let columns: Vec<&str> =
        [">segment", ">people", ">share"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let mut rows = Rows::new(&columns);
    for segment in segments {
        let of = |name: &str| segment.get(name).map_or_else(String::new, text);
        let share = segment.get("share").and_then(Value::as_f64).map_or_else(String::new, percent);
        let cells = means(segment).into_iter().map(|(_, mean)| mean_and_index(&mean));
        rows.add([of("segment"), of("people"), share].into_iter().chain(cells));
    }
    rows.to_string()
}

fn mean_and_index(mean: &Value) -> String {
    let of = |name: &str| mean.get(name).and_then(Value::as_f64);
    match (of("mean"), of("index")) {
        (Some(mean), Some(index)) => format!("{} ({index:.0})", figure(mean)),
        (Some(mean), None) => figure(mean),
        (None, _) => text(&Value::Null),
    }
}

/// Classes told of a task of a segment.
const CLASSES: usize = 5;

/// The likeliest classes of each segment, by task; nothing without such tasks.
fn classes(segments: &[Value]) -> Option<String> {
    let mut rows = Rows::new(&[">segment", "task", "likeliest classes (index)"]);
    for segment in segments {
        let tasks = segment.get("classes").and_then(Value::as_object);
        for (task, classes) in tasks.into_iter().flatten() {
            let told = classes.as_array().map_or(&[][..], Vec::as_slice).iter().take(CLASSES).map(class);
            let number = segment.get("segment").map_or_else(String::new, text);
            rows.add([number, task.clone(), told.collect::<Vec<_>>().join(", ")]);
        }
    }
    (!rows.is_empty()).then(|| rows.to_string())
}

fn class(class: &Value) -> String {
    let share = class.get("mean").and_then(Value::as_f64).map_or_else(String::new, percent);
    let name = class.get("class").map_or_else(String::new, text);
    match class.get("index").and_then(Value::as_f64) {
        Some(index) => format!("{name} {share} ({index:.0})"),
        None => format!("{name} {share}"),
    }
}

/// The values that segments have more of; nothing where there are none.
fn typical(segments: &[Value]) -> Option<String> {
    let mut rows = Rows::new(&[">segment", "column", "value", ">people", ">share", ">of all", ">TGI", "95 %"]);
    for segment in segments {
        let values = segment.get("typical").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for value in values.iter().take(VALUES) {
            let number = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
            let word = |name: &str| value.get(name).map_or_else(String::new, text);
            rows.add([
                segment.get("segment").map_or_else(String::new, text),
                word("column"),
                word("value"),
                value.get("people").and_then(Value::as_u64).map_or_else(String::new, count),
                percent(number("share")),
                percent(number("population_share")),
                format!("{:.0}", number("tgi")),
                format!("{:.0} to {:.0}", number("low"), number("high")),
            ]);
        }
    }
    (!rows.is_empty()).then(|| rows.to_string())
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn segments_are_shown_with_means_indices_and_typical_values() {
        let segment = |segment: u32, mean: f64, typical: Value| {
            json!({"segment": segment, "people": 1500, "share": 0.25, "distance": 1.0,
                   "scores": {"buy": {"mean": mean, "index": 200.0}}, "means": {"age": {"mean": null, "index": null}},
                   "classes": {"next": [{"class": "tea", "mean": 0.42, "index": 130.4}, {"class": "milk", "mean": 0.0, "index": null}]},
                   "typical": typical})
        };
        let rome = json!([{"column": "city", "value": "Rome", "people": 60, "share": 0.04, "population_share": 0.02,
                           "tgi": 200.0, "low": 150.2, "high": 260.0}]);
        let shown = segments(&json!({"segments": [{
            "name": "life", "people": 6000, "page_url": "file:///w/runs/r/segments/life.html", "silhouette": 0.31, "explained": 0.4,
            "choices": [{"count": 2, "inertia": 3.0, "silhouette": 0.3}, {"count": 3, "inertia": 2.0, "silhouette": 0.31}],
            "segments": [segment(0, 0.3, rome), segment(1, 0.1, json!([]))]}]}))
        .join("\n");
        for words in [
            "segments life of the embedding: 2 segments, silhouette 0.310, 40 %",
            "chosen from 2: 0.300, 3: 0.310",
            "0.3000 (200)",
            "1,500",
            "25.0 %",
            "Rome",
            "150 to 260",
            "tea 42.0 % (130), milk 0.0 %",
            "page: file:///w/runs/r/segments/life.html",
        ] {
            assert!(shown.contains(words), "{words} in\n{shown}");
        }
        assert!(segments(&json!({"audiences": []})).is_empty());
    }
}
