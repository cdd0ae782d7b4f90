//! `grpc.health.v1`: needs no token, so its streams have few places.

use std::time::Duration;

use tonic::{Request, Response, Status};
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_health::server::HealthService;

use super::gate;
use super::streams::{Answers, Holder, Streams};

/// How long a stream lasts that shows no token; who watches for longer asks again.
const LONGEST_WATCH: Duration = Duration::from_secs(3600);

/// Answers what a reporter has said.
pub(super) struct Healthy {
    pub(super) reported: HealthService,
    pub(super) streams: Streams,
}

#[tonic::async_trait]
impl Health for Healthy {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.reported.check(request).await
    }

    type WatchStream = Answers<HealthCheckResponse>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let left = gate::time_left(&request).map_or(LONGEST_WATCH, |left| left.min(LONGEST_WATCH));
        let holder = Holder::Stranger(request.remote_addr().map(|address| address.ip()));
        let told = self.reported.watch(request).await?.into_inner();
        Ok(Response::new(self.streams.open(holder, told, Some(left))?))
    }
}
