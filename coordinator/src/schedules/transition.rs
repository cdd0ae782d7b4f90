//! The only way in which a schedule's state changes.

use chrono::{DateTime, Utc};

use super::content::Content;
use super::event::{Event, Left};
use super::slot::Slot;
use super::state::{Paused, Recent, Revision, StartedSlot, State, Status, Waiting};
use crate::names::Owner;

/// An event that cannot happen to a schedule as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot happen to a schedule that is {status}{}", of(.slot))]
pub struct Illegal {
    /// The event.
    pub event: &'static str,
    /// Where the schedule stands.
    pub status: &'static str,
    /// The slot that the event is about.
    pub slot: Option<Slot>,
}

fn of(slot: &Option<Slot>) -> String {
    slot.map_or_else(String::new, |slot| format!(" and its slot {slot}"))
}

/// The state after an event that is entry `number` of the log and happened at a time; nothing before the first one.
///
/// # Errors
/// When the event cannot happen: a slot is decided once, and only what waits is started or left.
pub fn transition(state: Option<State>, number: u64, at: DateTime<Utc>, event: &Event) -> Result<State, Illegal> {
    let illegal = Illegal { event: event.as_str(), status: status_of(state.as_ref()), slot: slot_of(event) };
    next(state, number, at, event).ok_or(illegal)
}

fn next(state: Option<State>, number: u64, at: DateTime<Utc>, event: &Event) -> Option<State> {
    match (state, event) {
        (state, Event::Revised { content, by }) => Some(revised(state, number, at, content, by)),
        (Some(state), Event::Paused { by }) if state.status == Status::Active => {
            let state = leave_all(state, at, &Left::Paused { by: by.clone() });
            Some(State { status: Status::Paused(Paused { by: by.clone(), at }), ..state })
        }
        (Some(state), Event::Resumed { .. }) if matches!(state.status, Status::Paused(_)) => {
            Some(State { status: Status::Active, decided: state.decided.max(at), ..state })
        }
        (Some(state), Event::Removed { by }) if state.status != Status::Removed => {
            let state = leave_all(state, at, &Left::Removed { by: by.clone() });
            Some(State { status: Status::Removed, ..state })
        }
        (Some(state), Event::Passed { first, last, count, why }) => {
            let mut state = due(state, *first)?;
            let passed = Recent::Passed { first: *first, last: *last, count: *count, why: why.clone() };
            state.remember(passed);
            (first <= last).then_some(State { decided: last.0, ..state })
        }
        (Some(state), Event::Admitted { slot, is_late }) => {
            let mut state = due(state, *slot)?;
            let revision = state.revision.entry;
            state.waiting.push(Waiting { slot: *slot, revision, since: at, is_late: *is_late });
            Some(State { decided: slot.0, ..state })
        }
        (Some(state), Event::Started { slot, submission }) => {
            let (mut state, waiting) = taken(state, *slot)?;
            state.remember(Recent::Started { slot: *slot, at, submission: submission.clone() });
            let started = StartedSlot {
                slot: *slot,
                owner: state.owner.clone(),
                priority: state.priority,
                revision: waiting.revision,
                submission: submission.clone(),
            };
            Some(State { started: Some(started), ..state })
        }
        (Some(state), Event::Left { slot, why }) => {
            let (mut state, _) = taken(state, *slot)?;
            state.remember(Recent::Left { slot: *slot, at, why: why.clone() });
            Some(state)
        }
        _ => None,
    }
}

fn revised(state: Option<State>, number: u64, at: DateTime<Utc>, content: &Content, by: &Owner) -> State {
    let (schedule, documents) = (content.schedule.clone(), content.documents.clone());
    let revision = Revision { entry: number, at, by: by.clone(), schedule, documents };
    let (owner, priority) = (content.owner.clone(), content.priority);
    match state {
        None => State {
            name: content.name.clone(),
            owner,
            priority,
            revision,
            status: Status::Active,
            decided: at,
            waiting: Vec::new(),
            started: None,
            recent: Default::default(),
        },
        // It begins anew, also where a clock that was wrong had decided slots to come.
        Some(state) if state.status == Status::Removed => {
            State { owner, priority, revision, status: Status::Active, decided: at, ..state }
        }
        Some(state) => State { owner, priority, revision, decided: state.decided.max(at), ..state },
    }
}

/// An active schedule whose slot is not decided yet.
fn due(state: State, slot: Slot) -> Option<State> {
    (state.status == Status::Active && slot.0 > state.decided).then_some(state)
}

/// The state without a slot that waited.
fn taken(mut state: State, slot: Slot) -> Option<(State, Waiting)> {
    let place = state.waiting.iter().position(|waiting| waiting.slot == slot)?;
    let waiting = state.waiting.remove(place);
    Some((state, waiting))
}

fn leave_all(mut state: State, at: DateTime<Utc>, why: &Left) -> State {
    for waiting in std::mem::take(&mut state.waiting) {
        state.remember(Recent::Left { slot: waiting.slot, at, why: why.clone() });
    }
    state
}

fn slot_of(event: &Event) -> Option<Slot> {
    match event {
        Event::Passed { first: slot, .. }
        | Event::Admitted { slot, .. }
        | Event::Started { slot, .. }
        | Event::Left { slot, .. } => Some(*slot),
        Event::Revised { .. } | Event::Paused { .. } | Event::Resumed { .. } | Event::Removed { .. } => None,
    }
}

fn status_of(state: Option<&State>) -> &'static str {
    match state.map(|state| &state.status) {
        None => "absent",
        Some(status) => status.as_str(),
    }
}

impl Status {
    /// A word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused(_) => "paused",
            Self::Removed => "removed",
        }
    }
}
