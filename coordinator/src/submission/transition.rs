//! The only way in which a submission's state changes.

use super::state::{DocumentEnd, Event, Progress, State, Take, Trace};
use crate::names::Owner;

/// An event that cannot happen in the state it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{event}` cannot happen to a submission that is {state}")]
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
        Event::Started { document, take } => started(state, *document, take),
        Event::Ended { document, end } => ended(state, *document, end),
        Event::CancelRequested { by } => match state {
            State::Queued(progress) => Some(State::Cancelled(progress, by.clone())),
            State::Running(progress, take) => Some(State::Cancelling(progress, take, by.clone())),
            _ => None,
        },
        Event::RetryRequested { by: _ } => match state {
            State::Failed(progress) | State::Cancelled(progress, _) => Some(State::Queued(reopened(progress))),
            _ => None,
        },
    }
    .ok_or(illegal)
}

fn started(state: State, document: usize, take: &Take) -> Option<State> {
    let State::Queued(mut progress) = state else { return None };
    if document != progress.next {
        return None;
    }
    progress.documents.get_mut(document)?.run = Some(take.run.clone());
    Some(State::Running(progress, take.clone()))
}

fn ended(state: State, document: usize, end: &DocumentEnd) -> Option<State> {
    if document != state.progress().next {
        return None;
    }
    match state {
        // It could not begin.
        State::Queued(progress) => match end {
            DocumentEnd::Failed { .. } => Some(State::Failed(with_end(progress, end)?)),
            DocumentEnd::Succeeded | DocumentEnd::HeldBack | DocumentEnd::Cancelled => None,
        },
        State::Running(progress, _) => match end {
            DocumentEnd::Succeeded | DocumentEnd::HeldBack => Some(further(with_end(progress, end)?, None)),
            DocumentEnd::Failed { .. } => Some(State::Failed(with_end(progress, end)?)),
            DocumentEnd::Cancelled => None,
        },
        State::Cancelling(progress, _, by) => match end {
            DocumentEnd::Succeeded | DocumentEnd::HeldBack => Some(further(with_end(progress, end)?, Some(by))),
            DocumentEnd::Failed { .. } => Some(State::Failed(with_end(progress, end)?)),
            DocumentEnd::Cancelled => Some(State::Cancelled(with_end(progress, end)?, by)),
        },
        State::Succeeded(_) | State::HeldBack(_) | State::Failed(_) | State::Cancelled(..) => None,
    }
}

fn with_end(mut progress: Progress, end: &DocumentEnd) -> Option<Progress> {
    progress.documents.get_mut(progress.next)?.end = Some(end.clone());
    Some(progress)
}

/// A document is done: the next one's turn, unless it was the last, or nobody wants the rest.
fn further(progress: Progress, cancelled_by: Option<Owner>) -> State {
    let progress = Progress { next: progress.next + 1, ..progress };
    let is_held_back = |trace: &Trace| trace.end == Some(DocumentEnd::HeldBack);
    match cancelled_by {
        _ if progress.next == progress.documents.len() => {
            if progress.documents.iter().any(is_held_back) {
                State::HeldBack(progress)
            } else {
                State::Succeeded(progress)
            }
        }
        Some(by) => State::Cancelled(progress, by),
        None => State::Queued(progress),
    }
}

fn reopened(mut progress: Progress) -> Progress {
    if let Some(trace) = progress.documents.get_mut(progress.next) {
        *trace = Trace::default();
    }
    Progress { retries: progress.retries + 1, ..progress }
}
