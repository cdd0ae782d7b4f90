//! One schedule at work: asks what must be known, has it decided what is next, and does that.

mod starting;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::WallClock;
use chrono::{DateTime, NaiveDate, Utc};
use spec::{CronSchedule, Document, ScheduleName, Timetable};

use super::content::Content;
use super::decide::{Facts, Inputs, Step, decide, undecided};
use super::event::Event;
use super::inputs::look;
use super::log::{Appended, ScheduleLog};
use super::mistake::SchedulesError;
use super::shelf::apart;
use super::slot::Slot;
use super::state::{State, Status, Waiting};
use super::submissions::Submissions;
use super::view::{Registered, ScheduleView, Seen};
use crate::names::Owner;

/// Carries one schedule.
#[derive(Debug)]
pub(super) struct Keeper<S> {
    log: ScheduleLog,
    submissions: Arc<S>,
    clock: Arc<dyn WallClock>,
    /// How often inputs are looked for.
    every: Duration,
    timetable: Option<(CronSchedule, Timetable)>,
    known: Known,
}

/// What is known beside the log; found out again when it is lost.
#[derive(Debug, Default)]
struct Known {
    /// Whether the last started slot has been submitted for certain.
    is_submitted: bool,
    has_ended: bool,
    is_cancelled: bool,
    /// Why it cannot be submitted.
    problem: Option<String>,
    /// The first slot that waits.
    first: Option<First>,
}

#[derive(Debug)]
struct First {
    slot: Slot,
    /// Its documents, or what is wrong with them.
    documents: Result<Vec<Document>, String>,
    inputs: Inputs,
    looked_at: Option<Duration>,
}

impl<S: Submissions> Keeper<S> {
    pub(super) fn new(log: ScheduleLog, submissions: Arc<S>, clock: Arc<dyn WallClock>, every: Duration) -> Self {
        Self { log, submissions, clock, every, timetable: None, known: Known::default() }
    }

    /// Does everything that is to be done by now. When it returns, the time of the next slot is known, if there is one.
    ///
    /// # Errors
    /// When the store or the coordinator fails. Nothing is lost then: it is done at the next call.
    pub(super) async fn advance(&mut self) -> Result<Option<DateTime<Utc>>, SchedulesError> {
        loop {
            let now = self.clock.utc();
            if let ControlFlow::Break(next) = self.take_step(now).await? {
                return Ok(next);
            }
        }
    }

    /// Does one thing that is to be done at a time; where nothing is, breaks with the time of the next slot, if there is one.
    async fn take_step(&mut self, now: DateTime<Utc>) -> Result<ControlFlow<Option<DateTime<Utc>>>, SchedulesError> {
        let Some(state) = self.log.state().cloned() else { return Ok(ControlFlow::Break(None)) };
        let timetable = self.timetable(&state)?;
        let facts = self.facts(&state).await?;
        match decide(&state, &timetable, now, &facts) {
            Step::Append(event) => {
                self.append(now, *event).await?;
            }
            Step::Cancel(submission) => {
                self.submissions.cancel(&submission, &state.owner).await?;
                self.known.is_cancelled = true;
            }
            Step::Rest { until } => return Ok(ControlFlow::Break(until)),
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Decides every slot up to a time, as far as that can be done.
    async fn settle(&mut self, now: DateTime<Utc>) -> Result<(), SchedulesError> {
        while self.take_step(now).await?.is_continue() {}
        Ok(())
    }

    /// Logs a change. Slots that have come due by then and cannot be decided are passed over before it, so that none is lost
    /// without a word.
    async fn log_change(&mut self, now: DateTime<Utc>, event: Event) -> Result<Appended, SchedulesError> {
        if let Some(state) = self.log.state().cloned()
            && let Some(passed) = undecided(&state, &self.timetable(&state)?, now)
            && self.append(now, passed).await? == Appended::Collided
        {
            return Ok(Appended::Collided);
        }
        self.append(now, event).await
    }

    /// Changes what the schedule runs, from the slots after now on.
    ///
    /// # Errors
    /// When the schedule is somebody else's, or of another kind of document, or as [`Self::advance`].
    pub(super) async fn revise(&mut self, content: Content, by: &Owner) -> Result<Registered, SchedulesError> {
        loop {
            let now = self.clock.utc();
            self.settle(now).await?;
            if let Some(state) = self.log.state().filter(|state| state.status != Status::Removed) {
                check_same(state, &content)?;
                let is_known = self.log.content(state.revision.entry).await? == content;
                if is_known {
                    return Ok(self.registered(&content, false));
                }
            }
            let event = Event::Revised { content: content.clone(), by: by.clone() };
            if self.log_change(now, event).await? == Appended::Mine {
                return Ok(self.registered(&content, true));
            }
        }
    }

    fn registered(&self, content: &Content, is_new: bool) -> Registered {
        let view = self.view();
        let next = view.map(|view| view.next).unwrap_or_default();
        Registered { name: content.name.clone(), documents: content.documents.clone(), is_new, next }
    }

    /// Pauses, resumes or removes, where the schedule is in a state for that.
    ///
    /// # Errors
    /// [`SchedulesError::NotNow`] where it is not, or as [`Self::advance`].
    pub(super) async fn change(&mut self, wanted: Change, by: &Owner) -> Result<(), SchedulesError> {
        loop {
            let now = self.clock.utc();
            self.settle(now).await?;
            let status = self.log.state().map_or(&Status::Removed, |state| &state.status);
            let event = match (wanted, status) {
                (Change::Pause, Status::Active) => Event::Paused { by: by.clone() },
                (Change::Resume, Status::Paused(_)) => Event::Resumed { by: by.clone() },
                (Change::Remove, Status::Active | Status::Paused(_)) => Event::Removed { by: by.clone() },
                (Change::Pause | Change::Resume | Change::Remove, _) => {
                    let (name, status) = (self.log.name().clone(), status.as_str());
                    return Err(SchedulesError::NotNow { name, wanted: wanted.as_str(), status });
                }
            };
            if self.log_change(now, event).await? == Appended::Mine {
                return Ok(());
            }
        }
    }

    pub(super) fn name(&self) -> &ScheduleName {
        self.log.name()
    }

    /// What is known of the schedule; nothing where it was removed.
    pub(super) fn seen(&self) -> Option<Seen> {
        let state = self.log.state().filter(|state| state.status != Status::Removed)?.clone();
        let first = self.known.first.as_ref().filter(|first| state.waiting.first().map(|w| w.slot) == Some(first.slot));
        let inputs = first.map(|first| first.inputs.clone());
        let is_going = state.started.is_some() && !self.known.has_ended && self.known.problem.is_none();
        Some(Seen { state, inputs, is_going, problem: self.known.problem.clone() })
    }

    /// What there is to see; nothing of a schedule that was removed.
    pub(super) fn view(&self) -> Option<ScheduleView> {
        self.seen()?.view(self.clock.utc())
    }

    async fn append(&mut self, at: DateTime<Utc>, event: Event) -> Result<Appended, SchedulesError> {
        let is_start = matches!(event, Event::Started { .. });
        let appended = self.log.append(at, event).await?;
        if is_start || appended == Appended::Collided {
            self.known = Known::default();
        }
        Ok(appended)
    }

    fn timetable(&mut self, state: &State) -> Result<Timetable, SchedulesError> {
        let schedule = &state.revision.schedule;
        if let Some((_, timetable)) = self.timetable.as_ref().filter(|(of, _)| of == schedule) {
            return Ok(timetable.clone());
        }
        let timetable =
            Timetable::of(schedule).map_err(|source| SchedulesError::Times { name: state.name.clone(), source })?;
        self.timetable = Some((schedule.clone(), timetable.clone()));
        Ok(timetable)
    }

    async fn facts(&mut self, state: &State) -> Result<Facts, SchedulesError> {
        let predecessor = self.predecessor(state).await?;
        let inputs = match state.waiting.first() {
            Some(waiting) => self.inputs(waiting).await?,
            None => Inputs::Unknown,
        };
        Ok(Facts { predecessor, inputs })
    }

    async fn inputs(&mut self, waiting: &Waiting) -> Result<Inputs, SchedulesError> {
        let mut first = match self.known.first.take().filter(|first| first.slot == waiting.slot) {
            Some(first) => first,
            None => {
                let (documents, _) = self.documents_of(waiting.slot, waiting.revision).await?;
                First { slot: waiting.slot, documents, inputs: Inputs::Unknown, looked_at: None }
            }
        };
        let is_fresh = first.looked_at.is_some_and(|at| self.clock.now() < at + self.every);
        if first.inputs != Inputs::There && !is_fresh {
            let waits = first.documents.as_ref().map(|documents| documents.iter().find_map(Document::schedule));
            first.inputs = match waits {
                Err(problem) => Inputs::Refused { problem: problem.clone() },
                Ok(None) => Inputs::There,
                Ok(Some(schedule)) => look(&schedule.wait_for, waiting.since, self.clock.as_ref()).await,
            };
            first.looked_at = Some(self.clock.now());
        }
        let inputs = first.inputs.clone();
        self.known.first = Some(first);
        Ok(inputs)
    }

    /// What a slot of a revision runs, or what is wrong with that; and its day.
    async fn documents_of(
        &self,
        slot: Slot,
        revision: u64,
    ) -> Result<(Result<Vec<Document>, String>, NaiveDate), SchedulesError> {
        let content = self.log.content(revision).await?;
        let timetable = Timetable::of(&content.schedule)
            .map_err(|source| SchedulesError::Times { name: content.name.clone(), source })?;
        let run_date = timetable.run_date(slot.0);
        let documents =
            apart(move || Ok(content.documents_for(run_date).map_err(|problems| problems.to_string()))).await?;
        Ok((documents, run_date))
    }
}

/// What may be wanted of a schedule as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Pause,
    Resume,
    Remove,
}

impl Change {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "paused",
            Self::Resume => "resumed",
            Self::Remove => "removed",
        }
    }
}

/// A schedule is changed by its owner alone, and stays of one document.
fn check_same(state: &State, content: &Content) -> Result<(), SchedulesError> {
    let (name, owner) = (content.name.clone(), state.owner.clone());
    if owner != content.owner {
        return Err(SchedulesError::OtherOwner { name, owner });
    }
    let kind = |documents: &[super::content::DocumentName]| documents.first().map(|document| document.kind);
    if kind(&state.revision.documents) != kind(&content.documents) {
        return Err(SchedulesError::OtherDocument { name, owner });
    }
    Ok(())
}
