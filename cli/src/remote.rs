//! A coordinator elsewhere: the way to it, and what its refusals mean here.

mod channel;
mod refusal;
mod watching;

use proto::api::v1::run_service_client::RunServiceClient;
use proto::api::v1::schedule_service_client::ScheduleServiceClient;
use proto::api::v1::submission_service_client::SubmissionServiceClient;
use proto::api::{LARGEST_RESPONSE_BYTES, v1};
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::arguments::Contact;
use crate::failure::Failure;
use channel::Introduction;

pub(crate) use refusal::Refused;
pub(crate) use watching::watch;

/// A way to a coordinator.
type Way = InterceptedService<Channel, Introduction>;

/// A coordinator elsewhere. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    pub(crate) submissions: SubmissionServiceClient<Way>,
    pub(crate) runs: RunServiceClient<Way>,
    pub(crate) schedules: ScheduleServiceClient<Way>,
}

/// What an id names.
pub(crate) enum Named {
    /// A submission.
    Submission(Box<v1::Submission>),
    /// A run.
    Run(Box<v1::Run>),
}

impl Remote {
    /// The way to a coordinator; it is gone when the first question is asked.
    ///
    /// # Errors
    /// When the address, the token or a certificate cannot be used.
    pub(crate) fn open(contact: &Contact) -> Result<Self, Failure> {
        let (channel, introduction) = channel::open(contact)?;
        let way = || InterceptedService::new(channel.clone(), introduction.clone());
        Ok(Self {
            submissions: SubmissionServiceClient::new(way()).max_decoding_message_size(LARGEST_RESPONSE_BYTES),
            runs: RunServiceClient::new(way()).max_decoding_message_size(LARGEST_RESPONSE_BYTES),
            schedules: ScheduleServiceClient::new(way()).max_decoding_message_size(LARGEST_RESPONSE_BYTES),
        })
    }

    pub(crate) async fn submission(&self, id: &str) -> Result<v1::Submission, Refused> {
        let asked = v1::GetSubmissionRequest { id: id.to_owned() };
        let answer = self.submissions.clone().get_submission(asked).await?.into_inner();
        answer.submission.ok_or(Refused::Incomplete { field: "submission" })
    }

    pub(crate) async fn run(&self, id: &str) -> Result<v1::Run, Refused> {
        let asked = v1::GetRunRequest { id: id.to_owned() };
        let answer = self.runs.clone().get_run(asked).await?.into_inner();
        answer.run.ok_or(Refused::Incomplete { field: "run" })
    }

    /// What an id names: a submission, else a run.
    pub(crate) async fn named(&self, id: &str) -> Result<Named, Refused> {
        match self.submission(id).await {
            Err(Refused::Status(status)) if status.code() == Code::NotFound => {}
            found => return found.map(|submission| Named::Submission(Box::new(submission))),
        }
        match self.run(id).await {
            Err(Refused::Status(status)) if status.code() == Code::NotFound => {
                Err(Refused::Unknown { id: id.to_owned() })
            }
            found => found.map(|run| Named::Run(Box::new(run))),
        }
    }

    /// The submission that an id names, or that the run which it names belongs to.
    pub(crate) async fn submission_of(&self, id: &str) -> Result<String, Refused> {
        match self.named(id).await? {
            Named::Submission(submission) => Ok(submission.id),
            Named::Run(run) if run.submission_id.is_empty() => Err(Refused::Unsubmitted { run: run.id }),
            Named::Run(run) => Ok(run.submission_id),
        }
    }
}
