//! Newtypes for every name and number that identifies something, so that none can stand for another.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A name that cannot be used where it was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Names that become part of an object key: lower case, no path characters.
    #[error(
        "`{name}` is not a name: use 1 to 63 lower-case letters, digits, `-` and `_`, starting with a letter or digit"
    )]
    Key {
        /// The text as written.
        name: String,
    },
    /// Names of columns and features: anything printable that is not empty.
    #[error("{name:?} is not a column name: it is empty, longer than 255 bytes or holds a control character")]
    Column {
        /// The text as written.
        name: String,
    },
    /// Names of tables: they become part of an object key, of SQL, or of a tensor's name.
    #[error("{name:?} is not a table name: use 1 to 63 letters, digits, `_` and `-`, not starting with `-`")]
    Table {
        /// The text as written.
        name: String,
    },
    /// An alias that is no name, or could be taken for a version.
    #[error(
        "{name:?} is not an alias: use 1 to 63 lower-case letters, digits, `-` and `_`, not digits alone, starting with a letter or digit"
    )]
    Alias {
        /// The text as written.
        name: String,
    },
    /// A model reference that is not `name@alias` or `name@version`.
    #[error("`{text}` is not a model reference: write name@alias or name@version")]
    Reference {
        /// The text as written.
        text: String,
    },
}

pub(crate) const KEY_NAME: &str = "^[a-z0-9][a-z0-9_-]{0,62}$";
pub(crate) const ALIAS_NAME: &str = "^(?![0-9]+$)[a-z0-9][a-z0-9_-]{0,62}$";
pub(crate) const TABLE_NAME: &str =
    "^(?!-)[^\\u0000-\\u002c\\u002e\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u00a9]{1,63}$";
pub(crate) const COLUMN_NAME: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,255}$";
pub(crate) const MODEL_REFERENCE: &str = "^[a-z0-9][a-z0-9_-]{0,62}@[a-z0-9][a-z0-9_-]{0,62}$";

pub(crate) fn is_key_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    name.len() <= 63
        && name.chars().all(legal)
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

pub(crate) fn is_alias_name(name: &str) -> bool {
    is_key_name(name) && !name.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn is_column_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control)
}

pub(crate) fn is_table_name(name: &str) -> bool {
    let is_legal = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    !name.starts_with('-') && (1..=63).contains(&name.chars().count()) && name.chars().all(is_legal)
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident: $check:ident as $pattern:ident or $error:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String", extend("pattern" = $pattern))]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                if $check(&name) { Ok(Self(name)) } else { Err(InvalidName::$error { name }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::try_from(name.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )+};
}

names! {
    /// A model: `metadata.name` of a Training document.
    ModelName: is_key_name as KEY_NAME or Key;
    /// A pointer to a model version, such as `production`.
    AliasName: is_alias_name as ALIAS_NAME or Alias;
    /// An audience of a Scoring document.
    AudienceName: is_key_name as KEY_NAME or Key;
    /// A tier of an audience, such as `high`.
    TierName: is_key_name as KEY_NAME or Key;
    /// A scoring document: `metadata.name`.
    ScoringName: is_key_name as KEY_NAME or Key;
    /// A Preparation document: `metadata.name`.
    PreparationName: is_key_name as KEY_NAME or Key;
    /// A run: what one document became when it was started.
    RunId: is_key_name as KEY_NAME or Key;
    /// A schedule: the name of the first document that it runs.
    ScheduleName: is_key_name as KEY_NAME or Key;
    /// What one submit sent: documents that are run one after the other.
    SubmissionId: is_key_name as KEY_NAME or Key;
    /// A task (head) of a model; also the name of its output column in scores.
    TaskName: is_key_name as KEY_NAME or Key;
    /// A table of neighbours.
    NeighboursName: is_key_name as KEY_NAME or Key;
    /// A segmentation; also the name of its column in scores.
    SegmentationName: is_key_name as KEY_NAME or Key;
    /// A table: declared under `tables`, or made by a `prepare` step.
    TableName: is_table_name as TABLE_NAME or Table;
    /// A column of a table.
    ColumnName: is_column_name as COLUMN_NAME or Column;
    /// An embedding table that features share.
    EmbeddingTableName: is_table_name as TABLE_NAME or Table;
    /// A feature: the column's name unless the feature says otherwise.
    FeatureName: is_column_name as COLUMN_NAME or Column;
}

/// A model's version: 1, 2, … in the order of registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which version of a model is meant: by number, or by the alias that points to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// `name@7`
    Version(Version),
    /// `name@production`
    Alias(AliasName),
}

/// `name@alias` or `name@version`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = MODEL_REFERENCE))]
pub struct ModelReference {
    /// The model.
    pub model: ModelName,
    /// Which of its versions.
    pub selector: Selector,
}

impl FromStr for ModelReference {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let malformed = || InvalidName::Reference { text: text.to_owned() };
        let (model, selector) = text.split_once('@').ok_or_else(malformed)?;
        let is_number = !selector.is_empty() && selector.bytes().all(|byte| byte.is_ascii_digit());
        let selector = if is_number {
            let number = selector.parse().ok().filter(|number| *number > 0);
            Selector::Version(Version(number.ok_or_else(malformed)?))
        } else {
            Selector::Alias(selector.parse().map_err(|_| malformed())?)
        };
        Ok(Self { model: model.parse().map_err(|_| malformed())?, selector })
    }
}

impl TryFrom<String> for ModelReference {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, InvalidName> {
        text.parse()
    }
}

impl From<ModelReference> for String {
    fn from(reference: ModelReference) -> String {
        reference.to_string()
    }
}

impl fmt::Display for ModelReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.selector {
            Selector::Version(version) => write!(f, "{}@{version}", self.model),
            Selector::Alias(alias) => write!(f, "{}@{alias}", self.model),
        }
    }
}
