use std::os::unix::fs::PermissionsExt;

use proto::{FailureClass, Generation, Token};
use tempfile::TempDir;

use super::*;
use crate::launcher::conformance::{Conduct, Rig, suite, workspace};

struct Scripts {
    folder: TempDir,
    launcher: LocalProcesses,
}

impl Rig for Scripts {
    type Launcher = LocalProcesses;

    async fn new(conduct: Conduct) -> Self {
        let deed = match conduct {
            Conduct::EndsWell => "exit 0",
            Conduct::Fails => "exit 3",
            Conduct::Runs => "while :; do sleep 0.01; done",
            Conduct::Ignores => "trap '' TERM; while :; do sleep 0.01; done",
            Conduct::NoProgram => {
                let folder = tempfile::tempdir().unwrap();
                let launcher = LocalProcesses::new(Programs::in_folder(folder.path()), folder.path().join("logs"));
                return Self { folder, launcher };
            }
        };
        let (folder, launcher) = launcher(&format!("echo started >> \"${{0%/*}}\"/starts; {deed}"));
        Self { folder, launcher }
    }

    fn launcher(&self) -> &LocalProcesses {
        &self.launcher
    }

    fn another(&self) -> LocalProcesses {
        LocalProcesses::new(Programs::in_folder(self.folder.path()), self.folder.path().join("logs"))
    }

    fn starts(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("starts")).unwrap_or_default().lines().count()
    }
}

mod conformance {
    super::suite!(super::Scripts);
}

/// A launcher whose two programs are one shell script.
fn launcher(script: &str) -> (TempDir, LocalProcesses) {
    let folder = tempfile::tempdir().unwrap();
    let programs = Programs::in_folder(folder.path());
    for program in [&programs.trainer, &programs.scorer] {
        std::fs::write(program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let logs = folder.path().join("logs");
    (folder, LocalProcesses::new(programs, logs))
}

fn child(process: u32) -> ChildName {
    ChildName { run: "nightly-1".parse().unwrap(), stage: Stage::Score, generation: Generation(2), process }
}

fn contact() -> Contact {
    Contact {
        coordinator: "http://127.0.0.1:9".to_owned(),
        workspace: workspace(),
        token: Token::parse("0123456789abcdef").unwrap(),
    }
}

async fn output(launcher: &LocalProcesses) -> String {
    let exit = launcher.ended().await;
    std::fs::read_to_string(exit.log.unwrap()).unwrap()
}

#[tokio::test]
async fn a_child_is_told_who_it_is_and_the_token_only_by_its_environment() {
    let (_folder, launcher) =
        launcher("echo \"$*\"; echo $KINDRED_WORKER_TOKEN $OMP_NUM_THREADS $KINDRED_WORKER_PARENT");
    launcher.launch(&child(3), &contact()).await.unwrap();
    let output = output(&launcher).await;
    let (arguments, environment) = output.trim().split_once('\n').unwrap();
    assert_eq!(
        arguments,
        format!(
            "work --coordinator http://127.0.0.1:9 --workspace {} --run nightly-1 --stage score --generation 2 --process 3",
            workspace()
        )
    );
    assert_eq!(environment, format!("0123456789abcdef 1 {}", std::process::id()));
}

#[tokio::test]
async fn private_logs_are_for_nobody_else() {
    let (folder, launcher) = launcher("echo started");
    let launcher = launcher.with_private_logs();
    launcher.launch(&child(0), &contact()).await.unwrap();
    assert_eq!(output(&launcher).await, "started\n");
    let mode = std::fs::metadata(folder.path().join("logs")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn launching_a_child_twice_starts_it_once() {
    let (_folder, launcher) = launcher("echo started");
    launcher.launch(&child(0), &contact()).await.unwrap();
    launcher.launch(&child(0), &contact()).await.unwrap();
    assert_eq!(output(&launcher).await, "started\n");
    launcher.launch(&child(0), &contact()).await.unwrap();
    launcher.launch(&child(1), &contact()).await.unwrap();
    let second = launcher.ended().await;
    assert_eq!(second.child, child(1), "an ended child is not started again either");
}

#[tokio::test]
async fn a_child_that_ends_well_has_no_failure() {
    let (_folder, launcher) = launcher("exit 0");
    launcher.launch(&child(0), &contact()).await.unwrap();
    assert!(launcher.ended().await.failure.is_none());
}

#[tokio::test]
async fn a_child_that_fails_shows_the_end_of_its_output() {
    let (_folder, launcher) = launcher("for i in 1 2 3 4 5 6 7; do echo line $i; done >&2; exit 3");
    launcher.launch(&child(0), &contact()).await.unwrap();
    let failure = launcher.ended().await.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Bug);
    assert_eq!(failure.message, "the process ended with status 3");
    assert_eq!(failure.causes, ["line 3", "line 4", "line 5", "line 6", "line 7"]);
}

#[tokio::test]
async fn ends_by_signals_are_told_apart() {
    let cases = [("KILL", FailureClass::Preempted), ("TERM", FailureClass::Preempted), ("SEGV", FailureClass::Bug)];
    for (signal, class) in cases {
        let (_folder, launcher) = launcher(&format!("kill -{signal} $$"));
        launcher.launch(&child(0), &contact()).await.unwrap();
        assert_eq!(launcher.ended().await.failure.unwrap().class, class, "{signal}");
    }
    let (_folder, launcher) = launcher("exit 143");
    launcher.launch(&child(0), &contact()).await.unwrap();
    assert_eq!(
        launcher.ended().await.failure.unwrap().class,
        FailureClass::Preempted,
        "a worker that was told to stop"
    );
}

/// Waits until a file that a child writes is there.
async fn appeared(path: &Path) {
    while tokio::fs::metadata(path).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_child_that_is_asked_to_end_can_clean_up() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!("trap 'echo cleaned; exit 143' TERM; touch {}; while :; do sleep 0.01; done", ready.display());
    let (_programs, launcher) = launcher(&script);
    launcher.launch(&child(0), &contact()).await.unwrap();
    appeared(&ready).await;
    launcher.stop(&child(0), Force::Ask);
    // The shell may say first that its `sleep`, which was asked as well, has ended.
    let output = output(&launcher).await;
    assert!(output.ends_with("cleaned\n"), "{output}");
}

#[tokio::test]
async fn a_killed_child_takes_its_own_children_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let grandchild = folder.path().join("grandchild");
    let script = format!(
        "trap '' TERM; (trap '' TERM; echo $(exec sh -c 'echo $PPID') > {0}.new; mv {0}.new {0}; sleep 1000) & wait",
        grandchild.display()
    );
    let (_programs, launcher) = launcher(&script);
    launcher.launch(&child(0), &contact()).await.unwrap();
    appeared(&grandchild).await;
    let pid: i32 = std::fs::read_to_string(&grandchild).unwrap().trim().parse().unwrap();
    launcher.stop(&child(0), Force::Ask);
    launcher.stop(&child(0), Force::Kill);
    launcher.ended().await;
    let is_running = || {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        state.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    };
    while is_running() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let launcher = LocalProcesses::new(Programs::in_folder(folder.path()), folder.path().join("logs"));
    let error = launcher.launch(&child(0), &contact()).await.unwrap_err();
    assert!(matches!(error, CoordinatorError::NoProgram { .. }), "{error}");
    assert!(error.to_string().contains("kindred-scorer"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_no_program_is_an_error_and_can_be_launched_once_it_is_one() {
    let (folder, launcher) = launcher("exit 0");
    let program = folder.path().join("kindred-scorer");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = launcher.launch(&child(0), &contact()).await.unwrap_err();
    assert!(matches!(error, CoordinatorError::Launch { .. }), "{error}");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    launcher.launch(&child(0), &contact()).await.unwrap();
    assert!(launcher.ended().await.failure.is_none());
}

#[tokio::test]
async fn a_child_that_holds_too_much_memory_is_ended_and_says_so() {
    let (_folder, launcher) = launcher("exec python3 -c 'import time; held = b\"x\" * (256 << 20); time.sleep(1000)'");
    let launcher = launcher.with_memory_limit(Some(64 << 20));
    launcher.launch(&child(0), &contact()).await.unwrap();
    let failure = launcher.ended().await.failure.unwrap();
    assert_eq!(failure.class, FailureClass::OutOfMemory);
    assert!(failure.message.ends_with("and may hold 64 MiB"), "{failure}");
    assert!(failure.causes[0].contains("resources.memory_limit"), "{failure:?}");
}

#[tokio::test]
async fn a_child_that_writes_without_end_keeps_a_log_of_bounded_length() {
    let (_folder, launcher) = launcher("while :; do echo 0123456789012345678901234567890123456789; done");
    let launcher = launcher.with_log_limit(64 << 10);
    launcher.launch(&child(0), &contact()).await.unwrap();
    let log = launcher.log_of(&child(0)).unwrap();
    appeared(&limits::aside(&log)).await;
    launcher.stop(&child(0), Force::Kill);
    let failure = launcher.ended().await.failure.unwrap();
    assert!(failure.causes.iter().any(|line| line.contains("0123456789")), "{failure:?}");
}

#[tokio::test]
async fn a_child_that_lost_touch_has_not_failed() {
    let (_folder, launcher) = launcher("exit 75");
    launcher.launch(&child(0), &contact()).await.unwrap();
    let failure = launcher.ended().await.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Preempted);
    assert!(failure.message.contains("lost touch"), "{failure}");
}

/// A script that starts a process in a group of its own, which writes its id to a file, and then does something else.
fn with_a_grandchild(file: &Path, deed: &str) -> String {
    let file = file.display();
    format!("setsid sh -c 'echo $$ > {file}.new; mv {file}.new {file}; exec sleep 1000' & {deed}")
}

/// Between its start and the moment at which it ties itself to its parent a child is nobody's if the parent dies; what it
/// started itself never was. A successor finds both.
#[tokio::test]
async fn what_a_child_started_itself_is_found_and_removed_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let grandchild = folder.path().join("grandchild");
    let (_programs, launcher) = launcher(&with_a_grandchild(&grandchild, "exec sleep 1000"));
    launcher.launch(&child(0), &contact()).await.unwrap();
    appeared(&grandchild).await;
    let successor = LocalProcesses::new(Programs::in_folder(folder.path()), folder.path().join("logs"));
    let run = child(0).run;
    assert_eq!(found::processes_of(&workspace(), &run).len(), 2);
    assert_eq!(successor.observe(&workspace(), &run).await, [child(0)]);
    successor.remove(&workspace(), &child(0)).await;
    assert_eq!(successor.observe(&workspace(), &run).await, []);
    assert_eq!(launcher.ended().await.failure.unwrap().class, FailureClass::Preempted);
}

#[tokio::test]
async fn nothing_is_left_of_a_child_that_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let grandchild = folder.path().join("grandchild");
    let deed = format!("while [ ! -e {} ]; do sleep 0.01; done", grandchild.display());
    let (_programs, launcher) = launcher(&with_a_grandchild(&grandchild, &deed));
    launcher.launch(&child(0), &contact()).await.unwrap();
    assert_eq!(launcher.ended().await.failure, None);
    assert_eq!(launcher.observe(&workspace(), &child(0).run).await, []);
}
