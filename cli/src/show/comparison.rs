//! A model beside others on the same rows.

use serde_json::Value;

use super::figures::figure;
use super::{Rows, text};

/// Each comparison with its figures and a sentence for each task.
pub(crate) fn comparisons(comparisons: &[Value]) -> Vec<String> {
    comparisons.iter().flat_map(comparison).collect()
}

fn comparison(comparison: &Value) -> Vec<String> {
    let of = |name: &str| comparison.get(name).map_or_else(String::new, text);
    let list = |name: &str| comparison.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if comparison.get("missing").is_some_and(|missing| !missing.is_null()) {
        return vec![format!("not compared with {}: {}", of("with"), of("missing"))];
    }
    let fitted = comparison.get("seconds").and_then(Value::as_f64);
    let fitted = fitted.map_or_else(String::new, |seconds| format!(", fitted in {seconds:.1} s"));
    let mut lines = vec![format!("beside {} on the same {} rows{fitted}:", of("with"), of("part"))];
    lines.push(table(list("tasks")).to_string());
    for task in list("tasks") {
        let of = |name: &str| task.get(name).map_or_else(String::new, text);
        lines.push(format!("{}: {}", of("task"), of("says")));
    }
    lines.extend(list("notes").iter().map(|note| format!("note: {}", text(note))));
    lines
}

fn table(tasks: &[Value]) -> Rows {
    let mut rows = Rows::new(&["task", "measure", ">this model", ">other", ">difference", ">95 % interval"]);
    for task in tasks {
        let measures = task.get("measures").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (index, measure) in measures.iter().enumerate() {
            let name = |of: &Value, name: &str| of.get(name).map_or_else(String::new, text);
            let task_once = if index == 0 { name(task, "task") } else { String::new() };
            let number = |name: &str| measure.get(name).and_then(Value::as_f64);
            let value = |name: &str| number(name).map_or_else(|| "–".to_owned(), figure);
            let interval = number("low").zip(number("high"));
            let interval =
                interval.map_or_else(String::new, |(low, high)| format!("{} to {}", signed(low), signed(high)));
            let difference = number("difference").map_or_else(|| "–".to_owned(), signed);
            rows.add([task_once, name(measure, "name"), value("model"), value("other"), difference, interval]);
        }
    }
    rows
}

fn signed(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "+" };
    format!("{sign}{}", figure(number.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_comparison_is_shown_with_its_interval_and_sentence() {
        let shown = comparisons(&[
            json!({
                "with": "the linear baseline", "part": "test", "seconds": 1.25, "notes": [],
                "tasks": [{"task": "repurchase", "finding": "better", "says": "Better than the linear baseline.", "rows": 99,
                    "measures": [
                        {"name": "auc", "model": 0.79, "other": 0.75, "difference": 0.04, "low": 0.02, "high": 0.06},
                        {"name": "ece", "model": 0.011, "other": 0.012, "difference": -0.001},
                    ]}],
            }),
            json!({"with": "version 2 in production", "missing": "the table has no column `tier`", "tasks": [], "notes": []}),
        ])
        .join("\n");
        for words in [
            "beside the linear baseline on the same test rows, fitted in 1.2 s:",
            "+0.0400",
            "+0.0200 to +0.0600",
            "-0.0010",
            "repurchase: Better than the linear baseline.",
            "not compared with version 2 in production: the table has no column `tier`",
        ] {
            assert!(shown.contains(words), "{words} in\n{shown}");
        }
        assert!(shown.lines().all(|line| line.chars().count() < 100), "{shown}");
    }
}
