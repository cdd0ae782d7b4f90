//! The only way in which a run's state changes.

use std::collections::BTreeMap;

use proto::{Epoch, FailureClass, Generation, Stage};
use serde_json::Value;

use super::budget::Spent;
use super::state::{Course, Event, HeldBack, Kind, State, StopReason};

/// An event that cannot happen in the state it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot happen to a run that is {state}")]
pub struct Illegal {
    /// The event.
    pub event: &'static str,
    /// The state.
    pub state: &'static str,
}

/// The state that follows, or the reason why the event cannot happen.
pub fn transition(state: State, event: &Event) -> Result<State, Illegal> {
    let illegal = Illegal { event: event.as_str(), state: state.as_str() };
    match event {
        Event::Submitted { kind, epoch } => submitted(state, *kind, *epoch),
        Event::EpochStarted { epoch } => epoch_started(state, *epoch),
        Event::Launched { stage, generation, processes: _ } => launched(state, *stage, *generation),
        Event::AttemptFailed { subject, failure } => match state {
            State::Active(course) if subject.stage() == course.stage => {
                let spent = course.spent.and(*subject, failure.class);
                Some(State::Active(Course { spent, ..course }))
            }
            _ => None,
        },
        Event::StageFinished { stage, outcome, held_back } => stage_finished(state, *stage, outcome, held_back),
        Event::StopRequested { reason } => match state {
            State::Ready(course) | State::Active(course) => Some(State::Stopping(course, reason.clone())),
            _ => None,
        },
        Event::Stopped => match state {
            State::Stopping(course, reason) => Some(stopped(course, reason)),
            _ => None,
        },
        Event::Reopened => match state {
            State::Interrupted(course) | State::Cancelled(course, _) | State::Failed(course, ..) => {
                Some(State::Ready(Course { spent: Spent::default(), ..course }))
            }
            _ => None,
        },
    }
    .ok_or(illegal)
}

fn submitted(state: State, kind: Kind, epoch: Epoch) -> Option<State> {
    let State::Absent = state else {
        return None;
    };
    let stage = *kind.stages().first()?;
    let (finished, generation, spent) = (BTreeMap::new(), Generation(0), Spent::default());
    Some(State::Ready(Course { kind, epoch, finished, stage, generation, spent }))
}

/// A newer coordinator takes over whatever is not finished for good.
fn epoch_started(state: State, epoch: Epoch) -> Option<State> {
    if state.course()?.epoch >= epoch {
        return None;
    }
    let newer = |course: Course| Course { epoch, ..course };
    match state {
        State::Ready(course) => Some(State::Ready(newer(course))),
        State::Active(course) => Some(State::Active(newer(course))),
        State::Stopping(course, reason) => Some(State::Stopping(newer(course), reason)),
        State::Interrupted(course) => Some(State::Interrupted(newer(course))),
        State::Cancelled(course, by) => Some(State::Cancelled(newer(course), by)),
        State::Failed(course, subject, failure) => Some(State::Failed(newer(course), subject, failure)),
        State::Absent | State::Succeeded(_) | State::HeldBack(..) => None,
    }
}

fn launched(state: State, stage: Stage, generation: Generation) -> Option<State> {
    match state {
        State::Ready(course) | State::Active(course)
            if course.stage == stage && generation.0 == course.generation.0 + 1 =>
        {
            Some(State::Active(Course { generation, ..course }))
        }
        _ => None,
    }
}

/// A stage may also finish while the run is being stopped: what is done stays done.
fn stage_finished(state: State, stage: Stage, outcome: &Value, held_back: &[HeldBack]) -> Option<State> {
    let (mut course, stopping) = match state {
        State::Ready(course) | State::Active(course) => (course, None),
        State::Stopping(course, reason) => (course, Some(reason)),
        _ => return None,
    };
    if course.stage != stage {
        return None;
    }
    let next = course.kind.after(stage);
    if next.is_some() && !held_back.is_empty() {
        return None;
    }
    course.finished.insert(stage, outcome.clone());
    Some(match (next, stopping) {
        (None, _) if held_back.is_empty() => State::Succeeded(course),
        (None, _) => State::HeldBack(course, held_back.to_vec()),
        (Some(stage), None) => State::Ready(Course { stage, ..course }),
        (Some(stage), Some(reason)) => State::Stopping(Course { stage, ..course }, reason),
    })
}

fn stopped(course: Course, reason: StopReason) -> State {
    match reason {
        StopReason::Interrupted => State::Interrupted(course),
        StopReason::Cancelled { by } => State::Cancelled(course, by),
        StopReason::Failed { failure, .. } if failure.class == FailureClass::Guard => {
            let reasons = std::iter::once(failure.message).chain(failure.causes).collect();
            State::HeldBack(course, vec![HeldBack { audience: None, reasons }])
        }
        StopReason::Failed { subject, failure } => State::Failed(course, subject, failure),
    }
}
