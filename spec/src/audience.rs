//! Audiences: who of the scored population is published, in which tiers, as which ids.

mod cap;
mod profile;
mod step;

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::{self, InvalidDuration};
use crate::fresh::Fresh;
pub use crate::identifier::{IdColumn, IdHash, IdNormalization};
use crate::ids::{AudienceName, TierName};
use crate::table::KeyTable;
pub use cap::ContactCap;
pub use step::KeyStep;

pub use self::profile::AudienceProfile;

/// One audience of a Scoring document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Audience {
    /// A SQL expression over task outputs and population columns; people are taken from the highest value down.
    #[schemars(schema_with = "crate::text::not_blank")]
    pub rank_by: String,
    /// A SQL predicate over the same columns; false and null leave a person out.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::not_blank_or_null")]
    pub filter: Option<String>,
    /// How many.
    pub size: Size,
    /// Tiers from the top down, each a share of the selected people, or cut by number or score; `rest` takes what is left.
    /// One tier `all` when absent.
    #[serde(default)]
    pub tiers: IndexMap<TierName, TierCut>,
    /// People who are not in these tables are left out; a step of the waterfall each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<KeyTable>,
    /// People in these tables are left out; a step of the waterfall each.
    #[serde(default)]
    pub exclude: Vec<KeyTable>,
    /// People who were contacted often enough of late are left out; a step of the waterfall each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<ContactCap>,
    /// Of audiences that are exclusive the one of the higher priority takes people first, then the earlier one of the
    /// document; 0 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Audiences of this run that nobody of this one is in, whichever of both says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclusive_with: Vec<AudienceName>,
    /// A random share of every tier that is kept out of it, for measuring lift.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// What identifies a person in the published files; the SHA-256 of the key when absent.
    #[serde(default)]
    pub ids: Vec<IdColumn>,
    /// How files are written.
    #[serde(default)]
    pub format: FileFormat,
    /// What must hold before anything is published.
    #[serde(default)]
    pub guards: Guards,
    /// How long readers may use a version, such as `14d`; stated in its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::duration_or_null")]
    pub expires_after: Option<String>,
    /// Which published versions `kindred gc` keeps; all of them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain: Option<Retain>,
    /// How its people are described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<AudienceProfile>,
}

impl Audience {
    /// How its people are described: as it says, or as is usual.
    pub fn described(&self) -> AudienceProfile {
        self.profile.clone().unwrap_or_default()
    }
}

/// Which published versions of an audience are kept. The current one always is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retain {
    /// So many of the last versions, the current one included.
    #[schemars(range(min = 1))]
    pub versions: u32,
    /// Grace for readers: a version is kept for at least so long after a later one took its place, such as `30d`; `7d`
    /// when absent.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::text::duration_or_null")]
    pub grace: Option<String>,
}

impl Retain {
    /// The grace of readers where a document gives none: a week.
    pub const GRACE: Duration = Duration::from_secs(7 * 86_400);

    /// How long a version is kept at least after a later one took its place.
    ///
    /// # Errors
    /// A text that is no length of time; a checked document has none.
    pub fn grace(&self) -> Result<Duration, InvalidDuration> {
        self.grace.as_deref().map_or(Ok(Self::GRACE), duration::parse)
    }
}

/// How many people an audience takes, counted among those that the predicate and exclusions leave.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Exactly this many, or all where there are fewer.
    Top(#[schemars(range(min = 1))] u64),
    /// This share of the eligible people, 0..1, rounded to the nearest person, half up.
    Share(#[schemars(schema_with = "crate::share::some")] f64),
    /// Everyone whose rank is at least this.
    Threshold(f64),
}

/// Where a tier ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum TierCut {
    /// A share of the selected people, 0..1.
    Share(#[schemars(schema_with = "crate::share::some")] f64),
    /// A number of people, or a place in the order.
    End(TierEnd),
    /// What the tiers above leave; the last tier only.
    Rest(Rest),
}

/// Where a tier ends, if not by a share of the selected people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TierEnd {
    /// So many people, or all that are left where there are fewer.
    Top(#[schemars(range(min = 1))] u64),
    /// With the best share of all eligible people, 0..1, tiers above included, rounded half up.
    Best(#[schemars(schema_with = "crate::share::some")] f64),
    /// Everyone whose rank is at least this, but for the tiers above.
    Threshold(f64),
}

/// The word `rest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rest {
    /// What the tiers above leave.
    Rest,
}

/// A control group: the same people every night for the same salt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// Share of every tier, 0..1.
    #[schemars(schema_with = "crate::share::inner")]
    pub share: f64,
    /// Seeds the hash of the key that draws them.
    #[schemars(schema_with = "crate::text::not_blank")]
    pub salt: String,
}

/// How an audience's files are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FileFormat {
    /// Parquet, CSV or JSON lines.
    pub kind: FileKind,
    /// Compression of pages (Parquet) or of the file (CSV, JSON lines).
    pub compression: Compression,
    /// A new part starts after this many rows.
    #[schemars(range(min = 1))]
    pub rows_per_file: u64,
}

impl Default for FileFormat {
    fn default() -> Self {
        Self { kind: FileKind::default(), compression: Compression::default(), rows_per_file: 5_000_000 }
    }
}

/// File formats of audiences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Apache Parquet.
    #[default]
    Parquet,
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// Compression of published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Zstandard.
    #[default]
    Zstd,
    /// gzip.
    Gzip,
    /// None.
    None,
}

/// What must hold before a version is published; one that fails is held back and the last good one stays current.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guards {
    /// Fewest people, holdout included.
    pub min_size: u64,
    /// Most people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_size: Option<u64>,
    /// Largest change of the size against the last version, as a share of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::share::change")]
    pub max_change: Option<f64>,
    /// Largest population stability index of a score, of the rank or of a feature, against the model's training data and
    /// against the last version; 0.1 is a small shift, 0.25 a large one (Siddiqi, Credit Risk Scorecards, 2006).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub max_psi: Option<f64>,
    /// Largest share of the people without an id, for each of `ids`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::share::part_or_null")]
    pub max_null_ids: Option<f64>,
    /// Largest share of the population's rows that have no key; none when absent. Such rows are in no audience.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::share::part_or_null")]
    pub max_null_keys: Option<f64>,
    /// Largest share of the population's rows whose key other rows have, too; none when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::share::part_or_null")]
    pub max_duplicates: Option<f64>,
    /// Tables that must not be older than this when the run's day begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fresh: Vec<Fresh>,
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            min_size: 1,
            max_size: None,
            max_change: None,
            max_psi: None,
            max_null_ids: None,
            max_null_keys: None,
            max_duplicates: None,
            fresh: Vec::new(),
        }
    }
}
