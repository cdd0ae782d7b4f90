//! What a plan has learned of its seed lists: a head for each over the model's embeddings, or networks that were fine-tuned.

use model::fine_tuning::TunedLists;
use model::input::Inputs;
use model::predictor::Predictor;
use model::seed_head::{Embeddings, SeedHeads};
use serde::{Deserialize, Serialize};
use spec::TaskName;

use crate::error::Result;

/// Lists, ready to score people for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LearnedLists {
    /// By the model's embeddings.
    Heads(SeedHeads),
    /// By networks of their own.
    Tuned(TunedLists),
}

impl LearnedLists {
    /// The columns of the lists' scores.
    pub(crate) fn names(&self) -> Vec<TaskName> {
        match self {
            Self::Heads(lists) => lists.heads.iter().map(|list| list.name.clone()).collect(),
            Self::Tuned(lists) => lists.tuned.iter().map(|list| list.name.clone()).collect(),
        }
    }

    /// Whether people's embeddings are needed.
    pub(crate) fn needs_embeddings(&self) -> bool {
        match self {
            Self::Heads(_) => true,
            Self::Tuned(_) => false,
        }
    }

    /// Each list's scores of a batch's rows, 0..1, `[lists][rows]`. `embeddings` are the rows' where they are needed.
    ///
    /// # Errors
    ///
    /// Lists of another model, a device that fails.
    pub(crate) fn scores(&self, predictor: &Predictor, inputs: &Inputs, embeddings: &[f32]) -> Result<Vec<Vec<f32>>> {
        match self {
            Self::Heads(lists) => {
                Ok(lists.scores(Embeddings { numbers: embeddings, width: predictor.embedding_width() }))
            }
            Self::Tuned(lists) => Ok(predictor.tuned_scores(inputs, lists)?),
        }
    }
}
