//! The long-lived coordinator: takes submissions, queues them, carries their runs, and answers who asks.
//!
//! [`Coordinator`] is a cheap handle; one task behind it owns everything that changes. A submission's own task writes
//! its log and carries its runs; the queue and the submission's state are pure. Nothing here is kept that the workspace
//! does not hold: whoever opens a [`Coordinator`] on it next goes on from there.

mod actor;
mod boards;
mod incumbent;
mod leadership;
mod opening;
mod output;
mod queue;
mod reading;
mod request;
mod steward;
#[cfg(test)]
mod tests;
mod view;
mod watching;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::Clock;
use artifacts::{Workspace, runs};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use spec::{RunId, SubmissionId};
use tokio::sync::{mpsc, oneshot};
use tonic::transport::ClientTlsConfig;

use crate::board::{Board, Watcher};
use crate::carry::logs_of;
use crate::error::{CoordinatorError, Result};
use crate::launcher::Programs;
use crate::log::WriterId;
use crate::names::Owner;
pub use crate::submission::DocumentEnd;
use crate::timing::Timing;
use actor::{Ask, Reply};
use boards::Boards;
use leadership::Leadership;
use output::{Output, Until};
pub use queue::{Limits, Wait};
use reading::Known;
pub use request::{Listed, LogChunk, LogSelector, NewSubmission, Origin, Page, RunFilter, SubmissionFilter, Submitted};
use steward::Cancel;
pub use view::{
    DocumentView, Latencies, RunEvent, RunFailure, RunStatus, RunView, Snapshot, SubmissionEvent, SubmissionStatus,
    SubmissionView, Units,
};
use watching::SubmissionWatcher;

/// How a coordinator works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many runs at once.
    pub limits: Limits,
    /// How long it waits for what.
    pub timing: Timing,
    /// Whether it begins though another coordinator says that it works in the workspace; that one then stops.
    pub take_over: bool,
    /// Where clients reach it, such as `http://127.0.0.1:7500`: what the next coordinator asks whether this one is alive.
    pub address: Option<String>,
    /// How a coordinator elsewhere that serves over TLS is asked whether it is alive; without, it is not, and this one does
    /// not begin unless it takes over.
    pub tls: Option<ClientTlsConfig>,
    /// Where its workers reach it; port 0 is a free one.
    pub workers: SocketAddr,
}

impl Default for Settings {
    fn default() -> Self {
        let workers = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            limits: Limits::default(),
            timing: Timing::default(),
            take_over: false,
            address: None,
            tls: None,
            workers,
        }
    }
}

/// A coordinator at work. Cheap to clone; every method may be called at once from anywhere.
#[derive(Debug, Clone)]
pub struct Coordinator {
    asks: mpsc::Sender<Ask>,
    writer: WriterId,
    workspace: Workspace,
    boards: Arc<Boards>,
    leadership: Leadership,
    clock: Arc<dyn Clock>,
}

/// The coordinator's own end.
#[derive(Debug)]
pub struct Ended {
    done: oneshot::Receiver<Result<()>>,
}

impl Ended {
    /// Returns once the coordinator has stopped: well after [`Coordinator::shutdown`], with
    /// [`CoordinatorError::SteppedDown`] after another one has taken over.
    pub async fn wait(self) -> Result<()> {
        self.done.await.unwrap_or(Err(CoordinatorError::Stopping))
    }
}

impl Coordinator {
    /// Begins to coordinate in a workspace: claims it, takes up every submission that is not at its end, and starts to
    /// listen for workers. It works until [`Coordinator::shutdown`], or until every handle is dropped.
    ///
    /// # Errors
    /// [`CoordinatorError::Occupied`] while another coordinator is alive in the workspace, and
    /// [`CoordinatorError::Unasked`] where it cannot be asked whether it is, unless `take_over`; else when
    /// the workspace cannot be read or written, or the workers' address cannot be listened on.
    pub async fn open(workspace: Workspace, programs: Programs, settings: Settings) -> Result<(Self, Ended)> {
        opening::open(workspace, programs, settings, Arc::new(artifacts::clock::SystemClock)).await
    }

    /// Names this coordinator. A gRPC health service at [`Settings::address`] must answer SERVING for the service of
    /// this name: it is how the next coordinator finds out that this one is alive.
    pub fn writer(&self) -> &WriterId {
        &self.writer
    }

    /// Takes documents to be run. When this returns they are in the workspace.
    ///
    /// # Errors
    /// [`CoordinatorError::NoDocuments`]; [`CoordinatorError::TokenReused`] where the client token stands for others;
    /// [`CoordinatorError::SteppedDown`] where another coordinator has the workspace by now, as with every change.
    pub async fn submit(&self, new: NewSubmission) -> Result<Submitted> {
        let submitted = self.ask(|reply| Ask::Submit(Box::new(new), reply)).await?;
        self.confirm().await?;
        Ok(submitted)
    }

    /// A submission.
    pub async fn submission(&self, id: &SubmissionId) -> Result<SubmissionView> {
        self.ask(|reply| Ask::Submission(id.clone(), reply)).await
    }

    /// Submissions, the newest first.
    pub async fn submissions(&self, filter: SubmissionFilter, page: Page) -> Result<Listed<SubmissionView>> {
        self.ask(|reply| Ask::Submissions(filter, page, reply)).await
    }

    /// A run, whoever ran it.
    pub async fn run(&self, run: &RunId) -> Result<RunView> {
        let view = reading::run(&self.workspace, run, self.known_of(run).await?).await?;
        view.ok_or_else(|| CoordinatorError::UnknownRun { run: run.clone() })
    }

    /// Runs, whoever ran them, in the order of their ids. No more than a thousand are read for a page: where the filter
    /// lets few of them through it holds fewer than it might, or none, though others follow.
    pub async fn runs(&self, filter: RunFilter, page: Page) -> Result<Listed<RunView>> {
        let after = page.token.as_ref().map(|token| token.parse().map_err(|_| page.unknown())).transpose()?;
        let mut ids = reading::ids(&self.workspace, after.as_ref()).await?;
        ids.retain(|id| filter.may_let_through(id));
        if let Some(owner) = filter.owner.clone() {
            let owned = self.ask(|reply| Ask::RunsOf(owner, reply)).await?;
            ids.retain(|id| owned.contains(id));
        }
        let (mut items, mut left) = (vec![], ids.len());
        let mut last = None;
        let looked_at = ids.into_iter().take(reading::MOST_READ);
        let mut views = futures::stream::iter(looked_at)
            .map(|id| async move {
                Ok::<_, CoordinatorError>((reading::run(&self.workspace, &id, self.known_of(&id).await?).await?, id))
            })
            .buffered(reading::RUNS_IN_FLIGHT);
        while items.len() < page.items()
            && let Some((view, id)) = TryStreamExt::try_next(&mut views).await?
        {
            items.extend(view.filter(|view| filter.lets_through(view)));
            left -= 1;
            last = Some(id);
        }
        Ok(Listed { items, next: last.filter(|_| left > 0).map(|id| id.to_string()) })
    }

    /// The run's log from entry `from` on, then what happens to it, until it ends. Log entries are never left out.
    /// A run that has ended (or that another program carries) ends with its last entry.
    ///
    /// # Errors
    /// [`CoordinatorError::UnknownRun`].
    pub async fn watch(&self, run: &RunId, from: u64) -> Result<BoxStream<'static, Result<RunEvent>>> {
        let board = self.boards.filled(run).await?;
        Ok(Watcher::new(board, from).stream().map(Ok).boxed())
    }

    /// The submission and its runs, each from its beginning, until the submission ends.
    pub async fn watch_submission(&self, id: &SubmissionId) -> Result<BoxStream<'static, Result<SubmissionEvent>>> {
        let views = self.ask(|reply| Ask::Watch(id.clone(), reply)).await?;
        Ok(SubmissionWatcher::new(views, Arc::clone(&self.boards)).stream().boxed())
    }

    /// Ends a submission for good: at once where it waits, else once its processes have stopped. When this returns it
    /// is in the workspace that it will end.
    ///
    /// # Errors
    /// [`CoordinatorError::NotNow`] where it has ended or is being cancelled already.
    pub async fn cancel(&self, id: &SubmissionId, by: Owner) -> Result<SubmissionView> {
        let canceller = self.ask(|reply| Ask::Canceller(id.clone(), reply)).await?;
        let (reply, done) = oneshot::channel();
        let told = canceller.send(Cancel { by, reply }).await.is_ok();
        match done.await {
            Ok(done) if told => done?,
            // It has ended meanwhile.
            Ok(_) | Err(_) => {
                let status = self.submission(id).await?.status;
                let error = CoordinatorError::NotNow { id: id.clone(), wanted: "cancelled", status };
                return Err(if status.is_terminal() { error } else { CoordinatorError::Stopping });
            }
        }
        self.confirm().await?;
        self.submission(id).await
    }

    /// Queues a submission that failed or was cancelled again; it goes on from what is done.
    ///
    /// # Errors
    /// [`CoordinatorError::NotNow`] in every other state.
    pub async fn retry(&self, id: &SubmissionId, by: Owner) -> Result<SubmissionView> {
        self.ask(|reply| Ask::Retry(id.clone(), by, reply)).await?;
        self.confirm().await?;
        self.submission(id).await
    }

    /// The output of a run's processes, each from byte `offset` on; with `follow` also what comes, until the run ends. One
    /// that waits for its turn is waited for.
    ///
    /// # Errors
    /// [`CoordinatorError::UnknownRun`]; the stream's own when a file cannot be read.
    pub async fn logs(
        &self,
        run: &RunId,
        selector: LogSelector,
        offset: u64,
        follow: bool,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        if runs::read_document(&self.workspace, run).await?.is_none() {
            return Err(CoordinatorError::UnknownRun { run: run.clone() });
        }
        let until = if follow { self.end_of_output(run).await? } else { Until::Now };
        let folder = logs_of(&self.workspace, run);
        Ok(Output::new(folder, selector, offset, until, Arc::clone(&self.clock)).stream().boxed())
    }

    /// Until when a run writes output: a run whose submission has not come to it, or back to it, will.
    async fn end_of_output(&self, run: &RunId) -> Result<Until> {
        if let Some(board) = self.boards.carried(run) {
            return Ok(Until::Closed(board));
        }
        let Some(belonging) = self.ask(|reply| Ask::Belongs(run.clone(), reply)).await? else {
            return Ok(Until::Now);
        };
        let views = self.ask(|reply| Ask::Watch(belonging.submission, reply)).await?;
        Ok(Until::Begun(watching::begun(views, Arc::clone(&self.boards), run.clone()).boxed().shared()))
    }

    /// The coordinator in numbers.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        self.ask(Ask::Snapshot).await
    }

    /// Stops: takes no submissions any more, stops processes cleanly (killing those that need longer than `grace`), and
    /// leaves submissions as they are for the next coordinator. Returns when that is done.
    pub async fn shutdown(&self, grace: Duration) -> Result<()> {
        match self.ask(|reply| Ask::Shutdown(grace, reply)).await {
            // It has stopped already.
            Err(CoordinatorError::Stopping) => Ok(()),
            other => other,
        }
    }

    /// That what has just been written down is this coordinator's to do: a successor reads the workspace after its claim,
    /// so what was written before that is known to it, and what was written later must not be acknowledged here.
    ///
    /// # Errors
    /// [`CoordinatorError::SteppedDown`].
    pub async fn confirm(&self) -> Result<()> {
        self.leadership.check().await
    }

    async fn known_of(&self, run: &RunId) -> Result<Known> {
        let standing = self.boards.carried(run).map(|board: Arc<Board>| board.standing());
        let belonging = self.ask(|reply| Ask::Belongs(run.clone(), reply)).await?;
        Ok(Known { standing: standing.unwrap_or_default(), belonging })
    }

    async fn ask<T>(&self, ask: impl FnOnce(Reply<T>) -> Ask) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.map_err(|_| CoordinatorError::Stopping)?;
        answer.await.unwrap_or(Err(CoordinatorError::Stopping))
    }
}
