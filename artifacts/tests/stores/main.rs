//! Every store that a workspace may lie in behaves alike: one suite, run in memory, on the local file system and on a
//! real S3 server; and what the local file system does when it is full or locked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod limits;
mod server;
mod suite;

use std::sync::Arc;

use kindred_artifacts::Workspace;
use kindred_artifacts::local::DurableFileSystem;
use kindred_artifacts::source::{Location, register_store};
use object_store::memory::InMemory;

use server::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_passes_the_suite() {
    register_store("memory://conformance", Arc::new(InMemory::new())).unwrap();
    suite::run("memory://conformance/a/workspace").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_file_system_passes_the_suite() {
    let folder = tempfile::tempdir().unwrap();
    suite::run(folder.path().join("a workspace").to_str().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_passes_the_suite() {
    let Some(server) = Server::start("s3_passes_the_suite") else { return };
    register_store("s3://conformance", server.wait_until_ready("conformance").await).unwrap();
    suite::run("s3://conformance/a/workspace").await;
    server.run_again_with_its_variables("the_usual_variables_open_s3");
}

/// Run by `s3_passes_the_suite` in a process of its own, with nothing but the environment to find the server.
#[tokio::test]
#[ignore = "needs the environment of a running server"]
async fn the_usual_variables_open_s3() {
    let workspace = Workspace::open("s3://conformance/from-environment").unwrap();
    workspace.check_writable().await.unwrap();
    suite::numbered_objects_are_listed_in_order(&workspace).await;
}

#[tokio::test]
async fn a_workspace_is_made_by_its_first_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not/yet/there");
    let workspace = Workspace::open(path.to_str().unwrap()).unwrap();
    assert!(kindred_artifacts::registry::list_models(&workspace).await.unwrap().is_empty());
    assert!(!path.exists());
    workspace.check_writable().await.unwrap();
    assert!(path.is_dir() && std::fs::read_dir(&path).unwrap().next().is_none());
}

#[tokio::test]
async fn a_workspace_in_a_given_store_keeps_its_urls() {
    let root = Location::parse("/some/where").unwrap();
    let workspace = Workspace::in_store(Arc::new(DurableFileSystem::new()), root);
    let key = "runs/r/plan.json".parse().unwrap();
    assert_eq!(workspace.url_of(&key), "file:///some/where/runs/r/plan.json");
    assert_eq!(workspace.path(&key).as_ref(), "some/where/runs/r/plan.json");
}
