use std::sync::Arc;

use object_store::memory::InMemory;

use super::*;
use crate::object::ObjectWriter;
use crate::plan::shard_plan;
use crate::source::Location;

fn workspace() -> Workspace {
    Workspace::in_store(Arc::new(InMemory::new()), Location::parse("memory://runs/ws").unwrap())
}

fn run() -> RunId {
    "nightly-0123456789ab".parse().unwrap()
}

fn file(url: &str) -> InputFile {
    InputFile { url: url.to_owned(), size: 10, etag: Some("tag".to_owned()), last_modified: None }
}

fn document(name: &str) -> RunDocument {
    let document = serde_json::json!({
        "kind": "Scoring",
        "apiVersion": "kindred.dev/v1",
        "metadata": {"name": name},
        "spec": {
            "model": "repurchase@production",
            "tables": {"customers": {"url": "customers.parquet"}},
            "population": "customers",
            "key": "id",
        },
    });
    RunDocument {
        document: serde_json::from_value(document).unwrap(),
        run_date: NaiveDate::from_ymd_opt(2024, 2, 29).unwrap(),
        inputs: BTreeMap::from([("customers".parse().unwrap(), vec![file("file:///customers.parquet")])]),
        program: "kindred 0.1.0".to_owned(),
        model: None,
    }
}

#[test]
fn the_same_work_is_the_same_run_and_any_other_is_not() {
    let base = document("nightly");
    let id = base.run_id();
    assert!(id.as_str().starts_with("nightly-") && id.as_str().len() == "nightly-".len() + 12);
    assert_eq!(document("nightly").run_id(), id);

    let mut another_day = base.clone();
    another_day.run_date = base.run_date.succ_opt().unwrap();
    assert_eq!(another_day.run_id(), id);

    let mut others = vec![base.clone(); 4];
    others[0].program = "kindred 0.2.0".to_owned();
    others[1].inputs.values_mut().next().unwrap()[0].etag = Some("other".to_owned());
    others[2].inputs.values_mut().next().unwrap()[0].size = 11;
    others[3].model =
        Some(ModelIdentity { model: "m".parse().unwrap(), version: spec::Version(1), manifest: Digest::of(b"") });
    for other in others {
        assert_ne!(other.run_id(), id, "{other:?}");
    }
}

#[test]
fn the_longest_name_still_makes_a_run() {
    let id = document(&"n".repeat(63)).run_id();
    assert_eq!(id.as_str().len(), 63);
}

#[tokio::test]
async fn a_run_keeps_the_document_it_was_started_with() {
    let workspace = workspace();
    assert_eq!(read_document(&workspace, &run()).await.unwrap(), None);
    let first = document("nightly");
    assert_eq!(write_document(&workspace, &run(), &first).await.unwrap(), first);
    assert_eq!(write_document(&workspace, &run(), &document("other")).await.unwrap(), first);
    assert_eq!(read_document(&workspace, &run()).await.unwrap(), Some(first));
    assert_eq!(list_runs(&workspace).await.unwrap(), [run()]);
}

fn plan(shard_rows: u64) -> ShardPlan {
    shard_plan(&[(file("file:///a.parquet"), vec![10, 10, 10])], shard_rows)
}

#[tokio::test]
async fn a_plan_is_frozen_by_whoever_was_first() {
    let workspace = workspace();
    assert_eq!(read_plan(&workspace, &run()).await.unwrap(), None);
    let frozen = freeze_plan(&workspace, &run(), plan(10)).await.unwrap();
    assert_eq!(freeze_plan(&workspace, &run(), plan(30)).await.unwrap(), frozen);
    assert_eq!(read_plan(&workspace, &run()).await.unwrap(), Some(frozen));
}

async fn scored(workspace: &Workspace, shard: u64, rows: u64) -> ShardCommit<Vec<u64>> {
    let attempt = Attempt::new();
    let mut writer = ObjectWriter::create(workspace, layout::shard_part(&run(), ShardId(shard), &attempt));
    writer.write(b"scores").await.unwrap();
    let file = writer.finish(rows).await.unwrap();
    ShardCommit { shard: ShardId(shard), attempt, file, rows, summary: vec![rows] }
}

#[tokio::test]
async fn the_second_attempt_reads_the_winner_and_discards_its_own() {
    let workspace = workspace();
    let (first, second) = (scored(&workspace, 0, 10).await, scored(&workspace, 0, 10).await);
    assert_eq!(commit_shard(&workspace, &run(), &first).await.unwrap(), Commit::Won);
    let lost = commit_shard(&workspace, &run(), &second).await.unwrap();
    assert_eq!(lost, Commit::Lost { winner: first.clone() });
    assert_eq!(workspace.size_of(&second.file.key).await.unwrap(), None);
    assert_eq!(commit_shard(&workspace, &run(), &first).await.unwrap(), Commit::Won);
    assert!(workspace.size_of(&first.file.key).await.unwrap().is_some());
    assert_eq!(read_commit(&workspace, &run(), ShardId(0)).await.unwrap(), Some(first));
}

#[tokio::test]
async fn sixteen_attempts_at_a_shard_leave_one_file() {
    let workspace = workspace();
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let workspace = workspace.clone();
        attempts.spawn(async move {
            let commit = scored(&workspace, 3, 10).await;
            commit_shard(&workspace, &run(), &commit).await.unwrap() == Commit::Won
        });
    }
    assert_eq!(attempts.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let left = workspace.names_in(&layout::shard_data(&run(), ShardId(3))).await.unwrap();
    let winner = read_commit::<Vec<u64>>(&workspace, &run(), ShardId(3)).await.unwrap().unwrap();
    assert_eq!(left, [winner.attempt.as_str()]);
}

#[tokio::test]
async fn nothing_is_built_on_shards_that_are_missing_or_do_not_fit_the_plan() {
    let workspace = workspace();
    let plan = plan(10);
    for shard in [0, 2] {
        commit_shard(&workspace, &run(), &scored(&workspace, shard, 10).await).await.unwrap();
    }
    let error = read_commits::<Vec<u64>>(&workspace, &run(), &plan).await.unwrap_err();
    assert_eq!(error.to_string(), "1 of 3 shards are not committed, the first of them 1");
    commit_shard(&workspace, &run(), &scored(&workspace, 1, 9).await).await.unwrap();
    let error = read_commits::<Vec<u64>>(&workspace, &run(), &plan).await.unwrap_err();
    assert!(error.to_string().starts_with("the commit of shard 1 has 9 rows, and 10 were expected"), "{error}");
    workspace.delete(&layout::shard_commit(&run(), ShardId(1))).await.unwrap();
    let last = scored(&workspace, 1, 10).await;
    commit_shard(&workspace, &run(), &last).await.unwrap();
    let commits = read_commits::<Vec<u64>>(&workspace, &run(), &plan).await.unwrap();
    assert_eq!(commits.iter().map(|commit| commit.shard.0).collect::<Vec<_>>(), [0, 1, 2]);
    workspace.write(&last.file.key, "cut").await.unwrap();
    let error = read_commits::<Vec<u64>>(&workspace, &run(), &plan).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::SizeChanged { .. }), "{error}");
}

#[tokio::test]
async fn a_commit_whose_file_has_other_rows_is_refused() {
    let workspace = workspace();
    let mut commit = scored(&workspace, 0, 10).await;
    commit.rows = 11;
    assert!(matches!(commit_shard(&workspace, &run(), &commit).await, Err(ArtifactsError::RowsDiffer { .. })));
}

#[tokio::test]
async fn a_prepared_table_is_the_first_attempts() {
    let workspace = workspace();
    let table: TableName = "best_customers".parse().unwrap();
    assert_eq!(read_table(&workspace, &run(), &table).await.unwrap(), None);
    let mut tables = Vec::new();
    for _ in 0..2 {
        let attempt = Attempt::new();
        let mut files = Vec::new();
        for number in 0..2 {
            let key = layout::prepared_part(&run(), &table, &attempt, number);
            let mut writer = ObjectWriter::create(&workspace, key);
            writer.write(b"rows").await.unwrap();
            files.push(writer.finish(5).await.unwrap());
        }
        tables.push(PreparedTable::new(table.clone(), attempt, files));
    }
    assert_eq!((tables[0].rows, tables[0].bytes), (10, 8));
    assert_eq!(commit_table(&workspace, &run(), tables[0].clone()).await.unwrap(), Commit::Won);
    let lost = commit_table(&workspace, &run(), tables[1].clone()).await.unwrap();
    assert_eq!(lost, Commit::Lost { winner: tables[0].clone() });
    for file in &tables[1].files {
        assert_eq!(workspace.size_of(&file.key).await.unwrap(), None);
    }
    assert_eq!(read_table(&workspace, &run(), &table).await.unwrap(), Some(tables[0].clone()));
    let inputs = tables[0].input_files(&workspace);
    assert_eq!(inputs[0].url, workspace.url_of(&tables[0].files[0].key));
}
