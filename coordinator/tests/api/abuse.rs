//! Clients that mean no good, or too much of it: each gets a defined answer, and others do not notice.

use axum::body::Body;
use axum::http::Request;
use coordinator::{Access, ApiLimits};
use proto::api::v1;
use proto::api::v1::State;
use proto::api::v1::submission_service_client::SubmissionServiceClient;
use proto::api::v1::watch_submission_response::Event;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::codegen::Service;

use crate::served::{Served, soon};

/// What the server says to the head of a message that it would have to hold whole.
async fn answer_to(served: &Served, message: &[u8]) -> String {
    let mut channel = served.channel().await;
    let request = Request::post(format!("{}/kindred.api.v1.SubmissionService/Submit", served.url))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(tonic::body::Body::new(Body::from(message.to_vec())))
        .unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let answer = soon(channel.call(request)).await.unwrap();
    answer.headers()["grpc-status"].to_str().unwrap().to_owned()
}

async fn still_answers(served: &Served) {
    let listed = served.submissions().await.list_submissions(v1::ListSubmissionsRequest::default()).await;
    listed.unwrap();
}

#[tokio::test]
async fn a_message_of_a_gibibyte_is_refused_by_its_length_alone() {
    let served = Served::open().await;
    let declared = |bytes: u32| [&[0][..], &bytes.to_be_bytes(), &[7; 100]].concat();
    let out_of_range = (Code::OutOfRange as i32).to_string();
    assert_eq!(answer_to(&served, &declared(1 << 30)).await, out_of_range);
    assert_eq!(answer_to(&served, &declared(u32::MAX)).await, out_of_range);
    let metrics = served.get("/metrics").await;
    let counted = r#"kindred_requests_total{method="/kindred.api.v1.SubmissionService/Submit",code="OUT_OF_RANGE"} 2"#;
    assert!(metrics.contains(counted), "{metrics}");
    still_answers(&served).await;
    served.stop().await;
}

#[tokio::test]
async fn a_message_that_is_no_message_is_an_error_of_its_own() {
    let served = Served::open().await;
    let message = [&[0][..], &4u32.to_be_bytes(), &[0xff; 4]].concat();
    assert_ne!(answer_to(&served, &message).await, "0");
    still_answers(&served).await;
    served.stop().await;
}

#[tokio::test]
async fn garbage_closes_its_own_connection_and_no_other() {
    let served = Served::open().await;
    let mut channel = served.submissions().await;
    channel.list_submissions(v1::ListSubmissionsRequest::default()).await.unwrap();
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let noise: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    for bytes in [noise.clone(), [&preface[..], &noise].concat(), [&preface[..], &[0xff; 64]].concat()] {
        let mut stream = TcpStream::connect(served.server.address()).await.unwrap();
        // The server may close before everything is written.
        let _ = stream.write_all(&bytes).await;
        let mut rest = Vec::new();
        // Closed or reset: both are the end.
        let _ = soon(stream.read_to_end(&mut rest)).await;
    }
    channel.list_submissions(v1::ListSubmissionsRequest::default()).await.unwrap();
    still_answers(&served).await;
    served.stop().await;
}

#[tokio::test]
async fn a_method_that_is_not_there_is_unimplemented_and_no_label() {
    let served = Served::open().await;
    let mut channel = served.channel().await;
    let request = Request::post(format!("{}/kindred.api.v1.SubmissionService/Destroy", served.url))
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::empty())
        .unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context)).await.unwrap();
    let answer = channel.call(request).await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], (Code::Unimplemented as i32).to_string().as_str());
    let metrics = served.get("/metrics").await;
    assert!(metrics.contains("kindred_unknown_requests_total 1") && !metrics.contains("Destroy"), "{metrics}");
    served.stop().await;
}

#[tokio::test]
async fn one_stream_and_one_connection_too_many_are_told_so() {
    let limits = ApiLimits { streams: 1, connections: 2, ..ApiLimits::default() };
    let served = Served::with(Access::Open, None, limits).await;
    let mut submissions = served.submissions().await;
    let id = submissions.submit(served.training("m")).await.unwrap().into_inner().submission.unwrap().id;
    let watch = || v1::WatchSubmissionRequest { id: id.clone() };
    let mut first = submissions.watch_submission(watch()).await.unwrap().into_inner();
    assert!(first.message().await.unwrap().is_some());
    let refused = submissions.watch_submission(watch()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let _second = served.submissions().await;
    let mut third = TcpStream::connect(served.server.address()).await.unwrap();
    assert_eq!(soon(third.read(&mut [0; 1])).await.unwrap_or(0), 0, "closed");
    submissions.cancel_submission(v1::CancelSubmissionRequest { id: id.clone() }).await.unwrap();
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_watchers_all_see_the_end() {
    let served = Served::open().await;
    let mut submissions = served.submissions().await;
    let id = submissions.submit(served.training("m")).await.unwrap().into_inner().submission.unwrap().id;
    let channel = served.channel().await;
    let mut watchers = tokio::task::JoinSet::new();
    for _ in 0..500 {
        let mut client = SubmissionServiceClient::new(channel.clone());
        let asked = v1::WatchSubmissionRequest { id: id.clone() };
        let mut events = soon(client.watch_submission(asked)).await.unwrap().into_inner();
        watchers.spawn(async move {
            let mut last = None;
            while let Some(told) = events.message().await.unwrap() {
                if let Some(Event::Submission(submission)) = told.event {
                    last = Some(submission.state());
                }
            }
            last
        });
    }
    submissions.cancel_submission(v1::CancelSubmissionRequest { id }).await.unwrap();
    let ends = soon(watchers.join_all()).await;
    assert_eq!(ends.len(), 500);
    assert!(ends.iter().all(|end| *end == Some(State::Cancelled)), "{:?}", ends.first());
    still_answers(&served).await;
    served.stop().await;
}
