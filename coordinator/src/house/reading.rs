//! Runs as they are shown: from the workspace, and where one is carried here, from its board.

use artifacts::Workspace;
use artifacts::runs::{self, RunDocument};
use proto::{Epoch, Generation};
use serde_json::Value;
use spec::RunId;

use super::actor::Belonging;
use super::request::RunFilter;
use super::view::{RunFailure, RunStatus, RunView, name_of};
use crate::board::Standing;
use crate::error::Result;
use crate::log::Replay;
use crate::run::{Kind, State};

/// Runs read at once.
pub(super) const RUNS_IN_FLIGHT: usize = 16;
/// Runs read for one page.
pub(super) const MOST_READ: usize = 1000;

/// What this coordinator knows of a run beside its log.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How it is now, if it is carried here.
    pub(super) standing: Standing,
    /// The submission that it belongs to.
    pub(super) belonging: Option<Belonging>,
}

/// A run as its document and its log tell it; `None` where there is no such run.
pub(super) async fn run(workspace: &Workspace, run: &RunId, known: Known) -> Result<Option<RunView>> {
    let Some(document) = runs::read_document(workspace, run).await? else {
        return Ok(None);
    };
    let replay = Replay::read(workspace, run).await?;
    Ok(Some(view(run.clone(), document, &replay, known)))
}

/// The ids of all runs after `after`, in order.
pub(super) async fn ids(workspace: &Workspace, after: Option<&RunId>) -> Result<Vec<RunId>> {
    let mut ids = runs::list_runs(workspace).await?;
    ids.sort();
    ids.retain(|id| after.is_none_or(|after| id > after));
    Ok(ids)
}

fn view(id: RunId, resolved: RunDocument, replay: &Replay, known: Known) -> RunView {
    let Known { standing, belonging } = known;
    let (state, kind) = (replay.state(), Kind::of(&resolved.document));
    let course = state.course();
    let stage = course.map(|course| course.stage).or_else(|| kind.stages().first().copied());
    let stage = stage.expect("every kind has a stage");
    let last = kind.stages().last().and_then(|last| course?.finished.get(last)).cloned();
    let status = RunStatus::from(state);
    let (submission, owner, waits) = match belonging {
        Some(Belonging { submission, owner, wait }) => (Some(submission), Some(owner), wait),
        None => (None, None, None),
    };
    RunView {
        id,
        submission,
        owner,
        name: name_of(&resolved.document),
        kind,
        status,
        stage,
        units: standing.units.filter(|_| !status.is_terminal()),
        generation: course.map_or(Generation(0), |course| course.generation),
        epoch: course.map_or(Epoch(0), |course| course.epoch),
        failed_attempts: course.map_or(0, |course| course.spent.total()),
        waits: waits.filter(|_| !matches!(state, State::Succeeded(_) | State::HeldBack(..))),
        stalled: standing.stalled,
        failure: match state {
            State::Failed(_, subject, failure) => Some(RunFailure { subject: *subject, failure: failure.clone() }),
            _ => None,
        },
        cancelled_by: match state {
            State::Cancelled(_, by) => Some(by.clone()),
            _ => None,
        },
        outcome: last.unwrap_or(Value::Null),
        held_back: match state {
            State::HeldBack(_, held_back) => held_back.clone(),
            _ => vec![],
        },
        started: replay.began(),
        changed: replay.changed(),
        resolved,
    }
}

impl RunFilter {
    /// What the id alone says: it begins with the document's name, or as much of it as an id holds.
    pub(super) fn may_let_through(&self, id: &RunId) -> bool {
        let named = id.as_str().rsplit_once('-').map(|(name, _)| name);
        self.name.as_ref().is_none_or(|name| named.is_none_or(|named| name.starts_with(named)))
    }

    pub(super) fn lets_through(&self, view: &RunView) -> bool {
        self.owner.as_ref().is_none_or(|owner| view.owner.as_ref() == Some(owner))
            && self.kind.is_none_or(|kind| view.kind == kind)
            && self.name.as_ref().is_none_or(|name| view.name == *name)
            && (self.states.is_empty() || self.states.contains(&view.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_which_name_its_run_cannot_have() {
        let of = |name: &str| RunFilter { name: Some(name.to_owned()), ..RunFilter::default() };
        let long = "a".repeat(200);
        let id = |text: &str| text.parse::<RunId>().unwrap();
        for (name, run, may) in [
            ("nightly", "nightly-0123456789ab", true),
            ("nightly", "weekly-0123456789ab", false),
            ("night", "nightly-0123456789ab", false),
            ("two-words", "two-words-0123456789ab", true),
            (long.as_str(), "aaaa-0123456789ab", true),
        ] {
            assert_eq!(of(name).may_let_through(&id(run)), may, "{name}, {run}");
        }
        assert!(RunFilter::default().may_let_through(&id("weekly-0123456789ab")));
    }
}
