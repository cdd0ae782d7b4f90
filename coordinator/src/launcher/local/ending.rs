//! How processes end: signals that end them, and what their exit status says.

use std::io::SeekFrom;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use proto::{Failure, FailureClass, LOST_TOUCH_STATUS};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::process::Child;

use super::limits::aside;
use crate::launcher::Force;

pub(super) fn signal(process: &Child, force: Force) {
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
pub(super) async fn explain(status: std::io::Result<ExitStatus>, log: &Path) -> Option<Failure> {
    let status = match status {
        Ok(status) => status,
        Err(error) => return Some(Failure::of(FailureClass::Bug, &error)),
    };
    let (class, message) = match (status.code(), status.signal()) {
        (Some(0), _) => return None,
        (Some(143), _) => (FailureClass::Preempted, "the process was told to stop".to_owned()),
        (Some(code), _) if code == i32::from(LOST_TOUCH_STATUS) => {
            (FailureClass::Preempted, "the process lost touch with its coordinator".to_owned())
        }
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

/// The end of a log, for people; nothing where it cannot be read. One that was begun anew goes on from what was put
/// aside.
pub(super) async fn last_lines(log: &Path) -> Vec<String> {
    let mut bytes = last_bytes(log).await.unwrap_or_default();
    if (bytes.len() as u64) < BYTES_READ {
        let mut before = last_bytes(&aside(log)).await.unwrap_or_default();
        before.append(&mut bytes);
        bytes = before;
    }
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
