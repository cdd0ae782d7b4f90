//! Preparation documents: tables that SQL makes of others, and nothing else.
//!
//! Every document has tables and steps, so each can be prepared: [`Preparation`] is also what is left of a Training or
//! Scoring document when only its steps are wanted.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::document::{ApiVersion, Document, Metadata, Scoring, Training};
use crate::ids::{PreparationName, TableName};
use crate::scoring::Resources;
use crate::table::{PrepareStep, TableSource};

/// A Preparation document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Preparation {
    /// `kindred.dev/v1`
    pub api_version: ApiVersion,
    /// The document's name.
    pub metadata: Metadata<PreparationName>,
    /// What to do.
    pub spec: PreparationSpec,
}

/// The `spec` of a Preparation document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreparationSpec {
    /// Values for `${name}` in this document; `--set name=value` overrides them, `${run_date}` is always there.
    #[serde(default)]
    #[schemars(schema_with = "crate::text::parameter")]
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Named tables over files.
    #[schemars(extend("minProperties" = 1))]
    pub tables: BTreeMap<TableName, TableSource>,
    /// SQL steps, in order; each makes a table.
    #[schemars(length(min = 1))]
    pub prepare: Vec<PrepareStep>,
    /// Memory and threads.
    #[serde(default)]
    pub resources: PreparationResources,
}

/// What the steps may use of a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PreparationResources {
    /// Memory that SQL steps may use before they spill to disk, such as `4GiB`.
    #[schemars(schema_with = "crate::text::size")]
    pub memory: String,
    /// Threads that decode rows; all cores when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1024))]
    pub threads: Option<u32>,
}

impl Default for PreparationResources {
    fn default() -> Self {
        Resources::default().into()
    }
}

impl From<Resources> for PreparationResources {
    fn from(resources: Resources) -> Self {
        Self { memory: resources.memory, threads: resources.threads }
    }
}

/// A valid document of any kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
#[schemars(rename = "Document")]
#[allow(clippy::large_enum_variant, reason = "a process holds a few documents, and a box would be in everyone's way")]
pub(crate) enum Written {
    /// Fit, evaluate and register a model.
    Training(Training),
    /// Score a population and publish audiences.
    Scoring(Scoring),
    /// Make tables.
    Preparation(Preparation),
}

impl Written {
    /// The word after `kind:`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Training(_) => "Training",
            Self::Scoring(_) => "Scoring",
            Self::Preparation(_) => "Preparation",
        }
    }

    /// `metadata.name`
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Training(training) => training.metadata.name.as_str(),
            Self::Scoring(scoring) => scoring.metadata.name.as_str(),
            Self::Preparation(preparation) => preparation.metadata.name.as_str(),
        }
    }

    /// The document, if runs can be made of it.
    pub(crate) fn into_document(self) -> Option<Document> {
        match self {
            Self::Training(training) => Some(Document::Training(training)),
            Self::Scoring(scoring) => Some(Document::Scoring(scoring)),
            Self::Preparation(_) => None,
        }
    }

    /// Its tables and steps.
    pub(crate) fn into_preparation(self) -> Preparation {
        let name = self.name().to_owned();
        let (api_version, spec) = match self {
            Self::Training(Training { api_version, spec, .. }) => {
                let (tables, prepare, resources) = (spec.tables, spec.prepare, spec.resources.into());
                (api_version, PreparationSpec { parameters: spec.parameters, tables, prepare, resources })
            }
            Self::Scoring(Scoring { api_version, spec, .. }) => {
                let (tables, prepare, resources) = (spec.tables, spec.prepare, spec.resources.into());
                (api_version, PreparationSpec { parameters: spec.parameters, tables, prepare, resources })
            }
            Self::Preparation(preparation) => return preparation,
        };
        let name = PreparationName::try_from(name).expect("names of all documents are key names");
        Preparation { api_version, metadata: Metadata { name }, spec }
    }
}
