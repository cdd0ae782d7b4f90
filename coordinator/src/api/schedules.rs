//! `ScheduleService`

use proto::api::v1;
use proto::api::v1::schedule_service_server::ScheduleService;
use spec::ScheduleName;
use tonic::{Request, Response, Status};

use super::status::ApiError;
use super::{gate, submit, wire};
use crate::access::Caller;
use crate::house::Coordinator;

/// Answers from the schedules.
pub(super) struct Schedules {
    pub(super) schedules: crate::schedules::Schedules,
    pub(super) coordinator: Coordinator,
}

type Answer<T> = Result<Response<T>, Status>;

fn name_of(text: &str) -> Result<ScheduleName, ApiError> {
    text.parse().map_err(|_| ApiError::Missing { what: "schedule", name: text.to_owned() })
}

impl Schedules {
    async fn list(&self) -> Result<Vec<v1::Schedule>, ApiError> {
        Ok(self.schedules.list().await?.iter().map(wire::schedule).collect())
    }

    async fn get(&self, name: &str) -> Result<v1::Schedule, ApiError> {
        Ok(wire::schedule(&self.schedules.show(&name_of(name)?).await?))
    }

    /// The schedule, if the caller may change it.
    async fn own(&self, name: &str, caller: &Caller) -> Result<ScheduleName, ApiError> {
        let name = name_of(name)?;
        submit::allowed(&self.schedules.show(&name).await?.owner, caller)?;
        Ok(name)
    }

    async fn pause(&self, name: &str, caller: &Caller) -> Result<v1::Schedule, ApiError> {
        let name = self.own(name, caller).await?;
        let view = self.schedules.pause(&name, caller.name.clone()).await?;
        self.coordinator.confirm().await?;
        Ok(wire::schedule(&view))
    }

    async fn resume(&self, name: &str, caller: &Caller) -> Result<v1::Schedule, ApiError> {
        let name = self.own(name, caller).await?;
        let view = self.schedules.resume(&name, caller.name.clone()).await?;
        self.coordinator.confirm().await?;
        Ok(wire::schedule(&view))
    }

    async fn remove(&self, name: &str, caller: &Caller) -> Result<v1::Schedule, ApiError> {
        let name = self.own(name, caller).await?;
        let view = self.schedules.remove(&name, caller.name.clone()).await?;
        self.coordinator.confirm().await?;
        Ok(wire::schedule(&view))
    }
}

#[tonic::async_trait]
impl ScheduleService for Schedules {
    async fn list_schedules(&self, _: Request<v1::ListSchedulesRequest>) -> Answer<v1::ListSchedulesResponse> {
        Ok(Response::new(v1::ListSchedulesResponse { schedules: self.list().await? }))
    }

    async fn get_schedule(&self, request: Request<v1::GetScheduleRequest>) -> Answer<v1::GetScheduleResponse> {
        let schedule = Some(self.get(&request.into_inner().name).await?);
        Ok(Response::new(v1::GetScheduleResponse { schedule }))
    }

    async fn pause_schedule(&self, request: Request<v1::PauseScheduleRequest>) -> Answer<v1::PauseScheduleResponse> {
        let caller = gate::caller_of(&request)?.clone();
        let schedule = Some(self.pause(&request.into_inner().name, &caller).await?);
        Ok(Response::new(v1::PauseScheduleResponse { schedule }))
    }

    async fn resume_schedule(&self, request: Request<v1::ResumeScheduleRequest>) -> Answer<v1::ResumeScheduleResponse> {
        let caller = gate::caller_of(&request)?.clone();
        let schedule = Some(self.resume(&request.into_inner().name, &caller).await?);
        Ok(Response::new(v1::ResumeScheduleResponse { schedule }))
    }

    async fn remove_schedule(&self, request: Request<v1::RemoveScheduleRequest>) -> Answer<v1::RemoveScheduleResponse> {
        let caller = gate::caller_of(&request)?.clone();
        let schedule = Some(self.remove(&request.into_inner().name, &caller).await?);
        Ok(Response::new(v1::RemoveScheduleResponse { schedule }))
    }
}
