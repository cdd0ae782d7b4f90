//! Text files as streams of plain bytes: opened in any store, pinned to the version that was resolved, decompressed.

use std::error::Error as StdError;
use std::sync::Arc;

use artifacts::InputFile;
use artifacts::source::FileCompression;
use bytes::Bytes;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::DataFusionError;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::error::FileError;

/// A file's bytes in pieces, none of them empty.
pub(crate) type ByteStream = BoxStream<'static, Result<Bytes, FileError>>;

/// Bytes that are asked for at once.
const REQUEST_BYTES: u64 = 4 << 20;

/// Requests on their way at once.
const REQUESTS_AHEAD: usize = 2;

/// Opens a file, decompressing it as it is read, all members of it.
pub(crate) fn open(file: &InputFile, compression: FileCompression) -> Result<ByteStream, FileError> {
    let stored = stored(file)?;
    let plain = match compression {
        FileCompression::None => stored,
        FileCompression::Gzip => gunzipped(stored, file.url.clone())?,
        FileCompression::Zstd => zstd::decompressed(stored, file.url.clone())?,
    };
    Ok(without_empty(plain))
}

/// A file's bytes as they are stored, a few requests ahead.
fn stored(file: &InputFile) -> Result<ByteStream, FileError> {
    let (store, path) = artifacts::source::open_store(&file.url)?;
    let file = Arc::new(file.clone());
    let starts = (0..file.size).step_by(REQUEST_BYTES as usize);
    let requests = futures::stream::iter(starts).map(move |start| {
        let (store, path, file) = (Arc::clone(&store), path.clone(), Arc::clone(&file));
        async move { piece(store.as_ref(), &path, &file, start).await }
    });
    Ok(requests.buffered(REQUESTS_AHEAD).boxed())
}

async fn piece(store: &dyn ObjectStore, path: &Path, file: &InputFile, start: u64) -> Result<Bytes, FileError> {
    let failed = |source| failed_read(&file.url, source);
    let range = start..file.size.min(start + REQUEST_BYTES);
    let pinned = GetOptions {
        range: Some(GetRange::Bounded(range.clone())),
        if_match: file.etag.clone(),
        ..GetOptions::default()
    };
    let reply = store.get_opts(path, pinned).await.map_err(failed)?;
    let is_same_size = reply.meta.size == file.size;
    let bytes = reply.bytes().await.map_err(failed)?;
    if is_same_size && bytes.len() as u64 == range.end - range.start {
        return Ok(bytes);
    }
    Err(FileError::Changed { url: file.url.clone() })
}

fn gunzipped(stored: ByteStream, url: String) -> Result<ByteStream, FileError> {
    let external = stored.map_err(|error| DataFusionError::External(Box::new(error)));
    let damaged = move |source: DataFusionError| failed_decompression(&url, Box::new(source));
    let plain = FileCompressionType::GZIP.convert_stream(external.boxed()).map_err(&damaged)?;
    Ok(plain.map_err(damaged).boxed())
}

fn failed_decompression(url: &str, source: Box<dyn StdError + Send + Sync>) -> FileError {
    FileError::Compressed { url: url.to_owned(), source }
}

fn without_empty(pieces: ByteStream) -> ByteStream {
    pieces.try_filter(|piece| futures::future::ready(!piece.is_empty())).boxed()
}

fn failed_read(url: &str, source: object_store::Error) -> FileError {
    match source {
        object_store::Error::Precondition { .. } => FileError::Changed { url: url.to_owned() },
        source => FileError::Read { url: url.to_owned(), source },
    }
}

/// Zstandard streams of any number of frames.
mod zstd {
    use std::io::{Error, ErrorKind};

    use ::zstd::stream::raw::{Decoder, Operation};
    use bytes::{Buf, Bytes, BytesMut};
    use futures::{StreamExt, TryStreamExt};

    use super::{ByteStream, failed_decompression};
    use crate::error::FileError;

    const OUTPUT_BYTES: usize = 256 << 10;

    struct Frames {
        stored: ByteStream,
        piece: Bytes,
        decoder: Decoder<'static>,
        /// The decoder may hold more output than it gave.
        has_more: bool,
        /// A frame has begun and not ended.
        is_open: bool,
        url: String,
    }

    pub(super) fn decompressed(stored: ByteStream, url: String) -> Result<ByteStream, FileError> {
        let decoder = Decoder::new().map_err(|source| failed_decompression(&url, Box::new(source)))?;
        let frames = Frames { stored, piece: Bytes::new(), decoder, has_more: false, is_open: false, url };
        let pieces = futures::stream::try_unfold(frames, |mut frames| async move {
            Ok(frames.next().await?.map(|piece| (piece, frames)))
        });
        Ok(pieces.boxed())
    }

    impl Frames {
        async fn next(&mut self) -> Result<Option<Bytes>, FileError> {
            if self.piece.is_empty() && !self.has_more {
                match self.stored.try_next().await? {
                    Some(piece) => self.piece = piece,
                    None if self.is_open => return Err(self.damaged(ErrorKind::UnexpectedEof.into())),
                    None => return Ok(None),
                }
            }
            let mut plain = BytesMut::zeroed(OUTPUT_BYTES);
            let status = self.decoder.run_on_buffers(&self.piece, &mut plain).map_err(|source| self.damaged(source))?;
            self.piece.advance(status.bytes_read);
            self.is_open = status.remaining != 0;
            self.has_more = self.is_open && status.bytes_written == OUTPUT_BYTES;
            plain.truncate(status.bytes_written);
            Ok(Some(plain.freeze()))
        }

        fn damaged(&self, source: Error) -> FileError {
            failed_decompression(&self.url, Box::new(source))
        }
    }
}
