//! Objects of any size, written while they are made: bounded memory, digest on the way, nothing visible before the end.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::digest::{Digest, Hasher};
use crate::error::{Action, ArtifactsError, Result};
use crate::layout::Key;
use crate::source::InputFile;
use crate::workspace::Workspace;

/// Bytes of a part; every store takes parts of this size, and ten thousand of them make 80 GiB.
const PART_BYTES: usize = 8 << 20;
/// Fewer bytes than this are hashed at once: handing them to another thread would take longer.
const HASH_INLINE_BYTES: usize = 64 << 10;
/// Parts on their way at once.
const PARTS_IN_FLIGHT: usize = 4;

/// A file in a workspace as a manifest or commit names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Where it is.
    pub key: Key,
    /// Size in bytes.
    pub bytes: u64,
    /// Rows in it.
    pub rows: u64,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
}

impl FileRecord {
    /// The file as an input of a later step.
    pub fn input_file(&self, workspace: &Workspace) -> InputFile {
        InputFile { url: workspace.url_of(&self.key), size: self.bytes, etag: None, last_modified: None }
    }
}

/// Writes one object. Nothing is visible until [`ObjectWriter::finish`]; dropped before, the upload is given up. A small
/// object is one put, a larger one a multipart upload.
#[derive(Debug)]
pub struct ObjectWriter {
    store: Arc<dyn ObjectStore>,
    path: Path,
    key: Key,
    url: String,
    buffer: BytesMut,
    hasher: HasherState,
    bytes: u64,
    upload: Option<Upload>,
}

#[derive(Default)]
struct HasherState(Hasher);

impl std::fmt::Debug for HasherState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

#[derive(Debug)]
struct Upload {
    upload: Box<dyn MultipartUpload>,
    parts: JoinSet<object_store::Result<()>>,
}

impl ObjectWriter {
    /// A writer of the object at `key`, whatever is there now.
    pub fn create(workspace: &Workspace, key: Key) -> Self {
        Self {
            store: Arc::clone(workspace.store()),
            path: workspace.path(&key),
            url: workspace.url_of(&key),
            key,
            buffer: BytesMut::new(),
            hasher: HasherState::default(),
            bytes: 0,
            upload: None,
        }
    }

    /// The object's URL, for messages.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds bytes; waits while too many parts are on their way. After an error the upload has been given up.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        let mut rest = bytes;
        while self.buffer.len() + rest.len() >= PART_BYTES {
            let (fits, later) = rest.split_at(PART_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(fits);
            rest = later;
            let part = self.buffer.split().freeze();
            self.absorb(&part).await?;
            if let Err(source) = self.send(part).await {
                let error = self.failed(source);
                self.give_up().await;
                return Err(error);
            }
        }
        self.buffer.extend_from_slice(rest);
        Ok(())
    }

    /// Makes the object visible. `rows` is what the record says of its rows.
    pub async fn finish(mut self, rows: u64) -> Result<FileRecord> {
        let rest = self.buffer.split().freeze();
        self.absorb(&rest).await?;
        let sha256 = std::mem::take(&mut self.hasher).0.finish();
        match self.complete(rest).await {
            Ok(()) => {}
            // Nothing is left to give up.
            Err(_) if self.is_written(sha256).await => self.upload = None,
            Err(source) => {
                let error = self.failed(source);
                self.give_up().await;
                return Err(error);
            }
        }
        Ok(FileRecord { key: self.key.clone(), bytes: self.bytes, rows, sha256 })
    }

    /// Gives the upload up and waits until its parts are deleted.
    pub async fn abort(mut self) {
        self.give_up().await;
    }

    /// Adds bytes to the digest, where that blocks no runtime thread.
    async fn absorb(&mut self, bytes: &Bytes) -> Result<()> {
        let mut hasher = std::mem::take(&mut self.hasher);
        if bytes.len() < HASH_INLINE_BYTES {
            hasher.0.update(bytes);
            self.hasher = hasher;
            return Ok(());
        }
        let bytes = bytes.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            hasher.0.update(&bytes);
            hasher
        });
        self.hasher = hashing.await.map_err(|source| ArtifactsError::Stopped { url: self.url.clone(), source })?;
        Ok(())
    }

    async fn send(&mut self, part: Bytes) -> object_store::Result<()> {
        if self.upload.is_none() {
            let upload = self.store.put_multipart(&self.path).await?;
            self.upload = Some(Upload { upload, parts: JoinSet::new() });
        }
        let Some(Upload { upload, parts }) = &mut self.upload else { return Ok(()) };
        while parts.len() >= PARTS_IN_FLIGHT {
            settle(parts).await?;
        }
        parts.spawn(upload.put_part(PutPayload::from_bytes(part)));
        Ok(())
    }

    async fn complete(&mut self, rest: Bytes) -> object_store::Result<()> {
        if self.upload.is_none() {
            self.store.put(&self.path, PutPayload::from_bytes(rest)).await?;
            return Ok(());
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        if let Some(Upload { upload, parts }) = &mut self.upload {
            while !parts.is_empty() {
                settle(parts).await?;
            }
            upload.complete().await?;
        }
        self.upload = None;
        Ok(())
    }

    /// Whether the object is there, to the byte, though its completion failed: one that was applied and whose answer was
    /// lost is told "no such upload" when the client asks again.
    fn is_written(&self, sha256: Digest) -> impl Future<Output = bool> + Send + use<> {
        let (store, path, bytes) = (Arc::clone(&self.store), self.path.clone(), self.bytes);
        let read = async move {
            let found = store.get(&path).await?;
            if found.meta.size != bytes {
                return Ok(false);
            }
            let mut hasher = Hasher::default();
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.try_next().await? {
                hasher.update(&piece);
            }
            Ok::<_, object_store::Error>(hasher.finish() == sha256)
        };
        // What cannot be read is not known to be there.
        async move { read.await.unwrap_or(false) }
    }

    fn failed(&self, source: object_store::Error) -> ArtifactsError {
        match source {
            // The bucket is there: the upload was started in it.
            object_store::Error::NotFound { .. } if self.upload.is_some() => {
                ArtifactsError::UploadGone { url: self.url.clone(), source: Box::new(source) }
            }
            source => ArtifactsError::store(Action::Write, &self.url, source),
        }
    }

    async fn give_up(&mut self) {
        if let Some(upload) = self.upload.take() {
            discard(upload, &self.url).await;
        }
    }
}

impl Drop for ObjectWriter {
    fn drop(&mut self) {
        let Some(upload) = self.upload.take() else { return };
        let url = self.url.clone();
        // A store's leftover parts cost money until somebody deletes them; a local file goes with its writer anyway.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { discard(upload, &url).await });
        }
    }
}

async fn settle(parts: &mut JoinSet<object_store::Result<()>>) -> object_store::Result<()> {
    match parts.join_next().await {
        Some(joined) => joined?,
        None => Ok(()),
    }
}

async fn discard(mut upload: Upload, url: &str) {
    upload.parts.shutdown().await;
    if let Err(error) = upload.upload.abort().await {
        tracing::warn!(%url, %error, "an upload that was given up left parts behind in the store");
    }
}

#[cfg(test)]
mod tests;
