//! Publishing on real files: who is published, what a reader finds, and what happens when something is wrong.

use std::collections::BTreeMap;
use std::io::Read;

use crate::night::{Office, Person, people, plan_of, publish_now, publish_one, read_parquet, texts, tied_ranks};
use artifacts::audience::latest;
use artifacts::keys::{hash_text, seed_of};
use artifacts::layout::{self, Attempt, ShardId};
use artifacts::{ArtifactsError, Digest};
use kindred_scorer::ScorerError;
use kindred_scorer::publish::publish;
use kindred_scorer::scores::ScoresManifest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use spec::Version;
use worker::{Cancel, CancelSource, Progress};

/// The failure of storage that an error is.
fn stored(error: &ScorerError) -> Option<&ArtifactsError> {
    match error {
        ScorerError::Artifacts(error) => Some(error),
        _ => None,
    }
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Who should be where, by a plain sort: (tier, held out) → hashed keys in the population's order.
fn expected(
    people: &[Person],
    top: usize,
    tiers: &[(&str, f64)],
    holdout: f64,
) -> BTreeMap<(String, bool), Vec<String>> {
    let hash = |person: &Person, seed: u64| hash_text(person.key.as_ref().expect("a key").as_bytes(), seed);
    let mut order: Vec<usize> = (0..people.len()).filter(|row| people[*row].rank.is_some()).collect();
    let tie = seed_of("tie", "");
    order.sort_by(|a, b| {
        let (a, b) = (&people[*a], &people[*b]);
        b.rank.partial_cmp(&a.rank).expect("numbers").then(hash(b, tie).cmp(&hash(a, tie)))
    });
    order.truncate(top);
    let (mut expected, mut start, mut so_far) = (BTreeMap::new(), 0, 0.0);
    for (tier, share) in tiers {
        so_far += share;
        let end = (so_far * order.len() as f64 + 0.5).floor() as usize;
        let mut members = order[start..end].to_vec();
        start = end;
        let salt = seed_of("holdout", "spring");
        members.sort_by_key(|row| hash(&people[*row], salt));
        let held = (holdout * members.len() as f64 + 0.5).floor() as usize;
        for (is_held, mut rows) in [(true, members[..held].to_vec()), (false, members[held..].to_vec())] {
            rows.sort_unstable();
            let ids = rows.iter().map(|row| sha256_hex(people[*row].key.as_ref().expect("a key"))).collect();
            expected.insert(((*tier).to_owned(), is_held), ids);
        }
    }
    expected
}

pub(crate) fn tiered(top: u64) -> Value {
    json!({"likely": {
        "size": {"top": top},
        "tiers": {"high": 0.2, "mid": 0.3, "low": "rest"},
        "holdout": {"share": 0.1, "salt": "spring"},
        "expires_after": "14d",
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_people_are_those_of_a_full_sort_for_any_sharding() {
    let people = people(tied_ranks(5000));
    let expected = expected(&people, 2500, &[("high", 0.2), ("mid", 0.3), ("low", 0.5)], 0.1);
    for shard_rows in [5000, 1700, 333] {
        let office = Office::new();
        let run = office.scored("one", &people, shard_rows, tiered(2500)).await;
        let outcome = publish_one(&run).await;
        assert!(outcome.published, "{:?}", outcome.held_back);
        assert_eq!((outcome.size, outcome.version), (2500, Some(Version(1))));
        let published = latest(&office.workspace, &"likely".parse().unwrap()).await.unwrap().expect("published");
        let manifest = published.manifest;
        let folder = layout::audience_version(&manifest.audience, manifest.version);
        let mut found: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
        for file in &manifest.files {
            let key = folder.below(&file.path).unwrap();
            let bytes = office.workspace.read(&key).await.unwrap();
            assert_eq!((Digest::of(&bytes), bytes.len() as u64), (file.sha256, file.bytes));
            let rows = read_parquet(&office.workspace, &office.workspace.url_of(&key), file.bytes).await;
            assert_eq!(rows.num_rows() as u64, file.rows);
            let ids = texts(&rows, "sha256_customer_id").into_iter().map(|id| id.expect("an id"));
            found.entry((file.tier.to_string(), file.holdout)).or_default().extend(ids);
            let is_in_holdout_folder = file.path.starts_with("holdout/");
            assert_eq!(is_in_holdout_folder, file.holdout);
        }
        assert_eq!(found, expected, "shards of {shard_rows} rows");
        assert_eq!(manifest.tiers["high"].people + manifest.tiers["high"].holdout, 500);
        assert_eq!(manifest.tiers["high"].holdout, 50);
        assert_eq!((manifest.population, manifest.eligible, manifest.selected), (5000, 5000, 2500));
        assert!(manifest.expires_at.expect("an expiry") > manifest.created);
        assert!(manifest.tiers["high"].lowest >= manifest.tiers["mid"].highest);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_scores_are_the_same_bytes_and_publishing_again_changes_nothing() {
    let people = people(tied_ranks(3000));
    let (one, other) = (Office::new(), Office::new());
    let first = one.scored("one", &people, 700, tiered(1000)).await;
    let second = other.scored("one", &people, 700, tiered(1000)).await;
    let outcome = publish_now(&first).await;
    publish_now(&second).await;
    let parts = |office: &Office| {
        let mut files = office.bytes_below("audiences");
        files.retain(|name, _| name.ends_with(".parquet"));
        files
    };
    assert_eq!(parts(&one).len(), 6);
    assert_eq!(parts(&one), parts(&other));
    let before = one.bytes_below("audiences");
    assert_eq!(publish_now(&first).await, outcome);
    assert_eq!(one.bytes_below("audiences"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_died_half_way_is_finished_by_the_next() {
    let people = people(tied_ranks(2000));
    let office = Office::new();
    let run = office.scored("one", &people, 500, tiered(1000)).await;
    let whole = publish_one(&run).await;
    let manifest_key = layout::audience_manifest(&whole.name, Version(1));
    let before = office.bytes_below("audiences/likely/versions");
    // As if it had died before the pointer: the manifest that is there counts.
    let remove = |key: &artifacts::Key| std::fs::remove_file(office.folder.path().join(key.as_str())).unwrap();
    remove(&layout::audience_pointer(&whole.name, 1));
    remove(&layout::audience_latest(&whole.name));
    assert_eq!(publish_one(&run).await, whole);
    assert_eq!(office.bytes_below("audiences/likely/versions"), before);
    // As if it had died before the manifest: files are written again, to the same bytes.
    remove(&layout::audience_pointer(&whole.name, 1));
    remove(&layout::audience_latest(&whole.name));
    remove(&manifest_key);
    remove(&layout::audience_success(&whole.name, Version(1)));
    assert_eq!(publish_one(&run).await.version, Some(Version(1)));
    let is_part = |name: &&String| name.ends_with(".parquet");
    let after = office.bytes_below("audiences/likely/versions");
    for name in before.keys().filter(is_part) {
        assert_eq!(before[name], after[name], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_with_too_great_a_change_leaves_the_last_version_current() {
    let office = Office::new();
    let audience =
        |min: u64| json!({"buyers": {"size": {"threshold": 0.5}, "guards": {"min_size": min, "max_change": 0.3}}});
    let first = office.scored("one", &people(vec![0.9; 1000]), 400, audience(10)).await;
    assert!(publish_one(&first).await.published);
    let before = office.bytes_below("audiences");

    let second = office.scored("two", &people(vec![0.9; 600]), 400, audience(10)).await;
    let held = publish_one(&second).await;
    assert!(!held.published);
    assert_eq!(
        held.held_back,
        ["600 people after 1000 in version 1 change it by -40.0 %, beyond guards.max_change, 30 %"]
    );
    assert_eq!((held.version, held.manifest_url), (None, None));
    let mut after = office.bytes_below("audiences");
    after.retain(|name, _| !name.starts_with("buyers/versions/00000000000000000002/"));
    assert_eq!(after, before, "nothing was written where readers look");

    let third = office.scored("three", &people(vec![0.9; 1300]), 400, audience(10)).await;
    let published = publish_one(&third).await;
    assert_eq!((published.published, published.version), (true, Some(Version(3))), "2 belongs to what was held back");
    let name = "buyers".parse().unwrap();
    let current = latest(&office.workspace, &name).await.unwrap().expect("published").manifest;
    assert_eq!((current.version, current.previous, current.selected), (Version(3), Some(Version(1)), 1300));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_audience_held_back_does_not_hold_back_the_other() {
    let office = Office::new();
    let audiences = json!({
        "small": {"size": {"threshold": 0.95}, "guards": {"min_size": 1000}},
        "large": {"size": {"share": 0.25}},
    });
    let run = office.scored("one", &people(tied_ranks(1000)), 300, audiences).await;
    let outcome = publish_now(&run).await;
    assert_eq!(outcome.audiences[0].held_back.len(), 1);
    assert!(outcome.audiences[0].held_back[0].ends_with("people are fewer than guards.min_size, 1000"));
    assert!(outcome.audiences[1].published);
    assert_eq!(outcome.audiences[1].size, 250);
    assert!(latest(&office.workspace, &"small".parse().unwrap()).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_missing_or_repeated_hold_everything_back() {
    let office = Office::new();
    let mut people = people(tied_ranks(900));
    people[10].key = None;
    people[20].key = people[850].key.clone();
    people[30].key = people[850].key.clone();
    people[40].key = people[500].key.clone();
    let run = office.scored("one", &people, 250, json!({"all": {"size": {"share": 1.0}}})).await;
    let held = publish_one(&run).await;
    assert_eq!(
        held.held_back,
        ["1 rows of the population have no key", "2 keys of the population are on more than one row (5 rows)"]
    );
    let is_note = |name: &String| name.ends_with("/claim.json") || name.ends_with("/held_back.json");
    assert!(office.bytes_below("audiences").keys().all(is_note), "no file of people was written");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_population_is_held_back() {
    let office = Office::new();
    let run = office.scored("one", &[], 10, tiered(5)).await;
    let outcome = publish_now(&run).await;
    assert_eq!(outcome.scores.rows, 0);
    assert_eq!(outcome.audiences[0].held_back, ["0 people are fewer than guards.min_size, 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_audience_that_is_allowed_is_published_without_files() {
    let office = Office::new();
    let audience = json!({"nobody": {"size": {"threshold": 2.0}, "guards": {"min_size": 0}}});
    let run = office.scored("one", &people(tied_ranks(10)), 10, audience).await;
    assert!(publish_one(&run).await.published);
    let manifest = latest(&office.workspace, &"nobody".parse().unwrap()).await.unwrap().expect("published").manifest;
    assert_eq!((manifest.selected, manifest.files.len()), (0, 0));
    assert_eq!(manifest.tiers["all"].highest, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_follows_rfc_4180_in_files_of_the_asked_size() {
    let mut people = people([0.9, 0.8, 0.7, 0.1]);
    people[1].email = Some("a \"b\", c@example.com".to_owned());
    people[2].email = None;
    for (compression, extension) in [("none", "csv"), ("gzip", "csv.gz"), ("zstd", "csv.zst")] {
        let office = Office::new();
        let audience = json!({"top": {
            "size": {"top": 3},
            "ids": [{"column": "email", "normalize": "email", "hash": "none", "as": "mail"}, {"column": "customer_id"}],
            "format": {"kind": "csv", "compression": compression, "rows_per_file": 2},
        }});
        let run = office.scored("one", &people, 2, audience).await;
        publish_one(&run).await;
        let files = office.bytes_below("audiences/top/versions/00000000000000000001/tier=all");
        let names: Vec<_> = files.keys().cloned().collect();
        let name = |number: u64| format!("part-{number:020}.{extension}");
        assert_eq!(names, [name(0), name(1)]);
        let line = |mail: &str, key: &str, score: f64| format!("{mail},{},{score}\r\n", sha256_hex(key));
        let header = "mail,sha256_customer_id,score\r\n";
        let first = [line("c0@example.com", "c0", 0.9), line("\"a \"\"b\"\", c@example.com\"", "c1", 0.8)].concat();
        assert_eq!(decompressed(&files[&name(0)], compression), format!("{header}{first}"));
        assert_eq!(decompressed(&files[&name(1)], compression), format!("{header}{}", line("", "c2", 0.7)));
        let manifest = latest(&office.workspace, &"top".parse().unwrap()).await.unwrap().expect("published").manifest;
        assert_eq!(manifest.missing_ids["mail"], 1);
    }
}

fn decompressed(bytes: &[u8], compression: &str) -> String {
    let mut text = String::new();
    match compression {
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).expect("gzip"),
        "zstd" => zstd::Decoder::new(bytes).expect("zstd").read_to_string(&mut text).expect("zstd"),
        _ => return String::from_utf8(bytes.to_vec()).expect("UTF-8"),
    };
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn people_without_an_eligible_rank_are_never_published() {
    let office = Office::new();
    let mut people = people(tied_ranks(100));
    people.iter_mut().step_by(2).for_each(|person| person.rank = None);
    let run = office.scored("one", &people, 30, json!({"all": {"size": {"top": 80}}})).await;
    let outcome = publish_one(&run).await;
    assert_eq!(outcome.size, 50);
    let told: Vec<_> = outcome.waterfall.iter().map(|s| (s.step.as_str(), s.left_out, s.remaining)).collect();
    assert_eq!(told, [("population", 0, 100), ("no score", 50, 50), ("below the cut", 0, 50)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_is_missing_or_damaged_publishes_nothing() {
    let office = Office::new();
    let run = office.scored("one", &people(tied_ranks(1000)), 250, tiered(500)).await;
    let plan = plan_of(&run).await;
    let commit_key = layout::shard_commit(&run.id, plan.shards[2].id);
    let commit = office.workspace.read(&commit_key).await.unwrap();

    office.workspace.delete(&commit_key).await.unwrap();
    let error = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap_err();
    assert!(matches!(stored(&error), Some(ArtifactsError::Uncommitted { missing: 1, .. })), "{error}");

    office.workspace.write(&commit_key, commit).await.unwrap();
    let part = office.folder.path().join("runs").join(run.id.as_str()).join("data").join(layout::padded(1));
    let part = std::fs::read_dir(part).unwrap().next().unwrap().unwrap().path().join("part.parquet");
    let whole = std::fs::read(&part).unwrap();
    std::fs::write(&part, &whole[..whole.len() - 7]).unwrap();
    let error = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap_err();
    assert!(matches!(stored(&error), Some(ArtifactsError::SizeChanged { .. })), "{error}");
    assert!(office.bytes_below("audiences").is_empty());

    std::fs::write(&part, whole).unwrap();
    assert!(publish_one(&run).await.published);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_lost_attempts_are_neither_named_nor_kept() {
    let office = Office::new();
    let run = office.scored("one", &people(tied_ranks(100)), 50, json!({})).await;
    let kept = office.bytes_below(&format!("runs/{}/data", run.id));
    let stray = Attempt::new();
    let batch = {
        let (name, bytes) = kept.first_key_value().expect("a part");
        let url = office.workspace.url_of(&format!("runs/{}/data/{name}", run.id).parse().unwrap());
        read_parquet(&office.workspace, &url, bytes.len() as u64).await
    };
    office.write(&run.id, ShardId(1), &stray, &batch).await;
    let outcome = publish_now(&run).await;
    assert_eq!(outcome.scores.rows, 100);
    assert_eq!(office.bytes_below(&format!("runs/{}/data", run.id)), kept);
    let manifest: ScoresManifest =
        office.workspace.read_entry(&layout::run_scores(&run.id)).await.expect("a manifest").body;
    assert_eq!(manifest.files.len(), 2);
    assert!(office.workspace.url_of(&layout::run_scores(&run.id)) == outcome.scores.url);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_publication_leaves_nothing_visible() {
    let office = Office::new();
    let run = office.scored("one", &people(tied_ranks(1000)), 250, tiered(500)).await;
    let cancel = CancelSource::new();
    cancel.fire();
    let error = publish(&run, &Progress::new(), &cancel.listen()).await.unwrap_err();
    assert!(matches!(error, ScorerError::Cancelled), "{error}");
    assert!(office.bytes_below("audiences").is_empty());
    assert!(publish_one(&run).await.published);
}
