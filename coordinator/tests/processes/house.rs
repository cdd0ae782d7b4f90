//! The long-lived coordinator with real processes.

use std::time::Duration;

use coordinator::house::{
    DocumentEnd, LogSelector, Page, RunFilter, RunStatus, Settings, SubmissionFilter, SubmissionStatus, Wait,
};
use coordinator::log::Replay;
use coordinator::{Coordinator, CoordinatorError};
use futures::{StreamExt, TryStreamExt};
use proto::FailureClass;
use spec::RunId;

use crate::practice;
use crate::site::{Site, new, one_at_a_time, owner, settings, to_its_end, until};
use crate::stage::{is_running, kill};

const GRACE: Duration = Duration::from_secs(20);

fn size(items: usize) -> Page {
    Page::first(items.try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_run_one_after_the_other_and_are_shown_to_the_end() {
    let site = Site::new();
    site.register_model().await;
    let (coordinator, _ended) = site.open().await;
    let documents = [site.training("first"), site.scoring("second")];
    let submitted = coordinator.submit(new("ana", documents)).await.unwrap();
    assert!(submitted.is_new);
    let told = to_its_end(&coordinator, &submitted.id).await;
    assert_eq!(told.last.status, SubmissionStatus::Succeeded);
    assert!(told.statuses.contains(&SubmissionStatus::Running), "{:?}", told.statuses);
    let runs: Vec<RunId> = told.last.documents.iter().map(|document| document.run.clone().unwrap()).collect();
    for run in &runs {
        let entries = Replay::read(&site.workspace(), run).await.unwrap().entries();
        let of_run: Vec<u64> = told.logged.iter().filter(|(id, _)| id == run).map(|(_, seq)| *seq).collect();
        assert_eq!(of_run, (0..entries).collect::<Vec<u64>>(), "every entry of {run}, once");
    }

    let view = coordinator.run(&runs[1]).await.unwrap();
    assert_eq!((view.status, view.name.as_str()), (RunStatus::Succeeded, "second"));
    assert_eq!((view.owner, view.submission), (Some(owner("ana")), Some(submitted.id.clone())));
    assert_eq!(view.outcome["scores"]["rows"], 60);
    let chunks: Vec<_> =
        coordinator.logs(&runs[1], LogSelector::default(), 0, true).await.unwrap().try_collect().await.unwrap();
    let processes: Vec<&str> = chunks.iter().map(|chunk| chunk.process.as_str()).collect();
    assert_eq!(processes, ["plan-g1-p0", "score-g2-p0", "score-g2-p1", "score-g2-p2", "publish-g3-p0"]);
    let snapshot = coordinator.snapshot().await.unwrap();
    assert_eq!((snapshot.leadership, snapshot.submissions[&SubmissionStatus::Succeeded]), (1, 1));
    assert_eq!(snapshot.units_done, 1 + 1 + practice::SHARDS + 1);
    assert!(snapshot.grants.count() >= snapshot.units_done && snapshot.log_appends.count() > 0);
    assert!(matches!(
        coordinator.run(&"nobody-0123456789ab".parse().unwrap()).await,
        Err(CoordinatorError::UnknownRun { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_by_filter() {
    let site = Site::new();
    let (coordinator, _ended) = site.open_with(one_at_a_time()).await.unwrap();
    let mut ids = vec![];
    for (who, name) in [("ana", "one"), ("ben", "two"), ("ana", "three")] {
        let id = coordinator.submit(new(who, [site.training(name)])).await.unwrap().id;
        to_its_end(&coordinator, &id).await;
        ids.push(id);
    }
    let first = coordinator.submissions(SubmissionFilter::default(), size(2)).await.unwrap();
    assert_eq!(first.items.iter().map(|view| &view.id).collect::<Vec<_>>(), [&ids[2], &ids[1]]);
    let second = Page { token: first.next, ..size(2) };
    let second = coordinator.submissions(SubmissionFilter::default(), second).await.unwrap();
    assert_eq!((second.items[0].id.clone(), second.next), (ids[0].clone(), None));
    let of_ana = SubmissionFilter { owner: Some(owner("ana")), ..SubmissionFilter::default() };
    assert_eq!(coordinator.submissions(of_ana, size(9)).await.unwrap().items.len(), 2);
    let failed = SubmissionFilter { states: vec![SubmissionStatus::Failed], ..SubmissionFilter::default() };
    assert!(coordinator.submissions(failed, size(9)).await.unwrap().items.is_empty());

    let first = coordinator.runs(RunFilter::default(), size(2)).await.unwrap();
    let rest = coordinator.runs(RunFilter::default(), Page { token: first.next, ..size(2) }).await.unwrap();
    let names: Vec<String> = first.items.iter().chain(&rest.items).map(|view| view.name.clone()).collect();
    assert_eq!((names, rest.next), (vec!["one".to_owned(), "three".to_owned(), "two".to_owned()], None));
    let of_ben = RunFilter { owner: Some(owner("ben")), ..RunFilter::default() };
    assert_eq!(coordinator.runs(of_ben, size(9)).await.unwrap().items.len(), 1);
    let wrong = Page { token: Some("../x".to_owned()), ..size(2) };
    assert!(matches!(coordinator.runs(RunFilter::default(), wrong.clone()).await, Err(CoordinatorError::Text(_))));
    assert!(coordinator.submissions(SubmissionFilter::default(), wrong).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_token_twice_is_one_submission() {
    let site = Site::new();
    let (coordinator, _ended) = site.open().await;
    let mut asked = new("ana", [site.training("first")]);
    asked.client_token = Some("t-1".parse().unwrap());
    let both = futures::join!(coordinator.submit(asked.clone()), coordinator.submit(asked.clone()));
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!(first.id, second.id);
    assert!(first.is_new != second.is_new);
    to_its_end(&coordinator, &first.id).await;
    assert!(!coordinator.submit(asked.clone()).await.unwrap().is_new);
    assert_eq!(site.scene.attempts().len(), 1);
    asked.documents = vec![site.training("other")];
    assert!(matches!(coordinator.submit(asked).await, Err(CoordinatorError::TokenReused { .. })));
    assert!(matches!(coordinator.submit(new("ana", [])).await, Err(CoordinatorError::NoDocuments)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_resolved_fails_with_its_place_and_a_retry_goes_on_from_there() {
    let site = Site::new();
    site.scene.hold("first train");
    let (coordinator, _ended) = site.open().await;
    let documents = [site.training("first"), site.training("second"), site.scoring("third")];
    let id = coordinator.submit(new("ana", documents)).await.unwrap().id;
    site.scene.began("first train").await;
    std::fs::remove_file(site.people()).unwrap();
    site.scene.release("first train");
    let failed = to_its_end(&coordinator, &id).await.last;
    assert_eq!(failed.status, SubmissionStatus::Failed);
    let Some(DocumentEnd::Failed { failure }) = &failed.documents[1].ended else { panic!("{failed:?}") };
    assert_eq!(failure.class, FailureClass::Input);
    assert!(failure.message.starts_with("Training second: spec.tables.people: "), "{failure}");
    assert!(failure.causes.iter().any(|cause| cause.contains("people.csv")), "{failure:?}");
    assert_eq!((&failed.documents[1].run, &failed.documents[2].ended), (&None, &None));

    site.bring_people();
    let queued = coordinator.retry(&id, owner("ben")).await.unwrap();
    assert_eq!(queued.retries, 1);
    let failed = to_its_end(&coordinator, &id).await.last;
    assert_eq!(failed.documents[0].run.as_ref().map(|_| ()), Some(()));
    assert_eq!(failed.documents[1].ended, Some(DocumentEnd::Succeeded));
    let Some(DocumentEnd::Failed { failure }) = &failed.documents[2].ended else { panic!("{failed:?}") };
    assert!(failure.message.starts_with("Scoring third: spec.model: "), "{failure}");
    assert!(failure.message.contains("repurchase") || failure.causes.iter().any(|cause| cause.contains("repurchase")));

    site.register_model().await;
    coordinator.retry(&id, owner("ben")).await.unwrap();
    let done = to_its_end(&coordinator, &id).await.last;
    assert_eq!((done.status, done.retries), (SubmissionStatus::Succeeded, 2));
    assert_eq!(site.scene.attempts().iter().filter(|(unit, _)| unit == "train").count(), 2, "each once");
    assert!(matches!(
        coordinator.retry(&id, owner("ben")).await,
        Err(CoordinatorError::NotNow { status: SubmissionStatus::Succeeded, .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_failure_goes_on_from_what_is_done() {
    let site = Site::new();
    site.register_model().await;
    site.scene.fail("publish", FailureClass::Input);
    let (coordinator, _ended) = site.open().await;
    let id = coordinator.submit(new("ana", [site.scoring("nightly")])).await.unwrap().id;
    let failed = to_its_end(&coordinator, &id).await.last;
    let Some(DocumentEnd::Failed { failure }) = &failed.documents[0].ended else { panic!("{failed:?}") };
    assert_eq!(failure.message, "publish: cannot read part-0.parquet");
    let run = coordinator.run(failed.documents[0].run.as_ref().unwrap()).await.unwrap();
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.failure.unwrap().failure.causes, ["row group 3 is cut off"]);
    let attempts = site.scene.attempts().len();
    coordinator.retry(&id, owner("ana")).await.unwrap();
    let done = to_its_end(&coordinator, &id).await.last;
    assert_eq!((done.status, &done.documents[0].run), (SubmissionStatus::Succeeded, &failed.documents[0].run));
    assert_eq!(site.scene.attempts().len(), attempts + 1, "nothing but the publication is tried again");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_waits_says_what_it_is_behind_and_is_cancelled_at_once() {
    let site = Site::new();
    site.scene.hold("first train");
    let (coordinator, _ended) = site.open_with(one_at_a_time()).await.unwrap();
    let first = coordinator.submit(new("ana", [site.training("first")])).await.unwrap().id;
    site.scene.began("first train").await;
    let second = coordinator.submit(new("ben", [site.training("second")])).await.unwrap().id;
    let waiting = until(&coordinator, &second, |view| view.waits.is_some()).await;
    let Some(Wait::Kind { running, ahead: 0, .. }) = &waiting.waits else { panic!("{waiting:?}") };
    assert_eq!(running, std::slice::from_ref(&first));
    let cancelled = coordinator.cancel(&second, owner("cem")).await.unwrap();
    assert_eq!((cancelled.status, cancelled.cancelled_by), (SubmissionStatus::Cancelled, Some(owner("cem"))));
    assert!(matches!(
        coordinator.cancel(&second, owner("cem")).await,
        Err(CoordinatorError::NotNow { status: SubmissionStatus::Cancelled, .. })
    ));
    site.scene.release("first train");
    assert_eq!(to_its_end(&coordinator, &first).await.last.status, SubmissionStatus::Succeeded);
    assert_eq!(site.scene.attempts().len(), 1, "what was cancelled never began");
    coordinator.retry(&second, owner("cem")).await.unwrap();
    assert_eq!(to_its_end(&coordinator, &second).await.last.status, SubmissionStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_runs_is_cancelled_once_its_processes_have_stopped() {
    let site = Site::new();
    site.scene.hold("first train");
    let (coordinator, _ended) = site.open().await;
    let documents = [site.training("first"), site.training("second")];
    let id = coordinator.submit(new("ana", documents)).await.unwrap().id;
    let process = site.scene.began("first train").await;
    let cancelling = coordinator.cancel(&id, owner("ben")).await.unwrap();
    assert!(matches!(cancelling.status, SubmissionStatus::Cancelling | SubmissionStatus::Cancelled));
    let told = to_its_end(&coordinator, &id).await;
    assert_eq!((told.last.status, &told.last.cancelled_by), (SubmissionStatus::Cancelled, &Some(owner("ben"))));
    assert_eq!(told.last.documents[0].ended, Some(DocumentEnd::Cancelled));
    assert_eq!(told.last.documents[1].run, None);
    assert!(!is_running(process));
    let run = coordinator.run(told.last.documents[0].run.as_ref().unwrap()).await.unwrap();
    assert_eq!((run.status, run.cancelled_by), (RunStatus::Cancelled, Some(owner("ben"))));

    site.scene.release("first train");
    coordinator.retry(&id, owner("ana")).await.unwrap();
    assert_eq!(to_its_end(&coordinator, &id).await.last.status, SubmissionStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_between_two_documents_keeps_what_is_done() {
    let site = Site::new();
    site.scene.hold("first train");
    site.scene.hold("other train");
    let (coordinator, _ended) = site.open_with(one_at_a_time()).await.unwrap();
    let documents = [site.training("first"), site.training("second")];
    let id = coordinator.submit(new("ana", documents)).await.unwrap().id;
    site.scene.began("first train").await;
    let other = coordinator.submit(new("ben", [site.training("other")])).await.unwrap().id;
    until(&coordinator, &other, |view| view.waits.is_some()).await;
    site.scene.release("first train");
    // The turn goes to the other owner, and the second document waits.
    site.scene.began("other train").await;
    let waiting = until(&coordinator, &id, |view| view.waits.is_some()).await;
    assert_eq!(waiting.documents[0].ended, Some(DocumentEnd::Succeeded));
    let cancelled = coordinator.cancel(&id, owner("ana")).await.unwrap();
    assert_eq!(cancelled.status, SubmissionStatus::Cancelled);
    assert_eq!((&cancelled.documents[0].ended, &cancelled.documents[1].ended), (&Some(DocumentEnd::Succeeded), &None));
    site.scene.release("other train");
    assert_eq!(to_its_end(&coordinator, &other).await.last.status, SubmissionStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_submissions_of_the_same_document_share_one_run() {
    let site = Site::new();
    site.scene.hold("same train");
    let two = 2.try_into().unwrap();
    let mut settings = settings();
    settings.limits.training = two;
    let (coordinator, _ended) = site.open_with(settings).await.unwrap();
    let first = coordinator.submit(new("ana", [site.training("same")])).await.unwrap().id;
    site.scene.began("same train").await;
    let second = coordinator.submit(new("ben", [site.training("same")])).await.unwrap().id;
    let waiting = until(&coordinator, &second, |view| matches!(view.waits, Some(Wait::Run { .. }))).await;
    let Some(Wait::Run { submission, run }) = waiting.waits else { panic!("it waits for the run") };
    assert_eq!(submission, first);
    site.scene.release("same train");
    for id in [&first, &second] {
        let last = to_its_end(&coordinator, id).await.last;
        assert_eq!((last.status, &last.documents[0].run), (SubmissionStatus::Succeeded, &Some(run.clone())));
    }
    assert_eq!(site.scene.attempts().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shut_down_coordinator_leaves_its_runs_to_the_next() {
    let site = Site::new();
    site.register_model().await;
    site.scene.hold("shard 4");
    let (coordinator, ended) = site.open().await;
    let id = coordinator.submit(new("ana", [site.scoring("nightly")])).await.unwrap().id;
    let process = site.scene.began("shard 4").await;
    coordinator.shutdown(GRACE).await.unwrap();
    ended.wait().await.unwrap();
    assert!(!is_running(process));
    assert!(matches!(coordinator.submission(&id).await, Err(CoordinatorError::Stopping)));
    assert!(matches!(coordinator.submit(new("ana", [])).await, Err(CoordinatorError::Stopping)));
    site.scene.release("shard 4");

    let (coordinator, _ended) = site.open().await;
    let done = to_its_end(&coordinator, &id).await.last;
    assert_eq!(done.status, SubmissionStatus::Succeeded);
    let run = coordinator.run(done.documents[0].run.as_ref().unwrap()).await.unwrap();
    assert_eq!((run.epoch.0, run.outcome["scores"]["rows"].as_u64()), (2, Some(60)));
}

#[tokio::test(flavor = "multi_thread")]
async fn coordinators_killed_again_and_again_lose_no_submission() {
    let site = Site::new();
    site.register_model().await;
    site.scene.hold("first train");
    let (coordinator, ended) = site.open().await;
    let documents = [site.training("first"), site.scoring("second")];
    let id = coordinator.submit(new("ana", documents)).await.unwrap().id;
    site.scene.began("first train").await;
    coordinator.shutdown(GRACE).await.unwrap();
    ended.wait().await.unwrap();
    site.scene.release("first train");
    for unit in ["first train", "second plan", "second shard 0", "second shard 5", "second publish"] {
        site.scene.hold(unit);
        let mut house = site.scene.house();
        site.scene.began(unit).await;
        house.kill().unwrap();
        house.wait().unwrap();
        site.scene.release(unit);
    }
    let (coordinator, _ended) = site.open().await;
    let done = to_its_end(&coordinator, &id).await.last;
    assert_eq!(done.status, SubmissionStatus::Succeeded);
    let run = coordinator.run(done.documents[1].run.as_ref().unwrap()).await.unwrap();
    assert_eq!((run.outcome["scores"]["rows"].as_u64(), run.epoch.0), (Some(60), 5));
    assert_eq!(coordinator.snapshot().await.unwrap().leadership, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_survives_the_coordinator() {
    let site = Site::new();
    site.scene.hold("stubborn first train");
    let (coordinator, ended) = site.open().await;
    let id = coordinator.submit(new("ana", [site.training("first")])).await.unwrap().id;
    let process = site.scene.began("stubborn first train").await;
    let cancelling = coordinator.cancel(&id, owner("ben")).await.unwrap();
    assert_eq!(cancelling.status, SubmissionStatus::Cancelling);
    // What a coordinator finds that comes after this one was killed.
    let another = site.copy(usize::MAX);
    let (successor, _ended) = another.open().await;
    let last = to_its_end(&successor, &id).await.last;
    assert_eq!((last.status, last.cancelled_by), (SubmissionStatus::Cancelled, Some(owner("ben"))));
    assert!(another.scene.attempts().is_empty(), "nothing was started again");

    // It does not listen, and is killed with this one.
    coordinator.shutdown(Duration::ZERO).await.unwrap();
    ended.wait().await.unwrap();
    assert!(!is_running(process));
}

/// What a coordinator makes of a workspace in which only the first objects have come to be.
async fn ends_from(site: &Site, objects: usize, expected: &[(String, Vec<u8>)]) {
    let another = site.copy(objects);
    let (coordinator, ended) = another.open().await;
    let listed = coordinator.submissions(SubmissionFilter::default(), size(9)).await.unwrap();
    for view in &listed.items {
        let last = to_its_end(&coordinator, &view.id).await.last;
        assert_eq!(last.status, SubmissionStatus::Succeeded, "after {objects} objects");
        let ends: Vec<_> = last.documents.iter().map(|document| document.ended.clone()).collect();
        assert_eq!(ends, [Some(DocumentEnd::Succeeded), Some(DocumentEnd::Succeeded)]);
        assert_eq!(outcomes(&coordinator, &last).await, expected, "after {objects} objects");
    }
    coordinator.shutdown(GRACE).await.unwrap();
    ended.wait().await.unwrap();
}

/// What came of every document, without what differs between folders.
async fn outcomes(coordinator: &Coordinator, view: &coordinator::house::SubmissionView) -> Vec<(String, Vec<u8>)> {
    let mut outcomes = vec![];
    for document in &view.documents {
        let run = coordinator.run(document.run.as_ref().unwrap()).await.unwrap();
        outcomes.push((document.name.clone(), serde_json::to_vec(&run.outcome).unwrap()));
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_goes_on_from_every_point_of_its_life_and_ends_the_same() {
    let site = Site::new();
    site.register_model().await;
    let (coordinator, ended) = site.open().await;
    let before = site.objects().len();
    let documents = [site.training("first"), site.scoring("second")];
    let id = coordinator.submit(new("ana", documents)).await.unwrap().id;
    let last = to_its_end(&coordinator, &id).await.last;
    assert_eq!(last.status, SubmissionStatus::Succeeded);
    let expected = outcomes(&coordinator, &last).await;
    coordinator.shutdown(GRACE).await.unwrap();
    ended.wait().await.unwrap();
    let objects = site.objects();
    let of_coordinators = |place: usize| {
        let parts = ["submissions", "log", "epochs", "document.json", "plan.json"];
        objects[place].iter().any(|part| parts.iter().any(|known| part == *known))
    };
    let points: Vec<usize> = (before..objects.len()).filter(|place| of_coordinators(*place)).collect();
    assert!(points.len() >= 19, "1 submission, 4 + 4 log entries, 2 documents, 2 epochs, 3 + 7 events, 1 plan");
    for place in points {
        ends_from(&site, place + 1, &expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_coordinator_is_refused_or_takes_everything_over() {
    let site = Site::new();
    site.register_model().await;
    site.scene.hold("shard 2");
    let (first, first_ended) = site.open().await;
    let id = first.submit(new("ana", [site.scoring("nightly")])).await.unwrap().id;
    let process = site.scene.began("shard 2").await;
    let refused = site.open_with(settings()).await;
    assert!(matches!(refused, Err(CoordinatorError::Occupied { .. })));
    assert!(is_running(process));

    let (second, _ended) = site.open_with(Settings { take_over: true, ..settings() }).await.unwrap();
    let stepped_down = first_ended.wait().await;
    assert!(matches!(stepped_down, Err(CoordinatorError::SteppedDown { leadership: 1 })), "{stepped_down:?}");
    assert!(!is_running(process));
    site.scene.release("shard 2");
    let done = to_its_end(&second, &id).await.last;
    assert_eq!(done.status, SubmissionStatus::Succeeded);
    let run = second.run(done.documents[0].run.as_ref().unwrap()).await.unwrap();
    assert_eq!(run.outcome["scores"]["rows"], 60);
    let commits = site.folder().join("runs").join(run.id.as_str()).join("commit");
    assert_eq!(std::fs::read_dir(commits).unwrap().count() as u64, practice::SHARDS, "one winner a shard");
    assert!(matches!(first.submission(&id).await, Err(CoordinatorError::Stopping)));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_watch_one_run_and_hold_nothing_up() {
    let site = Site::new();
    site.scene.hold("first train");
    let (coordinator, _ended) = site.open().await;
    let id = coordinator.submit(new("ana", [site.training("first")])).await.unwrap().id;
    site.scene.began("first train").await;
    let run = coordinator.submission(&id).await.unwrap().documents[0].run.clone().unwrap();
    let idle = coordinator.watch(&run, 0).await.unwrap();
    let mut watchers = vec![];
    for _ in 0..500 {
        let events = coordinator.watch(&run, 1).await.unwrap();
        watchers.push(tokio::spawn(events.filter_map(async |event| logged(event.unwrap())).collect::<Vec<u64>>()));
    }
    assert_eq!(coordinator.snapshot().await.unwrap().watchers, 501);
    site.scene.release("first train");
    assert_eq!(to_its_end(&coordinator, &id).await.last.status, SubmissionStatus::Succeeded);
    for watcher in watchers {
        assert_eq!(watcher.await.unwrap(), [1, 2]);
    }
    drop(idle);
    let again: Vec<u64> =
        coordinator.watch(&run, 0).await.unwrap().filter_map(async |event| logged(event.unwrap())).collect().await;
    assert_eq!(again, [0, 1, 2], "also once it has ended");
    assert!(coordinator.watch(&"nobody-0123456789ab".parse().unwrap(), 0).await.is_err());
}

fn logged(event: coordinator::house::RunEvent) -> Option<u64> {
    match event {
        coordinator::house::RunEvent::Logged { seq, .. } => Some(seq),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_of_a_submission_is_replaced() {
    let site = Site::new();
    site.register_model().await;
    site.scene.hold("shard 1");
    let (coordinator, _ended) = site.open().await;
    let id = coordinator.submit(new("ana", [site.scoring("nightly")])).await.unwrap().id;
    kill(site.scene.began("shard 1").await, libc::SIGKILL);
    site.scene.release("shard 1");
    assert_eq!(to_its_end(&coordinator, &id).await.last.status, SubmissionStatus::Succeeded);
    assert_eq!(coordinator.snapshot().await.unwrap().failed_attempts[&FailureClass::Preempted], 1);
}
