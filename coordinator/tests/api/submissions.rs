//! Submitting, watching, cancelling, retrying.

use proto::api::v1::watch_submission_response::Event;
use proto::api::v1::{self, ErrorReason, State, run_event};
use proto::api::{self};
use tonic::Code;

use crate::served::{Served, soon};

#[tokio::test]
async fn a_submission_is_watched_until_it_is_cancelled_and_goes_on_when_retried() {
    let served = Served::open().await;
    let mut submissions = served.submissions().await;
    let submitted = submissions.submit(served.training("m")).await.unwrap().into_inner();
    assert!(submitted.is_new);
    let id = submitted.submission.unwrap().id;
    let mut events =
        submissions.watch_submission(v1::WatchSubmissionRequest { id: id.clone() }).await.unwrap().into_inner();
    let run = loop {
        match soon(events.message()).await.unwrap().unwrap().event.unwrap() {
            Event::Run(event) if matches!(event.event, Some(run_event::Event::Launched(_))) => break event.run_id,
            Event::Run(_) | Event::Submission(_) => {}
        }
    };
    let whole =
        served.runs().await.get_run(v1::GetRunRequest { id: run.clone() }).await.unwrap().into_inner().run.unwrap();
    assert_eq!((whole.state(), whole.submission_id.as_str()), (State::Running, id.as_str()));
    assert!(whole.document_json.contains("\"people\""), "{}", whole.document_json);
    submissions.cancel_submission(v1::CancelSubmissionRequest { id: id.clone() }).await.unwrap();
    let mut last = State::Unspecified;
    while let Some(told) = soon(events.message()).await.unwrap() {
        if let Some(Event::Submission(submission)) = told.event {
            last = submission.state();
        }
    }
    assert_eq!(last, State::Cancelled);
    let again = submissions.cancel_submission(v1::CancelSubmissionRequest { id: id.clone() }).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition);
    let retried = submissions.retry_submission(v1::RetrySubmissionRequest { id: id.clone() }).await.unwrap();
    assert!(!retried.into_inner().submission.unwrap().state().is_final());
    submissions.cancel_submission(v1::CancelSubmissionRequest { id }).await.unwrap();
    served.stop().await;
}

#[tokio::test]
async fn a_run_s_log_is_watched_from_any_entry() {
    let served = Served::open().await;
    let mut submissions = served.submissions().await;
    let id = submissions.submit(served.training("m")).await.unwrap().into_inner().submission.unwrap().id;
    let mut events =
        submissions.watch_submission(v1::WatchSubmissionRequest { id: id.clone() }).await.unwrap().into_inner();
    let launched = loop {
        match soon(events.message()).await.unwrap().unwrap().event.unwrap() {
            Event::Run(event) if matches!(event.event, Some(run_event::Event::Launched(_))) => break event,
            Event::Run(_) | Event::Submission(_) => {}
        }
    };
    submissions.cancel_submission(v1::CancelSubmissionRequest { id }).await.unwrap();
    while soon(events.message()).await.unwrap().is_some() {}
    let from_sequence = launched.sequence.unwrap();
    let asked = v1::WatchRunRequest { id: launched.run_id, from_sequence };
    let mut events = served.runs().await.watch_run(asked).await.unwrap().into_inner();
    let mut sequences = Vec::new();
    while let Some(told) = soon(events.message()).await.unwrap() {
        sequences.extend(told.event.unwrap().sequence);
    }
    let expected: Vec<u64> = (from_sequence..).take(sequences.len()).collect();
    assert_eq!(sequences, expected);
    assert!(sequences.len() >= 3, "launched, stop requested, stopped: {sequences:?}");
    served.stop().await;
}

#[tokio::test]
async fn the_same_client_token_is_the_same_submission() {
    let served = Served::open().await;
    let mut submissions = served.submissions().await;
    let request = |name| v1::SubmitRequest { client_token: "t-1".to_owned(), ..served.training(name) };
    let first = submissions.submit(request("m")).await.unwrap().into_inner();
    let second = submissions.submit(request("m")).await.unwrap().into_inner();
    let id = first.submission.unwrap().id;
    assert_eq!((first.is_new, second.is_new, second.submission.unwrap().id), (true, false, id.clone()));
    let refused = submissions.submit(request("n")).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(api::info_of(&refused).unwrap().reason(), ErrorReason::TokenReused);
    submissions.cancel_submission(v1::CancelSubmissionRequest { id }).await.unwrap();
    served.stop().await;
}

#[tokio::test]
async fn every_mistake_of_a_document_comes_back_with_its_place() {
    let served = Served::open().await;
    let mut request = served.training("m");
    request.files[0].text = request.files[0].text.replace("linear", "linaer").replace("examples:", "exampels:");
    let refused = served.submissions().await.submit(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let info = api::info_of(&refused).unwrap();
    assert_eq!(info.reason(), ErrorReason::InvalidDocument);
    let wrong = info.problems.iter().find(|problem| problem.message.contains("linaer")).unwrap();
    assert_eq!((wrong.file.as_str(), wrong.line), ("training.yaml", 10));
    assert!(info.problems.iter().any(|problem| problem.path.contains("exampels")), "{:?}", info.problems);
    served.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let served = Served::open().await;
    let (mut submissions, mut runs) = (served.submissions().await, served.runs().await);
    for id in ["0123456789abcdef0123456789abcdef", "../../etc", ""] {
        let id = id.to_owned();
        let refused = submissions.get_submission(v1::GetSubmissionRequest { id: id.clone() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{id}");
        let refused = submissions.watch_submission(v1::WatchSubmissionRequest { id: id.clone() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{id}");
        let refused = runs.get_run(v1::GetRunRequest { id: id.clone() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{id}");
        let refused = runs.read_logs(v1::ReadLogsRequest { id: id.clone(), ..Default::default() }).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{id}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_says_so_to_who_watches() {
    let served = Served::open().await;
    let mut submissions = served.submissions().await;
    let id = submissions.submit(served.training("m")).await.unwrap().into_inner().submission.unwrap().id;
    let mut events = submissions.watch_submission(v1::WatchSubmissionRequest { id }).await.unwrap().into_inner();
    assert!(soon(events.message()).await.unwrap().is_some());
    served.server.begin_stop().await;
    let ended = loop {
        match soon(events.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a stream that ends in silence"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), Code::Unavailable);
    let readiness = served.get("/readyz").await;
    assert!(readiness.starts_with("HTTP/1.1 503") && readiness.contains("stopping"), "{readiness}");
    assert!(served.get("/healthz").await.starts_with("HTTP/1.1 200"));
    served.stop().await;
}
