use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use object_store::ObjectStore;
use object_store::memory::InMemory;
use proptest::prelude::*;
use serde_json::{Value, json};
use spec::{AudienceName, RunId, TierName, Version};

use super::survey::Pointed;
use super::*;
use crate::audience::{
    self, AUDIENCE_SCHEMA_VERSION, AudienceManifest, Publication, TierSummary, claim_version, package_file,
};
use crate::error::{ArtifactsError, Result};
use crate::faults::FaultyStore;
use crate::layout::{self, Attempt, ShardId};
use crate::object::ObjectWriter;
use crate::registry::ModelIdentity;
use crate::runs::{PreparedTable, ShardCommit, commit_shard, commit_table};
use crate::source::Location;
use crate::workspace::{StoredObject, Workspace};
use crate::{Digest, FileRecord, Key};

fn buyers() -> AudienceName {
    "buyers".parse().unwrap()
}

fn run(number: u64) -> RunId {
    format!("nightly-{number}").parse().unwrap()
}

fn in_store(store: Arc<dyn ObjectStore>) -> Workspace {
    Workspace::in_store(store, Location::parse("memory://retention/ws").unwrap())
}

async fn write(workspace: &Workspace, key: Key, rows: u64) -> FileRecord {
    let mut writer = ObjectWriter::create(workspace, key);
    writer.write(format!("{rows} rows").as_bytes()).await.unwrap();
    writer.finish(rows).await.unwrap()
}

/// Claims a version and writes its files.
async fn written(workspace: &Workspace, number: u64, retain: Value) -> AudienceManifest {
    let tier: TierName = "all".parse().unwrap();
    let version = claim_version(workspace, &buyers(), &run(number)).await.unwrap();
    let part = layout::audience_part(&buyers(), version, &tier, 0, "parquet").unwrap();
    let held = layout::holdout_part(&buyers(), version, &tier, 0, "parquet").unwrap();
    let (part, held) = (write(workspace, part, 9).await, write(workspace, held, 1).await);
    let mut definition = json!({"rank_by": "buy", "size": {"top": 10}});
    if !retain.is_null() {
        definition["retain"] = retain;
    }
    AudienceManifest {
        schema_version: AUDIENCE_SCHEMA_VERSION,
        audience: buyers(),
        version,
        run: run(number),
        scoring: "nightly".parse().unwrap(),
        created: DateTime::UNIX_EPOCH,
        expires_at: None,
        program: "kindred 0.1.0".to_owned(),
        model: ModelIdentity { model: "m".parse().unwrap(), version: Version(1), manifest: Digest::of(b"m") },
        definition: serde_json::from_value(definition).unwrap(),
        inputs: BTreeMap::new(),
        population: 10,
        waterfall: Vec::new(),
        eligible: 10,
        selected: 10,
        tiers: IndexMap::from([(
            tier.clone(),
            TierSummary { people: 9, holdout: 1, highest: Some(0.9), lowest: Some(0.2) },
        )]),
        missing_ids: IndexMap::new(),
        invalid_ids: IndexMap::new(),
        id_keys: IndexMap::new(),
        rows: IndexMap::new(),
        files: vec![
            package_file(&buyers(), version, &tier, false, &part),
            package_file(&buyers(), version, &tier, true, &held),
        ],
        descriptions: Vec::new(),
        previous: None,
        released: None,
        quarantined: Vec::new(),
    }
}

async fn publish(workspace: &Workspace, number: u64, retain: Value) -> Version {
    let manifest = written(workspace, number, retain).await;
    let version = manifest.version;
    assert_eq!(audience::publish(workspace, manifest).await.unwrap(), Publication::Current);
    version
}

fn keep_two() -> Value {
    json!({"versions": 2, "for": "1h"})
}

async fn ended(_: &RunId) -> Result<Standing> {
    Ok(Standing::Finished { since: Utc::now() })
}

async fn at_work(_: &RunId) -> Result<Standing> {
    Ok(Standing::AtWork)
}

/// What may go in two days, when everything of now is old.
async fn planned(workspace: &Workspace, standing: impl AsyncFn(&RunId) -> Result<Standing>) -> Plan {
    let later = Utc::now() + TimeDelta::days(2);
    plan(&survey(workspace, later, standing).await.unwrap(), &Terms::default())
}

fn subjects(plan: &Plan) -> Vec<(DeletionKind, &str)> {
    plan.deletions.iter().map(|deletion| (deletion.kind, deletion.subject.as_str())).collect()
}

async fn keys(workspace: &Workspace) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for folder in [layout::audiences(), layout::runs()] {
        let objects = workspace.objects_below(&folder).await.unwrap();
        keys.extend(objects.into_iter().map(|object| object.key.to_string()));
    }
    keys
}

/// Every pointer names a whole version, the last one included, and every version is whole or is none.
async fn assert_readable(workspace: &Workspace, versions: u64) {
    let current = audience::latest(workspace, &buyers()).await.unwrap().expect("a current version");
    assert_eq!(current.pointer.version, Version(versions));
    let pointed: Vec<Version> =
        audience::history(workspace, &buyers()).await.unwrap().iter().map(|pointer| pointer.version).collect();
    for version in (1..=versions).map(Version) {
        let manifest_there = workspace.size_of(&layout::audience_manifest(&buyers(), version)).await.unwrap().is_some();
        assert!(manifest_there || !pointed.contains(&version), "a pointer names version {version}, which is gone");
        if let Some(stored) = audience::read_published(workspace, &buyers(), version).await.unwrap() {
            for file in stored.body.files {
                let key = layout::audience_version(&buyers(), version).below(&file.path).unwrap();
                assert_eq!(workspace.size_of(&key).await.unwrap(), Some(file.bytes), "{key}");
            }
        }
    }
}

async fn old_versions_go(workspace: &Workspace) {
    for number in 1..=4 {
        publish(workspace, number, keep_two()).await;
    }
    let young = plan(&survey(workspace, Utc::now(), ended).await.unwrap(), &Terms::default());
    assert_eq!(young, Plan::default(), "the readers' grace has not passed");
    let plan = planned(workspace, ended).await;
    assert_eq!(subjects(&plan), [(DeletionKind::OldVersion, "buyers@1"), (DeletionKind::OldVersion, "buyers@2")]);
    let swept = sweep(workspace, &plan).await.unwrap();
    assert_eq!((swept.objects, swept.bytes), (plan.objects(), plan.bytes()));
    assert_readable(workspace, 4).await;
    let history = audience::history(workspace, &buyers()).await.unwrap();
    assert_eq!(history.iter().map(|pointer| pointer.version.0).collect::<Vec<_>>(), [3, 4]);
    let left = workspace.objects_below(&layout::audience_version(&buyers(), Version(1))).await.unwrap();
    let left: Vec<_> = left.iter().map(|object| object.key.file_name()).collect();
    assert_eq!(left, ["claim.json"], "the number stays its run's");
    assert_eq!(planned(workspace, ended).await, Plan::default());
    assert_eq!(publish(workspace, 5, keep_two()).await, Version(5));
    assert_eq!(claim_version(workspace, &buyers(), &run(1)).await.unwrap(), Version(1));
}

#[tokio::test]
async fn old_versions_go_and_the_last_ones_stay_in_memory() {
    old_versions_go(&in_store(Arc::new(InMemory::new()))).await;
}

#[tokio::test]
async fn old_versions_go_and_the_last_ones_stay_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    old_versions_go(&Workspace::open(folder.path().to_str().unwrap()).unwrap()).await;
}

#[tokio::test]
async fn a_sweep_that_is_cut_off_at_any_request_leaves_nothing_half_and_the_next_one_finishes() {
    let mut request = 0;
    loop {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let whole = in_store(Arc::clone(&store));
        for number in 1..=4 {
            publish(&whole, number, keep_two()).await;
        }
        let dying = in_store(Arc::new(FaultyStore::dying_after(Arc::clone(&store), request)));
        let is_done = sweep(&dying, &planned(&whole, ended).await).await.is_ok();
        assert_readable(&whole, 4).await;
        sweep(&whole, &planned(&whole, ended).await).await.unwrap();
        assert_readable(&whole, 4).await;
        let gone = keys(&whole).await;
        let stays = |version: u64| gone.iter().filter(|key| key.contains(&layout::padded(version))).count();
        assert_eq!(
            (stays(1) > 1, stays(3) > 4, stays(4) > 4),
            (false, true, true),
            "after {request} requests: {gone:?}"
        );
        if is_done {
            break;
        }
        request += 1;
    }
    assert!(request > 8, "two versions of four objects and a pointer each were deleted");
}

#[tokio::test]
async fn two_sweeps_at_once_do_what_one_does() {
    let workspace = in_store(Arc::new(InMemory::new()));
    for number in 1..=4 {
        publish(&workspace, number, keep_two()).await;
    }
    let (first, second) = (planned(&workspace, ended).await, planned(&workspace, ended).await);
    let (first, second) = tokio::join!(sweep(&workspace, &first), sweep(&workspace, &second));
    first.unwrap();
    second.unwrap();
    assert_readable(&workspace, 4).await;
    assert_eq!(planned(&workspace, ended).await, Plan::default());
}

#[tokio::test]
async fn an_audience_that_does_not_say_keeps_everything() {
    let workspace = in_store(Arc::new(InMemory::new()));
    for number in 1..=3 {
        publish(&workspace, number, Value::Null).await;
    }
    let plan = planned(&workspace, ended).await;
    assert_eq!(plan.deletions, []);
    assert_eq!(plan.left.iter().map(|left| left.reason).collect::<Vec<_>>(), [LeftReason::NoRetention]);
}

#[tokio::test]
async fn a_version_that_was_never_published_goes_only_when_it_cannot_be_any_more() {
    let workspace = in_store(Arc::new(InMemory::new()));
    let late = written(&workspace, 1, keep_two()).await;
    let plan = planned(&workspace, ended).await;
    assert_eq!((plan.deletions.len(), plan.left[0].reason), (0, LeftReason::MayBePublished));
    publish(&workspace, 2, keep_two()).await;
    let pending = written(&workspace, 3, keep_two()).await;
    // A log makes the runs known.
    for number in 1..=3 {
        workspace.write(&layout::run_log_entry(&run(number), 0), "{}").await.unwrap();
    }
    assert_eq!(planned(&workspace, at_work).await.deletions, [], "its run is at work");
    let plan = planned(&workspace, ended).await;
    assert_eq!(subjects(&plan), [(DeletionKind::UnpublishedVersion, "buyers@1")]);
    sweep(&workspace, &plan).await.unwrap();
    let error = audience::publish(&workspace, late).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::NoPackageFile { .. }), "{error}");
    assert_eq!(audience::publish(&workspace, pending).await.unwrap(), Publication::Current);
    assert_readable(&workspace, 3).await;
}

#[tokio::test]
async fn what_the_copy_of_the_last_pointer_names_stays() {
    let workspace = in_store(Arc::new(InMemory::new()));
    for number in 1..=4 {
        publish(&workspace, number, keep_two()).await;
    }
    let behind = workspace.read(&layout::audience_pointer(&buyers(), 1)).await;
    let first = match behind {
        Ok(bytes) => bytes,
        Err(_) => workspace.read(&layout::audience_pointer(&buyers(), 0)).await.unwrap(),
    };
    workspace.write(&layout::audience_latest(&buyers()), first).await.unwrap();
    let plan = planned(&workspace, ended).await;
    assert_eq!(plan.deletions.len(), 1, "{plan:?}");
}

/// A run with two attempts at a shard and a prepared table.
async fn scored(workspace: &Workspace) -> (Attempt, Attempt) {
    let (winner, loser): (Attempt, Attempt) = ("a1".parse().unwrap(), "a2".parse().unwrap());
    let run = run(1);
    let file = write(workspace, layout::shard_part(&run, ShardId(0), &winner), 5).await;
    let commit = ShardCommit { shard: ShardId(0), attempt: winner.clone(), rows: 5, file, summary: json!({}) };
    commit_shard(workspace, &run, &commit).await.unwrap();
    write(workspace, layout::shard_part(&run, ShardId(0), &loser), 5).await;
    let table = "people".parse().unwrap();
    let part = write(workspace, layout::prepared_part(&run, &table, &winner, 0), 5).await;
    commit_table(workspace, &run, PreparedTable::new(table, winner.clone(), vec![part])).await.unwrap();
    for key in [layout::run_scores(&run), layout::run_log_entry(&run, 0), layout::run_document(&run)] {
        workspace.write(&key, "{}").await.unwrap();
    }
    (winner, loser)
}

#[tokio::test]
async fn a_finished_run_keeps_its_log_document_and_commits() {
    let workspace = in_store(Arc::new(InMemory::new()));
    scored(&workspace).await;
    let long_ago = async |_: &RunId| Ok(Standing::Finished { since: DateTime::UNIX_EPOCH });
    let plan = planned(&workspace, long_ago).await;
    assert_eq!(subjects(&plan), [(DeletionKind::RunRows, "nightly-1")]);
    assert_eq!(plan.deletions[0].first, [layout::run_scores(&run(1))], "what names the rows goes first");
    sweep(&workspace, &plan).await.unwrap();
    let table = "people".parse().unwrap();
    let stay = [
        layout::shard_commit(&run(1), ShardId(0)),
        layout::run_document(&run(1)),
        layout::run_log_entry(&run(1), 0),
        layout::prepared_commit(&run(1), &table),
    ];
    assert_eq!(keys(&workspace).await, stay.map(|key| key.to_string()).into());
}

#[tokio::test]
async fn files_of_an_attempt_that_lost_go_and_a_run_that_can_go_on_keeps_the_others() {
    let workspace = in_store(Arc::new(InMemory::new()));
    let (_, loser) = scored(&workspace).await;
    let failed = async |_: &RunId| Ok(Standing::Resumable { since: DateTime::UNIX_EPOCH });
    let plan = planned(&workspace, failed).await;
    assert_eq!(subjects(&plan), [(DeletionKind::LostAttempts, "nightly-1")]);
    assert_eq!(plan.deletions[0].rest, [layout::shard_part(&run(1), ShardId(0), &loser)]);
    assert_eq!(plan.left[0].reason, LeftReason::MayGoOn);
    let young = survey(&workspace, Utc::now(), failed).await.unwrap();
    assert_eq!(super::plan(&young, &Terms::default()).deletions, [], "it may still be written to");
}

fn object(key: Key) -> StoredObject {
    StoredObject { key, bytes: 10, modified: DateTime::UNIX_EPOCH }
}

fn found(version: Version) -> VersionSurvey {
    let tier: TierName = "all".parse().unwrap();
    let objects = [
        layout::audience_manifest(&buyers(), version),
        layout::audience_success(&buyers(), version),
        layout::audience_part(&buyers(), version, &tier, 0, "parquet").unwrap(),
    ];
    VersionSurvey { objects: objects.map(object).into(), owner: None }
}

/// Versions, of which some are pointed to so many hours apart, as the last one or `latest.json` may see them.
fn audience_of(published: &[(bool, i64)], policy: Policy, copied: Option<usize>) -> AudienceSurvey {
    let mut audience = AudienceSurvey { policy, ..AudienceSurvey::default() };
    let mut at = DateTime::UNIX_EPOCH;
    for (place, (is_published, hours)) in published.iter().enumerate() {
        let version = Version(place as u64 + 1);
        audience.versions.insert(version, found(version));
        if *is_published {
            at += TimeDelta::hours(*hours);
            let number = audience.pointers.len() as u64;
            let object = object(layout::audience_pointer(&buyers(), number));
            audience.pointers.insert(number, Pointed { version, at, object });
        }
    }
    let pointed: Vec<Version> = audience.pointers.values().map(|pointed| pointed.version).collect();
    audience.copied = copied.and_then(|place| pointed.get(place % pointed.len().max(1)).copied());
    audience
}

proptest! {
    #[test]
    fn nothing_that_a_kept_pointer_names_is_ever_deleted(
        published in prop::collection::vec((any::<bool>(), 0_i64..48), 0..12),
        keep in 1_u32..5,
        grace_hours in 0_u32..100,
        copied in prop::option::of(0_usize..12),
        says in any::<bool>(),
        hours_later in 0_i64..300,
    ) {
        let retain = spec::Retain { versions: keep, grace: Some(format!("{grace_hours}h")) };
        let policy = if says { Policy::Retain(retain) } else { Policy::All };
        let audience = audience_of(&published, policy, copied);
        let last_at = audience.pointers.values().next_back().map_or(DateTime::UNIX_EPOCH, |pointed| pointed.at);
        let now = last_at + TimeDelta::hours(hours_later);
        let survey = Survey { now, audiences: [(buyers(), audience.clone())].into(), runs: BTreeMap::new() };
        let plan = plan(&survey, &Terms::default());
        let gone: BTreeSet<&Key> = plan.deletions.iter().flat_map(Deletion::keys).collect();
        let touched = |version: Version| found(version).objects.iter().any(|object| gone.contains(&object.key));
        let whole = |version: Version| found(version).objects.iter().all(|object| gone.contains(&object.key));

        let pointers: Vec<&Pointed> = audience.pointers.values().collect();
        for (place, pointed) in pointers.iter().enumerate() {
            let replaced = pointers.get(place + 1).map(|later| later.at);
            let is_grace_over = replaced.is_some_and(|at| now - at >= TimeDelta::hours(i64::from(grace_hours)));
            let is_counted = place + (keep as usize) >= pointers.len();
            let must_stay = !says || is_counted || !is_grace_over || audience.copied == Some(pointed.version);
            prop_assert_eq!(touched(pointed.version), !must_stay);
            prop_assert_eq!(gone.contains(&pointed.object.key), !must_stay);
            prop_assert_eq!(whole(pointed.version), !must_stay);
        }
        let current = pointers.last().map(|pointed| pointed.version);
        for version in audience.versions.keys().filter(|version| current.is_none_or(|current| **version > current)) {
            prop_assert!(!touched(*version), "a version that may still be published");
        }
    }

    #[test]
    fn what_makes_a_version_visible_goes_before_its_files(published in prop::collection::vec(0_i64..48, 2..8)) {
        let published: Vec<(bool, i64)> = published.into_iter().map(|hours| (true, hours)).collect();
        let retain = spec::Retain { versions: 1, grace: Some("1s".to_owned()) };
        let audience = audience_of(&published, Policy::Retain(retain), None);
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(365);
        let survey = Survey { now, audiences: [(buyers(), audience)].into(), runs: BTreeMap::new() };
        let plan = plan(&survey, &Terms::default());
        prop_assert_eq!(plan.deletions.len(), published.len() - 1);
        for deletion in &plan.deletions {
            let first: Vec<bool> = deletion.first.iter().map(|key| key.as_str().contains("/pointers/")).collect();
            prop_assert_eq!(first, vec![true, false, false]);
            let names: Vec<&str> = deletion.first[1..].iter().map(Key::file_name).collect();
            prop_assert_eq!(names, vec!["manifest.json", "_SUCCESS"]);
            prop_assert!(deletion.rest.iter().all(|key| key.as_str().contains("/tier=")));
        }
    }
}
