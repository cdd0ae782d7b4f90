//! Children as processes of this machine.

mod ending;
mod found;
mod limits;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::{Failure, PARENT_VARIABLE, Stage, TOKEN_VARIABLE};
use spec::RunId;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::time::MissedTickBehavior;

use super::{ChildName, Contact, Exit, Force, Launcher};
use crate::error::{CoordinatorError, Result};
use limits::Limits;

/// Where the worker programs are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// `kindred-trainer`
    pub trainer: PathBuf,
    /// `kindred-scorer`
    pub scorer: PathBuf,
}

impl Programs {
    /// The programs in a folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { trainer: folder.join("kindred-trainer"), scorer: folder.join("kindred-scorer") }
    }

    /// The program that does a stage.
    pub fn of(&self, stage: Stage) -> &Path {
        match stage {
            Stage::Train | Stage::Prepare | Stage::Search => &self.trainer,
            Stage::Plan | Stage::Score | Stage::Publish => &self.scorer,
        }
    }
}

/// Starts children as processes of this machine, each in a process group of its own, its output in a file.
///
/// A thread of its own starts them: the kernel ties a child's life to the thread that started it, and a runtime's
/// threads come and go.
#[derive(Debug)]
pub struct LocalProcesses {
    programs: Programs,
    logs: PathBuf,
    /// The permissions of folders that are made for logs, before the process's mask.
    logs_mode: u32,
    limits: Limits,
    spawner: std::sync::mpsc::SyncSender<Spawn>,
    children: Arc<Mutex<BTreeMap<ChildName, mpsc::Sender<Force>>>>,
    exits: mpsc::Sender<Exit>,
    ended: tokio::sync::Mutex<mpsc::Receiver<Exit>>,
}

struct Spawn {
    command: Command,
    reply: oneshot::Sender<std::io::Result<Child>>,
}

/// Exits that may wait to be heard; a launcher has far fewer children.
const MOST_EXITS: usize = 4096;

impl LocalProcesses {
    /// A launcher that writes the output of children to files in `logs`. Call it inside a runtime.
    pub fn new(programs: Programs, logs: PathBuf) -> Self {
        let (exits, ended) = mpsc::channel(MOST_EXITS);
        let (children, ended) = (Arc::default(), tokio::sync::Mutex::new(ended));
        let limits = Limits::default();
        Self { programs, logs, logs_mode: 0o777, limits, spawner: spawner(), children, exits, ended }
    }

    /// The same with a limit of memory: a child that holds more bytes is ended, and has failed for lack of memory. It is
    /// looked at five times a second, so that one which grows quickly gets beyond it for a moment.
    pub fn with_memory_limit(mut self, memory_bytes: Option<u64>) -> Self {
        self.limits.memory_bytes = memory_bytes;
        self
    }

    /// The same with other lengths of a log, in bytes, after which it is put aside as `<name>.log.1` and begun anew;
    /// 64 MiB unless this says otherwise.
    pub fn with_log_limit(mut self, log_bytes: u64) -> Self {
        self.limits.log_bytes = log_bytes;
        self
    }

    /// The same with folders for logs, where they are not there yet, that nobody else may look into.
    pub fn with_private_logs(mut self) -> Self {
        self.logs_mode = 0o700;
        self
    }

    fn command(&self, child: &ChildName, contact: &Contact, log: File) -> Result<Command> {
        let program = self.programs.of(child.stage);
        if !program.is_file() {
            return Err(CoordinatorError::NoProgram { program: program.to_owned() });
        }
        let errors = log.try_clone().map_err(|source| self.log_failed(child, source))?;
        let mut command = Command::new(program);
        command
            .arg("work")
            .args(["--coordinator", &contact.coordinator])
            .args(["--workspace", &contact.workspace])
            .args(["--run", child.run.as_str()])
            .args(["--stage", child.stage.as_str()])
            .args(["--generation", &child.generation.to_string()])
            .args(["--process", &child.process.to_string()])
            .env(TOKEN_VARIABLE, contact.token.secret())
            .env(PARENT_VARIABLE, std::process::id().to_string())
            .env(found::RUN_VARIABLE, found::run_value(&contact.workspace, &child.run))
            .env(found::CHILD_VARIABLE, child.to_string())
            // Parallelism is the programs' own; a thread pool under every tensor operation would only get in its way.
            .env("OMP_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // The terminal's Ctrl-C is for `kindred`, which stops its children in order.
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }

    async fn spawn(&self, child: &ChildName, contact: &Contact) -> Result<Child> {
        let command = self.command(child, contact, self.log_file(child)?)?;
        let failed = |source| CoordinatorError::Launch { program: self.programs.of(child.stage).to_owned(), source };
        let gone = || failed(std::io::Error::other("the thread that starts processes is gone"));
        let (reply, spawned) = oneshot::channel();
        self.spawner.send(Spawn { command, reply }).map_err(|_| gone())?;
        spawned.await.map_err(|_| gone())?.map_err(failed)
    }

    fn log_file(&self, child: &ChildName) -> Result<File> {
        let path = self.log_path(child);
        let folder = DirBuilder::new().recursive(true).mode(self.logs_mode).create(&self.logs);
        let opened = folder.and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
        opened.map_err(|source| self.log_failed(child, source))
    }

    fn log_failed(&self, child: &ChildName, source: std::io::Error) -> CoordinatorError {
        CoordinatorError::LogFile { path: self.log_path(child), source }
    }

    fn log_path(&self, child: &ChildName) -> PathBuf {
        self.logs.join(format!("{child}.log"))
    }

    fn children(&self) -> MutexGuard<'_, BTreeMap<ChildName, mpsc::Sender<Force>>> {
        // Every change is one insertion, so a panic elsewhere leaves the map whole.
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Launcher for LocalProcesses {
    async fn launch(&self, child: &ChildName, contact: &Contact) -> Result<()> {
        let (orders, told) = mpsc::channel(8);
        if self.children().contains_key(child) {
            return Ok(());
        }
        self.children().insert(child.clone(), orders);
        let process = match self.spawn(child, contact).await {
            Ok(process) => process,
            Err(error) => {
                self.children().remove(child);
                return Err(error);
            }
        };
        tracing::info!(%child, pid = process.id(), "started");
        let (name, log, exits, limits) = (child.clone(), self.log_path(child), self.exits.clone(), self.limits);
        let workspace = contact.workspace.clone();
        tokio::spawn(async move {
            let failure = watch(process, told, limits, &log).await;
            clear(workspace, name.clone()).await;
            tracing::info!(child = %name, failure = ?failure.as_ref().map(ToString::to_string), "ended");
            // Nobody listens any more once the launcher is gone.
            let _ = exits.send(Exit { child: name, failure, log: Some(log) }).await;
        });
        Ok(())
    }

    async fn ended(&self) -> Exit {
        let next = self.ended.lock().await.recv().await;
        next.expect("the launcher itself holds a sender")
    }

    fn stop(&self, child: &ChildName, force: Force) {
        if let Some(orders) = self.children().get(child) {
            // A full queue means that it has been told often enough; a closed one that it has ended.
            let _ = orders.try_send(force);
        }
    }

    async fn observe(&self, workspace: &str, run: &RunId) -> Vec<ChildName> {
        let (workspace, run) = (workspace.to_owned(), run.clone());
        let found = tokio::task::spawn_blocking(move || found::processes_of(&workspace, &run)).await;
        let mut children: Vec<ChildName> = found.unwrap_or_default().into_iter().map(|found| found.child).collect();
        children.sort_unstable();
        children.dedup();
        children
    }

    async fn remove(&self, workspace: &str, child: &ChildName) {
        clear(workspace.to_owned(), child.clone()).await;
    }

    fn log_of(&self, child: &ChildName) -> Option<PathBuf> {
        Some(self.log_path(child))
    }
}

/// Ends every process of a child, also those that it started itself.
async fn clear(workspace: String, child: ChildName) {
    let name = child.clone();
    if let Err(error) = tokio::task::spawn_blocking(move || found::kill(&workspace, &name)).await {
        tracing::error!(%child, %error, "could not be ended");
    }
}

/// A thread that starts processes until nobody can ask it any more.
fn spawner() -> std::sync::mpsc::SyncSender<Spawn> {
    let (orders, jobs) = std::sync::mpsc::sync_channel::<Spawn>(MOST_EXITS);
    let runtime = tokio::runtime::Handle::current();
    std::thread::spawn(move || {
        let _entered = runtime.enter();
        for Spawn { mut command, reply } in jobs {
            // If nobody waits for the child any more, dropping it here kills it.
            let _ = reply.send(command.spawn());
        }
    });
    orders
}

/// Waits for a process, passing on signals and looking after its limits; the one place that owns it, so that no signal
/// meets a reused process id.
async fn watch(mut process: Child, mut told: mpsc::Receiver<Force>, limits: Limits, log: &Path) -> Option<Failure> {
    let (mut listening, mut exceeded) = (true, None);
    let mut looks = tokio::time::interval(limits::LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            status = process.wait() => {
                return match exceeded {
                    Some(bytes) => Some(limits.failure(bytes, ending::last_lines(log).await)),
                    None => ending::explain(status, log).await,
                };
            }
            order = told.recv(), if listening => match order {
                Some(force) => ending::signal(&process, force),
                None => listening = false,
            },
            _ = looks.tick() => {
                limits.cap(log).await;
                if let (None, Some(pid)) = (exceeded, process.id()) {
                    exceeded = limits.exceeded_by(pid).await;
                    exceeded.iter().for_each(|_| ending::signal(&process, Force::Kill));
                }
            }
        }
    }
}
