//! Runs.

use proto::api::{timestamp, v1};
use serde_json::Value;

use super::{waits, words};
use crate::house::RunView;

/// A run; its document as well where `is_whole`.
pub(in crate::api) fn run(view: &RunView, is_whole: bool) -> v1::Run {
    let units = view.units.unwrap_or_default();
    let text = |name: Option<String>| name.unwrap_or_default();
    v1::Run {
        id: view.id.to_string(),
        kind: words::kind(view.kind).into(),
        name: view.name.clone(),
        state: words::run_state(view.status).into(),
        stage: words::stage(view.stage),
        units_done: units.done,
        units: units.total,
        failed_attempts: view.failed_attempts.into(),
        generation: view.generation.0,
        epoch: view.epoch.0,
        waits_for: [waits::lines(view.waits.as_ref()), view.stalled.iter().map(ToString::to_string).collect()].concat(),
        failure: view.failure.as_ref().map(|failed| words::failure(&failed.failure, Some(failed.subject))),
        held_back: words::held_back(&view.held_back),
        outcome_json: if view.outcome == Value::Null { String::new() } else { view.outcome.to_string() },
        owner: text(view.owner.as_ref().map(ToString::to_string)),
        submission_id: text(view.submission.as_ref().map(ToString::to_string)),
        run_date: view.resolved.run_date.to_string(),
        document_json: if is_whole { document(view) } else { String::new() },
        start_time: view.started.map(timestamp),
        update_time: view.changed.map(timestamp),
        cancelled_by: text(view.cancelled_by.as_ref().map(ToString::to_string)),
    }
}

fn document(view: &RunView) -> String {
    // It was read from its JSON form.
    serde_json::to_string(&view.resolved.document).unwrap_or_default()
}
