//! One run, from its document to its end: takes it over, serves its workers, and lets a conductor carry it.

use std::path::PathBuf;
use std::sync::Arc;

use artifacts::clock::Clock;
use artifacts::source::Location;
use artifacts::{Digest, Workspace, layout, runs};
use spec::RunId;

use crate::board::Board;
use crate::conductor::{Conductor, Orchestra};
use crate::control::Controlled;
use crate::desk::Desk;
use crate::error::Result;
use crate::figures::Figures;
use crate::launcher::{Contact, Launcher, LocalProcesses, Programs};
use crate::log::RunLog;
use crate::notice::{Notice, Notices};
use crate::resolved::ResolvedDocument;
use crate::run::State;
use crate::service::WorkerServer;
use crate::timing::Timing;

/// Makes the launcher of a run.
pub(crate) trait Launchers: Send + Sync + 'static {
    /// What starts the run's processes.
    type Launcher: Launcher;

    /// A launcher for one run; output goes to files in `logs`, where there are such, and none of its processes may hold
    /// more than the run's document says. Called inside a runtime.
    fn of_run(&self, resolved: &ResolvedDocument, logs: PathBuf) -> Self::Launcher;
}

impl Launchers for Programs {
    type Launcher = LocalProcesses;

    fn of_run(&self, resolved: &ResolvedDocument, logs: PathBuf) -> LocalProcesses {
        let is_shared = logs.starts_with(temporary_logs());
        let processes = LocalProcesses::new(self.clone(), logs).with_memory_limit(resolved.memory_limit_bytes());
        if is_shared { processes.with_private_logs() } else { processes }
    }
}

/// Carries runs in a workspace, any number at once.
#[derive(Debug)]
pub(crate) struct Carrier<P> {
    pub(crate) workspace: Workspace,
    pub(crate) launchers: P,
    pub(crate) server: WorkerServer,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timing: Timing,
    pub(crate) figures: Arc<Figures>,
}

impl<P: Launchers> Carrier<P> {
    /// Takes a run over, or brings it into being; `None` where it is finished for good, and in both cases its state.
    pub(crate) async fn take_over(
        &self,
        resolved: &ResolvedDocument,
        board: Option<Arc<Board>>,
    ) -> Result<(Option<RunLog>, State)> {
        runs::write_document(&self.workspace, &resolved.run, &resolved.document).await?;
        RunLog::take_over_watched(&self.workspace, &resolved.run, resolved.kind(), board).await
    }

    /// Carries a run to its end, or until it is stopped.
    ///
    /// # Errors
    /// When storage fails or another coordinator takes the run over; the run's processes have ended either way.
    pub(crate) async fn carry(
        &self,
        log: RunLog,
        resolved: &ResolvedDocument,
        control: Controlled,
        notices: Notices,
    ) -> Result<State> {
        let logs = logs_of(&self.workspace, &resolved.run);
        let launcher = Arc::new(self.launchers.of_run(resolved, logs.clone()));
        let epoch = log.epoch();
        let (desk, calls) = Desk::open(epoch);
        let enrolled = self.server.serve(desk.measured(Arc::clone(&self.figures)));
        let (coordinator, token) = (self.server.url(), enrolled.token().clone());
        let contact = Contact { coordinator, workspace: self.workspace.url(), token };
        notices.tell(Notice::Opened { run: resolved.run.clone(), epoch, logs: Some(logs) });
        let orchestra = Orchestra {
            log,
            launcher,
            contact,
            clock: Arc::clone(&self.clock),
            timing: self.timing,
            control,
            notices,
            processes: resolved.processes(),
        };
        Conductor::new(orchestra, calls).conduct().await
    }
}

/// `runs/<run>/logs` in a workspace on this machine, else a folder of the workspace and the run under the temporary folder.
pub(crate) fn logs_of(workspace: &Workspace, run: &RunId) -> PathBuf {
    let url = workspace.url_of_folder(&layout::run_logs(run));
    let local = Location::parse(&url).ok().and_then(|location| location.local_path());
    local.unwrap_or_else(|| temporary_logs_of(&workspace.url(), run))
}

/// Runs of two workspaces may have one id.
fn temporary_logs_of(workspace: &str, run: &RunId) -> PathBuf {
    temporary_logs().join(Digest::of(workspace.as_bytes()).short(WORKSPACE_DIGITS)).join(run.as_str())
}

/// Where logs are kept of workspaces elsewhere; everybody on this machine can look into the temporary folder.
fn temporary_logs() -> PathBuf {
    std::env::temp_dir().join("kindred-logs")
}

/// Digits that tell workspaces apart in names of folders.
const WORKSPACE_DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_id_have_a_folder_in_each_workspace() {
        let run: RunId = "nightly-1".parse().unwrap();
        let [one, other] = ["s3://one/kindred", "s3://other/kindred"].map(|url| temporary_logs_of(url, &run));
        assert_ne!(one, other);
        assert!(one.starts_with(temporary_logs()) && one.ends_with("nightly-1"), "{}", one.display());
    }
}
