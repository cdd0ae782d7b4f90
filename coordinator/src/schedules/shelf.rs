//! All schedules of a workspace, by name: finds them, takes new ones, answers questions about them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifacts::{Workspace, layout};
use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use spec::ScheduleName;
use spec::suggest::nearest;
use tokio::sync::mpsc;

use super::content::{Content, NewSchedules};
use super::handle::Ask;
use super::inputs::with_causes;
use super::keeper::Change;
use super::kept::{Kept, Tools, Wish};
use super::log::ScheduleLog;
use super::mistake::SchedulesError;
use super::submissions::Submissions;
use super::view::{Registered, ScheduleView};
use crate::log::WriterId;
use crate::names::Owner;

/// Schedules that are read at once.
const AT_ONCE: usize = 16;

/// Schedules that there may be, beside those that were removed.
pub const MOST_SCHEDULES: usize = 1000;

/// Schedules by name.
#[derive(Debug)]
pub(super) struct Shelf<S> {
    workspace: Workspace,
    writer: WriterId,
    tools: Arc<Tools<S>>,
    kept: Mutex<BTreeMap<ScheduleName, Kept>>,
    /// Where the tasks of new schedules go.
    newcomers: mpsc::Sender<BoxFuture<'static, ()>>,
}

impl<S: Submissions + 'static> Shelf<S> {
    pub(super) fn new(
        workspace: Workspace,
        tools: Arc<Tools<S>>,
        newcomers: mpsc::Sender<BoxFuture<'static, ()>>,
    ) -> Self {
        Self { workspace, writer: WriterId::new(), tools, kept: Mutex::default(), newcomers }
    }

    /// Reads every schedule of the workspace; gives their tasks.
    pub(super) async fn read_all(&self) -> Result<Vec<BoxFuture<'static, ()>>, SchedulesError> {
        let names = self.workspace.names_in(&layout::schedules()).await?;
        let names: Vec<ScheduleName> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let mut tasks = Vec::with_capacity(names.len());
        for some in names.chunks(AT_ONCE) {
            for (name, read) in some.iter().zip(join_all(some.iter().map(|name| self.read(name))).await) {
                match read {
                    Ok(log) => {
                        let (kept, task) = Kept::of(log, Arc::clone(&self.tools));
                        self.kept().insert(name.clone(), kept);
                        tasks.push(task.boxed());
                    }
                    // It must not keep the others from going on.
                    Err(error) if error.is_content() => {
                        let error = with_causes(&error);
                        tracing::error!(schedule = %name, error, "a schedule cannot be understood, and is left alone");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(tasks)
    }

    async fn read(&self, name: &ScheduleName) -> Result<ScheduleLog, SchedulesError> {
        ScheduleLog::open(&self.workspace, &self.writer, name.clone()).await
    }

    pub(super) async fn answer(&self, ask: Ask) {
        // Whoever does not wait for the answer any more needs none.
        match ask {
            Ask::Register(new, by, reply) => drop(reply.send(self.register(new, &by).await)),
            Ask::List(reply) => drop(reply.send(Ok(self.views()))),
            Ask::Show(name, reply) => drop(reply.send(self.show(&name))),
            Ask::Change(name, change, by, reply) => drop(reply.send(self.change(&name, change, &by).await)),
        }
    }

    async fn register(&self, new: NewSchedules, by: &Owner) -> Result<Vec<Registered>, SchedulesError> {
        let now = self.tools.clock.utc();
        let contents = apart(move || new.contents(now)).await?;
        if contents.is_empty() {
            return Err(SchedulesError::NoSchedule);
        }
        self.check_room(&contents)?;
        let mut registered = Vec::with_capacity(contents.len());
        for content in contents {
            let kept = self.kept_or_new(&content.name).await?;
            registered.push(kept.wish(|reply| Wish::Revise(Box::new(content), by.clone(), reply)).await?);
        }
        Ok(registered)
    }

    fn check_room(&self, contents: &[Content]) -> Result<(), SchedulesError> {
        let kept = self.kept();
        let is_there = |name: &ScheduleName| kept.get(name).is_some_and(|kept| kept.seen().is_some());
        let present = kept.values().filter(|kept| kept.seen().is_some()).count();
        let new = contents.iter().filter(|content| !is_there(&content.name)).count();
        if new > 0 && present + new > MOST_SCHEDULES {
            return Err(SchedulesError::TooMany { most: MOST_SCHEDULES });
        }
        Ok(())
    }

    async fn kept_or_new(&self, name: &ScheduleName) -> Result<Kept, SchedulesError> {
        let known = self.kept().get(name).cloned();
        if let Some(kept) = known {
            return Ok(kept);
        }
        let (kept, task) = Kept::of(self.read(name).await?, Arc::clone(&self.tools));
        // Somebody may have registered it meanwhile; then this task ends before it has begun.
        let kept = self.kept().entry(name.clone()).or_insert(kept).clone();
        self.newcomers.send(task.boxed()).await.map_err(|_| SchedulesError::Stopping)?;
        Ok(kept)
    }

    fn views(&self) -> Vec<ScheduleView> {
        let now = self.tools.clock.utc();
        let seen: Vec<_> = self.kept().values().filter_map(Kept::seen).collect();
        seen.iter().filter_map(|seen| seen.view(now)).collect()
    }

    fn show(&self, name: &ScheduleName) -> Result<ScheduleView, SchedulesError> {
        let seen = self.kept().get(name).and_then(Kept::seen);
        seen.and_then(|seen| seen.view(self.tools.clock.utc())).ok_or_else(|| self.unknown(name))
    }

    async fn change(&self, name: &ScheduleName, change: Change, by: &Owner) -> Result<ScheduleView, SchedulesError> {
        let before = self.show(name)?;
        let kept = self.kept().get(name).cloned();
        let kept = kept.ok_or_else(|| self.unknown(name))?;
        kept.wish(|reply| Wish::Change(change, by.clone(), reply)).await?;
        Ok(kept.seen().and_then(|seen| seen.view(self.tools.clock.utc())).unwrap_or(before))
    }

    fn unknown(&self, name: &ScheduleName) -> SchedulesError {
        let kept = self.kept();
        let known = kept.iter().filter(|(_, kept)| kept.seen().is_some()).map(|(name, _)| name.as_str());
        let meant = nearest(name.as_str(), known).and_then(|meant| meant.parse().ok());
        SchedulesError::Unknown { name: name.clone(), meant }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<ScheduleName, Kept>> {
        // Every change is one insertion, so a panic elsewhere leaves the map whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does what takes a while off the runtime's threads.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SchedulesError> + Send + 'static,
) -> Result<T, SchedulesError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        Err(_) => Err(SchedulesError::Stopping),
    }
}
