//! Answers to who asks the actor.

use spec::SubmissionId;

use super::{Actor, Ask, Belonging, Reply};
use crate::carry::Launchers;
use crate::error::{CoordinatorError, Result};
use crate::house::queue::Wait;
use crate::house::request::{Listed, Page, SubmissionFilter};
use crate::house::view::{DocumentView, RunStatus, Snapshot, SubmissionStatus, SubmissionView, Units};
use crate::submission::{State, SubmissionLog};

/// Answers; who does not wait any more has reasons.
fn answer<T>(reply: Reply<T>, answer: Result<T>) {
    let _ = reply.send(answer);
}

impl<P: Launchers> Actor<P> {
    pub(super) fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Submit(new, reply) => self.submit(*new, reply),
            Ask::Submission(id, reply) => answer(reply, self.view_of(&id)),
            Ask::Submissions(filter, page, reply) => answer(reply, self.page_of(&filter, &page)),
            Ask::Watch(id, reply) => {
                // What it waits for may have changed without it.
                self.show(&id);
                answer(reply, self.entry(&id).map(|entry| entry.view.subscribe()));
            }
            Ask::Belongs(run, reply) => {
                let belonging = self.runs.get(&run).and_then(|id| {
                    let owner = self.entries.get(id)?.log.brief().owner.clone();
                    Some(Belonging { submission: id.clone(), owner, wait: self.wait_of(id) })
                });
                answer(reply, Ok(belonging));
            }
            Ask::RunsOf(owner, reply) => {
                let is_owners = |id: &SubmissionId| self.entries.get(id).is_some_and(|e| e.log.brief().owner == owner);
                let runs = self.runs.iter().filter(|(_, id)| is_owners(id)).map(|(run, _)| run.clone()).collect();
                answer(reply, Ok(runs));
            }
            Ask::Canceller(id, reply) => {
                let canceller = self.entry(&id).and_then(|entry| {
                    let steward = entry.steward.as_ref().filter(|_| !entry.log.state().is_terminal());
                    let not_now =
                        || CoordinatorError::NotNow { id, wanted: "cancelled", status: entry.log.state().into() };
                    steward.map(|steward| steward.cancels.clone()).ok_or_else(not_now)
                });
                answer(reply, canceller);
            }
            Ask::Retry(id, by, reply) => self.retry(&id, by, reply),
            Ask::Snapshot(reply) => answer(reply, Ok(self.snapshot())),
            Ask::Shutdown(grace, reply) => {
                self.close(Ok(()), grace);
                if let Some(closing) = &mut self.closing {
                    closing.replies.push(reply);
                }
            }
        }
    }

    fn entry(&self, id: &SubmissionId) -> Result<&super::Entry> {
        self.entries.get(id).ok_or_else(|| CoordinatorError::UnknownSubmission { id: id.clone() })
    }

    fn view_of(&self, id: &SubmissionId) -> Result<SubmissionView> {
        Ok(view(&self.entry(id)?.log, self.wait_of(id)))
    }

    /// What a submission waits for.
    pub(super) fn wait_of(&self, id: &SubmissionId) -> Option<Wait> {
        let run = self.holds.wait_of(id).map(|(run, submission)| Wait::Run { run, submission });
        run.or_else(|| self.queue.wait_of(id))
    }

    /// The newest first. A page's token is the last arrival on it, so that what comes meanwhile moves nothing.
    fn page_of(&self, filter: &SubmissionFilter, page: &Page) -> Result<Listed<SubmissionView>> {
        let before = match &page.token {
            Some(token) => token.parse().map_err(|_| page.unknown())?,
            None => u64::MAX,
        };
        let mut entries: Vec<_> =
            self.entries.values().filter(|entry| entry.arrival < before && filter.lets_through(&entry.log)).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.arrival));
        let more = entries.len() > page.items();
        entries.truncate(page.items());
        let next = entries.last().filter(|_| more).map(|entry| entry.arrival.to_string());
        let items = entries.into_iter().map(|entry| view(&entry.log, self.wait_of(entry.log.id()))).collect();
        Ok(Listed { items, next })
    }

    fn snapshot(&self) -> Snapshot {
        let figures = &self.estate.carrier.figures;
        let mut snapshot = Snapshot {
            leadership: self.estate.leadership.number(),
            submissions: SubmissionStatus::ALL.into_iter().map(|status| (status, 0)).collect(),
            runs: Default::default(),
            units: Units::default(),
            processes: 0,
            leases: 0,
            watchers: 0,
            missed_notices: figures.missed_notices.value(),
            units_done: figures.units_done.value(),
            failed_attempts: figures.failures(),
            rows_done: figures.rows_done.value(),
            grants: figures.grants.read(),
            log_appends: figures.log_appends.read(),
        };
        for entry in self.entries.values() {
            *snapshot.submissions.entry(entry.log.state().into()).or_default() += 1;
            self.count_run(&entry.log, &mut snapshot);
        }
        snapshot.watchers = self.estate.boards.all().iter().map(|board| board.watchers()).sum();
        snapshot
    }

    fn count_run(&self, log: &SubmissionLog, snapshot: &mut Snapshot) {
        let Some(run) = log.run_in_hand() else { return };
        let Some(document) = log.brief().documents.get(log.state().progress().next) else { return };
        let board = self.estate.boards.carried(run);
        let status = match (log.state(), &board) {
            (State::Cancelling(..), _) => RunStatus::Stopping,
            (_, Some(_)) => RunStatus::Active,
            (_, None) => RunStatus::Ready,
        };
        *snapshot.runs.entry((document.kind, status)).or_default() += 1;
        if let Some(standing) = board.map(|board| board.standing()) {
            let units = standing.units.unwrap_or_default();
            snapshot.units.done += units.done;
            snapshot.units.total += units.total;
            snapshot.processes += standing.processes;
            snapshot.leases += standing.leases();
        }
    }
}

impl SubmissionFilter {
    fn lets_through(&self, log: &SubmissionLog) -> bool {
        let (brief, status) = (log.brief(), SubmissionStatus::from(log.state()));
        self.owner.as_ref().is_none_or(|owner| *owner == brief.owner)
            && self.kind.is_none_or(|kind| brief.documents.iter().any(|document| document.kind == kind))
            && self.name.as_ref().is_none_or(|name| brief.documents.iter().any(|document| document.name == *name))
            && (self.states.is_empty() || self.states.contains(&status))
    }
}

/// A submission as it is shown.
pub(super) fn view(log: &SubmissionLog, waits: Option<Wait>) -> SubmissionView {
    let (brief, state) = (log.brief(), log.state());
    let progress = state.progress();
    let documents = brief.documents.iter().zip(&progress.documents).map(|(document, trace)| DocumentView {
        name: document.name.clone(),
        kind: document.kind,
        run: trace.run.clone(),
        ended: trace.end.clone(),
    });
    let cancelled_by = match state {
        State::Cancelling(_, _, by) | State::Cancelled(_, by) => Some(by.clone()),
        State::Queued(_) | State::Running(..) | State::Succeeded(_) | State::HeldBack(_) | State::Failed(_) => None,
    };
    SubmissionView {
        id: log.id().clone(),
        owner: brief.owner.clone(),
        priority: brief.priority,
        origin: brief.origin.clone(),
        run_date: brief.run_date,
        status: state.into(),
        waits: waits.filter(|_| !state.is_terminal()),
        documents: documents.collect(),
        cancelled_by,
        retries: progress.retries,
        created: brief.at,
        changed: log.changed(),
    }
}
