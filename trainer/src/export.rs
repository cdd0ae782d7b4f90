//! What `kindred models export` asks a worker: a version as one module that other programs run.

use artifacts::Workspace;
use artifacts::layout::Key;
use artifacts::registry::{self, ModelPackage};
use artifacts::source::Location;
use model::encode::Encoders;
use model::export::{self, Signature};
use serde::{Deserialize, Serialize};
use spec::ids::Selector;
use spec::{ModelName, ModelReference, Version};

use crate::error::{Result, TrainerError};

/// The module's name in its own archive, so that the same model is the same bytes wherever it is written.
const FILE: &str = "module.pt";

/// What is to be exported.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Where models are.
    pub workspace: String,
    /// The model.
    pub model: ModelName,
    /// Its version.
    pub version: Version,
    /// The file that is written.
    pub output: String,
}

/// What was written.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The model.
    pub model: ModelName,
    /// Its version.
    pub version: Version,
    /// The file.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// What the module takes and gives.
    pub signature: Signature,
}

/// Writes a version as a TorchScript module.
///
/// # Errors
///
/// A version that is not there or damaged, what libtorch refuses, an output that cannot be written.
pub async fn export(request: Request) -> Result<Answer> {
    let Request { workspace, model, version, output } = request;
    let (folder, key) = destination(&output)?;
    let reference = ModelReference { model: model.clone(), selector: Selector::Version(version) };
    let package = registry::load_model(&Workspace::open(&workspace)?, &reference).await?;
    let made = tokio::task::spawn_blocking(move || module(&package));
    let (bytes, signature) = made.await.map_err(TrainerError::Thread)??;
    let size = bytes.len() as u64;
    folder.write(&key, bytes).await?;
    Ok(Answer { model, version, url: folder.url_of(&key), bytes: size, signature })
}

/// The module of a package. Blocking.
fn module(package: &ModelPackage) -> Result<(Vec<u8>, Signature)> {
    let encoders: Encoders = serde_json::from_slice(package.file("encoders.json")?)
        .map_err(|source| TrainerError::PackageFile { file: "encoders.json", source })?;
    let numbers: (&[u8], &[u8]) = (package.file("weights.safetensors")?, package.file("calibration.json")?);
    // libtorch writes to paths alone.
    let folder = tempfile::Builder::new().prefix("kindred-export-").tempdir().map_err(TrainerError::Scratch)?;
    let file = folder.path().join(FILE);
    let signature = export::torchscript(&package.manifest.document.spec, &encoders, numbers, &file)?;
    let bytes = std::fs::read(&file).map_err(TrainerError::Scratch)?;
    Ok((bytes, signature))
}

/// The folder and the name of an output.
fn destination(url: &str) -> Result<(Workspace, Key)> {
    let whole = Location::parse(url)?.url();
    let (folder, name) = whole.rsplit_once('/').unwrap_or((".", &whole));
    let key = name.parse().map_err(|source| TrainerError::Output { url: url.to_owned(), source })?;
    Ok((Workspace::open(folder)?, key))
}
