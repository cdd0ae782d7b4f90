//! The gRPC service for workers: checks messages and passes them to the [`Desk`].

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use proto::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use proto::{Epoch, Failure, Heartbeat, LeaseId, Malformed, Refusal, Registration, Token, WorkerId, v1};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

use crate::desk::{Caller, Desk};
use crate::error::{CoordinatorError, Result};

/// Largest message that is read; an outcome is small, and nobody may make the coordinator hold more.
const LARGEST_MESSAGE_BYTES: usize = 8 << 20;

/// How long clients may take to go once the server ends.
const FAREWELL: Duration = Duration::from_secs(1);

struct Workers {
    desk: Desk,
}

fn caller(worker: String, epoch: u64) -> Caller {
    Caller { worker: WorkerId(worker), epoch: Epoch(epoch) }
}

fn malformed(error: Malformed) -> Status {
    Status::from(Refusal::from(error))
}

#[tonic::async_trait]
impl WorkerService for Workers {
    async fn register(&self, request: Request<v1::RegisterRequest>) -> Result<Response<v1::RegisterResponse>, Status> {
        let registration = Registration::try_from(request.into_inner()).map_err(malformed)?;
        let registered = self.desk.register(registration).await?;
        Ok(Response::new(registered.into()))
    }

    async fn acquire(&self, request: Request<v1::AcquireRequest>) -> Result<Response<v1::AcquireResponse>, Status> {
        let request = request.into_inner();
        let next = self.desk.acquire(caller(request.worker_id, request.epoch)).await?;
        Ok(Response::new(next.respond(self.desk.epoch())))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        let request = request.into_inner();
        let heartbeat = Heartbeat::from_wire(&request.lease_id, request.progress).map_err(malformed)?;
        let instruction = self.desk.heartbeat(caller(request.worker_id, request.epoch), heartbeat).await?;
        let instruction = v1::Instruction::from(instruction).into();
        Ok(Response::new(v1::HeartbeatResponse { epoch: self.desk.epoch().0, instruction }))
    }

    async fn complete(&self, request: Request<v1::CompleteRequest>) -> Result<Response<v1::CompleteResponse>, Status> {
        let request = request.into_inner();
        let lease = LeaseId::from_wire(&request.lease_id).map_err(malformed)?;
        let outcome = serde_json::from_str(&request.outcome_json);
        let not_json =
            |_| malformed(Malformed::Text { field: "outcome_json", text: "text that is no JSON".to_owned() });
        let outcome = outcome.map_err(not_json)?;
        self.desk.complete(caller(request.worker_id, request.epoch), lease, outcome).await?;
        Ok(Response::new(v1::CompleteResponse { epoch: self.desk.epoch().0 }))
    }

    async fn fail(&self, request: Request<v1::FailRequest>) -> Result<Response<v1::FailResponse>, Status> {
        let request = request.into_inner();
        let lease = LeaseId::from_wire(&request.lease_id).map_err(malformed)?;
        let failure = request.failure.ok_or_else(|| malformed(Malformed::Missing { field: "failure" }))?;
        let failure = Failure::try_from(failure).map_err(malformed)?;
        self.desk.fail(caller(request.worker_id, request.epoch), lease, failure).await?;
        Ok(Response::new(v1::FailResponse { epoch: self.desk.epoch().0 }))
    }
}

/// A server for a run's workers on the loopback interface.
#[derive(Debug)]
pub struct LoopbackServer {
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl LoopbackServer {
    /// Serves `desk` to those that carry `token`, on a free port.
    pub async fn start(desk: Desk, token: &Token) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(CoordinatorError::Listen)?;
        let address = listener.local_addr().map_err(CoordinatorError::Listen)?;
        let (shutdown, stopped) = oneshot::channel::<()>();
        let workers = WorkerServiceServer::new(Workers { desk }).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let service = tonic::service::interceptor::InterceptedService::new(workers, token.require());
        let serving = Server::builder()
            .tcp_nodelay(true)
            .max_concurrent_streams(64)
            .add_service(service)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                // A dropped sender means the same as a word.
                let _ = stopped.await;
            });
        Ok(Self { address, shutdown: Some(shutdown), serving: tokio::spawn(serving) })
    }

    /// The address for workers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers what has arrived, then ends.
    pub async fn stop(mut self) -> Result<()> {
        if let Some(shutdown) = self.shutdown.take() {
            // The server may have ended before.
            let _ = shutdown.send(());
        }
        // A client that keeps its connection open must not keep the run from ending.
        match tokio::time::timeout(FAREWELL, &mut self.serving).await {
            Ok(Ok(result)) => result.map_err(CoordinatorError::Serve),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }
}

impl Drop for LoopbackServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[cfg(test)]
mod tests;
