//! Tokens and roles.

use coordinator::{Access, ApiLimits, ApiSettings, BoundServer, Role, ServerError};
use proto::api::v1::model_service_client::ModelServiceClient;
use proto::api::v1::{self, ErrorReason};
use proto::api::{self};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::served::{Served, with_token};

#[tokio::test]
async fn who_has_no_token_or_a_wrong_one_is_turned_away() {
    let (served, _) = Served::guarded(&[("ana", Role::Admin)]).await;
    let mut submissions = served.submissions().await;
    let list = v1::ListSubmissionsRequest::default;
    let refused = submissions.list_submissions(list()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(api::info_of(&refused).unwrap().reason(), ErrorReason::UnknownToken);
    let refused = submissions.list_submissions(with_token("kindred_0000", list())).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, "the token is not known here"));
    served.stop().await;
}

#[tokio::test]
async fn a_role_does_what_it_may_and_no_more() {
    let who = [("ana", Role::Viewer), ("ben", Role::Submitter), ("cleo", Role::Submitter), ("root", Role::Admin)];
    let (served, tokens) = Served::guarded(&who).await;
    let [ana, ben, cleo, root] = [0, 1, 2, 3].map(|n| tokens[n].as_str());
    let mut submissions = served.submissions().await;
    let refused = submissions.submit(with_token(ana, served.training("m"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("needs the role submitter"), "{refused:?}");
    let submitted = submissions.submit(with_token(ben, served.training("m"))).await.unwrap().into_inner();
    let submission = submitted.submission.unwrap();
    assert_eq!(submission.owner, "ben");
    let cancel = || v1::CancelSubmissionRequest { id: submission.id.clone() };
    let refused = submissions.cancel_submission(with_token(cleo, cancel())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("ben's"), "{refused:?}");
    let mine = v1::SubmitRequest { owner: "ben".to_owned(), ..served.training("n") };
    let refused = submissions.submit(with_token(cleo, mine)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    submissions.cancel_submission(with_token(root, cancel())).await.unwrap();
    let listed = submissions.list_submissions(with_token(ana, v1::ListSubmissionsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().submissions.len(), 1);
    let mut models = ModelServiceClient::new(served.channel().await);
    let promote = v1::PromoteModelRequest { model: "m@1".to_owned(), alias: "production".to_owned() };
    let refused = models.promote_model(with_token(ben, promote.clone())).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(models.promote_model(with_token(root, promote)).await.unwrap_err().code(), Code::NotFound);
    served.stop().await;
}

#[tokio::test]
async fn probes_need_no_token() {
    let (served, _) = Served::guarded(&[("ana", Role::Admin)]).await;
    let mut health = HealthClient::new(served.channel().await);
    for service in ["", "kindred.api.v1.SubmissionService", served.coordinator.writer().as_str()] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(asked).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "SERVING: {service}");
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = served.get(path).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    served.stop().await;
}

#[tokio::test]
async fn without_tokens_other_machines_cannot_reach_it() {
    let (anywhere, here) = ("0.0.0.0:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap());
    for (listen, http) in [(anywhere, here), (here, anywhere)] {
        let limits = ApiLimits::default();
        let settings = ApiSettings { listen, http, access: Access::Open, tls: None, limits };
        let refused = BoundServer::bind(settings).await.unwrap_err();
        assert!(matches!(refused, ServerError::Unguarded { .. }), "{refused:?}");
        assert!(refused.to_string().contains("--tokens"), "{refused}");
    }
}
