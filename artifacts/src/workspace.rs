//! A workspace: one place in object storage under which everything durable lies.

mod persistence;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::{Clock, SystemClock};
use crate::digest::Digest;
use crate::error::{Action, ArtifactsError, Result};
use crate::layout::{Attempt, Folder, Key};
use crate::publish::{Entry, Outcome, Patience, PublishError, create_once_with, read_entry};
use crate::source::Location;

/// Bytes of one request for a part of a large object.
const RANGE_BYTES: u64 = 16 << 20;
/// Requests at once for one large object.
const RANGES_IN_FLIGHT: usize = 8;

/// A workspace that can be read from and written to.
#[derive(Debug, Clone)]
pub struct Workspace {
    store: Arc<dyn ObjectStore>,
    root: Location,
    patience: Patience,
    clock: Arc<dyn Clock>,
}

/// Who created a typed object.
#[derive(Debug, Clone, PartialEq)]
pub enum Created<T> {
    /// This writer did.
    Won,
    /// Another writer did.
    Lost {
        /// What it wrote.
        winner: T,
    },
}

impl<T> Created<T> {
    /// What is in the store now: the winner's, or mine if I won.
    pub fn settled(self, mine: T) -> T {
        match self {
            Self::Won => mine,
            Self::Lost { winner } => winner,
        }
    }
}

/// A JSON object that was created once, and the digest of its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored<T> {
    /// What it says.
    pub body: T,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Where it is.
    pub key: Key,
    /// Size in bytes.
    pub bytes: u64,
    /// When it was last written, by the store's clock.
    pub modified: DateTime<Utc>,
}

impl Workspace {
    /// Opens a path or URL (`file://`, `s3://`, `gs://`, `az://`). Nothing is read or written yet; a folder that is not
    /// there is an empty workspace, made by the first write.
    pub fn open(url: &str) -> Result<Self> {
        let root = Location::parse(url)?;
        Ok(Self::in_store(root.open()?, root))
    }

    /// A workspace in a store that is already open. `root` says where its root is in the store, and which URLs its
    /// objects have.
    pub fn in_store(store: Arc<dyn ObjectStore>, root: Location) -> Self {
        Self { store, root, patience: Patience::default(), clock: Arc::new(SystemClock) }
    }

    /// The same workspace, with another idea of how long a create is tried, and of time.
    pub fn with_patience(mut self, patience: Patience, clock: Arc<dyn Clock>) -> Self {
        self.patience = patience;
        self.clock = clock;
        self
    }

    /// The store that it lies in.
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// The absolute URL of its root, without a slash at its end.
    pub fn url(&self) -> String {
        self.root.url()
    }

    /// Where an object is in the store.
    pub fn path(&self, key: &Key) -> Path {
        self.root.below(key.as_str()).into_path()
    }

    /// The absolute URL of an object: what tables are read from.
    pub fn url_of(&self, key: &Key) -> String {
        self.root.below(key.as_str()).url()
    }

    /// The absolute URL of a folder, without a slash at its end.
    pub fn url_of_folder(&self, folder: &Folder) -> String {
        self.root.below(folder.as_str()).url()
    }

    /// Creates a small object, once, and deletes it: says early and clearly that a workspace cannot be written to, or
    /// that its store lets two writers create one object.
    pub async fn check_writable(&self) -> Result<()> {
        let path = self.root.below(&format!(".writable-{}", Attempt::new())).into_path();
        let create = || {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            self.store.put_opts(&path, PutPayload::from_static(b"kindred\n"), options)
        };
        let failed = |action| move |source| ArtifactsError::store(action, self.url(), source);
        create().await.map_err(failed(Action::Write))?;
        let second = create().await;
        self.store.delete(&path).await.map_err(failed(Action::Delete))?;
        match second {
            Ok(_) => Err(ArtifactsError::NoCreateOnce { url: self.url() }),
            Err(_) => Ok(()),
        }
    }

    /// An object's bytes.
    pub async fn read(&self, key: &Key) -> Result<Bytes> {
        let request = async { self.store.get(&self.path(key)).await?.bytes().await };
        request.await.map_err(|source| ArtifactsError::store(Action::Read, self.url_of(key), source))
    }

    /// The bytes of an object of a known size. A large one comes over several connections; one of another size is an
    /// error.
    pub async fn read_sized(&self, key: &Key, bytes: u64) -> Result<Bytes> {
        let path = self.path(key);
        let failed = |source| ArtifactsError::store(Action::Read, self.url_of(key), source);
        let found = self.store.head(&path).await.map_err(failed)?.size;
        if found != bytes {
            return Err(ArtifactsError::SizeChanged { url: self.url_of(key), expected: bytes, found });
        }
        let starts = (0..bytes).step_by(RANGE_BYTES as usize);
        let mut pieces = futures::stream::iter(starts)
            .map(|start| self.store.get_range(&path, start..bytes.min(start + RANGE_BYTES)))
            .buffered(RANGES_IN_FLIGHT);
        let mut whole = BytesMut::with_capacity(usize::try_from(bytes).unwrap_or(0));
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// An object's bytes, or `None` where there is no such object.
    pub async fn read_if_there(&self, key: &Key) -> Result<Option<Bytes>> {
        none_if_missing(self.read(key).await)
    }

    /// An object's size in bytes, or `None` where there is no such object.
    pub async fn size_of(&self, key: &Key) -> Result<Option<u64>> {
        let head = self.store.head(&self.path(key)).await;
        none_if_missing(
            head.map(|meta| meta.size).map_err(|source| ArtifactsError::store(Action::Read, self.url_of(key), source)),
        )
    }

    /// Writes an object, whatever was there.
    pub async fn write(&self, key: &Key, bytes: impl Into<Bytes>) -> Result<()> {
        let payload = PutPayload::from_bytes(bytes.into());
        let written = self.store.put(&self.path(key), payload).await;
        written.map(|_| ()).map_err(|source| ArtifactsError::store(Action::Write, self.url_of(key), source))
    }

    /// Deletes an object; one that is not there is deleted already.
    pub async fn delete(&self, key: &Key) -> Result<()> {
        let deleted = self.store.delete(&self.path(key)).await;
        none_if_missing(deleted.map_err(|source| ArtifactsError::store(Action::Delete, self.url_of(key), source)))
            .map(|_| ())
    }

    /// Creates a JSON object once: see [`crate::publish`].
    pub async fn create_once<T: Serialize + DeserializeOwned>(&self, key: &Key, body: &T) -> Result<Created<T>> {
        let path = self.path(key);
        let entry = Entry::new(body).map_err(|source| PublishError::Entry { path: path.clone(), source })?;
        let outcome = create_once_with(self.store.as_ref(), &path, &entry, &self.patience, self.clock.as_ref()).await?;
        match outcome {
            Outcome::Won => Ok(Created::Won),
            Outcome::Lost { winner } => Ok(Created::Lost { winner: self.parse_entry(key, &winner)? }),
        }
    }

    /// An object that was created once, its seal verified.
    pub async fn read_entry<T: DeserializeOwned>(&self, key: &Key) -> Result<Stored<T>> {
        let bytes = self.read(key).await?;
        Ok(Stored { body: self.parse_entry(key, &bytes)?, digest: Digest::of(&bytes) })
    }

    /// An object that was created once, or `None` where there is no such object.
    pub async fn read_entry_if_there<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Stored<T>>> {
        none_if_missing(self.read_entry(key).await)
    }

    /// The numbers of the folders and `<n>.json` objects in a folder, ascending.
    pub async fn numbers_in(&self, folder: &Folder) -> Result<Vec<u64>> {
        let mut numbers: Vec<u64> =
            self.names_in(folder).await?.iter().filter_map(|name| crate::layout::number_of(name)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The names of the folders and objects in a folder, sorted.
    pub async fn names_in(&self, folder: &Folder) -> Result<Vec<String>> {
        let prefix = self.root.below(folder.as_str()).into_path();
        let listed = self.store.list_with_delimiter(Some(&prefix)).await;
        let listed = match listed {
            Err(object_store::Error::NotFound { .. }) => return Ok(Vec::new()),
            other => other.map_err(|source| ArtifactsError::store(Action::List, self.url_of_folder(folder), source))?,
        };
        let objects = listed.objects.iter().map(|meta| &meta.location);
        let mut names: Vec<String> = listed
            .common_prefixes
            .iter()
            .chain(objects)
            .filter_map(|path| path.filename().map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Every object below a folder, by key. What has no key of a workspace is nobody's, and left out.
    pub async fn objects_below(&self, folder: &Folder) -> Result<Vec<StoredObject>> {
        let prefix = self.root.below(folder.as_str()).into_path();
        let failed = |source| ArtifactsError::store(Action::List, self.url_of_folder(folder), source);
        let mut listed = self.store.list(Some(&prefix));
        let mut objects = Vec::new();
        loop {
            let meta = match listed.try_next().await {
                Ok(Some(meta)) => meta,
                Ok(None) | Err(object_store::Error::NotFound { .. }) => break,
                Err(source) => return Err(failed(source)),
            };
            let Some(segments) = meta.location.prefix_match(self.root.path()) else { continue };
            let segments: Vec<_> = segments.map(|segment| segment.as_ref().to_owned()).collect();
            if let Ok(key) = segments.join("/").parse() {
                objects.push(StoredObject { key, bytes: meta.size, modified: meta.last_modified });
            }
        }
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// The workspace's folder on this machine's file system, if it is there.
    pub fn local_path(&self) -> Option<PathBuf> {
        self.root.local_path()
    }

    /// Deletes everything below a folder, in any order; for data that no manifest names.
    pub async fn delete_folder(&self, folder: &Folder) -> Result<()> {
        let prefix = self.root.below(folder.as_str()).into_path();
        let failed = |source| ArtifactsError::store(Action::Delete, self.url_of_folder(folder), source);
        let locations = self.store.list(Some(&prefix)).map_ok(|meta| meta.location).boxed();
        self.store.delete_stream(locations).map_err(failed).try_for_each(|_| async { Ok(()) }).await
    }

    fn parse_entry<T: DeserializeOwned>(&self, key: &Key, bytes: &[u8]) -> Result<T> {
        read_entry(bytes).map_err(|source| ArtifactsError::Unreadable {
            url: self.url_of(key),
            expected: "an entry that this program wrote",
            source,
        })
    }
}

fn none_if_missing<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
