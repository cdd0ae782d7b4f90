//! A folder with a workspace, programs, and files by which a test tells the practice workers what to do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use artifacts::Workspace;
use artifacts::runs::RunDocument;
use coordinator::{Control, Embedded, Notices, PROGRAM, Programs, Report, ResolvedDocument, Timing};
use proto::FailureClass;
use spec::{Document, Settings, SourceFile};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::practice::{ARGUMENTS_VARIABLE, COORDINATOR_VARIABLE, FOLDER_VARIABLE, HOUSE_VARIABLE};

const DOCUMENT: &str = "\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {name: practice}
spec:
  model: repurchase@1
  tables: {people: {url: people.parquet}}
  population: people
  key: person
  resources: {processes: 3}
";

/// One run of one test.
pub(crate) struct Scene {
    folder: std::sync::Arc<TempDir>,
    timing: Timing,
    control: (Control, coordinator::Controlled),
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = std::sync::Arc::new(tempfile::tempdir().unwrap());
        let scene = Self { folder, timing: timing(), control: Control::new() };
        std::fs::create_dir(scene.path("programs")).unwrap();
        let this = std::env::current_exe().unwrap();
        let practice = format!(
            "shift; export {ARGUMENTS_VARIABLE}=\"$*\" {FOLDER_VARIABLE}='{}'\n\
             exec '{}' --exact practice::acts_as_a_worker --nocapture",
            scene.folder.path().display(),
            this.display()
        );
        scene.with_program("kindred-trainer", &practice).with_program("kindred-scorer", &practice)
    }

    pub(crate) fn with_scorer(self, script: &str) -> Self {
        self.with_program("kindred-scorer", script)
    }

    fn with_program(self, name: &str, script: &str) -> Self {
        let path = self.path("programs").join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    pub(crate) fn with_lease(mut self, lease: Duration) -> Self {
        self.timing.lease = lease;
        self
    }

    /// The same scene for another coordinator.
    pub(crate) fn again(&self) -> Self {
        Self { folder: std::sync::Arc::clone(&self.folder), timing: self.timing, control: Control::new() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn control(&self) -> &Control {
        &self.control.0
    }

    pub(crate) fn quiet(&self) -> Notices {
        Notices::unheard()
    }

    pub(crate) fn resolved(&self) -> ResolvedDocument {
        resolved()
    }

    pub(crate) fn embedded_in(&self, workspace: &str) -> Embedded {
        let programs = Programs::in_folder(&self.path("programs"));
        Embedded::new(Workspace::open(workspace).unwrap(), programs).with_timing(self.timing)
    }

    pub(crate) async fn run(&self) -> coordinator::Result<Report> {
        let embedded = self.embedded_in(self.path("workspace").to_str().unwrap());
        embedded.run(&resolved(), self.control.1.clone(), self.quiet()).await
    }

    pub(crate) fn start(&self) -> JoinHandle<coordinator::Result<Report>> {
        let embedded = self.embedded_in(self.path("workspace").to_str().unwrap());
        let (controlled, notices) = (self.control.1.clone(), self.quiet());
        tokio::spawn(async move { embedded.run(&resolved(), controlled, notices).await })
    }

    /// A coordinator in a process of its own.
    pub(crate) fn coordinator(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "practice::acts_as_a_coordinator", "--nocapture"])
            .env(COORDINATOR_VARIABLE, self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// A long-lived coordinator in a process of its own.
    pub(crate) fn house(&self) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "practice::acts_as_a_long_lived_coordinator", "--nocapture"])
            .env(HOUSE_VARIABLE, self.folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Workers stop at this unit until it is released.
    pub(crate) fn hold(&self, unit: &str) {
        std::fs::write(self.path(&format!("hold {unit}")), "").unwrap();
    }

    pub(crate) fn release(&self, unit: &str) {
        std::fs::remove_file(self.path(&format!("hold {unit}"))).unwrap();
        // The next to stop there says so itself.
        let _ = std::fs::remove_file(self.path(&format!("began {unit}")));
    }

    /// The next attempt at a unit fails.
    pub(crate) fn fail(&self, unit: &str, class: FailureClass) {
        std::fs::write(self.path(&format!("fail {unit}")), class.as_str()).unwrap();
    }

    /// The process that stopped at a held unit.
    pub(crate) async fn began(&self, unit: &str) -> i32 {
        let path = self.path(&format!("began {unit}"));
        loop {
            if let Ok(pid) = tokio::fs::read_to_string(&path).await {
                return pid.parse().unwrap();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Every attempt at a unit, with the process that made it.
    pub(crate) fn attempts(&self) -> Vec<(String, i32)> {
        let mut attempts = vec![];
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some((unit, attempt)) = name.strip_prefix("attempt ").and_then(|name| name.rsplit_once(" by ")) {
                attempts.push((unit.rsplit_once(' ').unwrap().0.to_owned(), attempt.parse().unwrap()));
            }
        }
        attempts
    }

    pub(crate) fn pids(&self) -> Vec<i32> {
        self.attempts().into_iter().map(|(_, pid)| pid).collect()
    }

    /// The running processes that work for this scene's run, whoever launched them.
    pub(crate) fn workers(&self) -> Vec<i32> {
        let mark = format!("{}/workspace ", self.folder.path().display());
        let is_worker = |pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            variables.any(|variable| variable.starts_with("KINDRED_WORKER_RUN=") && variable.contains(&mark))
        };
        let numbers = std::fs::read_dir("/proc").unwrap().flatten();
        let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(is_worker).filter(|pid| is_running(*pid)).collect()
    }

    /// Every shard's commit, as it is stored. A writer that was killed may have left a file that it had not put in place
    /// yet (`<name>#1`), which no store lists.
    pub(crate) fn commits(&self) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path("workspace").join("runs").join(resolved().run.as_str()).join("commit");
        let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().collect()).unwrap_or_else(|_| vec![]);
        let read =
            |entry: std::fs::DirEntry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
        entries.into_iter().map(read).filter(|(name, _)| name.ends_with(".json")).collect()
    }
}

/// Waits that suit processes which do next to nothing, on a machine that may be busy.
pub(crate) fn timing() -> Timing {
    Timing {
        heartbeat: Duration::from_millis(50),
        idle: Duration::from_millis(10),
        round: Duration::from_millis(200),
        ..Timing::default()
    }
}

/// The run that all tests run, each in its own workspace.
pub(crate) fn resolved() -> ResolvedDocument {
    let run_date = "2026-01-05".parse().unwrap();
    let settings = Settings { set: BTreeMap::new(), run_date };
    let file = SourceFile { name: "practice.yaml".to_owned(), text: DOCUMENT.to_owned() };
    let document: Document = spec::parse(&[file], &settings).unwrap().remove(0);
    let (inputs, program) = (BTreeMap::new(), PROGRAM.to_owned());
    let document = RunDocument { document, run_date, inputs, program, model: None };
    ResolvedDocument { run: document.run_id(), document }
}

pub(crate) fn kill(pid: i32, signal: i32) {
    // SAFETY: kill takes two integers; the process is a child of this one, or of one that this one started.
    assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
}

/// Whether a process is there and not just waiting to be waited for.
pub(crate) fn is_running(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|state| !state.is_empty() && !state.starts_with(['Z', 'X']))
}
