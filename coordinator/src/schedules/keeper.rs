//! One schedule at work: asks what must be known, has it decided what is next, and does that.

use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::WallClock;
use chrono::{DateTime, NaiveDate, Utc};
use spec::{CronSchedule, Document, Timetable};

use super::content::Content;
use super::decide::{Facts, Inputs, Predecessor, Step, decide};
use super::event::Event;
use super::inputs::{look, with_causes};
use super::log::{Appended, ScheduleLog};
use super::mistake::SchedulesError;
use super::slot::Slot;
use super::state::{StartedSlot, State, Status, Waiting};
use super::submissions::{Firing, NotStarted, Submissions};
use super::view::{Registered, ScheduleView};
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
            let Some(state) = self.log.state().cloned() else { return Ok(None) };
            let timetable = self.timetable(&state)?;
            let facts = self.facts(&state).await?;
            let now = self.clock.utc();
            match decide(&state, &timetable, now, &facts) {
                Step::Append(event) => {
                    self.append(now, *event).await?;
                }
                Step::Cancel(submission) => {
                    self.submissions.cancel(&submission, &state.owner).await?;
                    self.known.is_cancelled = true;
                }
                Step::Rest { until } => return Ok(until),
            }
        }
    }

    /// Changes what the schedule runs, from the slots after now on.
    ///
    /// # Errors
    /// When the schedule is somebody else's, or of another kind of document, or as [`Self::advance`].
    pub(super) async fn revise(&mut self, content: Content, by: &Owner) -> Result<Registered, SchedulesError> {
        loop {
            self.advance().await?;
            if let Some(state) = self.log.state().filter(|state| state.status != Status::Removed) {
                check_same(state, &content)?;
                let is_known = self.log.content(state.revision.entry).await? == content;
                if is_known {
                    return Ok(self.registered(&content, false));
                }
            }
            let event = Event::Revised { content: content.clone(), by: by.clone() };
            if self.append(self.clock.utc(), event).await? == Appended::Mine {
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
            self.advance().await?;
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
            if self.append(self.clock.utc(), event).await? == Appended::Mine {
                return Ok(());
            }
        }
    }

    /// What there is to see; nothing of a schedule that was removed.
    pub(super) fn view(&self) -> Option<ScheduleView> {
        let state = self.log.state().filter(|state| state.status != Status::Removed)?;
        let timetable = Timetable::of(&state.revision.schedule).ok()?;
        let first = self.known.first.as_ref().filter(|first| state.waiting.first().map(|w| w.slot) == Some(first.slot));
        let is_going = state.started.is_some() && !self.known.has_ended;
        Some(ScheduleView::of(state, &timetable, self.clock.utc(), first.map(|first| &first.inputs), is_going))
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

    /// How the last started slot's submission is; it is submitted first, unless that is certain to have happened.
    async fn predecessor(&mut self, state: &State) -> Result<Predecessor, SchedulesError> {
        let Some(started) = &state.started else { return Ok(Predecessor::Ended) };
        if !self.known.is_submitted {
            match self.submit(state, started).await {
                Ok(()) => self.known.is_submitted = true,
                Err(NotStarted::NotNow(error)) => {
                    let (schedule, slot) = (&state.name, started.slot);
                    tracing::warn!(%schedule, %slot, error = with_causes(&error), "not submitted yet");
                    return Ok(Predecessor::Unknown);
                }
                Err(NotStarted::Refused(error)) => {
                    let (schedule, slot) = (&state.name, started.slot);
                    tracing::error!(%schedule, %slot, error = with_causes(&error), "cannot be submitted");
                    (self.known.is_submitted, self.known.has_ended) = (true, true);
                }
            }
        }
        // Who takes up the name of a removed schedule has nothing to do with what its owner's slots do.
        if self.known.has_ended || started.owner != state.owner {
            return Ok(Predecessor::Ended);
        }
        Ok(match self.submissions.has_ended(&started.submission).await {
            Ok(true) => {
                self.known.has_ended = true;
                Predecessor::Ended
            }
            Ok(false) if self.known.is_cancelled => Predecessor::Cancelling,
            Ok(false) => Predecessor::Going,
            Err(error) => {
                let (schedule, submission) = (&state.name, &started.submission);
                tracing::warn!(%schedule, %submission, error = with_causes(&error), "cannot be asked after");
                Predecessor::Unknown
            }
        })
    }

    async fn submit(&self, state: &State, started: &StartedSlot) -> Result<(), NotStarted> {
        let (documents, run_date) = match self.documents_of(started.slot, started.revision).await {
            Ok((Ok(documents), run_date)) => (documents, run_date),
            // They were valid when the slot was started: this is another version of the program.
            Ok((Err(problem), _)) => {
                let (schedule, slot) = (&state.name, started.slot);
                tracing::error!(%schedule, %slot, problem, "documents that were valid are not any more");
                (Vec::new(), started.slot.0.date_naive())
            }
            Err(SchedulesError::Coordinator(error)) => return Err(NotStarted::NotNow(error)),
            Err(error) => {
                let (schedule, slot) = (&state.name, started.slot);
                tracing::error!(%schedule, %slot, error = with_causes(&error), "the slot's documents are gone");
                (Vec::new(), started.slot.0.date_naive())
            }
        };
        let (schedule, owner, priority) = (state.name.clone(), started.owner.clone(), started.priority);
        let firing = Firing { schedule, slot: started.slot, owner, priority, documents, run_date };
        self.submissions.start(firing).await.map(drop)
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
        let documents = content.documents_for(run_date).map_err(|problems| problems.to_string());
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
