//! Errors of commands and how they are put to people.

use std::path::PathBuf;

use coordinator::CoordinatorError;
use spec::Problems;

use crate::ending::Ending;
use crate::remote::Refused;

/// Why a command did not do what was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Documents are wrong.
    Document(Problems),
    /// What was asked for makes no sense, or refers to what is not there.
    Usage(anyhow::Error),
    /// Something failed.
    Failed(anyhow::Error),
    /// A coordinator elsewhere did not do it.
    Refused(Refused),
    /// It was interrupted.
    Interrupted,
}

impl Failure {
    /// How the command ends.
    pub(crate) fn ending(&self) -> Ending {
        match self {
            Self::Document(_) | Self::Usage(_) => Ending::Usage,
            Self::Failed(_) => Ending::Failed,
            Self::Refused(refused) => refused.ending(),
            Self::Interrupted => Ending::Interrupted,
        }
    }

    /// What is said on stderr.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Document(problems) => {
                let count = problems.count();
                let mistakes = if count == 1 { "1 mistake".to_owned() } else { format!("{count} mistakes") };
                format!("{problems}\nerror: {mistakes}, nothing was run")
            }
            Self::Usage(error) | Self::Failed(error) => {
                let mut causes = error.chain().map(ToString::to_string);
                let message = causes.next().unwrap_or_default();
                explained(&message, causes)
            }
            Self::Refused(refused) => refused.message(),
            Self::Interrupted => "interrupted".to_owned(),
        }
    }
}

impl From<CoordinatorError> for Failure {
    fn from(error: CoordinatorError) -> Self {
        if error.is_input() { Self::Usage(error.into()) } else { Self::Failed(error.into()) }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(status.into())
    }
}

impl From<artifacts::ArtifactsError> for Failure {
    fn from(error: artifacts::ArtifactsError) -> Self {
        Self::from(CoordinatorError::from(error))
    }
}

/// An error with its causes, each a line; a cause that its message repeats is left out.
pub(crate) fn explained(message: &str, causes: impl IntoIterator<Item = String>) -> String {
    let mut text = format!("error: {message}");
    let mut last = message.to_owned();
    for cause in causes {
        if !last.contains(&cause) {
            text.push_str("\n  caused by: ");
            text.push_str(&cause.replace('\n', "\n    "));
        }
        last = cause;
    }
    text
}

/// Where to look further.
pub(crate) fn pointer(log: Option<&PathBuf>) -> String {
    log.map(|log| format!("\n  log: {}", log.display())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn causes_are_indented_below_the_message_and_not_repeated() {
        let error = std::fs::read("/nowhere/at/all").context("cannot read it").unwrap_err();
        let message = Failure::Failed(error.context("the run failed")).message();
        assert_eq!(
            message,
            "error: the run failed\n  caused by: cannot read it\n  caused by: No such file or directory (os error 2)"
        );
        let repeated = explained("a: b", ["b".to_owned(), "c".to_owned()]);
        assert_eq!(repeated, "error: a: b\n  caused by: c");
    }
}
