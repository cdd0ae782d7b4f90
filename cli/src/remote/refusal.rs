//! What a coordinator's refusal means for the command that asked.

use std::error::Error;

use proto::api;
use proto::api::v1::DocumentProblem;
use tonic::{Code, Status};

use crate::ending::Ending;
use crate::failure::explained;

/// Why a coordinator did not do what was asked for.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Its own answer, or none.
    Status(Box<Status>),
    /// An answer that a coordinator of this version does not give.
    Incomplete {
        /// What is missing.
        field: &'static str,
    },
    /// An id that names nothing.
    Unknown {
        /// As given.
        id: String,
    },
    /// A run that nobody submitted.
    Unsubmitted {
        /// The run.
        run: String,
    },
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

impl Refused {
    /// How the command ends.
    pub(crate) fn ending(&self) -> Ending {
        match self {
            Self::Unknown { .. } | Self::Unsubmitted { .. } => Ending::Usage,
            Self::Incomplete { .. } => Ending::Failed,
            Self::Status(status) => match status.code() {
                Code::InvalidArgument
                | Code::NotFound
                | Code::AlreadyExists
                | Code::FailedPrecondition
                | Code::PermissionDenied
                | Code::Unauthenticated
                | Code::OutOfRange => Ending::Usage,
                _ => Ending::Failed,
            },
        }
    }

    /// Whether the coordinator was not reached, or went away, so that asking again may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => proto::Refusal::may_pass(status) && api::info_of(status).is_none_or(is_of_passing),
            Self::Incomplete { .. } | Self::Unknown { .. } | Self::Unsubmitted { .. } => false,
        }
    }

    /// What is said on stderr.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Status(status) => told(status),
            Self::Incomplete { field } => {
                format!("error: the coordinator's answer has no `{field}`: it is of another version than this program")
            }
            Self::Unknown { id } => format!("error: there is no submission and no run `{id}`"),
            Self::Unsubmitted { run } => format!(
                "error: run {run} was submitted by nobody\n  `kindred run` made it: run the same command again to go on"
            ),
        }
    }
}

/// A coordinator that knows what it says would say the same again.
fn is_of_passing(info: api::v1::ErrorInfo) -> bool {
    matches!(info.reason(), api::v1::ErrorReason::NotLeading | api::v1::ErrorReason::Storage)
}

fn told(status: &Status) -> String {
    match api::info_of(status) {
        Some(info) if !info.problems.is_empty() => {
            let lines: Vec<String> = info.problems.iter().map(problem).collect();
            format!("{}\nerror: {}", lines.join("\n"), status.message())
        }
        Some(info) => explained(status.message(), info.causes),
        None => {
            // Not a coordinator's words: the connection's.
            let causes = std::iter::successors(status.source(), |&cause| cause.source()).map(ToString::to_string);
            explained("the coordinator cannot be reached", std::iter::once(status.message().to_owned()).chain(causes))
        }
    }
}

/// As mistakes are shown that are found here.
fn problem(problem: &DocumentProblem) -> String {
    let DocumentProblem { file, line, column, path, message, hint } = problem;
    let place = if file.is_empty() { String::new() } else { format!("{file}:{line}:{column}: ") };
    let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let hint = if hint.is_empty() { String::new() } else { format!(" ({hint})") };
    format!("{place}{path}{message}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::api::v1::{ErrorInfo, ErrorReason};

    fn refused(code: Code, info: ErrorInfo) -> Refused {
        Refused::from(api::status(code, "what is wrong", info))
    }

    #[test]
    fn mistakes_are_shown_with_their_places() {
        let problem = DocumentProblem {
            file: "a.yaml".to_owned(),
            line: 7,
            column: 3,
            path: "spec.exampels".to_owned(),
            message: "no such field".to_owned(),
            hint: "did you mean `examples`?".to_owned(),
        };
        let reason = ErrorReason::InvalidDocument.into();
        let refused = refused(Code::InvalidArgument, ErrorInfo { reason, causes: vec![], problems: vec![problem] });
        assert_eq!(
            refused.message(),
            "a.yaml:7:3: spec.exampels: no such field (did you mean `examples`?)\nerror: what is wrong"
        );
        assert_eq!(refused.ending(), Ending::Usage);
    }

    #[test]
    fn only_what_may_pass_is_worth_another_try() {
        let of = |reason: ErrorReason| ErrorInfo { reason: reason.into(), ..ErrorInfo::default() };
        assert!(refused(Code::Unavailable, of(ErrorReason::NotLeading)).may_pass());
        assert!(Refused::from(Status::unavailable("tcp connect error")).may_pass());
        assert!(!refused(Code::Internal, of(ErrorReason::Internal)).may_pass());
        assert!(!refused(Code::NotFound, of(ErrorReason::NotFound)).may_pass());
        assert_eq!(refused(Code::Unavailable, of(ErrorReason::Storage)).ending(), Ending::Failed);
    }
}
