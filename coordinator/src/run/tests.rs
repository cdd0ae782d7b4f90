use std::time::Duration;

use proptest::prelude::*;
use proto::{Epoch, Failure, FailureClass, Generation, Shard, Stage, Trial, Unit};
use serde_json::json;

use super::*;

fn failure(class: FailureClass) -> Failure {
    Failure { class, message: "broke".to_owned(), causes: vec!["because".to_owned()] }
}

fn failed(class: FailureClass) -> StopReason {
    StopReason::Failed { subject: Subject::Unit(Unit::Plan), failure: failure(class) }
}

fn cancelled() -> StopReason {
    StopReason::Cancelled { by: "ana".parse().unwrap() }
}

fn held_back() -> Vec<HeldBack> {
    vec![HeldBack { audience: Some("buyers".parse().unwrap()), reasons: vec!["9 people, 10 are needed".to_owned()] }]
}

fn after(events: &[Event]) -> State {
    events.iter().fold(State::Absent, |state, event| transition(state, event).unwrap())
}

fn submitted(kind: Kind) -> Event {
    Event::Submitted { kind, epoch: Epoch(1) }
}

fn launched(stage: Stage, generation: u64) -> Event {
    Event::Launched { stage, generation: Generation(generation), processes: 2 }
}

fn finished(stage: Stage) -> Event {
    Event::StageFinished { stage, outcome: json!({"of": stage.as_str()}), held_back: vec![] }
}

fn attempt_failed(unit: Unit) -> Event {
    Event::AttemptFailed { subject: Subject::Unit(unit), failure: failure(FailureClass::Storage) }
}

fn stop(reason: StopReason) -> Event {
    Event::StopRequested { reason }
}

/// Every state, reached by the shortest way, while a scoring run plans (or, for the last two, ends).
fn states() -> Vec<State> {
    let ready = vec![submitted(Kind::Scoring)];
    let active = [ready.clone(), vec![launched(Stage::Plan, 1)]].concat();
    let interrupting = [active.clone(), vec![stop(StopReason::Interrupted)]].concat();
    let cancelling = [active.clone(), vec![stop(cancelled())]].concat();
    let failing = [active.clone(), vec![stop(failed(FailureClass::Bug))]].concat();
    let publishing = [active.clone(), vec![finished(Stage::Plan), finished(Stage::Score)]].concat();
    let held = Event::StageFinished { stage: Stage::Publish, outcome: json!({}), held_back: held_back() };
    vec![
        State::Absent,
        after(&ready),
        after(&active),
        after(&interrupting),
        after(&[interrupting, vec![Event::Stopped]].concat()),
        after(&[cancelling, vec![Event::Stopped]].concat()),
        after(&[failing, vec![Event::Stopped]].concat()),
        after(&[publishing.clone(), vec![finished(Stage::Publish)]].concat()),
        after(&[publishing, vec![held]].concat()),
    ]
}

/// Every kind of event, as one that could follow while a scoring run plans.
fn events() -> Vec<Event> {
    vec![
        submitted(Kind::Training),
        Event::EpochStarted { epoch: Epoch(2) },
        launched(Stage::Plan, 2),
        attempt_failed(Unit::Plan),
        finished(Stage::Plan),
        stop(StopReason::Interrupted),
        Event::Stopped,
        Event::Reopened,
    ]
}

#[test]
fn every_event_in_every_state_leads_where_the_table_says() {
    // `-`: cannot happen. Launch 2 cannot follow from `ready`, where launch 1 has not been.
    let table = [
        ("absent", ["ready", "-", "-", "-", "-", "-", "-", "-"]),
        ("ready", ["-", "ready", "-", "-", "ready", "stopping", "-", "-"]),
        ("active", ["-", "active", "active", "active", "ready", "stopping", "-", "-"]),
        ("stopping", ["-", "stopping", "-", "-", "stopping", "-", "interrupted", "-"]),
        ("interrupted", ["-", "interrupted", "-", "-", "-", "-", "-", "ready"]),
        ("cancelled", ["-", "cancelled", "-", "-", "-", "-", "-", "ready"]),
        ("failed", ["-", "failed", "-", "-", "-", "-", "-", "ready"]),
        ("succeeded", ["-", "-", "-", "-", "-", "-", "-", "-"]),
        ("held back", ["-", "-", "-", "-", "-", "-", "-", "-"]),
    ];
    let states = states();
    assert_eq!(states.len(), table.len());
    for (state, (name, row)) in states.into_iter().zip(table) {
        assert_eq!(state.as_str(), name);
        for (event, expected) in events().iter().zip(row) {
            let next = transition(state.clone(), event);
            let word = next.as_ref().map_or("-", State::as_str);
            assert_eq!(word, expected, "{} in {name}", event.as_str());
            if let Err(illegal) = next {
                assert_eq!((illegal.event, illegal.state), (event.as_str(), name));
            }
        }
    }
}

#[test]
fn a_training_run_has_one_stage_and_a_scoring_run_three() {
    let trained = after(&[submitted(Kind::Training), launched(Stage::Train, 1), finished(Stage::Train)]);
    assert_eq!(trained.as_str(), "succeeded");
    assert_eq!(trained.course().unwrap().finished[&Stage::Train], json!({"of": "train"}));

    let mut state = after(&[submitted(Kind::Scoring)]);
    for (number, stage) in (1..).zip([Stage::Plan, Stage::Score, Stage::Publish]) {
        assert_eq!(state.course().unwrap().stage, stage);
        state = transition(state, &launched(stage, number)).unwrap();
        state = transition(state, &finished(stage)).unwrap();
    }
    assert_eq!(state.as_str(), "succeeded");
    assert_eq!(state.course().unwrap().finished.len(), 3);
}

#[test]
fn a_search_prepares_searches_and_then_trains() {
    let mut state = after(&[submitted(Kind::Search)]);
    for (number, stage) in (1..).zip([Stage::Prepare, Stage::Search, Stage::Train]) {
        assert_eq!(state.course().unwrap().stage, stage);
        assert!(transition(state.clone(), &finished(Stage::Publish)).is_err());
        state = transition(state, &launched(stage, number)).unwrap();
        state = transition(state, &finished(stage)).unwrap();
    }
    assert_eq!(state.as_str(), "succeeded");
    let searching = after(&[
        submitted(Kind::Search),
        launched(Stage::Prepare, 1),
        finished(Stage::Prepare),
        launched(Stage::Search, 2),
    ]);
    assert!(transition(searching.clone(), &attempt_failed(Unit::Trial(Trial(3)))).is_ok());
    assert!(transition(searching, &attempt_failed(Unit::Train)).is_err());
}

#[test]
fn a_trial_that_used_up_its_tries_is_left_out_where_it_may_be_the_trial_s_own_fault() {
    let (trial, process) = (Subject::Unit(Unit::Trial(Trial(3))), Subject::Process(Stage::Search));
    for class in FailureClass::ALL {
        let own = [FailureClass::OutOfMemory, FailureClass::Device, FailureClass::Preempted, FailureClass::Bug];
        let expected = if own.contains(&class) { Verdict::LeaveOut } else { Verdict::GiveUp };
        let used_up = |subject| (0..retries(class)).fold(Spent::default(), |spent, _| spent.and(subject, class));
        assert_eq!(verdict(&used_up(trial), trial, &failure(class)), expected, "{class}");
        assert_eq!(verdict(&used_up(process), process, &failure(class)), Verdict::GiveUp, "{class}");
    }
}

#[test]
fn only_the_current_stage_can_be_launched_fail_or_finish() {
    let active = after(&[submitted(Kind::Scoring), launched(Stage::Plan, 1)]);
    let wrong = [
        launched(Stage::Score, 2),
        finished(Stage::Score),
        finished(Stage::Train),
        attempt_failed(Unit::Score(Shard(0))),
        attempt_failed(Unit::Train),
    ];
    for event in wrong {
        assert!(transition(active.clone(), &event).is_err(), "{event:?}");
    }
}

#[test]
fn launches_count_up_without_gaps_over_all_stages() {
    let score = after(&[submitted(Kind::Scoring), launched(Stage::Plan, 1), finished(Stage::Plan)]);
    for generation in [0, 1, 3] {
        assert!(transition(score.clone(), &launched(Stage::Score, generation)).is_err(), "{generation}");
    }
    assert_eq!(transition(score, &launched(Stage::Score, 2)).unwrap().course().unwrap().generation, Generation(2));
}

#[test]
fn an_epoch_only_grows() {
    let ready = after(&[submitted(Kind::Training), Event::EpochStarted { epoch: Epoch(4) }]);
    assert_eq!(ready.course().unwrap().epoch, Epoch(4));
    for epoch in [0, 3, 4] {
        assert!(transition(ready.clone(), &Event::EpochStarted { epoch: Epoch(epoch) }).is_err());
    }
}

#[test]
fn only_the_last_stage_can_be_held_back() {
    let active = after(&[submitted(Kind::Scoring), launched(Stage::Plan, 1)]);
    let held = Event::StageFinished { stage: Stage::Plan, outcome: json!({}), held_back: held_back() };
    assert!(transition(active, &held).is_err());
}

#[test]
fn what_is_done_while_stopping_stays_done() {
    let stopping = after(&[submitted(Kind::Training), launched(Stage::Train, 1), stop(StopReason::Interrupted)]);
    assert_eq!(transition(stopping, &finished(Stage::Train)).unwrap().as_str(), "succeeded");

    let events = [submitted(Kind::Scoring), launched(Stage::Plan, 1), stop(StopReason::Interrupted)];
    let stopped = after(&[events.as_slice(), &[finished(Stage::Plan), Event::Stopped]].concat());
    assert_eq!(stopped.as_str(), "interrupted");
    assert_eq!(stopped.course().unwrap().stage, Stage::Score);
}

#[test]
fn a_cancelled_run_says_by_whom_and_can_be_reopened() {
    let events = [submitted(Kind::Training), launched(Stage::Train, 1), stop(cancelled()), Event::Stopped];
    let state = after(&events);
    let State::Cancelled(_, by) = &state else { panic!("{}", state.as_str()) };
    assert_eq!(by.as_str(), "ana");
    assert!(state.is_terminal());
    assert_eq!(transition(state, &Event::Reopened).unwrap().as_str(), "ready");
}

#[test]
fn a_guard_s_failure_holds_the_run_back() {
    let stop = stop(failed(FailureClass::Guard));
    let state = after(&[submitted(Kind::Scoring), launched(Stage::Plan, 1), stop, Event::Stopped]);
    let State::HeldBack(_, held) = state else { panic!("{}", state.as_str()) };
    assert_eq!(held[0].reasons, ["broke", "because"]);
}

#[test]
fn a_reopened_run_keeps_what_is_finished_and_gets_fresh_budgets() {
    let state = after(&[
        submitted(Kind::Scoring),
        launched(Stage::Plan, 1),
        finished(Stage::Plan),
        launched(Stage::Score, 2),
        attempt_failed(Unit::Score(Shard(7))),
        stop(failed(FailureClass::Storage)),
        Event::Stopped,
        Event::EpochStarted { epoch: Epoch(2) },
        Event::Reopened,
    ]);
    let course = state.course().unwrap();
    assert_eq!(course.stage, Stage::Score);
    assert_eq!(course.generation, Generation(2));
    assert!(course.finished.contains_key(&Stage::Plan));
    assert_eq!(course.spent, Spent::default());
}

#[test]
fn each_class_of_failure_has_its_budget() {
    let budgets = [
        (FailureClass::Input, 0),
        (FailureClass::Storage, 5),
        (FailureClass::OutOfMemory, 1),
        (FailureClass::Device, 1),
        (FailureClass::Preempted, 5),
        (FailureClass::Bug, 1),
        (FailureClass::Guard, 0),
        (FailureClass::Environment, 0),
    ];
    assert_eq!(budgets.len(), FailureClass::ALL.len());
    for (class, expected) in budgets {
        let subject = Subject::Unit(Unit::Score(Shard(3)));
        let mut spent = Spent::default();
        let mut tries = 0;
        while verdict(&spent, subject, &failure(class)) != Verdict::GiveUp {
            spent = spent.and(subject, class);
            tries += 1;
        }
        assert_eq!(tries, expected, "{class}");
        let other = Subject::Unit(Unit::Score(Shard(4)));
        let others = verdict(&spent, other, &failure(class));
        assert_eq!(others == Verdict::GiveUp, expected == 0, "one shard's failures are not another's: {class}");
    }
}

#[test]
fn a_store_gets_more_time_with_every_failure_and_a_killed_process_none() {
    let subject = Subject::Unit(Unit::Train);
    let storage = failure(FailureClass::Storage);
    let mut spent = Spent::default();
    let mut delays = vec![];
    while let Verdict::Retry { after } = verdict(&spent, subject, &storage) {
        delays.push(after.as_secs());
        spent = spent.and(subject, FailureClass::Storage);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16]);
    let killed = verdict(&Spent::default(), subject, &failure(FailureClass::Preempted));
    assert_eq!(killed, Verdict::Retry { after: Duration::ZERO });
}

fn any_event() -> impl Strategy<Value = Event> {
    let stage = prop::sample::select(Stage::ALL.to_vec());
    let kind = prop::sample::select(vec![Kind::Training, Kind::Scoring, Kind::Search]);
    prop_oneof![
        (kind, 0..4u64).prop_map(|(kind, epoch)| Event::Submitted { kind, epoch: Epoch(epoch) }),
        (0..6u64).prop_map(|epoch| Event::EpochStarted { epoch: Epoch(epoch) }),
        (stage.clone(), 0..6u64).prop_map(|(stage, generation)| launched(stage, generation)),
        (0..4u64).prop_map(|shard| attempt_failed(Unit::Score(Shard(shard)))),
        (stage.clone(), any::<bool>()).prop_map(|(stage, held)| Event::StageFinished {
            stage,
            outcome: json!(null),
            held_back: if held { held_back() } else { vec![] },
        }),
        Just(stop(StopReason::Interrupted)),
        Just(stop(cancelled())),
        stage.prop_map(|stage| stop(StopReason::Failed {
            subject: Subject::Process(stage),
            failure: failure(FailureClass::Bug)
        })),
        Just(Event::Stopped),
        Just(Event::Reopened),
    ]
}

proptest! {
    #[test]
    fn epochs_generations_and_finished_stages_never_go_back(events in prop::collection::vec(any_event(), 0..60)) {
        let mut state = State::Absent;
        for event in &events {
            let before = state.clone();
            let Ok(next) = transition(state.clone(), event) else { continue };
            if let (Some(before), Some(after)) = (before.course(), next.course()) {
                prop_assert!(after.epoch >= before.epoch);
                prop_assert!(after.generation >= before.generation);
                prop_assert!(before.finished.keys().all(|stage| after.finished.contains_key(stage)));
                prop_assert_eq!(after.kind, before.kind);
            }
            prop_assert!(!matches!(before, State::Succeeded(_) | State::HeldBack(..)), "the end is the end");
            state = next;
        }
    }

    #[test]
    fn an_event_survives_the_log(event in any_event()) {
        let text = serde_json::to_string(&event).unwrap();
        prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
