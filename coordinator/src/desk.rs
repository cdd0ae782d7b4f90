//! Where workers' requests arrive: each is one message to the coordinator's loop and one answer back.

use std::sync::Arc;
use std::time::Instant;

use proto::{Epoch, Failure, Heartbeat, Instruction, LeaseId, Next, Refusal, Registered, Registration, WorkerId};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::figures::Figures;

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// A worker and the epoch that it believes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The worker.
    pub worker: WorkerId,
    /// The newest epoch that it knows.
    pub epoch: Epoch,
}

/// A request.
#[derive(Debug)]
pub(crate) enum Call {
    Register(Registration, Reply<Registered>),
    Acquire(Caller, Reply<Next>),
    Heartbeat(Caller, Heartbeat, Reply<Instruction>),
    Complete(Caller, LeaseId, Value, Reply<()>),
    Fail(Caller, LeaseId, Failure, Reply<()>),
}

/// Requests that may wait; every worker has at most two.
const MOST_WAITING: usize = 4096;

/// The workers' side of the coordinator's loop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Desk {
    epoch: Epoch,
    calls: mpsc::Sender<Call>,
    figures: Arc<Figures>,
}

/// The coordinator's side: requests in the order in which they came.
#[derive(Debug)]
pub struct Calls(mpsc::Receiver<Call>);

impl Calls {
    /// The next one; `None` once nobody can ask any more.
    pub(crate) async fn recv(&mut self) -> Option<Call> {
        self.0.recv().await
    }
}

impl Desk {
    /// Both sides, for a coordinator of an epoch.
    pub fn open(epoch: Epoch) -> (Self, Calls) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (Self { epoch, calls: sender, figures: Arc::default() }, Calls(receiver))
    }

    /// The same, its answers measured.
    pub(crate) fn measured(self, figures: Arc<Figures>) -> Self {
        Self { figures, ..self }
    }

    /// The coordinator's epoch.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Makes a process known.
    pub async fn register(&self, who: Registration) -> Result<Registered, Refusal> {
        self.ask(|reply| Call::Register(who, reply)).await
    }

    /// What a worker does next.
    pub async fn acquire(&self, caller: Caller) -> Result<Next, Refusal> {
        let asked = Instant::now();
        let next = self.ask(|reply| Call::Acquire(caller, reply)).await;
        self.figures.grants.record(asked.elapsed());
        next
    }

    /// A sign of life.
    pub async fn heartbeat(&self, caller: Caller, heartbeat: Heartbeat) -> Result<Instruction, Refusal> {
        self.ask(|reply| Call::Heartbeat(caller, heartbeat, reply)).await
    }

    /// A unit is done.
    pub async fn complete(&self, caller: Caller, lease: LeaseId, outcome: Value) -> Result<(), Refusal> {
        self.ask(|reply| Call::Complete(caller, lease, outcome, reply)).await
    }

    /// A unit failed.
    pub async fn fail(&self, caller: Caller, lease: LeaseId, failure: Failure) -> Result<(), Refusal> {
        self.ask(|reply| Call::Fail(caller, lease, failure, reply)).await
    }

    /// A loop that has ended answers nothing: it is stopping, or has stopped.
    async fn ask<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(call(reply)).await.map_err(|_| Refusal::Stopping)?;
        answer.await.unwrap_or(Err(Refusal::Stopping))
    }
}
