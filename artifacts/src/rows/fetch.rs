//! Byte ranges of a file, in few requests, and only of the file that was planned with.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::error::{Action, ArtifactsError, Change, Result};
use crate::source::InputFile;

/// Ranges this close together are one request: reading the gap costs less than another round trip.
const GAP_BYTES: u64 = 1 << 20;
/// A request is not made longer than this by joining ranges, so that large row groups arrive over several connections.
const REQUEST_BYTES: u64 = 16 << 20;
/// Requests at once for one row group.
const REQUESTS_IN_FLIGHT: usize = 8;

/// A file and the store that it is in.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) file: InputFile,
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl Source {
    pub(super) fn open(file: &InputFile) -> Result<Self> {
        let (store, path) = file.open_store()?;
        Ok(Self { file: file.clone(), store, path })
    }

    /// The bytes of each range, in the order asked for.
    pub(super) async fn ranges(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let requests = requests(ranges);
        let fetched: Vec<Bytes> = futures::stream::iter(requests.iter().cloned())
            .map(|range| self.range(range))
            .buffered(REQUESTS_IN_FLIGHT)
            .try_collect()
            .await?;
        Ok(ranges.iter().map(|range| cut(range, &requests, &fetched)).collect())
    }

    async fn range(&self, range: Range<u64>) -> Result<Bytes> {
        let options = GetOptions {
            range: Some(GetRange::Bounded(range.clone())),
            if_match: self.file.etag.clone(),
            ..GetOptions::default()
        };
        let result = self.store.get_opts(&self.path, options).await.map_err(|error| self.failed(error))?;
        if result.meta.size != self.file.size {
            let change = Change::Size { before: self.file.size, now: result.meta.size };
            return Err(ArtifactsError::Changed { url: self.file.url.clone(), change });
        }
        let bytes = result.bytes().await.map_err(|error| self.failed(error))?;
        let expected = range.end - range.start;
        if bytes.len() as u64 == expected {
            return Ok(bytes);
        }
        let change = Change::Size { before: self.file.size, now: range.start + bytes.len() as u64 };
        Err(ArtifactsError::Changed { url: self.file.url.clone(), change })
    }

    fn failed(&self, error: object_store::Error) -> ArtifactsError {
        let url = self.file.url.clone();
        match error {
            object_store::Error::Precondition { .. } => ArtifactsError::Changed { url, change: Change::Rewritten },
            object_store::Error::NotFound { .. } => ArtifactsError::Changed { url, change: Change::Gone },
            source => ArtifactsError::store(Action::Read, url, source),
        }
    }
}

/// Sorted, disjoint requests that cover all ranges: near ones joined, none longer than [`REQUEST_BYTES`] unless a
/// single range is.
fn requests(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = ranges.iter().filter(|range| range.start < range.end).cloned().collect();
    sorted.sort_unstable_by_key(|range| (range.start, range.end));
    let mut requests: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match requests.last_mut() {
            Some(last) if belongs(last, &range) => last.end = last.end.max(range.end),
            _ => requests.push(range),
        }
    }
    requests
}

/// Whether a range goes into the request before it: it overlaps it, or is near and fits.
fn belongs(last: &Range<u64>, range: &Range<u64>) -> bool {
    let overlaps = range.start < last.end;
    let is_near = range.start <= last.end.saturating_add(GAP_BYTES);
    overlaps || (is_near && range.end - last.start <= REQUEST_BYTES)
}

fn cut(range: &Range<u64>, requests: &[Range<u64>], fetched: &[Bytes]) -> Bytes {
    if range.is_empty() {
        return Bytes::new();
    }
    let at = requests.partition_point(|request| request.start <= range.start) - 1;
    let start = (range.start - requests[at].start) as usize;
    let end = (range.end - requests[at].start) as usize;
    fetched[at].slice(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn near_ranges_are_one_request_and_far_ones_are_not() {
        assert_eq!(requests(&[0..10, 10..20, 100..110]), vec![0..110]);
        let far = 110 + GAP_BYTES + 1;
        assert_eq!(requests(&[0..110, far..far + 5]), vec![0..110, far..far + 5]);
    }

    #[test]
    fn a_request_grows_no_longer_than_its_limit() {
        let half = REQUEST_BYTES / 2 + 1;
        assert_eq!(requests(&[0..half, half..2 * half]), vec![0..half, half..2 * half]);
        let long = 0..3 * REQUEST_BYTES;
        assert_eq!(requests(std::slice::from_ref(&long)), [long]);
    }

    proptest! {
        #[test]
        fn every_range_gets_its_own_bytes(ranges in prop::collection::vec((0u64..50_000_000, 0u64..200), 0..40)) {
            let ranges: Vec<Range<u64>> = ranges.into_iter().map(|(start, length)| start..start + length).collect();
            let requests = requests(&ranges);
            let content = |range: &Range<u64>| -> Bytes { range.clone().map(|at| (at % 251) as u8).collect() };
            prop_assert!(requests.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let total: u64 = requests.iter().map(|request| request.end - request.start).sum();
            prop_assume!(total < 4_000_000);
            let fetched: Vec<Bytes> = requests.iter().map(content).collect();
            for range in &ranges {
                prop_assert_eq!(cut(range, &requests, &fetched), content(range));
            }
        }
    }
}
