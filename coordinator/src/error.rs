//! Why a coordinator gives up on a run, or never starts it.

use std::path::PathBuf;

use artifacts::{ArtifactsError, FailureClass};
use proto::Epoch;
use spec::{RunId, TableName};

use crate::run::Illegal;

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
    /// A document has no JSON form.
    #[error("the document has no JSON form")]
    Document(#[source] serde_json::Error),
}

impl CoordinatorError {
    /// Whether the document or its tables are at fault, and not the machine, the store or this program.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Artifacts(source) | Self::Table { source, .. } => source.class() == FailureClass::Input,
            _ => false,
        }
    }
}
