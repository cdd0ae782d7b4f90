//! Whole runs with real processes: this test's own executable stands in for `kindred-trainer` and `kindred-scorer`, and
//! for a coordinator that is killed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

extern crate kindred_coordinator as coordinator;

mod house;
mod moments;
mod practice;
mod schedules;
mod site;
mod stage;

use coordinator::run::{State, Subject};
use coordinator::{Control, Wanted};
use proto::{FailureClass, Stage, Unit};

use moments::{Moments, kill_if_there};
use stage::{Scene, is_running, kill};

#[tokio::test(flavor = "multi_thread")]
async fn a_scoring_run_over_three_processes_ends_well_and_leaves_none_behind() {
    let scene = Scene::new();
    let report = scene.run().await.unwrap();
    let State::Succeeded(course) = &report.state else { panic!("{:?}", report.state) };
    assert_eq!(course.finished[&Stage::Publish]["scores"]["rows"], 60);
    assert!(!report.was_finished);
    for child in ["plan-g1-p0", "score-g2-p0", "score-g2-p1", "score-g2-p2", "publish-g3-p0"] {
        let log = std::fs::read_to_string(report.logs.join(format!("{child}.log"))).unwrap();
        assert!(log.contains("practice begins"), "{child}: {log}");
    }
    assert!(scene.pids().iter().all(|pid| !is_running(*pid)));

    let again = scene.run().await.unwrap();
    assert!(again.was_finished);
    assert_eq!(again.state, report.state);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_killed_in_the_middle_of_its_shard_costs_that_shard_alone() {
    let undisturbed = Scene::new();
    let expected = undisturbed.run().await.unwrap();

    let scene = Scene::new();
    scene.hold("shard 1");
    let running = scene.start();
    kill(scene.began("shard 1").await, libc::SIGKILL);
    scene.release("shard 1");
    let report = running.await.unwrap().unwrap();
    let (State::Succeeded(course), State::Succeeded(expected)) = (&report.state, &expected.state) else {
        panic!("{:?}", report.state)
    };
    assert_eq!(course.finished[&Stage::Publish], expected.finished[&Stage::Publish], "the same bytes");
    let attempts = scene.attempts();
    for shard in 0..practice::SHARDS {
        let unit = format!("shard {shard}");
        let times = attempts.iter().filter(|(attempted, _)| *attempted == unit).count();
        assert_eq!(times, if shard == 1 { 2 } else { 1 }, "{unit} in {attempts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scorer_that_is_stopped_past_its_lease_is_replaced() {
    let scene = Scene::new().with_lease(std::time::Duration::from_secs(1));
    scene.hold("shard 2");
    let running = scene.start();
    let stopped = scene.began("shard 2").await;
    kill(stopped, libc::SIGSTOP);
    scene.release("shard 2");
    assert_eq!(running.await.unwrap().unwrap().state.as_str(), "succeeded");
    assert!(!is_running(stopped));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_stops_its_processes_and_goes_on_from_what_is_done() {
    let scene = Scene::new();
    scene.hold("shard 4");
    let running = scene.start();
    let scorer = scene.began("shard 4").await;
    assert_eq!(scene.control().interrupt(), Wanted::Stop);
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.state.as_str(), "interrupted");
    assert!(!is_running(scorer));
    let committed = scene.commits();
    assert!(!committed.contains_key("00000000000000000004.json"));

    scene.release("shard 4");
    let report = scene.again().run().await.unwrap();
    assert_eq!(report.state.as_str(), "succeeded");
    let after = scene.commits();
    assert_eq!(after.len() as u64, practice::SHARDS);
    assert!(committed.iter().all(|(name, bytes)| after[name] == *bytes), "a finished shard was scored again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_interrupt_kills_what_does_not_listen() {
    let scene = Scene::new();
    scene.hold("stubborn plan");
    let running = scene.start();
    let planner = scene.began("stubborn plan").await;
    scene.control().interrupt();
    scene.control().interrupt();
    let report = running.await.unwrap().unwrap();
    assert_eq!(report.state.as_str(), "interrupted");
    assert!(!is_running(planner));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_coordinator_takes_its_processes_with_it_and_another_goes_on() {
    let scene = Scene::new();
    scene.hold("shard 3");
    let mut coordinator = scene.coordinator();
    let scorer = scene.began("shard 3").await;
    coordinator.kill().unwrap();
    coordinator.wait().unwrap();
    while is_running(scorer) {
        tokio::task::yield_now().await;
    }
    scene.release("shard 3");
    let committed = scene.commits();
    let report = scene.run().await.unwrap();
    assert_eq!(report.state.as_str(), "succeeded");
    assert_eq!(report.state.course().unwrap().epoch.0, 2);
    let after = scene.commits();
    assert!(committed.iter().all(|(name, bytes)| after[name] == *bytes), "a finished shard was scored again");
}

#[tokio::test(flavor = "multi_thread")]
async fn coordinators_killed_again_and_again_lose_nothing() {
    let scene = Scene::new();
    for unit in ["plan", "shard 0", "shard 5", "publish"] {
        scene.hold(unit);
        let mut coordinator = scene.coordinator();
        scene.began(unit).await;
        coordinator.kill().unwrap();
        coordinator.wait().unwrap();
        scene.release(unit);
    }
    let report = scene.run().await.unwrap();
    let State::Succeeded(course) = &report.state else { panic!("{:?}", report.state) };
    assert_eq!(course.epoch.0, 5);
    assert_eq!(course.finished[&Stage::Publish]["scores"]["rows"], 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_input_reaches_the_report_with_its_causes() {
    let scene = Scene::new();
    scene.fail("shard 0", FailureClass::Input);
    let report = scene.run().await.unwrap();
    let State::Failed(_, subject, failure) = &report.state else { panic!("{:?}", report.state) };
    assert_eq!(*subject, Subject::Unit(Unit::Score(proto::Shard(0))));
    assert_eq!(failure.message, "cannot read part-0.parquet");
    assert_eq!(failure.causes, ["row group 3 is cut off"]);

    let report = scene.run().await.unwrap();
    assert_eq!(report.state.as_str(), "succeeded", "the next try finds the input repaired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_cannot_start_is_reported_with_what_it_printed() {
    let scene = Scene::new().with_scorer("echo 'libtorch_cpu.so: cannot open shared object file' >&2; exit 127");
    let report = scene.run().await.unwrap();
    let State::Failed(_, subject, failure) = &report.state else { panic!("{:?}", report.state) };
    assert_eq!(*subject, Subject::Process(Stage::Plan));
    assert_eq!(failure.message, "the process ended with status 127");
    assert_eq!(failure.causes, ["libtorch_cpu.so: cannot open shared object file"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_that_cannot_be_written_is_named() {
    let scene = Scene::new();
    let occupied = scene.path("occupied");
    std::fs::write(&occupied, "a file").unwrap();
    let (_, controlled) = Control::new();
    let error = scene.embedded_in(occupied.to_str().unwrap()).run(&scene.resolved(), controlled, scene.quiet()).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("occupied"), "{error}");
}

#[test]
fn a_worker_whose_parent_died_before_it_could_tie_itself_to_it_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let ended = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "practice::acts_as_a_worker", "--nocapture"])
        .env(
            practice::ARGUMENTS_VARIABLE,
            "--coordinator http://127.0.0.1:9 --workspace /nowhere --run r-1 --stage score --generation 1",
        )
        .env(practice::FOLDER_VARIABLE, folder.path())
        .env(proto::TOKEN_VARIABLE, "0123456789abcdef")
        // No process has this number.
        .env(proto::PARENT_VARIABLE, i32::MAX.to_string())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(i32::from(proto::LOST_TOUCH_STATUS)));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("the coordinator's process has ended"));
}

/// Kills (`KINDRED_KILL_SEED` says at which moments) until so many processes are dead, in as many runs as that takes.
#[tokio::test(flavor = "multi_thread")]
async fn processes_killed_at_dozens_of_moments_change_no_byte() {
    let undisturbed = Scene::new();
    let expected = undisturbed.run().await.unwrap();
    let State::Succeeded(expected) = &expected.state else { panic!("{:?}", expected.state) };
    let mut moments = Moments::from_environment();
    let (mut coordinators, mut workers) = (0, 0);
    while coordinators < 12 || workers < 12 {
        let scene = Scene::new();
        for _ in 0..6 {
            let mut coordinator = scene.coordinator();
            for _ in 0..2 {
                moments.pass(&scene, &mut coordinator).await;
                workers += u32::from(moments.pick(scene.workers()).is_some_and(kill_if_there));
            }
            moments.pass(&scene, &mut coordinator).await;
            // One that has ended by now has ended well, or another took over.
            if coordinator.try_wait().unwrap().is_none() {
                coordinators += 1;
                coordinator.kill().unwrap();
            }
            coordinator.wait().unwrap();
        }
        let report = scene.run().await.unwrap();
        let State::Succeeded(course) = &report.state else { panic!("{moments}: {:?}", report.state) };
        assert_eq!(course.finished[&Stage::Publish], expected.finished[&Stage::Publish], "{moments}: other bytes");
        assert_eq!(scene.commits().len() as u64, practice::SHARDS, "{moments}");
        assert!(scene.workers().is_empty(), "{moments}: left behind");
        eprintln!("{moments}: {coordinators} coordinators and {workers} workers killed so far");
    }
}
