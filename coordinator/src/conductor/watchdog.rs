//! What a run that does not advance waits for, and the end of work that goes on without getting anywhere.

use std::time::Duration;

use proto::{Failure, FailureClass};

use super::Conductor;
use crate::error::Result;
use crate::launcher::{ChildName, Launcher};
use crate::notice::Notice;
use crate::run::Subject;
use crate::waiting::{View, WaitsFor, waits_for};

impl<L: Launcher> Conductor<L> {
    /// What the run waits for.
    pub(super) fn waits_for(&self, now: Duration) -> Vec<WaitsFor> {
        let held = self.leases.held();
        let view = View {
            is_stopping: self.is_stopping(),
            children: self.children.iter().map(|(name, child)| (name, child.sight())).collect(),
            held: held
                .filter_map(|holding| Some((holding.unit, self.workers.get(holding.worker)?, holding.since)))
                .collect(),
            delayed: self.leases.delayed().collect(),
            ready: self.leases.ready(),
            store_silent_since: self.store_silent_since,
        };
        waits_for(&view, now)
    }

    /// Says once in a while what a run waits for that does not advance.
    pub(super) fn tell_if_quiet(&mut self, now: Duration) {
        let quiet = self.timing.quiet;
        if now < self.advanced_at + quiet || now < self.told_at + quiet {
            return;
        }
        self.told_at = now;
        let (waited, reasons) = (now.saturating_sub(self.advanced_at), self.waits_for(now));
        let list: Vec<String> = reasons.iter().map(ToString::to_string).collect();
        tracing::warn!(run = %self.log.run(), waited_s = waited.as_secs(), waits_for = list.join("; "), "no progress");
        self.notices.tell(Notice::Waiting { waited, reasons });
    }

    /// Ends processes that hold a unit and give signs of life, but whose progress has been the same for too long.
    pub(super) async fn end_stuck_children(&mut self, now: Duration) -> Result<()> {
        let stuck = self.timing.stuck;
        let is_stuck = |name: &ChildName| {
            let child = self.children.get(name);
            child.is_some_and(|child| !child.is_condemned() && now.saturating_sub(child.sight().advanced) >= stuck)
        };
        let held = self.leases.held();
        let stuck_holders: Vec<ChildName> = held
            .filter_map(|holding| self.workers.get(holding.worker))
            .filter(|name| is_stuck(name))
            .cloned()
            .collect();
        for name in stuck_holders {
            self.condemn(&name);
            if let Some(lost) = self.leases.lose_worker(&proto::WorkerId(name.to_string())) {
                let message = format!("the process gave signs of life but made no progress for {} s", stuck.as_secs());
                let failure = Failure::new(FailureClass::Bug, message);
                self.failed(Subject::Unit(lost.unit), failure, Some(&name)).await?;
            }
        }
        Ok(())
    }
}
