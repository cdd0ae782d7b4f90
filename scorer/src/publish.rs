//! The last unit of work: checks that all shards are there, cuts the audiences, and publishes those that no guard holds back.
//!
//! [`settle`] finds who is in the audiences, [`package`] writes the files; [`table`] reads the scores for both. A version
//! becomes visible in [`artifacts::audience::publish`] alone, after its files are complete.

mod claims;
mod describe;
mod duplicates;
mod guarding;
mod outcome;
mod package;
mod parts;
mod rows;
mod settle;
mod table;
mod text;

use std::time::Duration;

use artifacts::audience::{
    AUDIENCE_SCHEMA_VERSION, AudienceManifest, DescriptionKind, Publication, PublishedAudience, Release, WaterfallStep,
    claim_version, description_url, latest,
};
use artifacts::plan::ShardPlan;
use artifacts::quarantine::LeftOut;
use artifacts::runs::{read_commits_less, read_plan, read_segments};
use artifacts::{ArtifactsError, audience, layout};
use chrono::Utc;
use spec::Audience;
use spec::ids::{AudienceName, Version};
use worker::{Cancel, Progress};

pub use outcome::{
    AudienceOutcome, ItemsOutcome, NeighboursOutcome, OverlapOutcome, PublishOutcome, ScoresOutcome, SegmentsOutcome,
    TierOutcome,
};

use crate::commit::{ScoreCommit, ShardSummary};
use crate::error::{Result, ScorerError};
use crate::items::publish_items;
use crate::neighbours::table::publish_neighbours;
use crate::profile::told::Overlap;
use crate::quarantine;
use crate::run::Run;
use crate::score::layout::published_ids;
use crate::scores::publish_scores;
use crate::secret_keys;
use crate::segments::profile::publish_profiles;
use crate::select::guards::{Duplicates, Last};
use crate::select::precedence::Precedence;
use crate::select::waterfall::{BELOW_THE_CUT, POPULATION, Step, Steps, waterfall};
pub(crate) use claims::Claims;
use describe::{Described, Describer};
use duplicates::find_duplicates;
use guarding::Compared;
use package::{Package, Written};
pub(crate) use rows::ScoredRows;
pub(crate) use settle::Settled;
use settle::{Settlement, Settling};
pub(crate) use table::{RowGroup, ScoreTable};

/// Publishes a run whose shards are all committed. Done again, it finds what it has published and changes nothing.
///
/// # Errors
///
/// Shards that are missing or are not what was committed, storage that fails. A guard that does not hold is no error:
/// the outcome says so.
pub async fn publish(run: &Run, progress: &Progress, cancel: &Cancel) -> Result<PublishOutcome> {
    secret_keys::check(run).await?;
    let Committed { plan, commits, table } = Committed::read(run, progress, cancel).await?;
    let url = publish_scores(run, &plan, &commits).await?;
    let scores = ScoresOutcome { rows: table.rows(), rows_per_second: rate(&commits), url };
    let facts = facts(run, &table, &commits).await?;
    let frozen = read_segments(&run.workspace, &run.id).await?;
    let profiles = publish_profiles(run, frozen, &facts.merged.segments).await?;
    let segments = profiles.into_iter().map(|profile| SegmentsOutcome::of(profile, &run.id, &run.workspace)).collect();
    let neighbours = publish_neighbours(run, &table, &commits).await?;
    let neighbours = neighbours.iter().map(|manifest| NeighboursOutcome::of(manifest, &run.workspace)).collect();
    let items = publish_items(run).await?.map(|manifest| ItemsOutcome::of(&manifest, &run.workspace));
    let publishing = Publishing::settle(run, &table, facts, (&plan, None, (progress, cancel))).await?;
    let overlap = OverlapOutcome::all(&run.spec().audiences, &publishing.settlement.overlap);
    let mut audiences = Vec::new();
    for index in 0..run.spec().audiences.len() {
        audiences.push(publishing.audience(index).await?);
    }
    Ok(PublishOutcome { audiences, overlap, scores, segments, neighbours, items, quarantined: publishing.left_out })
}

/// Publishes one audience of a run whatever its guards say. Done again, it finds what it has published and changes nothing.
///
/// # Errors
///
/// As [`publish`].
pub async fn publish_released(
    run: &Run,
    audience: &AudienceName,
    release: Release,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<AudienceOutcome> {
    let Committed { plan, commits, table } = Committed::read(run, progress, cancel).await?;
    secret_keys::check(run).await?;
    let facts = facts(run, &table, &commits).await?;
    let publishing = Publishing::settle(run, &table, facts, (&plan, Some(release), (progress, cancel))).await?;
    let index = run.spec().audiences.get_index_of(audience).ok_or(ScorerError::Broken)?;
    publishing.audience(index).await
}

/// The shards of a run: all there, each with the rows that the plan says.
struct Committed {
    plan: ShardPlan,
    commits: Vec<ScoreCommit>,
    table: ScoreTable,
}

impl Committed {
    async fn read(run: &Run, progress: &Progress, cancel: &Cancel) -> Result<Self> {
        let plan = read_plan(&run.workspace, &run.id).await?;
        let plan = plan.ok_or_else(|| ScorerError::NoRun { url: run.workspace.url_of(&layout::run_plan(&run.id)) })?;
        let commits: Vec<ScoreCommit> =
            read_commits_less(&run.workspace, &run.id, &plan, ShardSummary::rows_left_out).await?;
        let files: Vec<_> = commits.iter().map(|commit| commit.file.clone()).collect();
        let table = ScoreTable::open(run, &files, progress, cancel).await?;
        Ok(Self { plan, commits, table })
    }
}

/// What of the population could not be read, which must be as much as the document allows.
fn left_out(run: &Run, plan: &ShardPlan, merged: &ShardSummary) -> Result<Vec<LeftOut>> {
    let left_out: Vec<LeftOut> = plan.left_out.iter().chain(&merged.left_out).cloned().collect();
    if let Some(quarantine) = &run.spec().quarantine {
        quarantine::check(quarantine, &left_out)?;
    }
    Ok(left_out)
}

/// Rows a second that one process scored.
fn rate(commits: &[ScoreCommit]) -> f64 {
    let rows: u64 = commits.iter().map(|commit| commit.rows).sum();
    let micros: u64 = commits.iter().map(|commit| commit.summary.micros).sum();
    if rows == 0 { 0.0 } else { rows as f64 * 1e6 / micros.max(1) as f64 }
}

/// What is known of the whole population.
struct PopulationFacts {
    merged: ShardSummary,
    duplicates: Duplicates,
}

async fn facts(run: &Run, table: &ScoreTable, commits: &[ScoreCommit]) -> Result<PopulationFacts> {
    let spec = run.spec();
    let steps = spec.audiences.iter().map(|(name, audience)| (name.clone(), audience.key_steps().count()));
    let merged = ShardSummary::merged(commits.iter().map(|commit| &commit.summary), steps);
    if spec.audiences.is_empty() {
        return Ok(PopulationFacts { merged, duplicates: Duplicates::default() });
    }
    for (name, counts) in &merged.audiences {
        let (found, expected) = (counts.rows(), table.rows());
        if found != expected {
            let what = format!("the shards' counts for audience `{name}`");
            return Err(ArtifactsError::RowsDiffer { what, found, expected }.into());
        }
    }
    let duplicates = find_duplicates(table, &spec.key).await?;
    Ok(PopulationFacts { merged, duplicates })
}

struct Publishing<'a> {
    run: &'a Run,
    table: &'a ScoreTable,
    facts: PopulationFacts,
    /// What of the population could not be read.
    left_out: Vec<LeftOut>,
    compared: Compared,
    /// Who publishes what a guard has held back.
    release: Option<Release>,
    precedence: Precedence,
    settlement: Settlement,
    describer: Describer<'a>,
}

/// An audience on its way to being published.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    /// Its place in the document.
    index: usize,
    name: &'a AudienceName,
    definition: &'a Audience,
    settled: &'a Settled,
}

impl<'a> Publishing<'a> {
    /// Finds who is in the audiences.
    async fn settle(
        run: &'a Run,
        table: &'a ScoreTable,
        facts: PopulationFacts,
        (plan, release, watch): (&'a ShardPlan, Option<Release>, (&'a Progress, &'a Cancel)),
    ) -> Result<Self> {
        let spec = run.spec();
        let left_out = left_out(run, plan, &facts.merged)?;
        // A person who released a version has looked at what guards compare.
        let compared = if release.is_some() { Compared::default() } else { Compared::read(run).await? };
        let precedence = Precedence::of(&spec.audiences);
        let counts = &facts.merged.audiences;
        let settling = Settling::new(table, &spec.audiences, spec.key.as_str(), counts, &precedence);
        let settlement = settling.settle().await?;
        let describer = Describer::new(run, plan, &left_out, table, watch);
        Ok(Self { run, table, facts, precedence, settlement, describer, left_out, compared, release })
    }
}

impl Publishing<'_> {
    async fn audience(&self, index: usize) -> Result<AudienceOutcome> {
        let candidate = self.candidate(index)?;
        let Candidate { name, definition, settled, .. } = candidate;
        let (last, known_last) = self.last(name).await?;
        let (size, steps) = (settled.size, self.steps(candidate));
        if let Some(mine) = last.as_ref().filter(|last| last.pointer.run == self.run.id) {
            return self.published(&mine.manifest, steps);
        }
        let reasons = self.reasons(name, definition, size, (last.as_ref(), known_last)).await?;
        if !reasons.is_empty() {
            return self.hold_back(name, size, steps, &reasons).await;
        }
        let manifest = self.write(candidate, &steps, last.as_ref()).await?;
        let reasons = self.reasons_of_ids(definition, &manifest);
        if !reasons.is_empty() {
            return self.hold_back(name, size, steps, &reasons).await;
        }
        match audience::publish(&self.run.workspace, manifest.clone()).await? {
            Publication::Current => self.published(&manifest, steps),
            Publication::Superseded { by } => {
                let reason = format!("version {by} of another run was published meanwhile, and stays the current one");
                Ok(AudienceOutcome::held_back(name, size, steps, vec![reason]))
            }
        }
    }

    fn candidate(&self, index: usize) -> Result<Candidate<'_>> {
        let found = self.run.spec().audiences.get_index(index).zip(self.settlement.audiences.get(index));
        let ((name, definition), settled) = found.ok_or(ScorerError::Broken)?;
        Ok(Candidate { index, name, definition, settled })
    }

    fn steps(&self, Candidate { name, definition, settled, .. }: Candidate<'_>) -> Vec<Step> {
        let tables: Vec<String> = definition.key_steps().map(|step| step.to_string()).collect();
        let taken: Vec<_> = settled.taken.iter().map(|(other, people)| (other.to_string(), *people)).collect();
        let has_filter = definition.filter.is_some();
        let steps = Steps { has_filter, tables: &tables, taken: &taken, selected: settled.size };
        waterfall(&self.facts.merged.audiences[name], &steps)
    }

    /// What an audience shares with the others of the run.
    fn overlaps(&self, audience: usize) -> Vec<Overlap> {
        let others = self.settlement.overlap.pairs().filter_map(|(one, other, shared)| {
            let other = if one == audience { other } else { Some(one).filter(|_| other == audience)? };
            let (name, settled) =
                self.run.spec().audiences.keys().nth(other).zip(self.settlement.audiences.get(other))?;
            Some(Overlap { audience: name.clone(), people: settled.size, shared })
        });
        others.collect()
    }

    /// The current version. One that is not whole must not be the reason that readers get nothing better.
    async fn last(&self, name: &AudienceName) -> Result<(Option<PublishedAudience>, Last)> {
        match latest(&self.run.workspace, name).await {
            Ok(None) => Ok((None, Last::Nothing)),
            Ok(Some(last)) => {
                let known = Last::Size(last.manifest.version, last.manifest.selected);
                Ok((Some(last), known))
            }
            Err(error @ ArtifactsError::BrokenAudience { .. }) => Ok((None, Last::Broken(error.to_string()))),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the version's files, unless an earlier attempt had got as far as its manifest.
    async fn write(
        &self,
        candidate: Candidate<'_>,
        steps: &[Step],
        last: Option<&PublishedAudience>,
    ) -> Result<AudienceManifest> {
        let Candidate { index, name, definition, settled } = candidate;
        let workspace = &self.run.workspace;
        let version = claim_version(workspace, name, &self.run.id).await?;
        let key = layout::audience_manifest(name, version);
        if let Some(stored) = workspace.read_entry_if_there::<AudienceManifest>(&key).await? {
            return Ok(stored.body);
        }
        let ids = published_ids(name, definition, &self.run.spec().key)?;
        let names: Vec<&AudienceName> = self.run.spec().audiences.keys().collect();
        let ends = |audience: usize| self.settlement.audiences.get(audience).map(Settled::ends);
        let claims = Claims::new(&self.precedence, &[index], &names, ends);
        let package = Package {
            workspace,
            audience: name,
            version,
            format: &definition.format,
            ids: &ids,
            key: &self.run.spec().key,
            settled,
            claims: &claims,
        };
        let mut written = package.write(self.table).await?;
        self.keep_distributions(name, version).await?;
        let described = Described {
            name,
            definition,
            version,
            settled,
            claims: &claims,
            tiers: &written.tiers,
            waterfall: steps,
            overlaps: self.overlaps(index),
            last: last.map(|last| &last.manifest),
        };
        written.descriptions = self.describer.describe(described).await?;
        self.manifest(candidate, version, written, steps, last)
    }

    fn manifest(
        &self,
        Candidate { name, definition, settled, .. }: Candidate<'_>,
        version: Version,
        written: Written,
        steps: &[Step],
        last: Option<&PublishedAudience>,
    ) -> Result<AudienceManifest> {
        let created = Utc::now();
        Ok(AudienceManifest {
            schema_version: AUDIENCE_SCHEMA_VERSION,
            audience: name.clone(),
            version,
            run: self.run.id.clone(),
            scoring: self.run.scoring.metadata.name.clone(),
            created,
            expires_at: expires_after(name, definition)?.map(|after| created + after),
            program: self.run.document.program.clone(),
            model: self.run.model.clone(),
            definition: definition.clone(),
            inputs: self.run.document.inputs.clone(),
            population: self.table.rows(),
            waterfall: to_eligible(steps),
            eligible: settled.eligible,
            selected: written.tiers.values().map(|tier| tier.people + tier.holdout).sum(),
            tiers: written.tiers,
            missing_ids: written.missing_ids,
            invalid_ids: written.invalid_ids,
            id_keys: written.id_keys,
            rows: written.rows,
            files: written.files,
            descriptions: written.descriptions,
            previous: last.map(|last| last.manifest.version),
            released: self.release.clone(),
            quarantined: self.left_out.clone(),
        })
    }

    fn published(&self, manifest: &AudienceManifest, steps: Vec<Step>) -> Result<AudienceOutcome> {
        let (audience, version, workspace) = (&manifest.audience, manifest.version, &self.run.workspace);
        let key = layout::audience_manifest(audience, version);
        let mut outcome = AudienceOutcome::published(manifest, steps, workspace.url_of(&key));
        outcome.report_url = description_url(workspace, manifest, DescriptionKind::Report);
        Ok(outcome)
    }
}

/// How long a version may be used.
fn expires_after(name: &AudienceName, definition: &Audience) -> Result<Option<Duration>> {
    let parsed = definition.expires_after.as_ref().map(|text| {
        let invalid = |_| ScorerError::Expiry { audience: name.clone(), text: text.clone() };
        spec::duration::parse(text).map_err(invalid)
    });
    parsed.transpose()
}

/// The steps between the population and the eligible, which is what a manifest calls its waterfall.
fn to_eligible(steps: &[Step]) -> Vec<WaterfallStep> {
    let between = steps.iter().filter(|step| step.step != POPULATION && step.step != BELOW_THE_CUT);
    let told =
        between.map(|step| WaterfallStep { step: step.step.clone(), removed: step.left_out, left: step.remaining });
    told.collect()
}
