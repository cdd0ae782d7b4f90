//! A coordinator inside another program: one run, on this machine, from start to end.

use std::path::PathBuf;
use std::sync::Arc;

use artifacts::Workspace;
use artifacts::clock::SystemClock;
use spec::RunId;

use crate::carry::{Carrier, logs_of};
use crate::control::Controlled;
use crate::error::{CoordinatorError, Result};
use crate::launcher::Programs;
use crate::log::{Replay, WriterId};
use crate::notice::Notices;
use crate::resolved::ResolvedDocument;
use crate::run::State;
use crate::service::WorkerServer;
use crate::timing::Timing;

/// Carries runs on this machine, one at a time.
#[derive(Debug, Clone)]
pub struct Embedded {
    workspace: Workspace,
    programs: Programs,
    timing: Timing,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// Where it stands now.
    pub state: State,
    /// Whether it was finished before, so that nothing had to be done.
    pub was_finished: bool,
    /// Where the output of its processes is.
    pub logs: PathBuf,
}

impl Embedded {
    /// A coordinator that works in `workspace` with these programs.
    pub fn new(workspace: Workspace, programs: Programs) -> Self {
        Self { workspace, programs, timing: Timing::default() }
    }

    /// The same with other waits.
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Carries a run to its end. One that is finished is left alone; one that was stopped or failed goes on from what
    /// is done.
    ///
    /// # Errors
    /// When storage fails, another coordinator takes the run over, or the machine is in the way. A run that fails is
    /// no error but a [`Report`].
    pub async fn run(&self, resolved: &ResolvedDocument, control: Controlled, notices: Notices) -> Result<Report> {
        let (run, logs) = (resolved.run.clone(), logs_of(&self.workspace, &resolved.run));
        let report = |state, was_finished| Report { run, state, was_finished, logs };
        let replay = Replay::read(&self.workspace, &resolved.run).await.map_err(|error| self.unusable(error))?;
        if let State::Succeeded(_) | State::HeldBack(..) = replay.state() {
            return Ok(report(replay.state().clone(), true));
        }
        let writable = self.workspace.check_writable().await;
        writable.map_err(|source| CoordinatorError::Workspace { url: self.workspace.url(), source })?;
        let carrier = self.carrier().await?;
        let (log, state) = carrier.take_over(resolved, None).await?;
        let Some(log) = log else {
            return Ok(report(state, true));
        };
        let state = carrier.carry(log, resolved, control, notices).await;
        let stopped = carrier.server.stop().await;
        let state = state?;
        stopped?;
        Ok(report(state, false))
    }

    async fn carrier(&self) -> Result<Carrier<Programs>> {
        Ok(Carrier {
            workspace: self.workspace.clone(),
            launchers: self.programs.clone(),
            server: WorkerServer::start(WorkerServer::LOOPBACK, &WriterId::new()).await?,
            clock: Arc::new(SystemClock),
            timing: self.timing,
            figures: Arc::default(),
        })
    }

    fn unusable(&self, error: CoordinatorError) -> CoordinatorError {
        match error {
            CoordinatorError::Artifacts(source) => CoordinatorError::Workspace { url: self.workspace.url(), source },
            other => other,
        }
    }
}
