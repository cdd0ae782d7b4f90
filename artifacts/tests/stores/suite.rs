//! What every store must do for a workspace to lie in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use kindred_artifacts::audience::{self, AudienceFile, AudienceManifest, TierSummary};
use kindred_artifacts::error::{ArtifactsError, FailureClass};
use kindred_artifacts::registry::{self, MODEL_SCHEMA_VERSION, ModelManifest};
use kindred_artifacts::rows::{Columns, common_schema, open_files, read_row_group};
use kindred_artifacts::runs::{self, Commit, PreparedTable, ShardCommit};
use kindred_artifacts::source::resolve;
use kindred_artifacts::workspace::Created;
use kindred_artifacts::{
    Attempt, Digest, Key, ObjectWriter, ParquetOptions, ParquetWriter, ShardId, Workspace, layout,
};
use spec::{AudienceName, ModelName, RunId, TableName, TableSource, Version};

/// Racing writers of one key.
const WRITERS: usize = 16;
/// Races, each for a key of its own: one key that many write is slow on some servers.
const RACES: usize = 4;

/// The whole suite, each part in a folder of its own under `root`.
pub(crate) async fn run(root: &str) {
    let below = |name: &str| Workspace::open(&format!("{root}/{name}")).unwrap();
    small_objects_come_and_go(&below("small")).await;
    numbered_objects_are_listed_in_order(&below("numbered")).await;
    a_race_has_one_winner_whom_everybody_knows(&below("race")).await;
    large_objects_are_whole_or_absent(&below("large")).await;
    written_tables_are_found_and_read(&below("tables")).await;
    a_file_that_was_replaced_is_not_read_for_the_old_one(&below("replaced")).await;
    a_shard_has_one_commit_and_one_file(&below("shards")).await;
    a_prepared_table_reads_back(&below("prepared")).await;
    models_are_registered_and_verified(&below("models")).await;
    audiences_are_published_all_at_once(&below("audiences")).await;
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

fn run_id() -> RunId {
    "suite-0123456789ab".parse().unwrap()
}

async fn small_objects_come_and_go(workspace: &Workspace) {
    workspace.check_writable().await.unwrap();
    let key = key("a/b=1/c.json");
    assert_eq!(workspace.read_if_there(&key).await.unwrap(), None);
    assert!(workspace.read(&key).await.unwrap_err().is_missing());
    workspace.delete(&key).await.unwrap();
    workspace.write(&key, "one").await.unwrap();
    workspace.write(&key, "three").await.unwrap();
    assert_eq!(workspace.read(&key).await.unwrap(), "three");
    assert_eq!(workspace.size_of(&key).await.unwrap(), Some(5));
    workspace.delete(&key).await.unwrap();
    assert_eq!(workspace.size_of(&key).await.unwrap(), None);
}

pub(crate) async fn numbered_objects_are_listed_in_order(workspace: &Workspace) {
    let folder = layout::run_log(&run_id());
    assert!(workspace.numbers_in(&folder).await.unwrap().is_empty());
    for number in [10, 2, 1] {
        workspace.write(&layout::run_log_entry(&run_id(), number), "{}").await.unwrap();
    }
    workspace.write(&key(&format!("{folder}/note.txt")), "no number").await.unwrap();
    assert_eq!(workspace.numbers_in(&folder).await.unwrap(), [1, 2, 10]);
    let names = workspace.names_in(&layout::run(&run_id())).await.unwrap();
    assert_eq!(names, ["log"]);
    workspace.delete_folder(&folder).await.unwrap();
    assert!(workspace.numbers_in(&folder).await.unwrap().is_empty());
}

/// A listing of S3 has at most 1000 names.
pub(crate) async fn more_than_a_page_is_listed(root: &str) {
    const OBJECTS: u64 = 1005;
    let workspace = Workspace::open(root).unwrap();
    let folder = layout::run_log(&run_id());
    let written = futures::stream::iter(0..OBJECTS).map(|number| {
        let workspace = workspace.clone();
        async move { workspace.write(&layout::run_log_entry(&run_id(), number), "{}").await }
    });
    written.buffer_unordered(16).try_collect::<Vec<()>>().await.unwrap();
    assert_eq!(workspace.numbers_in(&folder).await.unwrap(), (0..OBJECTS).collect::<Vec<_>>());
    let found = resolve(&source(&workspace.url_of_folder(&folder))).await.unwrap().files;
    assert_eq!(found.len() as u64, OBJECTS);
    workspace.delete_folder(&folder).await.unwrap();
    assert!(workspace.numbers_in(&folder).await.unwrap().is_empty());
}

async fn a_race_has_one_winner_whom_everybody_knows(workspace: &Workspace) {
    for race in 0..RACES {
        let key = key(&format!("races/{race}.json"));
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let (workspace, key) = (workspace.clone(), key.clone());
            writers.spawn(async move { (writer, workspace.create_once(&key, &entry(writer)).await.unwrap()) });
        }
        let outcomes = writers.join_all().await;
        let stored = workspace.read_entry::<serde_json::Value>(&key).await.unwrap().body;
        let mut winners = outcomes.iter().filter(|(_, outcome)| *outcome == Created::Won);
        assert_eq!(stored, entry(winners.next().unwrap().0));
        assert!(winners.next().is_none(), "race {race} has two winners");
        let losers = outcomes.iter().filter(|(_, outcome)| *outcome == Created::Lost { winner: stored.clone() });
        assert_eq!(losers.count(), WRITERS - 1);
    }
}

fn entry(writer: usize) -> serde_json::Value {
    serde_json::json!({ "writer": writer })
}

async fn large_objects_are_whole_or_absent(workspace: &Workspace) {
    let content: Vec<u8> = (0..20_000_000u32).map(|at| (at % 251) as u8).collect();
    let key = key("large/object.bin");
    let mut dropped = ObjectWriter::create(workspace, key.clone());
    dropped.write(&content).await.unwrap();
    assert_eq!(workspace.size_of(&key).await.unwrap(), None);
    dropped.abort().await;
    assert_eq!(workspace.size_of(&key).await.unwrap(), None);

    let mut writer = ObjectWriter::create(workspace, key.clone());
    for piece in content.chunks(3_000_000) {
        writer.write(piece).await.unwrap();
    }
    let record = writer.finish(0).await.unwrap();
    assert_eq!((record.bytes, record.sha256), (20_000_000, Digest::of(&content)));
    assert!(workspace.read(&key).await.unwrap() == content);
}

fn people(from: i64, rows: i64) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(from..from + rows));
    let cities: ArrayRef =
        Arc::new(StringArray::from_iter_values((from..from + rows).map(|id| format!("city {}", id % 3))));
    RecordBatch::try_from_iter([("id", ids), ("city", cities)]).unwrap()
}

async fn write_people(workspace: &Workspace, name: &str, from: i64) -> kindred_artifacts::FileRecord {
    let options = ParquetOptions { row_group_rows: 400, ..ParquetOptions::default() };
    let mut writer = ParquetWriter::create(workspace, key(name), &people(0, 0).schema(), &options).unwrap();
    for at in 0..4 {
        writer.write(&people(from + at * 250, 250)).await.unwrap();
    }
    writer.finish().await.unwrap()
}

fn source(url: &str) -> TableSource {
    serde_json::from_value(serde_json::json!({ "url": url })).unwrap()
}

async fn written_tables_are_found_and_read(workspace: &Workspace) {
    for (number, name) in ["t/part-0.parquet", "t/deep/part-1.parquet", "t/_tmp/part-9.parquet"].iter().enumerate() {
        write_people(workspace, name, number as i64 * 1000).await;
    }
    workspace.write(&key("t/_SUCCESS"), "").await.unwrap();
    let folder = resolve(&source(&format!("{}/t", workspace.url()))).await.unwrap();
    let glob = resolve(&source(&format!("{}/t/**/part-*.parquet", workspace.url()))).await.unwrap();
    assert_eq!(folder.files.len(), 2);
    assert_eq!(glob.files, folder.files);

    let files = open_files(&folder.files).await.unwrap();
    let columns = Columns::new(["city", "id"]).with_dictionaries(["city"]);
    let schema = common_schema(&files, &columns).unwrap();
    let mut ids = Vec::new();
    for file in &files {
        let projection = file.project(&columns).unwrap();
        for row_group in 0..file.row_groups() {
            let batches: Vec<_> = read_row_group(file, row_group, &projection, 128).try_collect().await.unwrap();
            for batch in batches {
                assert_eq!(batch.schema_ref().field(0).data_type(), schema.field(0).data_type());
                let column = batch.column(1).as_any().downcast_ref::<Int64Array>().unwrap();
                ids.extend(column.values().iter().copied());
            }
        }
    }
    assert_eq!(ids.iter().copied().collect::<BTreeSet<_>>(), (0..2000).collect());
    let nowhere = resolve(&source(&format!("{}/nowhere", workspace.url()))).await.unwrap_err();
    assert!(nowhere.to_string().contains("/nowhere: there is no such file or folder"), "{nowhere}");
}

async fn a_file_that_was_replaced_is_not_read_for_the_old_one(workspace: &Workspace) {
    write_people(workspace, "t/a.parquet", 0).await;
    let listed = resolve(&source(&format!("{}/t/a.parquet", workspace.url()))).await.unwrap().files;
    assert!(listed[0].etag.is_some());
    let file = open_files(&listed).await.unwrap().remove(0);
    let projection = file.project(&Columns::new(["id"])).unwrap();
    assert!(file.fetch(0, &projection).await.is_ok());
    write_people(workspace, "t/a.parquet", 5000).await;
    let error = file.fetch(0, &projection).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::Changed { .. }), "{error:?}");
    assert_eq!(error.class(), FailureClass::Input);
}

async fn a_shard_has_one_commit_and_one_file(workspace: &Workspace) {
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let workspace = workspace.clone();
        attempts.spawn(async move {
            let attempt = Attempt::new();
            let mut writer = ObjectWriter::create(&workspace, layout::shard_part(&run_id(), ShardId(0), &attempt));
            writer.write(attempt.as_str().as_bytes()).await.unwrap();
            let file = writer.finish(7).await.unwrap();
            let commit = ShardCommit { shard: ShardId(0), attempt, file, rows: 7, summary: vec![1.5f64] };
            runs::commit_shard(&workspace, &run_id(), &commit).await.unwrap() == Commit::Won
        });
    }
    assert_eq!(attempts.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let winner: ShardCommit<Vec<f64>> = runs::read_commit(workspace, &run_id(), ShardId(0)).await.unwrap().unwrap();
    assert_eq!(workspace.read(&winner.file.key).await.unwrap(), winner.attempt.as_str());
    let folders = workspace.names_in(&layout::shard_data(&run_id(), ShardId(0))).await.unwrap();
    let mut files = 0;
    for folder in folders {
        let attempt: Attempt = folder.parse().unwrap();
        let part = layout::shard_part(&run_id(), ShardId(0), &attempt);
        files += usize::from(workspace.size_of(&part).await.unwrap().is_some());
    }
    assert_eq!(files, 1);
}

async fn a_prepared_table_reads_back(workspace: &Workspace) {
    let table: TableName = "Käufer-100".parse().unwrap();
    let attempt = Attempt::new();
    let name = layout::prepared_part(&run_id(), &table, &attempt, 0);
    let record = write_people(workspace, name.as_str(), 0).await;
    let prepared = PreparedTable::new(table.clone(), attempt, vec![record]);
    assert_eq!(runs::commit_table(workspace, &run_id(), prepared).await.unwrap(), Commit::Won);
    let stored = runs::read_table(workspace, &run_id(), &table).await.unwrap().unwrap();
    let files = open_files(&stored.input_files(workspace)).await.unwrap();
    assert_eq!(files[0].rows(), 1000);
}

fn training() -> spec::Training {
    serde_json::from_value(serde_json::json!({
        "apiVersion": "kindred.dev/v1",
        "metadata": {"name": "repurchase"},
        "spec": {
            "tables": {"customers": {"url": "customers.parquet"}},
            "examples": "customers",
            "key": "id",
            "features": {"age": {"kind": "numeric"}},
            "tasks": {"buy": {"kind": "binary", "label": "bought"}},
            "network": {"kind": "linear"},
        },
    }))
    .unwrap()
}

async fn models_are_registered_and_verified(workspace: &Workspace) {
    let model: ModelName = "repurchase".parse().unwrap();
    let (run, alias) = (run_id(), "production".parse().unwrap());
    let version = registry::claim_version(workspace, &model, &run).await.unwrap();
    assert_eq!(version, Version(1));
    let weights = Bytes::from(vec![7; 100_000]);
    let file = registry::write_model_file(workspace, &model, version, "weights.safetensors", weights).await.unwrap();
    let manifest = ModelManifest {
        schema_version: MODEL_SCHEMA_VERSION,
        model: model.clone(),
        version,
        run,
        created: chrono::DateTime::UNIX_EPOCH,
        program: "kindred".to_owned(),
        document: training(),
        inputs: Default::default(),
        files: vec![file],
        metrics: serde_json::json!({}),
    };
    registry::publish_model(workspace, manifest).await.unwrap();
    registry::set_alias(workspace, &model, &alias, version, None).await.unwrap();
    let reference = "repurchase@production".parse().unwrap();
    assert_eq!(registry::load_model(workspace, &reference).await.unwrap().files["weights.safetensors"].len(), 100_000);
    assert_eq!(registry::list_models(workspace).await.unwrap()[0].aliases[&alias], version);
    let key = layout::model_file(&model, version, "weights.safetensors").unwrap();
    workspace.write(&key, vec![8; 100_000]).await.unwrap();
    let error = registry::load_model(workspace, &reference).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::Tampered { .. }), "{error:?}");
}

async fn audiences_are_published_all_at_once(workspace: &Workspace) {
    let name: AudienceName = "likely-buyers".parse().unwrap();
    for number in 1..=2 {
        let before = audience::latest(workspace, &name).await.unwrap();
        assert_eq!(before.map(|last| last.pointer.version.0), previous(number));
        let manifest = publish_audience(workspace, &name, number).await;
        let current = audience::latest(workspace, &name).await.unwrap().unwrap();
        assert_eq!(current.manifest, manifest);
    }
    assert_eq!(audience::list_audiences(workspace).await.unwrap(), [name]);
}

/// Publishes two people as the next version.
pub(crate) async fn publish_audience(workspace: &Workspace, name: &AudienceName, number: u64) -> AudienceManifest {
    let run: RunId = format!("nightly-{number}").parse().unwrap();
    let version = audience::claim_version(workspace, name, &run).await.unwrap();
    let tier = "all".parse().unwrap();
    let part = layout::audience_part(name, version, &tier, 0, "csv").unwrap();
    let mut writer = ObjectWriter::create(workspace, part);
    writer.write(b"id\n1\n2\n").await.unwrap();
    let record = writer.finish(2).await.unwrap();
    let file = audience::package_file(name, version, &tier, false, &record);
    let manifest = manifest(name, version, &run, file);
    let publication = audience::publish(workspace, manifest.clone()).await.unwrap();
    assert_eq!(publication, audience::Publication::Current);
    manifest
}

fn previous(number: u64) -> Option<u64> {
    (number > 1).then(|| number - 1)
}

fn manifest(name: &AudienceName, version: Version, run: &RunId, file: AudienceFile) -> AudienceManifest {
    let tier = TierSummary { people: 2, holdout: 0, highest: None, lowest: None };
    let model = registry::ModelIdentity {
        model: "repurchase".parse().unwrap(),
        version: Version(1),
        manifest: Digest::of(b"manifest"),
    };
    AudienceManifest {
        schema_version: audience::AUDIENCE_SCHEMA_VERSION,
        audience: name.clone(),
        version,
        run: run.clone(),
        scoring: "nightly".parse().unwrap(),
        created: chrono::DateTime::UNIX_EPOCH,
        expires_at: None,
        program: "kindred".to_owned(),
        model,
        definition: serde_json::from_value(serde_json::json!({"rank_by": "buy", "size": {"top": 2}})).unwrap(),
        inputs: Default::default(),
        population: 2,
        waterfall: Vec::new(),
        eligible: 2,
        selected: 2,
        tiers: [(file.tier.clone(), tier)].into_iter().collect(),
        missing_ids: Default::default(),
        invalid_ids: Default::default(),
        id_keys: Default::default(),
        rows: Default::default(),
        files: vec![file],
        descriptions: Vec::new(),
        previous: None,
        released: None,
        quarantined: Vec::new(),
    }
}
