//! Documents: what one file of a user holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{ModelName, ScoringName};
use crate::scoring::ScoringSpec;
use crate::training::TrainingSpec;

/// One valid document, its parameters put in. Its JSON form is what runs keep and workers read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
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
pub struct Metadata<Name> {
    /// The name.
    pub name: Name,
}
