//! The model registry: packages that never change, versions that belong to runs, aliases that point to versions.
//!
//! A version is visible once its `manifest.json` exists. The manifest names every file with its SHA-256 and carries a
//! seal over itself; loading a package verifies both, so a package with any changed byte is refused.

mod alias;
mod manifest;

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use spec::ids::Selector;
use spec::{AliasName, ModelName, ModelReference, RunId, Version};

use crate::claims;
use crate::digest::Digest;
use crate::error::{ArtifactsError, Result};
use crate::layout;
use crate::workspace::{Created, Stored, Workspace};
use alias::alias_value;
pub use alias::{aliases, set_alias};
pub use manifest::{MODEL_SCHEMA_VERSION, ModelIdentity, ModelManifest, ModelSummary, PackageFile};

/// Package files fetched at once.
const FILES_IN_FLIGHT: usize = 4;

/// A verified package.
#[derive(Debug, Clone)]
pub struct ModelPackage {
    /// The manifest.
    pub manifest: ModelManifest,
    /// The SHA-256 of the manifest's bytes: the package's identity.
    pub digest: Digest,
    /// The files by name, each with the bytes that the manifest names.
    pub files: BTreeMap<String, Bytes>,
    folder: String,
}

/// The version number that belongs to a run: see `docs/storage.md`.
pub async fn claim_version(workspace: &Workspace, model: &ModelName, run: &RunId) -> Result<Version> {
    let key_of = |version| layout::model_claim(model, version);
    claims::claim(workspace, &layout::model_versions(model), key_of, run).await
}

/// Writes a file of a package that is not visible yet.
pub async fn write_model_file(
    workspace: &Workspace,
    model: &ModelName,
    version: Version,
    name: &str,
    bytes: Bytes,
) -> Result<PackageFile> {
    let key = layout::model_file(model, version, name)?;
    if workspace.size_of(&layout::model_manifest(model, version)).await?.is_some() {
        let folder = workspace.url_of_folder(&layout::model_version(model, version));
        return Err(ArtifactsError::Published { folder });
    }
    let file = PackageFile { name: name.to_owned(), bytes: bytes.len() as u64, sha256: Digest::of(&bytes) };
    let mut writer = crate::object::ObjectWriter::create(workspace, key);
    writer.write(&bytes).await?;
    writer.finish(0).await?;
    Ok(file)
}

/// Makes a version visible. Every file must be there with its size, and the version must belong to the manifest's run.
/// The same run may do so again: what it published first stays, and is returned.
pub async fn publish_model(workspace: &Workspace, manifest: ModelManifest) -> Result<Stored<ModelManifest>> {
    let (model, version) = (manifest.model.clone(), manifest.version);
    let folder = layout::model_version(&model, version);
    claims::check(workspace, &folder, &layout::model_claim(&model, version), &manifest.run).await?;
    for file in &manifest.files {
        let key = layout::model_file(&model, version, &file.name)?;
        match workspace.size_of(&key).await? {
            Some(bytes) if bytes == file.bytes => {}
            Some(found) => {
                let url = workspace.url_of(&key);
                return Err(ArtifactsError::SizeChanged { url, expected: file.bytes, found });
            }
            None => {
                let folder = workspace.url_of_folder(&folder);
                return Err(ArtifactsError::NoPackageFile { folder, name: file.name.clone() });
            }
        }
    }
    let key = layout::model_manifest(&model, version);
    match workspace.create_once(&key, &manifest).await? {
        Created::Won | Created::Lost { .. } => read_manifest(workspace, &model, version).await,
    }
}

/// A version's manifest; `None` where the version is not visible.
pub async fn find_manifest(
    workspace: &Workspace,
    model: &ModelName,
    version: Version,
) -> Result<Option<Stored<ModelManifest>>> {
    let key = layout::model_manifest(model, version);
    let Some(stored) = workspace.read_entry_if_there::<ModelManifest>(&key).await? else { return Ok(None) };
    let (found, expected) = ((&stored.body.model, stored.body.version), (model, version));
    if found != expected {
        return Err(ArtifactsError::Misplaced {
            url: workspace.url_of(&key),
            found: format!("{}@{}", found.0, found.1),
            expected: format!("{model}@{version}"),
        });
    }
    Ok(Some(stored))
}

/// A version's manifest; an error names the versions that there are.
pub async fn read_manifest(
    workspace: &Workspace,
    model: &ModelName,
    version: Version,
) -> Result<Stored<ModelManifest>> {
    match find_manifest(workspace, model, version).await? {
        Some(stored) => Ok(stored),
        None => Err(no_version(workspace, model, version).await?),
    }
}

/// Loads and verifies the package that a reference means.
pub async fn load_model(workspace: &Workspace, reference: &ModelReference) -> Result<ModelPackage> {
    let version = resolve(workspace, reference).await?;
    load_version(workspace, &reference.model, version).await
}

/// Loads and verifies the package that a run was planned with.
pub async fn load_identity(workspace: &Workspace, identity: &ModelIdentity) -> Result<ModelPackage> {
    let package = load_version(workspace, &identity.model, identity.version).await?;
    if package.digest == identity.manifest {
        return Ok(package);
    }
    let url = workspace.url_of(&layout::model_manifest(&identity.model, identity.version));
    Err(ArtifactsError::Tampered { url, expected: identity.manifest, found: package.digest })
}

async fn load_version(workspace: &Workspace, model: &ModelName, version: Version) -> Result<ModelPackage> {
    let Stored { body: manifest, digest } = read_manifest(workspace, model, version).await?;
    let files = futures::stream::iter(manifest.files.clone())
        .map(|file| async move {
            let bytes = read_verified(workspace, model, version, &file).await?;
            Ok::<_, ArtifactsError>((file.name, bytes))
        })
        .buffered(FILES_IN_FLIGHT)
        .try_collect()
        .await?;
    let folder = workspace.url_of_folder(&layout::model_version(model, version));
    Ok(ModelPackage { manifest, digest, files, folder })
}

async fn read_verified(
    workspace: &Workspace,
    model: &ModelName,
    version: Version,
    file: &PackageFile,
) -> Result<Bytes> {
    let key = layout::model_file(model, version, &file.name)?;
    let bytes = match workspace.read_sized(&key, file.bytes).await {
        Err(error) if error.is_missing() => {
            let folder = workspace.url_of_folder(&layout::model_version(model, version));
            return Err(ArtifactsError::NoPackageFile { folder, name: file.name.clone() });
        }
        other => other?,
    };
    let hashed = bytes.clone();
    let found = tokio::task::spawn_blocking(move || Digest::of(&hashed)).await;
    let found = found.map_err(|source| ArtifactsError::Stopped { url: workspace.url_of(&key), source })?;
    if found == file.sha256 {
        return Ok(bytes);
    }
    Err(ArtifactsError::Tampered { url: workspace.url_of(&key), expected: file.sha256, found })
}

impl ModelPackage {
    /// A file of the package.
    pub fn file(&self, name: &str) -> Result<&Bytes> {
        let missing = || ArtifactsError::NoPackageFile { folder: self.folder.clone(), name: name.to_owned() };
        self.files.get(name).ok_or_else(missing)
    }

    /// What runs and manifests say of it.
    pub fn identity(&self) -> ModelIdentity {
        let ModelManifest { model, version, .. } = &self.manifest;
        ModelIdentity { model: model.clone(), version: *version, manifest: self.digest }
    }
}

/// The version that a reference means now. A version given by number must be visible.
pub async fn resolve(workspace: &Workspace, reference: &ModelReference) -> Result<Version> {
    let model = &reference.model;
    match &reference.selector {
        Selector::Version(version) => Ok(read_manifest(workspace, model, *version).await?.body.version),
        Selector::Alias(alias) => match alias_value(workspace, model, alias).await? {
            Some(version) => Ok(version),
            None => Err(no_alias(workspace, model, alias).await?),
        },
    }
}

/// The identity of the package that a reference means now.
pub async fn resolve_identity(workspace: &Workspace, reference: &ModelReference) -> Result<ModelIdentity> {
    let version = resolve(workspace, reference).await?;
    let manifest = read_manifest(workspace, &reference.model, version).await?.digest;
    Ok(ModelIdentity { model: reference.model.clone(), version, manifest })
}

/// Every model that has a visible version, by name.
pub async fn list_models(workspace: &Workspace) -> Result<Vec<ModelSummary>> {
    let mut models = Vec::new();
    for model in model_names(workspace).await? {
        let versions = visible_versions(workspace, &model).await?;
        if versions.is_empty() {
            continue;
        }
        let aliases = aliases(workspace, &model).await?;
        models.push(ModelSummary { model, versions, aliases });
    }
    Ok(models)
}

/// A model's versions that have a manifest, ascending.
pub async fn visible_versions(workspace: &Workspace, model: &ModelName) -> Result<Vec<Version>> {
    let numbers = workspace.numbers_in(&layout::model_versions(model)).await?;
    futures::stream::iter(numbers.into_iter().map(Version))
        .map(|version| {
            let key = layout::model_manifest(model, version);
            async move { Ok((version, workspace.size_of(&key).await?)) }
        })
        .buffered(FILES_IN_FLIGHT)
        .try_filter_map(|(version, size)| async move { Ok(size.map(|_| version)) })
        .try_collect()
        .await
}

async fn model_names(workspace: &Workspace) -> Result<Vec<ModelName>> {
    Ok(names(workspace.names_in(&layout::models()).await?))
}

fn names<T: std::str::FromStr>(texts: Vec<String>) -> Vec<T> {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

async fn no_version(workspace: &Workspace, model: &ModelName, version: Version) -> Result<ArtifactsError> {
    let known = visible_versions(workspace, model).await?;
    if known.is_empty() {
        return no_model(workspace, model).await;
    }
    let known = known.iter().map(Version::to_string).collect();
    Ok(ArtifactsError::NoVersion { model: model.clone(), version, known })
}

async fn no_alias(workspace: &Workspace, model: &ModelName, alias: &AliasName) -> Result<ArtifactsError> {
    if visible_versions(workspace, model).await?.is_empty() {
        return no_model(workspace, model).await;
    }
    let known = aliases(workspace, model).await?.into_keys().map(String::from).collect();
    Ok(ArtifactsError::NoAlias { model: model.clone(), alias: alias.clone(), known })
}

async fn no_model(workspace: &Workspace, model: &ModelName) -> Result<ArtifactsError> {
    let known = list_models(workspace).await?.into_iter().map(|summary| summary.model.to_string()).collect();
    Ok(ArtifactsError::NoModel { model: model.clone(), known })
}

#[cfg(test)]
mod tests;
