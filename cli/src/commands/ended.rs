//! How submissions and runs of a coordinator ended: what is printed, and the exit code.

use anyhow::anyhow;
use coordinator::run::HeldBack;
use proto::api::v1;
use serde_json::{Value, json};
use spec::AudienceName;

use super::run::{Ran, RanInto};
use crate::arguments::Format;
use crate::ending::Ending;
use crate::failure::{Failure, explained};
use crate::progress;
use crate::remote::{Refused, Remote};
use crate::show::{self, runs, submissions};

/// The exit code of where something stands; 0 while it has not ended.
pub(super) fn ending(state: v1::State) -> Ending {
    match state {
        v1::State::Succeeded
        | v1::State::Queued
        | v1::State::Running
        | v1::State::Stopping
        | v1::State::Unspecified => Ending::Done,
        v1::State::HeldBack => Ending::HeldBack,
        v1::State::Failed => Ending::Failed,
        v1::State::Cancelled | v1::State::Interrupted => Ending::Interrupted,
    }
}

/// Prints what came of a submission and ends as it did.
pub(super) async fn submission(
    remote: &Remote,
    submission: &v1::Submission,
    format: Format,
) -> Result<Ending, Failure> {
    let mut rans = Vec::new();
    for document in submission.documents.iter().filter(|document| !document.run_id.is_empty()) {
        rans.push(ran(remote.run(&document.run_id).await?)?);
    }
    if format == Format::Table {
        for ran in &rans {
            show::print(&ran.tables())?;
        }
    } else {
        show::result(format, &json!({"submission": submissions::json(submission), "runs": rans}), String::new)?;
    }
    show::tell(&epilogue(submission, &rans));
    Ok(ending(submission.state()))
}

/// Prints what came of a run and ends as it did.
pub(super) fn run(run: v1::Run, format: Format) -> Result<Ending, Failure> {
    let ended = ending(run.state());
    let value = json!({"run": runs::json(&run)});
    let ran = ran(run)?;
    show::result(format, &value, || ran.tables())?;
    show::tell(&of_run(&ran));
    Ok(ended)
}

fn ran(run: v1::Run) -> Result<Ran, Failure> {
    let unreadable = |_| Failure::from(Refused::Incomplete { field: "outcome_json" });
    let outcome = match run.outcome_json.as_str() {
        "" => Value::Null,
        json => serde_json::from_str(json).map_err(unreadable)?,
    };
    let held_back: Result<Vec<HeldBack>, Failure> = run.held_back.iter().map(held_back).collect();
    let failure = run.failure.as_ref().map(|failure| RanInto {
        subject: progress::subject_of(failure),
        failure: proto::Failure {
            class: failure.class().try_into().unwrap_or(proto::FailureClass::Bug),
            message: failure.message.clone(),
            causes: failure.causes.clone(),
        },
    });
    Ok(Ran {
        kind: match run.kind() {
            v1::Kind::Scoring => "Scoring",
            v1::Kind::Training | v1::Kind::Search | v1::Kind::Unspecified => "Training",
        },
        state: run.state().word(),
        run: run.id.parse().map_err(|_| Failure::from(Refused::Incomplete { field: "id" }))?,
        name: run.name,
        was_finished: false,
        outcome,
        held_back: held_back?,
        failure,
        logs: String::new(),
    })
}

fn held_back(held_back: &v1::HeldBack) -> Result<HeldBack, Failure> {
    let audience = match held_back.audience.as_str() {
        "" => None,
        name => Some(
            name.parse::<AudienceName>()
                .map_err(|error| Failure::Failed(anyhow!("the coordinator's answer: {error}")))?,
        ),
    };
    Ok(HeldBack { audience, reasons: held_back.reasons.clone() })
}

/// What is said on stderr at the end of a submission that did not just succeed.
fn epilogue(submission: &v1::Submission, rans: &[Ran]) -> String {
    let again = format!("`kindred retry {}` goes on from what is finished", submission.id);
    let told: String = rans.iter().map(of_run).collect();
    let unstarted: String =
        submission.documents.iter().filter(|document| document.run_id.is_empty()).map(of_document).collect();
    match submission.state() {
        v1::State::Failed => format!("{told}{unstarted}  {again}\n"),
        v1::State::Cancelled => {
            format!("{told}submission {} was cancelled by {}; {again}\n", submission.id, submission.cancelled_by)
        }
        _ => told,
    }
}

fn of_run(ran: &Ran) -> String {
    match (ran.state, &ran.failure) {
        ("failed", Some(RanInto { subject, failure })) => {
            let message = format!("run {} failed: {subject}: {}", ran.run, failure.message);
            format!(
                "{}\n  `kindred logs {}` shows its output\n",
                explained(&message, failure.causes.iter().cloned()),
                ran.run
            )
        }
        ("held_back", _) => ran.held_back_lines(),
        _ => String::new(),
    }
}

/// A document that failed before it had a run.
fn of_document(document: &v1::SubmittedDocument) -> String {
    match &document.failure {
        Some(failure) => {
            let message = format!("{}: {}", document.name, failure.message);
            format!("{}\n", explained(&message, failure.causes.iter().cloned()))
        }
        None => String::new(),
    }
}
