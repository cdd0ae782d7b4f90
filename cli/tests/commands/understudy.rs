//! Stands in for the trainer and the scorer: this executable again, told by the environment what to be.

use std::path::PathBuf;
use std::time::Duration;

use artifacts::plan::shard_plan;
use artifacts::registry::{self, MODEL_SCHEMA_VERSION, ModelManifest};
use artifacts::runs::{self, RunDocument, ShardCommit};
use artifacts::{InputFile, ObjectWriter, ShardId, Workspace, layout};
use clap::Parser;
use proto::{FailureClass, Unit};
use serde_json::{Value, json};
use spec::{Document, Training};
use worker::{Assignment, Cancel, Progress, Work, WorkArguments, WorkFailure};

pub(crate) const ARGUMENTS_VARIABLE: &str = "KINDRED_UNDERSTUDY_ARGUMENTS";
pub(crate) const FOLDER_VARIABLE: &str = "KINDRED_UNDERSTUDY_FOLDER";

const SHARDS: u64 = 6;
const SHARD_ROWS: u64 = 10;

#[derive(Parser)]
enum Line {
    Work(WorkArguments),
    Check,
    Lift,
}

/// A trainer or scorer, where the environment says so; else nothing.
#[test]
fn acts_as_a_program() {
    let (Ok(line), Ok(folder)) = (std::env::var(ARGUMENTS_VARIABLE), std::env::var(FOLDER_VARIABLE)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let code = match Line::parse_from(std::iter::once("understudy").chain(line.split_whitespace())) {
        Line::Check => check(&folder),
        Line::Lift => lift(&folder),
        Line::Work(arguments) => {
            let workspace = Workspace::open(&arguments.workspace).unwrap();
            let ended = worker::run(&arguments, Understudy { folder, workspace });
            if ended == std::process::ExitCode::SUCCESS { 0 } else { 143 }
        }
    };
    // The test harness would print more, and answer 0 whatever happened.
    std::process::exit(code);
}

fn check(folder: &std::path::Path) -> i32 {
    let request: Value = serde_json::from_reader(std::io::stdin()).unwrap();
    assert!(request["workspace"].as_str().unwrap().starts_with("file:///"));
    let documents: Vec<Document> = serde_json::from_value(request["documents"].clone()).unwrap();
    let findings = match std::fs::read_to_string(folder.join("finding")).as_deref() {
        Ok("crash") => {
            eprintln!("the understudy forgot its lines");
            return 1;
        }
        Ok(level) => {
            let Document::Training(Training { metadata, .. }) = &documents[0] else { panic!("no training") };
            json!([{"level": level, "document": metadata.name, "path": "spec.features.age", "message": "all null"}])
        }
        Err(_) => json!([]),
    };
    let columns = json!([{"name": "person", "type": "Int64", "null_rate": 0.0, "distinct": 3, "constant": false}]);
    let tables = json!([{"name": "people", "rows": 3, "columns": columns}]);
    let answer = json!({"findings": findings, "tables": tables, "plan": ["train on 3 rows"]});
    // The test harness prints lines of its own: the script passes this on instead.
    std::fs::write(folder.join("answer"), answer.to_string()).unwrap();
    0
}

/// Lift of any audience but `nobody`.
fn lift(folder: &std::path::Path) -> i32 {
    let request: Value = serde_json::from_reader(std::io::stdin()).unwrap();
    assert_eq!(request["outcomes"]["key"], "person");
    let arm = |people: u64, rate: f64| {
        json!({"people": people, "without_id": 0, "converted": rate * people as f64, "exposed": null,
               "exposed_share": null, "rate": {"estimate": rate, "low": 0.0, "high": 1.0}, "value": null,
               "mean_value": null})
    };
    let conversions = json!({"absolute": {"estimate": 0.015, "low": -0.001, "high": 0.027},
                             "relative": {"estimate": 0.33333, "low": -0.01, "high": 0.79}, "test": "pooled_z",
                             "p_value": 0.05518, "incremental": {"estimate": 135.0, "low": -4.0, "high": 246.0},
                             "minimum_detectable": 0.019});
    let lift = |asked: &Value| {
        json!({"audience": asked["audience"], "version": asked["version"].as_u64().unwrap_or(1), "id": "sha256_person",
               "confidence": request["confidence"],
               "outcomes": {"rows": 9, "without_id": 0, "ids": 9, "matched": 9, "unmatched": 0, "shared": 0},
               "sample_ratio": {"expected": 0.1, "found": 0.1, "p_value": 1.0},
               "overall": {"treated": arm(9000, 0.06), "holdout": arm(1000, 0.045), "conversions": conversions,
                           "value": null},
               "tiers": [], "costs": {"total": asked["cost"]}, "warnings": []})
    };
    let asked = request["audiences"].as_array().unwrap();
    let answer = match asked[0]["audience"].as_str() {
        Some("nobody") => json!({"refused": {"message": "no version of audience `nobody` is published",
                                             "causes": ["there are none"]}}),
        _ => json!({"lift": asked.iter().map(lift).collect::<Vec<_>>()}),
    };
    std::fs::write(folder.join("answer"), answer.to_string()).unwrap();
    0
}

struct Understudy {
    folder: PathBuf,
    workspace: Workspace,
}

impl Work for Understudy {
    async fn perform(&self, assignment: Assignment, progress: Progress, cancel: Cancel) -> Result<Value, WorkFailure> {
        let unit = assignment.unit.to_string();
        progress.phase(&unit, "rows", Some(SHARD_ROWS));
        self.obey(&unit, &cancel).await?;
        let document = runs::read_document(&self.workspace, &assignment.run).await.unwrap().unwrap();
        Ok(match assignment.unit {
            Unit::Train => self.train(&assignment, document).await,
            Unit::Plan => self.plan(&assignment, &document).await,
            Unit::Score(shard) => self.score(&assignment, ShardId(shard.0)).await,
            Unit::Publish => publish(&document),
            Unit::Prepare | Unit::Trial(_) => json!({}),
        })
    }
}

impl Understudy {
    /// Does what the test's files say of a unit.
    async fn obey(&self, unit: &str, cancel: &Cancel) -> Result<(), WorkFailure> {
        let fail = self.folder.join(format!("fail {unit}"));
        if let Ok(class) = std::fs::read_to_string(&fail) {
            std::fs::remove_file(fail).unwrap();
            let class = FailureClass::ALL.into_iter().find(|known| known.as_str() == class).unwrap();
            let causes = vec!["people.csv has 3 rows".to_owned()];
            return Err(WorkFailure { class, message: "column `age` is all null".to_owned(), causes });
        }
        let hold = self.folder.join(format!("hold {unit}"));
        if hold.exists() {
            let new = self.folder.join(format!("new {unit}"));
            std::fs::write(&new, std::process::id().to_string()).unwrap();
            std::fs::rename(new, self.folder.join(format!("began {unit}"))).unwrap();
        }
        while hold.exists() {
            cancel.check()?;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn train(&self, assignment: &Assignment, document: RunDocument) -> Value {
        let Document::Training(training) = document.document else { panic!("no training") };
        let (workspace, model) = (&self.workspace, training.metadata.name.clone());
        let version = registry::claim_version(workspace, &model, &assignment.run).await.unwrap();
        let measures = json!({"repurchase": {"validation": {"auc": 0.8}, "test": {"auc": 0.79}}});
        if registry::find_manifest(workspace, &model, version).await.unwrap().is_none() {
            let file = registry::write_model_file(workspace, &model, version, "weights.safetensors", "w".into());
            let manifest = ModelManifest {
                schema_version: MODEL_SCHEMA_VERSION,
                model: model.clone(),
                version,
                run: assignment.run.clone(),
                created: chrono::Utc::now(),
                program: document.program,
                document: training.clone(),
                inputs: document.inputs,
                files: vec![file.await.unwrap()],
                metrics: measures.clone(),
            };
            registry::publish_model(workspace, manifest).await.unwrap();
        }
        for alias in &training.spec.register.aliases {
            registry::set_alias(workspace, &model, alias, version, Some(&assignment.run)).await.unwrap();
        }
        json!({"model": model, "version": version, "aliases": training.spec.register.aliases, "measures": measures})
    }

    async fn plan(&self, assignment: &Assignment, document: &RunDocument) -> Value {
        let Document::Scoring(scoring) = &document.document else { panic!("no scoring") };
        let population =
            InputFile { url: "file:///people.parquet".to_owned(), size: 1, etag: None, last_modified: None };
        let shard_rows = if scoring.spec.shard_rows > SHARDS * SHARD_ROWS { u64::MAX } else { SHARD_ROWS };
        let shard_rows = if scoring.spec.shard_rows == 2_000_000 { SHARD_ROWS } else { shard_rows };
        let plan = shard_plan(&[(population, vec![SHARD_ROWS; SHARDS as usize])], shard_rows);
        runs::freeze_plan(&self.workspace, &assignment.run, plan).await.unwrap();
        json!({})
    }

    async fn score(&self, assignment: &Assignment, shard: ShardId) -> Value {
        let plan = runs::read_plan(&self.workspace, &assignment.run).await.unwrap().unwrap();
        let rows = plan.shard(shard).unwrap().rows;
        let attempt = assignment.attempt.to_string().parse().unwrap();
        let key = layout::shard_part(&assignment.run, shard, &attempt);
        let mut writer = ObjectWriter::create(&self.workspace, key);
        writer.write(format!("scores of shard {shard}").as_bytes()).await.unwrap();
        let file = writer.finish(rows).await.unwrap();
        let commit = ShardCommit { shard, attempt, file, rows, summary: json!({}) };
        runs::commit_shard(&self.workspace, &assignment.run, &commit).await.unwrap();
        json!({"rows": rows})
    }
}

/// An audience whose name says so is held back.
fn publish(document: &RunDocument) -> Value {
    let Document::Scoring(scoring) = &document.document else { panic!("no scoring") };
    let outcome = |name: &spec::AudienceName| match name.as_str() {
        "too-small" => json!({"name": name, "version": null, "published": false, "size": 9,
                              "held_back": ["min_size: 9 people, 10 are needed"], "tiers": [], "waterfall": []}),
        _ => json!({"name": name, "version": 1, "published": true, "held_back": [], "size": 1000, "tiers": [],
                    "waterfall": [{"step": "population", "left_out": 0, "remaining": 60}]}),
    };
    let audiences: Vec<Value> = scoring.spec.audiences.keys().map(outcome).collect();
    json!({"audiences": audiences, "scores": {"rows": SHARDS * SHARD_ROWS, "url": "file:///scores"}})
}
