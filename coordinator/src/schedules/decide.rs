//! What is done next for a schedule: a pure function of its state, the time, and what is known of its surroundings.

use std::collections::VecDeque;

use chrono::{DateTime, Duration, Utc};
use spec::schedule::Timetable;
use spec::{Overlap, SubmissionId};

use super::event::{Event, Left, Passed};
use super::slot::Slot;
use super::state::{MOST_WAITING, State, Status, Waiting};

/// A slot that is decided within this is on time; any later one was missed and is caught up with.
pub const PUNCTUAL: Duration = Duration::seconds(60);

/// What is known of a schedule's surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The submission of the last slot that was started.
    pub predecessor: Predecessor,
    /// What the first slot that waits needs.
    pub inputs: Inputs,
}

/// How the submission of the last started slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Predecessor {
    /// It has ended, or there is none.
    Ended,
    /// It has not ended.
    Going,
    /// It has not ended, and its end was asked for.
    Cancelling,
    /// It could not be found out.
    Unknown,
}

/// How the inputs of the first slot that waits are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inputs {
    /// Nobody has looked yet.
    Unknown,
    /// All there.
    There,
    /// One is missing.
    Missing {
        /// The one whose time runs out first.
        url: String,
        /// When it does.
        until: DateTime<Utc>,
        /// Why it could not be looked for.
        problem: Option<String>,
    },
    /// The slot's documents cannot be run.
    Refused {
        /// Why not.
        problem: String,
    },
}

/// What is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This is logged.
    Append(Box<Event>),
    /// This submission is cancelled.
    Cancel(SubmissionId),
    /// Nothing, until a time, or until something else happens.
    Rest {
        /// When the next slot comes due.
        until: Option<DateTime<Utc>>,
    },
}

/// What is done next for a schedule that is `state`, at `now`.
pub fn decide(state: &State, timetable: &Timetable, now: DateTime<Utc>, facts: &Facts) -> Step {
    if state.status == Status::Removed {
        return Step::Rest { until: None };
    }
    if let Some(event) = leave(state, now, facts) {
        return Step::Append(Box::new(event));
    }
    if state.status == Status::Active
        && let Some(event) = admit(state, timetable, now, facts.predecessor)
    {
        return Step::Append(Box::new(event));
    }
    start(state, facts).unwrap_or_else(|| {
        let next = timetable.next_after(state.decided.max(now));
        Step::Rest { until: next.filter(|_| state.status == Status::Active) }
    })
}

/// Slots that have come due and could not be decided: those of before a change are passed over with it.
pub fn undecided(state: &State, timetable: &Timetable, now: DateTime<Utc>) -> Option<Event> {
    let mut slots = timetable.slots_after(state.decided).take_while(|slot| *slot <= now).map(Slot);
    let first = slots.next().filter(|_| state.status == Status::Active)?;
    let (last, count) = slots.fold((first, 1), |(_, count), slot| (slot, count + 1));
    Some(Event::Passed { first, last, count, why: Passed::Changed })
}

/// A waiting slot that will not be run.
fn leave(state: &State, now: DateTime<Utc>, facts: &Facts) -> Option<Event> {
    if state.revision.schedule.overlap == Overlap::Cancel {
        let overtaken = state.waiting.iter().find_map(|earlier| {
            let later = state.waiting.iter().rfind(|later| later.slot > earlier.slot && !later.is_late);
            later.map(|later| Event::Left { slot: earlier.slot, why: Left::Overtaken { by: later.slot } })
        });
        if overtaken.is_some() {
            return overtaken;
        }
    }
    let first = state.waiting.first()?;
    let why = match &facts.inputs {
        Inputs::Missing { url, until, problem } if *until <= now => {
            Left::InputMissing { url: url.clone(), until: *until, problem: problem.clone() }
        }
        Inputs::Refused { problem } => Left::Refused { problem: problem.clone() },
        Inputs::Unknown | Inputs::There | Inputs::Missing { .. } => return None,
    };
    Some(Event::Left { slot: first.slot, why })
}

/// The next slot that has come due, admitted or passed over.
fn admit(state: &State, timetable: &Timetable, now: DateTime<Utc>, predecessor: Predecessor) -> Option<Event> {
    let Due { passed, slot, is_late } = next_due(state, timetable, now)?;
    if passed.is_some() {
        return passed;
    }
    let one = |why| Event::Passed { first: slot, last: slot, count: 1, why };
    if state.revision.schedule.overlap == Overlap::Skip {
        // Slots that are caught up with come one after the other; what ran before them is another matter.
        if let Some(Waiting { slot: before, .. }) = state.waiting.last().filter(|_| !is_late) {
            return Some(one(Passed::Overlap { slot: *before }));
        }
        match (predecessor, &state.started) {
            (Predecessor::Going | Predecessor::Cancelling, Some(started)) => {
                return Some(one(Passed::Overlap { slot: started.slot }));
            }
            (Predecessor::Unknown, Some(_)) => return None,
            (Predecessor::Ended, _) | (_, None) => {}
        }
    }
    if state.waiting.len() >= MOST_WAITING {
        return Some(one(Passed::TooManyWait { waiting: state.waiting.len() }));
    }
    Some(Event::Admitted { slot, is_late })
}

/// The first slot that is due, or those before it that nobody catches up with.
struct Due {
    passed: Option<Event>,
    slot: Slot,
    is_late: bool,
}

fn next_due(state: &State, timetable: &Timetable, now: DateTime<Utc>) -> Option<Due> {
    let catch_up = state.revision.schedule.catch_up;
    let mut slots = timetable.slots_after(state.decided).take_while(|slot| *slot <= now).map(Slot).peekable();
    let first = *slots.peek()?;
    if first.0 + PUNCTUAL >= now {
        return Some(Due { passed: None, slot: first, is_late: false });
    }
    // The last of the missed slots, as many as are caught up with, and the one before them.
    let mut last_missed: VecDeque<Slot> = VecDeque::new();
    let mut count: u64 = 0;
    for slot in slots.take_while(|slot| slot.0 + PUNCTUAL < now) {
        count += 1;
        last_missed.push_back(slot);
        if last_missed.len() > catch_up as usize + 1 {
            last_missed.pop_front();
        }
    }
    let too_many = count.saturating_sub(catch_up.into());
    let passed = last_missed.front().filter(|_| too_many > 0).map(|last| Event::Passed {
        first,
        last: *last,
        count: too_many,
        why: Passed::Missed { catch_up },
    });
    Some(Due { passed, slot: first, is_late: true })
}

/// The first slot that waits, if nothing is in its way any more; or its way is cleared.
fn start(state: &State, facts: &Facts) -> Option<Step> {
    let first = state.waiting.first()?;
    if facts.inputs != Inputs::There {
        return None;
    }
    match (facts.predecessor, &state.started) {
        (Predecessor::Ended, _) | (_, None) => {
            let submission = state.submission_of(first.slot);
            Some(Step::Append(Box::new(Event::Started { slot: first.slot, submission })))
        }
        (Predecessor::Going, Some(started)) => {
            let is_in_the_way = state.revision.schedule.overlap == Overlap::Cancel && !first.is_late;
            is_in_the_way.then(|| Step::Cancel(started.submission.clone()))
        }
        (Predecessor::Cancelling | Predecessor::Unknown, Some(_)) => None,
    }
}
