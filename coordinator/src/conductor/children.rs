//! The processes of a run: their signs of life and their ends.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use proto::{Failure, FailureClass, Progress, WorkerId};

use super::{Conductor, Happening};
use crate::error::Result;
use crate::launcher::{ChildName, Exit, Force, Launcher};
use crate::notice::Notice;
use crate::run::Subject;
use crate::waiting::Sight;

/// A process that has been launched and has not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    sight: Sight,
    /// The digest of the progress that it told last.
    progress: u64,
    /// It has been told to end because it was silent; that was counted as a failure already.
    is_condemned: bool,
}

impl Child {
    pub(super) fn launched(now: Duration) -> Self {
        let sight = Sight { launched: now, is_registered: false, last_seen: now, advanced: now };
        Self { sight, progress: 0, is_condemned: false }
    }

    /// What can be seen of it.
    pub(super) fn sight(&self) -> Sight {
        self.sight
    }

    pub(super) fn seen(&mut self, now: Duration) {
        self.sight.last_seen = now;
    }

    pub(super) fn register(&mut self) {
        self.sight.is_registered = true;
    }

    /// It was given a unit.
    pub(super) fn begin(&mut self, now: Duration) {
        self.sight.advanced = now;
    }

    /// It told how far it is; whether that is another place than before.
    pub(super) fn told(&mut self, progress: &Progress, now: Duration) -> bool {
        let mut digest = DefaultHasher::new();
        (&progress.phase, progress.done, progress.total, &progress.message, &progress.notes).hash(&mut digest);
        let digest = digest.finish();
        let has_advanced = digest != self.progress;
        self.progress = digest;
        if has_advanced {
            self.sight.advanced = now;
        }
        has_advanced
    }

    pub(super) fn is_condemned(&self) -> bool {
        self.is_condemned
    }

    pub(super) fn excuse(&mut self, absence: Duration) {
        self.sight.launched += absence;
        self.sight.last_seen += absence;
        self.sight.advanced += absence;
    }
}

impl<L: Launcher> Conductor<L> {
    /// A child has ended: what it held goes to others, and another takes its place if there is work for it.
    pub(super) async fn child_ended(&mut self, exit: Exit) -> Result<()> {
        let Exit { child: name, failure, log: _ } = exit;
        let Some(child) = self.children.remove(&name) else {
            return Ok(());
        };
        let worker = WorkerId(name.to_string());
        self.workers.remove(&worker);
        self.notices.tell(Notice::Ended { child: name.clone() });
        let lost = self.leases.lose_worker(&worker);
        let stage = name.stage;
        if self.begun != Some(stage) || self.log.state().is_terminal() {
            return Ok(());
        }
        let early = || Failure::new(FailureClass::Bug, "the process ended though there was work left");
        match (lost, failure) {
            (Some(lost), failure) => {
                self.failed(Subject::Unit(lost.unit), failure.unwrap_or_else(early), Some(&name)).await?;
            }
            (None, _) if child.is_condemned || self.leases.is_done() => {}
            (None, failure) => {
                self.failed(Subject::Process(stage), failure.unwrap_or_else(early), Some(&name)).await?;
            }
        }
        self.replace_lost().await
    }

    /// Takes away leases that ran out, and ends their holders: a process that does not answer may hold the machine.
    pub(super) async fn expire_leases(&mut self, now: Duration) -> Result<()> {
        for lost in self.leases.expire(now) {
            let seconds = self.timing.lease.as_secs();
            let message = format!("the process gave no sign of life for {seconds} s");
            let child = self.workers.get(&lost.worker).cloned();
            if let Some(name) = &child {
                self.condemn(name);
            }
            let failure = Failure::new(FailureClass::Preempted, message);
            self.failed(Subject::Unit(lost.unit), failure, child.as_ref()).await?;
        }
        Ok(())
    }

    /// Ends processes that never registered, or that have not asked for work for too long.
    pub(super) async fn end_silent_children(&mut self, now: Duration) -> Result<()> {
        let silent = |child: &Child| {
            let Sight { is_registered, last_seen, .. } = child.sight;
            let allowed = if is_registered { self.timing.lease } else { self.timing.startup };
            !child.is_condemned && now.saturating_sub(last_seen) > allowed
        };
        let silent: Vec<(ChildName, Child)> = self
            .children
            .iter()
            .filter(|(_, child)| silent(child))
            .map(|(name, child)| (name.clone(), *child))
            .collect();
        for (name, child) in silent {
            self.condemn(&name);
            let Sight { is_registered, last_seen, .. } = child.sight;
            let what = if is_registered { "gave no sign of life" } else { "did not register" };
            let message = format!("the process {what} for {} s", now.saturating_sub(last_seen).as_secs());
            let failure = Failure::new(FailureClass::Preempted, message);
            if self.begun == Some(name.stage) && !self.leases.is_done() {
                self.failed(Subject::Process(name.stage), failure, Some(&name)).await?;
            }
        }
        Ok(())
    }

    pub(super) fn condemn(&mut self, name: &ChildName) {
        self.launcher.stop(name, Force::Kill);
        if let Some(child) = self.children.get_mut(name) {
            child.is_condemned = true;
        }
    }

    /// Ends what a coordinator before left of the run's processes: they have its address and its token, and nobody
    /// listens there any more.
    pub(super) async fn end_leftovers(&mut self) {
        let run = self.log.run().clone();
        // What a successor has launched meanwhile is not left by anybody.
        let newest = self.course().map(|course| course.generation);
        for name in self.launcher.observe(&self.contact.workspace, &run).await {
            if Some(name.generation) <= newest {
                tracing::warn!(%run, child = %name, "ending what an earlier coordinator left");
                self.notices.tell(Notice::Leftover { child: name.clone() });
                self.launcher.remove(&self.contact.workspace, &name).await;
            }
        }
    }

    pub(super) fn stop_children(&self, force: Force) {
        self.children.keys().for_each(|child| self.launcher.stop(child, force));
    }

    /// Sees every child to its end: those of a finished run end by themselves once they ask for more work, others are
    /// asked to, then killed. One that even survives that (a process that hangs in the kernel) is left behind.
    pub(super) async fn dismiss(&mut self, at_once: bool) {
        let grace = self.timing.grace;
        let mut measures = [Force::Ask, Force::Kill].into_iter();
        let mut deadline = if at_once { self.clock.now() } else { self.clock.now() + grace };
        while !self.children.is_empty() {
            if self.clock.now() >= deadline {
                let Some(force) = measures.next() else {
                    let left: Vec<String> = self.children.keys().map(ToString::to_string).collect();
                    tracing::error!(processes = left.join(", "), "these processes cannot be ended");
                    return;
                };
                self.stop_children(force);
                deadline = self.clock.now() + grace;
            }
            self.kill_at = Some(deadline);
            match self.next().await {
                Happening::Ended(exit) => {
                    self.children.remove(&exit.child);
                    self.notices.tell(Notice::Ended { child: exit.child });
                }
                Happening::Wanted(_) => {
                    self.stop_children(Force::Kill);
                    deadline = self.clock.now() + grace;
                }
                Happening::Called(call) => self.see_off(call),
                Happening::Time => self.looked_at = self.clock.now(),
            }
        }
    }
}
