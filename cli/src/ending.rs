//! How a command ends, as an exit code.

use std::process::ExitCode;

/// How a command ends. The codes are for scripts and do not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// 0: what was asked for is done.
    Done,
    /// 1: it failed.
    Failed,
    /// 2: the command line or a document is wrong.
    Usage,
    /// 3: a guard held a publication back.
    HeldBack,
    /// 130: it was interrupted; what was running is stopped and can be resumed.
    Interrupted,
}

impl Ending {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::HeldBack => 3,
            Self::Interrupted => 130,
        }
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        Self::from(ending.code())
    }
}
