//! The two servers of a long-lived coordinator: gRPC for clients, HTTP for probes and metrics.
//!
//! Both listen before there is a coordinator, so that its address is known when it claims its workspace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use artifacts::Workspace;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::connections;
use super::gate::{self, Gate};
use super::metrics::Requests;
use super::routes::{SERVICES, routes};
use super::streams::{MostStreams, Streams};
use super::tls::{PemError, TlsFiles};
use crate::access::Access;
use crate::house::Coordinator;
use crate::http::{HttpServer, Pages};
use crate::schedules::Schedules;

/// How a server listens and whom it lets in.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// Where gRPC is served; port 0 is a free one.
    pub listen: SocketAddr,
    /// Where probes and metrics are served; port 0 is a free one.
    pub http: SocketAddr,
    /// Who is let in.
    pub access: Access,
    /// The certificates of gRPC; in the clear without.
    pub tls: Option<TlsFiles>,
    /// How much is too much.
    pub limits: ApiLimits,
}

/// How much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiLimits {
    /// Connections at once; one more is closed.
    pub connections: usize,
    /// Calls and streams of one connection at once; more wait.
    pub streams_per_connection: u32,
    /// Streams (watching, following logs) at once; one more is RESOURCE_EXHAUSTED.
    pub streams: usize,
    /// Of them, streams of one caller.
    pub streams_per_caller: usize,
    /// How long a call with one answer may take, if its client gives it no shorter deadline.
    pub call: Duration,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            streams_per_connection: 1024,
            streams: 2048,
            streams_per_caller: 1024,
            call: Duration::from_secs(60),
        }
    }
}

/// Bytes of a request's headers; a token is the largest.
const MOST_HEADER_BYTES: u32 = 16 << 10;

/// A client that answers nothing for this long, and then no ping, is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const PING: Duration = Duration::from_secs(20);

/// How long clients may take to go once the server ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Why a server cannot start, or broke down.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Everybody could do everything there.
    #[error(
        "without a tokens file only the loopback interface is listened on, and {address} can be reached from elsewhere: \
         add --tokens FILE (`kindred coordinator token` makes one's lines), or listen on 127.0.0.1"
    )]
    Unguarded {
        /// The address.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A certificate cannot be read.
    #[error("the server's certificates cannot be used")]
    Pem(#[from] PemError),
    /// A certificate or key is none.
    #[error("the server's certificates cannot be used: give PEM files of a certificate chain and its key")]
    Tls(#[source] tonic::transport::Error),
    /// The descriptors of the API are broken.
    #[error("this program made a mistake: its API has no descriptors")]
    Descriptors(#[source] tonic_reflection::server::Error),
    /// The server broke down.
    #[error("the server for clients broke down")]
    Serve(#[source] tonic::transport::Error),
    /// The server's task broke down.
    #[error("the server for clients broke down")]
    Task(#[source] tokio::task::JoinError),
}

/// Servers that listen and do not answer yet.
#[derive(Debug)]
pub struct BoundServer {
    settings: ApiSettings,
    server: Server,
    listener: TcpListener,
    address: SocketAddr,
}

/// Servers that answer.
#[derive(Debug)]
pub struct ApiServer {
    address: SocketAddr,
    http: HttpServer,
    health: HealthReporter,
    stopping: watch::Sender<bool>,
    stop: watch::Sender<bool>,
    /// Closed once it serves no longer.
    alive: watch::Receiver<()>,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
}

impl BoundServer {
    /// Listens.
    ///
    /// # Errors
    /// When an address can be reached from elsewhere and nobody needs a token; when it cannot be listened on; when
    /// certificates cannot be used.
    pub async fn bind(settings: ApiSettings) -> Result<Self, ServerError> {
        for address in [settings.listen, settings.http] {
            if !settings.access.allows(address) {
                return Err(ServerError::Unguarded { address });
            }
        }
        if settings.tls.is_none() && !settings.listen.ip().is_loopback() {
            tracing::warn!(address = %settings.listen, "tokens travel in the clear: add --tls-cert and --tls-key");
        }
        let server = server(&settings)?;
        let failed = |source| ServerError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { settings, server, listener, address })
    }

    /// Where clients reach it, such as `http://127.0.0.1:7460`.
    pub fn url(&self) -> String {
        let scheme = if self.settings.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Answers from a coordinator, its schedules and its workspace.
    ///
    /// # Errors
    /// When the address for probes cannot be listened on.
    pub async fn serve(
        mut self,
        coordinator: Coordinator,
        schedules: Schedules,
        workspace: Workspace,
    ) -> Result<ApiServer, ServerError> {
        let requests = Requests::default();
        let (stopping, is_stopping) = watch::channel(false);
        let pages = Pages {
            coordinator: coordinator.clone(),
            workspace: workspace.clone(),
            requests: requests.clone(),
            stopping: is_stopping.clone(),
        };
        let http = HttpServer::start(self.settings.http, pages).await?;
        let limits = self.settings.limits;
        let most = MostStreams { in_all: limits.streams, of_one: limits.streams_per_caller };
        let streams = Streams::new(most, is_stopping);
        let (routes, health) = routes(coordinator, schedules, workspace, streams).await?;
        let gate = Gate { access: self.settings.access.clone(), requests, call: limits.call };
        let gated = axum::middleware::from_fn_with_state(Arc::new(gate), gate::pass);
        let routes = Routes::from(routes.into_axum_router().layer(gated));
        let (stop, mut stopped) = watch::channel(false);
        let incoming = connections::bounded(self.listener, limits.connections);
        let serving = self.server.add_routes(routes).serve_with_incoming_shutdown(incoming, async move {
            // A handle that is gone means the same as a word.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        });
        let (serves, alive) = watch::channel(());
        let serving = tokio::spawn(async move {
            // Dropped however this ends.
            let _serves = serves;
            serving.await
        });
        Ok(ApiServer { address: self.address, http, health, stopping, stop, alive, serving })
    }
}

fn server(settings: &ApiSettings) -> Result<Server, ServerError> {
    let limits = settings.limits;
    let server = Server::builder()
        .max_concurrent_streams(limits.streams_per_connection)
        .http2_max_header_list_size(MOST_HEADER_BYTES)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(PING));
    match &settings.tls {
        Some(files) => server.tls_config(files.read()?).map_err(ServerError::Tls),
        None => Ok(server),
    }
}

impl ApiServer {
    /// Where gRPC is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where probes and metrics are served.
    pub fn http_address(&self) -> SocketAddr {
        self.http.address()
    }

    /// Returns once gRPC is not served any more: without [`Self::stop`] that is because it broke down, and `stop` says why.
    pub async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Tells everybody that it is about to stop: probes say so, streams end. Calls are still answered.
    pub async fn begin_stop(&self) {
        self.stopping.send_replace(true);
        self.health.set_service_status("", ServingStatus::NotServing).await;
        for service in SERVICES {
            self.health.set_service_status(service, ServingStatus::NotServing).await;
        }
    }

    /// Answers what has arrived, then ends.
    ///
    /// # Errors
    /// When it had broken down.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        self.begin_stop().await;
        self.stop.send_replace(true);
        // A client that keeps its connection open must not keep the program from ending.
        let ended = tokio::time::timeout(FAREWELL, &mut self.serving).await;
        self.serving.abort();
        self.http.stop().await;
        match ended {
            Ok(Ok(served)) => served.map_err(ServerError::Serve),
            Ok(Err(broken)) => Err(ServerError::Task(broken)),
            Err(_) => Ok(()),
        }
    }
}
