//! A coordinator in a temporary folder, and clients of it. Its workers are scripts that do nothing until they are stopped.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::SystemClock;
use coordinator::access::{NewToken, Tokens};
use coordinator::schedules::{Timekeeper, Waits};
use coordinator::{
    Access, ApiLimits, ApiServer, ApiSettings, BoundServer, Coordinator, Programs, Role, Schedules, Settings, TlsFiles,
};
use proto::api::v1;
use proto::api::v1::run_service_client::RunServiceClient;
use proto::api::v1::submission_service_client::SubmissionServiceClient;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Request;
use tonic::transport::{Channel, Endpoint};

/// A document whose table is there.
const TRAINING: &str = "\
apiVersion: kindred.dev/v1
kind: Training
metadata: {name: NAME}
spec:
  tables: {people: {url: people.csv}}
  examples: people
  key: person
  features: {age: {kind: numeric}}
  tasks: {bought: {kind: binary, label: bought}}
  network: {kind: linear}
";

pub(crate) struct Served {
    pub(crate) server: ApiServer,
    pub(crate) coordinator: Coordinator,
    timekeeper: Timekeeper,
    pub(crate) url: String,
    pub(crate) folder: TempDir,
}

/// Waits for what a person would wait for, and no longer.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it takes a minute")
}

impl Served {
    /// A server that lets everybody in.
    pub(crate) async fn open() -> Self {
        Self::with(Access::Open, None, ApiLimits::default()).await
    }

    /// A server for who has one of these tokens; gives them in the same order.
    pub(crate) async fn guarded(who: &[(&str, Role)]) -> (Self, Vec<String>) {
        let made: Vec<NewToken> = who.iter().map(|(name, role)| NewToken::make(name.parse().unwrap(), *role)).collect();
        let tokens = Tokens::of(made.iter().map(|made| made.entry.clone()).collect()).unwrap();
        let served = Self::with(Access::Tokens(Arc::new(tokens)), None, ApiLimits::default()).await;
        (served, made.into_iter().map(|made| made.secret).collect())
    }

    pub(crate) async fn with(access: Access, tls: Option<TlsFiles>, limits: ApiLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("people.csv"), "person,age,bought\n1,30,1\n2,40,0\n").unwrap();
        for program in ["kindred-trainer", "kindred-scorer"] {
            let path = folder.path().join(program);
            std::fs::write(&path, "#!/bin/sh\nexec sleep 600\n").unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let free = "127.0.0.1:0".parse().unwrap();
        let settings = ApiSettings { listen: free, http: free, access, tls, limits };
        let bound = BoundServer::bind(settings).await.unwrap();
        let url = bound.url();
        let workspace = Workspace::open(folder.path().join("workspace").to_str().unwrap()).unwrap();
        let settings = Settings { address: Some(url.clone()), ..Settings::default() };
        let programs = Programs::in_folder(folder.path());
        let (coordinator, _) = Coordinator::open(workspace.clone(), programs, settings).await.unwrap();
        let clock = Arc::new(SystemClock);
        let schedules = Schedules::open(workspace.clone(), coordinator.clone(), Waits::default(), clock).await.unwrap();
        let (schedules, timekeeper) = schedules;
        let server = bound.serve(coordinator.clone(), schedules, workspace).await.unwrap();
        Self { server, coordinator, timekeeper, url, folder }
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url.clone()).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn submissions(&self) -> SubmissionServiceClient<Channel> {
        SubmissionServiceClient::new(self.channel().await)
    }

    pub(crate) async fn runs(&self) -> RunServiceClient<Channel> {
        RunServiceClient::new(self.channel().await)
    }

    /// A submit of one document of this name.
    pub(crate) fn training(&self, name: &str) -> v1::SubmitRequest {
        let file = v1::SourceFile { name: "training.yaml".to_owned(), text: TRAINING.replace("NAME", name) };
        v1::SubmitRequest {
            files: vec![file],
            run_date: "2026-01-05".to_owned(),
            folder: self.folder.path().to_str().unwrap().to_owned(),
            ..v1::SubmitRequest::default()
        }
    }

    /// What the second port answers.
    pub(crate) async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.server.http_address()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        soon(stream.read_to_string(&mut answer)).await.unwrap();
        answer
    }

    pub(crate) async fn stop(self) {
        self.server.begin_stop().await;
        soon(self.timekeeper.stop()).await;
        soon(self.coordinator.shutdown(Duration::from_secs(5))).await.unwrap();
        soon(self.server.stop()).await.unwrap();
    }
}

/// A request with a token.
pub(crate) fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}
