//! Everything that a conductor needs, in this process: a store in memory, a clock moved by hand, workers as tasks.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifacts::clock::Clock;
use artifacts::plan::shard_plan;
use artifacts::runs::{self, ShardCommit};
use artifacts::source::Location;
use artifacts::{Digest, FileRecord, InputFile, ShardId, Workspace, layout};
use async_trait::async_trait;
use object_store::memory::InMemory;
use proto::{Epoch, Failure, FailureClass, Heartbeat, Instruction, LeaseId, Next, Registered, Registration};
use proto::{Refusal, Token, Unit, WorkerId};
use serde_json::{Value, json};
use spec::RunId;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use worker::{Assignment, Cancel, CancelSource, Ending, Progress, Session, WorkerOptions};

use crate::conductor::{Conductor, Orchestra};
use crate::control::{Control, Controlled};
use crate::desk::{Caller, Desk};
use crate::error::{CoordinatorError, Result};
use crate::launcher::{ChildName, Contact, Exit, Force, Launcher};
use crate::log::RunLog;
use crate::notice::{Notice, Notices};
use crate::run::{Kind, State};
use crate::timing::Timing;

pub(super) const SHARDS: u64 = 6;
const SHARD_ROWS: u64 = 10;

/// What a worker does with one unit instead of just doing it.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Fails.
    Fail(Failure),
    /// Its process is killed.
    Die,
    /// Its process stops answering to anything but SIGKILL.
    Freeze,
    /// Goes on until it is cancelled.
    UntilCancelled,
    /// Is done, with this outcome.
    Say(Value),
}

/// What all workers of a test share.
struct World {
    workspace: Workspace,
    acts: Mutex<BTreeMap<Unit, VecDeque<Act>>>,
    performed: Mutex<Vec<Unit>>,
    attempts: Mutex<Vec<u64>>,
    launched: Mutex<Vec<String>>,
    frozen: watch::Sender<bool>,
    waiting_for_cancel: watch::Sender<bool>,
    stillborn: AtomicU32,
    crashes: AtomicU32,
    shards: AtomicU64,
    has_programs: AtomicBool,
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
        Timing { heartbeat: Duration::from_millis(2), idle: Duration::from_millis(1), ..Timing::default() }
    }

    pub(super) fn workspace(&self) -> &Workspace {
        &self.world.workspace
    }

    pub(super) fn run_id(&self) -> &RunId {
        &self.run
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
            commit(&self.world.workspace, &self.run, shard, 77).await;
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

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub(super) struct HandClock {
    time: Mutex<(Duration, Vec<(Duration, oneshot::Sender<()>)>)>,
}

impl HandClock {
    /// Moves it.
    pub(super) fn advance(&self, duration: Duration) {
        let mut time = self.time.lock().unwrap();
        time.0 += duration;
        let now = time.0;
        let due: Vec<_> = time.1.extract_if(.., |(deadline, _)| *deadline <= now).collect();
        due.into_iter().for_each(|(_, sleeper)| drop(sleeper.send(())));
    }

    /// Returns once somebody waits for a time to come.
    pub(super) async fn everyone_waits(&self) {
        while self.time.lock().unwrap().1.iter().all(|(_, sleeper)| sleeper.is_closed()) {
            tokio::task::yield_now().await;
        }
    }

    /// Lets time pass in steps, each of which everybody notices: one leap would be the conductor's own absence.
    pub(super) async fn pass(&self, duration: Duration) {
        let step = Duration::from_secs(5);
        let mut passed = Duration::ZERO;
        while passed < duration {
            self.everyone_waits().await;
            self.advance(step);
            passed += step;
        }
        self.everyone_waits().await;
    }
}

#[async_trait]
impl Clock for HandClock {
    fn now(&self) -> Duration {
        self.time.lock().unwrap().0
    }

    async fn sleep(&self, duration: Duration) {
        let woken = {
            let mut time = self.time.lock().unwrap();
            if duration.is_zero() {
                return;
            }
            let (sleeper, woken) = oneshot::channel();
            let deadline = time.0 + duration;
            time.1.retain(|(_, sleeper)| !sleeper.is_closed());
            time.1.push((deadline, sleeper));
            woken
        };
        woken.await.expect("a clock is not dropped while somebody waits for it");
    }
}

/// Children as tasks of this process.
pub(super) struct InProcess {
    world: Arc<World>,
    desk: Mutex<Option<Desk>>,
    children: Mutex<BTreeMap<ChildName, Member>>,
    exits: mpsc::UnboundedSender<Exit>,
    ended: tokio::sync::Mutex<mpsc::UnboundedReceiver<Exit>>,
}

struct Member {
    stop: CancelSource,
    is_frozen: Arc<AtomicBool>,
    task: AbortHandle,
}

impl InProcess {
    fn new(world: Arc<World>) -> Self {
        let (exits, ended) = mpsc::unbounded_channel();
        Self { world, desk: Mutex::default(), children: Mutex::default(), exits, ended: tokio::sync::Mutex::new(ended) }
    }

    fn spawn(&self, child: &ChildName) -> Member {
        let (stop, is_frozen, die) = (CancelSource::new(), Arc::new(AtomicBool::new(false)), Arc::new(Notify::new()));
        let takes = |count: &AtomicU32| count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        let crashes = takes(&self.world.crashes).is_ok();
        let stillborn = !crashes && takes(&self.world.stillborn).is_ok();
        let link = DeskLink { desk: self.desk.lock().unwrap().clone().unwrap(), is_frozen: Arc::clone(&is_frozen) };
        let work = Actor { world: Arc::clone(&self.world), is_frozen: Arc::clone(&is_frozen), die: Arc::clone(&die) };
        let session = Session::new(link, options(child), work, stop.listen());
        let task = tokio::spawn(async move {
            if crashes {
                return Some(Failure::new(FailureClass::Bug, "the process ended with status 127"));
            }
            if stillborn {
                std::future::pending::<()>().await;
            }
            tokio::select! {
                ending = session.run() => match ending {
                    Ok(Ending::Done) => None,
                    Ok(Ending::Stopped) => Some(Failure::new(FailureClass::Preempted, "the process was told to stop")),
                    Err(error) => Some(Failure::of(FailureClass::Bug, &error)),
                },
                () = die.notified() => Some(killed()),
            }
        });
        let (name, exits, abort) = (child.clone(), self.exits.clone(), task.abort_handle());
        tokio::spawn(async move {
            let failure = task.await.unwrap_or_else(|_| Some(killed()));
            let _ = exits.send(Exit { child: name, failure, log: None });
        });
        Member { stop, is_frozen, task: abort }
    }
}

fn killed() -> Failure {
    Failure::new(FailureClass::Preempted, "the process was killed (signal 9)")
}

fn options(child: &ChildName) -> WorkerOptions {
    WorkerOptions {
        coordinator: String::new(),
        token: Token::parse("0123456789abcdef").unwrap(),
        registration: Registration {
            run: child.run.clone(),
            stage: child.stage,
            generation: child.generation,
            process: child.process,
            pid: 1,
            version: proto::PROGRAM_VERSION.to_owned(),
        },
        connect_within: Duration::from_secs(10),
        grace: Duration::from_secs(10),
    }
}

impl Launcher for InProcess {
    async fn launch(&self, child: &ChildName, _: &Contact) -> Result<()> {
        if !self.world.has_programs.load(Ordering::Relaxed) {
            return Err(CoordinatorError::NoProgram { program: PathBuf::from("/nowhere/kindred-trainer") });
        }
        let mut children = self.children.lock().unwrap();
        if !children.contains_key(child) {
            self.world.launched.lock().unwrap().push(child.to_string());
            children.insert(child.clone(), self.spawn(child));
        }
        Ok(())
    }

    async fn ended(&self) -> Exit {
        self.ended.lock().await.recv().await.unwrap()
    }

    fn stop(&self, child: &ChildName, force: Force) {
        let children = self.children.lock().unwrap();
        let Some(member) = children.get(child) else { return };
        match force {
            Force::Kill => member.task.abort(),
            Force::Ask if member.is_frozen.load(Ordering::Relaxed) => {}
            Force::Ask => member.stop.fire(),
        }
    }

    fn log_of(&self, _: &ChildName) -> Option<PathBuf> {
        None
    }
}

/// A worker's link that needs no wire.
struct DeskLink {
    desk: Desk,
    is_frozen: Arc<AtomicBool>,
}

type LinkResult<T> = Result<T, worker::LinkError>;

impl DeskLink {
    async fn answer<T>(&self, answer: impl Future<Output = Result<T, Refusal>>) -> LinkResult<(Epoch, T)> {
        if self.is_frozen.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let answer = answer.await.map_err(tonic::Status::from)?;
        Ok((self.desk.epoch(), answer))
    }
}

fn caller(worker: WorkerId, epoch: Epoch) -> Caller {
    Caller { worker, epoch }
}

impl worker::Link for DeskLink {
    async fn register(&self, who: Registration) -> LinkResult<Registered> {
        Ok(self.answer(self.desk.register(who)).await?.1)
    }

    async fn acquire(&self, worker: WorkerId, epoch: Epoch) -> LinkResult<(Epoch, Next)> {
        self.answer(self.desk.acquire(caller(worker, epoch))).await
    }

    async fn heartbeat(
        &self,
        worker: WorkerId,
        epoch: Epoch,
        heartbeat: Heartbeat,
    ) -> LinkResult<(Epoch, Instruction)> {
        self.answer(self.desk.heartbeat(caller(worker, epoch), heartbeat)).await
    }

    async fn complete(
        &self,
        worker: WorkerId,
        epoch: Epoch,
        lease: LeaseId,
        outcome: Value,
    ) -> LinkResult<(Epoch, ())> {
        self.answer(self.desk.complete(caller(worker, epoch), lease, outcome)).await
    }

    async fn fail(&self, worker: WorkerId, epoch: Epoch, lease: LeaseId, failure: Failure) -> LinkResult<(Epoch, ())> {
        self.answer(self.desk.fail(caller(worker, epoch), lease, failure)).await
    }
}

/// Work that leaves behind what real work would, unless it is told to act otherwise.
struct Actor {
    world: Arc<World>,
    is_frozen: Arc<AtomicBool>,
    die: Arc<Notify>,
}

impl worker::Work for Actor {
    async fn perform(&self, assignment: Assignment, _: Progress, cancel: Cancel) -> Result<Value, Failure> {
        self.world.performed.lock().unwrap().push(assignment.unit);
        self.world.attempts.lock().unwrap().push(assignment.attempt.0);
        let act = self.world.acts.lock().unwrap().get_mut(&assignment.unit).and_then(VecDeque::pop_front);
        match act {
            None => Ok(self.really(&assignment).await),
            Some(Act::Say(outcome)) => Ok(outcome),
            Some(Act::Fail(failure)) => Err(failure),
            Some(Act::Die) => {
                self.die.notify_one();
                std::future::pending().await
            }
            Some(Act::Freeze) => {
                self.is_frozen.store(true, Ordering::Relaxed);
                self.world.frozen.send_replace(true);
                std::future::pending().await
            }
            Some(Act::UntilCancelled) => {
                self.world.waiting_for_cancel.send_replace(true);
                cancel.cancelled().await;
                Err(Cancel::failure())
            }
        }
    }
}

impl Actor {
    async fn really(&self, assignment: &Assignment) -> Value {
        let (workspace, run) = (&self.world.workspace, &assignment.run);
        match assignment.unit {
            Unit::Train => json!({"version": 1}),
            Unit::Plan => {
                let shards = self.world.shards.load(Ordering::Relaxed);
                let plan = shard_plan(&[(population(), vec![SHARD_ROWS; shards as usize])], SHARD_ROWS);
                runs::freeze_plan(workspace, run, plan).await.unwrap();
                json!({"shards": shards})
            }
            Unit::Score(shard) => {
                commit(workspace, run, shard.0, assignment.attempt.0).await;
                json!({"rows": SHARD_ROWS})
            }
            Unit::Publish => {
                let plan = runs::read_plan(workspace, run).await.unwrap().unwrap();
                let committed = runs::committed_shards(workspace, run).await.unwrap();
                assert_eq!(committed.len(), plan.shards.len(), "published before every shard was scored");
                json!({"audiences": [{"name": "buyers", "published": true, "held_back": []}]})
            }
        }
    }
}

fn population() -> InputFile {
    InputFile { url: "memory://company/people.parquet".to_owned(), size: 1, etag: None, last_modified: None }
}

async fn commit(workspace: &Workspace, run: &RunId, shard: u64, attempt: u64) {
    let (shard, attempt): (_, artifacts::Attempt) = (ShardId(shard), attempt.to_string().parse().unwrap());
    let key = layout::shard_part(run, shard, &attempt);
    let file = FileRecord { key, bytes: 1, rows: SHARD_ROWS, sha256: Digest::of(b"scores") };
    let commit = ShardCommit { shard, attempt, file, rows: SHARD_ROWS, summary: json!({}) };
    runs::commit_shard(workspace, run, &commit).await.unwrap();
}
