//! A coordinator inside another program: one run, on this machine, from start to end.

use std::path::PathBuf;
use std::sync::Arc;

use artifacts::clock::{Clock, SystemClock};
use artifacts::{Workspace, layout, runs, source::Location};
use proto::Token;
use spec::RunId;
use uuid::Uuid;

use crate::conductor::{Conductor, Orchestra};
use crate::control::Controlled;
use crate::desk::Desk;
use crate::error::{CoordinatorError, Result};
use crate::launcher::{Contact, LocalProcesses, Programs};
use crate::log::{Replay, RunLog};
use crate::notice::{Notice, Notices};
use crate::run::State;
use crate::service::LoopbackServer;
use crate::submission::Submission;
use crate::timing::Timing;

/// Carries runs on this machine, one at a time.
#[derive(Debug, Clone)]
pub struct Embedded {
    workspace: Workspace,
    programs: Programs,
    timing: Timing,
    clock: Arc<dyn Clock>,
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
        Self { workspace, programs, timing: Timing::default(), clock: Arc::new(SystemClock) }
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
    pub async fn run(&self, submission: &Submission, control: Controlled, notices: Notices) -> Result<Report> {
        let logs = self.logs_of(&submission.run);
        let launcher = Arc::new(LocalProcesses::new(self.programs.clone(), logs.clone()));
        let report =
            |state, was_finished| Report { run: submission.run.clone(), state, was_finished, logs: logs.clone() };
        let Some(log) = self.open(submission).await? else {
            let replay = Replay::read(&self.workspace, &submission.run).await?;
            return Ok(report(replay.state().clone(), true));
        };
        let token = fresh_token();
        let epoch = log.epoch();
        let (desk, calls) = Desk::open(epoch);
        let server = LoopbackServer::start(desk.clone(), &token).await?;
        let contact = Contact { coordinator: server.url(), workspace: self.workspace.url(), token };
        notices.tell(Notice::Opened { run: submission.run.clone(), epoch, logs: Some(logs.clone()) });
        let orchestra = Orchestra {
            log,
            launcher,
            contact,
            clock: Arc::clone(&self.clock),
            timing: self.timing,
            control,
            notices,
            processes: submission.processes(),
        };
        let state = Conductor::new(orchestra, calls).conduct().await;
        let stopped = server.stop().await;
        let state = state?;
        stopped?;
        Ok(report(state, false))
    }

    /// Takes the run; `None` where it is finished.
    async fn open(&self, submission: &Submission) -> Result<Option<RunLog>> {
        let run = &submission.run;
        let finished = Replay::read(&self.workspace, run).await.map_err(|error| self.unusable(error))?;
        if let State::Succeeded(_) | State::HeldBack(..) = finished.state() {
            return Ok(None);
        }
        let writable = self.workspace.check_writable().await;
        writable.map_err(|source| CoordinatorError::Workspace { url: self.workspace.url(), source })?;
        runs::write_document(&self.workspace, run, &submission.document).await?;
        Ok(RunLog::take_over(&self.workspace, run, submission.kind()).await?.0)
    }

    fn unusable(&self, error: CoordinatorError) -> CoordinatorError {
        match error {
            CoordinatorError::Artifacts(source) => CoordinatorError::Workspace { url: self.workspace.url(), source },
            other => other,
        }
    }

    /// `runs/<run>/logs` in a workspace on this machine, else a folder of the same name under the temporary folder.
    fn logs_of(&self, run: &RunId) -> PathBuf {
        let url = self.workspace.url_of_folder(&layout::run_logs(run));
        let local = Location::parse(&url).ok().and_then(|location| location.local_path());
        local.unwrap_or_else(|| std::env::temp_dir().join("kindred-logs").join(run.as_str()))
    }
}

fn fresh_token() -> Token {
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    Token::parse(&secret).expect("64 hex digits are a token")
}
