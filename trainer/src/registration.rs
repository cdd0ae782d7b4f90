//! From a fitted model to a visible version: the package's files, its manifest, its aliases.

use std::collections::BTreeMap;

use artifacts::Workspace;
use artifacts::registry::{self, MODEL_SCHEMA_VERSION, ModelManifest};
use artifacts::source::InputFile;
use bytes::Bytes;
use chrono::Utc;
use model::drift::REFERENCE_FILE;
use model::measure::{ModelMetrics, Part};
use spec::measure::Condition;
use spec::{AliasName, RunId, TableName, Training, Version};

use crate::error::TrainerError;

/// What a package holds beside its manifest.
pub(crate) struct PackageContent {
    /// What was trained: the run's document with a task for each seed list.
    pub document: Training,
    /// The fitted encoders, as JSON.
    pub encoders: Vec<u8>,
    /// The weights, as safetensors.
    pub weights: Vec<u8>,
    /// The calibrators, as JSON.
    pub calibration: Vec<u8>,
    /// Every measure, as JSON.
    pub metrics: Vec<u8>,
    /// What the training looked like, as JSON.
    pub reference: Vec<u8>,
}

/// A version that belongs to the run but is not visible yet.
pub(crate) struct Claim<'a> {
    workspace: &'a Workspace,
    run: &'a RunId,
    document: &'a Training,
    /// Its number.
    pub version: Version,
}

impl<'a> Claim<'a> {
    /// The version of this run; the same one when the run is done again.
    pub(crate) async fn new(
        workspace: &'a Workspace,
        run: &'a RunId,
        document: &'a Training,
    ) -> Result<Self, TrainerError> {
        let version = registry::claim_version(workspace, &document.metadata.name, run).await?;
        Ok(Self { workspace, run, document, version })
    }

    /// Writes the files and makes the version visible, then moves the aliases. Doing it again changes nothing.
    pub(crate) async fn publish(
        &self,
        content: PackageContent,
        report: String,
        inputs: BTreeMap<TableName, Vec<InputFile>>,
        metrics: &ModelMetrics,
    ) -> Result<Vec<AliasName>, TrainerError> {
        if registry::find_manifest(self.workspace, self.model(), self.version).await?.is_none() {
            let files = [
                ("encoders.json", content.encoders),
                ("weights.safetensors", content.weights),
                ("calibration.json", content.calibration),
                ("metrics.json", content.metrics),
                (REFERENCE_FILE, content.reference),
                ("report.html", report.into_bytes()),
            ];
            let mut written = Vec::with_capacity(files.len());
            for (name, bytes) in files {
                let bytes = Bytes::from(bytes);
                written
                    .push(registry::write_model_file(self.workspace, self.model(), self.version, name, bytes).await?);
            }
            let manifest = ModelManifest {
                schema_version: MODEL_SCHEMA_VERSION,
                model: self.model().clone(),
                version: self.version,
                run: self.run.clone(),
                created: Utc::now(),
                program: proto::PROGRAM_VERSION.to_owned(),
                document: content.document,
                inputs,
                files: written,
                metrics: headline(metrics),
            };
            registry::publish_model(self.workspace, manifest).await?;
        }
        self.move_aliases(metrics).await
    }

    /// Points the document's aliases to the version, the conditional one if its condition holds.
    pub(crate) async fn move_aliases(&self, metrics: &ModelMetrics) -> Result<Vec<AliasName>, TrainerError> {
        let register = &self.document.spec.register;
        let mut aliases = register.aliases.clone();
        if let Some(promote) = &register.promote {
            let condition: Condition = promote.when.parse()?;
            let measured = |task: &spec::TaskName, name: &str| metrics.measure(task, Part::Test, name);
            if condition.holds(&measured) && !aliases.contains(&promote.alias) {
                aliases.push(promote.alias.clone());
            }
        }
        for alias in &aliases {
            registry::set_alias(self.workspace, self.model(), alias, self.version, Some(self.run)).await?;
        }
        Ok(aliases)
    }

    fn model(&self) -> &spec::ModelName {
        &self.document.metadata.name
    }
}

/// Measures by task, part and name: what lists and terminals show.
pub(crate) fn headline(metrics: &ModelMetrics) -> serde_json::Value {
    let of_task = |task: &spec::TaskName| -> serde_json::Map<String, serde_json::Value> {
        let of_part = |part: Part| {
            let names = spec::measure::Measure::all().map(spec::measure::Measure::name);
            let values = names.filter_map(|name| Some((name.to_owned(), metrics.measure(task, part, name)?.into())));
            serde_json::Value::Object(values.collect())
        };
        Part::ALL.into_iter().map(|part| (part.name().to_owned(), of_part(part))).collect()
    };
    metrics.tasks.keys().map(|task| (task.to_string(), of_task(task).into())).collect::<serde_json::Map<_, _>>().into()
}
