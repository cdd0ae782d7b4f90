//! What a model package says of itself, and what runs and lists say of it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::{AliasName, ModelName, RunId, TableName, Version};

use crate::digest::Digest;
use crate::source::InputFile;

/// The form of the manifests that this program writes, and the only one it reads.
pub const MODEL_SCHEMA_VERSION: u32 = 1;
/// What a model package is: its files, and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelManifest {
    /// [`MODEL_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The model.
    pub model: ModelName,
    /// Its version.
    pub version: Version,
    /// The run that made it.
    pub run: RunId,
    /// When.
    pub created: DateTime<Utc>,
    /// The program that made it, with its version.
    pub program: String,
    /// The document, its parameters put in.
    pub document: spec::Training,
    /// The files that each table was read from.
    pub inputs: BTreeMap<TableName, Vec<InputFile>>,
    /// The package's files beside this one.
    pub files: Vec<PackageFile>,
    /// The headline measures by task and part, a copy of what `metrics.json` says in full.
    pub metrics: serde_json::Value,
}

/// A file of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageFile {
    /// Its name in the package's folder.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// Which package a run uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelIdentity {
    /// The model.
    pub model: ModelName,
    /// Its version.
    pub version: Version,
    /// The SHA-256 of its manifest.
    pub manifest: Digest,
}

/// What the registry has of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// The model.
    pub model: ModelName,
    /// Its visible versions, ascending.
    pub versions: Vec<Version>,
    /// Where its aliases point.
    pub aliases: BTreeMap<AliasName, Version>,
}
