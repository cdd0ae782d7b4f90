use std::sync::Arc;

use chrono::DateTime;
use object_store::memory::InMemory;

use super::*;
use crate::error::FailureClass;
use crate::faults::FaultyStore;
use crate::source::Location;

fn in_store(store: Arc<dyn object_store::ObjectStore>) -> Workspace {
    Workspace::in_store(store, Location::parse("memory://registry/ws").unwrap())
}

fn workspace() -> Workspace {
    in_store(Arc::new(InMemory::new()))
}

fn model() -> ModelName {
    "repurchase".parse().unwrap()
}

fn run(name: &str) -> RunId {
    name.parse().unwrap()
}

fn reference(text: &str) -> ModelReference {
    text.parse().unwrap()
}

fn document() -> spec::Training {
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

fn manifest(version: Version, run: &RunId, files: Vec<PackageFile>) -> ModelManifest {
    ModelManifest {
        schema_version: MODEL_SCHEMA_VERSION,
        model: model(),
        version,
        run: run.clone(),
        created: DateTime::UNIX_EPOCH,
        program: "kindred 0.1.0".to_owned(),
        document: document(),
        inputs: BTreeMap::new(),
        files,
        metrics: serde_json::json!({"buy": {"test": {"auc": 0.75}}}),
    }
}

const FILES: [(&str, &str); 3] = [("weights.safetensors", "weights"), ("encoders.json", "{}"), ("report.html", "<p>")];

async fn publish(workspace: &Workspace, run: &RunId) -> Result<Version> {
    let version = claim_version(workspace, &model(), run).await?;
    let mut files = Vec::new();
    for (name, text) in FILES {
        files.push(write_model_file(workspace, &model(), version, name, Bytes::from(text)).await?);
    }
    publish_model(workspace, manifest(version, run, files)).await?;
    Ok(version)
}

#[tokio::test]
async fn a_published_package_loads_as_it_was() {
    let workspace = workspace();
    let version = publish(&workspace, &run("run-1")).await.unwrap();
    let package = load_model(&workspace, &reference("repurchase@1")).await.unwrap();
    assert_eq!((version, package.manifest.version), (Version(1), Version(1)));
    assert_eq!(package.manifest.document, document());
    for (name, text) in FILES {
        assert_eq!(package.file(name).unwrap(), text);
    }
    let error = package.file("calibration.json").unwrap_err().to_string();
    assert!(error.ends_with("versions/00000000000000000001 has no `calibration.json`"), "{error}");
    assert_eq!(load_identity(&workspace, &package.identity()).await.unwrap().digest, package.digest);
}

#[tokio::test]
async fn versions_belong_to_runs_and_gaps_are_legal() {
    let workspace = workspace();
    assert_eq!(claim_version(&workspace, &model(), &run("run-1")).await.unwrap(), Version(1));
    assert_eq!(claim_version(&workspace, &model(), &run("run-2")).await.unwrap(), Version(2));
    assert_eq!(claim_version(&workspace, &model(), &run("run-1")).await.unwrap(), Version(1));
    publish(&workspace, &run("run-3")).await.unwrap();
    assert_eq!(visible_versions(&workspace, &model()).await.unwrap(), [Version(3)]);
    let error = load_model(&workspace, &reference("repurchase@1")).await.unwrap_err();
    assert_eq!(error.to_string(), "model `repurchase` has no version 1; there are: 3");
}

#[tokio::test]
async fn racing_runs_get_versions_of_their_own_and_one_run_only_one() {
    let workspace = workspace();
    let mut claims = tokio::task::JoinSet::new();
    for number in 0..24 {
        let workspace = workspace.clone();
        let run = run(&format!("run-{}", number % 12));
        claims.spawn(async move { (run.clone(), claim_version(&workspace, &model(), &run).await.unwrap()) });
    }
    let claimed: std::collections::BTreeSet<_> = claims.join_all().await.into_iter().collect();
    let versions: std::collections::BTreeSet<_> = claimed.iter().map(|(_, version)| *version).collect();
    assert_eq!((claimed.len(), versions.len()), (12, 12));
}

#[tokio::test]
async fn a_package_with_any_changed_byte_is_refused_and_named() {
    let workspace = workspace();
    let version = publish(&workspace, &run("run-1")).await.unwrap();
    let folder = layout::model_version(&model(), version);
    for name in FILES.map(|(name, _)| name).into_iter().chain(["manifest.json"]) {
        let key = folder.file(name).unwrap();
        let sound = workspace.read(&key).await.unwrap();
        for at in 0..sound.len() {
            let mut changed = sound.to_vec();
            changed[at] ^= 1;
            workspace.write(&key, changed).await.unwrap();
            let error = load_model(&workspace, &reference("repurchase@1")).await.unwrap_err();
            assert!(error.to_string().contains(name), "{name} byte {at}: {error}");
            assert_eq!(error.class(), FailureClass::Integrity);
        }
        workspace.write(&key, sound).await.unwrap();
    }
    load_model(&workspace, &reference("repurchase@1")).await.unwrap();
}

#[tokio::test]
async fn a_package_with_bytes_more_or_less_is_refused_and_named() {
    let workspace = workspace();
    let version = publish(&workspace, &run("run-1")).await.unwrap();
    let key = layout::model_file(&model(), version, "weights.safetensors").unwrap();
    for text in ["", "weight", "weights "] {
        workspace.write(&key, text).await.unwrap();
        let error = load_model(&workspace, &reference("repurchase@1")).await.unwrap_err();
        assert!(error.to_string().contains("weights.safetensors has"), "{error}");
        assert_eq!(error.class(), FailureClass::Integrity);
    }
}

#[tokio::test]
async fn a_large_file_comes_whole_over_many_requests() {
    let workspace = workspace();
    let run = run("run-1");
    let version = claim_version(&workspace, &model(), &run).await.unwrap();
    let weights: Bytes = (0..40_000_000u32).map(|at| (at % 251) as u8).collect();
    let file = write_model_file(&workspace, &model(), version, "weights.safetensors", weights.clone()).await.unwrap();
    publish_model(&workspace, manifest(version, &run, vec![file])).await.unwrap();
    let package = load_model(&workspace, &reference("repurchase@1")).await.unwrap();
    assert!(package.files["weights.safetensors"] == weights);
}

#[tokio::test]
async fn a_package_that_lacks_a_file_is_refused() {
    let workspace = workspace();
    let version = publish(&workspace, &run("run-1")).await.unwrap();
    workspace.delete(&layout::model_file(&model(), version, "encoders.json").unwrap()).await.unwrap();
    let error = load_model(&workspace, &reference("repurchase@1")).await.unwrap_err();
    assert!(matches!(&error, ArtifactsError::NoPackageFile { name, .. } if name == "encoders.json"), "{error}");
}

#[tokio::test]
async fn a_manifest_of_another_version_is_refused() {
    let workspace = workspace();
    publish(&workspace, &run("run-1")).await.unwrap();
    let bytes = workspace.read(&layout::model_manifest(&model(), Version(1))).await.unwrap();
    workspace.write(&layout::model_manifest(&model(), Version(2)), bytes).await.unwrap();
    let error = load_model(&workspace, &reference("repurchase@2")).await.unwrap_err();
    assert!(error.to_string().ends_with("belongs to repurchase@1, not to repurchase@2"), "{error}");
}

#[tokio::test]
async fn a_run_is_told_when_the_model_it_was_planned_with_is_another() {
    let workspace = workspace();
    publish(&workspace, &run("run-1")).await.unwrap();
    let mut identity = resolve_identity(&workspace, &reference("repurchase@1")).await.unwrap();
    identity.manifest = Digest::of(b"another");
    assert!(matches!(load_identity(&workspace, &identity).await, Err(ArtifactsError::Tampered { .. })));
}

#[tokio::test]
async fn a_visible_package_cannot_be_written_to() {
    let workspace = workspace();
    let version = publish(&workspace, &run("run-1")).await.unwrap();
    let error = write_model_file(&workspace, &model(), version, "weights.safetensors", Bytes::from("other")).await;
    assert!(matches!(error, Err(ArtifactsError::Published { .. })));
}

#[tokio::test]
async fn only_the_run_that_claimed_a_version_publishes_it_and_may_do_so_again() {
    let workspace = workspace();
    let version = publish(&workspace, &run("run-1")).await.unwrap();
    let stolen = publish_model(&workspace, manifest(version, &run("run-2"), Vec::new())).await.unwrap_err();
    assert!(matches!(&stolen, ArtifactsError::NotOwner { owner, .. } if owner == "run-1"), "{stolen}");
    let again = publish_model(&workspace, manifest(version, &run("run-1"), Vec::new())).await.unwrap();
    assert_eq!(again.body.files.len(), FILES.len());
}

#[tokio::test]
async fn a_manifest_that_promises_what_is_not_there_is_not_published() {
    let workspace = workspace();
    let run = run("run-1");
    let version = claim_version(&workspace, &model(), &run).await.unwrap();
    let file = write_model_file(&workspace, &model(), version, "a.json", Bytes::from("{}")).await.unwrap();
    let missing = PackageFile { name: "b.json".to_owned(), ..file.clone() };
    let longer = PackageFile { bytes: 3, ..file };
    let error = publish_model(&workspace, manifest(version, &run, vec![missing])).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::NoPackageFile { .. }), "{error}");
    let error = publish_model(&workspace, manifest(version, &run, vec![longer])).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::SizeChanged { expected: 3, found: 2, .. }), "{error}");
    assert!(list_models(&workspace).await.unwrap().is_empty());
}

#[tokio::test]
async fn aliases_point_where_they_were_set_last() {
    let workspace = workspace();
    publish(&workspace, &run("run-1")).await.unwrap();
    publish(&workspace, &run("run-2")).await.unwrap();
    let production = "production".parse().unwrap();
    set_alias(&workspace, &model(), &production, Version(1), None).await.unwrap();
    assert_eq!(resolve(&workspace, &reference("repurchase@production")).await.unwrap(), Version(1));
    set_alias(&workspace, &model(), &production, Version(2), Some(&run("run-2"))).await.unwrap();
    set_alias(&workspace, &model(), &production, Version(2), Some(&run("run-2"))).await.unwrap();
    set_alias(&workspace, &model(), &production, Version(1), None).await.unwrap();
    assert_eq!(resolve(&workspace, &reference("repurchase@production")).await.unwrap(), Version(1));
    let values = workspace.numbers_in(&layout::model_alias(&model(), &production)).await.unwrap();
    assert_eq!(values, [1, 2, 3]);
    let summary = &list_models(&workspace).await.unwrap()[0];
    assert_eq!(summary.versions, [Version(1), Version(2)]);
    assert_eq!(summary.aliases, BTreeMap::from([(production, Version(1))]));
}

#[tokio::test]
async fn racing_aliases_are_all_kept_and_the_last_counts() {
    let workspace = workspace();
    for number in 0..4 {
        publish(&workspace, &run(&format!("run-{number}"))).await.unwrap();
    }
    let alias: AliasName = "candidate".parse().unwrap();
    let mut writers = tokio::task::JoinSet::new();
    for version in 1..=4 {
        let (workspace, alias) = (workspace.clone(), alias.clone());
        writers.spawn(async move { set_alias(&workspace, &model(), &alias, Version(version), None).await.unwrap() });
    }
    writers.join_all().await;
    let values = workspace.numbers_in(&layout::model_alias(&model(), &alias)).await.unwrap();
    assert_eq!(values, [1, 2, 3, 4]);
}

#[tokio::test]
async fn references_to_nothing_say_what_there_is() {
    let workspace = workspace();
    let failed = |text| {
        let (workspace, reference) = (workspace.clone(), reference(text));
        async move { resolve(&workspace, &reference).await.unwrap_err().to_string() }
    };
    assert_eq!(failed("repurchase@1").await, "there is no model `repurchase`; there are no models yet");
    publish(&workspace, &run("run-1")).await.unwrap();
    set_alias(&workspace, &model(), &"production".parse().unwrap(), Version(1), None).await.unwrap();
    assert_eq!(failed("churn@production").await, "there is no model `churn`; there are: repurchase");
    assert_eq!(failed("repurchase@prod").await, "model `repurchase` has no alias `prod`; there are: production");
    let alias = set_alias(&workspace, &model(), &"x".parse().unwrap(), Version(9), None).await.unwrap_err();
    assert_eq!(alias.to_string(), "model `repurchase` has no version 9; there are: 1");
}

#[tokio::test]
async fn a_publisher_that_dies_anywhere_leaves_no_half_package_and_is_finished_by_the_next_try() {
    let healthy = FaultyStore::new(Arc::new(InMemory::new()), |_| crate::faults::Fault::None);
    publish(&in_store(Arc::new(healthy.clone())), &run("run-1")).await.unwrap();
    for dies_after in 0..healthy.requests() {
        let memory = Arc::new(InMemory::new());
        let dying = FaultyStore::dying_after(Arc::clone(&memory) as _, dies_after);
        let dying = in_store(Arc::new(dying)).with_patience(
            crate::publish::Patience { deadline: std::time::Duration::ZERO, ..Default::default() },
            Arc::new(crate::clock::SystemClock),
        );
        assert!(publish(&dying, &run("run-1")).await.is_err(), "{dies_after}");
        let workspace = in_store(memory);
        for summary in list_models(&workspace).await.unwrap() {
            assert_eq!(summary.versions, [Version(1)]);
            load_model(&workspace, &reference("repurchase@1")).await.unwrap();
        }
        let again = publish(&workspace, &run("run-1")).await;
        match again {
            Ok(version) => assert_eq!(version, Version(1)),
            // Everything was published, and only the reply was lost.
            Err(error) => assert!(matches!(error, ArtifactsError::Published { .. }), "{dies_after}: {error}"),
        }
        load_model(&workspace, &reference("repurchase@1")).await.unwrap();
    }
}
