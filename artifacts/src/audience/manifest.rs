//! What a version of an audience says of itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::ids::ScoringName;
use spec::{AudienceName, RunId, TableName, TierName, Version};

use super::held::Release;
use crate::digest::Digest;
use crate::quarantine::LeftOut;
use crate::registry::ModelIdentity;
use crate::source::InputFile;

/// The form of the manifests that this program writes, and the only one it reads.
pub const AUDIENCE_SCHEMA_VERSION: u32 = 1;
/// What a version of an audience holds, and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceManifest {
    /// [`AUDIENCE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The audience.
    pub audience: AudienceName,
    /// Its version.
    pub version: Version,
    /// The run that made it.
    pub run: RunId,
    /// That run's document.
    pub scoring: ScoringName,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Until when it may be used; without end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The program that made it, with its version.
    pub program: String,
    /// The model that the ranks come from.
    pub model: ModelIdentity,
    /// The audience as it was declared.
    pub definition: spec::Audience,
    /// The files that each table of the run was read from.
    pub inputs: BTreeMap<TableName, Vec<InputFile>>,
    /// Rows of the population.
    pub population: u64,
    /// What was left out on the way from the population to the eligible people, in order.
    pub waterfall: Vec<WaterfallStep>,
    /// People that the predicate and the exclusions left.
    pub eligible: u64,
    /// People taken, holdout included.
    pub selected: u64,
    /// The tiers, from the top down.
    pub tiers: IndexMap<TierName, TierSummary>,
    /// For each published id column, how many people have no such id.
    pub missing_ids: IndexMap<String, u64>,
    /// For each published id column whose values can be invalid, how many people have a value that is; one who has no
    /// other is in `missing_ids` as well.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub invalid_ids: IndexMap<String, u64>,
    /// For each published id column that is an HMAC, the id of its secret key: another one means that the key was changed.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub id_keys: IndexMap<String, String>,
    /// Rows of each tier's files where a person is on a row for each id; people and rows are the same when empty.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub rows: IndexMap<TierName, TierRows>,
    /// The files, in order.
    pub files: Vec<AudienceFile>,
    /// What describes its people: no part of what ad systems take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub descriptions: Vec<DescriptionFile>,
    /// The version that was current when this one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Version>,
    /// Who published it after a guard had held it back, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Release>,
    /// What of the population could not be read and was left out; none of it is in `population`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<LeftOut>,
}

/// One step from the population to the eligible people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaterfallStep {
    /// What it asks: `where`, `exclude recent_buyers`, `rank_by is not null`, …
    pub step: String,
    /// People it left out.
    pub removed: u64,
    /// People after it.
    pub left: u64,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierSummary {
    /// People to be addressed.
    pub people: u64,
    /// People held out for measuring lift.
    pub holdout: u64,
    /// The highest rank in it; `None` where it is empty.
    pub highest: Option<f64>,
    /// The lowest rank in it; `None` where it is empty.
    pub lowest: Option<f64>,
}

/// Rows of one tier, where they are more than its people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRows {
    /// Rows of the people to be addressed.
    pub people: u64,
    /// Rows of the people held out.
    pub holdout: u64,
}

/// A file of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceFile {
    /// Relative to the package's folder.
    pub path: String,
    /// Its tier.
    pub tier: TierName,
    /// Whether it holds the control group.
    pub holdout: bool,
    /// Rows in it.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// A file of the package that describes its people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptionFile {
    /// Relative to the package's folder.
    pub path: String,
    /// For whom it is.
    pub kind: DescriptionKind,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// Whom a description is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DescriptionKind {
    /// Programs: figures as JSON.
    Profile,
    /// People: a page.
    Report,
}

impl DescriptionKind {
    /// The file in the package's folder.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Profile => "profile.json",
            Self::Report => "report.html",
        }
    }
}

/// A published version of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudiencePointer {
    /// The version.
    pub version: Version,
    /// Its folder, relative to the workspace.
    pub folder: String,
    /// The SHA-256 of its manifest.
    pub manifest: Digest,
    /// The run that published it.
    pub run: RunId,
    /// When.
    pub at: DateTime<Utc>,
}
