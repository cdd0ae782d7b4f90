//! What came of the trainings of a run's search: a small object each, created once.

use std::ops::Range;

use futures::{StreamExt, TryStreamExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spec::RunId;

use crate::error::{ArtifactsError, Result};
use crate::layout::{self, Attempt};
use crate::workspace::Workspace;

/// Results read at once.
const RESULTS_IN_FLIGHT: usize = 16;

/// What counts of a training of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialCommit<T> {
    /// The training, from 0, rung by rung.
    pub training: u64,
    /// Who says so; absent where the coordinator left the training out after the last try at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<Attempt>,
    /// What came of it.
    pub result: TrialResult<T>,
}

/// What came of a training; what the trainer measured is `T`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialResult<T> {
    /// It came to its end.
    Trained(T),
    /// It did not, and no other try would help.
    Failed {
        /// Why, outermost cause first; never empty.
        reasons: Vec<String>,
    },
    /// No trial was left for its place on the rung: too many had failed.
    Vacant,
}

/// Says what came of a training; returns what counts, which is what was said first.
pub async fn commit_trial<T: Serialize + DeserializeOwned>(
    workspace: &Workspace,
    run: &RunId,
    commit: TrialCommit<T>,
) -> Result<TrialCommit<T>> {
    let created = workspace.create_once(&layout::search_training(run, commit.training), &commit).await?;
    Ok(created.settled(commit))
}

/// The trainings that are done, ascending.
pub async fn committed_trials(workspace: &Workspace, run: &RunId) -> Result<Vec<u64>> {
    workspace.numbers_in(&layout::search_trainings(run)).await
}

/// What came of some trainings, in order. All of them must be done.
pub async fn read_trials<T: DeserializeOwned + Send>(
    workspace: &Workspace,
    run: &RunId,
    trainings: Range<u64>,
) -> Result<Vec<TrialResult<T>>> {
    futures::stream::iter(trainings)
        .map(|training| async move {
            let key = layout::search_training(run, training);
            let commit: TrialCommit<T> = workspace.read_entry(&key).await?.body;
            if commit.training != training {
                let (found, expected) = (format!("training {}", commit.training), format!("training {training}"));
                return Err(ArtifactsError::Misplaced { url: workspace.url_of(&key), found, expected });
            }
            Ok(commit.result)
        })
        .buffered(RESULTS_IN_FLIGHT)
        .try_collect()
        .await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use object_store::memory::InMemory;

    use super::*;
    use crate::source::Location;

    fn run() -> RunId {
        "repurchase-0123456789ab".parse().unwrap()
    }

    fn trained(training: u64, measured: f64) -> TrialCommit<f64> {
        TrialCommit { training, attempt: Some(Attempt::new()), result: TrialResult::Trained(measured) }
    }

    #[tokio::test]
    async fn the_first_word_about_a_training_counts() {
        let workspace = Workspace::in_store(Arc::new(InMemory::new()), Location::parse("memory://trials/ws").unwrap());
        let first = trained(0, 0.7);
        assert_eq!(commit_trial(&workspace, &run(), first.clone()).await.unwrap(), first);
        let failed = TrialResult::Failed { reasons: vec!["the process was killed".to_owned()] };
        let late = TrialCommit { training: 0, attempt: None, result: failed.clone() };
        assert_eq!(commit_trial(&workspace, &run(), late).await.unwrap(), first);
        let left_out = TrialCommit::<f64> { training: 1, attempt: None, result: failed.clone() };
        commit_trial(&workspace, &run(), left_out).await.unwrap();
        assert_eq!(committed_trials(&workspace, &run()).await.unwrap(), [0, 1]);
        let results = read_trials::<f64>(&workspace, &run(), 0..2).await.unwrap();
        assert_eq!(results, [TrialResult::Trained(0.7), failed]);
        let missing = read_trials::<f64>(&workspace, &run(), 0..3).await.unwrap_err();
        assert!(missing.to_string().contains("search/00000000000000000002.json"), "{missing}");
    }

    #[tokio::test]
    async fn a_result_in_another_s_place_is_refused() {
        let workspace = Workspace::in_store(Arc::new(InMemory::new()), Location::parse("memory://trials/ws").unwrap());
        workspace.create_once(&layout::search_training(&run(), 3), &trained(2, 0.7)).await.unwrap();
        let error = read_trials::<f64>(&workspace, &run(), 3..4).await.unwrap_err();
        assert!(matches!(error, ArtifactsError::Misplaced { .. }), "{error}");
    }
}
