//! Processes of a run as /proc shows them, whoever started them: after a crash those that a coordinator before left.
//!
//! Each carries in its environment which child of which run in which workspace it is, and so do processes that it
//! started itself.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use proto::{Generation, Stage};
use spec::RunId;

use super::super::ChildName;

/// The environment variable that says which run a process works for: its workspace's URL, a space, its id.
pub(super) const RUN_VARIABLE: &str = "KINDRED_WORKER_RUN";
/// The environment variable that says which of the run's children it is.
pub(super) const CHILD_VARIABLE: &str = "KINDRED_WORKER_CHILD";

/// The value of [`RUN_VARIABLE`].
pub(super) fn run_value(workspace: &str, run: &RunId) -> String {
    format!("{workspace} {run}")
}

/// A process that works for a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pid: libc::pid_t,
    pub(super) child: ChildName,
}

/// The processes of this user that work for a run.
pub(super) fn processes_of(workspace: &str, run: &RunId) -> Vec<Found> {
    let entries = std::fs::read_dir("/proc").map(|entries| entries.flatten().collect()).unwrap_or_else(|_| vec![]);
    let numbers = entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse::<libc::pid_t>().ok());
    numbers.filter_map(|pid| Some(Found { pid, child: child_of(pid, workspace, run)? })).collect()
}

/// Which child of the run a process is; `None` also where it has ended or is another user's.
fn child_of(pid: libc::pid_t, workspace: &str, run: &RunId) -> Option<ChildName> {
    let environment = environment_of(pid)?;
    let value_of = |name: &str| {
        let variables = environment.split(|byte| *byte == 0).filter_map(|variable| std::str::from_utf8(variable).ok());
        variables.filter_map(|variable| variable.split_once('=')).find(|(known, _)| *known == name)
    };
    let (_, found) = value_of(RUN_VARIABLE)?;
    if found != run_value(workspace, run) {
        return None;
    }
    child_named(run, value_of(CHILD_VARIABLE)?.1)
}

/// The environment that a process was started with. It is empty for a moment after the program was started, and for good where
/// there is no program any more.
fn environment_of(pid: libc::pid_t) -> Option<Vec<u8>> {
    let process = Path::new("/proc").join(pid.to_string());
    for _ in 0..STARTING_LOOKS {
        let environment = std::fs::read(process.join("environ")).ok()?;
        if !environment.is_empty() || std::fs::read_link(process.join("exe")).is_err() {
            return Some(environment);
        }
        std::thread::sleep(STARTING_PAUSE);
    }
    None
}

const STARTING_LOOKS: usize = 10;
const STARTING_PAUSE: Duration = Duration::from_millis(1);

/// The child that is written as `score-g2-p1`.
fn child_named(run: &RunId, name: &str) -> Option<ChildName> {
    let (stage, rest) = name.split_once("-g")?;
    let (generation, process) = rest.split_once("-p")?;
    let (stage, generation) = (stage.parse::<Stage>().ok()?, Generation(generation.parse().ok()?));
    Some(ChildName { run: run.clone(), stage, generation, process: process.parse().ok()? })
}

const KILLED_WITHIN: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Kills every process of a child, and waits until none is left; not for long, because one may hang in the kernel.
pub(super) fn kill(workspace: &str, child: &ChildName) {
    let start = Instant::now();
    loop {
        let mut left = processes_of(workspace, &child.run);
        left.retain(|found| found.child == *child);
        if left.is_empty() {
            return;
        }
        if start.elapsed() > KILLED_WITHIN {
            tracing::error!(%child, pids = ?left.iter().map(|found| found.pid).collect::<Vec<_>>(), "cannot be ended");
            return;
        }
        left.iter().for_each(|found| kill_process(found, workspace));
        std::thread::sleep(PAUSE);
    }
}

/// Kills a process, but no other one that got its number meanwhile.
fn kill_process(found: &Found, workspace: &str) {
    // SAFETY: pidfd_open takes two integers and returns a descriptor that nobody else owns, or -1.
    let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, found.pid, 0) };
    let Some(descriptor) = i32::try_from(descriptor).ok().filter(|descriptor| *descriptor >= 0) else {
        return;
    };
    // SAFETY: the descriptor was just opened, and is closed by its owner alone.
    let process = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // What the descriptor refers to cannot change any more, so that what is read now is true of it.
    if child_of(found.pid, workspace, &found.child.run).as_ref() == Some(&found.child) {
        let (no_information, no_flags) = (std::ptr::null::<libc::siginfo_t>(), 0);
        // SAFETY: the descriptor is open, and no information is passed along.
        unsafe {
            libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), libc::SIGKILL, no_information, no_flags)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_told_by_its_name_alone() {
        let run: RunId = "nightly-1".parse().unwrap();
        for stage in Stage::ALL {
            let child = ChildName { run: run.clone(), stage, generation: Generation(12), process: 3 };
            assert_eq!(child_named(&run, &child.to_string()), Some(child));
        }
        for name in ["", "score", "score-g1", "score-gx-p1", "score-g1-p", "cook-g1-p1", "score-g1-p-1"] {
            assert_eq!(child_named(&run, name), None, "{name}");
        }
    }
}
