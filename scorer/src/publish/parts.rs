//! Writes the files of one tier, or of its holdout: a new part after so many rows, each on its own task.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use artifacts::layout::{self, Key};
use artifacts::object::FileRecord;
use artifacts::rows::PageCompression;
use artifacts::{ArtifactsError, ParquetOptions, ParquetWriter, Workspace};
use spec::FileFormat;
use spec::audience::{Compression, FileKind};
use spec::ids::{AudienceName, TierName, Version};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinHandle;

use super::text::{TextFile, TextForm};
use crate::error::{Result, ScorerError};

/// Batches that wait for a part's writer.
const WAITING_BATCHES: usize = 2;

/// Where parts go and how they are written.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The workspace.
    pub(crate) workspace: Workspace,
    /// The audience.
    pub(crate) audience: AudienceName,
    /// The version being written.
    pub(crate) version: Version,
    /// The tier.
    pub(crate) tier: TierName,
    /// Whether these are the people held out.
    pub(crate) is_holdout: bool,
    /// The format.
    pub(crate) format: FileFormat,
    /// The published columns.
    pub(crate) schema: SchemaRef,
}

/// Rows on their way to a tier's files.
#[derive(Debug)]
pub(crate) struct PartsSink {
    sender: Sender<Message>,
    writer: JoinHandle<Result<Vec<FileRecord>>>,
}

#[derive(Debug)]
enum Message {
    Rows(RecordBatch),
    /// Without it, a closed channel means that something else has failed.
    Finish,
}

enum PartFile {
    Parquet(Box<ParquetWriter>),
    Text(Box<TextFile>),
}

impl Parts {
    /// Starts a task that writes what it is sent.
    pub(crate) fn open(self) -> PartsSink {
        let (sender, mut messages) = channel(WAITING_BATCHES);
        let writer = tokio::spawn(async move {
            let mut writing = Writing { parts: self, open: None, files: Vec::new() };
            loop {
                match messages.recv().await {
                    Some(Message::Rows(batch)) => writing.add(batch).await?,
                    Some(Message::Finish) => return writing.finish().await,
                    None => return Err(ScorerError::Cancelled),
                }
            }
        });
        PartsSink { sender, writer }
    }

    fn key(&self, number: u64) -> Result<Key> {
        let extension = match self.format.kind {
            FileKind::Parquet => "parquet",
            FileKind::Csv => TextForm::Csv.extension(self.format.compression),
            FileKind::Jsonl => TextForm::JsonLines.extension(self.format.compression),
        };
        let part = if self.is_holdout { layout::holdout_part } else { layout::audience_part };
        let key = part(&self.audience, self.version, &self.tier, number, extension);
        key.map_err(|invalid| ArtifactsError::from(invalid).into())
    }

    fn create(&self, number: u64) -> Result<PartFile> {
        let (key, compression) = (self.key(number)?, self.format.compression);
        let text = |key, form| TextFile::create(&self.workspace, key, form, compression).map(Box::new);
        Ok(match self.format.kind {
            FileKind::Csv => PartFile::Text(text(key, TextForm::Csv)?),
            FileKind::Jsonl => PartFile::Text(text(key, TextForm::JsonLines)?),
            FileKind::Parquet => {
                let compression = page_compression(compression);
                let options = ParquetOptions { compression, ..ParquetOptions::default() };
                PartFile::Parquet(Box::new(ParquetWriter::create(&self.workspace, key, &self.schema, &options)?))
            }
        })
    }
}

fn page_compression(compression: Compression) -> PageCompression {
    match compression {
        Compression::Zstd => PageCompression::Zstd(3),
        Compression::Gzip => PageCompression::Gzip,
        Compression::None => PageCompression::None,
    }
}

impl PartsSink {
    /// Adds rows; waits while the writer is behind. Fails without a reason when the writer did: ask [`PartsSink::finish`].
    ///
    /// # Errors
    ///
    /// A writer that has stopped.
    pub(crate) async fn send(&self, batch: RecordBatch) -> Result<()> {
        self.sender.send(Message::Rows(batch)).await.map_err(|_| ScorerError::Broken)
    }

    /// Completes the last part; the files, in order.
    ///
    /// # Errors
    ///
    /// Storage that fails.
    pub(crate) async fn finish(self) -> Result<Vec<FileRecord>> {
        // Where the writer has stopped already, its own error says why.
        let _ = self.sender.send(Message::Finish).await;
        self.writer.await.map_err(ScorerError::Thread)?
    }
}

struct Writing {
    parts: Parts,
    open: Option<(PartFile, u64)>,
    files: Vec<FileRecord>,
}

impl Writing {
    async fn add(&mut self, mut batch: RecordBatch) -> Result<()> {
        let rows_per_file = self.parts.format.rows_per_file.max(1);
        while batch.num_rows() > 0 {
            let (mut file, rows) = match self.open.take() {
                Some(open) => open,
                None => (self.parts.create(self.files.len() as u64)?, 0),
            };
            let room = usize::try_from(rows_per_file - rows).unwrap_or(usize::MAX);
            let fitting = batch.num_rows().min(room);
            file.write(&batch.slice(0, fitting)).await?;
            batch = batch.slice(fitting, batch.num_rows() - fitting);
            let rows = rows + fitting as u64;
            if rows == rows_per_file {
                self.files.push(file.finish().await?);
            } else {
                self.open = Some((file, rows));
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Vec<FileRecord>> {
        if let Some((file, _)) = self.open.take() {
            self.files.push(file.finish().await?);
        }
        Ok(self.files)
    }
}

impl PartFile {
    async fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        match self {
            Self::Parquet(file) => Ok(file.write(batch).await?),
            Self::Text(file) => file.write(batch).await,
        }
    }

    async fn finish(self) -> Result<FileRecord> {
        match self {
            Self::Parquet(file) => Ok(file.finish().await?),
            Self::Text(file) => file.finish().await,
        }
    }
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writing").field("parts", &self.parts).field("files", &self.files).finish_non_exhaustive()
    }
}

/// The columns of published files.
pub(crate) fn published_schema(ids: impl IntoIterator<Item = (String, arrow::datatypes::DataType)>) -> SchemaRef {
    use arrow::datatypes::{DataType, Field, Schema};
    let ids = ids.into_iter().map(|(name, data_type)| Field::new(name, data_type, true));
    let score = std::iter::once(Field::new(crate::columns::SCORE, DataType::Float64, false));
    Arc::new(Schema::new(ids.chain(score).collect::<Vec<_>>()))
}
