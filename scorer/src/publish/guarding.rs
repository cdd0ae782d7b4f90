//! What guards judge an audience by, and what becomes of a version that one holds back.

use artifacts::audience::{HeldBackVersion, PublishedAudience, claim_version, hold_back};
use artifacts::registry::load_identity;
use artifacts::{ArtifactsError, FailureClass, layout};
use chrono::Utc;
use model::drift::{Distribution, Distributions, Kind, REFERENCE_FILE};
use spec::Audience;
use spec::ids::{AudienceName, Version};

use super::Publishing;
use super::outcome::AudienceOutcome;
use crate::error::{Result, ScorerError};
use crate::freshness::{self, Freshness};
use crate::run::Run;
use crate::select::drift::{Shift, Since, VersionDistributions, rank_shift, shifts};
use crate::select::guards::{Facts, HeldBack, Last, held_back, without_ids};
use crate::select::waterfall::Step;

/// What the guards of all audiences of a run compare with.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// What the model's training looked like.
    reference: Option<Distributions>,
    /// How new tables are.
    freshness: Freshness,
}

impl Compared {
    /// Reads what the run's guards need.
    ///
    /// # Errors
    ///
    /// A package that was changed, storage that fails.
    pub(super) async fn read(run: &Run) -> Result<Self> {
        let freshness = freshness::read(run).await?;
        if !run.watches_drift() {
            return Ok(Self { reference: None, freshness });
        }
        let package = load_identity(&run.workspace, &run.model).await?;
        let reference = serde_json::from_slice(package.file(REFERENCE_FILE)?);
        let reference = reference.map_err(|source| ScorerError::Package { file: REFERENCE_FILE, source })?;
        Ok(Self { reference: Some(reference), freshness })
    }
}

impl Publishing<'_> {
    /// The guards that do not hold before anything is written; none where a person has released the version.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(super) async fn reasons(
        &self,
        name: &AudienceName,
        definition: &Audience,
        size: u64,
        last: (Option<&PublishedAudience>, Last),
    ) -> Result<Vec<HeldBack>> {
        if self.release.is_some() {
            return Ok(Vec::new());
        }
        let (last, known_last) = last;
        let (shifts, lost_distributions) = self.shifts(name, definition, last, &known_last).await?;
        let facts = Facts {
            size,
            last: known_last,
            null_keys: self.facts.merged.null_keys,
            duplicates: self.facts.duplicates,
            population: self.table.rows(),
            stale: freshness::stale(self.run, name, &self.compared.freshness)?,
            shifts,
            lost_distributions,
        };
        Ok(held_back(&definition.guards, &facts))
    }

    /// The guards that do not hold once the files are written; none where a person has released the version.
    pub(super) fn reasons_of_ids(
        &self,
        definition: &Audience,
        written: &artifacts::audience::AudienceManifest,
    ) -> Vec<HeldBack> {
        match self.release {
            Some(_) => Vec::new(),
            None => without_ids(&definition.guards, written.selected, &written.missing_ids),
        }
    }

    /// How far everything has moved since training and since the last version, and why the latter cannot be told.
    async fn shifts(
        &self,
        name: &AudienceName,
        definition: &Audience,
        last: Option<&PublishedAudience>,
        known_last: &Last,
    ) -> Result<(Vec<Shift>, Option<String>)> {
        let Some(observed) = self.facts.merged.distributions.as_ref().filter(|_| definition.guards.max_psi.is_some())
        else {
            return Ok((Vec::new(), None));
        };
        let training = self.compared.reference.iter();
        let mut found: Vec<Shift> =
            training.flat_map(|reference| shifts(observed, reference, Since::Training)).collect();
        if let Last::Broken(fault) = known_last {
            return Ok((found, Some(fault.clone())));
        }
        let Some(version) = last.map(|last| last.manifest.version) else { return Ok((found, None)) };
        match self.distributions_of(name, version).await? {
            Ok(Some(before)) => {
                found.extend(shifts(observed, &before.population, Since::Version(version)));
                found.extend(rank_shift(&self.rank_of(name), &before.rank, version));
                Ok((found, None))
            }
            Ok(None) => Ok((found, None)),
            Err(fault) => Ok((found, Some(fault))),
        }
    }

    /// What a version was chosen from: `None` where that was not kept, the fault where it was damaged since.
    async fn distributions_of(
        &self,
        name: &AudienceName,
        version: Version,
    ) -> Result<Result<Option<VersionDistributions>, String>> {
        let key = layout::audience_distributions(name, version);
        match self.run.workspace.read_entry_if_there(&key).await {
            Ok(stored) => Ok(Ok(stored.map(|stored| stored.body))),
            Err(error) if is_damage(&error) => Ok(Err(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }

    /// The audience's ranks, in the cells that distributions have.
    fn rank_of(&self, name: &AudienceName) -> Distribution {
        Distribution::of_cells(Kind::Numbers, self.facts.merged.audiences[name].ranks.cells().iter().copied())
    }

    /// Keeps what the version was chosen from, for the next one to be compared with.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(super) async fn keep_distributions(&self, name: &AudienceName, version: Version) -> Result<()> {
        let Some(population) = self.facts.merged.distributions.clone() else { return Ok(()) };
        let kept = VersionDistributions { population, rank: self.rank_of(name) };
        self.run.workspace.create_once(&layout::audience_distributions(name, version), &kept).await?;
        Ok(())
    }

    /// Leaves the last version current, and notes why under a number of this run's own, so that a person can release it.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(super) async fn hold_back(
        &self,
        name: &AudienceName,
        size: u64,
        steps: Vec<Step>,
        reasons: &[HeldBack],
    ) -> Result<AudienceOutcome> {
        let (workspace, run) = (&self.run.workspace, self.run.id.clone());
        let version = claim_version(workspace, name, &run).await?;
        let reasons: Vec<String> = reasons.iter().map(HeldBack::to_string).collect();
        let (audience, at) = (name.clone(), Utc::now());
        let held = HeldBackVersion { audience, version, run, at, size, reasons: reasons.clone() };
        hold_back(workspace, held).await?;
        let outcome = AudienceOutcome::held_back(name, size, steps, reasons);
        Ok(AudienceOutcome { held_version: Some(version), ..outcome })
    }
}

fn is_damage(error: &ArtifactsError) -> bool {
    error.class() == FailureClass::Integrity
}
