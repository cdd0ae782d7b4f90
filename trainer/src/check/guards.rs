//! Whether what the guards of a Scoring document compare with is there.

use std::collections::BTreeMap;

use artifacts::registry::ModelManifest;
use artifacts::{ArtifactsError, Workspace, registry};
use model::drift::REFERENCE_FILE;
use query::Session;
use spec::{ModelName, ScoringSpec, TrainingSpec};

use super::{Level, Notebook};

/// Checks the tables that must be fresh, and that the model's package says what its training looked like where drift from it is
/// watched. A model that an earlier document trains will say so.
pub(super) async fn check(
    spec: &ScoringSpec,
    trained: &BTreeMap<ModelName, TrainingSpec>,
    workspace: &Workspace,
    session: &Session,
    notebook: &mut Notebook<'_>,
) {
    for (name, audience) in &spec.audiences {
        for (index, fresh) in audience.guards.fresh.iter().enumerate() {
            let Some(column) = &fresh.column else { continue };
            if let Err(error) = session.check_time(&fresh.table, column) {
                notebook.error(format!("spec.audiences.{name}.guards.fresh[{index}]"), &error);
            }
        }
    }
    let watched = spec.audiences.iter().find(|(_, audience)| audience.guards.max_psi.is_some());
    let Some((name, _)) = watched.filter(|_| !trained.contains_key(&spec.model.model)) else { return };
    // A model that is not there is told elsewhere.
    let Ok(manifest) = manifest_of(spec, workspace).await else { return };
    if !manifest.files.iter().any(|file| file.name == REFERENCE_FILE) {
        let message = format!(
            "it compares with what {}@{} was trained on, and its package was made before packages kept that: train it \
             again, or leave out `max_psi`",
            manifest.model, manifest.version
        );
        notebook.find(Level::Error, format!("spec.audiences.{name}.guards.max_psi"), message);
    }
}

async fn manifest_of(spec: &ScoringSpec, workspace: &Workspace) -> Result<ModelManifest, ArtifactsError> {
    let version = registry::resolve(workspace, &spec.model).await?;
    Ok(registry::read_manifest(workspace, &spec.model.model, version).await?.body)
}
