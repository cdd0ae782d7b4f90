//! What audiences brought: the people who were addressed against the control group, by intention to treat.
//!
//! The tiers of a published package are the *treated*, its holdout is the control group, and both are compared whole:
//! whoever was to be addressed counts as treated, reached or not. Comparing only those who were reached with the holdout
//! would compare people who can be reached with people in general, and find an effect where there is none.
//!
//! [`outcomes`] reads what came of people, [`people`] who they are, [`figures`] puts both together, [`statistics`] knows
//! the formulas. Nothing here changes anything that is stored.

mod error;
pub mod figures;
mod identity;
mod outcomes;
mod people;
mod review;
pub mod statistics;

use artifacts::audience::{self, AudienceManifest};
use artifacts::{Workspace, layout};
use chrono::{DateTime, Utc};
use query::{Session, SessionOptions};
use serde::{Deserialize, Serialize};
use spec::{AudienceName, ColumnName, RunId, TierName, Version};

pub use error::{LiftError, Refusal};
use figures::{Figures, Warning};
use identity::Identity;
use outcomes::Outcomes;
use people::Arms;
pub use review::{Costs, Reviewed};
use statistics::sample_ratio_p_value;

/// Memory for rows that queries over outcomes hold; they do not sort, so it is a limit and no need.
const MEMORY_BYTES: u64 = 1 << 30;
/// A sample ratio as odd as this is no accident of drawing.
const ODD_RATIO: f64 = 0.001;

/// What `kindred lift` and `kindred review` ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftRequest {
    /// The workspace's URL.
    pub workspace: String,
    /// The audiences, in the order in which they are shown.
    pub audiences: Vec<Asked>,
    /// What came of people.
    pub outcomes: OutcomeTable,
    /// Of the intervals, 0..1.
    pub confidence: f64,
}

/// One audience that is asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The audience.
    pub audience: AudienceName,
    /// Which version; the current one when absent.
    pub version: Option<Version>,
    /// What addressing it has cost, in the unit of the values.
    pub cost: Option<f64>,
}

/// A table of outcomes: a row an event, or a row a person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeTable {
    /// A file, a folder or a pattern: Parquet, CSV or JSON lines.
    pub url: String,
    /// The column with people's ids as the population had them.
    pub key: Option<ColumnName>,
    /// The package's id column that people are found by; without `key` the table has it under the same name.
    pub id: Option<ColumnName>,
    /// Whether a row is a conversion: true, or a number other than 0.
    pub converted: Option<ColumnName>,
    /// What a row is worth.
    pub value: Option<ColumnName>,
    /// Whether a row's person was reached.
    pub exposed: Option<ColumnName>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LiftAnswer {
    /// The figures of the audiences, in the order asked.
    Lift(Vec<AudienceLift>),
    /// What was asked makes no sense, or is not there.
    Refused(Refusal),
}

/// What one audience brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceLift {
    /// The audience.
    pub audience: AudienceName,
    /// The version.
    pub version: Version,
    /// The run that published it.
    pub run: RunId,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// The id column that people were found by.
    pub id: String,
    /// Of the intervals, 0..1.
    pub confidence: f64,
    /// What was found of the outcomes.
    pub outcomes: OutcomesFound,
    /// Whether the holdout is of the size that was drawn.
    pub sample_ratio: SampleRatio,
    /// All tiers together.
    pub overall: Figures,
    /// Each tier, from the top down.
    pub tiers: Vec<TierFigures>,
    /// Figures of a review: costs, and p-values among several audiences.
    #[serde(flatten)]
    pub reviewed: Reviewed,
    /// What makes the figures doubtful.
    pub warnings: Vec<Warning>,
}

/// The figures of a tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TierFigures {
    /// The tier.
    pub tier: TierName,
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// What was found of a table of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomesFound {
    /// Its rows.
    pub rows: u64,
    /// Rows without an id.
    pub without_id: u64,
    /// Different ids.
    pub ids: u64,
    /// Ids of somebody in the package.
    pub matched: u64,
    /// Ids of nobody in the package.
    pub unmatched: u64,
    /// Ids that more than one row of the package has.
    pub shared: u64,
}

/// The holdout's share of the people with an id, against the share that was to be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SampleRatio {
    /// As declared, 0..1.
    pub expected: f64,
    /// As found.
    pub found: f64,
    /// Chi-squared; `None` where nothing was expected.
    pub p_value: Option<f64>,
}

/// Answers what was asked; what is wrong with the question is an answer, too.
///
/// # Errors
///
/// Storage that fails, packages or tables that are damaged.
pub async fn lift(request: LiftRequest) -> Result<LiftAnswer, LiftError> {
    match answer(&request).await {
        Ok(lifts) => Ok(LiftAnswer::Lift(lifts)),
        Err(error) if error.is_input() => Ok(LiftAnswer::Refused(Refusal::of(&error))),
        Err(error) => Err(error),
    }
}

async fn answer(request: &LiftRequest) -> Result<Vec<AudienceLift>, LiftError> {
    let workspace = Workspace::open(&request.workspace)?;
    let mut lifts = Vec::with_capacity(request.audiences.len());
    // Audiences that publish the same ids share one reading of the outcomes.
    let mut read: Vec<(Identity, Outcomes)> = Vec::new();
    for asked in &request.audiences {
        let manifest = find(&workspace, asked).await?;
        if !manifest.tiers.values().any(|tier| tier.holdout > 0) {
            return Err(LiftError::NoHoldout { audience: manifest.audience, version: manifest.version });
        }
        let identity = Identity::find(&manifest, &request.outcomes)?;
        let position = match read.iter().position(|(known, _)| *known == identity) {
            Some(position) => position,
            None => {
                let outcomes = Outcomes::read(&request.outcomes, &identity).await?;
                read.push((identity.clone(), outcomes));
                read.len() - 1
            }
        };
        let outcomes = &mut read[position].1;
        outcomes.forget_people();
        let arms = Arms::read(&workspace, &manifest, &identity, outcomes).await?;
        lifts.push(measured(request, asked, manifest, &identity, outcomes, &arms));
    }
    review::adjust(&mut lifts);
    Ok(lifts)
}

/// The manifest of the version that is asked about.
async fn find(workspace: &Workspace, asked: &Asked) -> Result<AudienceManifest, LiftError> {
    let name = &asked.audience;
    let found = match asked.version {
        None => audience::latest(workspace, name).await?.map(|published| published.manifest),
        Some(version) => audience::read_published(workspace, name, version).await?.map(|stored| stored.body),
    };
    if let Some(manifest) = found {
        return Ok(manifest);
    }
    let versions = audience::history(workspace, name).await?;
    if let (Some(version), false) = (asked.version, versions.is_empty()) {
        let known = versions.iter().map(|pointer| pointer.version.to_string()).collect();
        return Err(LiftError::NoVersion { audience: name.clone(), version, known });
    }
    let known = audience::list_audiences(workspace).await?.iter().map(ToString::to_string).collect();
    Err(LiftError::NoAudience { audience: name.clone(), known })
}

fn measured(
    request: &LiftRequest,
    asked: &Asked,
    manifest: AudienceManifest,
    identity: &Identity,
    outcomes: &Outcomes,
    arms: &Arms,
) -> AudienceLift {
    let (confidence, wanted) = (request.confidence, outcomes.wanted());
    let groups = outcomes.groups(arms);
    let overall = Figures::of(&groups.overall(), wanted, confidence);
    let tiers = manifest.tiers.keys().enumerate().map(|(place, tier)| TierFigures {
        tier: tier.clone(),
        figures: Figures::of(&groups.tier(place), wanted, confidence),
    });
    let tiers: Vec<TierFigures> = tiers.collect();
    let (treated, holdout) = (overall.treated.people, overall.holdout.people);
    let expected = manifest.definition.holdout.as_ref().map_or(0.0, |holdout| holdout.share);
    let people = treated + holdout;
    let sample_ratio = SampleRatio {
        expected,
        found: if people == 0 { 0.0 } else { holdout as f64 / people as f64 },
        p_value: sample_ratio_p_value(holdout, people, expected),
    };
    let found = outcomes.found();
    let mut warnings = Vec::new();
    if sample_ratio.p_value.is_some_and(|p_value| p_value < ODD_RATIO) {
        warnings.push(Warning::OddSampleRatio);
    }
    warnings.extend(overall.warnings(&found, arms.shared()));
    AudienceLift {
        audience: manifest.audience,
        version: manifest.version,
        run: manifest.run,
        created: manifest.created,
        id: identity.published().to_owned(),
        confidence,
        outcomes: found,
        sample_ratio,
        reviewed: Reviewed::of(asked.cost, &overall),
        overall,
        tiers,
        warnings,
    }
}

/// A session for the few queries that lift needs.
fn session() -> Result<(Session, tempfile::TempDir), LiftError> {
    let folder = tempfile::tempdir().map_err(LiftError::Folder)?;
    let spill_folder = folder.path().to_owned();
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    Ok((Session::new(SessionOptions { memory_bytes: MEMORY_BYTES, spill_folder, threads })?, folder))
}

/// The URL of a file of a package.
fn url_of(workspace: &Workspace, manifest: &AudienceManifest, path: &str) -> Result<String, LiftError> {
    let folder = layout::audience_version(&manifest.audience, manifest.version);
    let key = folder.below(path).map_err(artifacts::ArtifactsError::from)?;
    Ok(workspace.url_of(&key))
}
