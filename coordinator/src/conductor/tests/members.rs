//! Workers as tasks of this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::{Epoch, Failure, FailureClass, Heartbeat, Instruction, LeaseId, Next, Refusal, Registered, Registration};
use proto::{Stage, Token, WorkerId};
use serde_json::Value;
use spec::RunId;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;
use worker::{CancelSource, Ending, Session, WorkerOptions};

use super::actor::Actor;
use super::company::World;
use crate::desk::{Caller, Desk};
use crate::error::{CoordinatorError, Result};
use crate::launcher::{ChildName, Contact, Exit, Force, Launcher};

/// Children as tasks of this process.
pub(super) struct InProcess {
    world: Arc<World>,
    pub(super) desk: Mutex<Option<Desk>>,
    pub(super) children: Arc<Mutex<BTreeMap<ChildName, Member>>>,
    exits: mpsc::UnboundedSender<Exit>,
    ended: tokio::sync::Mutex<mpsc::UnboundedReceiver<Exit>>,
}

pub(super) struct Member {
    stop: CancelSource,
    is_frozen: Arc<AtomicBool>,
    pub(super) task: AbortHandle,
}

impl InProcess {
    pub(super) fn new(world: Arc<World>) -> Self {
        let (exits, ended) = mpsc::unbounded_channel();
        Self { world, desk: Mutex::default(), children: Arc::default(), exits, ended: tokio::sync::Mutex::new(ended) }
    }

    /// Another launcher that sees the same children.
    pub(super) fn another(&self) -> Self {
        Self { children: Arc::clone(&self.children), ..Self::new(Arc::clone(&self.world)) }
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
            let program = match child.stage {
                Stage::Train | Stage::Prepare | Stage::Search => "/nowhere/kindred-trainer",
                Stage::Plan | Stage::Score | Stage::Publish => "/nowhere/kindred-scorer",
            };
            return Err(CoordinatorError::NoProgram { program: PathBuf::from(program) });
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

    async fn observe(&self, workspace: &str, run: &RunId) -> Vec<ChildName> {
        if !workspace.ends_with("/workspace") {
            return vec![];
        }
        let children = self.children.lock().unwrap();
        let left = children.iter().filter(|(name, member)| name.run == *run && !member.task.is_finished());
        left.map(|(name, _)| name.clone()).collect()
    }

    async fn remove(&self, _: &str, child: &ChildName) {
        self.stop(child, Force::Kill);
        let is_left = || self.children.lock().unwrap().get(child).is_some_and(|member| !member.task.is_finished());
        while is_left() {
            tokio::task::yield_now().await;
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

mod conformance {
    use proto::Next;

    use super::*;
    use crate::conductor::tests::company::Company;
    use crate::desk::Call;
    use crate::launcher::conformance::{Conduct, Rig, suite};
    use crate::run::Kind;

    /// Children in this process, and a desk that sends them home or does not answer.
    struct Tasks {
        company: Company,
    }

    impl Rig for Tasks {
        type Launcher = InProcess;

        async fn new(conduct: Conduct) -> Self {
            let company = Company::of(Kind::Scoring).await;
            let company = match conduct {
                Conduct::EndsWell | Conduct::Runs => company,
                Conduct::Fails => company.with_crashes(100),
                Conduct::Ignores => company.with_stillborn(100),
                Conduct::NoProgram => company.without_programs(),
            };
            let (desk, mut calls) = Desk::open(Epoch(1));
            *company.launcher().desk.lock().unwrap() = Some(desk);
            tokio::spawn(async move {
                let mut unanswered = vec![];
                while let Some(call) = calls.recv().await {
                    match call {
                        Call::Register(who, reply) if conduct == Conduct::EndsWell => {
                            let (worker, epoch) = (WorkerId(who.process.to_string()), Epoch(1));
                            let (heartbeat_interval, unreachable_after) =
                                (Duration::from_secs(1), Duration::from_secs(60));
                            let _ = reply.send(Ok(Registered { worker, epoch, heartbeat_interval, unreachable_after }));
                        }
                        Call::Acquire(_, reply) => _ = reply.send(Ok(Next::Done)),
                        other => unanswered.push(other),
                    }
                }
            });
            Self { company }
        }

        fn launcher(&self) -> &InProcess {
            self.company.launcher()
        }

        fn another(&self) -> InProcess {
            self.company.launcher().another()
        }

        fn starts(&self) -> usize {
            self.company.launched().len()
        }
    }

    suite!(Tasks);
}
