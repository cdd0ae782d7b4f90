//! The task behind [`super::Schedules`]: owns the tasks of all schedules of a workspace, and answers who asks.
//!
//! It waits for nobody: whatever takes time is done by tasks that it owns.

use std::sync::Arc;

use artifacts::Workspace;
use artifacts::clock::WallClock;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

use super::handle::{Ask, Waits};
use super::kept::Tools;
use super::mistake::SchedulesError;
use super::shelf::Shelf;
use super::submissions::Submissions;

/// Schedules that advance at once; so many stores that do not answer delay nobody.
const MOST_AT_ONCE: usize = 256;

/// Schedules that come to be at once.
const MOST_NEWCOMERS: usize = 16;

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
        let Waits { round, inputs } = waits;
        let tools = Tools { submissions, clock, round, inputs, places: Semaphore::new(MOST_AT_ONCE) };
        let (newcomers, arrived) = mpsc::channel(MOST_NEWCOMERS);
        let shelf = Shelf::new(workspace, Arc::new(tools), newcomers);
        let mut tasks = JoinSet::new();
        shelf.read_all().await?.into_iter().for_each(|task| _ = tasks.spawn(task));
        let (stop, stopped) = oneshot::channel();
        let (keeps, alive) = watch::channel(());
        let task = tokio::spawn(async move {
            // Dropped however this ends.
            let _keeps = keeps;
            tokio::select! {
                // Dropped or sent, the word is the same. Whatever is cut off here is done by the next coordinator.
                _ = stopped => {}
                () = keep(Arc::new(shelf), tasks, arrived, asks) => {}
            }
        });
        Ok(Self { stop, alive, task })
    }

    /// Returns once schedules are not kept any more: because a task broke down, or because nobody can ask it.
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

/// Answers until nobody can ask any more, or until a schedule's task breaks down.
async fn keep<S: Submissions + 'static>(
    shelf: Arc<Shelf<S>>,
    mut tasks: JoinSet<()>,
    mut newcomers: mpsc::Receiver<BoxFuture<'static, ()>>,
    mut asks: mpsc::Receiver<Ask>,
) {
    let mut answers = JoinSet::new();
    loop {
        tokio::select! {
            ask = asks.recv() => match ask {
                Some(ask) => {
                    let shelf = Arc::clone(&shelf);
                    answers.spawn(async move { shelf.answer(ask).await });
                }
                None => return,
            },
            Some(task) = newcomers.recv() => {
                tasks.spawn(task);
            }
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a schedule's task broke down");
                    return;
                }
            }
            Some(_) = answers.join_next() => {}
        }
    }
}
