//! Every store that a workspace may lie in behaves alike: one suite, run in memory, on the local file system and on a
//! real S3 server; and what the local file system does when it is full or locked.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod limits;
mod suite;

use std::process::Command;
use std::sync::Arc;

use kindred_artifacts::Workspace;
use kindred_artifacts::local::DurableFileSystem;
use kindred_artifacts::source::{Location, register_store};
use kindred_tests::proxy::{Call, Misfortune, Storm};
use kindred_tests::s3::{self, Server};
use object_store::memory::InMemory;

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
    suite::more_than_a_page_is_listed("s3://conformance/many").await;
    again(&server.endpoint(), "the_usual_variables_open_s3");
}

/// Runs an ignored test of this binary in a process that finds a server by the usual variables alone.
fn again(endpoint: &str, test: &str) {
    let mut this = Command::new(std::env::current_exe().unwrap());
    let output = this.args(["--exact", "--ignored", test]).envs(s3::variables(endpoint)).output().unwrap();
    let report = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
}

/// Run by the test above in a process of its own, with nothing but the environment to find the server.
#[tokio::test]
#[ignore = "needs the environment of a running server"]
async fn the_usual_variables_open_s3() {
    let workspace = Workspace::open("s3://conformance/from-environment").unwrap();
    workspace.check_writable().await.unwrap();
    suite::numbered_objects_are_listed_in_order(&workspace).await;
}

#[test]
fn a_seed_gives_the_same_storm_and_another_seed_another() {
    let call = |number: u64| Call {
        method: "PUT".to_owned(),
        path: format!("/bucket/{number}"),
        query: String::new(),
        is_conditional: true,
        is_ranged: false,
        before: 0,
    };
    let fates = |seed| -> Vec<_> { (0..1000).map(|number| Storm::of(seed, 5).fate(&call(number))).collect() };
    assert_eq!(fates(1), fates(1));
    assert_ne!(fates(1), fates(2));
    let hit = fates(1).iter().filter(|fate| **fate != Misfortune::None).count();
    assert!((150..250).contains(&hit), "{hit}");
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
