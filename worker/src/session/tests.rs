use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use proto::{
    Attempt, Generation, Heartbeat, Instruction, LeaseId, Registered, Registration, Shard, Stage, Token, Unit,
};
use serde_json::json;
use tonic::Status;

use super::*;

/// A coordinator that does what a script says.
#[derive(Default)]
struct Script {
    next: Mutex<VecDeque<Answer<Next>>>,
    beats: Mutex<VecDeque<Answer<Instruction>>>,
    reports: Mutex<VecDeque<Answer<()>>>,
    heard: Mutex<Vec<String>>,
    registrations: AtomicU32,
    /// Whether heartbeats beyond the script go unanswered.
    silent: bool,
    /// Whether workers put up with a coordinator that does not answer for longer than any test lasts.
    patient: bool,
}

const EPOCH: Epoch = Epoch(5);

fn unreachable() -> LinkError {
    LinkError::from(Status::unavailable("nobody there"))
}

fn unit(shard: u64) -> Answer<Next> {
    let unit = Unit::Score(Shard(shard));
    Ok((EPOCH, Next::Assignment(proto::Assignment { lease: LeaseId(shard), unit, attempt: Attempt(shard) })))
}

impl Script {
    fn of(next: Vec<Answer<Next>>) -> Self {
        Self { next: Mutex::new(next.into()), ..Self::default() }
    }

    fn beating(mut self, beats: Vec<Answer<Instruction>>) -> Self {
        self.beats = Mutex::new(beats.into());
        self
    }

    /// Answers to reports of how a unit ended, before all further ones are heard.
    fn reported(mut self, reports: Vec<Answer<()>>) -> Self {
        self.reports = Mutex::new(reports.into());
        self
    }

    fn report(&self, what: String) -> Answer<()> {
        let answer = self.reports.lock().unwrap().pop_front().unwrap_or(Ok((EPOCH, ())));
        self.hear(if answer.is_ok() { what } else { format!("in vain: {what}") });
        answer
    }

    fn hear(&self, what: String) {
        self.heard.lock().unwrap().push(what);
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Several sessions and the test share a script.
struct Shared(Arc<Script>);

impl Link for Shared {
    async fn register(&self, _: Registration) -> Result<Registered, LinkError> {
        let times = self.0.registrations.fetch_add(1, Ordering::Relaxed);
        Ok(Registered {
            worker: WorkerId(format!("w{times}")),
            epoch: EPOCH,
            heartbeat_interval: Duration::from_millis(5),
            unreachable_after: if self.0.patient { Duration::from_secs(600) } else { Duration::from_millis(50) },
        })
    }

    async fn acquire(&self, _: WorkerId, _: Epoch) -> Answer<Next> {
        self.0.next.lock().unwrap().pop_front().unwrap_or(Ok((EPOCH, Next::Done)))
    }

    async fn heartbeat(&self, _: WorkerId, _: Epoch, heartbeat: Heartbeat) -> Answer<Instruction> {
        let scripted = self.0.beats.lock().unwrap().pop_front();
        let answer = match scripted {
            None if self.0.silent => Err(unreachable()),
            None => Ok((EPOCH, Instruction::Continue)),
            Some(answer) => answer,
        };
        if answer.is_ok() {
            heartbeat.progress.notes.into_iter().for_each(|note| self.0.hear(format!("note {note}")));
        }
        answer
    }

    async fn complete(&self, _: WorkerId, _: Epoch, lease: LeaseId, outcome: serde_json::Value) -> Answer<()> {
        self.0.report(format!("complete {lease} {outcome}"))
    }

    async fn fail(&self, _: WorkerId, _: Epoch, lease: LeaseId, failure: Failure) -> Answer<()> {
        self.0.report(format!("fail {lease} {}: {failure}", failure.class))
    }
}

/// What a test's work does.
enum Act {
    Finish,
    UntilCancelled,
    /// Goes on until this many heartbeats went unanswered.
    Unanswered(usize),
    Panic,
    IgnoreCancel,
}

struct Acts(Mutex<VecDeque<Act>>, Arc<Script>);

impl Work for Acts {
    async fn perform(
        &self,
        assignment: Assignment,
        progress: Progress,
        cancel: Cancel,
    ) -> Result<serde_json::Value, Failure> {
        progress.note(format!("{} begins", assignment.unit));
        let act = self.0.lock().unwrap().pop_front().unwrap();
        match act {
            Act::Finish => Ok(json!({"attempt": assignment.attempt.0})),
            Act::UntilCancelled => {
                cancel.cancelled().await;
                Err(Cancel::failure())
            }
            Act::Unanswered(beats) => {
                let left = || self.1.beats.lock().unwrap().len();
                let enough = left().saturating_sub(beats);
                while left() > enough {
                    cancel.check()?;
                    tokio::task::yield_now().await;
                }
                Ok(json!({"unanswered": beats}))
            }
            Act::Panic => panic!("index {} out of range", 7),
            Act::IgnoreCancel => std::future::pending().await,
        }
    }
}

fn options() -> WorkerOptions {
    WorkerOptions {
        coordinator: String::new(),
        token: Token::parse("0123456789abcdef").unwrap(),
        registration: Registration {
            run: "r-1".parse().unwrap(),
            stage: Stage::Score,
            generation: Generation(1),
            process: 0,
            pid: 1,
            version: "0".to_owned(),
        },
        connect_within: Duration::from_millis(50),
        grace: Duration::from_millis(50),
    }
}

async fn run(script: &Arc<Script>, acts: Vec<Act>, stop: Cancel) -> Result<Ending, WorkerError> {
    let work = Acts(Mutex::new(acts.into()), Arc::clone(script));
    Session::new(Shared(Arc::clone(script)), options(), work, stop).run().await
}

#[tokio::test]
async fn every_unit_is_performed_and_reported_until_none_is_left() {
    let wait = Ok((EPOCH, Next::Wait(Duration::from_millis(1))));
    let script = Arc::new(Script::of(vec![unit(1), wait, unit(2)]));
    let ending = run(&script, vec![Act::Finish, Act::Finish], Cancel::never()).await;
    assert_eq!(ending.unwrap(), Ending::Done);
    let heard = script.heard();
    assert!(heard.contains(&"complete 1 {\"attempt\":1}".to_owned()), "{heard:?}");
    assert!(heard.contains(&"complete 2 {\"attempt\":2}".to_owned()), "{heard:?}");
    assert_eq!(heard.iter().filter(|line| line.as_str() == "note shard 2 begins").count(), 1);
}

#[tokio::test]
async fn the_coordinator_s_word_stops_the_work_cleanly() {
    let script = Arc::new(Script::of(vec![unit(1)]).beating(vec![Ok((EPOCH, Instruction::Cancel))]));
    let ending = run(&script, vec![Act::UntilCancelled], Cancel::never()).await;
    assert_eq!(ending.unwrap(), Ending::Stopped);
    assert_eq!(script.heard().last().unwrap(), "fail 1 preempted: was told to stop before it was done");
}

#[tokio::test]
async fn a_lost_lease_is_dropped_in_silence() {
    let script = Arc::new(Script::of(vec![unit(1), unit(2)]).beating(vec![Ok((EPOCH, Instruction::Drop))]));
    let ending = run(&script, vec![Act::UntilCancelled, Act::Finish], Cancel::never()).await;
    assert_eq!(ending.unwrap(), Ending::Done);
    let heard = script.heard();
    assert!(!heard.iter().any(|line| line.starts_with("fail 1") || line.starts_with("complete 1")), "{heard:?}");
    assert!(heard.contains(&"complete 2 {\"attempt\":2}".to_owned()), "{heard:?}");
}

#[tokio::test]
async fn an_older_epoch_is_refused() {
    let older = Epoch(4);
    let asked = Arc::new(Script::of(vec![Ok((older, Next::Done))]));
    let error = run(&asked, vec![], Cancel::never()).await.unwrap_err();
    assert!(matches!(error, WorkerError::StaleEpoch { sent: Epoch(4), known: EPOCH }), "{error}");

    let beaten = Arc::new(Script::of(vec![unit(1)]).beating(vec![Ok((older, Instruction::Continue))]));
    let error = run(&beaten, vec![Act::UntilCancelled], Cancel::never()).await.unwrap_err();
    assert!(matches!(error, WorkerError::StaleEpoch { .. }), "{error}");
    let heard = beaten.heard();
    let reports = heard.iter().filter(|line| !line.starts_with("note "));
    assert_eq!(reports.count(), 0, "a superseded coordinator was told how it ended: {heard:?}");
}

#[tokio::test]
async fn a_silent_coordinator_ends_the_worker_and_its_work() {
    let mut script = Script::of(vec![unit(1)]);
    script.silent = true;
    let error = run(&Arc::new(script), vec![Act::UntilCancelled], Cancel::never()).await.unwrap_err();
    assert!(matches!(error, WorkerError::Unreachable { .. }), "{error}");

    let idle = Script::of((0..100).map(|_| Err(unreachable())).collect());
    let error = run(&Arc::new(idle), vec![], Cancel::never()).await.unwrap_err();
    assert!(matches!(error, WorkerError::Unreachable { .. }), "{error}");
}

#[tokio::test]
async fn a_coordinator_that_comes_back_in_time_changes_nothing() {
    let script = Script::of(vec![Err(unreachable()), unit(1)]);
    let script = Arc::new(script.beating(vec![Err(unreachable()), Err(unreachable())]));
    let ending = run(&script, vec![Act::Finish], Cancel::never()).await;
    assert_eq!(ending.unwrap(), Ending::Done);
    assert_eq!(script.heard().last().unwrap(), "complete 1 {\"attempt\":1}");
}

#[tokio::test]
async fn work_goes_on_while_nobody_answers_and_its_result_is_kept_until_somebody_does() {
    let mut script = Script::of(vec![unit(1), unit(2)]).beating((0..8).map(|_| Err(unreachable())).collect());
    script.patient = true;
    let script = Arc::new(script.reported(vec![Err(unreachable())]));
    let ending = run(&script, vec![Act::Unanswered(4), Act::Finish], Cancel::never()).await;
    assert_eq!(ending.unwrap(), Ending::Done);
    let heard = script.heard();
    let of_first: Vec<&String> = heard.iter().filter(|line| line.contains("complete 1")).collect();
    assert_eq!(of_first, ["in vain: complete 1 {\"unanswered\":4}", "complete 1 {\"unanswered\":4}"]);
    assert_eq!(heard.last().unwrap(), "complete 2 {\"attempt\":2}");
}

#[tokio::test]
async fn a_result_that_nobody_hears_for_too_long_ends_the_worker_and_not_in_failure() {
    let script = Script::of(vec![unit(1)]).reported((0..100).map(|_| Err(unreachable())).collect());
    let error = run(&Arc::new(script), vec![Act::Finish], Cancel::never()).await.unwrap_err();
    assert!(matches!(error, WorkerError::Unreachable { .. }), "{error}");
    assert!(error.is_lost_touch());
}

#[tokio::test]
async fn a_worker_that_is_not_known_any_more_registers_again() {
    let forgotten = || LinkError::from(Status::not_found("who?"));
    let script = Script::of(vec![unit(1), Err(forgotten()), unit(2)]);
    let script = Arc::new(script.beating(vec![Err(forgotten())]));
    let ending = run(&script, vec![Act::UntilCancelled, Act::Finish], Cancel::never()).await;
    assert_eq!(ending.unwrap(), Ending::Done);
    assert_eq!(script.registrations.load(Ordering::Relaxed), 3);
    assert_eq!(script.heard().last().unwrap(), "complete 2 {\"attempt\":2}");
}

#[tokio::test]
async fn a_signal_stops_the_work_and_the_coordinator_hears_of_it() {
    let stop = CancelSource::new();
    let script = Arc::new(Script::of(vec![unit(1)]));
    let running = tokio::spawn({
        let (script, stop) = (Arc::clone(&script), stop.listen());
        async move { run(&script, vec![Act::UntilCancelled], stop).await }
    });
    while script.heard().is_empty() {
        tokio::task::yield_now().await;
    }
    stop.fire();
    assert_eq!(running.await.unwrap().unwrap(), Ending::Stopped);
    assert_eq!(script.heard().last().unwrap(), "fail 1 preempted: was told to stop before it was done");
}

#[tokio::test]
async fn a_panic_is_a_bug_with_its_message() {
    let script = Arc::new(Script::of(vec![unit(1)]));
    assert_eq!(run(&script, vec![Act::Panic], Cancel::never()).await.unwrap(), Ending::Done);
    assert_eq!(script.heard().last().unwrap(), "fail 1 bug: the work panicked");
}

#[tokio::test]
async fn work_that_does_not_stop_is_given_up() {
    let script = Arc::new(Script::of(vec![unit(1)]).beating(vec![Ok((EPOCH, Instruction::Cancel))]));
    let error = run(&script, vec![Act::IgnoreCancel], Cancel::never()).await.unwrap_err();
    assert!(matches!(error, WorkerError::StillWorking { .. }), "{error}");
}
