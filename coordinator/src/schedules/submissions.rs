//! What schedules need of whoever runs submissions.

use chrono::NaiveDate;
use spec::{Document, ScheduleName, SubmissionId};

use super::slot::Slot;
use crate::error::{CoordinatorError, Result};
use crate::house::{Coordinator, NewSubmission, Origin};
use crate::names::{Owner, Priority};

/// A slot's documents on their way to becoming a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    /// The schedule.
    pub schedule: ScheduleName,
    /// The slot.
    pub slot: Slot,
    /// Whose the submission is.
    pub owner: Owner,
    /// How urgent it is.
    pub priority: Priority,
    /// What is run, in order.
    pub documents: Vec<Document>,
    /// The slot's day.
    pub run_date: NaiveDate,
}

/// Why a slot was not submitted.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// It never will be.
    #[error(transparent)]
    Refused(CoordinatorError),
    /// It is worth another try.
    #[error(transparent)]
    NotNow(CoordinatorError),
}

/// Where a submission stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    Absent,
    /// It has not ended.
    Going,
    /// It has ended, in whatever way.
    Ended,
}

/// Runs submissions.
pub trait Submissions: Send + Sync {
    /// Submits a slot's documents. The same slot again is the same submission, and nothing is done.
    fn start(&self, firing: Firing) -> impl Future<Output = Result<SubmissionId, NotStarted>> + Send;

    /// Where a submission stands.
    fn standing(&self, submission: &SubmissionId) -> impl Future<Output = Result<Standing>> + Send;

    /// Asks for a submission's end. One that has ended is left as it is.
    fn cancel(&self, submission: &SubmissionId, by: &Owner) -> impl Future<Output = Result<()>> + Send;
}

impl Submissions for Coordinator {
    async fn start(&self, firing: Firing) -> Result<SubmissionId, NotStarted> {
        let Firing { schedule, slot, owner, priority, documents, run_date } = firing;
        let client_token = Some(slot.client_token(&schedule));
        let origin = Origin::Schedule { name: schedule.to_string(), slot: slot.0 };
        let new = NewSubmission { client_token, owner, priority, documents, run_date, origin };
        match self.submit(new).await {
            Ok(submitted) => Ok(submitted.id),
            // Another version of this program submitted the slot, and wrote its documents in another way.
            Err(CoordinatorError::TokenReused { id }) => Ok(id),
            Err(
                error @ (CoordinatorError::NoDocuments | CoordinatorError::Text(_) | CoordinatorError::Document(_)),
            ) => Err(NotStarted::Refused(error)),
            Err(error) => Err(NotStarted::NotNow(error)),
        }
    }

    async fn standing(&self, submission: &SubmissionId) -> Result<Standing> {
        match self.submission(submission).await {
            Ok(view) if view.status.is_terminal() => Ok(Standing::Ended),
            Ok(_) => Ok(Standing::Going),
            Err(CoordinatorError::UnknownSubmission { .. }) => Ok(Standing::Absent),
            Err(error) => Err(error),
        }
    }

    async fn cancel(&self, submission: &SubmissionId, by: &Owner) -> Result<()> {
        match Coordinator::cancel(self, submission, by.clone()).await {
            Ok(_) | Err(CoordinatorError::NotNow { .. } | CoordinatorError::UnknownSubmission { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
