//! `RunService`

use futures::TryStreamExt;
use proto::Generation;
use proto::api::v1;
use proto::api::v1::run_service_server::RunService;
use spec::RunId;
use tonic::{Request, Response, Status};

use super::status::ApiError;
use super::streams::{Answers, Streams};
use super::{gate, page, wire};
use crate::error::CoordinatorError;
use crate::house::{Coordinator, LogChunk, LogSelector, RunFilter};
use crate::names::Owner;

/// Answers from the coordinator.
pub(super) struct Runs {
    pub(super) coordinator: Coordinator,
    pub(super) streams: Streams,
}

type Answer<T> = Result<Response<T>, Status>;

fn id_of(text: &str) -> Result<RunId, ApiError> {
    text.parse().map_err(|_| ApiError::Missing { what: "run", name: text.to_owned() })
}

impl Runs {
    async fn list(&self, request: v1::ListRunsRequest) -> Result<v1::ListRunsResponse, ApiError> {
        let v1::RunFilter { states, owner, kind, name } = request.filter.unwrap_or_default();
        let filter = RunFilter {
            owner: if owner.is_empty() { None } else { Some(owner.parse::<Owner>()?) },
            kind: wire::kind_from(kind)?,
            name: (!name.is_empty()).then_some(name),
            states: wire::run_statuses(&states)?,
        };
        let listed = self.coordinator.runs(filter, page::wanted(request.page)).await?;
        let runs = listed.items.iter().map(|view| wire::run(view, false)).collect();
        Ok(v1::ListRunsResponse { runs, page: page::given(listed.next) })
    }
}

#[tonic::async_trait]
impl RunService for Runs {
    async fn list_runs(&self, request: Request<v1::ListRunsRequest>) -> Answer<v1::ListRunsResponse> {
        Ok(Response::new(self.list(request.into_inner()).await?))
    }

    async fn get_run(&self, request: Request<v1::GetRunRequest>) -> Answer<v1::GetRunResponse> {
        let id = id_of(&request.into_inner().id)?;
        let view = self.coordinator.run(&id).await.map_err(ApiError::from)?;
        Ok(Response::new(v1::GetRunResponse { run: Some(wire::run(&view, true)) }))
    }

    type WatchRunStream = Answers<v1::WatchRunResponse>;

    async fn watch_run(&self, request: Request<v1::WatchRunRequest>) -> Answer<Self::WatchRunStream> {
        let (left, holder) = (gate::time_left(&request), gate::holder_of(&request)?);
        let v1::WatchRunRequest { id, from_sequence } = request.into_inner();
        let id = id_of(&id)?;
        let events = self.coordinator.watch(&id, from_sequence).await.map_err(ApiError::from)?;
        let told = events.try_filter_map(move |event| {
            let event = wire::event(&id, event).map(|event| v1::WatchRunResponse { event: Some(event) });
            async move { Ok::<_, CoordinatorError>(event) }
        });
        Ok(Response::new(self.streams.open(holder, told, left)?))
    }

    type ReadLogsStream = Answers<v1::ReadLogsResponse>;

    async fn read_logs(&self, request: Request<v1::ReadLogsRequest>) -> Answer<Self::ReadLogsStream> {
        let (left, holder) = (gate::time_left(&request), gate::holder_of(&request)?);
        let v1::ReadLogsRequest { id, stage, generation, process, offset_bytes, follow } = request.into_inner();
        let id = id_of(&id)?;
        let generation = (generation > 0).then_some(Generation(generation));
        let selector = LogSelector { stage: wire::stage_from(stage)?, generation, process };
        let chunks = self.coordinator.logs(&id, selector, offset_bytes, follow).await.map_err(ApiError::from)?;
        let told = chunks.map_ok(|LogChunk { process, offset, bytes }| v1::ReadLogsResponse {
            process,
            offset_bytes: offset,
            chunk: bytes.into(),
        });
        Ok(Response::new(self.streams.open(holder, told, left)?))
    }
}
