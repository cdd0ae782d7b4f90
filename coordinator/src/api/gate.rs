//! What every request passes: who it is from, whether they may, and the count of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, header};
use axum::middleware::Next;
use tonic::{Code, Status};

use super::deadline::Deadline;
use super::metrics::Requests;
use super::status::ApiError;
use crate::access::{Access, Caller, Method, method_of};

/// What a request passes.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) access: Access,
    pub(super) requests: Requests,
}

/// Lets a request through to its service with the [`Caller`] and the [`Deadline`] that it has, or turns it away.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response<Body> {
    let began = Instant::now();
    let Some(method) = method_of(request.uri().path()) else {
        gate.requests.count_unknown();
        return Status::unimplemented("there is no such method here; see proto/kindred/api/v1").into_http();
    };
    let response = match gate.admit(&method, request.headers()) {
        Ok(caller) => {
            let extensions = request.extensions_mut();
            if let Some(caller) = caller {
                extensions.insert(caller);
            }
            if let Some(deadline) = Deadline::of(request.headers(), began) {
                request.extensions_mut().insert(deadline);
            }
            next.run(request).await
        }
        Err(status) => status.into_http(),
    };
    gate.requests.count(method.path, code_of(&response), began.elapsed());
    response
}

impl Gate {
    fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        let authorization = headers.get(header::AUTHORIZATION).map(|header| header.as_bytes());
        let admitted = method.admit(self.access.caller(authorization));
        admitted.map_err(|denied| ApiError::from(denied).into())
    }
}

/// The code of an answer; a stream's is that of its beginning.
fn code_of(response: &Response<Body>) -> Code {
    let failed = response.headers().get(Status::GRPC_STATUS);
    failed.map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}

/// Who a request is from. The gate has let them through, so there is somebody.
pub(super) fn caller_of<T>(request: &tonic::Request<T>) -> Result<&Caller, ApiError> {
    request.extensions().get::<Caller>().ok_or(ApiError::NoCaller)
}

/// How long a request may still take, where its client said so.
pub(super) fn time_left<T>(request: &tonic::Request<T>) -> Option<Duration> {
    request.extensions().get::<Deadline>().map(Deadline::left)
}
