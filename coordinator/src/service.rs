//! The gRPC service for workers: finds the run by the request's token, checks messages and passes them to its [`Desk`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use artifacts::Digest;

use proto::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use proto::{Epoch, Failure, Heartbeat, LeaseId, Malformed, Refusal, Registration, Token, WorkerId, v1};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::desk::{Caller, Desk};
use crate::error::{CoordinatorError, Result};
use crate::log::WriterId;

/// Largest message that is read; an outcome is small, and nobody may make the coordinator hold more.
const LARGEST_MESSAGE_BYTES: usize = 8 << 20;

/// How long clients may take to go once the server ends.
const FAREWELL: Duration = Duration::from_secs(1);

struct Workers;

/// The desk that the request's token leads to.
fn desk_of<T>(request: &Request<T>) -> Result<Desk, Status> {
    request.extensions().get().cloned().ok_or_else(|| Status::internal("a request came past the check of its token"))
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
        let desk = desk_of(&request)?;
        let registration = Registration::try_from(request.into_inner()).map_err(malformed)?;
        let registered = desk.register(registration).await?;
        Ok(Response::new(registered.into()))
    }

    async fn acquire(&self, request: Request<v1::AcquireRequest>) -> Result<Response<v1::AcquireResponse>, Status> {
        let desk = desk_of(&request)?;
        let request = request.into_inner();
        let next = desk.acquire(caller(request.worker_id, request.epoch)).await?;
        Ok(Response::new(next.respond(desk.epoch())))
    }

    async fn heartbeat(
        &self,
        request: Request<v1::HeartbeatRequest>,
    ) -> Result<Response<v1::HeartbeatResponse>, Status> {
        let desk = desk_of(&request)?;
        let request = request.into_inner();
        let heartbeat = Heartbeat::from_wire(&request.lease_id, request.progress).map_err(malformed)?;
        let instruction = desk.heartbeat(caller(request.worker_id, request.epoch), heartbeat).await?;
        let instruction = v1::Instruction::from(instruction).into();
        Ok(Response::new(v1::HeartbeatResponse { epoch: desk.epoch().0, instruction }))
    }

    async fn complete(&self, request: Request<v1::CompleteRequest>) -> Result<Response<v1::CompleteResponse>, Status> {
        let desk = desk_of(&request)?;
        let request = request.into_inner();
        let lease = LeaseId::from_wire(&request.lease_id).map_err(malformed)?;
        let outcome = serde_json::from_str(&request.outcome_json);
        let not_json =
            |_| malformed(Malformed::Text { field: "outcome_json", text: "text that is no JSON".to_owned() });
        let outcome = outcome.map_err(not_json)?;
        desk.complete(caller(request.worker_id, request.epoch), lease, outcome).await?;
        Ok(Response::new(v1::CompleteResponse { epoch: desk.epoch().0 }))
    }

    async fn fail(&self, request: Request<v1::FailRequest>) -> Result<Response<v1::FailResponse>, Status> {
        let desk = desk_of(&request)?;
        let request = request.into_inner();
        let lease = LeaseId::from_wire(&request.lease_id).map_err(malformed)?;
        let failure = request.failure.ok_or_else(|| malformed(Malformed::Missing { field: "failure" }))?;
        let failure = Failure::try_from(failure).map_err(malformed)?;
        desk.fail(caller(request.worker_id, request.epoch), lease, failure).await?;
        Ok(Response::new(v1::FailResponse { epoch: desk.epoch().0 }))
    }
}

/// A server for the workers of any number of runs.
#[derive(Debug)]
pub(crate) struct WorkerServer {
    address: SocketAddr,
    desks: Desks,
    shutdown: Mutex<Option<oneshot::Sender<()>>>,
    serving: Mutex<Option<JoinHandle<Result<(), tonic::transport::Error>>>>,
    abort: AbortHandle,
}

impl WorkerServer {
    /// The loopback interface, on a free port.
    pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// Listens on `address`. Who asks whether `writer` is alive hears that it is.
    pub(crate) async fn start(address: SocketAddr, writer: &WriterId) -> Result<Self> {
        let listener = TcpListener::bind(address).await.map_err(CoordinatorError::Listen)?;
        let address = listener.local_addr().map_err(CoordinatorError::Listen)?;
        let (shutdown, stopped) = oneshot::channel::<()>();
        let desks = Desks::default();
        let workers = WorkerServiceServer::new(Workers).max_decoding_message_size(LARGEST_MESSAGE_BYTES);
        let workers = InterceptedService::new(workers, desks.clone());
        let (reporter, health) = tonic_health::server::health_reporter();
        reporter.set_service_status(writer.as_str(), tonic_health::ServingStatus::Serving).await;
        let serving = Server::builder()
            .tcp_nodelay(true)
            .max_concurrent_streams(64)
            .add_service(workers)
            .add_service(health)
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async {
                // A dropped sender means the same as a word.
                let _ = stopped.await;
            });
        let serving = tokio::spawn(serving);
        let abort = serving.abort_handle();
        let (shutdown, serving) = (Mutex::new(Some(shutdown)), Mutex::new(Some(serving)));
        Ok(Self { address, desks, shutdown, serving, abort })
    }

    /// The address for workers.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves a run's workers until what it returns is dropped.
    pub(crate) fn serve(&self, desk: Desk) -> Enrolled {
        let token = fresh_token();
        self.desks.locked().insert(digest_of(&token), desk);
        Enrolled { token, desks: self.desks.clone() }
    }

    /// Answers what has arrived, then ends.
    pub(crate) async fn stop(&self) -> Result<()> {
        if let Some(shutdown) = taken(&self.shutdown) {
            // The server may have ended before.
            let _ = shutdown.send(());
        }
        let Some(mut serving) = taken(&self.serving) else { return Ok(()) };
        // A client that keeps its connection open must not keep the run from ending.
        match tokio::time::timeout(FAREWELL, &mut serving).await {
            Ok(Ok(result)) => result.map_err(CoordinatorError::Serve),
            Ok(Err(_)) => Ok(()),
            Err(_) => {
                self.abort.abort();
                Ok(())
            }
        }
    }
}

fn taken<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

impl Drop for WorkerServer {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// A run whose workers are served; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Enrolled {
    token: Token,
    desks: Desks,
}

impl Enrolled {
    /// What the run's workers show.
    pub(crate) fn token(&self) -> &Token {
        &self.token
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.desks.locked().remove(&digest_of(&self.token));
    }
}

/// Every run's desk, by the digest of its token: how long a search takes says nothing about a token.
#[derive(Debug, Clone, Default)]
struct Desks(Arc<Mutex<BTreeMap<Digest, Desk>>>);

impl Desks {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Digest, Desk>> {
        // Every change is one insertion or removal, so a panic elsewhere leaves the map whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interceptor for Desks {
    /// Finds the desk of the run whose token the request shows.
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let shown = request.metadata().get("authorization").map(|header| header.as_bytes().to_vec());
        let shown = shown.ok_or_else(|| Status::unauthenticated("this needs an `authorization: Bearer …` header"))?;
        let desk = shown.strip_prefix(b"Bearer ").and_then(|secret| self.locked().get(&Digest::of(secret)).cloned());
        let desk = desk.ok_or_else(|| Status::unauthenticated("the token is no run's that is being carried here"))?;
        request.extensions_mut().insert(desk);
        Ok(request)
    }
}

fn digest_of(token: &Token) -> Digest {
    Digest::of(token.secret().as_bytes())
}

fn fresh_token() -> Token {
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    Token::parse(&secret).expect("64 hex digits are a token")
}

#[cfg(test)]
mod tests;
