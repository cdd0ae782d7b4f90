use artifacts::Workspace;
use proto::{Generation, Stage};
use serde_json::json;

use super::*;
use crate::run::StopReason;

fn workspace(folder: &tempfile::TempDir) -> Workspace {
    Workspace::open(folder.path().to_str().unwrap()).unwrap()
}

fn run() -> RunId {
    "repurchase-0123456789ab".parse().unwrap()
}

async fn opened(workspace: &Workspace) -> RunLog {
    RunLog::take_over(workspace, &run(), Kind::Training).await.unwrap().0.unwrap()
}

fn launched(generation: u64) -> Event {
    Event::Launched { stage: Stage::Train, generation: Generation(generation), processes: 1 }
}

fn finished() -> Event {
    Event::StageFinished { stage: Stage::Train, outcome: json!({"version": 1}), held_back: vec![] }
}

#[tokio::test]
async fn a_log_replays_to_the_state_that_wrote_it() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(&folder);
    let mut log = opened(&workspace).await;
    log.append(launched(1)).await.unwrap();
    log.append(Event::StopRequested { reason: StopReason::Interrupted }).await.unwrap();
    log.append(Event::Stopped).await.unwrap();
    let replay = Replay::read(&workspace, &run()).await.unwrap();
    assert_eq!(replay.entries(), 4);
    assert_eq!(replay.state(), log.state());
    assert_eq!(replay.state().as_str(), "interrupted");
}

#[tokio::test]
async fn a_successor_stops_the_coordinator_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(&folder);
    let mut old = opened(&workspace).await;
    old.append(launched(1)).await.unwrap();
    old.check_not_superseded().await.unwrap();

    let mut new = opened(&workspace).await;
    assert_eq!((old.epoch(), new.epoch()), (Epoch(1), Epoch(2)));
    assert_eq!(new.state().course().unwrap().epoch, Epoch(2));
    let superseded = |error| matches!(error, CoordinatorError::Superseded { epoch: Epoch(1), .. });
    assert!(superseded(old.check_not_superseded().await.unwrap_err()));
    assert!(superseded(old.append(finished()).await.unwrap_err()));
    new.append(finished()).await.unwrap();
    assert_eq!(Replay::read(&workspace, &run()).await.unwrap().state().as_str(), "succeeded");
}

#[tokio::test]
async fn coordinators_that_start_at_once_end_with_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(&folder);
    let takers = (0..8).map(|_| {
        let workspace = workspace.clone();
        tokio::spawn(async move { RunLog::take_over(&workspace, &run(), Kind::Training).await })
    });
    let mut writers = vec![];
    for taker in takers {
        match taker.await.unwrap() {
            Ok((log, _)) => writers.extend(log),
            Err(error) => assert!(matches!(error, CoordinatorError::Superseded { .. }), "{error}"),
        }
    }
    let mut won = 0;
    for log in &mut writers {
        match log.append(launched(1)).await {
            Ok(()) => won += 1,
            Err(error) => assert!(matches!(error, CoordinatorError::Superseded { .. }), "{error}"),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_finished_run_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(&folder);
    let mut log = opened(&workspace).await;
    log.append(launched(1)).await.unwrap();
    log.append(finished()).await.unwrap();
    let entries = Replay::read(&workspace, &run()).await.unwrap().entries();
    let (log, state) = RunLog::take_over(&workspace, &run(), Kind::Training).await.unwrap();
    assert!(log.is_none());
    assert_eq!(state.course().unwrap().finished[&Stage::Train], json!({"version": 1}));
    assert_eq!(Replay::read(&workspace, &run()).await.unwrap().entries(), entries);
    assert_eq!(workspace.numbers_in(&layout::run_epochs(&run())).await.unwrap(), [1]);
}

#[tokio::test]
async fn an_impossible_event_does_not_get_into_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(&folder);
    let mut log = opened(&workspace).await;
    let error = log.append(Event::Stopped).await.unwrap_err();
    assert!(matches!(error, CoordinatorError::Illegal(_)), "{error}");
    assert_eq!(Replay::read(&workspace, &run()).await.unwrap().entries(), 1);
}

#[tokio::test]
async fn an_entry_that_was_put_in_between_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = workspace(&folder);
    let log = opened(&workspace).await;
    let forged = LogEntry {
        epoch: log.epoch(),
        writer: WriterId::new(),
        at: Utc::now(),
        previous: Some(Digest::of(b"something else")),
        event: launched(1),
    };
    workspace.create_once(&layout::run_log_entry(&run(), 1), &forged).await.unwrap();
    let error = Replay::read(&workspace, &run()).await.unwrap_err();
    assert!(matches!(error, CoordinatorError::BrokenLog { .. }), "{error}");
    assert!(error.to_string().contains("00000000000000000001.json"), "{error}");
}
