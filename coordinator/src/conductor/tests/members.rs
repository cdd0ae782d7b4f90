//! Workers as tasks of this process.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proto::{Epoch, Failure, FailureClass, Heartbeat, Instruction, LeaseId, Next, Refusal, Registered, Registration};
use proto::{Token, WorkerId};
use serde_json::Value;
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
    pub(super) children: Mutex<BTreeMap<ChildName, Member>>,
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
