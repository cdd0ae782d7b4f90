//! What takes the actor time: storing submissions, and what they are asked to do later.

use spec::SubmissionId;

use super::{Actor, Entry, Errand, Reply};
use crate::carry::Launchers;
use crate::control::Wanted;
use crate::error::{CoordinatorError, Result};
use crate::house::request::{NewSubmission, Submitted};
use crate::names::Owner;
use crate::submission::{Event, SubmissionLog, SubmissionRecord};

impl<P: Launchers> Actor<P> {
    pub(super) fn errand_done(&mut self, errand: Errand) {
        match errand {
            Errand::Stored(owner, stored, reply) => {
                self.has_arrived(&owner);
                let submitted = stored.map(|(log, is_new)| {
                    let id = log.id().clone();
                    if !self.entries.contains_key(&id) {
                        self.take_up(log);
                    }
                    Submitted { id, is_new }
                });
                // Whoever asked may not wait any more; the submission is in the workspace.
                let _ = reply.send(submitted);
            }
            Errand::Reopened(reopened, reply) => {
                let done = reopened.map(|log| self.reopen(log));
                let _ = reply.send(done);
            }
            Errand::Recovered(id, recovered) => self.recovered(&id, recovered),
            Errand::Successor(error) => self.step_down(error),
            Errand::Grace => self.want(Wanted::Kill),
        }
    }

    /// A submission that is not at its end any more gets a steward, unless another request was faster.
    pub(super) fn reopen(&mut self, log: SubmissionLog) {
        if self.entries.get(log.id()).is_some_and(|entry| entry.steward.is_none()) {
            self.changed(log.clone());
            self.employ(log);
        }
    }

    pub(super) fn submit(&mut self, new: NewSubmission, reply: Reply<Submitted>) {
        let (id, record) = SubmissionRecord::of(new, chrono::Utc::now());
        if let Err(error) = self.admit(&id, &record) {
            let _ = reply.send(Err(error));
            return;
        }
        let (workspace, writer) = (self.estate.carrier.workspace.clone(), self.writer.clone());
        let owner = record.owner.clone();
        *self.arriving.entry(owner.clone()).or_default() += 1;
        self.errands.spawn(async move {
            Errand::Stored(owner, SubmissionLog::create(&workspace, &writer, id, record).await, reply)
        });
    }

    /// Whether a submission may be stored. One that is here already is only told of again.
    fn admit(&self, id: &SubmissionId, record: &SubmissionRecord) -> Result<()> {
        if self.closing.is_some() {
            return Err(CoordinatorError::Stopping);
        }
        if record.documents.is_empty() {
            return Err(CoordinatorError::NoDocuments);
        }
        if self.entries.contains_key(id) {
            return Ok(());
        }
        let owner = &record.owner;
        let is_unended = |entry: &&Entry| entry.log.brief().owner == *owner && !entry.log.state().is_terminal();
        let unended = self.entries.values().filter(is_unended).count();
        let most = self.queue.limits().unended_per_owner.get();
        if unended + self.arriving.get(owner).copied().unwrap_or(0) >= most as usize {
            return Err(CoordinatorError::TooManySubmissions { owner: owner.clone(), most });
        }
        Ok(())
    }

    fn has_arrived(&mut self, owner: &Owner) {
        match self.arriving.get_mut(owner) {
            Some(arriving) if *arriving > 1 => *arriving -= 1,
            _ => _ = self.arriving.remove(owner),
        }
    }

    pub(super) fn retry(&mut self, id: &SubmissionId, by: Owner, reply: Reply<()>) {
        let Some(entry) = self.entries.get_mut(id) else {
            let _ = reply.send(Err(CoordinatorError::UnknownSubmission { id: id.clone() }));
            return;
        };
        if self.closing.is_some() {
            let _ = reply.send(Err(CoordinatorError::Stopping));
            return;
        }
        let mut log = entry.log.clone();
        let not_now = |log: &SubmissionLog| CoordinatorError::NotNow {
            id: log.id().clone(),
            wanted: "tried again",
            status: log.state().into(),
        };
        match (&entry.steward, log.state().is_terminal()) {
            (None, _) => {}
            (Some(_), true) => return entry.retries.push((by, reply)),
            (Some(_), false) => {
                let _ = reply.send(Err(not_now(&log)));
                return;
            }
        }
        self.errands.spawn(async move {
            let reopened = match log.append(Event::RetryRequested { by }).await {
                Ok(Ok(())) => Ok(log),
                // It was reopened before, by a request whose answer was lost.
                Ok(Err(_)) if !log.state().is_terminal() => Ok(log),
                Ok(Err(_)) => Err(not_now(&log)),
                Err(error) => Err(error),
            };
            let reopened = match reopened {
                Ok(mut log) => log.recall_documents().await.map(|()| log),
                refused => refused,
            };
            Errand::Reopened(reopened, reply)
        });
    }
}
