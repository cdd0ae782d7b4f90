//! A slot that was started, on its way to being a submission: the start is in the log, and the submit follows, however
//! often this program dies in between.

use chrono::NaiveDate;
use spec::Document;

use super::Keeper;
use crate::error::CoordinatorError;
use crate::schedules::decide::Predecessor;
use crate::schedules::inputs::with_causes;
use crate::schedules::mistake::SchedulesError;
use crate::schedules::slot::Slot;
use crate::schedules::state::{StartedSlot, State};
use crate::schedules::submissions::{Firing, NotStarted, Standing, Submissions};

/// What became of the submit of a slot that was started.
enum Submit {
    /// It is a submission.
    Done,
    /// It is tried again.
    NotNow,
    /// Somebody has to see to it.
    Stuck(String),
}

impl<S: Submissions> Keeper<S> {
    /// How the last started slot's submission is; it is submitted first, unless that is certain to have happened.
    pub(super) async fn predecessor(&mut self, state: &State) -> Result<Predecessor, SchedulesError> {
        let Some(started) = &state.started else { return Ok(Predecessor::Ended) };
        if !self.known.is_submitted {
            match self.submit(state, started).await? {
                Submit::Done => (self.known.is_submitted, self.known.problem) = (true, None),
                Submit::NotNow => return Ok(Predecessor::Unknown),
                Submit::Stuck(problem) => {
                    self.tell_of(state, started.slot, problem);
                    return Ok(Predecessor::Unknown);
                }
            }
        }
        // Who takes up the name of a removed schedule has nothing to do with what its owner's slots do.
        if self.known.has_ended || started.owner != state.owner {
            return Ok(Predecessor::Ended);
        }
        Ok(match self.submissions.standing(&started.submission).await {
            Ok(Standing::Absent | Standing::Ended) => {
                self.known.has_ended = true;
                Predecessor::Ended
            }
            Ok(Standing::Going) if self.known.is_cancelled => Predecessor::Cancelling,
            Ok(Standing::Going) => Predecessor::Going,
            Err(error) => {
                let (schedule, submission) = (&state.name, &started.submission);
                tracing::warn!(%schedule, %submission, error = with_causes(&error), "cannot be asked after");
                Predecessor::Unknown
            }
        })
    }

    /// Says once that a slot that was started cannot be submitted. It is not lost: it is tried again, and mended by a revision.
    fn tell_of(&mut self, state: &State, slot: Slot, problem: String) {
        if self.known.problem.as_ref() != Some(&problem) {
            tracing::error!(schedule = %state.name, %slot, problem, "a slot that was started cannot be submitted");
        }
        self.known.problem = Some(problem);
    }

    async fn submit(&self, state: &State, started: &StartedSlot) -> Result<Submit, SchedulesError> {
        let problem = match self.documents_of(started.slot, started.revision).await {
            Ok((Ok(documents), run_date)) => return Ok(self.fire(state, started, documents, run_date).await),
            Ok((Err(problem), _)) => problem,
            Err(error) if error.is_content() => with_causes(&error),
            Err(error) => return Err(error),
        };
        // They were valid when the slot was started: this is another version of the program, or they were changed.
        match self.submissions.standing(&started.submission).await {
            Ok(Standing::Going | Standing::Ended) => return Ok(Submit::Done),
            Ok(Standing::Absent) => {}
            Err(error) => return Ok(self.not_now(state, started, &error)),
        }
        if state.revision.entry > started.revision
            && let (Ok(documents), run_date) = self.documents_of(started.slot, state.revision.entry).await?
        {
            return Ok(self.fire(state, started, documents, run_date).await);
        }
        let slot = started.slot;
        Ok(Submit::Stuck(format!(
            "the documents of the slot {slot} are not valid any more: {problem}; submit the schedule's documents again"
        )))
    }

    async fn fire(
        &self,
        state: &State,
        started: &StartedSlot,
        documents: Vec<Document>,
        run_date: NaiveDate,
    ) -> Submit {
        let (schedule, owner, priority) = (state.name.clone(), started.owner.clone(), started.priority);
        let firing = Firing { schedule, slot: started.slot, owner, priority, documents, run_date };
        match self.submissions.start(firing).await {
            Ok(_) => Submit::Done,
            Err(NotStarted::NotNow(error)) => self.not_now(state, started, &error),
            Err(NotStarted::Refused(error)) => {
                let slot = started.slot;
                Submit::Stuck(format!("the slot {slot} is refused: {}", with_causes(&error)))
            }
        }
    }

    fn not_now(&self, state: &State, started: &StartedSlot, error: &CoordinatorError) -> Submit {
        let (schedule, slot) = (&state.name, started.slot);
        tracing::warn!(%schedule, %slot, error = with_causes(error), "not submitted yet");
        Submit::NotNow
    }
}
