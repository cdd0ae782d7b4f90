//! The services of the API, put together.

use artifacts::Workspace;
use proto::api::LARGEST_REQUEST_BYTES;
use proto::api::v1::audience_service_server::AudienceServiceServer;
use proto::api::v1::model_service_server::ModelServiceServer;
use proto::api::v1::run_service_server::RunServiceServer;
use proto::api::v1::schedule_service_server::ScheduleServiceServer;
use proto::api::v1::submission_service_server::SubmissionServiceServer;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::audiences::Audiences;
use super::health::Healthy;
use super::models::Models;
use super::runs::Runs;
use super::schedules;
use super::server::ServerError;
use super::streams::Streams;
use super::submissions::Submissions;
use crate::house::Coordinator;
use crate::schedules::Schedules;

/// Every service, and where its health is told.
pub(super) async fn routes(
    coordinator: Coordinator,
    schedules: Schedules,
    workspace: Workspace,
    streams: Streams,
) -> Result<(Routes, HealthReporter), ServerError> {
    let health = HealthReporter::new();
    let reported = HealthService::from_health_reporter(health.clone());
    let health_service = HealthServer::new(Healthy { reported, streams: streams.clone() });
    // The next coordinator asks for this name whether this one is alive.
    health.set_service_status(coordinator.writer().as_str(), ServingStatus::Serving).await;
    let submissions = Submissions {
        coordinator: coordinator.clone(),
        schedules: schedules.clone(),
        streams: streams.clone(),
        workspace: workspace.clone(),
    };
    let submissions = SubmissionServiceServer::new(submissions).max_decoding_message_size(LARGEST_REQUEST_BYTES);
    let schedules = schedules::Schedules { schedules, coordinator: coordinator.clone() };
    let schedules = ScheduleServiceServer::new(schedules).max_decoding_message_size(LARGEST_REQUEST_BYTES);
    let runs = RunServiceServer::new(Runs { coordinator, streams }).max_decoding_message_size(LARGEST_REQUEST_BYTES);
    let models = Models { workspace: workspace.clone() };
    let models = ModelServiceServer::new(models).max_decoding_message_size(LARGEST_REQUEST_BYTES);
    let audiences = Audiences { workspace };
    let audiences = AudienceServiceServer::new(audiences).max_decoding_message_size(LARGEST_REQUEST_BYTES);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::api::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    for service in SERVICES {
        health.set_service_status(service, ServingStatus::Serving).await;
    }
    let routes = Routes::new(health_service)
        .add_service(reflection().build_v1().map_err(ServerError::Descriptors)?)
        .add_service(reflection().build_v1alpha().map_err(ServerError::Descriptors)?)
        .add_service(submissions)
        .add_service(runs)
        .add_service(schedules)
        .add_service(models)
        .add_service(audiences);
    Ok((routes, health))
}

/// What the health service knows by name, beside the server as a whole.
pub(super) const SERVICES: [&str; 5] = [
    proto::api::v1::submission_service_server::SERVICE_NAME,
    proto::api::v1::run_service_server::SERVICE_NAME,
    proto::api::v1::schedule_service_server::SERVICE_NAME,
    proto::api::v1::model_service_server::SERVICE_NAME,
    proto::api::v1::audience_service_server::SERVICE_NAME,
];
