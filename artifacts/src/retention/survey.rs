//! What there is: objects of audiences and runs, the pointers between them, and how far runs are.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use spec::ids::NeighboursName;
use spec::{AudienceName, RunId, TableName, Version};

use crate::audience::{self, AudiencePointer};
use crate::claims;
use crate::error::{ArtifactsError, Result};
use crate::layout::{self, AudiencePlace, RunPlace, ShardId};
use crate::runs::{self, ShardCommit};
use crate::workspace::{StoredObject, Workspace};

/// Everything that retention decides upon.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Survey {
    /// When it was made.
    pub now: DateTime<Utc>,
    /// Audiences.
    pub audiences: BTreeMap<AudienceName, AudienceSurvey>,
    /// Runs.
    pub runs: BTreeMap<RunId, RunSurvey>,
}

/// One audience.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AudienceSurvey {
    /// What is published, by number; the last one counts.
    pub pointers: BTreeMap<u64, Pointed>,
    /// What `latest.json` names: behind the last pointer after a publisher that died.
    pub copied: Option<Version>,
    /// What its current version says of retention.
    pub policy: Policy,
    /// Versions with their objects.
    pub versions: BTreeMap<Version, VersionSurvey>,
}

/// A pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointed {
    /// The version that it names.
    pub version: Version,
    /// When it was created, and so took the place of the one before.
    pub at: DateTime<Utc>,
    /// The pointer itself.
    pub object: StoredObject,
}

/// How many published versions are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Policy {
    /// The audience does not say: all of them.
    #[default]
    All,
    /// As its current version says.
    Retain(spec::Retain),
    /// Nobody knows, because the current version cannot be read.
    Unknown,
}

/// A version of an audience.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionSurvey {
    /// All its objects but the claim, in order.
    pub objects: Vec<StoredObject>,
    /// The run that claimed it, where no pointer names the version.
    pub owner: Option<RunId>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has not ended.
    AtWork,
    /// It has failed, was cancelled or interrupted, and can go on from what it has.
    Resumable {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// It is done for good.
    Finished {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// There is no log of it.
    Unknown,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSurvey {
    /// How far it is.
    pub standing: Standing,
    /// Its objects that hold rows or name those that do, with what they are.
    pub objects: Vec<(RunPlace, StoredObject)>,
    /// Folders of attempts that a commit has decided against, by the place of their files.
    pub lost: Vec<RunPlace>,
}

/// Looks at everything in a workspace. `standing` says how far a run is, from its log, which is not this crate's.
///
/// # Errors
/// When the store fails, `standing` fails, or pointers or commits are damaged.
pub async fn survey<E: From<ArtifactsError>>(
    workspace: &Workspace,
    now: DateTime<Utc>,
    standing: impl AsyncFn(&RunId) -> Result<Standing, E>,
) -> Result<Survey, E> {
    let mut survey = Survey { now, ..Survey::default() };
    // Pointers and claims come before runs: a run that was at work when its version was listed counts as at work.
    let listed = workspace.objects_below(&layout::audiences()).await?;
    for object in workspace.objects_below(&layout::runs()).await? {
        let Some((run, place)) = layout::run_place(&object.key) else { continue };
        let run = survey.runs.entry(run).or_insert_with(RunSurvey::unread);
        if place != RunPlace::Other {
            run.objects.push((place, object));
        }
    }
    for (run, survey) in &mut survey.runs {
        survey.standing = standing(run).await?;
        survey.lost = lost_attempts(workspace, run, &survey.objects).await?;
    }
    for object in listed {
        if let Some((audience, place)) = layout::audience_place(&object.key) {
            add(workspace, survey.audiences.entry(audience).or_default(), place, object).await?;
        }
    }
    for (name, audience) in &mut survey.audiences {
        complete(workspace, name, audience).await?;
    }
    Ok(survey)
}

impl RunSurvey {
    fn unread() -> Self {
        Self { standing: Standing::Unknown, objects: Vec::new(), lost: Vec::new() }
    }
}

async fn add(
    workspace: &Workspace,
    audience: &mut AudienceSurvey,
    place: AudiencePlace,
    object: StoredObject,
) -> Result<()> {
    match place {
        AudiencePlace::Pointer(number) => {
            // Another sweep may have taken it since it was listed.
            if let Some(stored) = workspace.read_entry_if_there::<AudiencePointer>(&object.key).await? {
                let (version, at) = (stored.body.version, stored.body.at);
                audience.pointers.insert(number, Pointed { version, at, object });
            }
        }
        AudiencePlace::Claim(version) => {
            audience.versions.entry(version).or_default();
        }
        AudiencePlace::Manifest(version) | AudiencePlace::Success(version) | AudiencePlace::File(version) => {
            audience.versions.entry(version).or_default().objects.push(object);
        }
        AudiencePlace::Other => {}
    }
    Ok(())
}

/// What a listing does not say: the policy, the copy of the last pointer, who claimed what nobody points to.
async fn complete(workspace: &Workspace, name: &AudienceName, audience: &mut AudienceSurvey) -> Result<()> {
    let copy = workspace.read_entry_if_there::<AudiencePointer>(&layout::audience_latest(name)).await;
    audience.copied = match copy {
        Ok(copy) => copy.map(|copy| copy.body.version),
        Err(ArtifactsError::Unreadable { .. }) => None,
        Err(error) => return Err(error),
    };
    audience.policy = match audience::latest(workspace, name).await {
        Ok(None) => Policy::All,
        Ok(Some(current)) => current.manifest.definition.retain.map_or(Policy::All, Policy::Retain),
        Err(ArtifactsError::BrokenAudience { .. } | ArtifactsError::Unreadable { .. }) => Policy::Unknown,
        Err(error) => return Err(error),
    };
    let pointed: BTreeSet<Version> = audience.pointers.values().map(|pointed| pointed.version).collect();
    for (version, survey) in &mut audience.versions {
        if !pointed.contains(version) && !survey.objects.is_empty() {
            survey.owner = claims::owner(workspace, &layout::audience_claim(name, *version)).await?;
        }
    }
    Ok(())
}

/// Attempts whose files a commit has decided against. A single attempt is the winner or still at work.
async fn lost_attempts(
    workspace: &Workspace,
    run: &RunId,
    objects: &[(RunPlace, StoredObject)],
) -> Result<Vec<RunPlace>> {
    let mut groups: BTreeMap<Contest, Vec<&RunPlace>> = BTreeMap::new();
    for (place, _) in objects {
        if let Some(contest) = Contest::of(place) {
            let group = groups.entry(contest).or_default();
            if !group.contains(&place) {
                group.push(place);
            }
        }
    }
    let mut lost = Vec::new();
    for (contest, places) in groups.into_iter().filter(|(_, places)| places.len() > 1) {
        if let Some(winner) = contest.winner(workspace, run).await? {
            lost.extend(places.into_iter().filter(|place| **place != winner).cloned());
        }
    }
    Ok(lost)
}

/// What attempts of a run race for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Contest {
    Shard(ShardId),
    Table(String),
    Queries(NeighboursName),
}

impl Contest {
    fn of(place: &RunPlace) -> Option<Self> {
        match place {
            RunPlace::Shard(shard, _) => Some(Self::Shard(*shard)),
            RunPlace::Table(table, _) => Some(Self::Table(table.clone())),
            RunPlace::Queries(name, _) => Some(Self::Queries(name.clone())),
            RunPlace::Scores | RunPlace::Checkpoint | RunPlace::Other => None,
        }
    }

    /// The attempt that was committed, as the place of its files.
    async fn winner(&self, workspace: &Workspace, run: &RunId) -> Result<Option<RunPlace>> {
        Ok(match self {
            Self::Shard(shard) => {
                let commit: Option<ShardCommit<serde_json::Value>> = runs::read_commit(workspace, run, *shard).await?;
                commit.map(|commit| RunPlace::Shard(*shard, commit.attempt))
            }
            Self::Table(escaped) => match escaped.parse::<TableName>() {
                Ok(table) if layout::escape(table.as_str()) == *escaped => {
                    let prepared = runs::read_table(workspace, run, &table).await?;
                    prepared.map(|prepared| RunPlace::Table(escaped.clone(), prepared.attempt))
                }
                // A name that had to be escaped is left alone while its run is young, and goes with the run's rows.
                _ => None,
            },
            Self::Queries(name) => {
                let key = layout::neighbour_queries_commit(run, name);
                let commit = workspace.read_entry_if_there::<runs::NeighbourQueries>(&key).await?;
                commit.map(|commit| RunPlace::Queries(name.clone(), commit.body.attempt))
            }
        })
    }
}
