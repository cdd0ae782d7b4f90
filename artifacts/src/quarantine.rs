//! What of a population was left out because it could not be read.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::error::ArtifactsError;

/// A file, or a row group of one, that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// The file.
    pub url: String,
    /// Its row group, from 0; the whole file when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_group: Option<usize>,
    /// The column, where one alone is at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Rows; absent where the file does not say how many it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
}

impl LeftOut {
    /// What may be left out because of an error, if the error is about the content of a file and not about reaching it. `rows_of`
    /// says how many rows a file or row group has, where that is known.
    pub fn because_of(error: &ArtifactsError, rows_of: impl Fn(&str, Option<usize>) -> Option<u64>) -> Option<Self> {
        let (url, row_group, column) = match error {
            ArtifactsError::NotParquet { url, .. } => (url, None, None),
            ArtifactsError::Damaged { url, row_group, column, .. } => (url, Some(*row_group), column.clone()),
            ArtifactsError::TypeChanged { second, column, .. } => (second, None, Some(column.clone())),
            ArtifactsError::NoColumn { url, column, .. } | ArtifactsError::AmbiguousColumn { url, column } => {
                (url, None, Some(column.clone()))
            }
            _ => return None,
        };
        let rows = rows_of(url, row_group);
        Some(Self { url: url.clone(), row_group, column, rows, reason: in_words(error) })
    }
}

/// An error with its causes.
fn in_words(error: &ArtifactsError) -> String {
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

/// How much was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOutTotal {
    /// Files of which anything was.
    pub files: u64,
    /// Rows, of those that are known.
    pub known_rows: u64,
    /// Whether a file does not say how many rows it has.
    pub has_unknown_rows: bool,
}

impl LeftOutTotal {
    /// All of these together.
    pub fn of<'a>(left_out: impl IntoIterator<Item = &'a LeftOut>) -> Self {
        let (mut urls, mut total) = (BTreeSet::new(), Self::default());
        for item in left_out {
            urls.insert(item.url.as_str());
            total.known_rows += item.rows.unwrap_or(0);
            total.has_unknown_rows |= item.rows.is_none();
        }
        Self { files: urls.len() as u64, ..total }
    }

    /// Rows, if all are known.
    pub fn rows(&self) -> Option<u64> {
        (!self.has_unknown_rows).then_some(self.known_rows)
    }
}
