use std::path::Path;

use artifacts::registry::{ModelManifest, claim_version, publish_model, set_alias, write_model_file};
use spec::{ModelName, Settings, SourceFile};

use super::*;

const TRAINING: &str = "\
apiVersion: kindred.dev/v1
kind: Training
metadata: {name: repurchase}
spec:
  tables: {people: {url: FOLDER/people.csv}}
  examples: people
  key: person
  features: {age: {kind: numeric}}
  tasks: {bought: {kind: binary, label: bought}}
  network: {kind: linear}
";

const SCORING: &str = "\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {name: nightly}
spec:
  model: repurchase@production
  tables: {people: {url: FOLDER/people.csv}}
  population: people
  key: person
";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn document(text: &str, folder: &Path, date: NaiveDate) -> Document {
    let text = text.replace("FOLDER", folder.to_str().unwrap());
    let settings = Settings { set: BTreeMap::new(), run_date: date };
    spec::parse(&[SourceFile { name: "d.yaml".to_owned(), text }], &settings).unwrap().remove(0)
}

fn people(folder: &Path, text: &str) {
    std::fs::write(folder.join("people.csv"), text).unwrap();
}

fn workspace(folder: &Path) -> Workspace {
    Workspace::open(folder.join("workspace").to_str().unwrap()).unwrap()
}

async fn resolved(text: &str, folder: &Path, date: &str) -> Result<ResolvedDocument> {
    ResolvedDocument::resolve(&workspace(folder), document(text, folder, day(date)), day(date)).await
}

/// Registers another version of the model and points `production` to it.
async fn register(folder: &Path, run: &str) {
    let workspace = workspace(folder);
    let Document::Training(document) = document(TRAINING, folder, day("2026-01-05")) else { panic!("no training") };
    let (model, run): (ModelName, RunId) = ("repurchase".parse().unwrap(), run.parse().unwrap());
    let version = claim_version(&workspace, &model, &run).await.unwrap();
    let file = write_model_file(&workspace, &model, version, "weights.safetensors", "w".into()).await.unwrap();
    let manifest = ModelManifest {
        schema_version: registry::MODEL_SCHEMA_VERSION,
        model: model.clone(),
        version,
        run: run.clone(),
        created: chrono::Utc::now(),
        program: PROGRAM.to_owned(),
        document,
        inputs: BTreeMap::new(),
        files: vec![file],
        metrics: serde_json::json!({}),
    };
    publish_model(&workspace, manifest).await.unwrap();
    set_alias(&workspace, &model, &"production".parse().unwrap(), version, Some(&run)).await.unwrap();
}

#[tokio::test]
async fn the_same_document_on_the_same_files_is_the_same_run_on_any_day() {
    let folder = tempfile::tempdir().unwrap();
    people(folder.path(), "person,age,bought\n1,30,1\n");
    let first = resolved(TRAINING, folder.path(), "2026-01-05").await.unwrap();
    let second = resolved(TRAINING, folder.path(), "2026-01-06").await.unwrap();
    assert_eq!(first.run, second.run);
    assert!(first.run.as_str().starts_with("repurchase-"));
    assert_eq!(first.document.inputs.values().flatten().count(), 1);
}

#[tokio::test]
async fn another_file_or_document_is_another_run() {
    let folder = tempfile::tempdir().unwrap();
    people(folder.path(), "person,age,bought\n1,30,1\n");
    let first = resolved(TRAINING, folder.path(), "2026-01-05").await.unwrap().run;
    let edited = TRAINING.replace("kind: linear", "kind: mmoe");
    assert_ne!(resolved(&edited, folder.path(), "2026-01-05").await.unwrap().run, first);
    people(folder.path(), "person,age,bought\n1,30,1\n2,40,0\n");
    assert_ne!(resolved(TRAINING, folder.path(), "2026-01-05").await.unwrap().run, first);
}

#[tokio::test]
async fn a_scoring_run_is_of_its_day_and_of_the_version_that_its_model_means() {
    let folder = tempfile::tempdir().unwrap();
    people(folder.path(), "person,age\n1,30\n");
    register(folder.path(), "repurchase-1").await;
    let first = resolved(SCORING, folder.path(), "2026-01-05").await.unwrap();
    assert_eq!(first.document.model.as_ref().unwrap().version.0, 1);
    assert_eq!(first.document.run_date, day("2026-01-05"));
    assert_eq!(resolved(SCORING, folder.path(), "2026-01-05").await.unwrap(), first);
    assert_ne!(resolved(SCORING, folder.path(), "2026-01-06").await.unwrap().run, first.run);
    register(folder.path(), "repurchase-2").await;
    let second = resolved(SCORING, folder.path(), "2026-01-05").await.unwrap();
    assert_eq!(second.document.model.as_ref().unwrap().version.0, 2);
    assert_ne!(second.run, first.run);
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named_and_is_the_document_s_fault() {
    let folder = tempfile::tempdir().unwrap();
    let error = resolved(TRAINING, folder.path(), "2026-01-05").await.unwrap_err();
    assert!(matches!(&error, CoordinatorError::Table { table, .. } if table.as_str() == "people"), "{error}");
    assert!(error.is_input());
}

#[tokio::test]
async fn a_model_that_is_not_there_is_the_document_s_fault() {
    let folder = tempfile::tempdir().unwrap();
    people(folder.path(), "person,age\n1,30\n");
    let error = resolved(SCORING, folder.path(), "2026-01-05").await.unwrap_err();
    assert!(error.is_input(), "{error}");
    assert!(error.to_string().contains("repurchase"), "{error}");
}
