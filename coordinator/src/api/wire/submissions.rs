//! Submissions.

use proto::api::{timestamp, v1};

use super::{waits, words};
use crate::house::{DocumentEnd, DocumentView, Origin, SubmissionView};

/// A submission.
pub(in crate::api) fn submission(view: &SubmissionView) -> v1::Submission {
    v1::Submission {
        id: view.id.to_string(),
        state: words::submission_state(view.status).into(),
        owner: view.owner.to_string(),
        priority: view.priority.number(),
        run_date: view.run_date.to_string(),
        submit_time: Some(timestamp(view.created)),
        origin: Some(origin(&view.origin)),
        documents: view.documents.iter().map(document).collect(),
        waits_for: waits::lines(view.waits.as_ref()),
        cancelled_by: view.cancelled_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        retries: view.retries,
        update_time: Some(timestamp(view.changed)),
    }
}

fn origin(origin: &Origin) -> v1::Origin {
    match origin {
        Origin::Request => v1::Origin::default(),
        Origin::Schedule { name, slot } => v1::Origin { schedule: name.clone(), slot: Some(timestamp(*slot)) },
    }
}

fn document(view: &DocumentView) -> v1::SubmittedDocument {
    let state = match (&view.ended, &view.run) {
        (Some(DocumentEnd::Succeeded), _) => v1::State::Succeeded,
        (Some(DocumentEnd::HeldBack), _) => v1::State::HeldBack,
        (Some(DocumentEnd::Failed { .. }), _) => v1::State::Failed,
        (Some(DocumentEnd::Cancelled), _) => v1::State::Cancelled,
        (None, Some(_)) => v1::State::Running,
        (None, None) => v1::State::Queued,
    };
    let failure = match &view.ended {
        Some(DocumentEnd::Failed { failure }) => Some(words::failure(failure, None)),
        _ => None,
    };
    v1::SubmittedDocument {
        kind: words::kind(view.kind).into(),
        name: view.name.clone(),
        run_id: view.run.as_ref().map(ToString::to_string).unwrap_or_default(),
        state: state.into(),
        failure,
    }
}
