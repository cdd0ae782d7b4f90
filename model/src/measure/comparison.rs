//! A model beside another one on the same rows, as `metrics.json` holds it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::{TaskName, Version};

use super::{PairedMetrics, Part};

/// A model beside another one, on rows that the model was not fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The other one.
    pub with: ComparedModel,
    /// The rows that both predicted.
    pub part: Part,
    /// The tasks that both have, in the document's order.
    pub tasks: IndexMap<TaskName, PairedMetrics>,
    /// Why there is no comparison, in a sentence without its full stop; absent where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// What a reader must know to judge the figures, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a model is compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
pub enum ComparedModel {
    /// The linear network, fitted to the same rows in the same way.
    LinearBaseline {
        /// What fitting it took, evaluation included.
        seconds: f64,
        /// The epoch whose weights were kept, from 1; absent if no epoch was finished.
        best_epoch: Option<u32>,
    },
    /// The version that the alias `production` pointed to when training began.
    Production {
        /// The version.
        version: Version,
    },
}

impl ComparedModel {
    /// What it is called in a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::LinearBaseline { .. } => "the linear baseline".to_owned(),
            Self::Production { version } => format!("version {version} in production"),
        }
    }
}
