use std::future::pending;

use proto::Next;
use proto::v1::worker_service_client::WorkerServiceClient;
use tonic::Code;
use tonic::transport::Channel;

use super::*;
use crate::desk::Call;

fn token(text: &str) -> Token {
    Token::parse(text).unwrap()
}

async fn started() -> (WorkerServer, Channel) {
    let server = WorkerServer::start(WorkerServer::LOOPBACK, &WriterId::new()).await.unwrap();
    let channel = Channel::from_shared(server.url()).unwrap().connect().await.unwrap();
    (server, channel)
}

/// Serves a run in this epoch whose loop tells every worker that asks for work to go home.
fn serve(server: &WorkerServer, epoch: u64) -> Enrolled {
    let (desk, mut calls) = Desk::open(Epoch(epoch));
    let enrolled = server.serve(desk);
    tokio::spawn(async move {
        while let Some(call) = calls.recv().await {
            if let Call::Acquire(_, reply) = call {
                let _ = reply.send(Ok(Next::Done));
            }
        }
        pending::<()>().await;
    });
    enrolled
}

/// A server with one run, in epoch 3.
async fn server() -> (WorkerServer, Enrolled, Channel) {
    let (server, channel) = started().await;
    let enrolled = serve(&server, 3);
    (server, enrolled, channel)
}

fn acquire() -> v1::AcquireRequest {
    v1::AcquireRequest { worker_id: "score-g1-p0".to_owned(), epoch: 3 }
}

#[tokio::test]
async fn only_those_with_the_run_s_token_are_heard() {
    let (_server, enrolled, channel) = server().await;
    let status = WorkerServiceClient::new(channel.clone()).acquire(acquire()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let wrong = token("fedcba9876543210");
    let mut client = WorkerServiceClient::with_interceptor(channel.clone(), wrong.attach());
    assert_eq!(client.acquire(acquire()).await.unwrap_err().code(), Code::Unauthenticated);
    let mut client = WorkerServiceClient::with_interceptor(channel, enrolled.token().attach());
    let response = client.acquire(acquire()).await.unwrap().into_inner();
    assert_eq!(response.epoch, 3);
    assert_eq!(Next::try_from(response), Ok(Next::Done));
}

#[tokio::test]
async fn messages_that_make_no_sense_are_turned_down_before_the_loop_sees_them() {
    let (_server, enrolled, channel) = server().await;
    let mut client = WorkerServiceClient::with_interceptor(channel, enrolled.token().attach());
    let hostile = v1::RegisterRequest { run_id: "../../etc".to_owned(), ..Default::default() };
    assert_eq!(client.register(hostile).await.unwrap_err().code(), Code::InvalidArgument);
    let no_lease = v1::FailRequest { lease_id: "seven".to_owned(), ..Default::default() };
    assert_eq!(client.fail(no_lease).await.unwrap_err().code(), Code::InvalidArgument);
    let no_failure = v1::FailRequest { lease_id: "7".to_owned(), ..Default::default() };
    assert_eq!(client.fail(no_failure).await.unwrap_err().code(), Code::InvalidArgument);
    let no_json = v1::CompleteRequest { lease_id: "7".to_owned(), outcome_json: "{".to_owned(), ..Default::default() };
    assert_eq!(client.complete(no_json).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_message_too_large_is_turned_down() {
    let (_server, enrolled, channel) = server().await;
    let mut client = WorkerServiceClient::with_interceptor(channel, enrolled.token().attach());
    let outcome_json = format!("\"{}\"", "x".repeat(LARGEST_MESSAGE_BYTES));
    let huge = v1::CompleteRequest { lease_id: "7".to_owned(), outcome_json, ..Default::default() };
    assert_eq!(client.complete(huge).await.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test]
async fn a_loop_that_has_ended_is_unavailable() {
    let (server, channel) = started().await;
    let (desk, calls) = Desk::open(Epoch(1));
    let enrolled = server.serve(desk);
    drop(calls);
    let mut client = WorkerServiceClient::with_interceptor(channel, enrolled.token().attach());
    let status = client.acquire(acquire()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(Refusal::may_pass(&status));
}

#[tokio::test]
async fn an_open_connection_does_not_keep_the_server_from_ending() {
    let (server, _enrolled, channel) = server().await;
    server.stop().await.unwrap();
    drop(channel);
}

#[tokio::test]
async fn each_token_leads_to_its_own_run_until_that_is_over() {
    let (server, channel) = started().await;
    let (first, second) = (serve(&server, 1), serve(&server, 2));
    let epoch_by = async |enrolled: &Enrolled| {
        let mut client = WorkerServiceClient::with_interceptor(channel.clone(), enrolled.token().attach());
        client.acquire(acquire()).await.map(|response| response.into_inner().epoch)
    };
    assert_eq!(epoch_by(&first).await.unwrap(), 1);
    assert_eq!(epoch_by(&second).await.unwrap(), 2);
    let token = first.token().clone();
    drop(first);
    let mut client = WorkerServiceClient::with_interceptor(channel.clone(), token.attach());
    assert_eq!(client.acquire(acquire()).await.unwrap_err().code(), Code::Unauthenticated);
    assert_eq!(epoch_by(&second).await.unwrap(), 2);
}
