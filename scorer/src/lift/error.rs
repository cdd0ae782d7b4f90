//! What can go wrong when lift is measured.

use arrow::datatypes::DataType;
use artifacts::ArtifactsError;
use artifacts::keys::KeyError;
use query::QueryError;
use serde::{Deserialize, Serialize};
use spec::{AudienceName, ColumnName, Version};
use worker::FailureClass;

use crate::error::ScorerError;

/// A failure of measuring lift.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    /// Nothing of the audience is published.
    #[error("no version of audience `{audience}` is published; {}", there_are(known))]
    NoAudience {
        /// The audience.
        audience: AudienceName,
        /// Those that are published.
        known: Vec<String>,
    },
    /// The version is not there.
    #[error("audience `{audience}` has no published version {version}; {}", there_are(known))]
    NoVersion {
        /// The audience.
        audience: AudienceName,
        /// The version.
        version: Version,
        /// Those that are published and kept.
        known: Vec<String>,
    },
    /// Nobody to compare with.
    #[error(
        "version {version} of audience `{audience}` has no holdout, so there is nobody to compare with; declare one before the \
         next run, such as `holdout: {{share: 0.1, salt: spring}}`"
    )]
    NoHoldout {
        /// The audience.
        audience: AudienceName,
        /// The version.
        version: Version,
    },
    /// Neither raw nor published ids.
    #[error("name the column of the outcomes that identifies people: `--key` for raw ids, `--id` for published ones")]
    NoKey,
    /// The package publishes no such ids.
    #[error("audience `{audience}` publishes no id `{id}`; {}", there_are(known))]
    NoId {
        /// The audience.
        audience: AudienceName,
        /// What was asked for.
        id: ColumnName,
        /// What is published.
        known: Vec<String>,
    },
    /// Several ids, none of a column of the key's name.
    #[error(
        "audience `{audience}` publishes several ids, none of a column `{key}`; choose one with `--id`; {}",
        there_are(known)
    )]
    WhichId {
        /// The audience.
        audience: AudienceName,
        /// The outcomes' key.
        key: ColumnName,
        /// What is published.
        known: Vec<String>,
    },
    /// A package whose rows are ids, not people.
    #[error(
        "version {version} of audience `{audience}` has a row for each id of `{column}` (`explode`), so its people cannot be \
         told apart; publish an audience without `explode` beside it to measure it"
    )]
    Exploded {
        /// The audience.
        audience: AudienceName,
        /// The version.
        version: Version,
        /// The published column.
        column: String,
    },
    /// A column that says who was reached, and nothing that says what came of it.
    #[error("`--exposed` says who was reached, not what came of it: name `--converted` or `--value` as well")]
    ExposureAlone,
    /// A column of the outcomes that is no number.
    #[error("column `{column}` of the outcomes is {found}; a number or true and false are expected")]
    NotNumeric {
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// A value that is none.
    #[error("column `{column}` of the outcomes holds {value}; leave the row out, or write a number")]
    NotFinite {
        /// The column.
        column: ColumnName,
        /// What it holds.
        value: f64,
    },
    /// People who are in both groups, though keys are unique.
    #[error(
        "{people} people of audience `{audience}` version {version} are both addressed and held out: the package is damaged"
    )]
    BothArms {
        /// The audience.
        audience: AudienceName,
        /// The version.
        version: Version,
        /// How many.
        people: u64,
    },
    /// A column that identifies nobody.
    #[error("column `{column}` does not identify people")]
    Key {
        /// The column.
        column: ColumnName,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// Storage, or what is stored.
    #[error(transparent)]
    Artifacts(Box<ArtifactsError>),
    /// A table.
    #[error(transparent)]
    Query(Box<QueryError>),
    /// Ids that cannot be made.
    #[error(transparent)]
    Scorer(Box<ScorerError>),
    /// A folder for rows that do not fit in memory, which cannot be made.
    #[error("cannot make a folder for spilled rows in {}", std::env::temp_dir().display())]
    Folder(#[source] std::io::Error),
}

impl LiftError {
    /// Whether what was asked is wrong, and not what was done about it.
    pub fn is_input(&self) -> bool {
        match self {
            Self::NoAudience { .. }
            | Self::NoVersion { .. }
            | Self::NoHoldout { .. }
            | Self::NoKey
            | Self::NoId { .. }
            | Self::WhichId { .. }
            | Self::Exploded { .. }
            | Self::ExposureAlone
            | Self::NotNumeric { .. }
            | Self::NotFinite { .. }
            | Self::Key { .. } => true,
            Self::Artifacts(error) => error.class() == artifacts::FailureClass::Input,
            Self::Query(error) => error.class() == artifacts::FailureClass::Input,
            Self::Scorer(error) => error.class() == FailureClass::Input,
            Self::BothArms { .. } | Self::Folder(_) => false,
        }
    }
}

impl From<ArtifactsError> for LiftError {
    fn from(error: ArtifactsError) -> Self {
        Self::Artifacts(Box::new(error))
    }
}

impl From<QueryError> for LiftError {
    fn from(error: QueryError) -> Self {
        Self::Query(Box::new(error))
    }
}

impl From<ScorerError> for LiftError {
    fn from(error: ScorerError) -> Self {
        Self::Scorer(Box::new(error))
    }
}

/// Why there is no answer: the message, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong, and what to do.
    pub message: String,
    /// Causes, the nearest first.
    pub causes: Vec<String>,
}

impl Refusal {
    /// An error in words.
    pub(super) fn of(error: &LiftError) -> Self {
        let first = std::error::Error::source(error);
        let causes = std::iter::successors(first, |cause| cause.source()).map(ToString::to_string);
        Self { message: error.to_string(), causes: causes.collect() }
    }
}

fn there_are(known: &[String]) -> String {
    if known.is_empty() { "there are none".to_owned() } else { format!("there are: {}", known.join(", ")) }
}
