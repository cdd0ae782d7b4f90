use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use indexmap::IndexMap;
use object_store::ObjectStore;
use object_store::memory::InMemory;

use super::*;
use crate::clock::SystemClock;
use crate::error::FailureClass;
use crate::faults::{Fault, FaultyStore};
use crate::layout::Key;
use crate::object::ObjectWriter;
use crate::publish::Patience;
use crate::registry::ModelIdentity;
use crate::source::Location;

fn in_store(store: Arc<dyn ObjectStore>) -> Workspace {
    Workspace::in_store(store, Location::parse("memory://audiences/ws").unwrap())
}

fn workspace() -> Workspace {
    in_store(Arc::new(InMemory::new()))
}

fn name() -> AudienceName {
    "likely-buyers".parse().unwrap()
}

fn run(number: u64) -> RunId {
    format!("nightly-{number}").parse().unwrap()
}

fn high() -> TierName {
    "high".parse().unwrap()
}

async fn write_file(workspace: &Workspace, key: Key, rows: u64) -> Result<FileRecord> {
    let mut writer = ObjectWriter::create(workspace, key);
    writer.write(format!("{rows} rows").as_bytes()).await?;
    writer.finish(rows).await
}

async fn prepare(workspace: &Workspace, run: &RunId) -> Result<AudienceManifest> {
    let version = claim_version(workspace, &name(), run).await?;
    let part = layout::audience_part(&name(), version, &high(), 0, "parquet")?;
    let held = layout::holdout_part(&name(), version, &high(), 0, "parquet")?;
    let part = write_file(workspace, part, 9).await?;
    let held = write_file(workspace, held, 1).await?;
    let summary = TierSummary { people: 9, holdout: 1, highest: Some(0.9), lowest: Some(0.2) };
    Ok(AudienceManifest {
        schema_version: AUDIENCE_SCHEMA_VERSION,
        audience: name(),
        version,
        run: run.clone(),
        scoring: "nightly".parse().unwrap(),
        created: DateTime::UNIX_EPOCH,
        expires_at: None,
        program: "kindred 0.1.0".to_owned(),
        model: ModelIdentity {
            model: "repurchase".parse().unwrap(),
            version: Version(1),
            manifest: Digest::of(b"manifest"),
        },
        definition: serde_json::from_value(serde_json::json!({"rank_by": "buy", "size": {"top": 10}})).unwrap(),
        inputs: BTreeMap::new(),
        population: 100,
        waterfall: vec![WaterfallStep { step: "where".to_owned(), removed: 40, left: 60 }],
        eligible: 60,
        selected: 10,
        tiers: IndexMap::from([(high(), summary)]),
        missing_ids: IndexMap::new(),
        invalid_ids: IndexMap::new(),
        id_keys: IndexMap::new(),
        rows: IndexMap::new(),
        files: vec![
            package_file(&name(), version, &high(), false, &part),
            package_file(&name(), version, &high(), true, &held),
        ],
        descriptions: Vec::new(),
        previous: None,
        released: None,
        quarantined: Vec::new(),
    })
}

async fn publish_run(workspace: &Workspace, number: u64) -> Result<Publication> {
    let manifest = prepare(workspace, &run(number)).await?;
    publish(workspace, manifest).await
}

async fn current(workspace: &Workspace) -> Option<Version> {
    latest(workspace, &name()).await.unwrap().map(|published| published.pointer.version)
}

#[tokio::test]
async fn a_published_version_is_the_current_one_until_the_next() {
    let workspace = workspace();
    assert_eq!(current(&workspace).await, None);
    assert_eq!(publish_run(&workspace, 1).await.unwrap(), Publication::Current);
    assert_eq!(current(&workspace).await, Some(Version(1)));
    assert_eq!(publish_run(&workspace, 2).await.unwrap(), Publication::Current);
    let published = latest(&workspace, &name()).await.unwrap().unwrap();
    assert_eq!((published.pointer.version, &published.manifest.run), (Version(2), &run(2)));
    assert_eq!(history(&workspace, &name()).await.unwrap().len(), 2);
    assert_eq!(list_audiences(&workspace).await.unwrap(), [name()]);
}

#[tokio::test]
async fn a_reader_that_cannot_list_finds_the_same_version() {
    let workspace = workspace();
    publish_run(&workspace, 1).await.unwrap();
    publish_run(&workspace, 2).await.unwrap();
    let copy = workspace.read_entry::<AudiencePointer>(&layout::audience_latest(&name())).await.unwrap();
    let pointer = latest(&workspace, &name()).await.unwrap().unwrap().pointer;
    assert_eq!(copy.body, pointer);
    let manifest: Key = format!("{}/manifest.json", pointer.folder).parse().unwrap();
    assert_eq!(Digest::of(&workspace.read(&manifest).await.unwrap()), pointer.manifest);
    let success: Key = format!("{}/_SUCCESS", pointer.folder).parse().unwrap();
    assert_eq!(workspace.read(&success).await.unwrap(), format!("{}\n", pointer.manifest));
}

#[tokio::test]
async fn publishing_again_changes_nothing() {
    let workspace = workspace();
    publish_run(&workspace, 1).await.unwrap();
    let before = latest(&workspace, &name()).await.unwrap();
    assert_eq!(publish_run(&workspace, 1).await.unwrap(), Publication::Current);
    assert_eq!(latest(&workspace, &name()).await.unwrap(), before);
    assert_eq!(history(&workspace, &name()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_that_was_held_up_does_not_put_old_people_back() {
    let workspace = workspace();
    let late = prepare(&workspace, &run(1)).await.unwrap();
    publish_run(&workspace, 2).await.unwrap();
    assert_eq!(publish(&workspace, late).await.unwrap(), Publication::Superseded { by: Version(2) });
    assert_eq!(current(&workspace).await, Some(Version(2)));
}

#[tokio::test]
async fn counts_that_do_not_agree_are_not_published() {
    let workspace = workspace();
    let sound = prepare(&workspace, &run(1)).await.unwrap();
    let mut cases = vec![sound.clone(), sound.clone(), sound.clone(), sound.clone()];
    cases[0].selected = 11;
    cases[1].tiers[0].people = 8;
    cases[2].files[1].holdout = false;
    cases[3].eligible = 61;
    for case in cases {
        let error = publish(&workspace, case).await.unwrap_err();
        assert!(matches!(error, ArtifactsError::RowsDiffer { .. }), "{error}");
    }
    assert_eq!(current(&workspace).await, None);
    publish(&workspace, sound).await.unwrap();
}

#[tokio::test]
async fn a_package_without_one_of_its_files_is_not_published() {
    let workspace = workspace();
    let manifest = prepare(&workspace, &run(1)).await.unwrap();
    let key = layout::audience_part(&name(), Version(1), &high(), 0, "parquet").unwrap();
    workspace.write(&key, "longer than before").await.unwrap();
    let error = publish(&workspace, manifest.clone()).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::SizeChanged { .. }), "{error}");
    workspace.delete(&key).await.unwrap();
    let error = publish(&workspace, manifest).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::NoPackageFile { .. }), "{error}");
    assert_eq!(current(&workspace).await, None);
}

#[tokio::test]
async fn only_the_run_that_claimed_a_version_publishes_it() {
    let workspace = workspace();
    let mut manifest = prepare(&workspace, &run(1)).await.unwrap();
    manifest.run = run(2);
    assert!(matches!(publish(&workspace, manifest).await, Err(ArtifactsError::NotOwner { .. })));
}

#[tokio::test]
async fn a_version_that_was_changed_is_refused_and_never_replaced_by_an_older_one() {
    let workspace = workspace();
    publish_run(&workspace, 1).await.unwrap();
    publish_run(&workspace, 2).await.unwrap();
    let version = Version(2);
    let (manifest, success) = (layout::audience_manifest(&name(), version), layout::audience_success(&name(), version));
    let (sound, sound_success) = (workspace.read(&manifest).await.unwrap(), workspace.read(&success).await.unwrap());

    for at in 0..sound.len() {
        let mut changed = sound.to_vec();
        changed[at] ^= 1;
        workspace.write(&manifest, changed).await.unwrap();
        let error = latest(&workspace, &name()).await.unwrap_err();
        assert_eq!(error.class(), FailureClass::Integrity, "byte {at}: {error}");
    }
    workspace.delete(&manifest).await.unwrap();
    let error = latest(&workspace, &name()).await.unwrap_err().to_string();
    assert_eq!(error, "version 2 of audience `likely-buyers` is not whole: its manifest is missing");
    workspace.write(&manifest, sound).await.unwrap();

    workspace.write(&success, "0".repeat(64)).await.unwrap();
    assert!(latest(&workspace, &name()).await.is_err());
    workspace.delete(&success).await.unwrap();
    let error = latest(&workspace, &name()).await.unwrap_err().to_string();
    assert_eq!(error, "version 2 of audience `likely-buyers` is not whole: its _SUCCESS is missing");
    workspace.write(&success, sound_success).await.unwrap();
    assert_eq!(current(&workspace).await, Some(Version(2)));
}

/// What a reader may see at any moment: nothing, or a version whose files are all there.
async fn check_reader(workspace: &Workspace) -> Option<Version> {
    let published = latest(workspace, &name()).await.unwrap()?;
    let folder = layout::audience_version(&name(), published.pointer.version);
    for file in &published.manifest.files {
        let size = workspace.size_of(&folder.below(&file.path).unwrap()).await.unwrap();
        assert_eq!(size, Some(file.bytes));
    }
    Some(published.pointer.version)
}

fn dying(memory: &Arc<InMemory>, requests: u64) -> Workspace {
    let store = FaultyStore::dying_after(Arc::clone(memory) as Arc<dyn ObjectStore>, requests);
    let patience = Patience { deadline: Duration::ZERO, ..Patience::default() };
    in_store(Arc::new(store)).with_patience(patience, Arc::new(SystemClock))
}

/// How many requests publishing a second version takes when nothing goes wrong.
async fn requests_of_a_publication() -> u64 {
    let memory = Arc::new(InMemory::new());
    publish_run(&in_store(Arc::clone(&memory) as _), 1).await.unwrap();
    let counting = FaultyStore::new(memory, |_| Fault::None);
    publish_run(&in_store(Arc::new(counting.clone())), 2).await.unwrap();
    counting.requests()
}

#[tokio::test]
async fn a_publisher_that_dies_at_any_request_is_finished_by_the_same_run() {
    for dies_after in 0..requests_of_a_publication().await {
        let memory = Arc::new(InMemory::new());
        let workspace = in_store(Arc::clone(&memory) as _);
        publish_run(&workspace, 1).await.unwrap();
        assert!(publish_run(&dying(&memory, dies_after), 2).await.is_err(), "{dies_after}");
        assert!(check_reader(&workspace).await.is_some(), "the last good version is gone after {dies_after}");
        assert_eq!(publish_run(&workspace, 2).await.unwrap(), Publication::Current, "{dies_after}");
        assert_eq!(check_reader(&workspace).await, Some(Version(2)));
        let copy = workspace.read_entry::<AudiencePointer>(&layout::audience_latest(&name())).await.unwrap();
        assert_eq!(copy.body.version, Version(2));
        assert_eq!(history(&workspace, &name()).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_publisher_that_dies_at_any_request_is_ignored_by_the_next_run() {
    for dies_after in 0..requests_of_a_publication().await {
        let memory = Arc::new(InMemory::new());
        let workspace = in_store(Arc::clone(&memory) as _);
        publish_run(&workspace, 1).await.unwrap();
        assert!(publish_run(&dying(&memory, dies_after), 2).await.is_err());
        assert_eq!(publish_run(&workspace, 3).await.unwrap(), Publication::Current, "{dies_after}");
        let published = latest(&workspace, &name()).await.unwrap().unwrap();
        assert_eq!(published.manifest.run, run(3));
        assert_eq!(check_reader(&workspace).await, Some(published.pointer.version));
        let copy = workspace.read_entry::<AudiencePointer>(&layout::audience_latest(&name())).await.unwrap();
        assert_eq!(copy.body, published.pointer);
    }
}

#[tokio::test]
async fn racing_publishers_leave_the_highest_version_current() {
    let workspace = workspace();
    let mut manifests = Vec::new();
    for number in 1..=8 {
        manifests.push(prepare(&workspace, &run(number)).await.unwrap());
    }
    let mut publishers = tokio::task::JoinSet::new();
    for manifest in manifests.into_iter().rev() {
        let workspace = workspace.clone();
        publishers.spawn(async move { publish(&workspace, manifest).await.unwrap() });
    }
    publishers.join_all().await;
    assert_eq!(check_reader(&workspace).await, Some(Version(8)));
    let versions: Vec<_> = history(&workspace, &name()).await.unwrap().iter().map(|pointer| pointer.version).collect();
    assert!(versions.is_sorted(), "{versions:?}");
}
