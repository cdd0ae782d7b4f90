//! Children as processes of this machine.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::SeekFrom;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use proto::{Failure, FailureClass, PARENT_VARIABLE, Stage, TOKEN_VARIABLE};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use super::{ChildName, Contact, Exit, Force, Launcher};
use crate::error::{CoordinatorError, Result};

#[cfg(test)]
mod tests;

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
        let children = Arc::default();
        Self { programs, logs, spawner: spawner(), children, exits, ended: tokio::sync::Mutex::new(ended) }
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
        let opened =
            std::fs::create_dir_all(&self.logs).and_then(|()| OpenOptions::new().create(true).append(true).open(&path));
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
        let (name, log, exits) = (child.clone(), self.log_path(child), self.exits.clone());
        tokio::spawn(async move {
            let failure = watch(process, told, &log).await;
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

    fn log_of(&self, child: &ChildName) -> Option<PathBuf> {
        Some(self.log_path(child))
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

/// Waits for a process, passing on signals; the one place that owns it, so that no signal meets a reused process id.
async fn watch(mut process: Child, mut told: mpsc::Receiver<Force>, log: &Path) -> Option<Failure> {
    let mut listening = true;
    loop {
        tokio::select! {
            status = process.wait() => return explain(status, log).await,
            order = told.recv(), if listening => match order {
                Some(force) => signal(&process, force),
                None => listening = false,
            },
        }
    }
}

fn signal(process: &Child, force: Force) {
    let Some(pid) = process.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) else {
        return;
    };
    let number = match force {
        Force::Ask => libc::SIGTERM,
        Force::Kill => libc::SIGKILL,
    };
    // SAFETY: kill takes two integers; the group is the child's own, and the child has not been waited for yet.
    let result = unsafe { libc::kill(-pid, number) };
    if result != 0 {
        tracing::warn!(pid, number, error = %std::io::Error::last_os_error(), "a signal did not arrive");
    }
}

/// What an exit status says of a process that should have ended with 0, or with 143 after SIGTERM.
async fn explain(status: std::io::Result<ExitStatus>, log: &Path) -> Option<Failure> {
    let status = match status {
        Ok(status) => status,
        Err(error) => return Some(Failure::of(FailureClass::Bug, &error)),
    };
    let (class, message) = match (status.code(), status.signal()) {
        (Some(0), _) => return None,
        (Some(143), _) => (FailureClass::Preempted, "the process was told to stop".to_owned()),
        (Some(code), _) => (FailureClass::Bug, format!("the process ended with status {code}")),
        (None, Some(number)) => killed(number),
        (None, None) => (FailureClass::Bug, "the process ended without a status".to_owned()),
    };
    Some(Failure { class, message, causes: last_lines(log).await })
}

fn killed(number: i32) -> (FailureClass, String) {
    match number {
        libc::SIGKILL => {
            let hint = "by hand, or by the system for lack of memory";
            (FailureClass::Preempted, format!("the process was killed (signal 9), {hint}"))
        }
        libc::SIGTERM | libc::SIGINT | libc::SIGHUP | libc::SIGQUIT => {
            (FailureClass::Preempted, format!("the process was stopped (signal {number})"))
        }
        _ => (FailureClass::Bug, format!("the process crashed (signal {number})")),
    }
}

const LINES_SHOWN: usize = 5;
const BYTES_READ: u64 = 8 * 1024;

/// The end of a log, for people; nothing where it cannot be read.
async fn last_lines(log: &Path) -> Vec<String> {
    let bytes = last_bytes(log).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].iter().map(|line| (*line).to_owned()).collect()
}

async fn last_bytes(log: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = tokio::fs::File::open(log).await?;
    let size = file.metadata().await?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(BYTES_READ))).await?;
    let mut bytes = Vec::new();
    file.take(BYTES_READ).read_to_end(&mut bytes).await?;
    Ok(bytes)
}
