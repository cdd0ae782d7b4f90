//! Whole runs with workspace and tables on S3, in fair weather and behind a proxy that fails from a seed: the people are
//! those of a run on the local disk, to the byte.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;

use kindred_tests::package::{Objects, people, reconcile};
use kindred_tests::proxy::{Misfortune, Proxy, Storm};
use kindred_tests::s3::{self, Server};
use kindred_tests::sandbox::Sandbox;
use kindred_tests::tables::People;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::documents::{MMOE, scoring, training};

const BUCKET: &str = "kindred";
const POPULATION: u64 = 4000;
/// One request in so many meets with something.
const ONE_IN: u64 = 12;

fn documents(tables: &str) -> String {
    let url = format!("url: {tables}}}");
    let training = training(MMOE).replace("url: people}", &url).replace("epochs: 4", "epochs: 1");
    format!("{training}---\n{}", scoring(2).replace("url: people}", &url))
}

fn tables() -> Sandbox {
    let sandbox = Sandbox::new();
    People { rows: POPULATION, ..People::default() }.write(&sandbox.path("people"));
    sandbox.write("local.yaml", documents("people"));
    sandbox.write("remote.yaml", documents(&format!("s3://{BUCKET}/tables/people")));
    sandbox
}

async fn upload(sandbox: &Sandbox, store: &Arc<dyn ObjectStore>) {
    for (name, bytes) in sandbox.files("people") {
        store.put(&Path::from(format!("tables/people/{name}")), bytes.into()).await.unwrap();
    }
}

/// `kindred run` on a workspace in the bucket, found at `endpoint`.
fn run(sandbox: &Sandbox, endpoint: &str, workspace: &str) -> (bool, String) {
    let line = ["run", "remote.yaml", "--run-date", "2026-01-05"];
    let mut command: Command = sandbox.command(line);
    command.envs(s3::variables(endpoint));
    command.env("KINDRED_WORKSPACE", format!("s3://{BUCKET}/{workspace}")).stdout(Stdio::null());
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

async fn objects(server: &Server, workspace: &str) -> Objects {
    let all = server.objects(BUCKET).await.into_iter();
    let below = format!("{workspace}/");
    all.filter_map(|(key, bytes)| Some((key.strip_prefix(&below)?.to_owned(), bytes))).collect()
}

fn assert_same(expected: &Objects, found: &Objects, which: &str) {
    assert!(!expected.is_empty());
    assert_eq!(expected.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>(), "{which}");
    let differs: Vec<_> = expected.iter().filter(|(key, bytes)| found[*key] != **bytes).map(|(key, _)| key).collect();
    assert!(differs.is_empty(), "{which}: {differs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_on_s3_publish_the_bytes_of_the_local_disk_in_fair_weather_and_in_a_storm() {
    let name = "runs_on_s3_publish_the_bytes_of_the_local_disk_in_fair_weather_and_in_a_storm";
    let Some(server) = Server::start(name) else { return };
    let sandbox = tables();
    sandbox.kindred(["run", "local.yaml", "--run-date", "2026-01-05"]).expect(0);
    let local: Objects = sandbox.files("workspace");
    let expected = people(&local);
    assert_eq!(reconcile(&local, POPULATION), 2);

    upload(&sandbox, &server.wait_until_ready(BUCKET).await).await;
    let (succeeded, said) = run(&sandbox, &server.endpoint(), "fair");
    assert!(succeeded, "{said}");
    let fair = objects(&server, "fair").await;
    assert_same(&expected, &people(&fair), "fair weather");
    assert_eq!(reconcile(&fair, POPULATION), 2);

    let storm = Storm::from_environment(11, ONE_IN);
    let proxy = Proxy::start(server.address(), move |call| storm.fate(call));
    let (succeeded, said) = run(&sandbox, &proxy.endpoint(), "storm");
    let happened: BTreeMap<Misfortune, u64> = proxy.happened();
    println!("{storm}: {happened:?}");
    assert!(succeeded, "{storm}: {happened:?}\n{said}");
    let stormy = objects(&server, "storm").await;
    assert_same(&expected, &people(&stormy), &storm.to_string());
    assert_eq!(reconcile(&stormy, POPULATION), 2, "{storm}");
    assert!(proxy.misfortunes() >= 10 && happened.len() > 5, "{storm}: {happened:?}");
}
