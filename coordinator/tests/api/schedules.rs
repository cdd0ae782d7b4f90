//! Schedules and models, as far as the API itself decides about them.

use artifacts::Workspace;
use coordinator::{Coordinator, Programs, Settings};
use proto::api;
use proto::api::v1::schedule_service_client::ScheduleServiceClient;
use proto::api::v1::{self, ErrorReason};
use tonic::Code;

use crate::served::Served;

#[tokio::test]
async fn a_coordinator_that_was_taken_over_does_not_say_that_it_paused_a_schedule() {
    let served = Served::open().await;
    let mut request = served.training("nightly");
    request.files[0].text.push_str("  schedule: {cron: 0 2 * * *}\n");
    served.submissions().await.submit(request).await.unwrap();
    let mut schedules = ScheduleServiceClient::new(served.channel().await);
    let name = || "nightly".to_owned();
    schedules.pause_schedule(v1::PauseScheduleRequest { name: name() }).await.unwrap();

    let workspace = Workspace::open(served.folder.path().join("workspace").to_str().unwrap()).unwrap();
    let settings = Settings { take_over: true, ..Settings::default() };
    let programs = Programs::in_folder(served.folder.path());
    let (_second, _ended) = Coordinator::open(workspace, programs, settings).await.unwrap();
    let refused = schedules.resume_schedule(v1::ResumeScheduleRequest { name: name() }).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert_eq!(api::info_of(&refused).unwrap().reason(), ErrorReason::NotLeading);
}

#[tokio::test]
async fn a_model_that_nobody_makes_is_missed_before_anything_is_queued() {
    let served = Served::open().await;
    let scoring = |name: &str, model: &str| {
        let text = format!(
            "apiVersion: kindred.dev/v1\nkind: Scoring\nmetadata: {{name: {name}}}\nspec:\n  model: {model}\n  \
             tables: {{people: {{url: people.csv}}}}\n  population: people\n  key: person\n"
        );
        v1::SourceFile { name: "scoring.yaml".to_owned(), text }
    };
    let mut submissions = served.submissions().await;
    let mut request = served.training("repurchase");
    let training = std::mem::replace(
        &mut request.files,
        vec![scoring("buyers", "repurchase@1"), scoring("others", "other@production")],
    );
    let refused = submissions.submit(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let problems = api::info_of(&refused).unwrap().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].message.contains("repurchase@1") && problems[0].path == "spec.model", "{problems:?}");
    request.files = vec![training[0].clone(), scoring("buyers", "repurchase@1")];
    submissions.submit(request.clone()).await.unwrap();
    request.files = vec![scoring("buyers", "repurchase@1")];
    submissions.submit(request).await.unwrap();
    served.stop().await;
}
