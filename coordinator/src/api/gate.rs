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
use super::streams::Holder;
use crate::access::{Access, Caller, Method, method_of};

/// What a request passes.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) access: Access,
    pub(super) requests: Requests,
    /// How long an answer, or the beginning of a stream, may take.
    pub(super) call: Duration,
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
            let deadline = Deadline::of(request.headers(), began);
            if let Some(deadline) = deadline {
                request.extensions_mut().insert(deadline);
            }
            let call = deadline.map_or(gate.call, |deadline| deadline.own().min(gate.call));
            let answered = tokio::time::timeout(call, next.run(request)).await;
            answered.unwrap_or_else(|_| Status::from(ApiError::DeadlinePassed).into_http())
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

/// Whose a stream is that answers a request.
pub(super) fn holder_of<T>(request: &tonic::Request<T>) -> Result<Holder, ApiError> {
    Ok(Holder::Caller(caller_of(request)?.name.clone()))
}

/// How long a request may still take, where its client said so.
pub(super) fn time_left<T>(request: &tonic::Request<T>) -> Option<Duration> {
    request.extensions().get::<Deadline>().map(Deadline::left)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use proto::api;
    use proto::api::v1::ErrorReason;
    use tonic::codegen::Service;

    use super::*;

    /// What becomes of a call that nobody ever answers.
    async fn unanswered(call: Duration, timeout: Option<&str>) -> Status {
        let gate = Gate { access: Access::Open, requests: Requests::default(), call };
        let layer = axum::middleware::from_fn_with_state(Arc::new(gate), pass);
        let mut router: Router = Router::new().fallback(std::future::pending::<&'static str>).layer(layer);
        let request = axum::http::Request::post("/kindred.api.v1.RunService/ListRuns");
        let request = match timeout {
            Some(timeout) => request.header("grpc-timeout", timeout),
            None => request,
        };
        let response = router.call(request.body(Body::empty()).unwrap()).await.unwrap();
        Status::from_header_map(response.headers()).unwrap()
    }

    #[tokio::test]
    async fn a_call_that_takes_too_long_is_told_so_with_details() {
        let ever = Duration::from_secs(600);
        for (call, timeout) in [(Duration::from_millis(10), None), (ever, Some("10m")), (ever, Some("0n"))] {
            let status = unanswered(call, timeout).await;
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
            assert_eq!(api::info_of(&status).unwrap().reason(), ErrorReason::Deadline);
        }
    }
}
