//! The worker's end of the wire.

use std::future::Future;
use std::time::Duration;

use proto::v1::worker_service_client::WorkerServiceClient;
use proto::{
    Epoch, Failure, Heartbeat, Instruction, LeaseId, Malformed, Next, Refusal, Registered, Registration, Token,
    WorkerId, v1,
};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::error::WorkerError;

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The coordinator was not reached, or is not ready; the same again may pass.
    #[error("the coordinator did not answer: {}", .0.message())]
    Unreachable(Box<Status>),
    /// The coordinator does not know the worker, or not any more: it has to register again.
    #[error("the coordinator does not know this worker: {}", .0.message())]
    Unregistered(Box<Status>),
    /// The coordinator said no.
    #[error("the coordinator said no: {}", .0.message())]
    Refused(Box<Status>),
    /// The answer makes no sense.
    #[error("the coordinator's answer makes no sense")]
    Malformed(#[from] Malformed),
}

impl From<Status> for LinkError {
    fn from(status: Status) -> Self {
        if Refusal::may_pass(&status) {
            Self::Unreachable(Box::new(status))
        } else if matches!(status.code(), Code::NotFound | Code::FailedPrecondition) {
            Self::Unregistered(Box::new(status))
        } else {
            Self::Refused(Box::new(status))
        }
    }
}

/// An answer and the epoch of the coordinator that gave it.
pub type Answer<T> = Result<(Epoch, T), LinkError>;

/// What a worker can ask of a coordinator; gRPC in processes, a plain call in tests of a coordinator.
pub trait Link: Send + Sync + 'static {
    /// Makes the process known.
    fn register(&self, who: Registration) -> impl Future<Output = Result<Registered, LinkError>> + Send;
    /// Asks what to do next.
    fn acquire(&self, worker: WorkerId, epoch: Epoch) -> impl Future<Output = Answer<Next>> + Send;
    /// Gives a sign of life.
    fn heartbeat(
        &self,
        worker: WorkerId,
        epoch: Epoch,
        heartbeat: Heartbeat,
    ) -> impl Future<Output = Answer<Instruction>> + Send;
    /// Says that a unit is done.
    fn complete(
        &self,
        worker: WorkerId,
        epoch: Epoch,
        lease: LeaseId,
        outcome: serde_json::Value,
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Says that a unit failed.
    fn fail(
        &self,
        worker: WorkerId,
        epoch: Epoch,
        lease: LeaseId,
        failure: Failure,
    ) -> impl Future<Output = Answer<()>> + Send;
}

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

type Client = WorkerServiceClient<InterceptedService<Channel, Authorize>>;

/// Puts the run's token into every request.
#[derive(Clone)]
struct Authorize(Token);

impl tonic::service::Interceptor for Authorize {
    fn call(&mut self, request: tonic::Request<()>) -> Result<tonic::Request<()>, Status> {
        self.0.attach().call(request)
    }
}

/// A coordinator over gRPC.
#[derive(Clone)]
pub struct GrpcLink {
    client: Client,
}

impl GrpcLink {
    /// A link to the coordinator at `url`; it connects with the first request, and again after a broken connection.
    pub fn new(url: &str, token: &Token) -> Result<Self, WorkerError> {
        let endpoint = Endpoint::from_shared(url.to_owned())
            .map_err(|source| WorkerError::Address { url: url.to_owned(), source })?
            .connect_timeout(Duration::from_secs(5))
            .timeout(REQUEST_TIMEOUT)
            .http2_keep_alive_interval(Duration::from_secs(20))
            .tcp_nodelay(true);
        let client = WorkerServiceClient::with_interceptor(endpoint.connect_lazy(), Authorize(token.clone()));
        Ok(Self { client })
    }
}

impl Link for GrpcLink {
    async fn register(&self, who: Registration) -> Result<Registered, LinkError> {
        let response = self.client.clone().register(v1::RegisterRequest::from(who)).await?.into_inner();
        Ok(Registered::try_from(response)?)
    }

    async fn acquire(&self, worker: WorkerId, epoch: Epoch) -> Answer<Next> {
        let request = v1::AcquireRequest { worker_id: worker.0, epoch: epoch.0 };
        let response = self.client.clone().acquire(request).await?.into_inner();
        Ok((Epoch(response.epoch), Next::try_from(response)?))
    }

    async fn heartbeat(&self, worker: WorkerId, epoch: Epoch, heartbeat: Heartbeat) -> Answer<Instruction> {
        let request = v1::HeartbeatRequest {
            worker_id: worker.0,
            epoch: epoch.0,
            lease_id: heartbeat.lease.map(|lease| lease.to_string()).unwrap_or_default(),
            progress: Some(heartbeat.progress.into()),
        };
        let response = self.client.clone().heartbeat(request).await?.into_inner();
        Ok((Epoch(response.epoch), Instruction::try_from(response.instruction)?))
    }

    async fn complete(&self, worker: WorkerId, epoch: Epoch, lease: LeaseId, outcome: serde_json::Value) -> Answer<()> {
        let request = v1::CompleteRequest {
            worker_id: worker.0,
            epoch: epoch.0,
            lease_id: lease.to_string(),
            outcome_json: outcome.to_string(),
        };
        let response = self.client.clone().complete(request).await?.into_inner();
        Ok((Epoch(response.epoch), ()))
    }

    async fn fail(&self, worker: WorkerId, epoch: Epoch, lease: LeaseId, failure: Failure) -> Answer<()> {
        let request = v1::FailRequest {
            worker_id: worker.0,
            epoch: epoch.0,
            lease_id: lease.to_string(),
            failure: Some(failure.into()),
        };
        let response = self.client.clone().fail(request).await?.into_inner();
        Ok((Epoch(response.epoch), ()))
    }
}
