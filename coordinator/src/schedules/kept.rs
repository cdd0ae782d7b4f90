//! A schedule's own task: advances it when it is time, and does what is wished of it in between. However long one takes,
//! the others go on.

use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::WallClock;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::content::Content;
use super::inputs::with_causes;
use super::keeper::{Change, Keeper};
use super::log::ScheduleLog;
use super::mistake::SchedulesError;
use super::submissions::Submissions;
use super::view::{Registered, Seen};
use crate::names::Owner;

/// Wishes of one schedule that may wait.
const MOST_WISHES: usize = 16;

type Reply<T> = oneshot::Sender<Result<T, SchedulesError>>;

/// What may be wished of a schedule.
#[derive(Debug)]
pub(super) enum Wish {
    Revise(Box<Content>, Owner, Reply<Registered>),
    Change(Change, Owner, Reply<()>),
}

/// The end of a schedule's task that others hold. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    wishes: mpsc::Sender<Wish>,
    seen: watch::Receiver<Option<Arc<Seen>>>,
}

/// What schedules' tasks work with.
#[derive(Debug)]
pub(super) struct Tools<S> {
    pub(super) submissions: Arc<S>,
    pub(super) clock: Arc<dyn WallClock>,
    /// How often a schedule is looked at.
    pub(super) round: Duration,
    /// How often inputs are.
    pub(super) inputs: Duration,
    /// Places of schedules that advance at once.
    pub(super) places: Semaphore,
}

impl Kept {
    /// A schedule and its task, which ends with the last who holds the schedule.
    pub(super) fn of<S: Submissions + 'static>(
        log: ScheduleLog,
        tools: Arc<Tools<S>>,
    ) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let keeper = Keeper::new(log, Arc::clone(&tools.submissions), Arc::clone(&tools.clock), tools.inputs);
        let (wishes, wished) = mpsc::channel(MOST_WISHES);
        let (show, seen) = watch::channel(keeper.seen().map(Arc::new));
        (Self { wishes, seen }, keep(keeper, wished, show, tools))
    }

    /// The schedule as its task last left it; nothing once it is removed, or before it is registered.
    pub(super) fn seen(&self) -> Option<Arc<Seen>> {
        self.seen.borrow().clone()
    }

    pub(super) async fn wish<T>(&self, wish: impl FnOnce(Reply<T>) -> Wish) -> Result<T, SchedulesError> {
        let (reply, answer) = oneshot::channel();
        self.wishes.send(wish(reply)).await.map_err(|_| SchedulesError::Stopping)?;
        answer.await.unwrap_or(Err(SchedulesError::Stopping))
    }
}

async fn keep<S: Submissions>(
    mut keeper: Keeper<S>,
    mut wished: mpsc::Receiver<Wish>,
    show: watch::Sender<Option<Arc<Seen>>>,
    tools: Arc<Tools<S>>,
) {
    loop {
        let rest = advance(&mut keeper, &tools).await;
        show.send_replace(keeper.seen().map(Arc::new));
        tokio::select! {
            wish = wished.recv() => match wish {
                Some(wish) => fulfil(&mut keeper, wish, &show).await,
                None => return,
            },
            () = tools.clock.sleep(rest) => {}
        }
    }
}

/// Does what is to be done. Gives the time until the next slot, or until the schedule is looked at again.
async fn advance<S: Submissions>(keeper: &mut Keeper<S>, tools: &Tools<S>) -> Duration {
    let _place = tools.places.acquire().await.expect("the places are never closed");
    let now = tools.clock.utc();
    let next = match keeper.advance().await {
        Ok(next) => next.and_then(|next| (next - now).to_std().ok()),
        Err(error) => {
            tracing::error!(schedule = %keeper.name(), error = with_causes(&error), "not advanced");
            None
        }
    };
    next.map_or(tools.round, |next| next.min(tools.round))
}

/// Who wished for it finds it done in what is shown.
async fn fulfil<S: Submissions>(keeper: &mut Keeper<S>, wish: Wish, show: &watch::Sender<Option<Arc<Seen>>>) {
    let shown = |keeper: &Keeper<S>| _ = show.send_replace(keeper.seen().map(Arc::new));
    // Whoever does not wait for the answer any more needs none.
    match wish {
        Wish::Revise(content, by, reply) => {
            let revised = keeper.revise(*content, &by).await;
            shown(keeper);
            let _ = reply.send(revised);
        }
        Wish::Change(change, by, reply) => {
            let changed = keeper.change(change, &by).await;
            shown(keeper);
            let _ = reply.send(changed);
        }
    }
}
