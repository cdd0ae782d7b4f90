//! The errors of object storage, and the one place that decides which of them are worth another try.

mod class;
mod fault;

use spec::{AliasName, AudienceName, ModelName, TableName, Version};

use crate::digest::Digest;
use crate::layout::{InvalidKey, ShardId};
use crate::publish::{InvalidEntry, PublishError};
pub use class::{Action, FailureClass};
use class::{is_full, needs_a_person, root_io_error};
pub use fault::{Change, DecodeFault, NoFiles, PackageFault, UrlFault};

/// This crate's results.
pub type Result<T, E = ArtifactsError> = std::result::Result<T, E>;

/// A failure of storage, or of what is stored.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactsError {
    /// The store failed or did not answer.
    #[error("cannot {action} {url}")]
    Store {
        /// What was being done.
        action: Action,
        /// To which object or folder.
        url: String,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// There is no such object.
    #[error("there is nothing at {url}")]
    Missing {
        /// The object.
        url: String,
        /// The store's words.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The store does not know the multipart upload any more.
    #[error("cannot write {url}: the store gave the upload up before it was complete")]
    UploadGone {
        /// The object.
        url: String,
        /// The store's words.
        #[source]
        source: Box<object_store::Error>,
    },
    /// No room.
    #[error(
        "cannot write {url}: the disk or quota is full; free some space or choose another workspace, then run again"
    )]
    Full {
        /// The object.
        url: String,
        /// The store's words.
        #[source]
        source: Box<object_store::Error>,
    },
    /// No permission, no credentials, or a read-only place.
    #[error("not allowed to {action} {url}: check its permissions and the credentials in use")]
    NotAllowed {
        /// What was being done.
        action: Action,
        /// To which object or folder.
        url: String,
        /// The store's words.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A store that ignores the condition of a conditional put.
    #[error(
        "the store of {url} lets two writers create the same object: a workspace needs conditional puts (If-None-Match)"
    )]
    NoCreateOnce {
        /// The workspace.
        url: String,
    },
    /// Text that names no place.
    #[error("`{url}` names no place that can be opened: {reason}")]
    Url {
        /// The text.
        url: String,
        /// What is wrong with it.
        reason: UrlFault,
    },
    /// A store that cannot be set up.
    #[error("cannot open the store of {url}: check its address and the AWS_*, GOOGLE_* or AZURE_* variables")]
    Open {
        /// The place.
        url: String,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// A folder or pattern of a table without a file in it.
    #[error("no table files at {url}: {reason}")]
    NoFiles {
        /// The folder or pattern.
        url: String,
        /// What was looked for.
        reason: NoFiles,
    },
    /// A file whose format cannot be told.
    #[error("the format of {url} cannot be told from its name: write `format: parquet`, `csv` or `json`")]
    UnknownFormat {
        /// The file.
        url: String,
    },
    /// A folder or pattern with files of different formats or compressions.
    #[error("{first} and {second} are not of the same format: name one with `format:` or a narrower pattern")]
    MixedFormats {
        /// A file.
        first: String,
        /// A file of another format.
        second: String,
    },
    /// A file that changed after it was planned with.
    #[error("{url} is not the file that was there before ({change}): start a new run to use it as it is now")]
    Changed {
        /// The file.
        url: String,
        /// What differs.
        change: Change,
    },
    /// A file that is not readable Parquet.
    #[error("{url} is not a readable Parquet file: it is truncated, damaged or of another format")]
    NotParquet {
        /// The file.
        url: String,
        /// What was wrong with it.
        #[source]
        source: DecodeFault,
    },
    /// A row group that cannot be decoded.
    #[error("{url}: row group {row_group} cannot be read{}: the file is damaged", in_column(column))]
    Damaged {
        /// The file.
        url: String,
        /// Its row group, from 0.
        row_group: usize,
        /// The column, where one alone fails.
        column: Option<String>,
        /// What was wrong with it.
        #[source]
        source: DecodeFault,
    },
    /// A row group that a file does not have.
    #[error("{url} has no row group {row_group}: it has {row_groups}")]
    NoRowGroup {
        /// The file.
        url: String,
        /// The row group asked for, from 0.
        row_group: usize,
        /// How many there are.
        row_groups: usize,
    },
    /// A column that a file does not have.
    #[error("{url} has no column `{column}`{}", did_you_mean(near))]
    NoColumn {
        /// The file.
        url: String,
        /// The column.
        column: String,
        /// Columns of the file with a similar name.
        near: Vec<String>,
    },
    /// Two columns of one name.
    #[error("{url} has more than one column `{column}`")]
    AmbiguousColumn {
        /// The file.
        url: String,
        /// The column.
        column: String,
    },
    /// A column whose type is not the same in all files of a table.
    #[error(
        "column `{column}` is {first_type} in {first} but {second_type} in {second}: all files of a table must agree"
    )]
    TypeChanged {
        /// The column.
        column: String,
        /// A file.
        first: String,
        /// The column's type in it.
        first_type: String,
        /// Another file.
        second: String,
        /// The column's type there.
        second_type: String,
    },
    /// Rows that cannot be written as Parquet.
    #[error("cannot encode rows for {url}")]
    Encode {
        /// The object being written.
        url: String,
        /// Why not.
        #[source]
        source: DecodeFault,
    },
    /// An object that is not what it should be.
    #[error("{url} is not {expected}")]
    Unreadable {
        /// The object.
        url: String,
        /// What it should be, with its article.
        expected: &'static str,
        /// What is wrong with it.
        #[source]
        source: InvalidEntry,
    },
    /// A value that has no JSON form.
    #[error("cannot write {url} as JSON")]
    Json {
        /// The object.
        url: String,
        /// Why not.
        #[source]
        source: serde_json::Error,
    },
    /// An object whose bytes are not those that its manifest names.
    #[error("{url} was changed after it was published: its SHA-256 is {found}, its manifest says {expected}")]
    Tampered {
        /// The object.
        url: String,
        /// The manifest's digest.
        expected: Digest,
        /// The digest of the bytes that are there.
        found: Digest,
    },
    /// An object whose size is not the one that was committed.
    #[error("{url} has {found} bytes, and {expected} were committed")]
    SizeChanged {
        /// The object.
        url: String,
        /// The committed size.
        expected: u64,
        /// The size that is there.
        found: u64,
    },
    /// A manifest that does not belong where it lies.
    #[error("{url} belongs to {found}, not to {expected}")]
    Misplaced {
        /// The manifest.
        url: String,
        /// What it says of itself.
        found: String,
        /// What its place says.
        expected: String,
    },
    /// Row counts that must agree and do not.
    #[error("{what} has {found} rows, and {expected} were expected: nothing is published")]
    RowsDiffer {
        /// What was counted.
        what: String,
        /// How many there are.
        found: u64,
        /// How many there must be.
        expected: u64,
    },
    /// Shards that nobody has committed.
    #[error("{missing} of {shards} shards are not committed, the first of them {first}")]
    Uncommitted {
        /// How many are missing.
        missing: usize,
        /// How many there are in all.
        shards: usize,
        /// The first that is missing.
        first: ShardId,
    },
    /// A create whose outcome is unknown, or one that cannot be tried.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A name that makes no key.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A package that is visible already and cannot be written to.
    #[error("{folder} is published: its files cannot change")]
    Published {
        /// The package.
        folder: String,
    },
    /// A version number that belongs to another run.
    #[error("{folder} belongs to run {owner}")]
    NotOwner {
        /// The package.
        folder: String,
        /// The run that claimed it.
        owner: String,
    },
    /// No such model.
    #[error("there is no model `{model}`{}", there_are("models", known))]
    NoModel {
        /// The model.
        model: ModelName,
        /// The models that there are.
        known: Vec<String>,
    },
    /// No such version of a model.
    #[error("model `{model}` has no version {version}{}", there_are("versions", known))]
    NoVersion {
        /// The model.
        model: ModelName,
        /// The version.
        version: Version,
        /// The versions that there are.
        known: Vec<String>,
    },
    /// No such alias of a model.
    #[error("model `{model}` has no alias `{alias}`{}", there_are("aliases", known))]
    NoAlias {
        /// The model.
        model: ModelName,
        /// The alias.
        alias: AliasName,
        /// The aliases that there are.
        known: Vec<String>,
    },
    /// A package that lacks one of its files.
    #[error("{folder} has no `{name}`")]
    NoPackageFile {
        /// The package.
        folder: String,
        /// The file.
        name: String,
    },
    /// An audience whose published version is not whole.
    #[error("version {version} of audience `{audience}` is not whole: {fault}")]
    BrokenAudience {
        /// The audience.
        audience: AudienceName,
        /// The version.
        version: Version,
        /// What is wrong.
        fault: PackageFault,
    },
    /// A prepared table that was not committed.
    #[error("table `{table}` of {run} was not prepared")]
    NotPrepared {
        /// The table.
        table: TableName,
        /// The run's folder.
        run: String,
    },
    /// A task that was stopped before it answered.
    #[error("work on {url} was stopped")]
    Stopped {
        /// The object.
        url: String,
        /// Why.
        #[source]
        source: tokio::task::JoinError,
    },
}

impl ArtifactsError {
    /// What may be done about it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Store { source, .. } | Self::Open { source, .. } => FailureClass::of_store(source),
            Self::Publish(error) => error.class(),
            Self::Full { .. } | Self::NotAllowed { .. } | Self::NoCreateOnce { .. } => FailureClass::Environment,
            Self::Stopped { source, .. } if source.is_panic() => FailureClass::Bug,
            Self::Stopped { .. } | Self::UploadGone { .. } => FailureClass::Storage,
            Self::Tampered { .. }
            | Self::SizeChanged { .. }
            | Self::Misplaced { .. }
            | Self::Unreadable { .. }
            | Self::NoPackageFile { .. }
            | Self::BrokenAudience { .. } => FailureClass::Integrity,
            Self::RowsDiffer { .. } | Self::Uncommitted { .. } | Self::Json { .. } | Self::NotPrepared { .. } => {
                FailureClass::Bug
            }
            Self::Missing { .. }
            | Self::Url { .. }
            | Self::NoFiles { .. }
            | Self::UnknownFormat { .. }
            | Self::MixedFormats { .. }
            | Self::Changed { .. }
            | Self::NotParquet { .. }
            | Self::Damaged { .. }
            | Self::NoRowGroup { .. }
            | Self::NoColumn { .. }
            | Self::AmbiguousColumn { .. }
            | Self::TypeChanged { .. }
            | Self::Encode { .. }
            | Self::Key(_)
            | Self::Published { .. }
            | Self::NotOwner { .. }
            | Self::NoModel { .. }
            | Self::NoVersion { .. }
            | Self::NoAlias { .. } => FailureClass::Input,
        }
    }

    /// Whether it says that the object is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    pub(crate) fn store(action: Action, url: impl Into<String>, source: object_store::Error) -> Self {
        let url = url.into();
        let root = root_io_error(&source);
        let source = Box::new(source);
        match (&*source, root) {
            (object_store::Error::NotFound { .. }, _) => Self::Missing { url, source },
            (_, Some(kind)) if is_full(kind) => Self::Full { url, source },
            (object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. }, _) => {
                Self::NotAllowed { action, url, source }
            }
            (_, Some(kind)) if needs_a_person(kind) => Self::NotAllowed { action, url, source },
            _ => Self::Store { action, url, source },
        }
    }
}

fn in_column(column: &Option<String>) -> String {
    column.as_ref().map(|column| format!(" in column `{column}`")).unwrap_or_default()
}

fn did_you_mean(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; did you mean `{}`?", near.join("`, `")) }
}

fn there_are(what: &str, known: &[String]) -> String {
    if known.is_empty() { format!("; there are no {what} yet") } else { format!("; there are: {}", known.join(", ")) }
}

#[cfg(test)]
mod tests;
