//! Published audiences: what ad systems read, and how it becomes visible all at once.
//!
//! Publishing goes: files, `manifest.json` (create once), `_SUCCESS` (the SHA-256 of the manifest),
//! `pointers/<n>.json` (create once), `latest.json`. A reader follows the last pointer. Whatever step a publisher dies
//! at, the same run goes on from there and another run ignores what was left.

mod held;
mod manifest;

use bytes::Bytes;
use chrono::Utc;
use spec::{AudienceName, RunId, TierName, Version};

use crate::claims;
use crate::digest::Digest;
use crate::error::{ArtifactsError, PackageFault, Result};
use crate::layout;
use crate::object::FileRecord;
use crate::pointers::{self, Next};
use crate::workspace::{Created, Stored, Workspace};
pub use held::{HeldBackVersion, Release, held_back_by, hold_back, list_held_back, read_held_back};
pub use manifest::{
    AUDIENCE_SCHEMA_VERSION, AudienceFile, AudienceManifest, AudiencePointer, DescriptionFile, DescriptionKind,
    TierRows, TierSummary, WaterfallStep,
};

/// Writes of `latest.json` before another writer's pointer is left to that writer.
const LATEST_TRIES: usize = 8;

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

/// Writes a file that describes a version's people, for its manifest.
pub async fn write_description(
    workspace: &Workspace,
    (audience, version): (&AudienceName, Version),
    kind: DescriptionKind,
    bytes: Vec<u8>,
) -> Result<DescriptionFile> {
    let path = kind.file_name().to_owned();
    let described = DescriptionFile { path, kind, bytes: bytes.len() as u64, sha256: Digest::of(&bytes) };
    workspace.write(&layout::audience_file(audience, version, &described.path)?, bytes).await?;
    Ok(described)
}

/// Where a version's description of this kind is; `None` where its manifest names none.
pub fn description_url(workspace: &Workspace, manifest: &AudienceManifest, kind: DescriptionKind) -> Option<String> {
    let described = manifest.descriptions.iter().find(|described| described.kind == kind)?;
    let key = layout::audience_version(&manifest.audience, manifest.version).below(&described.path).ok()?;
    Some(workspace.url_of(&key))
}

/// A version's description of this kind, as its manifest names it; `None` where it names none.
pub async fn read_description(
    workspace: &Workspace,
    manifest: &AudienceManifest,
    kind: DescriptionKind,
) -> Result<Option<Bytes>> {
    let Some(described) = manifest.descriptions.iter().find(|described| described.kind == kind) else {
        return Ok(None);
    };
    let key = layout::audience_version(&manifest.audience, manifest.version).below(&described.path)?;
    let bytes = workspace.read_sized(&key, described.bytes).await?;
    match Digest::of(&bytes) == described.sha256 {
        true => Ok(Some(bytes)),
        false => {
            let (audience, version) = (manifest.audience.clone(), manifest.version);
            let fault = PackageFault::FileChanged { name: described.path.clone() };
            Err(ArtifactsError::BrokenAudience { audience, version, fault })
        }
    }
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
    let mut of_tiers = 0;
    for (tier, summary) in &manifest.tiers {
        let one_each = TierRows { people: summary.people, holdout: summary.holdout };
        let rows = manifest.rows.get(tier).copied().unwrap_or(one_each);
        for (holdout, expected) in [(false, rows.people), (true, rows.holdout)] {
            let files = manifest.files.iter().filter(|file| file.tier == *tier && file.holdout == holdout);
            let part = if holdout { "holdout of tier" } else { "tier" };
            expect(format!("{part} `{tier}` of audience `{name}`"), files.map(|file| file.rows).sum(), expected)?;
            of_tiers += expected;
        }
    }
    let in_files = manifest.files.iter().map(|file| file.rows).sum();
    expect(format!("the files of audience `{name}`"), in_files, of_tiers)?;
    let in_tiers = manifest.tiers.values().map(|tier| tier.people + tier.holdout).sum();
    expect(format!("audience `{name}`"), in_tiers, manifest.selected)?;
    let removed: u64 = manifest.waterfall.iter().map(|step| step.removed).sum();
    expect(format!("the waterfall of audience `{name}`"), manifest.eligible + removed, manifest.population)
}

async fn check_files(workspace: &Workspace, manifest: &AudienceManifest) -> Result<()> {
    let folder = layout::audience_version(&manifest.audience, manifest.version);
    let of_people = manifest.files.iter().map(|file| (&file.path, file.bytes));
    let descriptions = manifest.descriptions.iter().map(|file| (&file.path, file.bytes));
    for (path, expected) in of_people.chain(descriptions) {
        let key = folder.below(path)?;
        match workspace.size_of(&key).await? {
            Some(found) if found == expected => {}
            Some(found) => return Err(ArtifactsError::SizeChanged { url: workspace.url_of(&key), expected, found }),
            None => {
                let folder = workspace.url_of_folder(&folder);
                return Err(ArtifactsError::NoPackageFile { folder, name: path.clone() });
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

/// The audiences that have a version, published or held back, by name.
pub async fn list_audiences_with_versions(workspace: &Workspace) -> Result<Vec<AudienceName>> {
    let names = workspace.names_in(&layout::audiences()).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
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
