//! A table's source as the files it means now.

use std::sync::Arc;

use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use spec::TableSource;
use spec::table::TableFormat;

use super::format::{compression_of, extensions, format_of};
use super::{FileCompression, InputFile, Location};
use crate::error::{Action, ArtifactsError, NoFiles, Result, UrlFault};

/// The files of a table, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedTable {
    /// What the files are.
    pub format: TableFormat,
    /// How each whole file is compressed.
    pub compression: FileCompression,
    /// The files, by URL.
    pub files: Vec<InputFile>,
}

/// Finds a table's files: one file, all files of one format below a folder, or those that a pattern (`*`, `?`, `[…]`,
/// `**` for any folders) matches. Files and folders that start with `_` or `.` are skipped below a folder, and in a
/// pattern unless it writes that character itself.
pub async fn resolve(source: &TableSource) -> Result<ResolvedTable> {
    let whole = Location::parse(&source.url);
    if let Ok(location) = &whole
        && !source.url.ends_with('/')
        && let Some(meta) = file_at(location).await?
    {
        return one_file(source, location, meta);
    }
    match Glob::find(&source.url)? {
        Some(glob) => matching(source, &glob).await,
        None => folder(source, &whole?).await,
    }
}

/// Whether what a URL names is there: a file, whatever its name; a folder with a file in it, those that start with `_`
/// or `.` not counted; or, for a pattern, a file that it matches. Nothing but names is read, and no more than it takes.
pub async fn is_there(url: &str) -> Result<bool> {
    let whole = Location::parse(url);
    if let Ok(location) = &whole
        && !url.ends_with('/')
        && file_at(location).await?.is_some()
    {
        return Ok(true);
    }
    match Glob::find(url)? {
        Some(glob) => any_below(&glob.base, |meta| glob.matches(meta)).await,
        None => {
            let location = whole?;
            any_below(&location, |meta| meta.location != *location.path() && !is_hidden(meta, location.path())).await
        }
    }
}

/// Whether there is such an object below a place.
async fn any_below(location: &Location, is_wanted: impl Fn(&ObjectMeta) -> bool) -> Result<bool> {
    let store: Arc<dyn ObjectStore> = location.open()?;
    let mut listed = store.list(Some(location.path()));
    loop {
        match listed.try_next().await {
            Ok(Some(meta)) if is_wanted(&meta) => return Ok(true),
            Ok(Some(_)) => {}
            Ok(None) | Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(source) => return Err(ArtifactsError::store(Action::List, location.url(), source)),
        }
    }
}

async fn file_at(location: &Location) -> Result<Option<ObjectMeta>> {
    if location.path().is_root() {
        return Ok(None);
    }
    match location.open()?.head(location.path()).await {
        Ok(meta) => Ok(Some(meta)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(ArtifactsError::store(Action::Read, location.url(), source)),
    }
}

fn one_file(source: &TableSource, location: &Location, meta: ObjectMeta) -> Result<ResolvedTable> {
    let name = meta.location.filename().unwrap_or_default();
    let told = source.format.map(|format| (format, compression_of(name))).or_else(|| format_of(name));
    let (format, compression) = told.ok_or_else(|| ArtifactsError::UnknownFormat { url: location.url() })?;
    Ok(ResolvedTable { format, compression, files: vec![input_file(location, meta)] })
}

async fn folder(source: &TableSource, location: &Location) -> Result<ResolvedTable> {
    let below = list(location).await?;
    let visible: Vec<ObjectMeta> = below.into_iter().filter(|meta| !is_hidden(meta, location.path())).collect();
    let of_format = |meta: &ObjectMeta| match (format_of(name_of(meta)), source.format) {
        (Some((found, _)), Some(wanted)) => found == wanted,
        (told, None) => told.is_some(),
        (None, Some(_)) => false,
    };
    let (files, others): (Vec<_>, Vec<_>) = visible.into_iter().partition(of_format);
    if files.is_empty() {
        let reason = if others.is_empty() {
            if exists(location).await { NoFiles::Empty } else { NoFiles::Absent }
        } else {
            NoFiles::Extension { others: others.len(), extensions: wanted_extensions(source.format) }
        };
        return Err(ArtifactsError::NoFiles { url: location.url(), reason });
    }
    of_one_format(source, location, files)
}

async fn matching(source: &TableSource, glob: &Glob) -> Result<ResolvedTable> {
    let below = list(&glob.base).await?;
    let files: Vec<ObjectMeta> = below.into_iter().filter(|meta| glob.matches(meta)).collect();
    if files.is_empty() {
        return Err(ArtifactsError::NoFiles { url: source.url.clone(), reason: NoFiles::Unmatched });
    }
    of_one_format(source, &glob.base, files)
}

/// All files must be of one format and compression; the document's `format` decides the former where it is given.
fn of_one_format(source: &TableSource, location: &Location, mut files: Vec<ObjectMeta>) -> Result<ResolvedTable> {
    files.sort_by(|left, right| left.location.cmp(&right.location));
    let url = |meta: &ObjectMeta| location.at(meta.location.clone()).url();
    let told = |meta: &ObjectMeta| match source.format {
        Some(format) => Ok((format, compression_of(name_of(meta)))),
        None => format_of(name_of(meta)).ok_or_else(|| ArtifactsError::UnknownFormat { url: url(meta) }),
    };
    let first = &files[0];
    let (format, compression) = told(first)?;
    for meta in &files {
        if told(meta)? != (format, compression) {
            return Err(ArtifactsError::MixedFormats { first: url(first), second: url(meta) });
        }
    }
    let files = files.into_iter().map(|meta| input_file(location, meta)).collect();
    Ok(ResolvedTable { format, compression, files })
}

async fn list(location: &Location) -> Result<Vec<ObjectMeta>> {
    let store: Arc<dyn ObjectStore> = location.open()?;
    let prefix = location.path();
    let listed: object_store::Result<Vec<ObjectMeta>> = store.list(Some(prefix)).try_collect().await;
    match listed {
        // An object named like the folder itself is the marker that some tools leave.
        Ok(metas) => Ok(metas.into_iter().filter(|meta| meta.location != *prefix).collect()),
        Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
        Err(source) => Err(ArtifactsError::store(Action::List, location.url(), source)),
    }
}

async fn exists(location: &Location) -> bool {
    let path = std::path::PathBuf::from(format!("/{}", location.path()));
    location.is_local() && tokio::fs::metadata(path).await.is_ok()
}

fn name_of(meta: &ObjectMeta) -> &str {
    meta.location.filename().unwrap_or_default()
}

fn is_hidden(meta: &ObjectMeta, folder: &Path) -> bool {
    let below = meta.location.as_ref().strip_prefix(folder.as_ref()).unwrap_or(meta.location.as_ref());
    below.split('/').any(|segment| segment.starts_with(['_', '.']))
}

fn wanted_extensions(format: Option<TableFormat>) -> String {
    let formats = match format {
        Some(format) => vec![format],
        None => vec![TableFormat::Parquet, TableFormat::Csv, TableFormat::Json],
    };
    formats.into_iter().flat_map(extensions).copied().collect::<Vec<_>>().join(", ")
}

fn input_file(location: &Location, meta: ObjectMeta) -> InputFile {
    InputFile {
        url: location.at(meta.location).url(),
        size: meta.size,
        etag: meta.e_tag,
        last_modified: Some(meta.last_modified),
    }
}

/// A pattern: the folder before its first wildcard, and what must match below it.
struct Glob {
    base: Location,
    pattern: Pattern,
    segments: Vec<String>,
}

impl Glob {
    /// The pattern in a table's URL, if it has one.
    fn find(url: &str) -> Result<Option<Self>> {
        let (scheme, path) = match url.split_once("://") {
            Some((scheme, path)) => (format!("{scheme}://"), path),
            None => (String::new(), url),
        };
        let Some(wildcard) = path.find(['*', '?', '[']) else { return Ok(None) };
        let cut = path[..wildcard].rfind('/').map_or(0, |slash| slash + 1);
        let base = match (&path[..cut], scheme.is_empty()) {
            ("", true) => ".".to_owned(),
            (base, _) => format!("{scheme}{base}"),
        };
        let malformed = |_| ArtifactsError::Url { url: url.to_owned(), reason: UrlFault::Pattern };
        let pattern = Pattern::new(&path[cut..]).map_err(malformed)?;
        let segments = path[cut..].split('/').map(str::to_owned).collect();
        Ok(Some(Self { base: Location::parse(&base)?, pattern, segments }))
    }

    fn matches(&self, meta: &ObjectMeta) -> bool {
        let options =
            MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
        let prefix = self.base.path().as_ref();
        let below = meta.location.as_ref().strip_prefix(prefix).unwrap_or_default().trim_start_matches('/');
        self.pattern.matches_with(below, options) && below.split('/').all(|segment| self.may_take(segment))
    }

    /// A segment with a leading underscore is taken only by a pattern segment that writes one.
    fn may_take(&self, segment: &str) -> bool {
        !segment.starts_with('_') || self.segments.iter().any(|pattern| pattern.starts_with('_'))
    }
}

#[cfg(test)]
mod tests;
