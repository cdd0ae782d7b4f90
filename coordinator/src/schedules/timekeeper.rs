//! The task behind [`super::Schedules`]: keeps every schedule of a workspace, and answers who asks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::WallClock;
use artifacts::{Workspace, layout};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use spec::ScheduleName;
use spec::suggest::nearest;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::content::NewSchedules;
use super::handle::{Ask, Waits};
use super::inputs::with_causes;
use super::keeper::{Change, Keeper};
use super::log::ScheduleLog;
use super::mistake::SchedulesError;
use super::submissions::Submissions;
use super::view::{Registered, ScheduleView};
use crate::log::WriterId;
use crate::names::Owner;

/// Schedules that are looked at or read at once.
const AT_ONCE: usize = 16;

/// The end of [`super::Schedules`] that is held by whoever runs them.
#[derive(Debug)]
pub struct Timekeeper {
    stop: oneshot::Sender<()>,
    /// Closed once nobody keeps schedules.
    alive: watch::Receiver<()>,
    task: JoinHandle<()>,
}

impl Timekeeper {
    pub(super) async fn open<S: Submissions + std::fmt::Debug + 'static>(
        workspace: Workspace,
        submissions: Arc<S>,
        waits: Waits,
        clock: Arc<dyn WallClock>,
        asks: mpsc::Receiver<Ask>,
    ) -> Result<Self, SchedulesError> {
        let mut keeping =
            Keeping { workspace, writer: WriterId::new(), submissions, waits, clock, keepers: BTreeMap::new() };
        keeping.read_all().await?;
        let (stop, stopped) = oneshot::channel();
        let (keeps, alive) = watch::channel(());
        let task = tokio::spawn(async move {
            // Dropped however this ends.
            let _keeps = keeps;
            tokio::select! {
                // Dropped or sent, the word is the same. Whatever is cut off here is done by the next coordinator.
                _ = stopped => {}
                () = keeping.keep(asks) => {}
            }
        });
        Ok(Self { stop, alive, task })
    }

    /// Returns once schedules are not kept any more: because the task broke down, or because nobody can ask it.
    pub async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Stops. Every schedule is left as it is for the next coordinator.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the schedules' task broke down");
        }
    }
}

struct Keeping<S> {
    workspace: Workspace,
    writer: WriterId,
    submissions: Arc<S>,
    waits: Waits,
    clock: Arc<dyn WallClock>,
    keepers: BTreeMap<ScheduleName, Keeper<S>>,
}

impl<S: Submissions> Keeping<S> {
    async fn read_all(&mut self) -> Result<(), SchedulesError> {
        let names = self.workspace.names_in(&layout::schedules()).await?;
        let names: Vec<ScheduleName> = names.iter().filter_map(|name| name.parse().ok()).collect();
        for some in names.chunks(AT_ONCE) {
            for (name, read) in some.iter().zip(join_all(some.iter().map(|name| self.read(name.clone()))).await) {
                match read {
                    Ok((name, keeper)) => drop(self.keepers.insert(name, keeper)),
                    // It must not keep the others from going on.
                    Err(error) if error.is_content() => {
                        let error = with_causes(&error);
                        tracing::error!(schedule = %name, error, "a schedule cannot be understood, and is left alone");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    async fn read(&self, name: ScheduleName) -> Result<(ScheduleName, Keeper<S>), SchedulesError> {
        let log = ScheduleLog::open(&self.workspace, &self.writer, name.clone()).await?;
        let submissions = Arc::clone(&self.submissions);
        Ok((name, Keeper::new(log, submissions, Arc::clone(&self.clock), self.waits.inputs)))
    }

    async fn keep(&mut self, mut asks: mpsc::Receiver<Ask>) {
        loop {
            let rest = self.advance_all().await;
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => return,
                },
                () = self.clock.sleep(rest) => {}
            }
        }
    }

    /// Does what is to be done for every schedule. Gives the time until the next slot, or until they are looked at again.
    async fn advance_all(&mut self) -> Duration {
        let (now, mut rest) = (self.clock.utc(), self.waits.round);
        let mut keepers = self.keepers.iter_mut();
        let mut at_work = FuturesUnordered::new();
        at_work.extend(keepers.by_ref().take(AT_ONCE).map(|(name, keeper)| advance(name, keeper)));
        while let Some(next) = at_work.next().await {
            let until_next = next.and_then(|next: DateTime<Utc>| (next - now).to_std().ok());
            rest = rest.min(until_next.unwrap_or(rest));
            at_work.extend(keepers.next().map(|(name, keeper)| advance(name, keeper)));
        }
        rest
    }

    async fn answer(&mut self, ask: Ask) {
        // Whoever does not wait for the answer any more needs none.
        match ask {
            Ask::Register(new, by, reply) => drop(reply.send(self.register(new, &by).await)),
            Ask::List(reply) => drop(reply.send(Ok(self.keepers.values().filter_map(Keeper::view).collect()))),
            Ask::Show(name, reply) => drop(reply.send(self.show(&name))),
            Ask::Change(name, change, by, reply) => drop(reply.send(self.change(&name, change, &by).await)),
        }
    }

    async fn register(&mut self, new: NewSchedules, by: &Owner) -> Result<Vec<Registered>, SchedulesError> {
        let contents = new.contents(self.clock.utc())?;
        if contents.is_empty() {
            return Err(SchedulesError::NoSchedule);
        }
        let mut registered = Vec::with_capacity(contents.len());
        for content in contents {
            if !self.keepers.contains_key(&content.name) {
                let (name, keeper) = self.read(content.name.clone()).await?;
                self.keepers.insert(name, keeper);
            }
            let keeper = self.keepers.get_mut(&content.name).expect("it is there by now");
            registered.push(keeper.revise(content, by).await?);
        }
        Ok(registered)
    }

    fn show(&self, name: &ScheduleName) -> Result<ScheduleView, SchedulesError> {
        self.keepers.get(name).and_then(Keeper::view).ok_or_else(|| self.unknown(name))
    }

    async fn change(
        &mut self,
        name: &ScheduleName,
        change: Change,
        by: &Owner,
    ) -> Result<ScheduleView, SchedulesError> {
        let before = self.show(name)?;
        let unknown = self.unknown(name);
        let keeper = self.keepers.get_mut(name).ok_or(unknown)?;
        keeper.change(change, by).await?;
        Ok(keeper.view().unwrap_or(before))
    }

    fn unknown(&self, name: &ScheduleName) -> SchedulesError {
        let known = self.keepers.iter().filter(|(_, keeper)| keeper.view().is_some()).map(|(name, _)| name.as_str());
        let meant = nearest(name.as_str(), known).and_then(|meant| meant.parse().ok());
        SchedulesError::Unknown { name: name.clone(), meant }
    }
}

/// Does what is to be done for one schedule. Gives its next slot; nothing where it must be looked at again soon.
async fn advance<S: Submissions>(name: &ScheduleName, keeper: &mut Keeper<S>) -> Option<DateTime<Utc>> {
    match keeper.advance().await {
        Ok(next) => next,
        Err(error) => {
            tracing::error!(schedule = %name, error = with_causes(&error), "not advanced");
            None
        }
    }
}
