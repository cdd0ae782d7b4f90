//! What goes on while the store takes its time.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use artifacts::clock::Clock;
use proto::{Epoch, Heartbeat, Instruction, Next, WorkerId};

use super::Conductor;
use super::children::Child;
use crate::desk::{Call, Caller, Calls};
use crate::error::Result;
use crate::launcher::{ChildName, Launcher};
use crate::leases::Leases;
use crate::log::RunLog;
use crate::notice::{Notice, Notices};
use crate::run::Event;
use crate::timing::Timing;
use crate::waiting::WaitsFor;

/// Requests put off while the store is waited for; each worker has one at most beside its heartbeats.
const MOST_PUT_OFF: usize = 4096;

impl<L: Launcher> Conductor<L> {
    /// Appends to the log.
    pub(super) async fn record(&mut self, event: Event) -> Result<()> {
        let (log, mut attendance) = self.attendance();
        let recorded = attendance.during(log.append(event)).await;
        self.advanced_at = self.clock.now();
        recorded
    }

    /// Looks for a successor. A store that does not answer is not one: only after a long time without an answer the
    /// coordinator steps back, and leaves the run as its log has it.
    pub(super) async fn look_for_successor(&mut self) -> Result<()> {
        let (log, mut attendance) = self.attendance();
        let error = match attendance.during(log.check_not_superseded()).await {
            Err(error) if error.is_store_silent() => error,
            answered => {
                self.store_silent_since = None;
                return answered;
            }
        };
        let now = self.clock.now();
        let since = *self.store_silent_since.get_or_insert(self.looked_at);
        tracing::warn!(run = %self.log.run(), %error, "the store did not answer");
        if now.saturating_sub(since) >= self.timing.store { Err(error) } else { Ok(()) }
    }

    fn attendance(&mut self) -> (&mut RunLog, Attendance<'_>) {
        let attendance = Attendance {
            epoch: self.log.epoch(),
            clock: self.clock.as_ref(),
            timing: self.timing,
            calls: &mut self.calls,
            put_off: &mut self.put_off,
            leases: &mut self.leases,
            workers: &self.workers,
            children: &mut self.children,
            notices: &self.notices,
        };
        (&mut self.log, attendance)
    }
}

/// Whoever looks after the workers while the store is waited for: they are not to blame that it takes minutes. Their
/// heartbeats are answered, what else they ask waits; once that takes long, who asks for work is told to ask again.
struct Attendance<'a> {
    epoch: Epoch,
    clock: &'a dyn Clock,
    timing: Timing,
    calls: &'a mut Calls,
    put_off: &'a mut VecDeque<Call>,
    leases: &'a mut Leases,
    workers: &'a BTreeMap<WorkerId, ChildName>,
    children: &'a mut BTreeMap<ChildName, Child>,
    notices: &'a Notices,
}

impl Attendance<'_> {
    async fn during<T>(&mut self, request: impl Future<Output = T>) -> T {
        let start = self.clock.now();
        let mut told = start;
        let mut request = pin!(request);
        loop {
            let until_told = (told + self.timing.quiet).saturating_sub(self.clock.now());
            tokio::select! {
                biased;
                answer = &mut request => return answer,
                Some(call) = self.calls.recv(), if self.put_off.len() < MOST_PUT_OFF => {
                    self.attend(call, self.clock.now().saturating_sub(start));
                }
                () = self.clock.sleep(until_told) => {
                    told = self.clock.now();
                    let waited = told.saturating_sub(start);
                    self.notices.tell(Notice::Waiting { waited, reasons: vec![WaitsFor::Store { silent: waited }] });
                }
            }
        }
    }

    /// Answers what can be answered while the store has been waited for so long; who waits for an answer no more has
    /// its reasons.
    fn attend(&mut self, call: Call, waited: Duration) {
        match call {
            Call::Heartbeat(caller, heartbeat, reply) if self.knows(&caller) => {
                let _ = reply.send(Ok(self.heartbeat(&caller.worker, heartbeat)));
            }
            Call::Acquire(caller, reply) if waited > self.timing.round && self.knows(&caller) => {
                if let Some(child) = self.workers.get(&caller.worker).and_then(|name| self.children.get_mut(name)) {
                    child.seen(self.clock.now());
                }
                let _ = reply.send(Ok(Next::Wait(self.timing.idle)));
            }
            other => self.put_off.push_back(other),
        }
    }

    fn knows(&self, caller: &Caller) -> bool {
        caller.epoch == self.epoch && self.workers.contains_key(&caller.worker)
    }

    fn heartbeat(&mut self, worker: &WorkerId, Heartbeat { lease, progress }: Heartbeat) -> Instruction {
        let (now, unit) = (self.clock.now(), self.leases.unit_of(worker));
        if let Some(name) = self.workers.get(worker)
            && let Some(child) = self.children.get_mut(name)
        {
            child.seen(now);
            child.told(&progress, now);
            self.notices.tell(Notice::Progressed { child: name.clone(), unit, progress });
        }
        match lease {
            Some(lease) if !self.leases.renew(worker, lease, now) => Instruction::Drop,
            Some(_) | None => Instruction::Continue,
        }
    }
}
