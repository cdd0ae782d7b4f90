//! Documents: what one file of a user holds.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ModelName, ScoringName};
use crate::parameters::RUN_DATE;
use crate::schedule::CronSchedule;
use crate::scoring::ScoringSpec;
use crate::training::TrainingSpec;

/// One valid document, its parameters put in. Its JSON form is what runs keep and workers read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[allow(clippy::large_enum_variant, reason = "a process holds a few documents, and a box would be in everyone's way")]
pub enum Document {
    /// Fit, evaluate and register a model.
    Training(Training),
    /// Score a population and publish audiences.
    Scoring(Scoring),
}

/// A Training document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Training {
    /// `kindred.dev/v1`
    pub api_version: ApiVersion,
    /// The model's name.
    pub metadata: Metadata<ModelName>,
    /// What to do.
    pub spec: TrainingSpec,
}

/// A Scoring document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Scoring {
    /// `kindred.dev/v1`
    pub api_version: ApiVersion,
    /// The run's name.
    pub metadata: Metadata<ScoringName>,
    /// What to do.
    pub spec: ScoringSpec,
}

/// The version of the document's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The first.
    #[serde(rename = "kindred.dev/v1")]
    V1,
}

/// What names a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Metadata{Name}")]
pub struct Metadata<Name> {
    /// The name.
    pub name: Name,
}

impl Document {
    /// The word after `kind:`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Training(_) => "Training",
            Self::Scoring(_) => "Scoring",
        }
    }

    /// `metadata.name`
    pub fn name(&self) -> &str {
        match self {
            Self::Training(training) => training.metadata.name.as_str(),
            Self::Scoring(scoring) => scoring.metadata.name.as_str(),
        }
    }

    /// The document that a preset has filled, without the preset: what is run.
    #[must_use]
    pub fn without_preset(mut self) -> Self {
        match &mut self {
            Self::Training(training) => training.spec.preset = None,
            Self::Scoring(scoring) => scoring.spec.preset = None,
        }
        self
    }

    /// When it runs by itself.
    pub fn schedule(&self) -> Option<&CronSchedule> {
        match self {
            Self::Training(training) => training.spec.schedule.as_ref(),
            Self::Scoring(scoring) => scoring.spec.schedule.as_ref(),
        }
    }

    /// The document without its schedule: what is run does not depend on when.
    #[must_use]
    pub fn without_schedule(mut self) -> Self {
        match &mut self {
            Self::Training(training) => training.spec.schedule = None,
            Self::Scoring(scoring) => scoring.spec.schedule = None,
        }
        self
    }

    /// The document with relative paths, of tables and of what is waited for, below a folder: as if it were run in it.
    #[must_use]
    pub fn in_folder(mut self, folder: &str) -> Self {
        let spec = match &mut self {
            Self::Training(training) => (&mut training.spec.tables, &mut training.spec.schedule),
            Self::Scoring(scoring) => (&mut scoring.spec.tables, &mut scoring.spec.schedule),
        };
        let waits = spec.1.iter_mut().flat_map(|schedule| &mut schedule.wait_for).map(|wait| &mut wait.url);
        for url in spec.0.values_mut().map(|table| &mut table.url).chain(waits) {
            if !url.contains("://") && !url.starts_with('/') {
                *url = format!("{}/{url}", folder.trim_end_matches('/'));
            }
        }
        self
    }

    /// The day that the run is for: in every Scoring document, and in a Training document that uses `${run_date}`.
    pub fn run_date(&self) -> Option<NaiveDate> {
        let parameters = match self {
            Self::Training(training) => &training.spec.parameters,
            Self::Scoring(scoring) => &scoring.spec.parameters,
        };
        parameters.get(RUN_DATE)?.as_str()?.parse().ok()
    }
}
