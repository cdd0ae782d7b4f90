//! A place in some store, read from what a user wrote and shown as one absolute URL.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, RetryConfig};
use url::Url;

use super::steadily;
use crate::error::{ArtifactsError, Result, UrlFault};
use crate::local::DurableFileSystem;

/// A place in a store: the store's own URL, and a path in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    store: StoreUrl,
    path: Path,
}

/// `file:///`, `s3://bucket`, …: what is opened once a process.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum StoreUrl {
    Local,
    Remote(Url),
}

/// How long a request is repeated after 5xx answers and broken connections, the search for credentials included.
const RETRY: Duration = Duration::from_secs(60);

/// The stores that this process has open.
static STORES: LazyLock<Mutex<BTreeMap<StoreUrl, Arc<dyn ObjectStore>>>> = LazyLock::new(Mutex::default);

/// Makes this process use `store` for URLs that start with `url`'s scheme and host, such as `memory://faulty`.
pub fn register_store(url: &str, store: Arc<dyn ObjectStore>) -> Result<()> {
    let location = Location::parse(url)?;
    STORES.lock().unwrap_or_else(PoisonError::into_inner).insert(location.store, store);
    Ok(())
}

impl Location {
    /// Reads a plain path (a relative one is below the working directory) or a URL: `file://`, `s3://`, `s3a://`,
    /// `gs://`, `az://`, `abfs://`, `abfss://`, and `memory://` (gone with the process).
    pub fn parse(text: &str) -> Result<Self> {
        let fault = |reason| ArtifactsError::Url { url: without_credentials(text), reason };
        if text.is_empty() {
            return Err(fault(UrlFault::Empty));
        }
        match text.split_once("://") {
            None => Self::local(text).map_err(fault),
            Some(("file", path)) => {
                let path = path.strip_prefix("localhost").unwrap_or(path);
                let is_absolute = path.starts_with('/');
                let decoded = Path::from_url_path(collapsed(path)).map_err(|_| fault(UrlFault::Path))?;
                if is_absolute {
                    Ok(Self { store: StoreUrl::Local, path: decoded })
                } else {
                    Err(fault(UrlFault::FileHost))
                }
            }
            Some((scheme, rest)) => Self::remote(scheme, rest).map_err(fault),
        }
    }

    fn local(text: &str) -> Result<Self, UrlFault> {
        let absolute = std::path::absolute(text).map_err(|_| UrlFault::Directory)?;
        let path = Path::from_absolute_path(without_dots(&absolute)).map_err(|_| UrlFault::Path)?;
        Ok(Self { store: StoreUrl::Local, path })
    }

    fn remote(scheme: &str, rest: &str) -> Result<Self, UrlFault> {
        let is_known = matches!(scheme, "s3" | "s3a" | "gs" | "az" | "azure" | "adl" | "abfs" | "abfss" | "memory");
        if !is_known {
            return Err(UrlFault::Scheme);
        }
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.is_empty() {
            return Err(UrlFault::NoBucket);
        }
        let store = Url::parse(&format!("{scheme}://{host}")).map_err(|_| UrlFault::NoBucket)?;
        // On Azure the part before the `@` is a container.
        let names_container = matches!(scheme, "az" | "azure" | "adl" | "abfs" | "abfss");
        if store.password().is_some() || (!store.username().is_empty() && !names_container) {
            return Err(UrlFault::Credentials);
        }
        let path = Path::from_url_path(path).map_err(|_| UrlFault::Path)?;
        Ok(Self { store: StoreUrl::Remote(store), path })
    }

    /// The path in the store.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path in the store.
    pub fn into_path(self) -> Path {
        self.path
    }

    /// The absolute URL, percent-encoded, without a slash at its end.
    pub fn url(&self) -> String {
        let mut url = match &self.store {
            StoreUrl::Local => Url::parse("file:///").expect("a constant"),
            StoreUrl::Remote(url) => url.clone(),
        };
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(self.path.as_ref().split('/').filter(|segment| !segment.is_empty()));
        }
        url.into()
    }

    /// The place at `relative` below this one; `relative` is taken as it is.
    pub fn below(&self, relative: &str) -> Self {
        let segments = relative.split('/').filter(|segment| !segment.is_empty());
        let own = self.path.as_ref().split('/').filter(|segment| !segment.is_empty());
        let joined: Vec<&str> = own.chain(segments).collect();
        // Segments of a valid path and of a key stay valid when joined.
        let path = Path::parse(joined.join("/")).unwrap_or_else(|_| Path::from(relative));
        Self { store: self.store.clone(), path }
    }

    /// The same store, at this path.
    pub(super) fn at(&self, path: Path) -> Self {
        Self { store: self.store.clone(), path }
    }

    /// Whether it is on this machine's file system.
    pub fn is_local(&self) -> bool {
        self.store == StoreUrl::Local
    }

    /// Its path on this machine's file system, if it is there.
    pub fn local_path(&self) -> Option<PathBuf> {
        if self.is_local() { Url::parse(&self.url()).ok()?.to_file_path().ok() } else { None }
    }

    /// The store, opened at most once a process.
    pub fn open(&self) -> Result<Arc<dyn ObjectStore>> {
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = stores.get(&self.store) {
            return Ok(Arc::clone(store));
        }
        let opened = match &self.store {
            StoreUrl::Local => Ok(Arc::new(DurableFileSystem::new()) as Arc<dyn ObjectStore>),
            StoreUrl::Remote(url) => open_remote(url),
        };
        let store = opened.map_err(|source| ArtifactsError::Open { url: self.url(), source: Box::new(source) })?;
        stores.insert(self.store.clone(), Arc::clone(&store));
        Ok(store)
    }
}

/// What an error may show of a URL: nothing before an `@` in front of the path.
fn without_credentials(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let host = rest.split('/').next().unwrap_or(rest);
    match host.rsplit_once('@') {
        Some((credentials, _)) => format!("{scheme}://…{}", &rest[credentials.len()..]),
        None => text.to_owned(),
    }
}

fn open_remote(url: &Url) -> object_store::Result<Arc<dyn ObjectStore>> {
    let text = url.as_str();
    let retry = RetryConfig { retry_timeout: RETRY, ..RetryConfig::default() };
    let store: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" | "s3a" => Arc::new(AmazonS3Builder::from_env().with_url(text).with_retry(retry).build()?),
        "gs" => Arc::new(GoogleCloudStorageBuilder::from_env().with_url(text).with_retry(retry).build()?),
        "memory" => return Ok(Arc::new(InMemory::new())),
        _ => Arc::new(MicrosoftAzureBuilder::from_env().with_url(text).with_retry(retry).build()?),
    };
    Ok(steadily(store))
}

/// An absolute path without `.` and `..`. A `..` behind a symbolic link leaves the link's target, as for the kernel.
fn without_dots(absolute: &std::path::Path) -> PathBuf {
    let mut path = PathBuf::new();
    for component in absolute.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                path = path.canonicalize().unwrap_or(path);
                path.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => path.push(component),
        }
    }
    path
}

/// A URL's path without empty segments: `//` is `/` on a file system.
fn collapsed(path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    segments.join("/")
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> String {
        Location::parse(text).unwrap().url()
    }

    fn fault(text: &str) -> UrlFault {
        match Location::parse(text) {
            Err(ArtifactsError::Url { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn places_have_one_absolute_url() {
        let here = std::env::current_dir().unwrap();
        let here = here.to_str().unwrap();
        assert_eq!(url("/data/a.csv"), "file:///data/a.csv");
        assert_eq!(url("/data/./x/../a.csv"), "file:///data/a.csv");
        assert_eq!(url("/data//a.csv"), "file:///data/a.csv");
        assert_eq!(url("data/a.csv"), format!("file://{here}/data/a.csv"));
        assert_eq!(url("file:///data/a.csv"), "file:///data/a.csv");
        assert_eq!(url("file://localhost/data/a.csv"), "file:///data/a.csv");
        assert_eq!(url("s3://bucket/a/b.parquet"), "s3://bucket/a/b.parquet");
        assert_eq!(url("s3://bucket/a/"), "s3://bucket/a");
        assert_eq!(url("gs://bucket"), "gs://bucket");
        assert_eq!(url("/"), "file:///");
    }

    #[test]
    fn every_character_survives_the_way_through_a_url() {
        for name in ["a b.csv", "50%.csv", "a?b#c.csv", "é.csv", "x=%20.csv", "~[a]{b}.csv"] {
            let location = Location::parse(&format!("/data/{name}")).unwrap();
            assert_eq!(location.path().as_ref(), format!("data/{name}"));
            assert_eq!(Location::parse(&location.url()).unwrap(), location, "{name}");
            let remote = Location::parse("s3://bucket/x").unwrap().at(Path::parse(name).unwrap());
            assert_eq!(Location::parse(&remote.url()).unwrap(), remote, "{name}");
        }
    }

    #[test]
    fn what_names_no_place_is_refused_with_the_reason() {
        assert_eq!(fault(""), UrlFault::Empty);
        assert_eq!(fault("ftp://host/a"), UrlFault::Scheme);
        assert_eq!(fault("http://host/a"), UrlFault::Scheme);
        assert_eq!(fault("s3:///a"), UrlFault::NoBucket);
        assert_eq!(fault("s3://key:secret@bucket/a"), UrlFault::Credentials);
        assert_eq!(fault("s3://key@bucket/a"), UrlFault::Credentials);
        assert_eq!(
            url("abfss://container@account.dfs.core.windows.net/a"),
            "abfss://container@account.dfs.core.windows.net/a"
        );
        assert_eq!(fault("s3://bucket/../a"), UrlFault::Path);
        assert_eq!(fault("s3://bucket/a//b"), UrlFault::Path);
        assert_eq!(fault("s3://bucket/%2e%2e/b"), UrlFault::Path);
        assert_eq!(fault("file://host/a"), UrlFault::FileHost);
        assert_eq!(fault("file://a.csv"), UrlFault::FileHost);
    }

    #[test]
    fn an_error_shows_no_password() {
        let error = Location::parse("s3://key:secret@bucket/a").unwrap_err().to_string();
        assert!(error.contains("s3://…@bucket/a") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_place_below_another_keeps_its_store() {
        let root = Location::parse("s3://bucket/root").unwrap();
        assert_eq!(root.below("a/b=1").url(), "s3://bucket/root/a/b=1");
        assert_eq!(Location::parse("s3://bucket").unwrap().below("a").url(), "s3://bucket/a");
    }

    #[test]
    fn a_store_is_opened_once() {
        let first = Location::parse("memory://once/a").unwrap().open().unwrap();
        let second = Location::parse("memory://once/b").unwrap().open().unwrap();
        assert!(Arc::ptr_eq(&first, &second));
    }

    #[test]
    fn a_store_that_is_not_set_up_names_the_place_and_the_variables() {
        if std::env::vars().any(|(name, _)| name.starts_with("AZURE_")) {
            return;
        }
        let error = Location::parse("az://container/a").unwrap().open().unwrap_err();
        let expected =
            "cannot open the store of az://container/a: check its address and the AWS_*, GOOGLE_* or AZURE_*";
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(Location::parse("s3://bucket/a").unwrap().open().is_ok());
    }

    #[test]
    fn dots_behind_a_link_leave_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(folder.join("deep/inside")).unwrap();
        std::os::unix::fs::symlink(folder.join("deep/inside"), folder.join("link")).unwrap();
        let seen = without_dots(&folder.join("link/../x"));
        assert_eq!(seen, folder.join("deep/x"));
    }
}
