//! A file that is written beside its final name, and gets that name when its bytes are on disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use object_store::{Error, MultipartUpload, PutPayload, PutResult, Result, UploadPart};
use uuid::Uuid;

use super::{NAME, blocking};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {}", path.display())]
struct FileError {
    operation: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    Error::Generic { store: NAME, source: Box::new(FileError { operation, path, source }) }
}

/// A file under `<target>#<digits>`: a name that listings of the store skip. Dropped without being published, it is
/// removed.
#[derive(Debug)]
pub(super) struct StagedFile {
    file: File,
    staging: PathBuf,
    target: PathBuf,
}

impl StagedFile {
    /// Opens a new staging file and makes the folders that are missing.
    pub(super) fn create(target: PathBuf) -> Result<Self> {
        let mut staging = target.clone().into_os_string();
        staging.push(format!("#{}", Uuid::new_v4().as_u128()));
        let staging = PathBuf::from(staging);
        let open = || OpenOptions::new().read(true).write(true).create_new(true).open(&staging);
        let opened = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = folder_of(&target);
                create_folders(folder).map_err(|source| failed("create folder", folder, source))?;
                open()
            }
            other => other,
        };
        let file = opened.map_err(|source| failed("create", &staging, source))?;
        Ok(Self { file, staging, target })
    }

    /// A staged file whose bytes go to a file that is open already.
    #[cfg(test)]
    pub(super) fn around(file: File, target: PathBuf) -> Self {
        Self { file, staging: target.with_extension("staging"), target }
    }

    /// Writes bytes at an offset.
    pub(super) fn write(&self, offset: u64, payload: &PutPayload) -> Result<()> {
        let mut at = offset;
        for bytes in payload.iter() {
            self.file.write_all_at(bytes, at).map_err(|source| failed("write", &self.target, source))?;
            at += bytes.len() as u64;
        }
        Ok(())
    }

    /// Gives the file its name, in place of whatever had it.
    pub(super) fn publish(self) -> Result<PutResult> {
        let tag = self.sync()?;
        fs::rename(&self.staging, &self.target).map_err(|source| failed("rename to", &self.target, source))?;
        self.sync_folder()?;
        Ok(tag)
    }

    /// Gives the file its name if no other file has it.
    pub(super) fn publish_new(self) -> Result<PutResult> {
        let tag = self.sync()?;
        fs::hard_link(&self.staging, &self.target).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => {
                Error::AlreadyExists { path: self.target.display().to_string(), source: Box::new(source) }
            }
            _ => failed("link to", &self.target, source),
        })?;
        // A staging name that stays behind is skipped by listings and holds no other object's bytes.
        let _ = fs::remove_file(&self.staging);
        self.sync_folder()?;
        Ok(tag)
    }

    fn sync(&self) -> Result<PutResult> {
        self.file.sync_all().map_err(|source| failed("sync", &self.target, source))?;
        let metadata = self.file.metadata().map_err(|source| failed("read the size of", &self.target, source))?;
        Ok(PutResult { e_tag: Some(tag_of(&metadata)), version: None })
    }

    fn sync_folder(&self) -> Result<()> {
        let folder = folder_of(&self.target);
        sync_folder(folder).map_err(|source| failed("sync folder", folder, source))
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // After a rename or a clean link there is nothing left under this name.
        let _ = fs::remove_file(&self.staging);
    }
}

/// The same tag that [`object_store::local::LocalFileSystem`] gives when the file is listed or read.
fn tag_of(metadata: &fs::Metadata) -> String {
    let modified = metadata.mtime() as i128 * 1_000_000 + i128::from(metadata.mtime_nsec() / 1_000);
    format!("{:x}-{modified:x}-{:x}", metadata.ino(), metadata.len())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

/// Makes a folder and the missing ones above it, each synced into the one above.
fn create_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|ancestor| !ancestor.exists()).collect();
    for new in missing.into_iter().rev() {
        match fs::create_dir(new) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => sync_folder(folder_of(new))?,
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A staged file that is written in parts.
#[derive(Debug)]
pub(super) struct StagedUpload {
    staged: Option<Arc<StagedFile>>,
    offset: u64,
}

impl StagedUpload {
    pub(super) fn new(staged: StagedFile) -> Self {
        Self { staged: Some(Arc::new(staged)), offset: 0 }
    }
}

/// An upload that was completed or given up before.
#[derive(Debug, thiserror::Error)]
#[error("the upload is over, or a part of it is still being written")]
struct UploadOver;

fn over() -> Error {
    Error::Generic { store: NAME, source: Box::new(UploadOver) }
}

#[async_trait]
impl MultipartUpload for StagedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let staged = self.staged.clone();
        async move {
            let staged = staged.ok_or_else(over)?;
            blocking(move || staged.write(offset, &data)).await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.take().ok_or_else(over)?;
        let staged = Arc::into_inner(staged).ok_or_else(over)?;
        blocking(move || staged.publish()).await
    }

    async fn abort(&mut self) -> Result<()> {
        let staged = self.staged.take();
        blocking(move || {
            drop(staged);
            Ok(())
        })
        .await
    }
}
