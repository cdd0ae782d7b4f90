//! What may be deleted: pure, from a survey alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use spec::{AudienceName, RunId, Version};

use super::Terms;
use super::survey::{AudienceSurvey, Policy, RunSurvey, Standing, Survey, VersionSurvey};
use crate::layout::{AudiencePlace, Key, RunPlace, audience_place};
use crate::workspace::StoredObject;

/// What is to be deleted, and what stays though somebody might think it goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// In the order in which it is deleted.
    pub deletions: Vec<Deletion>,
    /// What stays, and why.
    pub left: Vec<Left>,
}

/// Objects that go together.
#[derive(Debug, Clone, PartialEq)]
pub struct Deletion {
    /// Why they may go.
    pub kind: DeletionKind,
    /// What they are of: `buyers@7`, a run.
    pub subject: String,
    /// One after the other, before the rest: what makes the others visible.
    pub first: Vec<Key>,
    /// In any order.
    pub rest: Vec<Key>,
    /// Bytes of all.
    pub bytes: u64,
}

impl Deletion {
    /// All objects.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.first.iter().chain(&self.rest)
    }
}

/// Why objects may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletionKind {
    /// A published version that its audience does not retain any more.
    OldVersion,
    /// A version that was never published, and cannot be: a later one is current.
    UnpublishedVersion,
    /// Rows of a finished run: scores, prepared tables, checkpoints.
    RunRows,
    /// Files of attempts that lost.
    LostAttempts,
}

/// What stays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// What it is.
    pub subject: String,
    /// Why it stays.
    pub reason: LeftReason,
    /// Bytes that it takes.
    pub bytes: u64,
}

/// Why something stays that may look as if it should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeftReason {
    /// The audience does not say how many versions it retains.
    NoRetention,
    /// The current version cannot be read, so nobody knows what is retained.
    CurrentUnreadable,
    /// No later version was published, so that this one still may be.
    MayBePublished,
    /// The run ended without being finished and can go on from its rows.
    MayGoOn,
}

/// What may be deleted of all that was found.
pub fn plan(survey: &Survey, terms: &Terms) -> Plan {
    let mut plan = Plan::default();
    for (name, audience) in &survey.audiences {
        plan_audience(&mut plan, survey, terms, name, audience);
    }
    for (name, run) in &survey.runs {
        plan_run(&mut plan, survey.now, terms, name, run);
    }
    plan
}

fn plan_audience(plan: &mut Plan, survey: &Survey, terms: &Terms, name: &AudienceName, audience: &AudienceSurvey) {
    let Some(current) = audience.pointers.values().next_back().map(|pointed| pointed.version) else {
        let bytes = audience.versions.values().flat_map(|version| &version.objects).map(|object| object.bytes).sum();
        return plan.leave(name.to_string(), LeftReason::MayBePublished, bytes);
    };
    let kept = kept_versions(audience, survey.now);
    let pointed: BTreeSet<Version> = audience.pointers.values().map(|pointed| pointed.version).collect();
    let (mut unretained, mut pending) = (0, 0);
    for (version, found) in &audience.versions {
        let bytes: u64 = found.objects.iter().map(|object| object.bytes).sum();
        let subject = || format!("{name}@{version}");
        if kept.contains(version) {
            let is_told = *version == current || matches!(audience.policy, Policy::Retain(_));
            unretained += if is_told { 0 } else { bytes };
        } else if pointed.contains(version) {
            let pointers = audience.pointers.values().filter(|pointed| pointed.version == *version);
            let pointers = pointers.map(|pointed| &pointed.object);
            plan.delete(DeletionKind::OldVersion, subject(), pointers, found);
        } else if *version > current {
            pending += bytes;
        } else if is_abandoned(survey, terms, found) {
            plan.delete(DeletionKind::UnpublishedVersion, subject(), std::iter::empty(), found);
        }
    }
    let reason = match audience.policy {
        Policy::Unknown => LeftReason::CurrentUnreadable,
        Policy::All | Policy::Retain(_) => LeftReason::NoRetention,
    };
    plan.leave(name.to_string(), reason, unretained);
    plan.leave(name.to_string(), LeftReason::MayBePublished, pending);
}

/// The current version, what the audience retains, what was current until a short while ago, and what `latest.json` names.
fn kept_versions(audience: &AudienceSurvey, now: DateTime<Utc>) -> BTreeSet<Version> {
    let newest_first: Vec<_> = audience.pointers.values().rev().collect();
    let Policy::Retain(retain) = &audience.policy else {
        return newest_first.iter().map(|pointed| pointed.version).chain(audience.copied).collect();
    };
    // A grace that cannot be read is none that has passed.
    let grace = retain.grace().unwrap_or(Duration::MAX);
    let mut kept: BTreeSet<Version> = audience.copied.into_iter().collect();
    let mut counted = BTreeSet::new();
    for (place, pointed) in newest_first.iter().enumerate() {
        let replaced = place.checked_sub(1).map(|later| newest_first[later].at);
        counted.insert(pointed.version);
        let is_counted = counted.len() <= retain.versions.max(1) as usize;
        let is_fresh = replaced.is_none_or(|replaced| !has_passed(replaced, grace, now));
        if is_counted || is_fresh {
            kept.insert(pointed.version);
        }
    }
    kept
}

/// Whether nobody writes a version any more: its run has ended, and nothing was written for a while.
fn is_abandoned(survey: &Survey, terms: &Terms, version: &VersionSurvey) -> bool {
    let run = version.owner.as_ref().and_then(|owner| survey.runs.get(owner));
    let is_at_work = run.is_some_and(|run| run.standing == Standing::AtWork);
    !is_at_work && are_old(version.objects.iter(), terms, survey.now)
}

fn plan_run(plan: &mut Plan, now: DateTime<Utc>, terms: &Terms, name: &RunId, run: &RunSurvey) {
    let bytes = || run.objects.iter().map(|(_, object)| object.bytes).sum();
    match run.standing {
        Standing::Finished { since } if has_passed(since, terms.runs_older_than, now) => {
            return plan.delete_rows(name, &run.objects);
        }
        Standing::Resumable { since } if has_passed(since, terms.runs_older_than, now) => {
            plan.leave(name.to_string(), LeftReason::MayGoOn, bytes());
        }
        Standing::AtWork | Standing::Resumable { .. } | Standing::Finished { .. } | Standing::Unknown => {}
    }
    let mut lost: BTreeMap<usize, Vec<&StoredObject>> = BTreeMap::new();
    for (place, object) in &run.objects {
        if let Some(attempt) = run.lost.iter().position(|lost| lost == place) {
            lost.entry(attempt).or_default().push(object);
        }
    }
    let old = lost.into_values().filter(|objects| are_old(objects.iter().copied(), terms, now));
    let objects: Vec<&StoredObject> = old.flatten().collect();
    if !objects.is_empty() {
        plan.push(DeletionKind::LostAttempts, name.to_string(), Vec::new(), objects);
    }
}

fn are_old<'a>(objects: impl IntoIterator<Item = &'a StoredObject>, terms: &Terms, now: DateTime<Utc>) -> bool {
    objects.into_iter().all(|object| has_passed(object.modified, terms.leftovers_older_than, now))
}

fn has_passed(since: DateTime<Utc>, length: Duration, now: DateTime<Utc>) -> bool {
    // A time that is still to come, by another machine's clock, has not passed.
    now.signed_duration_since(since).to_std().is_ok_and(|passed| passed >= length)
}

impl Plan {
    /// Objects of all deletions.
    pub fn objects(&self) -> u64 {
        self.deletions.iter().map(|deletion| deletion.keys().count() as u64).sum()
    }

    /// Bytes of all deletions.
    pub fn bytes(&self) -> u64 {
        self.deletions.iter().map(|deletion| deletion.bytes).sum()
    }

    fn leave(&mut self, subject: String, reason: LeftReason, bytes: u64) {
        if bytes > 0 {
            self.left.push(Left { subject, reason, bytes });
        }
    }

    /// A version: its pointers, its manifest, its `_SUCCESS`, and only then its files.
    fn delete<'a>(
        &mut self,
        kind: DeletionKind,
        subject: String,
        pointers: impl Iterator<Item = &'a StoredObject>,
        version: &'a VersionSurvey,
    ) {
        let mut first: Vec<&StoredObject> = pointers.collect();
        let of = |wanted: fn(&AudiencePlace) -> bool| {
            let is_wanted =
                move |object: &&StoredObject| audience_place(&object.key).is_some_and(|(_, place)| wanted(&place));
            version.objects.iter().filter(is_wanted)
        };
        first.extend(of(|place| matches!(place, AudiencePlace::Manifest(_))));
        first.extend(of(|place| matches!(place, AudiencePlace::Success(_))));
        let rest = of(|place| matches!(place, AudiencePlace::File(_))).collect();
        self.push(kind, subject, first, rest);
    }

    /// A finished run's rows: first what names them.
    fn delete_rows(&mut self, run: &RunId, objects: &[(RunPlace, StoredObject)]) {
        let (first, rest): (Vec<_>, Vec<_>) = objects.iter().partition(|(place, _)| *place == RunPlace::Scores);
        let bare = |objects: Vec<&'_ (RunPlace, StoredObject)>| -> Vec<StoredObject> {
            objects.into_iter().map(|(_, object)| object.clone()).collect()
        };
        let (first, rest) = (bare(first), bare(rest));
        self.push(DeletionKind::RunRows, run.to_string(), first.iter().collect(), rest.iter().collect());
    }

    fn push(&mut self, kind: DeletionKind, subject: String, first: Vec<&StoredObject>, rest: Vec<&StoredObject>) {
        if first.is_empty() && rest.is_empty() {
            return;
        }
        let bytes = first.iter().chain(&rest).map(|object| object.bytes).sum();
        let keys = |objects: Vec<&StoredObject>| objects.into_iter().map(|object| object.key.clone()).collect();
        self.deletions.push(Deletion { kind, subject, first: keys(first), rest: keys(rest), bytes });
    }
}
