//! Where rows come from: files named by a path, a URL, a folder or a pattern, in any store.

mod format;
mod location;
mod resolve;
mod steady;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use spec::TableSource;
use spec::table::TableFormat;

use crate::error::Result;
pub use format::FileCompression;
pub use location::{Location, register_store};
pub use resolve::{ResolvedTable, is_there, resolve};

/// A file as it was when it was listed; reading it later fails if it has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Absolute URL, percent-encoded.
    pub url: String,
    /// Size in bytes.
    pub size: u64,
    /// The store's tag of this content, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was last written, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<DateTime<Utc>>,
}

impl InputFile {
    /// The store that the file is in, and its path there.
    pub fn open_store(&self) -> Result<(Arc<dyn ObjectStore>, Path)> {
        open_store(&self.url)
    }
}

/// The store of a path or URL, and the path in it. Stores are opened once a process and keep their connections; their
/// settings are the usual environment variables (`AWS_*`, `GOOGLE_*`, `AZURE_*`).
pub fn open_store(url: &str) -> Result<(Arc<dyn ObjectStore>, Path)> {
    let location = Location::parse(url)?;
    Ok((location.open()?, location.into_path()))
}

/// The same store, with requests repeated whose answers got lost: what remote stores that are opened by their URL are.
pub fn steadily(store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    Arc::new(steady::Steady::new(store))
}

/// Whether a table's files are Parquet: it says so, or else their names do.
pub fn is_parquet(source: &TableSource, files: &[InputFile]) -> bool {
    match source.format {
        Some(format) => format == TableFormat::Parquet,
        None => files.iter().all(|file| matches!(format::format_of(&file.url), Some((TableFormat::Parquet, _)))),
    }
}
