//! Whole runs with workers in this process, on a store in memory and a clock that stands still until it is moved.

mod actor;
mod clock;
mod company;
mod fail_points;
mod members;
mod silence;
mod simulation;

use artifacts::trials::{self, TrialResult};
use proto::{Failure, FailureClass, Shard, Stage, Trial, Unit};
use serde_json::json;

use crate::control::Wanted;
use crate::error::CoordinatorError;
use crate::log::RunLog;
use crate::notice::Notice;
use crate::run::{Event, Kind, State, StopReason, Subject, Verdict};
use crate::waiting::WaitsFor;
use actor::Act;
use company::{Company, SHARDS};

fn shard(number: u64) -> Unit {
    Unit::Score(Shard(number))
}

fn trial(number: u64) -> Unit {
    Unit::Trial(Trial(number))
}

fn failing(class: FailureClass) -> Act {
    Act::Fail(Failure { class, message: "broke".to_owned(), causes: vec!["because".to_owned()] })
}

#[tokio::test]
async fn a_training_run_is_one_unit() {
    let company = Company::of(Kind::Training).await;
    let state = company.run().await.unwrap();
    let State::Succeeded(course) = state else { panic!("{}", state.as_str()) };
    assert_eq!(course.finished[&Stage::Train], json!({"version": 1}));
    assert_eq!(company.performed(), [Unit::Train]);
}

#[tokio::test]
async fn a_scoring_run_plans_scores_every_shard_and_publishes() {
    let company = Company::of(Kind::Scoring).await;
    let state = company.run().await.unwrap();
    let State::Succeeded(course) = state else { panic!("{}", state.as_str()) };
    assert_eq!(course.finished[&Stage::Score], json!({"shards": SHARDS}));
    assert!(course.finished[&Stage::Publish]["audiences"][0]["published"].as_bool().unwrap());
    let mut performed = company.performed();
    performed.sort_unstable();
    let scored = (0..SHARDS).map(shard);
    assert_eq!(performed, [Unit::Plan].into_iter().chain(scored).chain([Unit::Publish]).collect::<Vec<_>>());
    assert_eq!(company.launched(), ["plan-g1-p0", "score-g2-p0", "score-g2-p1", "publish-g3-p0"]);
}

#[tokio::test]
async fn a_search_goes_from_rung_to_rung_and_then_trains() {
    let company = Company::searching().await;
    let state = company.run().await.unwrap();
    let State::Succeeded(course) = state else { panic!("{}", state.as_str()) };
    assert_eq!(course.finished[&Stage::Search], json!({"trainings": 7}));
    let performed = company.performed();
    assert_eq!((performed[0], performed[8], performed.len()), (Unit::Prepare, Unit::Train, 9));
    for (rung, trainings) in [(1..5, 0..4), (5..7, 4..6), (7..8, 6..7)] {
        let mut of_rung = performed[rung].to_vec();
        of_rung.sort_unstable();
        assert_eq!(of_rung, trainings.map(trial).collect::<Vec<_>>(), "{performed:?}");
    }
    assert_eq!(company.launched(), ["prepare-g1-p0", "search-g2-p0", "search-g2-p1", "train-g3-p0"]);
}

#[tokio::test]
async fn a_search_that_is_taken_over_repeats_no_training() {
    let company = Company::searching().await.acting(trial(4), [failing(FailureClass::Environment)]);
    let state = company.run().await.unwrap();
    let State::Failed(_, subject, _) = &state else { panic!("{}", state.as_str()) };
    assert_eq!(*subject, Subject::Unit(trial(4)));
    let company = company.again().await;
    assert_eq!(company.run().await.unwrap().as_str(), "succeeded");
    for number in 0..7 {
        let times = company.performed().iter().filter(|unit| **unit == trial(number)).count();
        // Training 5 may have been interrupted at work.
        assert!(if [4, 5].contains(&number) { times <= 2 } else { times == 1 }, "training {number}: {times}");
    }
}

#[tokio::test]
async fn a_trial_that_keeps_dying_is_left_out_and_the_search_goes_on() {
    let company = Company::searching().await.acting(trial(1), vec![Act::Die; 100]);
    let state = company.run().await.unwrap();
    assert_eq!(state.as_str(), "succeeded");
    assert_eq!(company.performed().iter().filter(|unit| **unit == trial(1)).count(), 6);
    let results = trials::read_trials::<u64>(company.workspace(), company.run_id(), 0..7).await.unwrap();
    assert!(matches!(&results[1], TrialResult::Failed { reasons } if !reasons.is_empty()), "{:?}", results[1]);
    assert_eq!(results.iter().filter(|result| matches!(result, TrialResult::Trained(_))).count(), 6);
}

#[tokio::test]
async fn what_is_wrong_with_the_tables_is_no_trial_s_fault() {
    let company = Company::searching().await.acting(trial(2), [failing(FailureClass::Input)]);
    let state = company.run().await.unwrap();
    assert!(matches!(state, State::Failed(_, Subject::Unit(unit), _) if unit == trial(2)), "{}", state.as_str());
}

#[tokio::test]
async fn there_are_no_more_processes_than_work() {
    let company = Company::of(Kind::Scoring).await.with_processes(100);
    company.run().await.unwrap();
    let scorers = company.launched().iter().filter(|name| name.starts_with("score")).count();
    assert_eq!(scorers as u64, SHARDS);
}

#[tokio::test]
async fn a_finished_run_is_not_run_again() {
    let company = Company::of(Kind::Training).await;
    company.run().await.unwrap();
    let (log, state) = RunLog::take_over(company.workspace(), company.run_id(), Kind::Training).await.unwrap();
    assert!(log.is_none());
    assert_eq!(state.as_str(), "succeeded");
}

#[tokio::test]
async fn a_killed_worker_costs_its_shard_alone() {
    let company = Company::of(Kind::Scoring).await.acting(shard(2), [Act::Die]).acting(shard(4), [Act::Die]);
    let state = company.run().await.unwrap();
    assert_eq!(state.as_str(), "succeeded");
    for number in 0..SHARDS {
        let times = company.performed().iter().filter(|unit| **unit == shard(number)).count();
        assert_eq!(times, if [2, 4].contains(&number) { 2 } else { 1 }, "shard {number}");
    }
    let attempts = company.attempts();
    let mut distinct = attempts.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), attempts.len(), "no two attempts share a number");
}

#[tokio::test]
async fn a_unit_that_keeps_dying_fails_the_run_at_the_end_of_its_budget() {
    let company = Company::of(Kind::Scoring).await.acting(shard(1), vec![Act::Die; 100]);
    let state = company.run().await.unwrap();
    let State::Failed(_, subject, failure) = state else { panic!("{}", state.as_str()) };
    assert_eq!(subject, Subject::Unit(shard(1)));
    assert_eq!(failure.class, FailureClass::Preempted);
    assert_eq!(company.performed().iter().filter(|unit| **unit == shard(1)).count(), 6);
}

#[tokio::test]
async fn bad_input_fails_at_once_and_stops_everything_else() {
    let company = Company::of(Kind::Scoring).await.acting(shard(0), [failing(FailureClass::Input)]);
    let state = company.acting(shard(1), [Act::UntilCancelled]).run_and_keep().await;
    let (company, state) = state.unwrap();
    let State::Failed(_, subject, failure) = state else { panic!("{}", state.as_str()) };
    assert_eq!((subject, failure.message.as_str()), (Subject::Unit(shard(0)), "broke"));
    assert_eq!(failure.causes, ["because"]);
    assert_eq!(company.performed().iter().filter(|unit| **unit == shard(0)).count(), 1);
    assert_eq!(company.children_left(), 0);
}

#[tokio::test]
async fn a_store_s_failure_is_tried_again_after_a_while() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [failing(FailureClass::Storage)]);
    let mut playing = company.play();
    let retry = playing.until(|notice| match notice {
        Notice::AttemptFailed { verdict, .. } => Some(*verdict),
        _ => None,
    });
    let Verdict::Retry { after } = retry.await else { panic!("given up") };
    assert_eq!(after.as_secs(), 1);
    playing.company.clock().advance(after);
    assert_eq!(playing.end().await.unwrap().as_str(), "succeeded");
}

#[tokio::test]
async fn a_worker_that_falls_silent_loses_its_lease_and_its_process() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::Freeze]);
    let lease = company.timing().lease;
    let mut playing = company.play();
    playing.company.frozen().await;
    playing.pass(lease).await;
    let failure = playing.until(|notice| match notice {
        Notice::AttemptFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    let failure = failure.await;
    assert!(failure.message.contains("no sign of life"), "{failure}");
    assert_eq!(playing.end().await.unwrap().as_str(), "succeeded");
}

#[tokio::test]
async fn a_shard_that_takes_too_long_is_won_by_an_idle_process() {
    let company = Company::of(Kind::Scoring).await.acting(shard(0), [Act::UntilCancelled]);
    let mut playing = company.play();
    let all_but_one = |notice: &Notice| match notice {
        Notice::UnitDone { unit: Unit::Score(_), done, units } => (done + 1 == *units).then_some(()),
        _ => None,
    };
    playing.until(all_but_one).await;
    let twice = playing.pass_until(|notice| match notice {
        Notice::Straggler { unit, held } => Some((*unit, *held)),
        _ => None,
    });
    let (unit, held) = twice.await;
    assert_eq!(unit, shard(0));
    assert!(held > playing.company.timing().straggling.floor, "{held:?}");
    let (company, state) = playing.finish().await;
    assert_eq!(state.unwrap().as_str(), "succeeded");
    assert_eq!(company.performed().iter().filter(|unit| **unit == shard(0)).count(), 2);
    assert_eq!(company.launched(), ["plan-g1-p0", "score-g2-p0", "score-g2-p1", "publish-g3-p0"], "nobody was killed");
}

#[tokio::test]
async fn a_run_that_does_not_advance_says_what_it_waits_for() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::UntilCancelled]);
    let mut playing = company.play();
    playing.company.waiting_for_cancel().await;
    let waiting = playing.pass_until(|notice| match notice {
        Notice::Waiting { waited, reasons } => Some((*waited, reasons.clone())),
        _ => None,
    });
    let (waited, reasons) = waiting.await;
    assert!(waited >= playing.company.timing().quiet, "{waited:?}");
    let [WaitsFor::Work { unit: Unit::Train, idle, .. }] = reasons.as_slice() else { panic!("{reasons:?}") };
    assert_eq!(*idle, waited);
    playing.company.control().interrupt();
    assert_eq!(playing.end().await.unwrap().as_str(), "interrupted");
}

#[tokio::test]
async fn a_worker_that_gets_nowhere_though_it_lives_is_ended() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::UntilCancelled]);
    let mut playing = company.play();
    playing.company.waiting_for_cancel().await;
    let failure = playing.pass_until(|notice| match notice {
        Notice::AttemptFailed { failure, .. } => Some(failure.clone()),
        _ => None,
    });
    let failure = failure.await;
    assert_eq!(failure.class, FailureClass::Bug);
    assert!(failure.message.contains("made no progress for 600 s"), "{failure}");
    let (company, state) = playing.finish().await;
    assert_eq!(state.unwrap().as_str(), "succeeded");
    assert_eq!(company.launched(), ["train-g1-p0", "train-g2-p0"]);
}

#[tokio::test]
async fn what_an_earlier_coordinator_left_is_ended_first() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::UntilCancelled]);
    let playing = company.play();
    playing.company.waiting_for_cancel().await;
    let mut playing = playing.crash().await.play();
    let left = playing.until(|notice| match notice {
        Notice::Leftover { child } => Some(child.to_string()),
        _ => None,
    });
    assert_eq!(left.await, "train-g1-p0");
    let (company, state) = playing.finish().await;
    assert_eq!(state.unwrap().as_str(), "succeeded");
    assert_eq!(company.children_left(), 0);
}

#[tokio::test]
async fn a_process_that_never_registers_is_replaced() {
    let company = Company::of(Kind::Training).await.with_stillborn(1);
    let (startup, round) = (company.timing().startup, company.timing().round);
    let mut playing = company.play();
    playing.until(|notice| matches!(notice, Notice::Launched { .. }).then_some(())).await;
    playing.pass(startup + 2 * round).await;
    assert_eq!(playing.end().await.unwrap().as_str(), "succeeded");
}

#[tokio::test]
async fn a_process_that_cannot_start_fails_the_run_after_one_more_try() {
    let company = Company::of(Kind::Scoring).await.with_crashes(10);
    let state = company.run().await.unwrap();
    let State::Failed(_, subject, failure) = state else { panic!("{}", state.as_str()) };
    assert_eq!(subject, Subject::Process(Stage::Plan));
    assert!(failure.message.contains("status 127"), "{failure}");
    assert_eq!(company.launched().len(), 2);
}

#[tokio::test]
async fn a_program_that_is_missing_fails_the_run_at_once() {
    let company = Company::of(Kind::Training).await.without_programs();
    let state = company.run().await.unwrap();
    let State::Failed(_, _, failure) = state else { panic!("{}", state.as_str()) };
    assert_eq!(failure.class, FailureClass::Environment);
    assert!(failure.message.contains("kindred-trainer"), "{failure}");
}

#[tokio::test]
async fn an_interrupted_run_stops_cleanly_and_goes_on_from_what_is_done() {
    let company = Company::of(Kind::Scoring).await.with_processes(1).acting(shard(3), [Act::UntilCancelled]);
    let mut playing = company.play();
    playing.company.waiting_for_cancel().await;
    assert_eq!(playing.company.control().interrupt(), Wanted::Stop);
    let reason = playing.until(|notice| match notice {
        Notice::Stopping { reason, .. } => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason.await, StopReason::Interrupted);
    let (company, state) = playing.finish().await;
    assert_eq!(state.unwrap().as_str(), "interrupted");
    assert_eq!(company.children_left(), 0);
    let before = company.performed();
    assert_eq!(before, [Unit::Plan, shard(0), shard(1), shard(2), shard(3)]);

    let company = company.again().await;
    assert_eq!(company.run().await.unwrap().as_str(), "succeeded");
    let after = company.performed();
    assert_eq!(after[before.len()..], [shard(3), shard(4), shard(5), Unit::Publish], "what was done stays done");
    assert_eq!(company.launched().last().unwrap(), "publish-g4-p0", "generations go on counting");
}

#[tokio::test]
async fn a_second_interrupt_kills() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::Freeze]);
    let playing = company.play();
    playing.company.frozen().await;
    playing.company.control().interrupt();
    playing.company.control().interrupt();
    let (company, state) = playing.finish().await;
    assert_eq!(state.unwrap().as_str(), "interrupted");
    assert_eq!(company.children_left(), 0);
}

#[tokio::test]
async fn a_child_that_does_not_stop_in_time_is_killed() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::Freeze]);
    let grace = company.timing().grace;
    let mut playing = company.play();
    playing.company.frozen().await;
    playing.company.control().interrupt();
    playing.until(|notice| matches!(notice, Notice::Stopping { .. }).then_some(())).await;
    playing.company.clock().everyone_waits().await;
    playing.company.clock().advance(grace);
    assert_eq!(playing.end().await.unwrap().as_str(), "interrupted");
}

#[tokio::test]
async fn a_failed_run_is_reopened_with_fresh_budgets() {
    let company = Company::of(Kind::Scoring).await.with_processes(1).acting(shard(1), [failing(FailureClass::Input)]);
    assert_eq!(company.run().await.unwrap().as_str(), "failed");
    let company = company.again().await;
    assert_eq!(company.run().await.unwrap().as_str(), "succeeded");
    let times = |unit| company.performed().iter().filter(|performed| **performed == unit).count();
    assert_eq!((times(Unit::Plan), times(shard(0)), times(shard(1))), (1, 1, 2));
}

#[tokio::test]
async fn a_coordinator_that_died_while_stopping_is_continued() {
    let company = Company::of(Kind::Training).await;
    let mut log = company.open_log().await;
    log.append(Event::StopRequested { reason: StopReason::Interrupted }).await.unwrap();
    drop(log);
    let company = company.again().await;
    assert_eq!(company.run().await.unwrap().as_str(), "succeeded");
}

#[tokio::test]
async fn shards_committed_by_nobody_s_account_are_not_scored_again() {
    let company = Company::of(Kind::Scoring).await.with_processes(1);
    company.commit_ahead([0, 1, 5]).await;
    assert_eq!(company.run().await.unwrap().as_str(), "succeeded");
    assert_eq!(company.performed(), [Unit::Plan, shard(2), shard(3), shard(4), Unit::Publish]);
}

#[tokio::test]
async fn an_empty_population_goes_straight_to_publication() {
    let company = Company::of(Kind::Scoring).await.with_shards(0);
    assert_eq!(company.run().await.unwrap().as_str(), "succeeded");
    assert_eq!(company.performed(), [Unit::Plan, Unit::Publish]);
}

#[tokio::test]
async fn an_audience_that_is_held_back_ends_the_run_so() {
    let outcome = json!({"audiences": [
        {"name": "buyers", "version": 1, "published": true, "held_back": []},
        {"name": "churners", "published": false, "held_back": ["min_size: 9 people, 10 are needed"]},
    ]});
    let company = Company::of(Kind::Scoring).await.acting(Unit::Publish, [Act::Say(outcome)]);
    let state = company.run().await.unwrap();
    let State::HeldBack(course, held_back) = state else { panic!("{}", state.as_str()) };
    assert_eq!(held_back.len(), 1);
    assert_eq!(held_back[0].reasons, ["min_size: 9 people, 10 are needed"]);
    assert_eq!(course.finished[&Stage::Publish]["audiences"][0]["version"], 1);
}

#[tokio::test]
async fn a_publication_that_nobody_understands_is_no_success() {
    let odd = Act::Say(json!({"audiences": "two of them"}));
    let company = Company::of(Kind::Scoring).await.acting(Unit::Publish, [odd]);
    let state = company.run().await.unwrap();
    let State::Failed(_, subject, failure) = state else { panic!("{}", state.as_str()) };
    assert_eq!((subject, failure.class), (Subject::Unit(Unit::Publish), FailureClass::Bug));
}

#[tokio::test]
async fn a_superseded_coordinator_steps_down_and_ends_its_children() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::UntilCancelled]);
    let round = company.timing().round;
    let playing = company.play();
    playing.company.waiting_for_cancel().await;
    let taken = RunLog::take_over(playing.company.workspace(), playing.company.run_id(), Kind::Training).await;
    assert!(taken.unwrap().0.is_some());
    playing.company.clock().everyone_waits().await;
    playing.company.clock().advance(round);
    let (company, result) = playing.finish().await;
    assert!(matches!(result.unwrap_err(), CoordinatorError::Superseded { .. }));
    assert_eq!(company.children_left(), 0);
}

#[tokio::test]
async fn a_coordinator_that_was_away_blames_nobody() {
    let company = Company::of(Kind::Training).await.acting(Unit::Train, [Act::UntilCancelled]);
    let mut playing = company.play();
    playing.company.waiting_for_cancel().await;
    playing.company.clock().everyone_waits().await;
    playing.company.clock().advance(std::time::Duration::from_secs(3600));
    playing.company.clock().everyone_waits().await;
    playing.company.control().interrupt();
    let first = playing.until(|notice| match notice {
        Notice::AttemptFailed { failure, .. } => Some(Err(failure.clone())),
        Notice::Stopping { .. } => Some(Ok(())),
        _ => None,
    });
    assert_eq!(first.await, Ok(()));
    assert_eq!(playing.end().await.unwrap().as_str(), "interrupted");
}
