//! What of a population may be left out because it cannot be read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of the population may be damaged before the run fails. What is left out is counted and named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// Most files of which anything is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_files: Option<u64>,
    /// Most rows that are left out. Without `max_files`, a file that cannot even say how many it has fails the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_rows: Option<u64>,
}

impl Quarantine {
    /// Whether so much may be left out; `rows` is none where a file does not say how many it has.
    pub fn allows(&self, files: u64, rows: Option<u64>) -> bool {
        let rows_allowed = match (self.max_rows, rows) {
            (None, _) => true,
            (Some(_), None) => self.max_files.is_some(),
            (Some(max), Some(rows)) => rows <= max,
        };
        rows_allowed && self.max_files.is_none_or(|max| files <= max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_inclusive_and_unknown_rows_are_allowed_by_files_alone() {
        let of = |max_files, max_rows| Quarantine { max_files, max_rows };
        assert!(of(Some(1), None).allows(1, None) && !of(Some(1), None).allows(2, Some(1)));
        assert!(of(None, Some(9)).allows(5, Some(9)) && !of(None, Some(9)).allows(1, Some(10)));
        assert!(!of(None, Some(9)).allows(1, None));
        assert!(of(Some(1), Some(9)).allows(1, None) && !of(Some(1), Some(9)).allows(1, Some(10)));
    }
}
