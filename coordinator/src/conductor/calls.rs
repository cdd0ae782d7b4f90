//! Answers to workers.

use proto::{Heartbeat, Instruction, LeaseId, Next, Refusal, Registered, Registration, WorkerId};

use super::Conductor;
use crate::desk::{Call, Caller, Reply};
use crate::error::Result;
use crate::launcher::{ChildName, Launcher};
use crate::leases::{Completion, Grant};
use crate::notice::Notice;
use crate::run::Subject;

/// Answers; a worker that does not wait any more has its reasons.
fn answer<T>(reply: Reply<T>, answer: Result<T, Refusal>) {
    let _ = reply.send(answer);
}

impl<L: Launcher> Conductor<L> {
    pub(super) async fn answer(&mut self, call: Call) -> Result<()> {
        match call {
            Call::Register(registration, reply) => answer(reply, self.register(&registration)),
            Call::Acquire(caller, reply) => {
                let next = self.known(&caller).map(|child| self.acquire(&caller.worker, &child));
                answer(reply, next);
            }
            Call::Heartbeat(caller, heartbeat, reply) => match self.known(&caller) {
                Ok(child) => answer(reply, Ok(self.heartbeat(&caller.worker, child, heartbeat))),
                Err(refusal) => answer(reply, Err(refusal)),
            },
            Call::Complete(caller, lease, outcome, reply) => match self.known(&caller) {
                Ok(_) => {
                    if let Completion::Done(unit) = self.leases.complete(lease, self.clock.now()) {
                        self.done(unit, outcome).await?;
                    }
                    answer(reply, Ok(()));
                }
                Err(refusal) => answer(reply, Err(refusal)),
            },
            Call::Fail(caller, lease, failure, reply) => match self.known(&caller) {
                Ok(child) => {
                    if let Some(lost) = self.leases.fail(&caller.worker, lease) {
                        self.failed(Subject::Unit(lost.unit), failure, Some(&child)).await?;
                    }
                    answer(reply, Ok(()));
                }
                Err(refusal) => answer(reply, Err(refusal)),
            },
        }
        Ok(())
    }

    fn register(&mut self, who: &Registration) -> Result<Registered, Refusal> {
        if who.version != proto::PROGRAM_VERSION {
            let (worker, coordinator) = (who.version.clone(), proto::PROGRAM_VERSION.to_owned());
            return Err(Refusal::OtherVersion { worker, coordinator });
        }
        let Registration { run, stage, generation, process, .. } = who.clone();
        let name = ChildName { run, stage, generation, process };
        let epoch = self.log.epoch();
        let Some(child) = self.children.get_mut(&name) else {
            let sent = format!("{} of run {}", name, name.run);
            let current = format!("run {} in epoch {epoch}, where no such process was launched", self.log.run());
            return Err(Refusal::OtherWork { sent, current });
        };
        let now = self.clock.now();
        child.seen(now);
        child.register();
        self.advanced_at = now;
        let worker = WorkerId(name.to_string());
        tracing::info!(run = %self.log.run(), %worker, pid = who.pid, "registered");
        self.workers.insert(worker.clone(), name);
        let (heartbeat_interval, unreachable_after) = (self.timing.heartbeat, self.timing.unreachable);
        Ok(Registered { worker, epoch, heartbeat_interval, unreachable_after })
    }

    /// The child behind a caller, which has just given a sign of life.
    fn known(&mut self, caller: &Caller) -> Result<ChildName, Refusal> {
        let current = self.log.epoch();
        if caller.epoch != current {
            return Err(Refusal::OtherEpoch { sent: caller.epoch, current });
        }
        let name = self.workers.get(&caller.worker).cloned();
        let name = name.ok_or_else(|| Refusal::UnknownWorker { worker: caller.worker.to_string() })?;
        if let Some(child) = self.children.get_mut(&name) {
            child.seen(self.clock.now());
        }
        Ok(name)
    }

    fn acquire(&mut self, worker: &WorkerId, child: &ChildName) -> Next {
        let is_current = self.begun == Some(child.stage);
        if !is_current || self.is_stopping() || self.wanted_stop.is_some() || self.log.state().is_terminal() {
            return Next::Done;
        }
        let now = self.clock.now();
        let grant = self.leases.acquire(worker, now);
        if let (Some(child), Grant::Unit(_) | Grant::Straggler(..)) = (self.children.get_mut(child), &grant) {
            child.begin(now);
        }
        match grant {
            Grant::Unit(assignment) => {
                let (run, attempt, shard) = (self.log.run(), assignment.attempt.0, assignment.unit.shard());
                tracing::info!(%run, %worker, unit = %assignment.unit, shard, attempt, "granted");
                Next::Assignment(assignment)
            }
            Grant::Straggler(assignment, held) => {
                let unit = assignment.unit;
                tracing::info!(%worker, %unit, attempt = %assignment.attempt, held_s = held.as_secs(), "granted twice");
                self.notices.tell(Notice::Straggler { unit, held });
                Next::Assignment(assignment)
            }
            Grant::Wait => Next::Wait(self.timing.idle),
            Grant::Done => Next::Done,
        }
    }

    fn heartbeat(&mut self, worker: &WorkerId, child: ChildName, heartbeat: Heartbeat) -> Instruction {
        let Heartbeat { lease, progress } = heartbeat;
        let (unit, now) = (self.leases.unit_of(worker), self.clock.now());
        if self.children.get_mut(&child).is_some_and(|child| child.told(&progress, now)) {
            self.advanced_at = now;
        }
        let instruction = self.instruct(worker, lease);
        self.notices.tell(Notice::Progressed { child, unit, progress });
        instruction
    }

    fn instruct(&mut self, worker: &WorkerId, lease: Option<LeaseId>) -> Instruction {
        if self.is_stopping() || self.wanted_stop.is_some() {
            return Instruction::Cancel;
        }
        match lease {
            Some(lease) if !self.leases.renew(worker, lease, self.clock.now()) => Instruction::Drop,
            Some(_) | None => Instruction::Continue,
        }
    }

    /// Answers a worker of a run that needs none any more.
    pub(super) fn see_off(&self, call: Call) {
        match call {
            Call::Register(_, reply) => answer(reply, Err(Refusal::Stopping)),
            Call::Acquire(_, reply) => answer(reply, Ok(Next::Done)),
            Call::Heartbeat(_, _, reply) => answer(reply, Ok(Instruction::Cancel)),
            Call::Complete(_, _, _, reply) | Call::Fail(_, _, _, reply) => answer(reply, Ok(())),
        }
    }
}
