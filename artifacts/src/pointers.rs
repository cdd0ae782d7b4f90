//! Numbered objects of which the last one counts: aliases of models, published versions of audiences.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Result;
use crate::layout::{Folder, Key};
use crate::workspace::{Created, Stored, Workspace};

/// A pointer and its number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Numbered<T> {
    pub(crate) number: u64,
    pub(crate) stored: Stored<T>,
}

/// What a writer makes of the pointer that counts now.
pub(crate) enum Next<T> {
    /// It stays.
    Keep,
    /// This one comes after it.
    Append(T),
}

/// The pointer that counts, if there is one.
pub(crate) async fn last<T: DeserializeOwned>(
    workspace: &Workspace,
    folder: &Folder,
    key_of: impl Fn(u64) -> Key,
) -> Result<Option<Numbered<T>>> {
    let Some(number) = workspace.numbers_in(folder).await?.last().copied() else { return Ok(None) };
    let stored = workspace.read_entry(&key_of(number)).await?;
    Ok(Some(Numbered { number, stored }))
}

/// Appends a pointer, deciding anew whenever another writer was faster. Returns the pointer that counts then, and
/// whether this writer appended it.
pub(crate) async fn append<T: Serialize + DeserializeOwned + Clone>(
    workspace: &Workspace,
    folder: &Folder,
    key_of: impl Fn(u64) -> Key,
    decide: impl Fn(Option<&T>) -> Next<T>,
) -> Result<(Numbered<T>, bool)> {
    let mut current: Option<Numbered<T>> = last(workspace, folder, &key_of).await?;
    loop {
        let next = decide(current.as_ref().map(|current| &current.stored.body));
        let (number, body) = match (next, current) {
            (Next::Keep, Some(current)) => return Ok((current, false)),
            (Next::Append(body), Some(current)) => (current.number + 1, body),
            (Next::Append(body), None) => (1, body),
            (Next::Keep, None) => unreachable!("there is nothing to keep"),
        };
        let created = workspace.create_once(&key_of(number), &body).await?;
        let stored = workspace.read_entry(&key_of(number)).await?;
        current = match created {
            Created::Won => return Ok((Numbered { number, stored }, true)),
            Created::Lost { .. } => Some(Numbered { number, stored }),
        };
    }
}
