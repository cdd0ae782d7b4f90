//! Runs of a coordinator.

use proto::api::v1;
use serde_json::{Value, json};

use super::submissions::{failure, some};
use super::{Rows, count, publication, times, training};
use crate::failure::explained;

/// A run as `--output json` has it.
pub(crate) fn json(run: &v1::Run) -> Value {
    let held_back = run.held_back.iter().map(|held| json!({"audience": some(&held.audience), "reasons": held.reasons}));
    json!({
        "run": run.id,
        "kind": run.kind().word(),
        "name": run.name,
        "state": run.state().word(),
        "stage": stage(run),
        "units_done": run.units_done,
        "units": run.units,
        "failed_attempts": run.failed_attempts,
        "generation": run.generation,
        "epoch": run.epoch,
        "waits_for": run.waits_for,
        "failure": run.failure.as_ref().map(failure),
        "held_back": held_back.collect::<Value>(),
        "outcome": parsed(&run.outcome_json),
        "owner": some(&run.owner),
        "submission": some(&run.submission_id),
        "run_date": run.run_date,
        "document": parsed(&run.document_json),
        "started": some(&times::text(run.start_time.as_ref())),
        "changed": some(&times::text(run.update_time.as_ref())),
        "cancelled_by": some(&run.cancelled_by),
    })
}

/// JSON within an answer; null for what is none.
fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

fn stage(run: &v1::Run) -> Option<&'static str> {
    proto::Stage::try_from(run.stage()).ok().map(proto::Stage::as_str)
}

/// Runs, a line each.
pub(crate) fn table(runs: &[v1::Run]) -> String {
    if runs.is_empty() {
        return "no runs".to_owned();
    }
    let mut rows = Rows::new(&["run", "kind", "state", "progress", "owner", "started"]);
    for run in runs {
        let state = run.state().word().replace('_', " ");
        let owner = run.owner.clone();
        rows.add([
            run.id.clone(),
            run.kind().word().to_owned(),
            state,
            progress(run),
            owner,
            times::text(run.start_time.as_ref()),
        ]);
    }
    rows.to_string()
}

/// The stage, and how far it is.
fn progress(run: &v1::Run) -> String {
    let stage = stage(run).unwrap_or_default();
    match run.units {
        0 => stage.to_owned(),
        units => format!("{stage} {} of {}", count(run.units_done), count(units)),
    }
}

/// Everything about a run but its document.
pub(crate) fn whole(run: &v1::Run) -> String {
    let mut lines = vec![format!("run {}: {}", run.id, run.state().word().replace('_', " "))];
    let owner = if run.owner.is_empty() { String::new() } else { format!(", owner {}", run.owner) };
    let submission =
        if run.submission_id.is_empty() { String::new() } else { format!(", submission {}", run.submission_id) };
    lines.push(format!("{} {}, for {}{owner}{submission}", run.kind().word(), run.name, run.run_date));
    lines.push(format!(
        "stage {}, {} launches, {} failed tries, started {}",
        progress(run),
        run.generation,
        run.failed_attempts,
        times::text(run.start_time.as_ref())
    ));
    lines.extend(run.waits_for.iter().map(|line| format!("waits: {line}")));
    if let Some(failure) = &run.failure {
        let subject = crate::progress::subject_of(failure);
        lines.push(explained(&format!("{subject}: {}", failure.message), failure.causes.iter().cloned()));
    }
    let outcome = parsed(&run.outcome_json);
    lines.push(match run.kind() {
        v1::Kind::Scoring => publication(&outcome),
        v1::Kind::Training | v1::Kind::Search | v1::Kind::Unspecified => training(&outcome),
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> v1::Run {
        v1::Run {
            id: "nightly-0123".to_owned(),
            kind: v1::Kind::Scoring.into(),
            name: "nightly".to_owned(),
            state: v1::State::Running.into(),
            stage: v1::Stage::Score.into(),
            units_done: 1500,
            units: 10_000,
            outcome_json: String::new(),
            document_json: r#"{"kind": "Scoring"}"#.to_owned(),
            ..v1::Run::default()
        }
    }

    #[test]
    fn a_run_says_how_far_it_is() {
        let text = whole(&run());
        assert!(text.contains("run nightly-0123: running") && text.contains("score 1,500 of 10,000"), "{text}");
        assert!(table(&[run()]).contains("score 1,500 of 10,000"));
    }

    #[test]
    fn a_run_s_document_and_outcome_are_json_for_scripts() {
        let value = json(&run());
        assert_eq!(value["document"]["kind"], "Scoring");
        assert_eq!((value["outcome"].is_null(), value["stage"].as_str()), (true, Some("score")));
    }
}
