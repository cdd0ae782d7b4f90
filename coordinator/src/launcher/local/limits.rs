//! How much memory a process may hold and how much it may write to its log, looked at a few times a second.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proto::{Failure, FailureClass};

/// What a child may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of memory that are its own; no limit when absent.
    pub(super) memory_bytes: Option<u64>,
    /// Bytes of its log, after which the log is put aside and begun anew.
    pub(super) log_bytes: u64,
}

/// Large enough for weeks of a worker's own words.
const LOG_BYTES: u64 = 64 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: None, log_bytes: LOG_BYTES }
    }
}

/// How often a child is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(200);

impl Limits {
    /// The bytes of memory that a process holds, if that is more than it may.
    pub(super) async fn exceeded_by(&self, pid: u32) -> Option<u64> {
        let limit = self.memory_bytes?;
        memory_of(pid).await.filter(|bytes| *bytes > limit)
    }

    /// Puts a log that has grown too long aside, as `<name>.1`, and lets it begin anew. The process goes on writing to the
    /// same file, which it opened to append; what it writes in the very moment may be lost.
    pub(super) async fn cap(&self, log: &Path) {
        let size = tokio::fs::metadata(log).await.map_or(0, |metadata| metadata.len());
        if size <= self.log_bytes {
            return;
        }
        if let Err(error) = set_aside(log).await {
            tracing::warn!(log = %log.display(), %error, "a log that is too long could not be put aside");
        }
    }

    /// What ended a process that held too much.
    pub(super) fn failure(&self, bytes: u64, causes: Vec<String>) -> Failure {
        let limit = self.memory_bytes.unwrap_or(0) >> 20;
        let message = format!("the process held {} MiB of memory and may hold {limit} MiB", bytes >> 20);
        let hint = "raise `resources.memory_limit`, or use fewer threads or processes".to_owned();
        Failure { class: FailureClass::OutOfMemory, message, causes: std::iter::once(hint).chain(causes).collect() }
    }
}

/// Where the part of a log is that was put aside.
pub(super) fn aside(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    PathBuf::from(name)
}

async fn set_aside(log: &Path) -> std::io::Result<()> {
    tokio::fs::copy(log, aside(log)).await?;
    tokio::fs::OpenOptions::new().write(true).open(log).await?.set_len(0).await
}

/// The bytes of a process that nobody else can take back: anonymous and shared memory that is resident or swapped out.
///
/// Not its address space, of which libtorch and thread stacks reserve far more than they use; and not pages of mapped
/// files, which the kernel drops when it needs them.
async fn memory_of(pid: u32) -> Option<u64> {
    let status = tokio::fs::read_to_string(format!("/proc/{pid}/status")).await.ok()?;
    let kilobytes = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let counts = matches!(name, "RssAnon" | "RssShmem" | "VmSwap");
        counts.then(|| value.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()).flatten()
    };
    Some(status.lines().filter_map(kilobytes).sum::<u64>() << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_counts_what_is_touched_and_not_what_is_reserved() {
        let me = std::process::id();
        let reserved: Vec<u8> = Vec::with_capacity(1 << 30);
        let before = memory_of(me).await.unwrap();
        let touched = vec![7u8; 64 << 20];
        let after = memory_of(me).await.unwrap();
        // Other tests of this process allocate and free meanwhile.
        assert!(before < 1 << 30, "{before}");
        assert!(after > before + (32 << 20), "{before} then {after}");
        assert_eq!((reserved.len(), touched[1 << 20]), (0, 7));
        let limits = |memory_bytes| Limits { memory_bytes, ..Limits::default() };
        assert!(limits(Some(1 << 20)).exceeded_by(me).await.is_some());
        assert_eq!(limits(Some(1 << 40)).exceeded_by(me).await, None);
        assert_eq!(limits(None).exceeded_by(me).await, None);
    }

    #[tokio::test]
    async fn a_log_that_is_too_long_is_put_aside_and_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("score-g1-p0.log");
        let limits = Limits { log_bytes: 10, ..Limits::default() };
        std::fs::write(&log, "ten bytes!").unwrap();
        limits.cap(&log).await;
        assert!(!aside(&log).exists(), "ten bytes are not too many");
        let mut writer = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        std::io::Write::write_all(&mut writer, b" more").unwrap();
        limits.cap(&log).await;
        assert_eq!(std::fs::read_to_string(aside(&log)).unwrap(), "ten bytes! more");
        std::io::Write::write_all(&mut writer, b"anew").unwrap();
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "anew");
    }
}
