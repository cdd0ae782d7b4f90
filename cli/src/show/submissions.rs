//! Submissions of a coordinator.

use proto::api::v1;
use serde_json::{Value, json};

use super::{Rows, times};

/// A submission as `--output json` has it.
pub(crate) fn json(submission: &v1::Submission) -> Value {
    let documents = submission.documents.iter().map(|document| {
        json!({
            "kind": document.kind().word(),
            "name": document.name,
            "run": some(&document.run_id),
            "state": document.state().word(),
            "failure": document.failure.as_ref().map(failure),
        })
    });
    let origin = submission.origin.clone().unwrap_or_default();
    json!({
        "submission": submission.id,
        "state": submission.state().word(),
        "owner": submission.owner,
        "priority": submission.priority,
        "run_date": submission.run_date,
        "submitted": times::text(submission.submit_time.as_ref()),
        "changed": times::text(submission.update_time.as_ref()),
        "schedule": some(&origin.schedule),
        "slot": some(&times::text(origin.slot.as_ref())),
        "documents": documents.collect::<Value>(),
        "waits_for": submission.waits_for,
        "cancelled_by": some(&submission.cancelled_by),
        "retries": submission.retries,
    })
}

/// A failure as `--output json` has it.
pub(super) fn failure(failure: &v1::Failure) -> Value {
    let class = proto::FailureClass::try_from(failure.class()).ok();
    json!({
        "subject": some(&crate::progress::subject_of(failure)),
        "class": class,
        "message": failure.message,
        "causes": failure.causes,
    })
}

/// Null for what is not there.
pub(super) fn some(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

/// Submissions, a line each.
pub(crate) fn table(submissions: &[v1::Submission]) -> String {
    if submissions.is_empty() {
        return "no submissions".to_owned();
    }
    let mut rows = Rows::new(&["submission", "state", "owner", ">priority", "submitted", "documents"]);
    for submission in submissions {
        let documents: Vec<&str> = submission.documents.iter().map(|document| document.name.as_str()).collect();
        rows.add([
            submission.id.clone(),
            submission.state().word().replace('_', " "),
            submission.owner.clone(),
            submission.priority.to_string(),
            times::text(submission.submit_time.as_ref()),
            documents.join(", "),
        ]);
    }
    rows.to_string()
}

/// The documents of a submission, a line each.
pub(crate) fn documents(submission: &v1::Submission) -> String {
    let mut rows = Rows::new(&["document", "kind", "state", "run"]);
    for document in &submission.documents {
        let state = document.state().word().replace('_', " ");
        rows.add([document.name.clone(), document.kind().word().to_owned(), state, document.run_id.clone()]);
    }
    rows.to_string()
}

/// Everything about a submission.
pub(crate) fn whole(submission: &v1::Submission) -> String {
    let state = submission.state().word().replace('_', " ");
    let mut lines = vec![format!("submission {}: {state}", submission.id)];
    let by = if submission.cancelled_by.is_empty() {
        String::new()
    } else {
        format!(", cancelled by {}", submission.cancelled_by)
    };
    lines.push(format!(
        "owner {}, priority {}, for {}, submitted {}{by}",
        submission.owner,
        submission.priority,
        submission.run_date,
        times::text(submission.submit_time.as_ref())
    ));
    lines.extend(submission.waits_for.iter().map(|line| format!("waits: {line}")));
    lines.push(documents(submission));
    for document in &submission.documents {
        if let Some(failure) = &document.failure {
            let message = format!("{}: {}", document.name, failure.message);
            lines.push(crate::failure::explained(&message, failure.causes.iter().cloned()));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn submission() -> v1::Submission {
        let document = v1::SubmittedDocument {
            kind: v1::Kind::Training.into(),
            name: "repurchase".to_owned(),
            run_id: String::new(),
            state: v1::State::Queued.into(),
            failure: None,
        };
        v1::Submission {
            id: "0123".to_owned(),
            state: v1::State::Queued.into(),
            owner: "ana".to_owned(),
            priority: 5,
            run_date: "2026-01-05".to_owned(),
            submit_time: Some(proto::api::timestamp(chrono::DateTime::UNIX_EPOCH)),
            documents: vec![document],
            waits_for: vec!["1 of ana may run at once: behind 0122".to_owned()],
            ..v1::Submission::default()
        }
    }

    #[test]
    fn a_submission_says_where_it_stands_and_what_it_waits_for() {
        let text = whole(&submission());
        for words in ["submission 0123: queued", "owner ana", "waits: 1 of ana", "repurchase", "1970-01-01T00:00:00Z"] {
            assert!(text.contains(words), "{words} in\n{text}");
        }
        assert!(table(&[submission()]).contains("repurchase") && table(&[]) == "no submissions");
    }

    #[test]
    fn what_is_not_there_is_null_for_scripts() {
        let value = json(&submission());
        assert_eq!(value["documents"][0]["run"], Value::Null);
        assert_eq!((value["schedule"].is_null(), value["cancelled_by"].is_null()), (true, true));
        assert_eq!(value["documents"][0]["state"], "queued");
    }
}
