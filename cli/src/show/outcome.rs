//! What came of a run, as tables. Outcomes are JSON of the workers; what is not there is not shown.

use serde_json::{Map, Value};

use super::comparison::comparisons;
use super::overlap::overlap;
use super::search::search;
use super::segments::segments;
use super::{Rows, count, text};

/// A model version: its aliases, its measures by task and part, its report.
pub(crate) fn training(outcome: &Value) -> String {
    let field = |name: &str| outcome.get(name).filter(|value| !value.is_null());
    let mut lines = Vec::new();
    if let (Some(model), Some(version)) = (field("model"), field("version")) {
        lines.push(format!("model {}@{version}", text(model)));
    }
    if let Some(aliases) = field("aliases").and_then(Value::as_array).filter(|aliases| !aliases.is_empty()) {
        lines.push(format!("aliases: {}", aliases.iter().map(text).collect::<Vec<_>>().join(", ")));
    }
    if let Some(measures) = field("measures").and_then(Value::as_object) {
        lines.extend(measure_tables(measures));
    }
    let compared = field("comparisons").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    lines.extend(comparisons(compared));
    lines.extend(field("search").map(search).unwrap_or_default());
    let notes = field("notes").and_then(Value::as_array).into_iter().flatten();
    lines.extend(notes.map(|note| format!("note: {}", text(note))));
    lines.extend(field("report_url").map(|url| format!("report: {}", text(url))));
    lines.join("\n")
}

/// One table for the tasks that have the same measures: `{task: {part: {measure: value}}}`.
fn measure_tables(measures: &Map<String, Value>) -> Vec<String> {
    let mut groups: Vec<(Vec<String>, Vec<&str>)> = Vec::new();
    for (task, parts) in measures {
        let names = measure_names(parts);
        match groups.iter_mut().find(|(group, _)| *group == names) {
            Some((_, tasks)) => tasks.push(task),
            None => groups.push((names, vec![task])),
        }
    }
    groups.iter().map(|(names, tasks)| measure_table(measures, names, tasks)).collect()
}

fn measure_names(parts: &Value) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let measured = parts.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object);
    for name in measured.flat_map(Map::keys) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// Measures that fit beside each other on a terminal.
const MOST_COLUMNS: usize = 8;

type Measures = Map<String, Value>;

fn measure_table(measures: &Measures, names: &[String], tasks: &[&str]) -> String {
    if names.len() <= MOST_COLUMNS { beside(measures, names, tasks) } else { below(measures, names, tasks) }
}

/// A row for each part of a task, a column for each measure.
fn beside(measures: &Measures, names: &[String], tasks: &[&str]) -> String {
    let columns: Vec<String> = names.iter().map(|name| format!(">{name}")).collect();
    let columns: Vec<&str> = ["task", "part"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let mut rows = Rows::new(&columns);
    for task in tasks {
        for (part, measured) in of_task(measures, task).into_iter().flatten() {
            let values = names.iter().map(|name| cell(Some(measured), name));
            rows.add([(*task).to_owned(), part.clone()].into_iter().chain(values));
        }
    }
    rows.to_string()
}

/// A row for each measure of a task, a column for each part.
fn below(measures: &Measures, names: &[String], tasks: &[&str]) -> String {
    let mut parts: Vec<&String> = Vec::new();
    for part in tasks.iter().filter_map(|task| of_task(measures, task)).flat_map(Map::keys) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let columns: Vec<String> = parts.iter().map(|part| format!(">{part}")).collect();
    let columns: Vec<&str> = ["task", "measure"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let mut rows = Rows::new(&columns);
    for task in tasks {
        for (index, name) in names.iter().enumerate() {
            let task_once = if index == 0 { (*task).to_owned() } else { String::new() };
            let values = parts.iter().map(|part| cell(of_task(measures, task).and_then(|of| of.get(*part)), name));
            rows.add([task_once, name.clone()].into_iter().chain(values));
        }
    }
    rows.to_string()
}

fn of_task<'a>(measures: &'a Measures, task: &str) -> Option<&'a Measures> {
    measures.get(task).and_then(Value::as_object)
}

fn cell(measured: Option<&Value>, name: &str) -> String {
    measured.and_then(|measured| measured.get(name)).map_or_else(String::new, text)
}

/// The audiences of a publication, each with its waterfall and tiers, the segments and the score table.
pub(crate) fn publication(outcome: &Value) -> String {
    let audiences = outcome.get("audiences").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut blocks: Vec<String> = audiences.iter().map(audience).collect();
    blocks.extend(overlap(outcome));
    blocks.extend(segments(outcome));
    let neighbours = outcome.get("neighbours").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    blocks.extend(neighbours.iter().map(neighbours_line));
    blocks.extend(outcome.get("items").map(items_line));
    let left_out = outcome.get("quarantined").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if !left_out.is_empty() {
        let reasons =
            left_out.iter().map(|item| format!("left out: {}", item.get("reason").map_or_else(String::new, text)));
        blocks.push(reasons.collect::<Vec<_>>().join("\n"));
    }
    if let Some(scores) = outcome.get("scores").filter(|scores| scores.is_object()) {
        let of = |name: &str| scores.get(name).map_or_else(String::new, text);
        let mut line = format!("scores: {} rows", of("rows"));
        if let Some(rate) = scores.get("rows_per_second").and_then(Value::as_f64).filter(|rate| *rate > 0.0) {
            line.push_str(&format!(" at {} rows/s a process", count(rate.round() as u64)));
        }
        blocks.push(format!("{line}, {}", of("url")));
    }
    blocks.join("\n\n")
}

fn neighbours_line(table: &Value) -> String {
    let of = |name: &str| table.get(name).map_or_else(String::new, text);
    format!("neighbours {}: {} people, {} rows, {}", of("name"), of("people"), of("rows"), of("url"))
}

fn items_line(items: &Value) -> String {
    let of = |name: &str| items.get(name).map_or_else(String::new, text);
    format!("embeddings of items {}: {} rows, {}", of("table"), of("rows"), of("url"))
}

fn audience(audience: &Value) -> String {
    let of = |name: &str| audience.get(name).map_or_else(String::new, text);
    let list = |name: &str| audience.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_published = audience.get("published").and_then(Value::as_bool).unwrap_or(false);
    let mut lines = vec![if is_published {
        format!("audience {}, version {}: {} people", of("name"), of("version"), of("size"))
    } else {
        format!("audience {} was held back, nothing of it is published: {} people", of("name"), of("size"))
    }];
    lines.extend(list("held_back").iter().map(|reason| format!("  {}", text(reason))));
    let held_version = audience.get("held_version").filter(|version| !version.is_null());
    lines.extend(held_version.map(|version| {
        format!(
            "  it is version {}: `kindred audiences release {} --reason TEXT` publishes it",
            text(version),
            of("name")
        )
    }));
    let table = |columns: &[&str], fields: [&str; 3], values: &[Value]| {
        let mut rows = Rows::new(columns);
        for value in values {
            rows.add(fields.map(|field| value.get(field).map_or_else(String::new, text)));
        }
        (!rows.is_empty()).then(|| rows.to_string())
    };
    let steps = ["step", "left_out", "remaining"];
    lines.extend(table(&["step", ">left out", ">remaining"], steps, list("waterfall")));
    let tiers = ["name", "rows", "holdout_rows"];
    lines.extend(table(&["tier", ">people", ">held out"], tiers, list("tiers")));
    lines.extend(
        audience.get("manifest_url").filter(|url| !url.is_null()).map(|url| format!("manifest: {}", text(url))),
    );
    lines.extend(audience.get("report_url").map(|url| format!("report: {}", text(url))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_model_is_shown_with_its_measures_by_task_and_part() {
        let outcome = json!({
            "model": "repurchase", "version": 3, "aliases": ["candidate"], "report_url": "file:///w/report.html",
            "measures": {
                "repurchase": {"train": {"auc": 0.81, "ece": 0.0123}, "test": {"auc": 0.79, "ece": 0.0199}},
                "spend": {"test": {"rmse": 36.789}},
            },
            "notes": ["stopped after epoch 7"],
        });
        let text = training(&outcome);
        for words in ["model repurchase@3", "aliases: candidate", "0.7900", "36.79", "note: stopped", "report: file"] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
        let row = text.lines().find(|line| line.contains("test") && line.contains("repurchase")).unwrap();
        assert!(row.contains("0.7900") && row.contains("0.0199"), "{text}");
    }

    #[test]
    fn many_measures_stand_below_each_other() {
        let many: Map<String, Value> = (0..12).map(|number| (format!("measure_{number}"), json!(0.5))).collect();
        let outcome = json!({"measures": {"repurchase": {"train": many, "test": many}}});
        let text = training(&outcome);
        assert!(text.lines().all(|line| line.chars().count() < 80), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("measure_")).count(), 12);
    }

    #[test]
    fn an_audience_is_shown_with_its_waterfall_and_tiers() {
        let outcome = json!({
            "audiences": [
                {"name": "buyers", "version": 2, "published": true, "held_back": [], "size": 1000,
                 "tiers": [{"name": "high", "rows": 180, "holdout_rows": 20}],
                 "waterfall": [{"step": "population", "left_out": 0, "remaining": 23570},
                               {"step": "where", "left_out": 3570, "remaining": 20000}],
                 "manifest_url": "file:///w/manifest.json", "report_url": "file:///w/report.html"},
                {"name": "churners", "version": null, "published": false, "size": 9, "tiers": [], "waterfall": [],
                 "held_back": ["min_size: 9 people, 10 are needed"], "manifest_url": null},
            ],
            "scores": {"rows": 23570, "rows_per_second": 81234.5, "url": "file:///w/scores.json"},
        });
        let text = publication(&outcome);
        for words in [
            "audience buyers, version 2: 1,000 people",
            "20,000",
            "manifest: file:///w/manifest.json",
            "report: file:///w/report.html",
            "audience churners was held back",
            "  min_size: 9 people",
            "scores: 23,570 rows at 81,235 rows/s a process, file:///w/scores.json",
        ] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
        assert!(!text.contains('–'), "nothing is shown for what is not there\n{text}");
    }
}
