//! Published audiences: what ad systems read, and how it becomes visible all at once.
//!
//! Publishing goes: files, `manifest.json` (create once), `_SUCCESS` (the SHA-256 of the manifest),
//! `pointers/<n>.json` (create once), `latest.json`. A reader follows the last pointer. Whatever step a publisher dies
//! at, the same run goes on from there and another run ignores what was left.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::ids::ScoringName;
use spec::{AudienceName, RunId, TableName, TierName, Version};

use crate::claims;
use crate::digest::Digest;
use crate::error::{ArtifactsError, PackageFault, Result};
use crate::layout;
use crate::object::FileRecord;
use crate::pointers::{self, Next};
use crate::registry::ModelIdentity;
use crate::source::InputFile;
use crate::workspace::{Created, Stored, Workspace};

/// The form of the manifests that this program writes, and the only one it reads.
pub const AUDIENCE_SCHEMA_VERSION: u32 = 1;
/// Writes of `latest.json` before another writer's pointer is left to that writer.
const LATEST_TRIES: usize = 8;

/// What a version of an audience holds, and how it came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceManifest {
    /// [`AUDIENCE_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The audience.
    pub audience: AudienceName,
    /// Its version.
    pub version: Version,
    /// The run that made it.
    pub run: RunId,
    /// That run's document.
    pub scoring: ScoringName,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Until when it may be used; without end when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The program that made it, with its version.
    pub program: String,
    /// The model that the ranks come from.
    pub model: ModelIdentity,
    /// The audience as it was declared.
    pub definition: spec::Audience,
    /// The files that each table of the run was read from.
    pub inputs: BTreeMap<TableName, Vec<InputFile>>,
    /// Rows of the population.
    pub population: u64,
    /// What was left out on the way from the population to the eligible people, in order.
    pub waterfall: Vec<WaterfallStep>,
    /// People that the predicate and the exclusions left.
    pub eligible: u64,
    /// People taken, holdout included.
    pub selected: u64,
    /// The tiers, from the top down.
    pub tiers: IndexMap<TierName, TierSummary>,
    /// For each published id column, how many people have no such id.
    pub missing_ids: IndexMap<String, u64>,
    /// The files, in order.
    pub files: Vec<AudienceFile>,
    /// The version that was current when this one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Version>,
}

/// One step from the population to the eligible people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaterfallStep {
    /// What it asks: `where`, `exclude recent_buyers`, `rank_by is not null`, …
    pub step: String,
    /// People it left out.
    pub removed: u64,
    /// People after it.
    pub left: u64,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierSummary {
    /// People to be addressed.
    pub people: u64,
    /// People held out for measuring lift.
    pub holdout: u64,
    /// The highest rank in it; `None` where it is empty.
    pub highest: Option<f64>,
    /// The lowest rank in it; `None` where it is empty.
    pub lowest: Option<f64>,
}

/// A file of the package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudienceFile {
    /// Relative to the package's folder.
    pub path: String,
    /// Its tier.
    pub tier: TierName,
    /// Whether it holds the control group.
    pub holdout: bool,
    /// Rows in it.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

/// A published version of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudiencePointer {
    /// The version.
    pub version: Version,
    /// Its folder, relative to the workspace.
    pub folder: String,
    /// The SHA-256 of its manifest.
    pub manifest: Digest,
    /// The run that published it.
    pub run: RunId,
    /// When.
    pub at: DateTime<Utc>,
}

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// The version is the current one.
    Current,
    /// A later version was published meanwhile and stays current; this one is whole but no pointer names it.
    Superseded {
        /// The current version.
        by: Version,
    },
}

/// An audience's current version.
#[derive(Debug, Clone, PartialEq)]
pub struct PublishedAudience {
    /// What points to it.
    pub pointer: AudiencePointer,
    /// What it holds.
    pub manifest: AudienceManifest,
}

/// The version number that belongs to a run.
pub async fn claim_version(workspace: &Workspace, audience: &AudienceName, run: &RunId) -> Result<Version> {
    let key_of = |version| layout::audience_claim(audience, version);
    claims::claim(workspace, &layout::audience_versions(audience), key_of, run).await
}

/// A written file as the manifest names it. `record.key` must be in the package's folder.
pub fn package_file(
    audience: &AudienceName,
    version: Version,
    tier: &TierName,
    holdout: bool,
    record: &FileRecord,
) -> AudienceFile {
    let folder = layout::audience_version(audience, version);
    let key = record.key.as_str();
    let path = key.strip_prefix(folder.as_str()).unwrap_or(key).trim_start_matches('/').to_owned();
    let (rows, bytes, sha256) = (record.rows, record.bytes, record.sha256);
    AudienceFile { path, tier: tier.clone(), holdout, rows, bytes, sha256 }
}

/// Publishes a version whose files are all written. It may be done again by the same run, at whatever step it broke off:
/// the manifest that was created first stays.
pub async fn publish(workspace: &Workspace, manifest: AudienceManifest) -> Result<Publication> {
    let (audience, version) = (manifest.audience.clone(), manifest.version);
    let folder = layout::audience_version(&audience, version);
    claims::check(workspace, &folder, &layout::audience_claim(&audience, version), &manifest.run).await?;
    check_counts(&manifest)?;
    check_files(workspace, &manifest).await?;
    let manifest_key = layout::audience_manifest(&audience, version);
    match workspace.create_once(&manifest_key, &manifest).await? {
        Created::Won => {}
        Created::Lost { winner } => check_files(workspace, &winner).await?,
    }
    let digest = workspace.read_entry::<AudienceManifest>(&manifest_key).await?.digest;
    workspace.write(&layout::audience_success(&audience, version), format!("{digest}\n")).await?;
    let publication = point(workspace, &manifest, digest).await?;
    refresh_latest(workspace, &audience).await?;
    Ok(publication)
}

/// Tiers, files and totals must tell the same numbers.
fn check_counts(manifest: &AudienceManifest) -> Result<()> {
    let expect = |what: String, found: u64, expected: u64| {
        if found == expected { Ok(()) } else { Err(ArtifactsError::RowsDiffer { what, found, expected }) }
    };
    let name = &manifest.audience;
    for (tier, summary) in &manifest.tiers {
        for (holdout, expected) in [(false, summary.people), (true, summary.holdout)] {
            let files = manifest.files.iter().filter(|file| file.tier == *tier && file.holdout == holdout);
            let part = if holdout { "holdout of tier" } else { "tier" };
            expect(format!("{part} `{tier}` of audience `{name}`"), files.map(|file| file.rows).sum(), expected)?;
        }
    }
    let in_files = manifest.files.iter().map(|file| file.rows).sum();
    expect(format!("audience `{name}`"), in_files, manifest.selected)?;
    let removed: u64 = manifest.waterfall.iter().map(|step| step.removed).sum();
    expect(format!("the waterfall of audience `{name}`"), manifest.eligible + removed, manifest.population)
}

async fn check_files(workspace: &Workspace, manifest: &AudienceManifest) -> Result<()> {
    let folder = layout::audience_version(&manifest.audience, manifest.version);
    for file in &manifest.files {
        let key = folder.below(&file.path)?;
        match workspace.size_of(&key).await? {
            Some(found) if found == file.bytes => {}
            Some(found) => {
                let url = workspace.url_of(&key);
                return Err(ArtifactsError::SizeChanged { url, expected: file.bytes, found });
            }
            None => {
                let folder = workspace.url_of_folder(&folder);
                return Err(ArtifactsError::NoPackageFile { folder, name: file.path.clone() });
            }
        }
    }
    Ok(())
}

/// Versions only go up: a run that was held up must not put last week's people back.
async fn point(workspace: &Workspace, manifest: &AudienceManifest, digest: Digest) -> Result<Publication> {
    let (audience, version) = (&manifest.audience, manifest.version);
    let key_of = |number| layout::audience_pointer(audience, number);
    let decide = |current: Option<&AudiencePointer>| match current {
        Some(current) if current.version >= version => Next::Keep,
        _ => Next::Append(AudiencePointer {
            version,
            folder: layout::audience_version(audience, version).to_string(),
            manifest: digest,
            run: manifest.run.clone(),
            at: Utc::now(),
        }),
    };
    let pointers = layout::audience_pointers(audience);
    let (current, _) = pointers::append(workspace, &pointers, key_of, decide).await?;
    let by = current.stored.body.version;
    Ok(if by == version { Publication::Current } else { Publication::Superseded { by } })
}

/// Copies the last pointer to `latest.json`, again if another writer was faster meanwhile.
async fn refresh_latest(workspace: &Workspace, audience: &AudienceName) -> Result<()> {
    let mut copied = None;
    for _ in 0..LATEST_TRIES {
        let Some(number) = workspace.numbers_in(&layout::audience_pointers(audience)).await?.last().copied() else {
            return Ok(());
        };
        if copied == Some(number) {
            return Ok(());
        }
        let bytes = workspace.read(&layout::audience_pointer(audience, number)).await?;
        workspace.write(&layout::audience_latest(audience), bytes).await?;
        copied = Some(number);
    }
    Ok(())
}

/// The current version of an audience, `None` where nothing was ever published. A version that the last pointer names
/// and that is not whole is an error, never replaced by an older one in silence.
pub async fn latest(workspace: &Workspace, audience: &AudienceName) -> Result<Option<PublishedAudience>> {
    let key_of = |number| layout::audience_pointer(audience, number);
    let pointers = layout::audience_pointers(audience);
    let Some(last) = pointers::last::<AudiencePointer>(workspace, &pointers, key_of).await? else { return Ok(None) };
    let pointer = last.stored.body;
    let broken = |fault| ArtifactsError::BrokenAudience { audience: audience.clone(), version: pointer.version, fault };
    let stored = match read_published(workspace, audience, pointer.version).await? {
        Some(stored) => stored,
        None => return Err(broken(PackageFault::NoManifest)),
    };
    if stored.digest != pointer.manifest {
        return Err(broken(PackageFault::ManifestChanged));
    }
    Ok(Some(PublishedAudience { pointer, manifest: stored.body }))
}

/// A version's manifest if the version is whole: `_SUCCESS` holds the manifest's SHA-256. `None` where there is no
/// manifest.
pub async fn read_published(
    workspace: &Workspace,
    audience: &AudienceName,
    version: Version,
) -> Result<Option<Stored<AudienceManifest>>> {
    let broken = |fault| ArtifactsError::BrokenAudience { audience: audience.clone(), version, fault };
    let key = layout::audience_manifest(audience, version);
    let Some(stored) = workspace.read_entry_if_there::<AudienceManifest>(&key).await? else { return Ok(None) };
    let Some(success) = workspace.read_if_there(&layout::audience_success(audience, version)).await? else {
        return Err(broken(PackageFault::NoSuccess));
    };
    if success.trim_ascii() != stored.digest.to_string().as_bytes() {
        return Err(broken(PackageFault::ManifestChanged));
    }
    if stored.body.audience != *audience || stored.body.version != version {
        return Err(ArtifactsError::Misplaced {
            url: workspace.url_of(&key),
            found: format!("{} version {}", stored.body.audience, stored.body.version),
            expected: format!("{audience} version {version}"),
        });
    }
    Ok(Some(stored))
}

/// What was published of an audience, oldest first.
pub async fn history(workspace: &Workspace, audience: &AudienceName) -> Result<Vec<AudiencePointer>> {
    let mut pointers = Vec::new();
    for number in workspace.numbers_in(&layout::audience_pointers(audience)).await? {
        pointers.push(workspace.read_entry(&layout::audience_pointer(audience, number)).await?.body);
    }
    Ok(pointers)
}

/// The audiences that have a published version, by name.
pub async fn list_audiences(workspace: &Workspace) -> Result<Vec<AudienceName>> {
    let mut audiences = Vec::new();
    for name in workspace.names_in(&layout::audiences()).await? {
        let Ok(audience) = name.parse::<AudienceName>() else { continue };
        if !workspace.numbers_in(&layout::audience_pointers(&audience)).await?.is_empty() {
            audiences.push(audience);
        }
    }
    Ok(audiences)
}

#[cfg(test)]
mod tests;
