//! The one task that owns what changes: which submissions there are, whose turn it is, who has which run.
//!
//! It waits for nothing but its mail and its tasks' ends: everything that takes time is done by tasks that it owns.

mod answers;
mod errands;
mod holds;
mod recovery;
mod stewards;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use spec::{RunId, SubmissionId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::queue::{Queue, Wait};
use super::request::{Listed, NewSubmission, Page, SubmissionFilter, Submitted};
use super::steward::{Cancel, Estate, Gate, Tale};
use super::view::{Snapshot, SubmissionView};
use crate::carry::Launchers;
use crate::control::Wanted;
use crate::error::{CoordinatorError, Result};
use crate::log::WriterId;
use crate::names::Owner;
use crate::submission::SubmissionLog;
use holds::Holds;

pub(super) type Reply<T> = oneshot::Sender<Result<T>>;

/// What the coordinator's task is asked.
#[derive(Debug)]
pub(super) enum Ask {
    Submit(Box<NewSubmission>, Reply<Submitted>),
    Submission(SubmissionId, Reply<SubmissionView>),
    Submissions(SubmissionFilter, Page, Reply<Listed<SubmissionView>>),
    Watch(SubmissionId, Reply<watch::Receiver<Arc<SubmissionView>>>),
    /// Whose a run is.
    Belongs(RunId, Reply<Option<Belonging>>),
    /// The runs that belong to somebody.
    RunsOf(Owner, Reply<BTreeSet<RunId>>),
    /// Where to send that a submission is to be cancelled.
    Canceller(SubmissionId, Reply<mpsc::Sender<Cancel>>),
    Retry(SubmissionId, Owner, Reply<()>),
    Snapshot(Reply<Snapshot>),
    Shutdown(Duration, Reply<()>),
}

/// The submission that a run last belonged to.
#[derive(Debug, Clone)]
pub(super) struct Belonging {
    pub(super) submission: SubmissionId,
    pub(super) owner: Owner,
    pub(super) wait: Option<Wait>,
}

/// A submission, as the actor knows it.
#[derive(Debug)]
struct Entry {
    log: SubmissionLog,
    arrival: u64,
    steward: Option<Stewarding>,
    /// How often its stewards have broken down since it last got on.
    breakdowns: u32,
    /// Who wants it to be tried again as soon as the steward that ended it has gone.
    retries: Vec<(Owner, Reply<()>)>,
    view: watch::Sender<Arc<SubmissionView>>,
}

/// The actor's end of a steward.
#[derive(Debug)]
struct Stewarding {
    gate: watch::Sender<Gate>,
    cancels: mpsc::Sender<Cancel>,
}

/// What a task that the actor started brings back.
enum Errand {
    /// A submission has been stored, or was there.
    Stored(Owner, Result<(SubmissionLog, bool)>, Reply<Submitted>),
    /// A submission is to be tried again.
    Reopened(Result<SubmissionLog>, Reply<()>),
    /// A submission whose steward broke down has been read again.
    Recovered(SubmissionId, Result<SubmissionLog>),
    /// Somebody else has the workspace.
    Successor(CoordinatorError),
    /// A shutdown's grace is over.
    Grace,
}

/// The coordinator's task.
pub(super) struct Actor<P> {
    estate: Arc<Estate<P>>,
    writer: WriterId,
    entries: BTreeMap<SubmissionId, Entry>,
    arrivals: u64,
    queue: Queue,
    holds: Holds,
    runs: BTreeMap<RunId, SubmissionId>,
    /// Submissions that are being stored, by owner.
    arriving: BTreeMap<Owner, usize>,
    stewards: JoinSet<(SubmissionId, Result<()>)>,
    errands: JoinSet<Errand>,
    asks: mpsc::Receiver<Ask>,
    /// Nobody can ask any more.
    is_deserted: bool,
    tales: (mpsc::Sender<Tale>, mpsc::Receiver<Tale>),
    closing: Option<Closing>,
}

/// The end, once it has begun.
#[derive(Debug)]
struct Closing {
    result: Result<()>,
    replies: Vec<Reply<()>>,
}

/// News of stewards that may wait.
const MOST_TALES: usize = 1024;
/// Cancels of one submission that may wait.
const MOST_CANCELS: usize = 4;

impl<P: Launchers> Actor<P> {
    /// An actor with these submissions, the eldest first.
    pub(super) fn new(
        estate: Arc<Estate<P>>,
        writer: WriterId,
        queue: Queue,
        submissions: Vec<SubmissionLog>,
        asks: mpsc::Receiver<Ask>,
    ) -> Self {
        let mut actor = Self {
            estate,
            writer,
            entries: BTreeMap::new(),
            arrivals: 0,
            queue,
            holds: Holds::default(),
            runs: BTreeMap::new(),
            arriving: BTreeMap::new(),
            stewards: JoinSet::new(),
            errands: JoinSet::new(),
            asks,
            is_deserted: false,
            tales: mpsc::channel(MOST_TALES),
            closing: None,
        };
        submissions.into_iter().for_each(|log| actor.take_up(log));
        actor
    }

    /// Works until it is shut down, nobody can ask any more, or another coordinator has the workspace.
    pub(super) async fn work(mut self) -> Result<()> {
        self.watch_for_successor();
        self.give_turns();
        while !self.is_done() {
            tokio::select! {
                Some(tale) = self.tales.1.recv() => self.hear(tale),
                Some(ended) = self.stewards.join_next() => self.steward_ended(ended),
                Some(errand) = self.errands.join_next() => match errand {
                    Ok(errand) => self.errand_done(errand),
                    Err(error) => tracing::error!(%error, "an errand broke down"),
                },
                ask = self.asks.recv(), if !self.is_deserted => match ask {
                    Some(ask) => {
                        self.hear_all();
                        self.answer(ask);
                    }
                    None => {
                        self.is_deserted = true;
                        self.close(Ok(()), self.estate.carrier.timing.grace);
                    }
                },
            }
            self.give_turns();
        }
        self.end().await
    }

    fn is_done(&self) -> bool {
        self.closing.is_some() && self.stewards.is_empty()
    }

    async fn end(self) -> Result<()> {
        let stopped = self.estate.carrier.server.stop().await;
        let Some(Closing { result, replies }) = self.closing else { return stopped };
        for reply in replies {
            // Whoever asked may not wait any more.
            let _ = reply.send(Ok(()));
        }
        result.and(stopped)
    }

    /// Begins the end: stewards leave their submissions as they are, and get this long for it.
    fn close(&mut self, result: Result<()>, grace: Duration) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(Closing { result, replies: vec![] });
        self.want(Wanted::Stop);
        let clock = Arc::clone(&self.estate.carrier.clock);
        self.errands.spawn(async move {
            clock.sleep(grace).await;
            Errand::Grace
        });
    }

    fn want(&self, wanted: Wanted) {
        let stewards = self.entries.values().filter_map(|entry| entry.steward.as_ref());
        stewards.for_each(|steward| steward.gate.send_modify(|gate| gate.wanted = gate.wanted.max(wanted)));
    }

    fn watch_for_successor(&mut self) {
        let estate = Arc::clone(&self.estate);
        self.errands.spawn(async move {
            loop {
                estate.carrier.clock.sleep(estate.carrier.timing.round).await;
                match estate.leadership.check().await {
                    Ok(()) => {}
                    Err(error @ CoordinatorError::SteppedDown { .. }) => return Errand::Successor(error),
                    Err(error) => tracing::warn!(%error, "whether there is a successor is not known"),
                }
            }
        });
    }

    fn step_down(&mut self, error: CoordinatorError) {
        tracing::error!(%error, "stepping down");
        self.close(Err(error), self.estate.carrier.timing.grace);
    }
}
