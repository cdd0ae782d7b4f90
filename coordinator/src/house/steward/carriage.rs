//! A document's run, from its log to its end.

use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::Clock;
use artifacts::runs;
use proto::{Failure, FailureClass};
use tokio::task::JoinHandle;

use super::{FIRST_PAUSE, Gate, Step, Steward, may_pass};
use crate::board::Board;
use crate::carry::Launchers;
use crate::control::{Control, Wanted};
use crate::error::{CoordinatorError, Result};
use crate::log::{Replay, RunLog};
use crate::notice::Notices;
use crate::resolved::ResolvedDocument;
use crate::run::{self, StopReason};
use crate::submission::{DocumentEnd, State, Take};

impl<P: Launchers> Steward<P> {
    /// Carries the run to its end and writes down how it ended.
    pub(super) async fn carry(&mut self, document: usize, take: &Take) -> Result<Step> {
        self.estate.leadership.check().await?;
        let board = self.estate.boards.open(&take.run);
        let replay = Replay::read_onto(&self.estate.carrier.workspace, &take.run, Some(Arc::clone(&board))).await?;
        if let Some(end) = self.end_of(replay.state(), replay.stops() > take.stops) {
            return self.ended(document, end).await;
        }
        let resolved = self.document_of(take).await?;
        let state = match self.conduct(&resolved, &board).await {
            Ok(state) => state,
            Err(CoordinatorError::Superseded { .. }) => {
                self.estate.leadership.check().await?;
                return self.ended(document, DocumentEnd::Failed { failure: taken_away(&resolved) }).await;
            }
            Err(error) => return Err(error),
        };
        match self.end_of(&state, true) {
            Some(end) => self.ended(document, end).await,
            // It was stopped, and can go on.
            None => Ok(Step::Stop),
        }
    }

    /// How a run in this state ended for the submission, if it did. One that was stopped before the submission took it
    /// (`is_of_now` says otherwise) is tried again.
    fn end_of(&self, state: &run::State, is_of_now: bool) -> Option<DocumentEnd> {
        let is_cancelling = matches!(self.log.state(), State::Cancelling(..));
        match state {
            run::State::Succeeded(_) => Some(DocumentEnd::Succeeded),
            run::State::HeldBack(..) => Some(DocumentEnd::HeldBack),
            run::State::Failed(_, subject, failure) if is_of_now => {
                let message = format!("{subject}: {}", failure.message);
                Some(DocumentEnd::Failed { failure: Failure { message, ..failure.clone() } })
            }
            run::State::Interrupted(_) | run::State::Cancelled(..) if is_of_now && is_cancelling => {
                Some(DocumentEnd::Cancelled)
            }
            run::State::Cancelled(_, by) if is_of_now => {
                let message = format!("the run was cancelled by {by}, but not here");
                Some(DocumentEnd::Failed { failure: Failure::new(FailureClass::Preempted, message) })
            }
            run::State::Absent
            | run::State::Ready(_)
            | run::State::Active(_)
            | run::State::Stopping(..)
            | run::State::Interrupted(_)
            | run::State::Cancelled(..)
            | run::State::Failed(..) => None,
        }
    }

    async fn document_of(&self, take: &Take) -> Result<ResolvedDocument> {
        let document = runs::read_document(&self.estate.carrier.workspace, &take.run).await?;
        let document = document.ok_or_else(|| CoordinatorError::NoDocument { run: take.run.clone() })?;
        Ok(ResolvedDocument { run: take.run.clone(), document })
    }

    /// Lets a conductor carry the run, passing on that somebody wants it to stop.
    async fn conduct(&mut self, resolved: &ResolvedDocument, board: &Arc<Board>) -> Result<run::State> {
        let (log, state) = self.estate.carrier.take_over(resolved, Some(Arc::clone(board))).await?;
        let Some(log) = log else { return Ok(state) };
        let (log, state) = finish_stopping(log).await?;
        let Some(log) = log else { return Ok(state) };
        let (control, controlled) = Control::new();
        if let State::Cancelling(_, _, by) = self.log.state() {
            control.cancel(by.clone());
        }
        let (estate, resolved, notices) = (Arc::clone(&self.estate), resolved.clone(), Notices::on(Arc::clone(board)));
        let clock = Arc::clone(&estate.carrier.clock);
        let mut conducting =
            Owned(tokio::spawn(async move { estate.carrier.carry(log, &resolved, controlled, notices).await }));
        let mut told = Wanted::Run;
        let mut again = None;
        loop {
            let Gate { wanted, .. } = *self.gate.borrow_and_update();
            while told < wanted {
                told = control.interrupt();
            }
            tokio::select! {
                ended = &mut conducting.0 => return ended.map_err(CoordinatorError::Panicked)?,
                changed = self.gate.changed(), if told < Wanted::Kill => if changed.is_err() {
                    told = control.interrupt();
                },
                Some(cancel) = self.cancels.recv() => {
                    let written = self.cancelled(cancel).await;
                    again = self.pass_on(written, &control)?;
                }
                () = pause(clock.as_ref(), again) => {
                    let written = self.write_cancels().await;
                    again = self.pass_on(written, &control)?;
                }
            }
        }
    }

    /// Tells a conductor that its run is cancelled, if that is written down; how long to wait until the store is tried
    /// again, if it is not. What runs goes on meanwhile.
    fn pass_on(&self, written: Result<()>, control: &Control) -> Result<Option<Duration>> {
        if let State::Cancelling(_, _, by) = self.log.state() {
            control.cancel(by.clone());
        }
        match written {
            Ok(()) => Ok(None),
            Err(error) if may_pass(&error) => {
                tracing::warn!(submission = %self.log.id(), %error, "a cancel is not written down yet: trying again");
                Ok(Some(FIRST_PAUSE))
            }
            Err(error) => Err(error),
        }
    }
}

/// Returns after a pause; never without one.
async fn pause(clock: &dyn Clock, pause: Option<Duration>) {
    match pause {
        Some(pause) => clock.sleep(pause).await,
        None => std::future::pending().await,
    }
}

/// The coordinator before may have gone while it was stopping the run for good; its processes are gone with it. Then
/// there is nothing left to carry.
async fn finish_stopping(mut log: RunLog) -> Result<(Option<RunLog>, run::State)> {
    let is_ending =
        matches!(log.state(), run::State::Stopping(_, StopReason::Failed { .. } | StopReason::Cancelled { .. }));
    if is_ending {
        log.append(run::Event::Stopped).await?;
    }
    let state = log.state().clone();
    Ok((Some(log).filter(|_| !is_ending), state))
}

fn taken_away(resolved: &ResolvedDocument) -> Failure {
    let run = &resolved.run;
    let message = format!("another `kindred` took over run {run}: see to it there, or retry once it has ended");
    Failure::new(FailureClass::Preempted, message)
}

/// A task that ends with its owner.
struct Owned<T>(JoinHandle<T>);

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
