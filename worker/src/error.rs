//! Why a worker process ends without having been told to.

use std::time::Duration;

use proto::Epoch;

use crate::link::LinkError;

/// Why a worker process gave up.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The environment lacks the token.
    #[error("the environment variable {variable} is missing or is no token; workers are started by a coordinator", variable = proto::TOKEN_VARIABLE)]
    Token,
    /// The coordinator's address is none.
    #[error("`{url}` is not an address of a coordinator")]
    Address {
        /// What was given.
        url: String,
        /// What is wrong with it.
        #[source]
        source: tonic::transport::Error,
    },
    /// The coordinator did not answer for too long.
    #[error("the coordinator has been unreachable for {} s", silent_for.as_secs())]
    Unreachable {
        /// How long.
        silent_for: Duration,
        /// The last failure.
        #[source]
        source: LinkError,
    },
    /// The coordinator does not want this worker.
    #[error("the coordinator refused this worker")]
    Refused(#[source] LinkError),
    /// An answer came from a coordinator that has been superseded.
    #[error("a coordinator of epoch {sent} answered, but epoch {known} is known: it has been superseded")]
    StaleEpoch {
        /// The answer's epoch.
        sent: Epoch,
        /// The newest that the worker has seen.
        known: Epoch,
    },
    /// The work did not stop in time.
    #[error("the work did not stop within {} s of being told to", grace.as_secs())]
    StillWorking {
        /// How long it was given.
        grace: Duration,
    },
    /// Signals cannot be caught.
    #[error("installing the signal handlers failed")]
    Signals(#[source] std::io::Error),
    /// The runtime did not start.
    #[error("starting the asynchronous runtime failed")]
    Runtime(#[source] std::io::Error),
    /// The process cannot be tied to its parent.
    #[error("tying the process to its parent's life failed")]
    Parent(#[source] std::io::Error),
    /// The parent is gone already.
    #[error("the coordinator's process has ended")]
    Orphaned,
}

impl WorkerError {
    /// Whether the coordinator is all that is missing: it does not answer, has been superseded, or has ended.
    pub fn is_lost_touch(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::StaleEpoch { .. } | Self::Orphaned => true,
            Self::Token
            | Self::Address { .. }
            | Self::Refused(_)
            | Self::StillWorking { .. }
            | Self::Signals(_)
            | Self::Runtime(_)
            | Self::Parent(_) => false,
        }
    }
}
