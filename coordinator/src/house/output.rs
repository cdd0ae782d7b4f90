//! The output of a run's processes, from the files that hold it.

use std::collections::BTreeMap;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artifacts::clock::Clock;
use bytes::Bytes;
use futures::Stream;
use futures::future::{BoxFuture, Shared};
use proto::{Generation, Stage};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::request::{LogChunk, LogSelector};
use crate::board::Board;
use crate::error::{CoordinatorError, Result};

/// How often files are looked at that somebody follows.
const PAUSE: Duration = Duration::from_millis(250);

/// Until when output is read.
pub(super) enum Until {
    /// What is there now is all.
    Now,
    /// More comes once the run is carried, and then until its board is closed; none where it will not be.
    Begun(Shared<BoxFuture<'static, Option<Arc<Board>>>>),
    /// More comes until the board is closed.
    Closed(Arc<Board>),
}

/// Reads the output of some of a run's processes, in the order of their launches.
pub(super) struct Output {
    folder: PathBuf,
    selector: LogSelector,
    from: u64,
    /// How far each file has been read.
    read: BTreeMap<PathBuf, u64>,
    until: Until,
    clock: Arc<dyn Clock>,
}

impl Output {
    /// The output in `folder`, of each process from byte `from` on.
    pub(super) fn new(folder: PathBuf, selector: LogSelector, from: u64, until: Until, clock: Arc<dyn Clock>) -> Self {
        Self { folder, selector, from, read: BTreeMap::new(), until, clock }
    }

    /// The pieces, one after the other.
    pub(super) fn stream(self) -> impl Stream<Item = Result<LogChunk>> + Send {
        futures::stream::try_unfold(
            self,
            |mut output| async move { Ok(output.next().await?.map(|chunk| (chunk, output))) },
        )
    }

    async fn next(&mut self) -> Result<Option<LogChunk>> {
        loop {
            // Asked before the files are: what is written up to the end is read.
            let is_at_end = match &self.until {
                Until::Now => true,
                Until::Begun(_) => false,
                Until::Closed(board) => board.is_closed(),
            };
            for (name, path) in self.files().await? {
                if let Some(chunk) = self.read_on(&name, &path).await? {
                    return Ok(Some(chunk));
                }
            }
            if is_at_end {
                return Ok(None);
            }
            match &mut self.until {
                Until::Now => return Ok(None),
                Until::Begun(begun) => {
                    let begun = begun.clone().await;
                    self.until = begun.map_or(Until::Now, Until::Closed);
                }
                Until::Closed(board) => tokio::select! {
                    () = board.closed() => {}
                    () = self.clock.sleep(PAUSE) => {}
                },
            }
        }
    }

    async fn read_on(&mut self, name: &str, path: &Path) -> Result<Option<LogChunk>> {
        let before = self.read.get(path).copied();
        let (offset, bytes) = match (before, &self.until) {
            (Some(offset), Until::Begun(_) | Until::Closed(_)) => read_or_begin_anew(path, offset).await,
            _ => read(path, before.unwrap_or(self.from)).await,
        }
        .map_err(|source| failed(path, source))?;
        if before.is_some() || !bytes.is_empty() {
            self.read.insert(path.to_owned(), offset + bytes.len() as u64);
        }
        Ok((!bytes.is_empty()).then(|| LogChunk { process: name.to_owned(), offset, bytes }))
    }

    /// The files that are asked for, in the order of their launches; none where there is no such folder.
    async fn files(&self) -> Result<Vec<(String, PathBuf)>> {
        let mut entries = match tokio::fs::read_dir(&self.folder).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
            Err(source) => return Err(failed(&self.folder, source)),
        };
        let mut files = vec![];
        while let Some(entry) = entries.next_entry().await.map_err(|source| failed(&self.folder, source))? {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(process) = name.strip_suffix(".log").and_then(Process::parse).filter(|known| self.wants(known))
            {
                files.push(((process.generation, process.process), name, entry.path()));
            }
        }
        files.sort();
        let named = |(_, name, path): (_, String, PathBuf)| (name.trim_end_matches(".log").to_owned(), path);
        Ok(files.into_iter().map(named).collect())
    }

    fn wants(&self, process: &Process) -> bool {
        self.selector.stage.is_none_or(|stage| stage == process.stage)
            && self.selector.generation.is_none_or(|generation| generation == process.generation)
            && self.selector.process.is_none_or(|index| index == process.process)
    }
}

/// A process, as its output's file is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    stage: Stage,
    generation: Generation,
    process: u32,
}

impl Process {
    /// Reads `score-g2-p0`.
    fn parse(name: &str) -> Option<Self> {
        let (rest, process) = name.rsplit_once("-p")?;
        let (stage, generation) = rest.rsplit_once("-g")?;
        let generation = Generation(generation.parse().ok()?);
        Some(Self { stage: stage.parse().ok()?, generation, process: process.parse().ok()? })
    }
}

/// As [`read`]; from the beginning where the file has become shorter, which is how a log is put aside that is too long.
async fn read_or_begin_anew(path: &Path, offset: u64) -> std::io::Result<(u64, Bytes)> {
    let length = tokio::fs::metadata(path).await?.len();
    read(path, if length < offset { 0 } else { offset }).await
}

/// The bytes from an offset on, as many as make a piece; none beyond the end.
async fn read(path: &Path, offset: u64) -> std::io::Result<(u64, Bytes)> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut bytes = Vec::new();
    // Not every offset that there is can be sought.
    if offset < file.metadata().await?.len() {
        file.seek(SeekFrom::Start(offset)).await?;
        file.take(LogChunk::LARGEST as u64).read_to_end(&mut bytes).await?;
    }
    Ok((offset, bytes.into()))
}

fn failed(path: &Path, source: std::io::Error) -> CoordinatorError {
    CoordinatorError::ReadLog { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use artifacts::clock::SystemClock;
    use futures::{FutureExt, TryStreamExt};

    use super::*;
    use crate::board::Role;

    fn output(folder: &Path, selector: LogSelector, from: u64, until: Until) -> Output {
        Output::new(folder.to_owned(), selector, from, until, Arc::new(SystemClock))
    }

    async fn all(output: Output) -> Vec<(String, u64, String)> {
        let chunks: Vec<LogChunk> = output.stream().try_collect().await.unwrap();
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        chunks.into_iter().map(|chunk| (chunk.process, chunk.offset, text(&chunk.bytes))).collect()
    }

    #[tokio::test]
    async fn output_comes_in_the_order_of_launches_and_of_those_that_were_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("score-g10-p0", "c"), ("plan-g1-p0", "plan"), ("score-g2-p1", "b"), ("score-g2-p0", "a")]
        {
            std::fs::write(folder.path().join(format!("{name}.log")), text).unwrap();
        }
        std::fs::write(folder.path().join("notes.txt"), "not a log").unwrap();
        let of = |selector| all(output(folder.path(), selector, 0, Until::Now));
        let names: Vec<String> = of(LogSelector::default()).await.into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["plan-g1-p0", "score-g2-p0", "score-g2-p1", "score-g10-p0"]);
        let second = LogSelector { generation: Some(Generation(2)), process: Some(1), ..LogSelector::default() };
        assert_eq!(of(second).await, [("score-g2-p1".to_owned(), 0, "b".to_owned())]);
        let plan = LogSelector { stage: Some(Stage::Plan), ..LogSelector::default() };
        assert_eq!(
            all(output(folder.path(), plan, 2, Until::Now)).await,
            [("plan-g1-p0".to_owned(), 2, "an".to_owned())]
        );
    }

    #[tokio::test]
    async fn a_large_output_comes_in_pieces_that_make_it_up() {
        let folder = tempfile::tempdir().unwrap();
        let text = "0123456789abcdef".repeat(10_000);
        std::fs::write(folder.path().join("train-g1-p0.log"), &text).unwrap();
        let chunks = all(output(folder.path(), LogSelector::default(), 0, Until::Now)).await;
        assert_eq!(chunks.len(), text.len().div_ceil(LogChunk::LARGEST));
        assert_eq!(chunks.into_iter().map(|(.., text)| text).collect::<String>(), text);
    }

    #[tokio::test]
    async fn what_is_written_up_to_the_end_of_a_followed_run_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train-g1-p0.log");
        std::fs::write(&path, "first ").unwrap();
        let board = Board::new(Arc::default(), Role::Carried);
        let mut following = output(folder.path(), LogSelector::default(), 0, Until::Closed(Arc::clone(&board)));
        assert_eq!(following.next().await.unwrap().unwrap().bytes, "first ");
        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"last").unwrap();
        board.close();
        assert_eq!(all(following).await, [("train-g1-p0".to_owned(), 6, "last".to_owned())]);
    }

    #[tokio::test]
    async fn output_of_a_run_that_has_not_begun_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train-g2-p0.log");
        let before = folder.path().join("train-g1-p0.log");
        std::fs::write(&before, "before").unwrap();
        let board = Board::new(Arc::default(), Role::Carried);
        let (begin, begun) = tokio::sync::oneshot::channel();
        let until = Until::Begun(async move { begun.await.ok() }.boxed().shared());
        let mut following = output(folder.path(), LogSelector::default(), 0, until);
        assert_eq!(following.next().await.unwrap().unwrap().bytes, "before");
        let waits = tokio::time::timeout(Duration::from_millis(50), following.next()).await;
        assert!(waits.is_err(), "it has not begun: {waits:?}");
        begin.send(Arc::clone(&board)).unwrap();
        std::fs::write(&path, "after").unwrap();
        board.close();
        assert_eq!(all(following).await, [("train-g2-p0".to_owned(), 0, "after".to_owned())]);
        let never = Until::Begun(async { None }.boxed().shared());
        assert_eq!(all(output(folder.path(), LogSelector::default(), 0, never)).await.len(), 2);
    }

    #[tokio::test]
    async fn a_followed_log_that_is_put_aside_goes_on_from_its_new_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train-g1-p0.log");
        std::fs::write(&path, "a long log").unwrap();
        let board = Board::new(Arc::default(), Role::Carried);
        let mut following = output(folder.path(), LogSelector::default(), 0, Until::Closed(Arc::clone(&board)));
        assert_eq!(following.next().await.unwrap().unwrap().bytes, "a long log");
        std::fs::write(&path, "anew").unwrap();
        board.close();
        assert_eq!(all(following).await, [("train-g1-p0".to_owned(), 0, "anew".to_owned())]);
    }

    #[tokio::test]
    async fn there_is_nothing_beyond_the_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train-g1-p0.log"), "short").unwrap();
        for from in [5, 6, 1 << 63, u64::MAX] {
            assert!(all(output(folder.path(), LogSelector::default(), from, Until::Now)).await.is_empty(), "{from}");
        }
    }

    #[tokio::test]
    async fn a_run_without_output_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(all(output(&folder.path().join("absent"), LogSelector::default(), 0, Until::Now)).await.is_empty());
    }
}
