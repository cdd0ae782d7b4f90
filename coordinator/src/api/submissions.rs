//! `SubmissionService`

use artifacts::Workspace;
use futures::TryStreamExt;
use proto::api::v1;
use proto::api::v1::submission_service_server::SubmissionService;
use spec::SubmissionId;
use tonic::{Request, Response, Status};

use super::status::ApiError;
use super::streams::{Answers, Streams};
use super::submit::Asked;
use super::{gate, models_wanted, page, submit, wire};
use crate::access::Caller;
use crate::error::CoordinatorError;
use crate::house::{Coordinator, SubmissionFilter, Submitted};
use crate::names::Owner;
use crate::schedules::Schedules;

/// Answers from the coordinator.
pub(super) struct Submissions {
    pub(super) coordinator: Coordinator,
    pub(super) schedules: Schedules,
    pub(super) streams: Streams,
    pub(super) workspace: Workspace,
}

type Answer<T> = Result<Response<T>, Status>;

fn id_of(text: &str) -> Result<SubmissionId, ApiError> {
    text.parse().map_err(|_| ApiError::Missing { what: "submission", name: text.to_owned() })
}

impl Submissions {
    /// Schedules first: registered a second time they stay what they are, so that whoever is told of a mistake in them, or
    /// of a submit that failed, may send the same again.
    async fn take(&self, request: v1::SubmitRequest, caller: &Caller) -> Result<v1::SubmitResponse, ApiError> {
        let Asked { submission, schedules } = submit::read(request, caller).await?;
        if let Some(new) = &submission {
            models_wanted::check(&self.coordinator, &self.workspace, &new.documents).await?;
        }
        let mut response = v1::SubmitResponse::default();
        if let Some(new) = schedules {
            for registered in self.schedules.register(new, caller.name.clone()).await? {
                tracing::info!(schedule = %registered.name, by = %caller.name, "scheduled");
                response.is_new |= registered.is_new;
                response.schedules.push(registered.name.to_string());
            }
            self.coordinator.confirm().await?;
        }
        if let Some(new) = submission {
            let registered = response.schedules.clone();
            let failed = |source| ApiError::after_registering(registered, source);
            let Submitted { id, is_new } = self.coordinator.submit(new).await.map_err(failed)?;
            tracing::info!(submission = %id, owner = %caller.name, is_new, "submitted");
            response.submission = Some(wire::submission(&self.coordinator.submission(&id).await?));
            // Of the submission, where there is one.
            response.is_new = is_new;
        }
        Ok(response)
    }

    async fn list(&self, request: v1::ListSubmissionsRequest) -> Result<v1::ListSubmissionsResponse, ApiError> {
        let v1::SubmissionFilter { states, owner, kind, name } = request.filter.unwrap_or_default();
        let filter = SubmissionFilter {
            owner: if owner.is_empty() { None } else { Some(owner.parse::<Owner>()?) },
            kind: wire::kind_from(kind)?,
            name: (!name.is_empty()).then_some(name),
            states: wire::submission_statuses(&states)?,
        };
        let listed = self.coordinator.submissions(filter, page::wanted(request.page)).await?;
        let submissions = listed.items.iter().map(wire::submission).collect();
        Ok(v1::ListSubmissionsResponse { submissions, page: page::given(listed.next) })
    }

    /// The submission, if the caller may change it.
    async fn own(&self, id: &str, caller: &Caller) -> Result<SubmissionId, ApiError> {
        let id = id_of(id)?;
        let view = self.coordinator.submission(&id).await?;
        submit::allowed(&view.owner, caller)?;
        Ok(id)
    }

    async fn cancel(&self, id: &str, caller: &Caller) -> Result<v1::Submission, ApiError> {
        let id = self.own(id, caller).await?;
        let view = self.coordinator.cancel(&id, caller.name.clone()).await?;
        tracing::info!(submission = %id, by = %caller.name, "cancelled");
        Ok(wire::submission(&view))
    }

    async fn retry(&self, id: &str, caller: &Caller) -> Result<v1::Submission, ApiError> {
        let id = self.own(id, caller).await?;
        let view = self.coordinator.retry(&id, caller.name.clone()).await?;
        tracing::info!(submission = %id, by = %caller.name, "retried");
        Ok(wire::submission(&view))
    }
}

#[tonic::async_trait]
impl SubmissionService for Submissions {
    async fn submit(&self, request: Request<v1::SubmitRequest>) -> Answer<v1::SubmitResponse> {
        let caller = gate::caller_of(&request)?.clone();
        Ok(Response::new(self.take(request.into_inner(), &caller).await?))
    }

    async fn list_submissions(
        &self,
        request: Request<v1::ListSubmissionsRequest>,
    ) -> Answer<v1::ListSubmissionsResponse> {
        Ok(Response::new(self.list(request.into_inner()).await?))
    }

    async fn get_submission(&self, request: Request<v1::GetSubmissionRequest>) -> Answer<v1::GetSubmissionResponse> {
        let id = id_of(&request.into_inner().id)?;
        let view = self.coordinator.submission(&id).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::GetSubmissionResponse { submission: Some(wire::submission(&view)) }))
    }

    type WatchSubmissionStream = Answers<v1::WatchSubmissionResponse>;

    async fn watch_submission(
        &self,
        request: Request<v1::WatchSubmissionRequest>,
    ) -> Answer<Self::WatchSubmissionStream> {
        let (left, holder) = (gate::time_left(&request), gate::holder_of(&request)?);
        let id = id_of(&request.into_inner().id)?;
        let events = self.coordinator.watch_submission(&id).await.map_err(ApiError::from)?;
        let told =
            events.try_filter_map(|event| async move { Ok::<_, CoordinatorError>(wire::submission_event(event)) });
        Ok(Response::new(self.streams.open(holder, told, left)?))
    }

    async fn cancel_submission(
        &self,
        request: Request<v1::CancelSubmissionRequest>,
    ) -> Answer<v1::CancelSubmissionResponse> {
        let caller = gate::caller_of(&request)?.clone();
        let submission = Some(self.cancel(&request.into_inner().id, &caller).await?);
        Ok(Response::new(v1::CancelSubmissionResponse { submission }))
    }

    async fn retry_submission(
        &self,
        request: Request<v1::RetrySubmissionRequest>,
    ) -> Answer<v1::RetrySubmissionResponse> {
        let caller = gate::caller_of(&request)?.clone();
        let submission = Some(self.retry(&request.into_inner().id, &caller).await?);
        Ok(Response::new(v1::RetrySubmissionResponse { submission }))
    }
}
