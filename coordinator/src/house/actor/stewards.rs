//! The actor's stewards: one for every submission that is not at its end.

use std::sync::Arc;

use spec::SubmissionId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinError;

use super::{Actor, Entry, MOST_CANCELS, Stewarding, answers};
use crate::carry::Launchers;
use crate::control::Wanted;
use crate::error::{CoordinatorError, Result};
use crate::house::queue::Ticket;
use crate::house::steward::{Gate, Steward, Tale};
use crate::submission::{State, SubmissionLog};

impl<P: Launchers> Actor<P> {
    /// A submission that has been read: its steward brings it to its end.
    pub(super) fn take_up(&mut self, log: SubmissionLog) {
        self.arrivals += 1;
        let view = watch::Sender::new(Arc::new(answers::view(&log, None)));
        let (id, arrival) = (log.id().clone(), self.arrivals);
        self.note_runs(&log);
        let mut known = log.clone();
        known.forget_documents();
        self.entries.insert(id, Entry { log: known, arrival, steward: None, breakdowns: 0, retries: vec![], view });
        self.employ(log);
    }

    /// Starts a steward for a submission that is not at its end.
    pub(super) fn employ(&mut self, log: SubmissionLog) {
        if log.state().is_terminal() || self.closing.is_some() {
            return;
        }
        let id = log.id().clone();
        if let Some(run) = log.run_in_hand() {
            self.holds.take(run, &id);
        }
        let (gate, open) = watch::channel(Gate { turns: 0, wanted: Wanted::Run });
        let (cancels, cancelled) = mpsc::channel(MOST_CANCELS);
        let steward = Steward::new(Arc::clone(&self.estate), log, open, cancelled, self.tales.0.clone());
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.steward = Some(Stewarding { gate, cancels });
        }
        self.join_queue(&id);
        self.stewards.spawn(async move { (id, steward.tend().await) });
    }

    fn note_runs(&mut self, log: &SubmissionLog) {
        let runs = log.state().progress().documents.iter().filter_map(|trace| trace.run.clone());
        self.runs.extend(runs.map(|run| (run, log.id().clone())));
    }

    /// Takes in all news that stewards have sent: whoever heard from one that something is done finds it done here.
    pub(super) fn hear_all(&mut self) {
        while let Ok(tale) = self.tales.1.try_recv() {
            self.hear(tale);
        }
    }

    pub(super) fn hear(&mut self, tale: Tale) {
        match tale {
            Tale::Changed(log) => self.changed(*log),
            Tale::Waits(id) => {
                self.join_queue(&id);
                self.give_turns();
                self.show(&id);
            }
            Tale::Wants(id, run, granted) => self.holds.ask(run, id, granted),
            Tale::LetsGo(id, run) => self.holds.let_go(&run, &id),
        }
    }

    pub(super) fn changed(&mut self, log: SubmissionLog) {
        self.note_runs(&log);
        let id = log.id().clone();
        if let Some(entry) = self.entries.get_mut(&id) {
            if entry.log.state() != log.state() {
                entry.breakdowns = 0;
            }
            entry.log = log;
            entry.log.forget_documents();
            self.show(&id);
        }
    }

    /// Shows a submission to those who watch it.
    pub(super) fn show(&self, id: &SubmissionId) {
        if let Some(entry) = self.entries.get(id) {
            entry.view.send_replace(Arc::new(answers::view(&entry.log, self.wait_of(id))));
        }
    }

    fn join_queue(&mut self, id: &SubmissionId) {
        if let Some(ticket) = self.ticket(id) {
            self.queue.join(id.clone(), ticket);
        }
    }

    /// What the queue is to know of a submission; `None` for one that needs no turn.
    fn ticket(&self, id: &SubmissionId) -> Option<Ticket> {
        let Entry { log, arrival, .. } = self.entries.get(id)?;
        if let State::Cancelling(..) = log.state() {
            return None;
        }
        let brief = log.brief();
        let kind = brief.documents.get(log.state().progress().next)?.kind;
        Some(Ticket { owner: brief.owner.clone(), kind, priority: brief.priority, arrival: *arrival })
    }

    pub(super) fn give_turns(&mut self) {
        if self.closing.is_some() {
            return;
        }
        while let Some(id) = self.queue.next() {
            match self.entries.get(&id).and_then(|entry| entry.steward.as_ref()) {
                Some(steward) => steward.gate.send_modify(|gate| gate.turns += 1),
                None => self.queue.leave(&id),
            }
        }
    }

    pub(super) fn steward_ended(&mut self, ended: Result<(SubmissionId, Result<()>), JoinError>) {
        self.hear_all();
        match ended {
            Ok((id, result)) => {
                self.dismiss(&id);
                match result {
                    Ok(()) => {}
                    Err(error @ CoordinatorError::SteppedDown { .. }) => self.step_down(error),
                    Err(error) => {
                        tracing::error!(submission = %id, %error, "a submission's task has given up");
                        self.recover(&id);
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "a submission's task broke down");
                let gone = self.entries.iter().filter(|(_, entry)| entry.steward.as_ref().is_some_and(is_gone));
                let gone: Vec<SubmissionId> = gone.map(|(id, _)| id.clone()).collect();
                for id in gone {
                    self.dismiss(&id);
                    self.recover(&id);
                }
            }
        }
    }

    fn dismiss(&mut self, id: &SubmissionId) {
        self.queue.leave(id);
        self.holds.forget(id);
        let Some(entry) = self.entries.get_mut(id) else { return };
        entry.steward = None;
        for (by, reply) in std::mem::take(&mut entry.retries) {
            self.retry(id, by, reply);
        }
    }
}

fn is_gone(steward: &Stewarding) -> bool {
    steward.cancels.is_closed()
}
