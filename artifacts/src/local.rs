//! The local file system as an object store whose objects survive a power cut.
//!
//! [`object_store`]'s own local store makes an object visible before its bytes are on disk: after a power cut a name
//! can be there with no bytes behind it, and a create-once object would stay torn for good. Here an object's bytes are
//! synced before its name appears, and its folders (new ones too) before the write is answered. Reading, listing and
//! deleting are [`LocalFileSystem`]'s.

mod staged;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use staged::{StagedFile, StagedUpload};

const NAME: &str = "DurableFileSystem";

/// The machine's whole file system, its root as the store's root.
#[derive(Debug, Clone)]
pub struct DurableFileSystem {
    files: Arc<LocalFileSystem>,
}

impl DurableFileSystem {
    /// The file system of this machine.
    pub fn new() -> Self {
        Self { files: Arc::new(LocalFileSystem::new()) }
    }
}

impl Default for DurableFileSystem {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Display for DurableFileSystem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for DurableFileSystem {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let is_create = match options.mode {
            PutMode::Overwrite => false,
            PutMode::Create => true,
            PutMode::Update(_) => return Err(not_implemented("put_opts with PutMode::Update")),
        };
        if !options.attributes.is_empty() {
            return Err(not_implemented("put_opts with attributes"));
        }
        let target = self.files.path_to_filesystem(location)?;
        blocking(move || {
            let staged = StagedFile::create(target)?;
            staged.write(0, &payload)?;
            if is_create { staged.publish_new() } else { staged.publish() }
        })
        .await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        if !options.attributes.is_empty() {
            return Err(not_implemented("put_multipart_opts with attributes"));
        }
        let target = self.files.path_to_filesystem(location)?;
        let staged = blocking(move || StagedFile::create(target)).await?;
        Ok(Box::new(StagedUpload::new(staged)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(not_implemented("copy_opts"))
    }
}

fn not_implemented(operation: &str) -> Error {
    Error::NotImplemented { operation: operation.to_owned(), implementer: NAME.to_owned() }
}

/// Runs file operations where they block no runtime thread. What was begun is finished even if nobody waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await?
}

#[cfg(test)]
mod tests;
