//! Writes what describes a version's people: `profile.json` for programs and `report.html` for people.

use std::sync::Arc;

use artifacts::audience::{
    AudienceManifest, DescriptionFile, DescriptionKind, TierSummary, read_description, write_description,
};
use artifacts::plan::ShardPlan;
use artifacts::quarantine::LeftOut;
use artifacts::runs::read_profiles;
use artifacts::{ArtifactsError, FailureClass};
use indexmap::IndexMap;
use spec::ids::{AudienceName, TierName, Version};
use spec::{Audience, KeyTable};
use tokio::sync::OnceCell;
use worker::{Cancel, Progress};

use super::claims::Claims;
use super::settle::Settled;
use super::table::ScoreTable;
use crate::error::{Result, ScorerError};
use crate::plan::Sql;
use crate::profile::plan::{ProfilePlan, ProfiledColumn, RunProfiles};
use crate::profile::told::{Overlap, Profile};
use crate::profile::{Describing, Seeds, Survey, page};
use crate::run::Run;
use crate::score::key_steps::{KeySource, read_key_sets};
use crate::select::waterfall::Step;

/// Describes the audiences of a run. What they share is read once, when the first of them is described.
#[derive(Debug)]
pub(super) struct Describer<'a> {
    run: &'a Run,
    plan: &'a ShardPlan,
    /// What of the population was not scored.
    left_out: Vec<LeftOut>,
    scores: &'a ScoreTable,
    watch: (&'a Progress, &'a Cancel),
    shared: OnceCell<Option<Shared>>,
}

/// A version whose files of people are written.
#[derive(Debug)]
pub(super) struct Described<'a> {
    pub(super) name: &'a AudienceName,
    pub(super) definition: &'a Audience,
    pub(super) version: Version,
    pub(super) settled: &'a Settled,
    pub(super) claims: &'a Claims,
    pub(super) tiers: &'a IndexMap<TierName, TierSummary>,
    pub(super) waterfall: &'a [Step],
    pub(super) overlaps: Vec<Overlap>,
    pub(super) last: Option<&'a AudienceManifest>,
}

#[derive(Debug)]
struct Shared {
    profiles: RunProfiles,
    population: ScoreTable,
    survey: Survey,
}

impl<'a> Describer<'a> {
    pub(super) fn new(
        run: &'a Run,
        plan: &'a ShardPlan,
        left_out: &[LeftOut],
        scores: &'a ScoreTable,
        watch: (&'a Progress, &'a Cancel),
    ) -> Self {
        let left_out = left_out.to_vec();
        Self { run, plan, left_out, scores, watch, shared: OnceCell::new() }
    }

    /// Writes the files, for the version's manifest; none for a run that was planned without.
    ///
    /// # Errors
    ///
    /// A population that cannot be read or was changed since it was scored, storage that fails.
    pub(super) async fn describe(&self, of: Described<'_>) -> Result<Vec<DescriptionFile>> {
        let Some(shared) = self.shared.get_or_try_init(|| self.share()).await? else { return Ok(Vec::new()) };
        let Some(plan) = shared.profiles.audiences.get(of.name) else { return Ok(Vec::new()) };
        let (name, version) = (of.name, of.version);
        let profile = self.profile(of, plan, shared).await?;
        let json = serde_json::to_vec(&profile).map_err(ScorerError::Json)?;
        let page = page::render(&profile).into_bytes();
        let workspace = &self.run.workspace;
        Ok(vec![
            write_description(workspace, (name, version), DescriptionKind::Profile, json).await?,
            write_description(workspace, (name, version), DescriptionKind::Report, page).await?,
        ])
    }

    async fn profile(&self, of: Described<'_>, plan: &ProfilePlan, shared: &Shared) -> Result<Profile> {
        let describing = Describing {
            audience: of.name,
            version: of.version,
            run: &self.run.id,
            date: self.run.document.run_date,
            model: &self.run.model,
            key: &self.run.spec().key,
            rank_by: &of.definition.rank_by,
            described: &of.definition.described(),
            plan,
            outputs: &shared.profiles.tasks,
            settled: of.settled,
            claims: of.claims,
            tiers: of.tiers,
            waterfall: of.waterfall,
            overlaps: of.overlaps,
            seeds: self.seeds(plan.seeds.as_ref()).await?,
            last: self.last(of.last).await?,
        };
        describing.describe(self.scores, &shared.population, &shared.survey).await
    }

    async fn share(&self) -> Result<Option<Shared>> {
        let Some(profiles) = read_profiles::<RunProfiles>(&self.run.workspace, &self.run.id).await? else {
            return Ok(None);
        };
        let population = ScoreTable::of_population(self.run, self.plan, &self.left_out, self.watch).await?;
        let mut columns: Vec<ProfiledColumn> = Vec::new();
        for column in profiles.audiences.values().flat_map(|plan| &plan.columns) {
            if !columns.contains(column) {
                columns.push(column.clone());
            }
        }
        let survey = Survey::of(&population, columns).await?;
        Ok(Some(Shared { profiles, population, survey }))
    }

    async fn seeds(&self, seeds: Option<&KeyTable>) -> Result<Option<Seeds>> {
        let Some(seeds) = seeds else { return Ok(None) };
        let mut sql = Sql::open(self.run)?;
        let source = KeySource::Table(seeds.clone());
        let keys = read_key_sets(self.run, &[source], &mut sql.session).await?;
        Ok(keys.into_iter().next().map(|keys| Seeds { table: seeds.table.clone(), keys: Arc::new(keys) }))
    }

    /// The profile of the version before. One that is missing or damaged must not keep this one from being described.
    async fn last(&self, last: Option<&AudienceManifest>) -> Result<Option<Profile>> {
        let Some(manifest) = last else { return Ok(None) };
        let bytes = match read_description(&self.run.workspace, manifest, DescriptionKind::Profile).await {
            Ok(bytes) => bytes,
            Err(error) if is_of_the_file(&error) => {
                tracing::warn!(audience = %manifest.audience, version = %manifest.version, %error, "the last profile cannot be read");
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let parsed = bytes.as_deref().map(serde_json::from_slice::<Profile>);
        Ok(parsed.and_then(|profile| match profile {
            Ok(profile) => Some(profile),
            Err(error) => {
                tracing::warn!(audience = %manifest.audience, version = %manifest.version, %error, "the last profile is of another form");
                None
            }
        }))
    }
}

/// Whether an error would be the same however often the file is read.
fn is_of_the_file(error: &ArtifactsError) -> bool {
    error.is_missing() || matches!(error.class(), FailureClass::Input | FailureClass::Integrity)
}
