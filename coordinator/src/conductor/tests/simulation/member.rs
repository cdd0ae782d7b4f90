//! Simulated workers: they live by the simulation's clock, and do to their coordinator what processes do.

use std::sync::Arc;
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::Clock;
use proto::{Assignment, Epoch, Failure, FailureClass, Heartbeat, Instruction, LeaseId, Next, Progress, Refusal};
use proto::{Registration, WorkerId};
use serde_json::Value;
use tokio::task::AbortHandle;

use super::dice::Dice;
use super::sea::Sea;
use crate::conductor::tests::actor;
use crate::desk::{Caller, Desk};
use crate::launcher::ChildName;

/// A worker's task.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) task: AbortHandle,
}

/// What becomes of one attempt at a unit.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// It takes this long.
    Steady(Duration),
    /// The process is killed after this long.
    Dies(Duration),
    /// The process stands still for this long, then goes on as if nothing had been.
    Stalls(Duration),
    /// It fails after this long.
    Fails(Duration, FailureClass),
    /// It gives signs of life and gets nowhere.
    Stuck,
}

/// Why a worker ends.
enum End {
    Well,
    Badly(Failure),
}

/// One worker.
pub(super) struct Worker {
    sea: Arc<Sea>,
    desk: Desk,
    name: ChildName,
    workspace: Workspace,
    dice: Dice,
    worker: WorkerId,
    epoch: Epoch,
}

/// After how long without an answer a worker gives up.
const UNREACHABLE: Duration = Duration::from_secs(60);

fn killed() -> Failure {
    Failure::new(FailureClass::Preempted, "the process was killed (signal 9)")
}

fn lost_touch() -> End {
    End::Badly(Failure::new(FailureClass::Preempted, "the process lost touch with its coordinator"))
}

impl Worker {
    pub(super) fn new(sea: Arc<Sea>, desk: Desk, name: ChildName) -> Self {
        let whose = format!("{name} of epoch {}", desk.epoch());
        let (workspace, dice) = (sea.workspace_of(&whose), Dice::new(sea.seed, &whose));
        let worker = WorkerId(name.to_string());
        let epoch = desk.epoch();
        Self { sea, desk, name, workspace, dice, worker, epoch }
    }

    /// How the process ended, unless well.
    pub(super) async fn live(mut self) -> Option<Failure> {
        let startup = if self.sea.is_rough() && self.dice.per_mille(30) { 300 } else { 2 };
        let startup = self.dice.seconds(0, startup);
        self.sea.clock.sleep(startup).await;
        loop {
            match self.serve().await {
                Some(End::Well) => return None,
                Some(End::Badly(failure)) => return Some(failure),
                None => self.sea.clock.sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// One registration; `None` to register again.
    async fn serve(&mut self) -> Option<End> {
        let who = Registration {
            run: self.name.run.clone(),
            stage: self.name.stage,
            generation: self.name.generation,
            process: self.name.process,
            pid: 1,
            version: proto::PROGRAM_VERSION.to_owned(),
        };
        let registered = match self
            .reach(|desk: Desk| {
                let who = who.clone();
                async move { desk.register(who).await }
            })
            .await
        {
            Ok(registered) => registered,
            Err(end) => return end,
        };
        (self.worker, self.epoch) = (registered.worker, registered.epoch);
        loop {
            let caller = self.caller();
            let next = match self
                .reach(|desk: Desk| {
                    let caller = caller.clone();
                    async move { desk.acquire(caller).await }
                })
                .await
            {
                Ok(next) => next,
                Err(end) => return end,
            };
            match next {
                Next::Done => return Some(End::Well),
                Next::Wait(delay) => self.sea.clock.sleep(delay).await,
                Next::Assignment(assignment) => {
                    if let Err(end) = self.perform(assignment).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Repeats a request while nobody answers; the error is the end, or `None` to register again.
    async fn reach<T, F>(&self, request: impl Fn(Desk) -> F) -> Result<T, Option<End>>
    where
        F: Future<Output = Result<T, Refusal>>,
    {
        let start = self.sea.clock.now();
        loop {
            match request(self.desk.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(Refusal::Stopping) if self.sea.clock.now() - start >= UNREACHABLE => {
                    return Err(Some(lost_touch()));
                }
                Err(Refusal::Stopping) => self.sea.clock.sleep(Duration::from_secs(1)).await,
                Err(Refusal::UnknownWorker { .. }) => return Err(None),
                Err(refused) => {
                    return Err(Some(End::Badly(Failure::new(FailureClass::Bug, refused.to_string()))));
                }
            }
        }
    }

    fn caller(&self) -> Caller {
        Caller { worker: self.worker.clone(), epoch: self.epoch }
    }

    async fn perform(&mut self, assignment: Assignment) -> Result<(), Option<End>> {
        let Assignment { lease, unit, attempt } = assignment;
        let mine = (unit, self.name.clone());
        let known = self.sea.attempts.lock().unwrap().entry(attempt.0).or_insert_with(|| mine.clone()).clone();
        assert_eq!(known, mine, "an attempt was given to two");
        let fate = self.fate();
        let busy = match fate {
            Fate::Steady(busy) | Fate::Fails(busy, _) => self.work(lease, busy, true).await?,
            Fate::Stuck => self.work(lease, Duration::MAX, false).await?,
            Fate::Dies(after) => {
                self.work(lease, after, true).await?;
                return Err(Some(End::Badly(killed())));
            }
            Fate::Stalls(pause) => {
                self.sea.clock.sleep(pause).await;
                true
            }
        };
        if !busy {
            return Ok(());
        }
        let result = match fate {
            Fate::Fails(_, class) => Err(Failure::new(class, "broke")),
            _ => self.really(lease, unit, attempt.0).await?,
        };
        self.report(lease, result).await
    }

    fn fate(&mut self) -> Fate {
        let usual = self.dice.seconds(1, 15);
        if !self.sea.is_rough() {
            return Fate::Steady(usual);
        }
        match self.dice.below(100) {
            0..8 => Fate::Dies(self.dice.seconds(0, 20)),
            8..14 => Fate::Stalls(self.dice.seconds(1, 120)),
            14..20 => Fate::Steady(self.dice.seconds(60, 400)),
            20..24 => Fate::Fails(usual, FailureClass::Storage),
            24..26 => Fate::Fails(usual, FailureClass::Bug),
            26..27 => Fate::Stuck,
            _ => Fate::Steady(usual),
        }
    }

    /// Signs of life for as long as the work takes; false when the unit is to be dropped.
    async fn work(&self, lease: LeaseId, busy: Duration, advances: bool) -> Result<bool, Option<End>> {
        let (beat, mut left, mut done) = (Duration::from_secs(5), busy, 0);
        loop {
            if !self.beat(lease, done).await? {
                return Ok(false);
            }
            if left.is_zero() {
                return Ok(true);
            }
            let pause = beat.min(left);
            self.sea.clock.sleep(pause).await;
            left -= pause;
            done += u64::from(advances);
        }
    }

    /// One sign of life; false when the unit is to be dropped.
    async fn beat(&self, lease: LeaseId, done: u64) -> Result<bool, Option<End>> {
        let progress = Progress { phase: "score".to_owned(), done, ..Progress::default() };
        let heartbeat = Heartbeat { lease: Some(lease), progress };
        let caller = self.caller();
        match self
            .reach(|desk: Desk| {
                let (caller, heartbeat) = (caller.clone(), heartbeat.clone());
                async move { desk.heartbeat(caller, heartbeat).await }
            })
            .await?
        {
            Instruction::Continue => Ok(true),
            Instruction::Drop => Ok(false),
            Instruction::Cancel => {
                let failure = Failure::new(FailureClass::Preempted, "was told to stop before it was done");
                self.report(lease, Err(failure.clone())).await?;
                Err(Some(End::Badly(failure)))
            }
        }
    }

    /// The work itself, with signs of life while the store takes its time.
    async fn really(
        &self,
        lease: LeaseId,
        unit: proto::Unit,
        attempt: u64,
    ) -> Result<Result<Value, Failure>, Option<End>> {
        let run = self.name.run.clone();
        let work = actor::perform(&self.workspace, &run, unit, attempt, super::sea::SHARDS);
        let beats = async {
            loop {
                match self.beat(lease, u64::MAX).await {
                    Ok(true) => self.sea.clock.sleep(Duration::from_secs(5)).await,
                    Ok(false) => return None,
                    Err(end) => return end,
                }
            }
        };
        tokio::select! {
            biased;
            result = work => Ok(result.map_err(|error| Failure::of(FailureClass::Storage, &error))),
            end = beats => Err(end),
        }
    }

    async fn report(&self, lease: LeaseId, result: Result<Value, Failure>) -> Result<(), Option<End>> {
        let caller = self.caller();
        match result {
            Ok(outcome) => {
                let request = |desk: Desk| {
                    let (caller, outcome) = (caller.clone(), outcome.clone());
                    async move { desk.complete(caller, lease, outcome).await }
                };
                self.reach(request).await
            }
            Err(failure) => {
                let request = |desk: Desk| {
                    let (caller, failure) = (caller.clone(), failure.clone());
                    async move { desk.fail(caller, lease, failure).await }
                };
                self.reach(request).await
            }
        }
    }
}
