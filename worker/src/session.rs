//! A worker's life: register, then acquire and perform units until nothing is left.

mod heart;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::{Epoch, Failure, FailureClass, Next, WorkerId};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;

use crate::arguments::WorkerOptions;
use crate::cancel::{Cancel, CancelSource};
use crate::error::WorkerError;
use crate::link::{Answer, Link, LinkError};
use crate::progress::Progress;
use crate::{Assignment, Work};
use heart::{Heart, Verdict};

/// How a worker ended that did what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was left to do.
    Done,
    /// It was told to stop, by a signal or by the coordinator.
    Stopped,
}

/// A worker and its coordinator.
pub struct Session<L, W> {
    link: Arc<L>,
    options: WorkerOptions,
    work: Arc<W>,
    stop: Cancel,
}

/// What the coordinator made of the worker.
#[derive(Debug, Clone)]
struct Standing {
    worker: WorkerId,
    epoch: Epoch,
    heartbeat_interval: Duration,
    unreachable_after: Duration,
}

impl Standing {
    /// Takes note of an answer's epoch; an older one than known is refused.
    fn accept<T>(&mut self, (sent, answer): (Epoch, T)) -> Result<T, WorkerError> {
        if sent < self.epoch {
            return Err(WorkerError::StaleEpoch { sent, known: self.epoch });
        }
        self.epoch = sent;
        Ok(answer)
    }
}

/// How a unit of work ended, and what made it end if not the work itself.
type Watched = (Result<Result<serde_json::Value, Failure>, JoinError>, Option<Verdict>);

/// What follows a unit of work.
enum After {
    /// Ask for the next.
    Next,
    /// Register again.
    Register,
    /// Exit.
    Stop,
}

impl<L: Link, W: Work> Session<L, W> {
    /// A worker that has not registered yet; it stops cleanly when `stop` fires.
    pub fn new(link: L, options: WorkerOptions, work: W, stop: Cancel) -> Self {
        Self { link: Arc::new(link), options, work: Arc::new(work), stop }
    }

    /// Works until nothing is left to do, or it is told to stop.
    ///
    /// # Errors
    /// When the coordinator cannot be reached for as long as it said at registration, refuses the worker, has been
    /// superseded, or when the work does not stop in time.
    pub async fn run(self) -> Result<Ending, WorkerError> {
        loop {
            let Some(standing) = self.or_stop(self.register()).await.transpose()? else {
                return Ok(Ending::Stopped);
            };
            tracing::info!(worker = %standing.worker, epoch = %standing.epoch, "registered");
            if let Some(ending) = self.work_on(standing).await? {
                return Ok(ending);
            }
            tracing::warn!("the coordinator does not know this worker any more: registering again");
            tokio::time::sleep(FIRST_DELAY).await;
        }
    }

    async fn register(&self) -> Result<Standing, WorkerError> {
        let request = || self.link.register(self.options.registration.clone());
        let registered = reach(self.options.connect_within, request).await?.map_err(WorkerError::Refused)?;
        Ok(Standing {
            worker: registered.worker,
            epoch: registered.epoch,
            heartbeat_interval: registered.heartbeat_interval,
            unreachable_after: registered.unreachable_after,
        })
    }

    /// Performs units for one registration; `None` when the worker has to register again.
    async fn work_on(&self, mut standing: Standing) -> Result<Option<Ending>, WorkerError> {
        loop {
            let request = || self.link.acquire(standing.worker.clone(), standing.epoch);
            let reached = self.or_stop(reach(standing.unreachable_after, request)).await.transpose()?;
            let next = match reached {
                None => return Ok(Some(Ending::Stopped)),
                Some(Err(LinkError::Unregistered(_))) => return Ok(None),
                Some(Err(error)) => return Err(WorkerError::Refused(error)),
                Some(Ok(answer)) => standing.accept(answer)?,
            };
            let after = match next {
                Next::Done => return Ok(Some(Ending::Done)),
                Next::Wait(delay) => {
                    let waited = self.or_stop(tokio::time::sleep(delay)).await;
                    if waited.is_some() { After::Next } else { After::Stop }
                }
                Next::Assignment(assignment) => self.perform(&mut standing, assignment).await?,
            };
            match after {
                After::Next => {}
                After::Register => return Ok(None),
                After::Stop => return Ok(Some(Ending::Stopped)),
            }
        }
    }

    /// Performs one unit and says how it ended.
    async fn perform(&self, standing: &mut Standing, granted: proto::Assignment) -> Result<After, WorkerError> {
        tracing::info!(unit = %granted.unit, attempt = %granted.attempt, "begins");
        let (cancel, progress) = (CancelSource::new(), Progress::new());
        let assignment = Assignment {
            run: self.options.registration.run.clone(),
            unit: granted.unit,
            attempt: granted.attempt,
            epoch: standing.epoch,
            generation: self.options.registration.generation,
        };
        let work = Arc::clone(&self.work);
        let (shown, listens) = (progress.clone(), cancel.listen());
        let work = Owned::spawn(async move { work.perform(assignment, shown, listens).await });
        let heart = Heart { link: Arc::clone(&self.link), standing: standing.clone(), lease: granted.lease, progress };

        let (result, verdict) = self.watch(work, heart.clone(), &cancel).await?;
        let result = result.unwrap_or_else(|panic| Err(panicked(panic)));
        match verdict {
            Some(Verdict::Drop) => Ok(After::Next),
            Some(Verdict::Unregistered) => Ok(After::Register),
            Some(Verdict::End(error)) => Err(error),
            Some(Verdict::Cancel) => {
                self.report(standing, heart, result).await?;
                Ok(After::Stop)
            }
            None => self.report(standing, heart, result).await,
        }
    }

    /// Waits for the work, which is told to stop when the coordinator or a signal says so.
    async fn watch(
        &self,
        mut work: Owned<Result<serde_json::Value, Failure>>,
        heart: Heart<L>,
        cancel: &CancelSource,
    ) -> Result<Watched, WorkerError> {
        let mut beating = Owned::spawn(heart.beat());
        let verdict = tokio::select! {
            result = &mut work => return Ok((result, None)),
            verdict = &mut beating => heart::verdict(verdict),
            () = self.stop.cancelled() => Verdict::Cancel,
        };
        // Heartbeats go on where they can: the lease is held until the work has stopped.
        cancel.fire();
        Ok((self.within_grace(&mut work).await?, Some(verdict)))
    }

    async fn within_grace<T>(&self, work: &mut Owned<T>) -> Result<Result<T, JoinError>, WorkerError> {
        let grace = self.options.grace;
        tokio::time::timeout(grace, work).await.map_err(|_| WorkerError::StillWorking { grace })
    }

    /// Sends the last progress and the result.
    async fn report(
        &self,
        standing: &mut Standing,
        heart: Heart<L>,
        result: Result<serde_json::Value, Failure>,
    ) -> Result<After, WorkerError> {
        let lease = heart.lease;
        heart.last_beat().await;
        let (worker, epoch) = (&standing.worker, standing.epoch);
        // Whoever stops this process may be the end of the coordinator, too.
        let limit = if self.stop.is_cancelled() { FAREWELL } else { standing.unreachable_after };
        let answer = match result {
            Ok(outcome) => {
                tracing::info!("done");
                reach(limit, || self.link.complete(worker.clone(), epoch, lease, outcome.clone())).await?
            }
            Err(failure) => {
                tracing::error!(class = %failure.class, causes = ?failure.causes, "{failure}");
                reach(limit, || self.link.fail(worker.clone(), epoch, lease, failure.clone())).await?
            }
        };
        after_report(standing, answer)
    }

    /// The future's output; `None` when the worker is told to stop first.
    async fn or_stop<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => None,
            output = future => Some(output),
        }
    }
}

fn after_report(standing: &mut Standing, answer: Answer<()>) -> Result<After, WorkerError> {
    match answer {
        Ok(answer) => standing.accept(answer).map(|()| After::Next),
        Err(LinkError::Unregistered(_)) => Ok(After::Register),
        Err(error) => Err(WorkerError::Refused(error)),
    }
}

/// How long a worker that is stopped tries to say how its unit ended.
const FAREWELL: Duration = Duration::from_secs(1);

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// Repeats a request until the coordinator answers; the answer may be a refusal.
async fn reach<T, F>(limit: Duration, request: impl Fn() -> F) -> Result<Result<T, LinkError>, WorkerError>
where
    F: Future<Output = Result<T, LinkError>>,
{
    let start = Instant::now();
    let mut delay = FIRST_DELAY;
    loop {
        let source = match request().await {
            Err(error @ LinkError::Unreachable(_)) => error,
            answer => return Ok(answer),
        };
        let silent_for = start.elapsed();
        if silent_for >= limit {
            return Err(WorkerError::Unreachable { silent_for, source });
        }
        tokio::time::sleep(delay.min(limit - silent_for)).await;
        delay = (delay * 2).min(LONGEST_DELAY);
    }
}

/// A panic of the work, as a failure.
fn panicked(error: JoinError) -> Failure {
    let message = match error.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no message".to_owned()),
        Err(error) => error.to_string(),
    };
    Failure { class: FailureClass::Bug, message: "the work panicked".to_owned(), causes: vec![message] }
}

/// A task that ends with its owner.
struct Owned<T>(JoinHandle<T>);

impl<T: Send + 'static> Owned<T> {
    fn spawn(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }
}

impl<T> Future for Owned<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
