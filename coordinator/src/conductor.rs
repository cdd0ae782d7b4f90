//! The loop that carries one run from its first stage to its end.
//!
//! One task owns everything that can change: the log, the leases, the children. Whatever happens arrives here as one
//! [`Happening`] at a time. Decisions are elsewhere and pure (`run::transition`, `run::verdict`, [`Leases`]); this
//! module does what they say, and logs an intent before it touches the world outside.

mod calls;
mod children;
mod record;
mod stages;
#[cfg(test)]
mod tests;
mod watchdog;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::Clock;
use proto::{Stage, Unit, WorkerId};
use serde_json::Value;

use crate::control::{Controlled, Wanted};
use crate::desk::{Call, Calls};
use crate::error::Result;
use crate::launcher::{ChildName, Contact, Exit, Force, Launcher};
use crate::leases::Leases;
use crate::log::RunLog;
use crate::notice::{Notice, Notices};
use crate::run::{Course, Event, State, StopReason, Subject, Verdict, retries, verdict};
use crate::timing::Timing;
use crate::trials;
use children::Child;

/// What a conductor works with.
pub struct Orchestra<L> {
    /// The run's log, in this coordinator's hands.
    pub log: RunLog,
    /// What starts the run's processes.
    pub launcher: Arc<L>,
    /// What they need to know.
    pub contact: Contact,
    /// By which time passes.
    pub clock: Arc<dyn Clock>,
    /// How long to wait for what.
    pub timing: Timing,
    /// Who may stop the run.
    pub control: Controlled,
    /// Who watches it.
    pub notices: Notices,
    /// How many processes score, or train trials, at once.
    pub processes: u32,
}

/// Carries one run, whatever launches its processes.
pub struct Conductor<L> {
    log: RunLog,
    launcher: Arc<L>,
    contact: Contact,
    clock: Arc<dyn Clock>,
    timing: Timing,
    control: Controlled,
    notices: Notices,
    processes: u32,
    calls: Calls,
    /// Calls that came while the log was written.
    put_off: VecDeque<Call>,
    leases: Leases,
    workers: BTreeMap<WorkerId, ChildName>,
    children: BTreeMap<ChildName, Child>,
    begun: Option<Stage>,
    wanted_stop: Option<StopReason>,
    kill_at: Option<Duration>,
    looked_at: Duration,
    /// When something last got on.
    advanced_at: Duration,
    /// When it was last told that nothing does.
    told_at: Duration,
    /// Since when the store has not answered.
    store_silent_since: Option<Duration>,
}

/// What can happen to a run in the hands of a conductor.
enum Happening {
    Wanted(Wanted),
    Ended(Exit),
    Called(Call),
    Time,
}

impl<L: Launcher> Conductor<L> {
    /// A conductor that answers `calls`.
    pub fn new(orchestra: Orchestra<L>, calls: Calls) -> Self {
        let Orchestra { log, launcher, contact, clock, timing, control, notices, processes } = orchestra;
        let leases = Leases::new(log.epoch(), timing.lease, timing.straggling);
        let looked_at = clock.now();
        let (workers, children) = (BTreeMap::new(), BTreeMap::new());
        Self {
            log,
            launcher,
            contact,
            clock,
            timing,
            control,
            notices,
            processes: processes.max(1),
            calls,
            put_off: VecDeque::new(),
            leases,
            workers,
            children,
            begun: None,
            wanted_stop: None,
            kill_at: None,
            looked_at,
            advanced_at: looked_at,
            told_at: looked_at,
            store_silent_since: None,
        }
    }

    /// Carries the run to a terminal state and its children to their end.
    ///
    /// # Errors
    /// When the log cannot be written, or another coordinator has taken over. The children are ended either way.
    pub async fn conduct(mut self) -> Result<State> {
        let result = self.carry().await;
        self.dismiss(result.is_err()).await;
        result?;
        Ok(self.log.state().clone())
    }

    async fn carry(&mut self) -> Result<()> {
        self.end_leftovers().await;
        self.reopen().await?;
        loop {
            let stage = match self.log.state() {
                State::Ready(course) | State::Active(course) => Some(course.stage),
                State::Stopping(..) => None,
                State::Absent
                | State::Interrupted(_)
                | State::Cancelled(..)
                | State::Failed(..)
                | State::Succeeded(_)
                | State::HeldBack(..) => return Ok(()),
            };
            match (stage, self.wanted_stop.take()) {
                (Some(_), Some(reason)) => self.begin_stop(reason).await?,
                (Some(stage), None) if self.begun != Some(stage) => self.begin(stage).await?,
                (None, _) if self.children.is_empty() => self.record(Event::Stopped).await?,
                _ => self.step().await?,
            }
        }
    }

    /// A run that was stopped goes on. Whatever the coordinator before was stopping has ended with it.
    async fn reopen(&mut self) -> Result<()> {
        if let State::Stopping(..) = self.log.state() {
            self.record(Event::Stopped).await?;
        }
        if let State::Interrupted(_) | State::Cancelled(..) | State::Failed(..) = self.log.state() {
            self.record(Event::Reopened).await?;
        }
        Ok(())
    }

    /// Waits for one thing to happen and deals with it.
    async fn step(&mut self) -> Result<()> {
        match self.next().await {
            Happening::Wanted(Wanted::Run) => Ok(()),
            Happening::Wanted(Wanted::Stop) => {
                self.wanted_stop = Some(self.control.reason());
                Ok(())
            }
            Happening::Wanted(Wanted::Kill) => {
                self.wanted_stop = Some(self.control.reason());
                self.stop_children(Force::Kill);
                Ok(())
            }
            Happening::Ended(exit) => self.child_ended(exit).await,
            Happening::Called(call) => self.answer(call).await,
            Happening::Time => self.look_round().await,
        }
    }

    async fn next(&mut self) -> Happening {
        if let Some(call) = self.put_off.pop_front() {
            return Happening::Called(call);
        }
        let now = self.clock.now();
        let due = [Some(self.looked_at + self.timing.round), self.leases.next_change(), self.kill_at];
        let due = due.into_iter().flatten().min().unwrap_or(now);
        tokio::select! {
            biased;
            wanted = self.control.firmer() => Happening::Wanted(wanted),
            exit = self.launcher.ended() => Happening::Ended(exit),
            Some(call) = self.calls.recv() => Happening::Called(call),
            () = self.clock.sleep(due.saturating_sub(now)) => Happening::Time,
        }
    }

    fn course(&self) -> Option<&Course> {
        self.log.state().course()
    }

    fn is_stopping(&self) -> bool {
        matches!(self.log.state(), State::Stopping(..))
    }

    /// Counts a failure and decides what follows. While the run is being stopped failures are its consequence.
    async fn failed(&mut self, subject: Subject, failure: proto::Failure, child: Option<&ChildName>) -> Result<()> {
        let Some(course) = self.course().filter(|_| !self.is_stopping() && self.wanted_stop.is_none()) else {
            return Ok(());
        };
        let verdict = match (verdict(&course.spent, subject, &failure), subject) {
            // Another attempt at the same unit goes on; what would fail every attempt is not waited for.
            (Verdict::GiveUp, Subject::Unit(unit)) if retries(failure.class) > 0 && self.leases.is_held(unit) => {
                Verdict::Retry { after: Duration::ZERO }
            }
            (verdict, _) => verdict,
        };
        let log = child.and_then(|child| self.launcher.log_of(child));
        // Told first: what keeps the log from being written may be what failed, such as a full disk.
        self.notices.tell(Notice::AttemptFailed { subject, failure: failure.clone(), verdict, log });
        self.record(Event::AttemptFailed { subject, failure: failure.clone() }).await?;
        match (verdict, subject) {
            (Verdict::Retry { after }, Subject::Unit(unit)) => self.leases.put_back(unit, self.clock.now() + after),
            (Verdict::Retry { .. }, Subject::Process(_)) => {}
            (Verdict::LeaveOut, Subject::Unit(unit @ Unit::Trial(trial))) => {
                trials::leave_out(self.log.workspace(), self.log.run(), trial, failure).await?;
                self.leases.settle(unit);
                return self.done(unit, Value::Null).await;
            }
            (Verdict::GiveUp | Verdict::LeaveOut, _) => {
                self.wanted_stop = Some(StopReason::Failed { subject, failure })
            }
        }
        Ok(())
    }

    async fn begin_stop(&mut self, reason: StopReason) -> Result<()> {
        self.record(Event::StopRequested { reason: reason.clone() }).await?;
        self.notices.tell(Notice::Stopping { reason, processes: self.children.len() });
        let force = if self.control.wanted() == Wanted::Kill { Force::Kill } else { Force::Ask };
        self.stop_children(force);
        self.kill_at = Some(self.clock.now() + self.timing.grace);
        Ok(())
    }

    /// What time brings: leases that ran out, silent processes, a successor.
    async fn look_round(&mut self) -> Result<()> {
        let now = self.clock.now();
        let absence = now.saturating_sub(self.looked_at + self.timing.round);
        if absence > self.timing.lease / 2 {
            // Not the workers were silent, this process was: it was stopped, or the machine slept.
            self.leases.excuse(absence);
            self.advanced_at += absence;
            self.children.values_mut().for_each(|child| child.excuse(absence));
        }
        if self.kill_at.is_some_and(|kill_at| kill_at <= now) {
            self.kill_at = None;
            self.stop_children(Force::Kill);
        }
        self.expire_leases(now).await?;
        if now >= self.looked_at + self.timing.round {
            self.looked_at = now;
            self.end_silent_children(now).await?;
            self.end_stuck_children(now).await?;
            self.look_for_successor().await?;
            self.tell_if_quiet(now);
        }
        self.replace_lost().await
    }
}
