//! Why a coordinator gives up on a run, or never starts it.

use std::path::PathBuf;

use artifacts::{ArtifactsError, FailureClass};
use chrono::{DateTime, Utc};
use proto::Epoch;
use spec::{RunId, SubmissionId, TableName};

use crate::house::SubmissionStatus;
use crate::names::{InvalidText, Owner};
use crate::run::Illegal;
use crate::submission;

/// This crate's results.
pub type Result<T, E = CoordinatorError> = std::result::Result<T, E>;

/// Why a coordinator gives up on a run, or never starts it.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// Storage failed, or what is stored is not right.
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    /// The files of a table cannot be found.
    #[error("table `{table}` cannot be read")]
    Table {
        /// The table.
        table: TableName,
        /// Why not.
        #[source]
        source: ArtifactsError,
    },
    /// The workspace cannot be written to.
    #[error("the workspace {url} cannot be used")]
    Workspace {
        /// The workspace.
        url: String,
        /// Why not.
        #[source]
        source: ArtifactsError,
    },
    /// Another coordinator has the run.
    #[error("another `kindred` took over run {run} (this one had epoch {epoch}); it goes on there")]
    Superseded {
        /// The run.
        run: RunId,
        /// This coordinator's epoch.
        epoch: Epoch,
    },
    /// An entry does not follow the one before it.
    #[error("{url} does not follow the log entry before it: the run's log was changed from outside")]
    BrokenLog {
        /// The entry.
        url: String,
    },
    /// An entry tells what cannot have happened.
    #[error("{url} tells what cannot have happened: the run's log is of another version, or was changed from outside")]
    ImpossibleLog {
        /// The entry.
        url: String,
        /// What cannot have happened.
        #[source]
        source: Illegal,
    },
    /// This program tried to log what cannot happen.
    #[error("this program made a mistake")]
    Illegal(#[source] Illegal),
    /// This program tried to log what cannot happen to a submission.
    #[error("this program made a mistake")]
    IllegalSubmission(#[source] submission::Illegal),
    /// The loop that carries a run broke down.
    #[error("this program made a mistake while it carried the run")]
    Panicked(#[source] tokio::task::JoinError),
    /// The plan is gone.
    #[error("run {run} has planned its shards, but its plan.json is gone")]
    NoPlan {
        /// The run.
        run: RunId,
    },
    /// A search without its document.
    #[error("run {run} is a search, and its document.json is gone or of another kind")]
    NoSearch {
        /// The run.
        run: RunId,
    },
    /// A run without its document.
    #[error("the document.json of run {run} is gone")]
    NoDocument {
        /// The run.
        run: RunId,
    },
    /// A search that no document of this program holds.
    #[error("the search of run {run} cannot be told from its document.json")]
    InvalidSearch {
        /// The run.
        run: RunId,
        /// What is wrong with it.
        #[source]
        source: spec::search::InvalidPlan,
    },
    /// A worker program is not where it should be.
    #[error("`{program}` is not there: it belongs beside `kindred`; install or build all programs together")]
    NoProgram {
        /// The path.
        program: PathBuf,
    },
    /// A worker process could not be started.
    #[error("starting {} failed", program.display())]
    Launch {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A log file for a worker could not be made.
    #[error("the log file {} cannot be written", path.display())]
    LogFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The coordinator cannot listen for its workers.
    #[error("listening on the loopback interface failed")]
    Listen(#[source] std::io::Error),
    /// The server for workers broke down.
    #[error("the server for workers broke down")]
    Serve(#[source] tonic::transport::Error),
    /// Another coordinator works in the workspace.
    #[error(
        "a coordinator works in this workspace already, at {address}, since {since}: stop it first, or start this one \
         with --take-over"
    )]
    Occupied {
        /// Where it is reached.
        address: String,
        /// When it began.
        since: DateTime<Utc>,
    },
    /// Another coordinator may work in the workspace, and cannot be asked.
    #[error(
        "a coordinator began in this workspace on {host}, at {address}, {since}, and cannot be asked from here whether it \
         is alive: once it has ended, start this one with --take-over"
    )]
    Unasked {
        /// Its machine.
        host: String,
        /// Where it is reached.
        address: String,
        /// When it began.
        since: DateTime<Utc>,
    },
    /// Another coordinator has the workspace by now.
    #[error("another coordinator took over the workspace (this one had leadership {leadership}); work goes on there")]
    SteppedDown {
        /// What this one had.
        leadership: u64,
    },
    /// The coordinator takes no requests any more.
    #[error("the coordinator is stopping")]
    Stopping,
    /// A submission without documents.
    #[error("a submission needs at least one document")]
    NoDocuments,
    /// As many submissions of one owner as may wait or run.
    #[error("{owner} has {most} submissions that have not ended, as many as one may have: wait for one, or cancel one")]
    TooManySubmissions {
        /// Whose.
        owner: Owner,
        /// How many.
        most: u32,
    },
    /// There is no such submission.
    #[error("there is no submission `{id}`")]
    UnknownSubmission {
        /// As asked for.
        id: SubmissionId,
    },
    /// There is no such run.
    #[error("there is no run `{run}`")]
    UnknownRun {
        /// As asked for.
        run: RunId,
    },
    /// A client token stands for other documents.
    #[error("submission `{id}` was made with this client token and other documents: take a new token for each submit")]
    TokenReused {
        /// What the token stands for.
        id: SubmissionId,
    },
    /// A submission to which that cannot happen.
    #[error("submission `{id}` cannot be {wanted}: it is {}", status.as_str())]
    NotNow {
        /// The submission.
        id: SubmissionId,
        /// What was wanted, such as `cancelled`.
        wanted: &'static str,
        /// Where it stands.
        status: SubmissionStatus,
    },
    /// Text in a request that is not what it should be.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// A submission's log tells what cannot have happened.
    #[error("{url} tells what cannot have happened: the log is of another version, or was changed from outside")]
    ImpossibleSubmission {
        /// The entry.
        url: String,
        /// What cannot have happened.
        #[source]
        source: submission::Illegal,
    },
    /// The output of a process cannot be read.
    #[error("the log file {} cannot be read", path.display())]
    ReadLog {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A document has no JSON form.
    #[error("the document has no JSON form")]
    Document(#[source] serde_json::Error),
}

impl CoordinatorError {
    /// What helps against it.
    pub fn class(&self) -> proto::FailureClass {
        use proto::FailureClass as Class;
        match self {
            Self::Artifacts(source) | Self::Table { source, .. } | Self::Workspace { source, .. } => {
                match source.class() {
                    FailureClass::Input | FailureClass::Integrity => Class::Input,
                    FailureClass::Storage => Class::Storage,
                    FailureClass::Environment => Class::Environment,
                    FailureClass::Bug => Class::Bug,
                }
            }
            Self::NoDocuments
            | Self::UnknownSubmission { .. }
            | Self::UnknownRun { .. }
            | Self::TokenReused { .. }
            | Self::NotNow { .. }
            | Self::Text(_)
            | Self::BrokenLog { .. }
            | Self::ImpossibleLog { .. }
            | Self::ImpossibleSubmission { .. }
            | Self::NoPlan { .. }
            | Self::NoSearch { .. }
            | Self::NoDocument { .. }
            | Self::InvalidSearch { .. } => Class::Input,
            Self::Superseded { .. } | Self::SteppedDown { .. } | Self::Stopping => Class::Preempted,
            Self::TooManySubmissions { .. } => Class::Environment,
            Self::Occupied { .. }
            | Self::Unasked { .. }
            | Self::NoProgram { .. }
            | Self::Launch { .. }
            | Self::LogFile { .. }
            | Self::ReadLog { .. }
            | Self::Listen(_)
            | Self::Serve(_) => Class::Environment,
            Self::Illegal(_) | Self::IllegalSubmission(_) | Self::Panicked(_) | Self::Document(_) => Class::Bug,
        }
    }

    /// Whether the document or its tables are at fault, and not the machine, the store or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Artifacts(source) | Self::Table { source, .. } => source.class() == FailureClass::Input,
            _ => false,
        }
    }
    /// Whether all that is wrong is a store that did not answer in time: nothing is lost, and the same may pass later.
    pub fn is_store_silent(&self) -> bool {
        match self {
            Self::Artifacts(source) | Self::Table { source, .. } | Self::Workspace { source, .. } => {
                source.class() == FailureClass::Storage
            }
            _ => false,
        }
    }
}
