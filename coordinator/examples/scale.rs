//! How long workers wait for their shards, and how much memory a coordinator takes: a whole scoring run with workers that
//! only wait, all in this process: no wire between them and the coordinator's loop, and a store in memory.
//!
//! `cargo run -p kindred-coordinator --example scale -- [workers] [shards] [milliseconds a shard]`

extern crate kindred_coordinator as coordinator;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use artifacts::clock::SystemClock;
use artifacts::plan::shard_plan;
use artifacts::runs::{self, ShardCommit};
use artifacts::source::Location;
use artifacts::{Digest, FileRecord, InputFile, ShardId, Workspace, layout};
use coordinator::log::RunLog;
use coordinator::run::Kind;
use coordinator::{
    Caller, ChildName, Completion, Conductor, Contact, Control, Desk, Exit, Force, Grant, Launcher, Leases, Notices,
    Orchestra, Timing,
};
use object_store::memory::InMemory;
use proto::{
    Epoch, Failure, FailureClass, Heartbeat, Instruction, LeaseId, Next, Refusal, Registered, Registration, Shard,
    Token, Unit, WorkerId,
};
use serde_json::{Value, json};
use spec::RunId;
use tokio::sync::mpsc;
use tonic::Status;
use worker::{Assignment, Cancel, CancelSource, Link, LinkError, Progress, Session, WorkerOptions};

/// Rows of every shard.
const SHARD_ROWS: u64 = 1;

type Error = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u32| arguments.next().map_or(Ok(default), |text| text.parse());
    let (workers, shards, milliseconds) = (number(1000)?, number(10_000)?, number(500)?);
    leases_alone(workers, shards)?;
    let before = memory_mib("VmRSS")?;
    let measured = whole_run(workers, shards, Duration::from_millis(milliseconds.into())).await?;
    println!(
        "{workers} workers, {shards} shards of {milliseconds} ms each, {:.1} s in all",
        measured.took.as_secs_f64()
    );
    for (what, mut latencies) in [("grants", measured.grants), ("heartbeats", measured.heartbeats)] {
        latencies.sort_unstable();
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        let count = latencies.len();
        println!("{count:7} {what:10} p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms", at(0.5), at(0.99), at(1.0));
    }
    let most = memory_mib("VmHWM")?;
    println!("memory: {before:.0} MiB before, {most:.0} MiB at most, workers and the store's objects included");
    Ok(())
}

/// What leases themselves cost: every shard granted, kept by a heartbeat and completed, workers taking turns.
fn leases_alone(workers: u32, shards: u32) -> Result<(), Error> {
    let timing = Timing::default();
    let mut leases = Leases::new(Epoch(1), timing.lease, timing.straggling);
    leases.begin((0..shards).map(|shard| Unit::Score(Shard(shard.into()))), []);
    let workers: Vec<WorkerId> = (0..workers).map(|worker| WorkerId(format!("score-g2-p{worker}"))).collect();
    let start = Instant::now();
    let mut held: BTreeMap<&WorkerId, LeaseId> = BTreeMap::new();
    let mut now = Duration::ZERO;
    while !leases.is_done() {
        for worker in &workers {
            now += Duration::from_micros(10);
            if let Some(lease) = held.remove(worker) {
                leases.renew(worker, lease, now);
                if leases.complete(lease, now) == Completion::Unknown {
                    return Err("a lease that was granted is unknown".into());
                }
            }
            if let Grant::Unit(assignment) = leases.acquire(worker, now) {
                held.insert(worker, assignment.lease);
            }
        }
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(shards);
    println!("leases alone: {each:.2} µs for a shard's grant, heartbeat and completion");
    Ok(())
}

/// What was measured of a run.
struct Measured {
    took: Duration,
    grants: Vec<Duration>,
    heartbeats: Vec<Duration>,
}

async fn whole_run(workers: u32, shards: u32, busy: Duration) -> Result<Measured, Error> {
    let root = Location::parse("memory://scale/workspace")?;
    let workspace = Workspace::in_store(Arc::new(InMemory::new()), root);
    let run: RunId = "scale-0123456789ab".parse()?;
    let (log, _) = RunLog::take_over(&workspace, &run, Kind::Scoring).await?;
    let log = log.ok_or("a run of an empty workspace is new")?;
    let (desk, calls) = Desk::open(log.epoch());
    let token = Token::parse("0123456789abcdef").ok_or("this is a token")?;
    let contact = Contact { coordinator: String::new(), workspace: workspace.url(), token };
    let crew = Arc::new(Crew::new(desk, Play { workspace, shards, busy }));
    let (_control, control) = Control::new();
    let (clock, timing, notices) = (Arc::new(SystemClock), Timing::default(), Notices::unheard());
    let launcher = Arc::clone(&crew);
    let orchestra = Orchestra { log, launcher, contact, clock, timing, control, notices, processes: workers };
    let start = Instant::now();
    let state = Conductor::new(orchestra, calls).conduct().await?;
    let took = start.elapsed();
    if state.as_str() != "succeeded" {
        return Err(format!("the run is {}", state.as_str()).into());
    }
    Ok(Measured { took, grants: taken(&crew.times.grants), heartbeats: taken(&crew.times.beats) })
}

fn taken(latencies: &Mutex<Vec<Duration>>) -> Vec<Duration> {
    std::mem::take(&mut *latencies.lock().unwrap_or_else(PoisonError::into_inner))
}

/// How long requests took, in the order in which they were answered.
#[derive(Default)]
struct Times {
    grants: Mutex<Vec<Duration>>,
    beats: Mutex<Vec<Duration>>,
}

/// Workers as tasks of this process.
struct Crew {
    desk: Desk,
    play: Play,
    times: Arc<Times>,
    exits: mpsc::UnboundedSender<Exit>,
    ended: tokio::sync::Mutex<mpsc::UnboundedReceiver<Exit>>,
}

impl Crew {
    fn new(desk: Desk, play: Play) -> Self {
        let (exits, ended) = mpsc::unbounded_channel();
        Self { desk, play, times: Arc::default(), exits, ended: tokio::sync::Mutex::new(ended) }
    }
}

impl Launcher for Crew {
    async fn launch(&self, child: &ChildName, contact: &Contact) -> coordinator::Result<()> {
        let link = Timed { desk: self.desk.clone(), times: Arc::clone(&self.times) };
        let registration = Registration {
            run: child.run.clone(),
            stage: child.stage,
            generation: child.generation,
            process: child.process,
            pid: std::process::id().into(),
            version: proto::PROGRAM_VERSION.to_owned(),
        };
        let options = WorkerOptions {
            coordinator: contact.coordinator.clone(),
            token: contact.token.clone(),
            registration,
            connect_within: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        };
        let stop = CancelSource::new();
        let session = Session::new(link, options, self.play.clone(), stop.listen());
        let (name, exits) = (child.clone(), self.exits.clone());
        tokio::spawn(async move {
            let failure = session.run().await.err().map(|error| Failure::of(FailureClass::Bug, &error));
            // The source of its word to stop lives as long as it does.
            drop(stop);
            let _ = exits.send(Exit { child: name, failure, log: None });
        });
        Ok(())
    }

    async fn ended(&self) -> Exit {
        self.ended.lock().await.recv().await.expect("the crew itself holds a sender")
    }

    fn stop(&self, _: &ChildName, _: Force) {}

    async fn observe(&self, _: &str, _: &RunId) -> Vec<ChildName> {
        vec![]
    }

    async fn remove(&self, _: &str, _: &ChildName) {}

    fn log_of(&self, _: &ChildName) -> Option<PathBuf> {
        None
    }
}

/// Work that waits, and commits a shard.
#[derive(Clone)]
struct Play {
    workspace: Workspace,
    shards: u32,
    busy: Duration,
}

impl worker::Work for Play {
    async fn perform(&self, assignment: Assignment, progress: Progress, _: Cancel) -> Result<Value, Failure> {
        let failed = |error: artifacts::ArtifactsError| Failure::of(FailureClass::Storage, &error);
        match assignment.unit {
            Unit::Plan => {
                let url = "memory://scale/people.parquet".to_owned();
                let population = InputFile { url, size: 1, etag: None, last_modified: None };
                let plan = shard_plan(&[(population, vec![SHARD_ROWS; self.shards as usize])], SHARD_ROWS);
                runs::freeze_plan(&self.workspace, &assignment.run, plan).await.map_err(failed)?;
            }
            Unit::Score(shard) => {
                // A tenth more or less from shard to shard, so that workers do not march in step.
                tokio::time::sleep(self.busy.mul_f64(0.9 + 0.02 * (shard.0 % 11) as f64)).await;
                progress.advance(SHARD_ROWS);
                let (shard, attempt) = (ShardId(shard.0), assignment.attempt.to_string());
                let attempt = attempt.parse().map_err(|error| Failure::of(FailureClass::Bug, &error))?;
                let key = layout::shard_part(&assignment.run, shard, &attempt);
                let file = FileRecord { key, bytes: 1, rows: SHARD_ROWS, sha256: Digest::of(b"scores") };
                let commit = ShardCommit { shard, attempt, file, rows: SHARD_ROWS, summary: json!({}) };
                runs::commit_shard(&self.workspace, &assignment.run, &commit).await.map_err(failed)?;
            }
            Unit::Train | Unit::Publish | Unit::Prepare | Unit::Trial(_) => {}
        }
        Ok(json!({"audiences": []}))
    }
}

/// A link without a wire that takes the time.
struct Timed {
    desk: Desk,
    times: Arc<Times>,
}

fn note(times: &Mutex<Vec<Duration>>, start: Instant) {
    times.lock().unwrap_or_else(PoisonError::into_inner).push(start.elapsed());
}

type Answer<T> = Result<(Epoch, T), LinkError>;

impl Timed {
    fn answer<T>(&self, answer: Result<T, Refusal>) -> Answer<T> {
        Ok((self.desk.epoch(), answer.map_err(Status::from)?))
    }
}

impl Link for Timed {
    async fn register(&self, who: Registration) -> Result<Registered, LinkError> {
        Ok(self.answer(self.desk.register(who).await)?.1)
    }

    async fn acquire(&self, worker: WorkerId, epoch: Epoch) -> Answer<Next> {
        let start = Instant::now();
        let answer = self.answer(self.desk.acquire(Caller { worker, epoch }).await)?;
        if let Next::Assignment(_) = answer.1 {
            note(&self.times.grants, start);
        }
        Ok(answer)
    }

    async fn heartbeat(&self, worker: WorkerId, epoch: Epoch, heartbeat: Heartbeat) -> Answer<Instruction> {
        let start = Instant::now();
        let answer = self.answer(self.desk.heartbeat(Caller { worker, epoch }, heartbeat).await)?;
        note(&self.times.beats, start);
        Ok(answer)
    }

    async fn complete(&self, worker: WorkerId, epoch: Epoch, lease: LeaseId, outcome: Value) -> Answer<()> {
        self.answer(self.desk.complete(Caller { worker, epoch }, lease, outcome).await)
    }

    async fn fail(&self, worker: WorkerId, epoch: Epoch, lease: LeaseId, failure: Failure) -> Answer<()> {
        self.answer(self.desk.fail(Caller { worker, epoch }, lease, failure).await)
    }
}

/// A line of `/proc/self/status`, in MiB.
fn memory_mib(name: &str) -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no such line")?;
    Ok(kib.trim().parse::<f64>()? / 1024.0)
}
