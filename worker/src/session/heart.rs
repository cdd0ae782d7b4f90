//! Heartbeats of one lease, on a task of their own.

use std::sync::Arc;

use proto::{Heartbeat, Instruction, LeaseId};
use tokio::task::JoinError;
use tokio::time::{Instant, MissedTickBehavior};

use super::Standing;
use crate::error::WorkerError;
use crate::link::{Link, LinkError};
use crate::progress::Progress;

/// Keeps a lease alive.
pub(super) struct Heart<L> {
    pub(super) link: Arc<L>,
    pub(super) standing: Standing,
    pub(super) lease: LeaseId,
    pub(super) progress: Progress,
}

impl<L> Clone for Heart<L> {
    fn clone(&self) -> Self {
        Self {
            link: Arc::clone(&self.link),
            standing: self.standing.clone(),
            lease: self.lease,
            progress: self.progress.clone(),
        }
    }
}

/// Why heartbeats end before the work does.
pub(super) enum Verdict {
    /// Stop cleanly and say so.
    Cancel,
    /// The unit is another's; ask for the next.
    Drop,
    /// The coordinator does not know the worker any more.
    Unregistered,
    /// The worker must exit.
    End(WorkerError),
}

/// The verdict of a finished task of heartbeats.
pub(super) fn verdict(finished: Result<Verdict, JoinError>) -> Verdict {
    match finished {
        Ok(verdict) => verdict,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

impl<L: Link> Heart<L> {
    /// Sends heartbeats until the coordinator wants the work to end, or is lost.
    pub(super) async fn beat(mut self) -> Verdict {
        let mut last_answer = Instant::now();
        let mut ticks = tokio::time::interval(self.standing.heartbeat_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.send().await {
                Ok(answer) => match self.standing.accept(answer) {
                    Ok(Instruction::Continue) => last_answer = Instant::now(),
                    Ok(Instruction::Cancel) => return Verdict::Cancel,
                    Ok(Instruction::Drop) => return Verdict::Drop,
                    Err(stale) => return Verdict::End(stale),
                },
                Err(source @ LinkError::Unreachable(_)) => {
                    let silent_for = last_answer.elapsed();
                    if silent_for >= self.standing.unreachable_after {
                        return Verdict::End(WorkerError::Unreachable { silent_for, source });
                    }
                }
                Err(LinkError::Unregistered(_)) => return Verdict::Unregistered,
                Err(error) => return Verdict::End(WorkerError::Refused(error)),
            }
        }
    }

    /// Sends what progress is left once the work has ended; the result that follows matters more than this.
    pub(super) async fn last_beat(self) {
        if let Err(error) = self.send().await {
            tracing::warn!("the last progress did not arrive: {error}");
        }
    }

    async fn send(&self) -> crate::link::Answer<Instruction> {
        let progress = self.progress.take();
        let notes = progress.notes.clone();
        let heartbeat = Heartbeat { lease: Some(self.lease), progress };
        let answer = self.link.heartbeat(self.standing.worker.clone(), self.standing.epoch, heartbeat).await;
        if matches!(answer, Err(LinkError::Unreachable(_))) {
            self.progress.put_back(notes);
        }
        answer
    }
}
