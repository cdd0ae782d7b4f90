//! Submissions whose steward broke down: they get another one, a few times, and then they fail, so that somebody sees it.

use std::time::Duration;

use proto::{Failure, FailureClass};
use spec::SubmissionId;

use super::{Actor, Errand};
use crate::carry::Launchers;
use crate::error::{CoordinatorError, Result};
use crate::submission::{DocumentEnd, Event, SubmissionLog};

/// How many stewards a submission gets for one step of its way.
const STEWARDS: u32 = 3;

/// How long its next one waits; twice as long each time.
const PAUSE: Duration = Duration::from_secs(1);

impl<P: Launchers> Actor<P> {
    /// Reads a submission that nobody tends again; the last time to let it fail.
    pub(super) fn recover(&mut self, id: &SubmissionId) {
        let Some(entry) = self.entries.get_mut(id).filter(|_| self.closing.is_none()) else { return };
        entry.breakdowns += 1;
        let breakdowns = entry.breakdowns;
        let (workspace, writer) = (self.estate.carrier.workspace.clone(), self.writer.clone());
        let (clock, id) = (self.estate.carrier.clock.clone(), id.clone());
        self.errands.spawn(async move {
            clock.sleep(PAUSE * 2u32.pow(breakdowns.min(STEWARDS) - 1)).await;
            let read = SubmissionLog::open(&workspace, &writer, &id).await;
            let read = read.and_then(|log| log.ok_or_else(|| CoordinatorError::UnknownSubmission { id: id.clone() }));
            let recovered = match read {
                Ok(log) if breakdowns >= STEWARDS => failed(log).await,
                read => read,
            };
            Errand::Recovered(id, recovered)
        });
    }

    pub(super) fn recovered(&mut self, id: &SubmissionId, recovered: Result<SubmissionLog>) {
        match recovered {
            Ok(log) => {
                let Some(breakdowns) = self.entries.get(id).map(|entry| entry.breakdowns) else { return };
                self.reopen(log);
                if let Some(entry) = self.entries.get_mut(id) {
                    entry.breakdowns = breakdowns;
                }
            }
            Err(error) => {
                tracing::error!(submission = %id, %error, "the submission cannot be read again");
                if self.entries.get(id).is_some_and(|entry| entry.breakdowns < STEWARDS) {
                    self.recover(id);
                }
            }
        }
    }
}

/// Nobody can carry it.
async fn failed(mut log: SubmissionLog) -> Result<SubmissionLog> {
    let message = "the coordinator made a mistake each time that it took this up: its log says which";
    let failure = Failure::new(FailureClass::Bug, message.to_owned());
    let document = log.state().progress().next;
    // What has ended meanwhile need not fail.
    let _ = log.append(Event::Ended { document, end: DocumentEnd::Failed { failure } }).await?;
    Ok(log)
}
