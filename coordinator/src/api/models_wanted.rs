//! Whether the models that documents score with will be there: before anything is queued, and hours before it is run.

use artifacts::{ArtifactsError, Workspace, registry};
use spec::{Document, Scoring};

use super::status::ApiError;
use crate::error::CoordinatorError;
use crate::house::{Coordinator, Page, SubmissionFilter, SubmissionStatus};
use crate::run::Kind;

/// A document's model that will not be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingModel {
    /// The Scoring document's name.
    pub(crate) document: String,
    /// As written, such as `repurchase@production`.
    pub(crate) model: String,
    /// What there is in its place, or is not.
    pub(crate) why: String,
}

/// Checks the models of documents that are run in this order. One is fine that is there, that a document before makes, or
/// that a submission makes which has not ended.
///
/// # Errors
/// [`ApiError::MissingModels`] with all of them; or when the store fails.
pub(super) async fn check(
    coordinator: &Coordinator,
    workspace: &Workspace,
    documents: &[Document],
) -> Result<(), ApiError> {
    let mut missing = vec![];
    for (place, document) in documents.iter().enumerate() {
        let Document::Scoring(scoring) = document else { continue };
        if is_made_by(&documents[..place], scoring) {
            continue;
        }
        if let Some(why) = why_not(workspace, scoring).await?
            && !is_on_its_way(coordinator, scoring).await?
        {
            let (document, model) = (scoring.metadata.name.to_string(), scoring.spec.model.to_string());
            missing.push(MissingModel { document, model, why });
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(ApiError::MissingModels(missing)) }
}

fn is_made_by(before: &[Document], scoring: &Scoring) -> bool {
    let name = scoring.spec.model.model.as_str();
    before
        .iter()
        .any(|document| matches!(document, Document::Training(training) if training.metadata.name.as_str() == name))
}

async fn why_not(workspace: &Workspace, scoring: &Scoring) -> Result<Option<String>, ApiError> {
    match registry::resolve(workspace, &scoring.spec.model).await {
        Ok(_) => Ok(None),
        Err(
            error
            @ (ArtifactsError::NoModel { .. } | ArtifactsError::NoVersion { .. } | ArtifactsError::NoAlias { .. }),
        ) => Ok(Some(error.to_string())),
        Err(error) => Err(CoordinatorError::from(error).into()),
    }
}

async fn is_on_its_way(coordinator: &Coordinator, scoring: &Scoring) -> Result<bool, ApiError> {
    let states = vec![SubmissionStatus::Queued, SubmissionStatus::Running];
    for kind in [Kind::Training, Kind::Search] {
        let name = Some(scoring.spec.model.model.to_string());
        let filter = SubmissionFilter { owner: None, kind: Some(kind), name, states: states.clone() };
        let listed = coordinator.submissions(filter, Page::first(std::num::NonZeroUsize::MIN)).await?;
        if !listed.items.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
