//! One misfortune at a time, in front of a real S3 server: what comes of it.

use std::sync::Arc;
use std::time::Duration;

use kindred_artifacts::audience;
use kindred_artifacts::layout;
use kindred_artifacts::source::{Location, steadily};
use kindred_artifacts::workspace::Created;
use kindred_artifacts::{Digest, FailureClass, Key, ObjectWriter, Workspace};
use kindred_tests::proxy::{Call, Misfortune, Proxy};
use kindred_tests::s3::Server;
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ClientOptions, ObjectStoreExt, RetryConfig};
use serde_json::json;

use crate::suite;

const BUCKET: &str = "conformance";

pub(crate) async fn run(server: &Server) {
    whoever_created_knows_it_whatever_the_answer_was(server).await;
    racing_writers_in_bad_weather_have_one_winner(server).await;
    a_cut_or_unanswered_upload_is_whole_or_absent(server).await;
    a_range_or_listing_that_comes_short_is_asked_for_again(server).await;
    a_reader_of_a_stale_pointer_finds_a_whole_version(server).await;
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// A workspace behind a proxy, with a client that waits for a second at most and tries quickly.
fn workspace(proxy: &Proxy, folder: &str) -> Workspace {
    let millisecond = Duration::from_millis(1);
    let retry = RetryConfig {
        backoff: BackoffConfig { init_backoff: millisecond, max_backoff: 20 * millisecond, base: 2.0 },
        max_retries: 5,
        retry_timeout: Duration::from_secs(60),
    };
    let builder = kindred_tests::s3::variables(&proxy.endpoint())
        .into_iter()
        .fold(AmazonS3Builder::new(), |builder, (name, value)| {
            builder.with_config(name.to_lowercase().parse().unwrap(), value)
        });
    let client = ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(1));
    let store = builder.with_client_options(client).with_bucket_name(BUCKET).with_retry(retry).build().unwrap();
    let root = Location::parse(&format!("s3://{BUCKET}/misfortunes/{folder}")).unwrap();
    Workspace::in_store(steadily(Arc::new(store)), root)
}

/// Meets with the misfortune once for each such request that is wanted.
fn first(misfortune: Misfortune, is_meant: fn(&Call) -> bool) -> impl Fn(&Call) -> Misfortune {
    move |call| if call.before == 0 && is_meant(call) { misfortune } else { Misfortune::None }
}

async fn whoever_created_knows_it_whatever_the_answer_was(server: &Server) {
    use Misfortune::{Conflict, CutAfter, CutBefore, CutUpload, ErrorAfter, ErrorBefore, Silence, SlowDown};
    for what in [ErrorBefore, SlowDown, ErrorAfter, Conflict, CutBefore, CutUpload, CutAfter, Silence] {
        let proxy = Proxy::start(server.address(), first(what, |call| call.is_conditional));
        let workspace = workspace(&proxy, "created");
        let (key, mine) = (key(&format!("{what:?}.json")), json!({"by": format!("{what:?}")}));
        assert_eq!(workspace.create_once(&key, &mine).await.unwrap(), Created::Won, "{what:?}");
        let second = workspace.create_once(&key, &json!({"by": "another"})).await.unwrap();
        assert_eq!(second, Created::Lost { winner: mine }, "{what:?}");
        assert_eq!(proxy.happened().get(&what), Some(&1));
    }
}

async fn racing_writers_in_bad_weather_have_one_winner(server: &Server) {
    let weather = |call: &Call| match call.before {
        _ if !call.is_conditional => Misfortune::None,
        0 => Misfortune::Conflict,
        1 => Misfortune::ErrorAfter,
        2 => Misfortune::CutAfter,
        3 => Misfortune::ErrorBefore,
        _ => Misfortune::None,
    };
    let proxy = Proxy::start(server.address(), weather);
    let (workspace, key) = (workspace(&proxy, "race"), key("entry.json"));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..8 {
        let (workspace, key) = (workspace.clone(), key.clone());
        writers.spawn(async move { (writer, workspace.create_once(&key, &json!({"by": writer})).await.unwrap()) });
    }
    let outcomes = writers.join_all().await;
    let stored = workspace.read_entry::<serde_json::Value>(&key).await.unwrap().body;
    for (writer, outcome) in outcomes {
        let is_winner = stored["by"] == writer;
        assert_eq!(outcome, if is_winner { Created::Won } else { Created::Lost { winner: stored.clone() } });
    }
}

async fn a_cut_or_unanswered_upload_is_whole_or_absent(server: &Server) {
    use Misfortune::{CutAfter, CutBefore, CutUpload, ErrorAfter, ErrorBefore, Silence};
    let content: Vec<u8> = (0..17_000_000u32).map(|at| (at % 253) as u8).collect();
    let is_start = |call: &Call| call.query == "uploads";
    let is_part = |call: &Call| call.query.starts_with("partNumber=2");
    let is_end = |call: &Call| call.method == "POST" && call.query.is_empty();
    let steps: [fn(&Call) -> bool; 3] = [is_start, is_part, is_end];
    for (number, is_meant) in steps.into_iter().enumerate() {
        for what in [ErrorBefore, ErrorAfter, CutBefore, CutUpload, CutAfter, Silence] {
            let proxy = Proxy::start(server.address(), first(what, is_meant));
            let (workspace, key) = (workspace(&proxy, "uploads"), key(&format!("{number}/{what:?}.bin")));
            let mut writer = ObjectWriter::create(&workspace, key.clone());
            writer.write(&content).await.unwrap();
            let record = writer.finish(0).await.unwrap_or_else(|error| panic!("{number} {what:?}: {error:?}"));
            assert_eq!((record.bytes, record.sha256), (17_000_000, Digest::of(&content)));
            assert!(workspace.read(&key).await.unwrap() == content, "{number} {what:?}");
            assert_eq!(proxy.happened().get(&what), Some(&1), "{number} {what:?}");
        }
    }
    // One that never comes through leaves nothing, and says that another attempt may do.
    let proxy = Proxy::start(server.address(), move |call| if is_part(call) { CutUpload } else { Misfortune::None });
    let (workspace, key) = (workspace(&proxy, "uploads"), key("never.bin"));
    let mut writer = ObjectWriter::create(&workspace, key.clone());
    let written = async {
        writer.write(&content).await?;
        writer.finish(0).await
    };
    assert_eq!(written.await.unwrap_err().class(), FailureClass::Storage);
    assert_eq!(workspace.size_of(&key).await.unwrap(), None);
}

async fn a_range_or_listing_that_comes_short_is_asked_for_again(server: &Server) {
    use Misfortune::{CutAfter, CutAnswer, ErrorBefore, ShortAnswer, Silence, Slow, SlowDown};
    for what in [ErrorBefore, SlowDown, CutAfter, CutAnswer, ShortAnswer, Slow, Silence] {
        let proxy = Proxy::start(server.address(), first(what, |call| call.method == "GET"));
        let workspace = workspace(&proxy, &format!("ranges-{what:?}"));
        let run = "suite-0123456789ab".parse().unwrap();
        let key = layout::run_log_entry(&run, 7);
        workspace.write(&key, "0123456789").await.unwrap();
        let range = workspace.store().get_range(&workspace.path(&key), 2..8).await.unwrap();
        assert_eq!(range, "234567", "{what:?}");
        assert_eq!(workspace.numbers_in(&layout::run_log(&run)).await.unwrap(), [7], "{what:?}");
        assert!(proxy.happened()[&what] >= 2, "{what:?}: {:?}", proxy.happened());
    }
}

/// A cache between the store and its readers hands out what it has seen first, for as long as it likes.
async fn a_reader_of_a_stale_pointer_finds_a_whole_version(server: &Server) {
    let proxy = Proxy::start(server.address(), |call| {
        if call.path.ends_with("/latest.json") { Misfortune::Stale } else { Misfortune::None }
    });
    let (workspace, name) = (workspace(&proxy, "stale"), "likely-buyers".parse().unwrap());
    let latest = layout::audience_latest(&name);
    let mut seen = Vec::new();
    for number in 1..=3 {
        suite::publish_audience(&workspace, &name, number).await;
        let current = audience::latest(&workspace, &name).await.unwrap().unwrap();
        assert_eq!(current.pointer.version.0, number, "whoever lists is not misled");
        let stale: audience::AudiencePointer = workspace.read_entry(&latest).await.unwrap().body;
        let whole = audience::read_published(&workspace, &name, stale.version).await.unwrap().unwrap();
        assert_eq!(whole.digest, stale.manifest);
        seen.push(stale.version.0);
    }
    assert_eq!(seen, [1, 1, 1], "the reader that cannot list keeps to the version it knows");
    let direct = Workspace::in_store(server.store(BUCKET), Location::parse(&workspace.url()).unwrap());
    let fresh: audience::AudiencePointer = direct.read_entry(&latest).await.unwrap().body;
    assert_eq!(fresh.version.0, 3);
}
