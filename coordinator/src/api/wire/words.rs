//! States, kinds, failures.

use proto::api::v1;
use proto::{Failure, Stage, Unit};

use crate::api::status::ApiError;
use crate::house::{RunStatus, SubmissionStatus};
use crate::run::{HeldBack, Kind, Subject};

pub(super) fn submission_state(status: SubmissionStatus) -> v1::State {
    match status {
        SubmissionStatus::Queued => v1::State::Queued,
        SubmissionStatus::Running => v1::State::Running,
        SubmissionStatus::Cancelling => v1::State::Stopping,
        SubmissionStatus::Succeeded => v1::State::Succeeded,
        SubmissionStatus::HeldBack => v1::State::HeldBack,
        SubmissionStatus::Failed => v1::State::Failed,
        SubmissionStatus::Cancelled => v1::State::Cancelled,
    }
}

pub(super) fn run_state(status: RunStatus) -> v1::State {
    match status {
        RunStatus::Ready => v1::State::Queued,
        RunStatus::Active => v1::State::Running,
        RunStatus::Stopping => v1::State::Stopping,
        RunStatus::Interrupted => v1::State::Interrupted,
        RunStatus::Cancelled => v1::State::Cancelled,
        RunStatus::Failed => v1::State::Failed,
        RunStatus::Succeeded => v1::State::Succeeded,
        RunStatus::HeldBack => v1::State::HeldBack,
    }
}

/// The statuses of submissions that a filter's states mean.
pub(in crate::api) fn submission_statuses(states: &[i32]) -> Result<Vec<SubmissionStatus>, ApiError> {
    meant(states, &SubmissionStatus::ALL, submission_state)
}

/// The statuses of runs that a filter's states mean.
pub(in crate::api) fn run_statuses(states: &[i32]) -> Result<Vec<RunStatus>, ApiError> {
    meant(states, &RunStatus::ALL, run_state)
}

fn meant<S: Copy>(states: &[i32], all: &[S], state_of: fn(S) -> v1::State) -> Result<Vec<S>, ApiError> {
    let meant = states.iter().map(|number| {
        let state = v1::State::try_from(*number).ok();
        let found = all.iter().copied().find(|status| Some(state_of(*status)) == state);
        found.ok_or_else(|| match state {
            Some(state) => field("filter.states", format!("none of these is ever {}", state.word())),
            None => field("filter.states", format!("{number} stands for nothing")),
        })
    });
    meant.collect()
}

fn field(field: &'static str, reason: String) -> ApiError {
    ApiError::Field { field, reason }
}

pub(super) fn kind(kind: Kind) -> v1::Kind {
    match kind {
        Kind::Training => v1::Kind::Training,
        Kind::Scoring => v1::Kind::Scoring,
        Kind::Search => v1::Kind::Search,
    }
}

/// The kind that a filter means; `None` for any.
pub(in crate::api) fn kind_from(number: i32) -> Result<Option<Kind>, ApiError> {
    match v1::Kind::try_from(number) {
        Ok(v1::Kind::Unspecified) => Ok(None),
        Ok(wanted) => Ok(Kind::ALL.into_iter().find(|candidate| kind(*candidate) == wanted)),
        Err(_) => Err(field("filter.kind", format!("{number} stands for nothing"))),
    }
}

/// The stage that a selection means; `None` for any.
pub(in crate::api) fn stage_from(number: i32) -> Result<Option<Stage>, ApiError> {
    match v1::Stage::try_from(number) {
        Ok(v1::Stage::Unspecified) => Ok(None),
        Ok(stage) => Ok(Stage::try_from(stage).ok()),
        Err(_) => Err(field("stage", format!("{number} stands for nothing"))),
    }
}

pub(super) fn stage(stage: Stage) -> i32 {
    v1::Stage::from(stage).into()
}

/// A unit's number within its stage.
pub(super) fn unit(unit: Unit) -> u64 {
    match unit {
        Unit::Score(shard) => shard.0,
        Unit::Trial(trial) => trial.0,
        Unit::Train | Unit::Plan | Unit::Publish | Unit::Prepare => 0,
    }
}

pub(super) fn failure(failure: &Failure, subject: Option<Subject>) -> v1::Failure {
    let subject = subject.map(|subject| match subject {
        Subject::Unit(of) => v1::Subject { stage: stage(of.stage()), unit: Some(unit(of)) },
        Subject::Process(of) => v1::Subject { stage: stage(of), unit: None },
    });
    v1::Failure {
        class: v1::FailureClass::from(failure.class).into(),
        message: failure.message.clone(),
        causes: failure.causes.clone(),
        subject,
    }
}

pub(super) fn held_back(held_back: &[HeldBack]) -> Vec<v1::HeldBack> {
    let told = held_back.iter().map(|HeldBack { audience, reasons }| v1::HeldBack {
        audience: audience.as_ref().map(ToString::to_string).unwrap_or_default(),
        reasons: reasons.clone(),
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_what_lists_show() {
        for status in SubmissionStatus::ALL {
            assert_eq!(submission_statuses(&[submission_state(status).into()]).unwrap(), [status]);
        }
        for status in RunStatus::ALL {
            assert_eq!(run_statuses(&[run_state(status).into()]).unwrap(), [status]);
        }
        for kind_of in Kind::ALL {
            assert_eq!(kind_from(kind(kind_of).into()).unwrap(), Some(kind_of));
        }
        assert!(submission_statuses(&[]).unwrap().is_empty());
        assert!(kind_from(0).unwrap().is_none() && stage_from(0).unwrap().is_none());
    }

    #[test]
    fn a_state_that_nothing_is_ever_in_is_refused() {
        let refused = submission_statuses(&[v1::State::Interrupted.into()]).unwrap_err();
        assert!(refused.to_string().contains("interrupted"), "{refused}");
        assert!(run_statuses(&[0]).is_err() && run_statuses(&[99]).is_err());
        assert!(kind_from(99).is_err() && stage_from(-1).is_err());
    }
}
