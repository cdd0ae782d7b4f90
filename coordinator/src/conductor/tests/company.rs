//! Everything that a conductor needs, in this process: a store in memory, a clock moved by hand, workers as tasks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::Clock;
use artifacts::runs::{self, RunDocument};
use artifacts::source::Location;
use object_store::memory::InMemory;
use proto::{Token, Unit};
use spec::RunId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::actor::{Act, score};
use super::clock::HandClock;
use super::members::InProcess;
use crate::conductor::{Conductor, Orchestra};
use crate::control::{Control, Controlled};
use crate::desk::Desk;
use crate::error::Result;
use crate::launcher::Contact;
use crate::log::RunLog;
use crate::notice::{Notice, Notices};
use crate::run::{Kind, State};
use crate::timing::Timing;

/// Shards of a plan, unless a test says otherwise.
pub(super) const SHARDS: u64 = 6;

/// What all workers of a test share.
pub(super) struct World {
    pub(super) workspace: Workspace,
    pub(super) acts: Mutex<BTreeMap<Unit, VecDeque<Act>>>,
    pub(super) performed: Mutex<Vec<Unit>>,
    pub(super) attempts: Mutex<Vec<u64>>,
    pub(super) launched: Mutex<Vec<String>>,
    pub(super) frozen: watch::Sender<bool>,
    pub(super) waiting_for_cancel: watch::Sender<bool>,
    pub(super) stillborn: AtomicU32,
    pub(super) crashes: AtomicU32,
    pub(super) shards: AtomicU64,
    pub(super) has_programs: AtomicBool,
}

pub(super) struct Company {
    world: Arc<World>,
    run: RunId,
    kind: Kind,
    processes: u32,
    clock: Arc<HandClock>,
    control: Control,
    controlled: Controlled,
    launcher: Arc<InProcess>,
}

impl Company {
    pub(super) async fn of(kind: Kind) -> Self {
        let root = Location::parse("memory://company/workspace").unwrap();
        let world = World {
            workspace: Workspace::in_store(Arc::new(InMemory::new()), root),
            acts: Mutex::default(),
            performed: Mutex::default(),
            attempts: Mutex::default(),
            launched: Mutex::default(),
            frozen: watch::Sender::new(false),
            waiting_for_cancel: watch::Sender::new(false),
            stillborn: AtomicU32::new(0),
            crashes: AtomicU32::new(0),
            shards: AtomicU64::new(SHARDS),
            has_programs: AtomicBool::new(true),
        };
        Self::with(Arc::new(world), kind, 2)
    }

    fn with(world: Arc<World>, kind: Kind, processes: u32) -> Self {
        let (control, controlled) = Control::new();
        let launcher = Arc::new(InProcess::new(Arc::clone(&world)));
        let (clock, run) = (Arc::new(HandClock::default()), "company-0123456789ab".parse().unwrap());
        Self { world, run, kind, processes, clock, control, controlled, launcher }
    }

    /// A run that searches, with two processes: four trials for an epoch, two for two, one for four.
    pub(super) async fn searching() -> Self {
        let company = Self::of(Kind::Search).await;
        let document = serde_json::json!({
            "kind": "Training", "apiVersion": "kindred.dev/v1", "metadata": {"name": "company"},
            "spec": {
                "tables": {"people": {"url": "people.parquet"}}, "examples": "people", "key": "person",
                "features": {"age": {"kind": "numeric"}}, "tasks": {"buy": {"kind": "binary", "label": "bought"}},
                "network": {"kind": "mmoe"}, "training": {"epochs": 4},
                "search": {
                    "method": {"kind": "successive_halving", "factor": 2}, "trials": 4, "parallel": 2,
                    "space": {"network.dropout": {"uniform": [0.0, 0.9]}},
                },
            },
        });
        let document = RunDocument {
            document: serde_json::from_value(document).unwrap(),
            run_date: "2026-01-05".parse().unwrap(),
            inputs: BTreeMap::new(),
            program: crate::resolved::PROGRAM.to_owned(),
            model: None,
        };
        runs::write_document(company.workspace(), company.run_id(), &document).await.unwrap();
        company
    }

    /// Another coordinator, later, on the same workspace.
    pub(super) async fn again(self) -> Self {
        Self::with(self.world, self.kind, self.processes)
    }

    pub(super) fn acting(self, unit: Unit, acts: impl IntoIterator<Item = Act>) -> Self {
        self.world.acts.lock().unwrap().entry(unit).or_default().extend(acts);
        self
    }

    pub(super) fn with_processes(self, processes: u32) -> Self {
        Self { processes, ..self }
    }

    pub(super) fn with_shards(self, shards: u64) -> Self {
        self.world.shards.store(shards, Ordering::Relaxed);
        self
    }

    /// The next processes that start never register.
    pub(super) fn with_stillborn(self, processes: u32) -> Self {
        self.world.stillborn.store(processes, Ordering::Relaxed);
        self
    }

    /// The next processes end at once.
    pub(super) fn with_crashes(self, processes: u32) -> Self {
        self.world.crashes.store(processes, Ordering::Relaxed);
        self
    }

    pub(super) fn without_programs(self) -> Self {
        self.world.has_programs.store(false, Ordering::Relaxed);
        self
    }

    pub(super) fn timing(&self) -> Timing {
        // Workers live in real time, the conductor in the clock's.
        let (heartbeat, idle, stuck) = (Duration::from_millis(2), Duration::from_millis(1), Duration::from_secs(600));
        Timing { heartbeat, idle, stuck, ..Timing::default() }
    }

    pub(super) fn workspace(&self) -> &Workspace {
        &self.world.workspace
    }

    pub(super) fn run_id(&self) -> &RunId {
        &self.run
    }

    pub(super) fn launcher(&self) -> &InProcess {
        &self.launcher
    }

    pub(super) fn clock(&self) -> &HandClock {
        &self.clock
    }

    pub(super) fn control(&self) -> &Control {
        &self.control
    }

    pub(super) fn performed(&self) -> Vec<Unit> {
        self.world.performed.lock().unwrap().clone()
    }

    pub(super) fn attempts(&self) -> Vec<u64> {
        self.world.attempts.lock().unwrap().clone()
    }

    pub(super) fn launched(&self) -> Vec<String> {
        self.world.launched.lock().unwrap().clone()
    }

    pub(super) fn children_left(&self) -> usize {
        self.launcher.children.lock().unwrap().values().filter(|child| !child.task.is_finished()).count()
    }

    pub(super) async fn frozen(&self) {
        self.world.frozen.subscribe().wait_for(|frozen| *frozen).await.unwrap();
    }

    pub(super) async fn waiting_for_cancel(&self) {
        self.world.waiting_for_cancel.subscribe().wait_for(|waiting| *waiting).await.unwrap();
    }

    pub(super) async fn open_log(&self) -> RunLog {
        RunLog::take_over(self.workspace(), &self.run, self.kind).await.unwrap().0.unwrap()
    }

    /// Commits shards that no conductor of this test hands out.
    pub(super) async fn commit_ahead(&self, shards: impl IntoIterator<Item = u64>) {
        for shard in shards {
            score(&self.world.workspace, &self.run, shard, 77).await.unwrap();
        }
    }

    pub(super) async fn run(&self) -> Result<State> {
        self.conductor(Notices::unheard()).await.conduct().await
    }

    pub(super) async fn run_and_keep(self) -> Result<(Self, State)> {
        let state = self.run().await?;
        Ok((self, state))
    }

    pub(super) fn play(self) -> Playing {
        let (notices, heard) = Notices::channel();
        let company = Arc::new(self);
        let conductor = Arc::clone(&company);
        let task = tokio::spawn(async move { conductor.conductor(notices).await.conduct().await });
        Playing { company, task, heard }
    }

    async fn conductor(&self, notices: Notices) -> Conductor<InProcess> {
        let log = self.open_log().await;
        let (desk, calls) = Desk::open(log.epoch());
        *self.launcher.desk.lock().unwrap() = Some(desk);
        let contact = Contact {
            coordinator: "http://127.0.0.1:9".to_owned(),
            workspace: self.workspace().url(),
            token: Token::parse("0123456789abcdef").unwrap(),
        };
        let orchestra = Orchestra {
            log,
            launcher: Arc::clone(&self.launcher),
            contact,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            timing: self.timing(),
            control: self.controlled.clone(),
            notices,
            processes: self.processes,
        };
        Conductor::new(orchestra, calls)
    }
}

/// A run on its way.
pub(super) struct Playing {
    pub(super) company: Arc<Company>,
    task: JoinHandle<Result<State>>,
    heard: mpsc::Receiver<Notice>,
}

impl Playing {
    /// The first notice that `find` finds something in.
    pub(super) async fn until<T>(&mut self, find: impl Fn(&Notice) -> Option<T>) -> T {
        loop {
            let notice = self.heard.recv().await.expect("the run ended before that");
            if let Some(found) = find(&notice) {
                return found;
            }
        }
    }

    /// Lets time pass for workers that give signs of life, until a notice that `find` finds something in.
    pub(super) async fn pass_until<T>(&mut self, find: impl Fn(&Notice) -> Option<T>) -> T {
        loop {
            self.company.clock().everyone_waits().await;
            self.company.clock().advance(self.company.timing().round);
            let seen = |notice: &Notice| match find(notice) {
                Some(found) => Some(Some(found)),
                None => matches!(notice, Notice::Progressed { .. }).then_some(None),
            };
            if let Some(found) = self.until(seen).await {
                return found;
            }
        }
    }

    /// Lets time pass in steps, each of which the conductor notices: one leap would be its own absence. Ends with the run.
    pub(super) async fn pass(&self, duration: Duration) {
        let (clock, step) = (self.company.clock(), self.company.timing().round);
        let mut passed = Duration::ZERO;
        while passed < duration {
            while !clock.somebody_waits() {
                if self.task.is_finished() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            clock.advance(step);
            passed += step;
        }
    }

    /// The coordinator dies, and its children do not notice: another one on the same workspace, and with them.
    pub(super) async fn crash(self) -> Company {
        self.task.abort();
        // Only when the task is gone has it let go of what it shared.
        assert!(self.task.await.unwrap_err().is_cancelled());
        let company = Arc::into_inner(self.company).expect("the conductor has ended");
        let launcher = Arc::new(company.launcher.another());
        Company { launcher, ..company.again().await }
    }

    pub(super) async fn end(self) -> Result<State> {
        self.finish().await.1
    }

    pub(super) async fn finish(mut self) -> (Company, Result<State>) {
        while self.heard.recv().await.is_some() {}
        let result = self.task.await.unwrap();
        let company = Arc::into_inner(self.company).expect("the conductor has ended");
        (company, result)
    }
}
