//! Why a coordinator turns a request down, and its one mapping to a gRPC status and back.

use tonic::{Code, Status};

use crate::message::Malformed;
use crate::unit::Epoch;

/// Why a coordinator turned a request down.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request makes no sense.
    #[error("malformed request")]
    Malformed(#[from] Malformed),
    /// The worker is not known here: it must register again.
    #[error("worker `{worker}` is not registered here")]
    UnknownWorker {
        /// The id that it gave.
        worker: String,
    },
    /// The worker knows another epoch than this coordinator's: one of them is outdated.
    #[error("the request is of epoch {sent}, this coordinator's is {current}")]
    OtherEpoch {
        /// What the worker sent.
        sent: Epoch,
        /// This coordinator's.
        current: Epoch,
    },
    /// The process was started for something else than what this coordinator is doing.
    #[error("the process was started for {sent}, this coordinator runs {current}")]
    OtherWork {
        /// Run, stage and generation of the process.
        sent: String,
        /// Run and stage of this coordinator.
        current: String,
    },
    /// The worker's program is not the coordinator's.
    #[error("the worker is version {worker}, the coordinator {coordinator}: install one version of all programs")]
    OtherVersion {
        /// The worker's.
        worker: String,
        /// The coordinator's.
        coordinator: String,
    },
    /// The coordinator is going away.
    #[error("the coordinator is stopping")]
    Stopping,
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal {
            Refusal::Malformed(_) => Code::InvalidArgument,
            Refusal::UnknownWorker { .. } => Code::NotFound,
            Refusal::OtherEpoch { .. } | Refusal::OtherWork { .. } | Refusal::OtherVersion { .. } => {
                Code::FailedPrecondition
            }
            Refusal::Stopping => Code::Unavailable,
        };
        let message = match &refusal {
            Refusal::Malformed(malformed) => malformed.to_string(),
            other => other.to_string(),
        };
        Status::new(code, message)
    }
}

impl Refusal {
    /// Whether the same request may succeed later: the coordinator was not reached, or is not ready.
    pub fn may_pass(status: &Status) -> bool {
        // A connection that breaks in the middle of an answer shows as any of the last three.
        let passing = [Code::Unavailable, Code::DeadlineExceeded, Code::Cancelled, Code::Unknown, Code::Internal];
        passing.contains(&status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_code_and_says_why() {
        let epochs = Refusal::OtherEpoch { sent: Epoch(1), current: Epoch(2) };
        let cases = [
            (Refusal::Malformed(Malformed::Missing { field: "unit" }), Code::InvalidArgument, "unit"),
            (Refusal::UnknownWorker { worker: "w1".to_owned() }, Code::NotFound, "w1"),
            (epochs, Code::FailedPrecondition, "epoch 1"),
            (
                Refusal::OtherWork { sent: "a".to_owned(), current: "b".to_owned() },
                Code::FailedPrecondition,
                "started for a",
            ),
            (
                Refusal::OtherVersion { worker: "1".to_owned(), coordinator: "2".to_owned() },
                Code::FailedPrecondition,
                "version 1",
            ),
            (Refusal::Stopping, Code::Unavailable, "stopping"),
        ];
        for (refusal, code, words) in cases {
            let status = Status::from(refusal.clone());
            assert_eq!(status.code(), code, "{refusal:?}");
            assert!(status.message().contains(words), "{}", status.message());
            assert_eq!(Refusal::may_pass(&status), code == Code::Unavailable);
        }
    }
}
