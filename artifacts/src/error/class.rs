//! What kind of failure an error is, told from the error's own kind and the I/O error at its root.

use std::error::Error as StdError;
use std::fmt;
use std::io::ErrorKind;

/// What kind of failure it was, and so what may be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// The input or the request is wrong: the same again fails the same way.
    Input,
    /// The store did not answer, or not in time: worth another try.
    Storage,
    /// The machine or account is in the way (disk full, no permission, no credentials): a person has to act.
    Environment,
    /// What is stored is not what was published: nothing may be built on it.
    Integrity,
    /// This program is wrong.
    Bug,
}

impl FailureClass {
    /// Whether another attempt may succeed without anybody doing anything.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Storage => true,
            Self::Input | Self::Environment | Self::Integrity | Self::Bug => false,
        }
    }

    /// The class of an object store's error, told from its kind and from the I/O error at its root.
    pub fn of_store(error: &object_store::Error) -> Self {
        use object_store::Error;
        match error {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Self::Environment,
            Error::NotSupported { .. } | Error::NotImplemented { .. } => Self::Environment,
            Error::UnknownConfigurationKey { .. } => Self::Environment,
            Error::NotFound { .. } | Error::InvalidPath { .. } => Self::Input,
            Error::Precondition { .. } | Error::NotModified { .. } => Self::Input,
            _ => match root_io_error(error) {
                Some(kind) if needs_a_person(kind) => Self::Environment,
                _ => Self::Storage,
            },
        }
    }
}

/// What was being done to an object or folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Its bytes or size were asked for.
    Read,
    /// It was written.
    Write,
    /// What is below it was asked for.
    List,
    /// It was deleted.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Delete => "delete",
        })
    }
}

/// The kind of the I/O error that an error comes from.
pub(super) fn root_io_error(error: &object_store::Error) -> Option<ErrorKind> {
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = current.source();
    }
    None
}

pub(super) fn is_full(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

pub(super) fn needs_a_person(kind: ErrorKind) -> bool {
    let is_denied = matches!(kind, ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem);
    is_full(kind) || is_denied || matches!(kind, ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}
