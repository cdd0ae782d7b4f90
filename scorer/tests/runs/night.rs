//! A scoring run whose shards are committed already, made by hand: what publishing finds.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use artifacts::audience::{AudienceManifest, latest};
use artifacts::keys::hash_text;
use artifacts::layout::{self, Attempt, ShardId};
use artifacts::object::FileRecord;
use artifacts::plan::{ShardPlan, shard_plan};
use artifacts::registry::ModelIdentity;
use artifacts::rows::{Columns, open_file, read_row_group};
use artifacts::runs::{RunDocument, commit_shard, freeze_plan, write_document};
use artifacts::{Digest, InputFile, ParquetOptions, ParquetWriter, Workspace};
use futures::TryStreamExt;
use kindred_scorer::columns::rank_column;
use kindred_scorer::commit::{ScoreCommit, ShardSummary};
use kindred_scorer::publish::{AudienceOutcome, PublishOutcome, publish};
use kindred_scorer::run::Run;
use kindred_scorer::score::ids::IdRecipe;
use kindred_scorer::score::rank::{ShardCounts, rank_rows};
use kindred_scorer::select::order::tie_seed;
use kindred_scorer::select::standing::thresholds;
use serde_json::{Value, json};
use spec::{AudienceName, RunId, Version};
use worker::{Cancel, Progress};

/// One row of a score table: key, email, rank.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Person {
    pub(crate) key: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) rank: Option<f64>,
    /// The ranks for each audience in the document's order; `rank` is everyone's where there are none.
    pub(crate) ranks: Vec<Option<f64>>,
}

impl Person {
    pub(crate) fn rank_for(&self, audience: usize) -> Option<f64> {
        if self.ranks.is_empty() { self.rank } else { self.ranks[audience] }
    }
}

/// People with these ranks, keys `c0`, `c1`, … and emails to match.
pub(crate) fn people(ranks: impl IntoIterator<Item = f64>) -> Vec<Person> {
    let person = |(number, rank): (usize, f64)| Person {
        key: Some(format!("c{number}")),
        email: Some(format!("c{number}@example.com")),
        rank: Some(rank),
        ranks: Vec::new(),
    };
    ranks.into_iter().enumerate().map(person).collect()
}

/// Ranks with many ties, from a fixed sequence.
pub(crate) fn tied_ranks(rows: usize) -> impl Iterator<Item = f64> {
    (0..rows as u64).map(|row| {
        let mixed = row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        if mixed.is_multiple_of(3) { 0.5 } else { (mixed % 1000) as f64 / 1000.0 }
    })
}

/// A workspace in a folder that goes with it.
pub(crate) struct Office {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
}

impl Office {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = Workspace::open(folder.path().to_str().expect("a UTF-8 path")).expect("a workspace");
        Self { folder, workspace }
    }

    /// A run of `night` that has scored these people in shards of so many rows, for the given audiences (without `rank_by`).
    pub(crate) async fn scored(&self, night: &str, people: &[Person], shard_rows: usize, audiences: Value) -> Run {
        let document = document(night, audiences);
        let id = document.run_id();
        write_document(&self.workspace, &id, &document).await.expect("a document");
        let run = Run::open(self.workspace.clone(), id.clone()).await.expect("a run");
        let shards: Vec<&[Person]> = people.chunks(shard_rows).collect();
        let groups: Vec<u64> = shards.iter().map(|shard| shard.len() as u64).collect();
        let population =
            InputFile { url: "file:///population.parquet".to_owned(), size: 1, etag: None, last_modified: None };
        let plan = freeze_plan(&self.workspace, &id, shard_plan(&[(population, groups)], 1)).await.expect("a plan");
        for (shard, people) in plan.shards.iter().zip(shards) {
            self.commit(&run, shard.id, people).await;
        }
        run
    }

    async fn commit(&self, run: &Run, shard: ShardId, people: &[Person]) {
        let attempt = Attempt::new();
        let batch = score_rows(run, people);
        let file = self.write(&run.id, shard, &attempt, &batch).await;
        let summary = summary(run, people);
        let commit = ScoreCommit { shard, attempt, rows: file.rows, file, summary };
        commit_shard(&self.workspace, &run.id, &commit).await.expect("a commit");
    }

    pub(crate) async fn write(
        &self,
        run: &RunId,
        shard: ShardId,
        attempt: &Attempt,
        batch: &RecordBatch,
    ) -> FileRecord {
        let key = layout::shard_part(run, shard, attempt);
        let options = ParquetOptions { row_group_rows: 1000, ..ParquetOptions::default() };
        let mut writer = ParquetWriter::create(&self.workspace, key, &batch.schema(), &options).expect("a writer");
        for start in (0..batch.num_rows()).step_by(300) {
            writer.write(&batch.slice(start, 300.min(batch.num_rows() - start))).await.expect("rows are written");
        }
        writer.finish().await.expect("a file")
    }

    /// All bytes below a folder of the workspace, by path.
    pub(crate) fn bytes_below(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.folder.path().join(folder);
        let mut found = BTreeMap::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().into_owned();
                    found.insert(name, std::fs::read(&path).expect("a file"));
                }
            }
        }
        found
    }
}

/// Publishes, expecting no error.
pub(crate) async fn publish_now(run: &Run) -> PublishOutcome {
    publish(run, &Progress::new(), &Cancel::never()).await.expect("publishing works")
}

/// Publishes a run of one audience.
pub(crate) async fn publish_one(run: &Run) -> AudienceOutcome {
    publish_now(run).await.audiences.remove(0)
}

/// What was published of an audience: its manifest, and the hashed keys by tier and holdout, in the files' order.
pub(crate) async fn published(
    office: &Office,
    name: &str,
) -> (AudienceManifest, BTreeMap<(String, bool), Vec<String>>) {
    let published = latest(&office.workspace, &name.parse().expect("a name")).await.expect("storage works");
    let manifest = published.expect("a version").manifest;
    let folder = layout::audience_version(&manifest.audience, manifest.version);
    let mut found: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
    for file in &manifest.files {
        let url = office.workspace.url_of(&folder.below(&file.path).expect("a path"));
        let rows = read_parquet(&office.workspace, &url, file.bytes).await;
        let ids = texts(&rows, "sha256_customer_id").into_iter().map(|id| id.expect("an id"));
        found.entry((file.tier.to_string(), file.holdout)).or_default().extend(ids);
    }
    (manifest, found)
}

/// The rows of a Parquet file in the workspace.
pub(crate) async fn read_parquet(workspace: &Workspace, url: &str, size: u64) -> RecordBatch {
    let input = InputFile { url: url.to_owned(), size, etag: None, last_modified: None };
    let file = open_file(&input).await.expect("a Parquet file");
    let columns = Columns::new(file.schema().fields().iter().map(|field| field.name()));
    let projection = file.project(&columns).expect("its own columns");
    let mut batches = Vec::new();
    for group in 0..file.row_groups() {
        let rows: Vec<RecordBatch> =
            read_row_group(&file, group, &projection, 1 << 20).try_collect().await.expect("rows");
        batches.extend(rows);
    }
    let _ = workspace;
    arrow::compute::concat_batches(projection.schema(), &batches).expect("batches of one schema")
}

fn document(night: &str, audiences: Value) -> RunDocument {
    let mut audiences = audiences;
    for audience in audiences.as_object_mut().expect("a map of audiences").values_mut() {
        audience["rank_by"] = json!("score");
    }
    let document = json!({
        "kind": "Scoring",
        "apiVersion": "kindred.dev/v1",
        "metadata": {"name": "nightly"},
        "spec": {
            "parameters": {"night": night},
            "model": "repurchase@1",
            "tables": {"customers": {"url": "customers.parquet"}},
            "population": "customers",
            "key": "customer_id",
            "audiences": audiences,
            "resources": {"threads": 2},
        },
    });
    RunDocument {
        document: serde_json::from_value(document).expect("a document"),
        run_date: "2026-03-01".parse().expect("a day"),
        inputs: BTreeMap::new(),
        program: "kindred 0.1.0".to_owned(),
        model: Some(ModelIdentity {
            model: "repurchase".parse().expect("a name"),
            version: Version(1),
            manifest: Digest::of(b"a manifest"),
        }),
    }
}

fn score_rows(run: &Run, people: &[Person]) -> RecordBatch {
    let names: Vec<&AudienceName> = run.spec().audiences.keys().collect();
    let ranks = |audience: usize| {
        Arc::new(people.iter().map(|person| person.rank_for(audience)).collect::<Float64Array>()) as ArrayRef
    };
    let keys: ArrayRef = Arc::new(people.iter().map(|person| person.key.as_deref()).collect::<StringArray>());
    let emails: ArrayRef = Arc::new(people.iter().map(|person| person.email.as_deref()).collect::<StringArray>());
    let mut fields = vec![Field::new("customer_id", DataType::Utf8, true)];
    let mut columns = vec![keys];
    fields.extend(names.iter().map(|name| Field::new(rank_column(name), DataType::Float64, true)));
    columns.extend((0..names.len()).map(ranks));
    let mut recipes: Vec<IdRecipe> = Vec::new();
    for id in run.spec().audiences.values().flat_map(|audience| &audience.ids) {
        let recipe = IdRecipe::of(id).expect("a recipe");
        if recipe.column.as_str() == "email" && !recipes.contains(&recipe) {
            fields.extend(recipe.stored_fields(&DataType::Utf8));
            columns.extend(recipe.derive(&emails).expect("ids").columns());
            recipes.push(recipe);
        }
    }
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    RecordBatch::try_new(schema, columns).expect("columns of one length")
}

fn summary(run: &Run, people: &[Person]) -> ShardSummary {
    let tie = |person: &Person| {
        let key = person.key.as_deref();
        key.map_or(0, |key| (hash_text(key.as_bytes(), tie_seed()) >> 64) as u64)
    };
    let ties: Vec<u64> = people.iter().map(tie).collect();
    let counts = |(audience, name): (usize, &AudienceName)| {
        let ranks: Float64Array = people.iter().map(|person| person.rank_for(audience)).collect();
        let audience = &run.spec().audiences[name];
        let mut counts = ShardCounts::new(audience.key_steps().count(), thresholds(audience));
        counts.add(&rank_rows(None, &[], &ranks), &ties);
        (name.clone(), counts.finish())
    };
    let null_keys = people.iter().filter(|person| person.key.is_none()).count() as u64;
    let audiences = run.spec().audiences.keys().enumerate().map(counts).collect();
    ShardSummary { null_keys, audiences, ..ShardSummary::default() }
}

/// The plan of a run.
pub(crate) async fn plan_of(run: &Run) -> ShardPlan {
    artifacts::runs::read_plan(&run.workspace, &run.id).await.expect("storage works").expect("a plan")
}

/// The text of a string column's values.
pub(crate) fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(column).expect("the column is there");
    let texts = column.as_any().downcast_ref::<StringArray>().expect("a text column");
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}
