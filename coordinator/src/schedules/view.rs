//! What schedules show of themselves.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde::Serialize;
use spec::{Overlap, ScheduleName, SubmissionId, Timetable};

use super::content::DocumentName;
use super::decide::Inputs;
use super::slot::Slot;
use super::state::{Paused, Recent, State, Status, Waiting};
use crate::names::{Owner, Priority};

/// How many slots to come are shown.
const NEXT: usize = 5;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScheduleView {
    /// Its name.
    pub name: ScheduleName,
    /// Whose its submissions are.
    pub owner: Owner,
    /// How urgent they are.
    pub priority: Priority,
    /// What it runs, in order.
    pub documents: Vec<DocumentName>,
    /// When it comes due, as written.
    pub cron: String,
    /// On whose clock.
    pub time_zone: String,
    /// What becomes of a slot whose predecessor has not ended.
    pub overlap: Overlap,
    /// How many missed slots are caught up with.
    pub catch_up: u32,
    /// The first day with slots.
    pub start: Option<NaiveDate>,
    /// The last day with slots.
    pub end: Option<NaiveDate>,
    /// When its documents last changed.
    pub revised_at: DateTime<Utc>,
    /// Who changed them.
    pub revised_by: Owner,
    /// Who paused it, and when; absent while it comes due.
    pub paused: Option<Paused>,
    /// The next slots on its own clock, five at the most; none while it is paused.
    pub next: Vec<DateTime<FixedOffset>>,
    /// Slots that came due and are not started yet, in order.
    pub waiting: Vec<WaitingView>,
    /// The submission of the last slot that was started, until it has ended.
    pub running: Option<SubmissionId>,
    /// What became of the last slots, the newest first; twenty at the most.
    pub last: Vec<Recent>,
    /// Why the last slot that was started is no submission, though it should be; nothing is started until it is.
    pub problem: Option<String>,
}

/// What a schedule's task knows of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    /// What the log tells; not that it was removed.
    pub(super) state: State,
    /// What the first slot that waits needs.
    pub(super) inputs: Option<Inputs>,
    /// Whether the submission of the last slot that was started has not ended.
    pub(super) is_going: bool,
    /// Why there is none.
    pub(super) problem: Option<String>,
}

impl Seen {
    /// What there is to see at a time; nothing where the schedule says no times, which it did when it was taken.
    pub(super) fn view(&self, now: DateTime<Utc>) -> Option<ScheduleView> {
        let Self { state, inputs, is_going, problem } = self;
        let timetable = Timetable::of(&state.revision.schedule).ok()?;
        let view = ScheduleView::of(state, &timetable, now, inputs.as_ref(), *is_going);
        Some(ScheduleView { problem: problem.clone(), ..view })
    }
}

/// A slot that came due and is not started yet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WaitingView {
    /// The slot.
    pub slot: Slot,
    /// The day that it is for.
    pub run_date: NaiveDate,
    /// Since when it waits.
    pub since: DateTime<Utc>,
    /// Whether it is caught up with.
    pub is_late: bool,
    /// What it waits for.
    pub why: Why,
}

/// What a slot waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Why {
    /// It is about to be looked after.
    Moment,
    /// An input.
    Input {
        /// What is not there.
        url: String,
        /// When the slot counts as missed.
        until: DateTime<Utc>,
        /// Why it cannot be looked for.
        problem: Option<String>,
    },
    /// The submission of the slot before.
    Predecessor {
        /// That slot.
        slot: Slot,
        /// Its submission.
        submission: SubmissionId,
    },
    /// Slots that wait themselves.
    Behind {
        /// The one before.
        slot: Slot,
    },
}

/// What became of documents with a schedule.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Registered {
    /// The schedule's name.
    pub name: ScheduleName,
    /// What it runs, in order.
    pub documents: Vec<DocumentName>,
    /// False where it was the same before.
    pub is_new: bool,
    /// The next slots on its own clock, five at the most; none while it is paused.
    pub next: Vec<DateTime<FixedOffset>>,
}

impl ScheduleView {
    pub(super) fn of(
        state: &State,
        timetable: &Timetable,
        now: DateTime<Utc>,
        inputs: Option<&Inputs>,
        is_going: bool,
    ) -> Self {
        let schedule = &state.revision.schedule;
        let paused = match &state.status {
            Status::Paused(paused) => Some(paused.clone()),
            Status::Active | Status::Removed => None,
        };
        let slots = timetable.slots_after(state.decided.max(now)).take(if paused.is_some() { 0 } else { NEXT });
        Self {
            name: state.name.clone(),
            owner: state.owner.clone(),
            priority: state.priority,
            documents: state.revision.documents.clone(),
            cron: schedule.cron.clone(),
            time_zone: schedule.time_zone.clone(),
            overlap: schedule.overlap,
            catch_up: schedule.catch_up,
            start: schedule.start,
            end: schedule.end,
            revised_at: state.revision.at,
            revised_by: state.revision.by.clone(),
            next: slots.map(|slot| timetable.local(slot)).collect(),
            waiting: waiting(state, timetable, inputs, is_going),
            running: state.started.as_ref().filter(|_| is_going).map(|started| started.submission.clone()),
            last: state.recent.iter().rev().cloned().collect(),
            paused,
            problem: None,
        }
    }
}

fn waiting(state: &State, timetable: &Timetable, inputs: Option<&Inputs>, is_going: bool) -> Vec<WaitingView> {
    let before = |index: usize| index.checked_sub(1).and_then(|index| state.waiting.get(index));
    let why = |index: usize| match (before(index), inputs, &state.started) {
        (Some(before), ..) => Why::Behind { slot: before.slot },
        (None, Some(Inputs::Missing { url, until, problem }), _) => {
            Why::Input { url: url.clone(), until: *until, problem: problem.clone() }
        }
        (None, _, Some(started)) if is_going => {
            Why::Predecessor { slot: started.slot, submission: started.submission.clone() }
        }
        (None, ..) => Why::Moment,
    };
    let view = |(index, waiting): (usize, &Waiting)| WaitingView {
        slot: waiting.slot,
        run_date: timetable.run_date(waiting.slot.0),
        since: waiting.since,
        is_late: waiting.is_late,
        why: why(index),
    };
    state.waiting.iter().enumerate().map(view).collect()
}
