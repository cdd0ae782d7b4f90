//! One submission from its submit to its end, as a task of its own: writes its log, waits for its turns, carries its
//! runs one after the other.
//!
//! What it does next depends on the submission's state alone, so whatever stopped it, the next one goes on from there.

mod cancels;
mod carriage;
mod start;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use proto::{Failure, FailureClass};
use spec::{RunId, SubmissionId};
use tokio::sync::{mpsc, oneshot, watch};

use super::boards::Boards;
use super::leadership::Leadership;
use crate::board::Board;
use crate::carry::{Carrier, Launchers};
use crate::control::Wanted;
use crate::error::{CoordinatorError, Result};
use crate::names::Owner;
use crate::submission::{DocumentEnd, Event, State, SubmissionLog};
use cancels::Unwritten;

/// What stewards share.
#[derive(Debug)]
pub(super) struct Estate<P> {
    pub(super) carrier: Carrier<P>,
    pub(super) boards: Arc<Boards>,
    pub(super) leadership: Leadership,
}

/// What the coordinator lets a steward do; only ever more turns, and a firmer wish that it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gate {
    /// Turns that it has been given.
    pub(super) turns: u64,
    /// Whether it is to leave its submission as it is.
    pub(super) wanted: Wanted,
}

/// What a steward tells its coordinator.
#[derive(Debug)]
pub(super) enum Tale {
    /// The submission is like this now.
    Changed(Box<SubmissionLog>),
    /// The submission waits for a turn.
    Waits(SubmissionId),
    /// It wants to have a run to itself; the answer comes when nobody else has it.
    Wants(SubmissionId, RunId, oneshot::Sender<()>),
    /// It needs the run no more.
    LetsGo(SubmissionId, RunId),
}

/// Somebody's wish that the submission ends; the answer comes when it is in the log.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) by: Owner,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The state says what follows.
    Go,
    /// It is to stop here.
    Stop,
}

/// One submission's task.
pub(super) struct Steward<P> {
    estate: Arc<Estate<P>>,
    log: SubmissionLog,
    gate: watch::Receiver<Gate>,
    turns_used: u64,
    /// It has joined the queue for its next turn.
    has_asked: bool,
    cancels: mpsc::Receiver<Cancel>,
    /// Cancels that the store would not take yet.
    unwritten: VecDeque<Unwritten>,
    tales: mpsc::Sender<Tale>,
    held: Option<RunId>,
    /// The board of the run in hand, from before anybody can know of it.
    posting: Option<Posting>,
}

/// Closes a board when its run is not carried any more, whatever the reason.
struct Posting(Arc<Board>);

impl Drop for Posting {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Whether the store, or a person who sees to it, may still let a step succeed.
fn may_pass(error: &CoordinatorError) -> bool {
    matches!(error.class(), FailureClass::Storage | FailureClass::Environment)
}

/// The first wait after the store failed; doubled with every failure after it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl<P: Launchers> Steward<P> {
    /// A steward of a submission that has joined the queue, unless it needs no turn.
    pub(super) fn new(
        estate: Arc<Estate<P>>,
        log: SubmissionLog,
        gate: watch::Receiver<Gate>,
        cancels: mpsc::Receiver<Cancel>,
        tales: mpsc::Sender<Tale>,
    ) -> Self {
        let held = log.run_in_hand().cloned();
        let posting = held.as_ref().map(|run| Posting(estate.boards.open(run)));
        let unwritten = VecDeque::new();
        Self { estate, log, gate, turns_used: 0, has_asked: true, cancels, unwritten, tales, held, posting }
    }

    /// Brings the submission to its end, or leaves it as it is when that is wanted.
    ///
    /// # Errors
    /// [`CoordinatorError::SteppedDown`] once another coordinator has the workspace; else what keeps even a failure from
    /// being written down.
    pub(super) async fn tend(mut self) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        while !self.log.state().is_terminal() {
            match self.step().await {
                Ok(Step::Go) => pause = FIRST_PAUSE,
                Ok(Step::Stop) => break,
                Err(error @ CoordinatorError::SteppedDown { .. }) => return Err(error),
                Err(error) if may_pass(&error) => {
                    if self.wait_out(&error, &mut pause).await == Step::Stop {
                        break;
                    }
                }
                Err(error) => match self.give_up(&error).await {
                    Ok(()) => {}
                    Err(unwritten) if may_pass(&unwritten) => {
                        if self.wait_out(&unwritten, &mut pause).await == Step::Stop {
                            break;
                        }
                    }
                    Err(unwritten) => return Err(unwritten),
                },
            }
            self.tell().await;
        }
        self.let_go().await;
        Ok(())
    }

    async fn step(&mut self) -> Result<Step> {
        self.write_cancels().await?;
        let step = match self.log.state().clone() {
            State::Queued(progress) => self.start(progress.next).await?,
            State::Running(progress, take) => {
                if self.turn().await? == Step::Stop {
                    return Ok(Step::Stop);
                }
                match self.log.state() {
                    State::Running(..) => self.carry(progress.next, &take).await?,
                    // It was cancelled while it waited.
                    _ => Step::Go,
                }
            }
            State::Cancelling(progress, take, _) => self.carry(progress.next, &take).await?,
            State::Succeeded(_) | State::HeldBack(_) | State::Failed(_) | State::Cancelled(..) => Step::Go,
        };
        Ok(step)
    }

    /// Waits for a turn, unless it has one. A cancel ends the wait as well.
    async fn turn(&mut self) -> Result<Step> {
        if self.gate.borrow().turns > self.turns_used {
            return Ok(Step::Go);
        }
        if !self.has_asked {
            self.has_asked = true;
            self.say(Tale::Waits(self.log.id().clone())).await;
        }
        loop {
            let Gate { turns, wanted } = *self.gate.borrow_and_update();
            if wanted > Wanted::Run {
                return Ok(Step::Stop);
            }
            if turns > self.turns_used {
                return Ok(Step::Go);
            }
            tokio::select! {
                changed = self.gate.changed() => if changed.is_err() {
                    return Ok(Step::Stop);
                },
                Some(cancel) = self.cancels.recv() => {
                    self.cancelled(cancel).await?;
                    return Ok(Step::Go);
                }
            }
        }
    }

    /// Returns once the coordinator wants this task to stop.
    async fn stopped(gate: &mut watch::Receiver<Gate>) {
        // A coordinator that is gone wants it, too.
        let _ = gate.wait_for(|gate| gate.wanted > Wanted::Run).await;
    }

    /// Waits after the store failed, each time twice as long. A cancel ends the wait as well.
    async fn wait_out(&mut self, error: &CoordinatorError, pause: &mut Duration) -> Step {
        let causes = Failure::of(error.class(), error).causes;
        tracing::warn!(submission = %self.log.id(), %error, ?causes, "the store failed: trying again");
        let (mut gate, estate) = (self.gate.clone(), Arc::clone(&self.estate));
        let cancel = tokio::select! {
            () = estate.carrier.clock.sleep(*pause) => None,
            () = Self::stopped(&mut gate) => return Step::Stop,
            Some(cancel) = self.cancels.recv() => Some(cancel),
        };
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        if let Some(cancel) = cancel
            && let Err(error) = self.cancelled(cancel).await
        {
            tracing::warn!(submission = %self.log.id(), %error, "the cancel is not written down");
        }
        Step::Go
    }

    fn not_now(&self, wanted: &'static str) -> CoordinatorError {
        CoordinatorError::NotNow { id: self.log.id().clone(), wanted, status: self.log.state().into() }
    }

    /// The document has ended.
    async fn ended(&mut self, document: usize, end: DocumentEnd) -> Result<Step> {
        self.log.append(Event::Ended { document, end }).await?.map_err(CoordinatorError::IllegalSubmission)?;
        self.turns_used = self.gate.borrow().turns;
        self.has_asked = false;
        self.let_go().await;
        Ok(Step::Go)
    }

    /// Nothing can be done about this error: the document fails.
    async fn give_up(&mut self, error: &CoordinatorError) -> Result<()> {
        let failure = Failure::of(error.class(), error);
        tracing::error!(submission = %self.log.id(), %error, causes = ?failure.causes, "the submission fails");
        let document = self.log.state().progress().next;
        self.ended(document, DocumentEnd::Failed { failure }).await.map(|_| ())
    }

    async fn let_go(&mut self) {
        self.posting = None;
        if let Some(run) = self.held.take() {
            self.say(Tale::LetsGo(self.log.id().clone(), run)).await;
        }
    }

    async fn tell(&self) {
        self.say(Tale::Changed(Box::new(self.log.clone()))).await;
    }

    async fn say(&self, tale: Tale) {
        // A coordinator that is gone needs no news.
        let _ = self.tales.send(tale).await;
    }
}
