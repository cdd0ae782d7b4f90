//! The second port: probes and metrics over HTTP. Nothing here changes anything, and nothing needs a token: there are
//! numbers, no names of people, owners or documents.

mod listening;
mod metrics;
mod probes;
mod readiness;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{Requests, ServerError};
use crate::house::Coordinator;
use artifacts::Workspace;
use listening::Listening;
use readiness::Readiness;

/// What the pages are made from.
#[derive(Clone)]
pub(crate) struct Pages {
    pub(crate) coordinator: Coordinator,
    pub(crate) workspace: Workspace,
    pub(crate) requests: Requests,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Each answer ends its connection, so that one who holds a connection has asked for something.
async fn close(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// What the pages share.
#[derive(Clone)]
struct Shown {
    pages: Pages,
    store: Readiness,
}

/// A server for `/healthz`, `/readyz` and `/metrics`.
#[derive(Debug)]
pub(crate) struct HttpServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<std::io::Result<()>>,
}

/// How long clients may take to go once the server ends.
const FAREWELL: Duration = Duration::from_secs(1);

impl HttpServer {
    /// Serves on `address`.
    pub(crate) async fn start(address: SocketAddr, pages: Pages) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, mut stopped) = watch::channel(false);
        let router = Router::new()
            .route("/healthz", get(probes::is_alive))
            .route("/readyz", get(probes::is_ready))
            .route("/metrics", get(metrics::all))
            .layer(axum::middleware::map_response(close))
            .with_state(Shown { store: probes::store_of(pages.workspace.clone()), pages });
        let serving = axum::serve(Listening::on(listener), router).with_graceful_shutdown(async move {
            // A handle that is gone means the same as a word.
            let _ = stopped.wait_for(|is_stopped| *is_stopped).await;
        });
        Ok(Self { address, stop, serving: tokio::spawn(serving.into_future()) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what has arrived, then ends.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        // A client that keeps its connection open must not keep the program from ending.
        let _ = tokio::time::timeout(FAREWELL, &mut self.serving).await;
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
