//! A registered model and a population in Parquet: what a scoring run starts from.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use artifacts::object::FileRecord;
use artifacts::registry::{
    MODEL_SCHEMA_VERSION, ModelIdentity, ModelManifest, claim_version, publish_model, write_model_file,
};
use artifacts::rows::{Columns, open_file, read_row_group};
use artifacts::runs::{RunDocument, write_document};
use artifacts::{Attempt, InputFile, Workspace};
use chrono::Utc;
use futures::TryStreamExt;
use kindred_scorer::commit::ScoreCommit;
use kindred_scorer::plan::{PlanOutcome, plan};
use kindred_scorer::run::Run;
use kindred_scorer::score::{ScoreOutcome, Scorer};
use kindred_scorer::{Result, ScorerError};
use model::calibrate::ModelCalibration;
use model::drift::{Distribution, Distributions, FeatureCounts, Kind, REFERENCE_FILE};
use model::encode::{EncoderFit, Encoders};
use model::input::Inputs;
use model::learner::{Learner, LearnerOptions};
use model::outputs::Outputs;
use model::predictor::Predictor;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};
use spec::training::DeviceChoice;
use spec::{Document, ModelName, TrainingSpec};
use worker::{Cancel, Progress};

/// Rows of each row group of the population's files.
pub(crate) const ROW_GROUP_ROWS: usize = 500;

/// A workspace and a folder of input files.
pub(crate) struct Plant {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) workspace: Workspace,
}

/// A registered model, and the same in memory.
pub(crate) struct Registered {
    pub(crate) identity: ModelIdentity,
    pub(crate) encoders: Encoders,
    pub(crate) predictor: Predictor,
}

impl Plant {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = folder.path().join("workspace");
        let workspace = Workspace::open(url.to_str().expect("a UTF-8 path")).expect("a workspace");
        Self { folder, workspace }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a UTF-8 path").to_owned()
    }

    /// Registers a model with its first weights: two tasks over four features.
    pub(crate) async fn register(&self) -> Registered {
        self.register_first_weights(training_spec()).await
    }

    /// Registers the same model with what its training looked like.
    pub(crate) async fn register_with_reference(&self) -> ModelIdentity {
        let spec = training_spec();
        let rows = customers(0, 2000);
        let (files, encoders, predictor) = first_weights(&spec);
        let mut counts = FeatureCounts::new(&spec.features);
        counts.add(&rows, None);
        let mut inputs = Inputs::default();
        encoders.bind(&rows.schema()).expect("columns that fit").encode(&rows, &mut inputs).expect("rows that fit");
        let mut outputs = Outputs::default();
        predictor.predict(&inputs, &mut outputs).expect("predictions");
        let outputs = spec.tasks.keys().zip(&outputs.tasks).map(|(task, numbers)| {
            let mut distribution = Distribution::new(Kind::Numbers);
            distribution.add_numbers(numbers.iter().map(|number| f64::from(*number)));
            (task.clone(), distribution)
        });
        let reference = Distributions { features: counts.finish(), outputs: outputs.collect() };
        let reference = (REFERENCE_FILE, serde_json::to_vec(&reference).expect("JSON"));
        self.publish(spec, files.into_iter().chain([reference])).await
    }

    /// Registers a model of two campaigns with its first weights, which fine-tuning goes far from.
    pub(crate) async fn register_campaigns(&self) -> Registered {
        let mut spec = serde_json::to_value(training_spec()).expect("a spec");
        let list = json!({"kind": "lookalike", "seeds": {"table": "examples"}});
        spec["tasks"] = json!({"first": list, "second": list});
        spec["network"] = json!({"kind": "metaheac", "inner_learning_rate": 0.5});
        self.register_first_weights(serde_json::from_value(spec).expect("a spec")).await
    }

    async fn register_first_weights(&self, spec: TrainingSpec) -> Registered {
        let (files, encoders, predictor) = first_weights(&spec);
        Registered { identity: self.publish(spec, files).await, encoders, predictor }
    }

    async fn publish(
        &self,
        spec: TrainingSpec,
        files: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
    ) -> ModelIdentity {
        let (model, run): (ModelName, _) = ("repurchase".parse().expect("a name"), "fit-1".parse().expect("a name"));
        let version = claim_version(&self.workspace, &model, &run).await.expect("a version");
        let mut written = Vec::new();
        for (name, bytes) in files {
            let file = write_model_file(&self.workspace, &model, version, name, bytes.into()).await;
            written.push(file.expect("a file"));
        }
        let document = json!({
            "apiVersion": "kindred.dev/v1",
            "metadata": {"name": "repurchase"},
            "spec": serde_json::to_value(&spec).expect("JSON"),
        });
        let manifest = ModelManifest {
            schema_version: MODEL_SCHEMA_VERSION,
            model: model.clone(),
            version,
            run,
            created: Utc::now(),
            program: "kindred 0.1.0".to_owned(),
            document: serde_json::from_value(document).expect("a document"),
            inputs: BTreeMap::new(),
            files: written,
            metrics: json!({}),
        };
        let stored = publish_model(&self.workspace, manifest).await.expect("a package");
        ModelIdentity { model, version, manifest: stored.digest }
    }

    /// A population of these rows in so many files below `population/`.
    pub(crate) fn populate(&self, rows: usize, files: usize) {
        let each = rows.div_ceil(files.max(1));
        for file in 0..files {
            let start = file * each;
            let batch = customers(start, each.min(rows - start));
            write_parquet(Path::new(&self.path(&format!("population/part-{file}.parquet"))), &batch);
        }
    }

    /// A run of these fields of a document's `spec`, over the population.
    pub(crate) async fn run(&self, model: &ModelIdentity, changes: Value) -> Run {
        let mut spec = json!({
            "model": "repurchase@1",
            "tables": {"customers": {"url": self.path("population")}},
            "population": "customers",
            "key": "customer_id",
            "keep": ["city"],
            "shard_rows": 1000,
            "resources": {"threads": 2},
        });
        for (field, value) in changes.as_object().expect("fields") {
            spec[field] = value.clone();
        }
        let document = json!({
            "kind": "Scoring",
            "apiVersion": "kindred.dev/v1",
            "metadata": {"name": "nightly"},
            "spec": spec,
        });
        let document: Document = serde_json::from_value(document).expect("a document");
        let Document::Scoring(scoring) = &document else { panic!("a Scoring document") };
        let mut inputs = BTreeMap::new();
        for (table, source) in &scoring.spec.tables {
            let resolved = artifacts::source::resolve(source).await.expect("files");
            inputs.insert(table.clone(), resolved.files);
        }
        let run = RunDocument {
            run_date: "2026-03-01".parse().expect("a day"),
            inputs,
            program: "kindred 0.1.0".to_owned(),
            model: Some(model.clone()),
            document,
        };
        let id = run.run_id();
        write_document(&self.workspace, &id, &run).await.expect("a document");
        Run::open(self.workspace.clone(), id).await.expect("a run")
    }
}

/// Plans a run.
pub(crate) async fn plan_now(run: &Run) -> Result<PlanOutcome> {
    plan(run, &Attempt::new(), &Progress::new(), &Cancel::never()).await
}

/// A process that scores.
pub(crate) async fn scorer(run: &Run) -> Result<Scorer> {
    Scorer::load(run.clone(), &Progress::new()).await
}

/// Plans a run and scores all its shards in one process.
pub(crate) async fn score_all(run: &Run) -> Result<Vec<ScoreCommit>> {
    plan_now(run).await?;
    let (scorer, plan) = (scorer(run).await?, plan_of(run).await);
    for shard in &plan.shards {
        let scored: ScoreOutcome = scorer.score(shard.id, &Attempt::new(), &Progress::new(), &Cancel::never()).await?;
        assert!(scored.won);
    }
    commits(run).await
}

/// The commits of all shards.
pub(crate) async fn commits(run: &Run) -> Result<Vec<ScoreCommit>> {
    let plan = plan_of(run).await;
    artifacts::runs::read_commits(&run.workspace, &run.id, &plan).await.map_err(ScorerError::from)
}

/// The plan of a run.
pub(crate) async fn plan_of(run: &Run) -> artifacts::plan::ShardPlan {
    artifacts::runs::read_plan(&run.workspace, &run.id).await.expect("storage works").expect("a plan")
}

/// All rows of score files, in order.
pub(crate) async fn read_scores(run: &Run, files: impl IntoIterator<Item = FileRecord>) -> RecordBatch {
    let mut batches = Vec::new();
    for record in files {
        batches.push(read_parquet(&record.input_file(&run.workspace)).await);
    }
    concat_batches(&batches[0].schema(), &batches).expect("batches of one schema")
}

async fn read_parquet(input: &InputFile) -> RecordBatch {
    let file = open_file(input).await.expect("a Parquet file");
    let columns = Columns::new(file.schema().fields().iter().map(|field| field.name()));
    let projection = file.project(&columns).expect("its own columns");
    let mut batches: Vec<RecordBatch> = Vec::new();
    for group in 0..file.row_groups() {
        batches.extend(read_row_group(&file, group, &projection, 1 << 20).try_collect::<Vec<_>>().await.expect("rows"));
    }
    concat_batches(projection.schema(), &batches).expect("batches of one schema")
}

/// Writes a Parquet file as some other program might.
pub(crate) fn write_parquet(path: &Path, batch: &RecordBatch) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(ROW_GROUP_ROWS)).build();
    let file = std::fs::File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(batch).expect("rows are written");
    writer.close().expect("a file");
}

/// Customers from `first` on: ties, nulls, NaN, blanks and unknown cities among them.
pub(crate) fn customers(first: usize, rows: usize) -> RecordBatch {
    let numbers = first as u64..(first + rows) as u64;
    let mix = |number: u64| number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let cities = ["Berlin", "São Paulo", " New York ", "?", ""];
    let city = |number: u64| (mix(number) % 7 != 0).then(|| cities[(mix(number) % 5) as usize]);
    let age = |number: u64| match mix(number) % 11 {
        0 => None,
        1 => Some(f64::NAN),
        _ => Some((mix(number) % 80) as f64),
    };
    let email = |number: u64| (mix(number) % 5 != 0).then(|| format!(" C{number}@Example.com"));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("customer_id", Arc::new(numbers.clone().map(|number| Some(format!("c{number:06}"))).collect::<StringArray>())),
        ("city", Arc::new(numbers.clone().map(city).collect::<StringArray>())),
        ("age", Arc::new(numbers.clone().map(age).collect::<Float64Array>())),
        ("orders", Arc::new(numbers.clone().map(|number| Some((mix(number) % 9) as i64)).collect::<Int64Array>())),
        (
            "consent",
            Arc::new(
                numbers
                    .clone()
                    .map(|number| (mix(number) % 6 != 0).then_some(mix(number) % 4 != 0))
                    .collect::<BooleanArray>(),
            ),
        ),
        ("email", Arc::new(numbers.map(email).collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
        .expect("columns")
}

/// The files of a package with a model's first weights, and the same in memory.
fn first_weights(spec: &TrainingSpec) -> ([(&'static str, Vec<u8>); 3], Encoders, Predictor) {
    let rows = customers(0, 2000);
    let mut fit = EncoderFit::new(&spec.features, &rows.schema()).expect("features that fit");
    fit.update(&rows, None).expect("rows that fit");
    let encoders = fit.finish().expect("encoders");
    let learner = Learner::new(spec, &encoders.layout(), LearnerOptions { threads: 1, ..Default::default() });
    let weights = learner.expect("a learner").save().expect("weights");
    let calibration = serde_json::to_vec(&ModelCalibration::default()).expect("JSON");
    let predictor = Predictor::load(spec, &encoders, &weights, &calibration, DeviceChoice::Cpu).expect("a model");
    let files = [
        ("encoders.json", serde_json::to_vec(&encoders).expect("JSON")),
        ("weights.safetensors", weights),
        ("calibration.json", calibration),
    ];
    (files, encoders, predictor)
}

fn training_spec() -> TrainingSpec {
    let spec = json!({
        "tables": {"examples": {"url": "examples.parquet"}},
        "examples": "examples",
        "key": "customer_id",
        "features": {
            "city": {"kind": "categorical", "vocabulary": {"min_count": 1, "max_size": 100}},
            "age": {"kind": "numeric"},
            "orders": {"kind": "numeric", "transform": "log1p"},
            "consent": {"kind": "categorical", "vocabulary": {"min_count": 1, "max_size": 100}},
        },
        "tasks": {"repurchase": {"kind": "binary", "label": "bought"}, "spend": {"kind": "value", "label": "spent"}},
        "network": {"kind": "mmoe", "experts": 2, "expert_layers": [16, 8], "tower_layers": [4]},
        "training": {"seed": 7, "device": "cpu"},
    });
    serde_json::from_value(spec).expect("a spec")
}
