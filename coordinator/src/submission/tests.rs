use artifacts::Workspace;
use artifacts::source::Location;
use object_store::memory::InMemory;
use proptest::prelude::*;
use proto::{Failure, FailureClass};
use std::sync::Arc;

use super::*;
use crate::error::CoordinatorError;
use crate::house::{NewSubmission, Origin};
use crate::log::WriterId;
use crate::names::{Owner, Priority};

fn ana() -> Owner {
    "ana".parse().unwrap()
}

fn take() -> Take {
    Take { run: "train-0123456789ab".parse().unwrap(), stops: 0 }
}

fn failed() -> DocumentEnd {
    DocumentEnd::Failed { failure: Failure::new(FailureClass::Input, "broke") }
}

fn started(document: usize) -> Event {
    Event::Started { document, take: take() }
}

fn ended(document: usize, end: DocumentEnd) -> Event {
    Event::Ended { document, end }
}

fn cancel() -> Event {
    Event::CancelRequested { by: ana() }
}

fn retry() -> Event {
    Event::RetryRequested { by: ana() }
}

/// What so many documents have come to after these events.
fn after(documents: usize, events: &[Event]) -> State {
    events.iter().fold(State::new(documents), |state, event| transition(state, event).unwrap())
}

/// Every state of a submission of two documents, at the first of them (the last two at their end).
fn states() -> Vec<State> {
    let done = |end: DocumentEnd| vec![started(0), ended(0, end), started(1), ended(1, DocumentEnd::Succeeded)];
    vec![
        after(2, &[]),
        after(2, &[started(0)]),
        after(2, &[started(0), cancel()]),
        after(2, &[started(0), ended(0, failed())]),
        after(2, &[cancel()]),
        after(2, &done(DocumentEnd::Succeeded)),
        after(2, &done(DocumentEnd::HeldBack)),
    ]
}

#[test]
fn every_event_in_every_state_leads_where_the_table_says() {
    let events = [
        started(0),
        ended(0, DocumentEnd::Succeeded),
        ended(0, DocumentEnd::HeldBack),
        ended(0, failed()),
        ended(0, DocumentEnd::Cancelled),
        cancel(),
        retry(),
        // Of another document than the one whose turn it is.
        started(1),
        ended(1, DocumentEnd::Succeeded),
        ended(1, failed()),
    ];
    // `-`: cannot happen.
    let table = [
        ("queued", ["running", "-", "-", "failed", "-", "cancelled", "-", "-", "-", "-"]),
        ("running", ["-", "queued", "queued", "failed", "-", "cancelling", "-", "-", "-", "-"]),
        ("cancelling", ["-", "cancelled", "cancelled", "failed", "cancelled", "-", "-", "-", "-", "-"]),
        ("failed", ["-", "-", "-", "-", "-", "-", "queued", "-", "-", "-"]),
        ("cancelled", ["-", "-", "-", "-", "-", "-", "queued", "-", "-", "-"]),
        ("succeeded", ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-"]),
        ("held back", ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-"]),
    ];
    let states = states();
    assert_eq!(states.len(), table.len());
    for (state, (name, row)) in states.into_iter().zip(table) {
        assert_eq!(state.as_str(), name);
        for (event, expected) in events.iter().zip(row) {
            let next = transition(state.clone(), event);
            assert_eq!(next.as_ref().map_or("-", State::as_str), expected, "{event:?} in {name}");
            if let Err(illegal) = next {
                assert_eq!((illegal.event, illegal.state), (event.as_str(), name));
            }
        }
    }
}

#[test]
fn a_cancel_that_comes_too_late_for_the_last_document_changes_nothing() {
    for (end, expected) in [(DocumentEnd::Succeeded, "succeeded"), (DocumentEnd::HeldBack, "held back")] {
        assert_eq!(after(1, &[started(0), cancel(), ended(0, end)]).as_str(), expected);
    }
}

#[test]
fn a_retry_goes_on_from_the_document_that_failed() {
    let events = [started(0), ended(0, DocumentEnd::Succeeded), started(1), ended(1, failed()), retry()];
    let State::Queued(progress) = after(3, &events) else { panic!("it waits for its turn") };
    assert_eq!((progress.next, progress.retries), (1, 1));
    assert_eq!(progress.documents[0].end, Some(DocumentEnd::Succeeded));
    assert_eq!(progress.documents[1], Trace::default());
}

#[test]
fn a_document_that_could_not_begin_has_no_run() {
    let State::Failed(progress) = after(1, &[ended(0, failed())]) else { panic!("it failed") };
    assert_eq!(progress.documents[0], Trace { run: None, end: Some(failed()) });
}

fn any_event() -> impl Strategy<Value = Event> {
    let document = 0..3usize;
    let end = prop_oneof![
        Just(DocumentEnd::Succeeded),
        Just(DocumentEnd::HeldBack),
        Just(failed()),
        Just(DocumentEnd::Cancelled)
    ];
    prop_oneof![
        document.clone().prop_map(started),
        (document, end).prop_map(|(document, end)| ended(document, end)),
        Just(cancel()),
        Just(retry()),
    ]
}

proptest! {
    #[test]
    fn documents_are_done_in_order_and_what_is_done_stays_done(events in prop::collection::vec(any_event(), 0..60)) {
        let mut state = State::new(3);
        for event in &events {
            let before = state.progress().clone();
            let Ok(next) = transition(state.clone(), event) else { continue };
            let progress = next.progress();
            prop_assert!(progress.next >= before.next);
            prop_assert!(progress.retries >= before.retries);
            for document in 0..before.next {
                prop_assert_eq!(&progress.documents[document], &before.documents[document]);
            }
            for trace in progress.documents.iter().skip(progress.next + 1) {
                prop_assert_eq!(trace, &Trace::default());
            }
            prop_assert!(!matches!(state, State::Succeeded(_) | State::HeldBack(_)), "the end is the end");
            state = next;
        }
    }

    #[test]
    fn an_event_survives_the_log(event in any_event()) {
        let text = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}

const DOCUMENT: &str = "\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {name: nightly}
spec:
  model: repurchase@1
  tables: {people: {url: people.parquet}}
  population: people
  key: person
";

fn new(token: Option<&str>, text: &str) -> NewSubmission {
    let run_date = "2026-01-05".parse().unwrap();
    let settings = spec::Settings { set: Default::default(), run_date };
    let file = spec::SourceFile { name: "nightly.yaml".to_owned(), text: text.to_owned() };
    NewSubmission {
        client_token: token.map(|token| token.parse().unwrap()),
        owner: ana(),
        priority: Priority::default(),
        documents: spec::parse(&[file], &settings).unwrap(),
        run_date,
        origin: Origin::Request,
    }
}

fn workspace() -> Workspace {
    let root = Location::parse("memory://submissions/workspace").unwrap();
    Workspace::in_store(Arc::new(InMemory::new()), root)
}

async fn create(workspace: &Workspace, new: NewSubmission) -> Result<(SubmissionLog, bool), CoordinatorError> {
    let (id, record) = SubmissionRecord::of(new, chrono::Utc::now());
    SubmissionLog::create(workspace, &WriterId::new(), id, record).await
}

#[tokio::test]
async fn the_same_token_twice_is_one_submission_and_other_documents_are_refused() {
    let workspace = workspace();
    let (first, is_new) = create(&workspace, new(Some("t-1"), DOCUMENT)).await.unwrap();
    assert!(is_new);
    let (again, is_new) = create(&workspace, new(Some("t-1"), DOCUMENT)).await.unwrap();
    assert_eq!((again.id(), is_new), (first.id(), false));
    let other = DOCUMENT.replace("nightly", "weekly");
    let error = create(&workspace, new(Some("t-1"), &other)).await.unwrap_err();
    assert!(matches!(&error, CoordinatorError::TokenReused { id } if id == first.id()), "{error}");
    assert_ne!(create(&workspace, new(None, DOCUMENT)).await.unwrap().0.id(), first.id());
    assert_eq!(list(&workspace).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_log_reads_back_to_the_state_that_wrote_it() {
    let workspace = workspace();
    let (mut log, _) = create(&workspace, new(None, DOCUMENT)).await.unwrap();
    for event in [started(0), ended(0, failed()), retry(), started(0)] {
        log.append(event).await.unwrap().unwrap();
    }
    let read = SubmissionLog::open(&workspace, &WriterId::new(), log.id()).await.unwrap().unwrap();
    assert_eq!((read.state(), read.changed()), (log.state(), log.changed()));
    assert_eq!(read.state(), &after(1, &[started(0), ended(0, failed()), retry(), started(0)]));
    assert_eq!(read.run_in_hand(), Some(&take().run));
    assert!(SubmissionLog::open(&workspace, &WriterId::new(), &"0".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_writers_the_second_takes_the_first_s_entry_into_account() {
    let workspace = workspace();
    let (mut first, _) = create(&workspace, new(None, DOCUMENT)).await.unwrap();
    let mut second = SubmissionLog::open(&workspace, &WriterId::new(), first.id()).await.unwrap().unwrap();
    first.append(started(0)).await.unwrap().unwrap();
    assert!(second.append(started(0)).await.unwrap().is_err(), "it has begun already");
    assert_eq!(second.state(), first.state());
    second.append(cancel()).await.unwrap().unwrap();
    first.append(ended(0, DocumentEnd::Cancelled)).await.unwrap().unwrap();
    assert_eq!(first.state().as_str(), "cancelled");
}

#[tokio::test]
async fn documents_of_a_submission_that_has_ended_are_read_again_when_they_are_needed() {
    let workspace = workspace();
    let (mut log, _) = create(&workspace, new(None, DOCUMENT)).await.unwrap();
    let document = log.document(0).cloned().unwrap();
    log.forget_documents();
    assert_eq!(log.document(0), Some(&document), "it has not ended");
    for event in [started(0), ended(0, failed())] {
        log.append(event).await.unwrap().unwrap();
    }
    log.forget_documents();
    assert_eq!(log.document(0), None);
    assert_eq!(log.brief().documents[0].name, document.name());
    log.recall_documents().await.unwrap();
    assert_eq!(log.document(0), Some(&document));
}
