//! The best trials of a search.

use serde_json::{Map, Value};

use super::{Rows, count, text};

/// Trials that are shown; the report has all.
const MOST: usize = 10;

/// What decided, and the trials in its order: those that were trained longest first.
pub(super) fn search(search: &Value) -> Vec<String> {
    let trials = list(search, "trials");
    let (Some(objective), false) = (search.get("objective"), trials.is_empty()) else { return Vec::new() };
    let seconds = search.get("seconds").map(text).unwrap_or_default();
    let method = search.get("method").map(text).unwrap_or_default();
    let failed = trials.iter().filter(|trial| failure(trial).is_some()).count();
    let failures = if failed > 0 { format!(", {failed} of them failed") } else { String::new() };
    let head = format!(
        "{method} by {} on the validation rows: {} trials{failures}, {seconds} s of training",
        text(objective),
        count(trials.len() as u64),
    );
    vec![head, table(search, trials).to_string()]
}

fn table(search: &Value, trials: &[Value]) -> Rows {
    let is_larger_better = search.get("is_better_when_larger").and_then(Value::as_bool).unwrap_or(true);
    let winner = search.get("winner").and_then(Value::as_u64);
    let mut ordered: Vec<&Value> = trials.iter().filter(|trial| failure(trial).is_none()).collect();
    let key = |trial: &Value| {
        let score = last(trial, "score").and_then(Value::as_f64);
        let sign = if is_larger_better { -1.0 } else { 1.0 };
        (
            std::cmp::Reverse(last(trial, "rung").and_then(Value::as_u64)),
            score.map_or(f64::INFINITY, |score| sign * score),
        )
    };
    ordered.sort_by(|a, b| {
        let ((a_rung, a_score), (b_rung, b_score)) = (key(a), key(b));
        a_rung.cmp(&b_rung).then(a_score.total_cmp(&b_score))
    });
    let objective = format!(">{}", search.get("objective").map(text).unwrap_or_default());
    let mut rows = Rows::new(&["trial", &objective, ">epochs", ">seconds", "settings"]);
    for trial in ordered.into_iter().take(MOST) {
        let number = trial.get("trial").and_then(Value::as_u64);
        let mark = if number == winner { " (best)" } else { "" };
        let own = if number == Some(0) { " (as written)" } else { "" };
        let sum =
            |name| list(trial, "trainings").iter().filter_map(|training| training.get(name)?.as_f64()).sum::<f64>();
        rows.add([
            format!("{}{own}{mark}", trial.get("trial").map(text).unwrap_or_default()),
            last(trial, "score").map(text).unwrap_or_default(),
            count(sum("epochs") as u64),
            format!("{:.1}", sum("seconds")),
            settings(trial.get("settings").and_then(Value::as_object)),
        ]);
    }
    rows
}

fn settings(settings: Option<&Map<String, Value>>) -> String {
    let pairs = settings.into_iter().flatten().map(|(path, value)| match value {
        Value::Null => format!("{path} –"),
        Value::String(text) => format!("{path} {text}"),
        value => format!("{path} {value}"),
    });
    pairs.collect::<Vec<_>>().join(", ")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice)
}

/// A figure of a trial's last training.
fn last<'a>(trial: &'a Value, name: &str) -> Option<&'a Value> {
    list(trial, "trainings").last()?.get(name).filter(|value| !value.is_null())
}

fn failure(trial: &Value) -> Option<&Value> {
    list(trial, "trainings").iter().find_map(|training| training.get("failure").filter(|failure| !failure.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn trial(number: u64, rungs: &[(f64, u64)], failure: Option<&str>) -> Value {
        let training = |(rung, (score, epochs)): (usize, &(f64, u64))| {
            json!({"rung": rung, "score": if failure.is_some() { Value::Null } else { json!(score) }, "epochs": epochs,
                   "seconds": 1.5, "failure": failure})
        };
        let trainings: Vec<Value> = rungs.iter().enumerate().map(training).collect();
        json!({"trial": number, "settings": {"network.dropout": 0.125, "training.clip_norm": null}, "trainings": trainings})
    }

    #[test]
    fn trials_that_were_trained_longest_come_first_and_failed_ones_are_counted() {
        let shown = search(&json!({
            "method": "successive halving", "objective": "buy.auc", "is_better_when_larger": true, "winner": 2,
            "seconds": 7.25, "trials": [
                trial(0, &[(0.9, 2)], None), trial(1, &[(0.5, 0)], Some("the loss is NaN")),
                trial(2, &[(0.7, 2), (0.8, 6)], None), trial(3, &[(0.95, 2)], None)],
        }));
        assert!(shown[0].contains("4 trials, 1 of them failed"), "{}", shown[0]);
        let lines: Vec<&str> = shown[1].lines().skip(2).collect();
        let starts: Vec<&str> = lines.iter().map(|line| line.trim_start().split("  ").next().unwrap()).collect();
        assert_eq!(starts, ["2 (best)", "3", "0 (as written)"], "{}", shown[1]);
        assert!(lines[0].contains("0.8000") && lines[0].contains(" 8 ") && lines[0].contains("3.0"), "{}", lines[0]);
        assert!(lines[0].contains("network.dropout 0.125, training.clip_norm –"), "{}", lines[0]);
    }
}
