//! Asking for schedules.

use std::sync::Arc;
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::WallClock;
use spec::ScheduleName;
use tokio::sync::{mpsc, oneshot};

use super::content::NewSchedules;
use super::keeper::Change;
use super::mistake::SchedulesError;
use super::submissions::Submissions;
use super::timekeeper::Timekeeper;
use super::view::{Registered, ScheduleView};
use crate::names::Owner;

/// The schedules of a workspace, at work. Cheap to clone; every method may be called at once from anywhere.
#[derive(Debug, Clone)]
pub struct Schedules {
    asks: mpsc::Sender<Ask>,
}

/// How often what is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Slots, and whether submissions have ended. A slot is decided at its time, however long this is.
    pub round: Duration,
    /// Inputs that slots wait for.
    pub inputs: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { round: Duration::from_secs(5), inputs: Duration::from_secs(30) }
    }
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, SchedulesError>>;

/// What the schedules' task is asked.
#[derive(Debug)]
pub(super) enum Ask {
    Register(NewSchedules, Owner, Reply<Vec<Registered>>),
    List(Reply<Vec<ScheduleView>>),
    Show(ScheduleName, Reply<ScheduleView>),
    Change(ScheduleName, Change, Owner, Reply<ScheduleView>),
}

/// Requests that may wait.
const MOST_WAITING: usize = 64;

impl Schedules {
    /// Reads every schedule of a workspace and begins to keep them. One that cannot be understood is left alone, and the log
    /// says so. Slots become submissions of `submissions`, such as a
    /// [`crate::Coordinator`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn open<S: Submissions + std::fmt::Debug + 'static>(
        workspace: Workspace,
        submissions: S,
        waits: Waits,
        clock: Arc<dyn WallClock>,
    ) -> Result<(Self, Timekeeper), SchedulesError> {
        let (sender, asks) = mpsc::channel(MOST_WAITING);
        let timekeeper = Timekeeper::open(workspace, Arc::new(submissions), waits, clock, asks).await?;
        Ok((Self { asks: sender }, timekeeper))
    }

    /// Takes every document that has a schedule, with those after it that have none. The same again changes nothing; others
    /// of the same name count for the slots after now. When this returns they are in the workspace.
    ///
    /// # Errors
    /// When the texts are not valid, none has a schedule, or a schedule of the name is of somebody or something else.
    /// Those before it in the texts are taken then.
    pub async fn register(&self, new: NewSchedules, by: Owner) -> Result<Vec<Registered>, SchedulesError> {
        self.ask(|reply| Ask::Register(new, by, reply)).await
    }

    /// All schedules, by name.
    pub async fn list(&self) -> Result<Vec<ScheduleView>, SchedulesError> {
        self.ask(Ask::List).await
    }

    /// A schedule.
    pub async fn show(&self, name: &ScheduleName) -> Result<ScheduleView, SchedulesError> {
        self.ask(|reply| Ask::Show(name.clone(), reply)).await
    }

    /// Starts nothing of a schedule any more, until it is resumed. Slots that wait are left; what runs goes on.
    ///
    /// # Errors
    /// [`SchedulesError::NotNow`] where it is paused.
    pub async fn pause(&self, name: &ScheduleName, by: Owner) -> Result<ScheduleView, SchedulesError> {
        self.ask(|reply| Ask::Change(name.clone(), Change::Pause, by, reply)).await
    }

    /// Goes on with the slots after now. Those that came due in the pause are not caught up with.
    ///
    /// # Errors
    /// [`SchedulesError::NotNow`] where it is not paused.
    pub async fn resume(&self, name: &ScheduleName, by: Owner) -> Result<ScheduleView, SchedulesError> {
        self.ask(|reply| Ask::Change(name.clone(), Change::Resume, by, reply)).await
    }

    /// Ends a schedule. What runs goes on, and its log stays. Gives what it was.
    pub async fn remove(&self, name: &ScheduleName, by: Owner) -> Result<ScheduleView, SchedulesError> {
        self.ask(|reply| Ask::Change(name.clone(), Change::Remove, by, reply)).await
    }

    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T, SchedulesError> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| SchedulesError::Stopping)?;
        answer.await.unwrap_or(Err(SchedulesError::Stopping))
    }
}
