//! A store that fails as it is told, for the tests of this crate and of those above it.
//!
//! Real stores answer 500 before or after a write was applied, 409 where nothing exists, drop connections, cut bodies
//! short, hang and run full. [`FaultyStore`] does each of them at will around any other store.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};

/// What is asked of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An object is put whole.
    Put,
    /// A multipart upload is started.
    StartUpload,
    /// A part is put.
    PutPart,
    /// A multipart upload is completed.
    CompleteUpload,
    /// A multipart upload is given up.
    AbortUpload,
    /// An object or its size is read.
    Get,
    /// Objects are listed.
    List,
    /// An object is deleted.
    Delete,
}

impl Operation {
    /// Whether it changes what is stored.
    pub fn is_write(self) -> bool {
        match self {
            Self::Put | Self::StartUpload | Self::PutPart | Self::CompleteUpload => true,
            Self::AbortUpload | Self::Delete => true,
            Self::Get | Self::List => false,
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Which one, from 0 in the order in which they came.
    pub number: u64,
    /// What is asked.
    pub operation: Operation,
    /// Of which object or folder.
    pub path: Path,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    None,
    /// An error, and nothing was done: a 500 or 503.
    Before,
    /// It was done, and the reply is an error: a 500 after the write, or a connection that was cut.
    After,
    /// `AlreadyExists`, and nothing was done: S3's 409 ConditionalRequestConflict.
    Conflict,
    /// It was done, and the reply says `AlreadyExists`: a client that retried after a lost reply.
    AppliedConflict,
    /// No answer, ever.
    Hang,
    /// It was done, and there is no answer, ever.
    HangAfter,
    /// No room.
    Full,
    /// No permission.
    Denied,
    /// A read whose body breaks off half-way.
    CutBody,
    /// A read whose body is the first half, as if that were all.
    ShortBody,
    /// A conditional put is done without looking at its condition, as servers do that do not know it.
    Unconditional,
}

type Plan = dyn Fn(&Request) -> Fault + Send + Sync;

/// A store that fails as its plan says.
#[derive(Clone)]
pub struct FaultyStore {
    store: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
    requests: Arc<AtomicU64>,
}

impl FaultyStore {
    /// `store`, failing as `plan` says of each request.
    pub fn new(store: Arc<dyn ObjectStore>, plan: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> Self {
        Self { store, plan: Arc::new(plan), requests: Arc::default() }
    }

    /// `store` until `requests` requests were answered; every later one fails, as if the process had died.
    pub fn dying_after(store: Arc<dyn ObjectStore>, requests: u64) -> Self {
        Self::new(store, move |request| if request.number < requests { Fault::None } else { Fault::Before })
    }

    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    fn fault(&self, operation: Operation, path: &Path) -> Fault {
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        (self.plan)(&Request { number, operation, path: path.clone() })
    }

    async fn answer<T: Send>(
        &self,
        operation: Operation,
        path: &Path,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        answer(self.fault(operation, path), path, work).await
    }
}

async fn answer<T>(fault: Fault, path: &Path, work: impl Future<Output = Result<T>>) -> Result<T> {
    match fault {
        Fault::None | Fault::CutBody | Fault::ShortBody | Fault::Unconditional => work.await,
        Fault::After => work.await.and_then(|_| Err(broken())),
        Fault::AppliedConflict => work.await.and_then(|_| Err(conflict(path))),
        Fault::HangAfter => {
            let _ = work.await;
            std::future::pending().await
        }
        Fault::Hang => std::future::pending().await,
        Fault::Before => Err(broken()),
        Fault::Conflict => Err(conflict(path)),
        Fault::Full => Err(generic(io::Error::from(io::ErrorKind::StorageFull))),
        Fault::Denied => Err(Error::PermissionDenied { path: path.to_string(), source: Box::new(Injected) }),
    }
}

/// The cause of every error made here.
#[derive(Debug, thiserror::Error)]
#[error("a fault was injected")]
struct Injected;

fn broken() -> Error {
    generic(Injected)
}

fn generic(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic { store: "FaultyStore", source: Box::new(source) }
}

fn conflict(path: &Path) -> Error {
    Error::AlreadyExists { path: path.to_string(), source: Box::new(Injected) }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({:?})", self.store)
    }
}

impl fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FaultyStore({})", self.store)
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let fault = self.fault(Operation::Put, location);
        let mode = if fault == Fault::Unconditional { PutMode::Overwrite } else { options.mode.clone() };
        let put = self.store.put_opts(location, payload, PutOptions { mode, ..options });
        answer(fault, location, put).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let started = self.store.put_multipart_opts(location, options);
        let upload = self.answer(Operation::StartUpload, location, started).await?;
        Ok(Box::new(FaultyUpload { upload, path: location.clone(), store: self.clone() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.fault(Operation::Get, location) {
            Fault::None => self.store.get_opts(location, options).await,
            Fault::CutBody => self.store.get_opts(location, options).await.map(|result| half(result, Some(broken()))),
            Fault::ShortBody => self.store.get_opts(location, options).await.map(|result| half(result, None)),
            Fault::Hang | Fault::HangAfter => std::future::pending().await,
            Fault::Denied => Err(Error::PermissionDenied { path: location.to_string(), source: Box::new(Injected) }),
            _ => Err(broken()),
        }
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        locations
            .and_then(move |location| {
                let store = store.clone();
                async move {
                    let inner = Arc::clone(&store.store);
                    let one = futures::stream::once(futures::future::ok(location.clone())).boxed();
                    let deleted = async move { inner.delete_stream(one).try_for_each(|_| async { Ok(()) }).await };
                    store.answer(Operation::Delete, &location, deleted).await?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let path = prefix.cloned().unwrap_or_default();
        match self.fault(Operation::List, &path) {
            Fault::None => self.store.list(prefix),
            _ => futures::stream::once(futures::future::err(broken())).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let path = prefix.cloned().unwrap_or_default();
        self.answer(Operation::List, &path, self.store.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

/// The first half of the body, then an error if there is one.
fn half(result: GetResult, error: Option<Error>) -> GetResult {
    let GetResult { payload, meta, range, attributes } = result;
    let half = (range.end - range.start) / 2;
    let whole = GetResult { payload, meta: meta.clone(), range: range.clone(), attributes: attributes.clone() };
    let first_half = whole.bytes().map_ok(move |bytes| bytes.slice(..half as usize)).boxed();
    let cut = futures::stream::once(first_half).chain(futures::stream::iter(error.map(Err)));
    GetResult { payload: GetResultPayload::Stream(cut.boxed()), meta, range, attributes }
}

#[derive(Debug)]
struct FaultyUpload {
    upload: Box<dyn MultipartUpload>,
    path: Path,
    store: FaultyStore,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let part = self.upload.put_part(data);
        let (store, path) = (self.store.clone(), self.path.clone());
        async move { store.answer(Operation::PutPart, &path, part).await }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let store = self.store.clone();
        store.answer(Operation::CompleteUpload, &self.path, self.upload.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        let store = self.store.clone();
        store.answer(Operation::AbortUpload, &self.path, self.upload.abort()).await
    }
}
