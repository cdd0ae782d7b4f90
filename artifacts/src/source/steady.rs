//! A remote store whose answers get lost on the way.
//!
//! [`object_store`]'s own clients repeat a request after 5xx, 429 and connections that break before an answer, with growing
//! pauses and jitter, and go on with an object's body that broke off. What they give up at is repeated here, by the class
//! of the error ([`FailureClass`]): listings that break off or are cut short, ranges with fewer bytes than were asked
//! for, answers that no client of theirs understands. Every request here may be done twice; one that may not (a create)
//! is passed on as it is, for [`crate::publish`] decides what a failed one means.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use uuid::Uuid;

use crate::clock::{Clock, SystemClock};
use crate::error::FailureClass;
use crate::publish::Patience;

/// How often a request is made at most.
const TRIES: u32 = 5;
/// A range of at most so many bytes is read whole before it is handed on; of a longer one, its body is.
const WHOLE_BYTES: u64 = 64 << 20;
/// Objects deleted with one request.
const DELETED_AT_ONCE: usize = 1000;

/// Pauses between tries, and for how long there are any; a client below has then tried as long already.
const PATIENCE: Patience = Patience {
    deadline: Duration::from_secs(60),
    request: Duration::MAX,
    first_pause: Duration::from_millis(100),
    longest_pause: Duration::from_secs(5),
};

/// A store behind a network.
#[derive(Debug, Clone)]
pub(super) struct Steady {
    store: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
}

impl Steady {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, clock: Arc::new(SystemClock) }
    }

    async fn repeated<T, F>(&self, request: impl Fn() -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let mut tries = Tries::new(self);
        loop {
            match request().await {
                Err(error) if tries.again(&error).await => {}
                settled => return settled,
            }
        }
    }

    /// A range of an object with all its bytes.
    async fn get_whole(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let result = self.store.get_opts(location, options).await?;
        let (meta, range, attributes) = (result.meta.clone(), result.range.clone(), result.attributes.clone());
        let bytes = result.bytes().await?;
        let (found, expected) = (bytes.len() as u64, range.end - range.start);
        if found != expected {
            let source = Box::new(Short { path: location.clone(), found, expected });
            return Err(Error::Generic { store: "Steady", source });
        }
        let payload = GetResultPayload::Stream(stream::once(async { Ok(bytes) }).boxed());
        Ok(GetResult { payload, meta, range, attributes })
    }

    /// Deletes objects; the second time one by one, those that are gone being what was wanted.
    async fn delete_all(&self, locations: Vec<Path>) -> Result<Vec<Path>> {
        let together = stream::iter(locations.clone()).map(Ok).boxed();
        match self.store.delete_stream(together).try_collect::<Vec<Path>>().await {
            Err(error) if FailureClass::of_store(&error).is_retryable() => {}
            settled => return settled,
        }
        for location in &locations {
            match self.repeated(|| self.store.delete(location)).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(locations)
    }
}

/// The tries of one request.
struct Tries {
    clock: Arc<dyn Clock>,
    start: Duration,
    seed: u64,
    failed: u32,
}

impl Tries {
    fn new(steady: &Steady) -> Self {
        let (clock, seed) = (Arc::clone(&steady.clock), Uuid::new_v4().as_u64_pair().1);
        Self { start: clock.now(), clock, seed, failed: 0 }
    }

    /// Whether to try again after this failure; waits before that.
    async fn again(&mut self, error: &Error) -> bool {
        let pause = PATIENCE.pause(self.failed, self.seed);
        self.failed += 1;
        let is_late = self.clock.now().saturating_sub(self.start) + pause >= PATIENCE.deadline;
        if !FailureClass::of_store(error).is_retryable() || self.failed >= TRIES || is_late {
            return false;
        }
        tracing::warn!(%error, "trying again");
        self.clock.sleep(pause).await;
        true
    }
}

/// A body with fewer bytes than its range.
#[derive(Debug, thiserror::Error)]
#[error("{path} came with {found} bytes of a range of {expected}")]
struct Short {
    path: Path,
    found: u64,
    expected: u64,
}

/// A listing that goes on behind the last name it had.
struct Listing {
    steady: Steady,
    prefix: Option<Path>,
    listed: BoxStream<'static, Result<ObjectMeta>>,
    last: Option<Path>,
    tries: Tries,
}

impl Listing {
    async fn next(&mut self) -> Option<Result<ObjectMeta>> {
        loop {
            match self.listed.next().await? {
                Ok(meta) => {
                    self.last = Some(meta.location.clone());
                    return Some(Ok(meta));
                }
                Err(error) if self.tries.again(&error).await => self.listed = self.rest(),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn rest(&self) -> BoxStream<'static, Result<ObjectMeta>> {
        match &self.last {
            None => self.steady.store.list(self.prefix.as_ref()),
            Some(last) => self.steady.store.list_with_offset(self.prefix.as_ref(), last),
        }
    }
}

impl fmt::Display for Steady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store)
    }
}

#[async_trait]
impl ObjectStore for Steady {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        match options.mode {
            PutMode::Overwrite => {
                self.repeated(|| self.store.put_opts(location, payload.clone(), options.clone())).await
            }
            PutMode::Create | PutMode::Update(_) => self.store.put_opts(location, payload, options).await,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.repeated(|| self.store.put_multipart_opts(location, options.clone())).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let is_short =
            matches!(&options.range, Some(GetRange::Bounded(range)) if range.end - range.start <= WHOLE_BYTES);
        let request = || {
            if is_short && !options.head {
                self.get_whole(location, options.clone()).boxed()
            } else {
                self.store.get_opts(location, options.clone())
            }
        };
        self.repeated(request).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let steady = self.clone();
        let deleted = locations.chunks(DELETED_AT_ONCE).then(move |chunk| {
            let steady = steady.clone();
            async move { steady.delete_all(chunk.into_iter().collect::<Result<_>>()?).await }
        });
        deleted.map_ok(|paths| stream::iter(paths).map(Ok::<_, Error>)).try_flatten().boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (steady, prefix, tries) = (self.clone(), prefix.cloned(), Tries::new(self));
        let listed = self.store.list(prefix.as_ref());
        let listing = Listing { steady, prefix, listed, last: None, tries };
        stream::unfold(listing, |mut listing| async move { Some((listing.next().await?, listing)) }).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.repeated(|| self.store.list_with_delimiter(prefix)).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests;
