//! The one primitive that decides every race: an object is created once, and everybody who tried learns by whom.
//!
//! The protocol (see `docs/storage.md`): put with `PutMode::Create`; `Ok` is won; after anything else the object is
//! read. My entry is there: won, the reply was lost. Another's: lost. Nothing is there: wait and put the same bytes
//! again. Past the deadline the outcome is unknown, and the caller neither goes on nor cleans up.
//! [`decide`] holds these decisions; this module does the I/O and passes the time.

mod decide;
mod entry;

use std::time::Duration;

use bytes::Bytes;
use futures::future::{Either, select};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::clock::{Clock, SystemClock};
use crate::error::FailureClass;
pub use decide::Patience;
use decide::{Course, Seen, Step};
pub use entry::{Entry, EntryId, InvalidEntry, read_entry};

/// Who created an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// This writer did.
    Won,
    /// Another writer did, with these bytes.
    Lost {
        /// The object as it is.
        winner: Bytes,
    },
}

/// A create that did not come to an outcome.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It may or may not have been created: neither go on nor clean up.
    #[error("whether {path} was created is unknown after {waited:.0?}: run again when the store answers")]
    Unknown {
        /// The object's path in its store.
        path: Path,
        /// How long it was tried.
        waited: Duration,
        /// The last thing that went wrong.
        #[source]
        source: Box<object_store::Error>,
    },
    /// It was certainly not created, and trying again is of no use.
    #[error("{path} cannot be created: {}", refusal(source))]
    Refused {
        /// The object's path in its store.
        path: Path,
        /// Why not.
        #[source]
        source: Box<object_store::Error>,
    },
    /// The entry has no JSON form.
    #[error("{path} cannot be written as JSON")]
    Entry {
        /// The object's path in its store.
        path: Path,
        /// Why not.
        #[source]
        source: InvalidEntry,
    },
}

impl PublishError {
    /// What may be done about it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Unknown { .. } => FailureClass::Storage,
            Self::Refused { source, .. } => FailureClass::of_store(source),
            Self::Entry { .. } => FailureClass::Bug,
        }
    }

    /// Whether the object may have been created without this writer knowing.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}

fn refusal(error: &object_store::Error) -> &'static str {
    match FailureClass::of_store(error) {
        FailureClass::Environment => "there is no room or no permission, or the store cannot create objects once",
        _ => "the store refuses it",
    }
}

/// Creates an object once, with the machine's clock and the usual patience.
pub async fn create_once(store: &dyn ObjectStore, path: &Path, entry: &Entry) -> Result<Outcome, PublishError> {
    create_once_with(store, path, entry, &Patience::default(), &SystemClock).await
}

/// Creates an object once: see the module. Whatever happens, at most one entry is ever at `path`, and a writer that
/// gets an [`Outcome`] knows the truth.
pub async fn create_once_with(
    store: &dyn ObjectStore,
    path: &Path,
    entry: &Entry,
    patience: &Patience,
    clock: &dyn Clock,
) -> Result<Outcome, PublishError> {
    let start = clock.now();
    let mut course = Course::new(entry.bytes().clone(), patience.clone(), entry.id().seed());
    let mut step = course.first();
    let mut last_error = None;
    loop {
        let elapsed = clock.now().saturating_sub(start);
        let seen = match step {
            Step::Put => put(store, path, entry.bytes(), patience, clock).await,
            Step::Get => get(store, path, patience, clock).await,
            Step::Wait(pause) => {
                clock.sleep(pause).await;
                Ok(Seen::Waited)
            }
            Step::Done(outcome) => return Ok(outcome),
            Step::Unknown => return Err(unknown(path, elapsed, last_error)),
            Step::Refused => return Err(refused(path, last_error)),
        };
        let elapsed = clock.now().saturating_sub(start);
        step = match seen {
            Ok(seen) => course.next(&seen, elapsed),
            Err((seen, error)) => {
                // What a read or an `already exists` says is no cause: keep the error that is one.
                if last_error.is_none() || !is_answer(&error) {
                    last_error = Some(error);
                }
                course.next(&seen, elapsed)
            }
        };
    }
}

type Observed = Result<Seen, (Seen, object_store::Error)>;

async fn put(store: &dyn ObjectStore, path: &Path, body: &Bytes, patience: &Patience, clock: &dyn Clock) -> Observed {
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    let request = store.put_opts(path, PutPayload::from_bytes(body.clone()), options);
    match within(request, path, patience, clock).await {
        Ok(_) => Ok(Seen::Created),
        Err(error) => Err((Seen::PutFailed { never: is_definite(&error) }, error)),
    }
}

async fn get(store: &dyn ObjectStore, path: &Path, patience: &Patience, clock: &dyn Clock) -> Observed {
    let request = async { store.get(path).await?.bytes().await };
    match within(request, path, patience, clock).await {
        Ok(bytes) => Ok(Seen::Found(bytes)),
        Err(error @ object_store::Error::NotFound { .. }) => Err((Seen::Absent, error)),
        Err(error) => Err((Seen::GetFailed, error)),
    }
}

/// The request's result, or a time-out: a store that never answers must not hold a writer past its deadline.
async fn within<T>(
    request: impl Future<Output = object_store::Result<T>>,
    path: &Path,
    patience: &Patience,
    clock: &dyn Clock,
) -> object_store::Result<T> {
    let timer = clock.sleep(patience.request);
    match select(std::pin::pin!(request), timer).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => Err(object_store::Error::Generic {
            store: "create_once",
            source: Box::new(NoAnswer { path: path.clone(), waited: patience.request }),
        }),
    }
}

/// A request that got no answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer for {path} within {waited:.0?}")]
struct NoAnswer {
    path: Path,
    waited: Duration,
}

/// Whether a failed put certainly wrote nothing and never will.
fn is_definite(error: &object_store::Error) -> bool {
    match FailureClass::of_store(error) {
        FailureClass::Environment => true,
        FailureClass::Input => matches!(error, object_store::Error::InvalidPath { .. }),
        FailureClass::Storage | FailureClass::Integrity | FailureClass::Bug => false,
    }
}

fn is_answer(error: &object_store::Error) -> bool {
    use object_store::Error;
    matches!(error, Error::NotFound { .. } | Error::AlreadyExists { .. } | Error::Precondition { .. })
}

fn unknown(path: &Path, waited: Duration, error: Option<object_store::Error>) -> PublishError {
    PublishError::Unknown { path: path.clone(), waited, source: Box::new(error.unwrap_or_else(|| no_cause(path))) }
}

fn refused(path: &Path, error: Option<object_store::Error>) -> PublishError {
    PublishError::Refused { path: path.clone(), source: Box::new(error.unwrap_or_else(|| no_cause(path))) }
}

fn no_cause(path: &Path) -> object_store::Error {
    let source = Box::new(NoAnswer { path: path.clone(), waited: Duration::ZERO });
    object_store::Error::Generic { store: "create_once", source }
}

#[cfg(test)]
mod tests;
