use std::sync::atomic::{AtomicU64, Ordering};

use futures::TryStreamExt;
use object_store::memory::InMemory;

use super::*;
use crate::error::FailureClass;
use crate::faults::{Fault, FaultyStore, Operation};
use crate::local::DurableFileSystem;
use crate::source::Location;

fn in_store(store: Arc<dyn ObjectStore>) -> Workspace {
    Workspace::in_store(store, Location::parse("memory://objects/ws").unwrap())
}

fn key() -> Key {
    "big/object.bin".parse().unwrap()
}

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

async fn write(workspace: &Workspace, bytes: &[u8], piece: usize) -> Result<FileRecord> {
    let mut writer = ObjectWriter::create(workspace, key());
    for piece in bytes.chunks(piece) {
        writer.write(piece).await?;
    }
    writer.finish(3).await
}

#[tokio::test]
async fn objects_of_every_size_come_back_whole() {
    let sizes = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES, 5 * PART_BYTES + 17];
    for (length, piece) in sizes.into_iter().zip([1, 1, 100_003, 20 << 20, 100_003, 3 << 20, 20 << 20]) {
        let workspace = in_store(Arc::new(InMemory::new()));
        let content = bytes(length);
        let record = write(&workspace, &content, piece).await.unwrap();
        assert_eq!((record.bytes, record.rows), (length as u64, 3));
        assert_eq!(record.sha256, Digest::of(&content));
        assert!(workspace.read(&key()).await.unwrap() == content, "{length} bytes in pieces of {piece}");
    }
}

#[tokio::test]
async fn a_small_object_is_one_request() {
    let store = FaultyStore::new(Arc::new(InMemory::new()), |_| Fault::None);
    write(&in_store(Arc::new(store.clone())), &bytes(1000), 10).await.unwrap();
    assert_eq!(store.requests(), 1);
}

#[tokio::test]
async fn an_upload_that_fails_is_given_up_and_leaves_nothing() {
    for fails in [Operation::Put, Operation::StartUpload, Operation::PutPart, Operation::CompleteUpload] {
        for (fault, class) in [(Fault::Before, FailureClass::Storage), (Fault::Full, FailureClass::Environment)] {
            let memory = Arc::new(InMemory::new());
            let aborted = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&aborted);
            let store = FaultyStore::new(Arc::clone(&memory) as Arc<dyn ObjectStore>, move |request| {
                if request.operation == Operation::AbortUpload {
                    counter.fetch_add(1, Ordering::SeqCst);
                }
                if request.operation == fails { fault } else { Fault::None }
            });
            let length = if fails == Operation::Put { 1000 } else { 3 * PART_BYTES };
            let error = write(&in_store(Arc::new(store)), &bytes(length), 1 << 20).await.unwrap_err();
            assert_eq!(error.class(), class, "{fails:?}: {error}");
            let left: Vec<_> = memory.list(None).try_collect().await.unwrap();
            assert!(left.is_empty(), "{fails:?}");
            let expected = u64::from(matches!(fails, Operation::PutPart | Operation::CompleteUpload));
            assert_eq!(aborted.load(Ordering::SeqCst), expected, "{fails:?}");
        }
    }
}

#[tokio::test]
async fn an_object_that_was_written_is_written_whatever_the_reply_was() {
    for (fails, length) in [(Operation::Put, 1000), (Operation::CompleteUpload, 3 * PART_BYTES + 5)] {
        let plan = move |request: &crate::faults::Request| match request.operation {
            operation if operation == fails => Fault::After,
            _ => Fault::None,
        };
        let workspace = in_store(Arc::new(FaultyStore::new(Arc::new(InMemory::new()), plan)));
        let content = bytes(length);
        let record = write(&workspace, &content, 1 << 20).await.unwrap();
        assert_eq!((record.bytes, record.sha256), (length as u64, Digest::of(&content)), "{fails:?}");
        assert!(workspace.read(&key()).await.unwrap() == content, "{fails:?}");
    }
}

#[tokio::test]
async fn another_object_of_the_same_size_is_not_taken_for_the_one_that_failed() {
    let memory = Arc::new(InMemory::new());
    let length = 2 * PART_BYTES + 1;
    let other = in_store(Arc::clone(&memory) as Arc<dyn ObjectStore>);
    write(&other, &vec![7; length], 1 << 20).await.unwrap();
    let plan = |request: &crate::faults::Request| match request.operation {
        Operation::CompleteUpload => Fault::Before,
        _ => Fault::None,
    };
    let workspace = in_store(Arc::new(FaultyStore::new(memory, plan)));
    let error = write(&workspace, &bytes(length), 1 << 20).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Storage, "{error}");
}

#[tokio::test]
async fn a_full_store_says_what_to_do() {
    let store = FaultyStore::new(Arc::new(InMemory::new()), |_| Fault::Full);
    let error = write(&in_store(Arc::new(store)), b"x", 1).await.unwrap_err().to_string();
    assert!(error.contains("memory://objects/ws/big/object.bin"), "{error}");
    assert!(error.contains("the disk or quota is full"), "{error}");
}

#[tokio::test]
async fn an_upload_that_is_dropped_or_aborted_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = Location::parse(folder.path().to_str().unwrap()).unwrap();
    let workspace = Workspace::in_store(Arc::new(DurableFileSystem::new()), root);
    for is_dropped in [true, false] {
        let mut writer = ObjectWriter::create(&workspace, key());
        writer.write(&bytes(2 * PART_BYTES)).await.unwrap();
        if is_dropped {
            drop(writer)
        } else {
            writer.abort().await
        }
        let is_clean = || std::fs::read_dir(folder.path().join("big")).unwrap().next().is_none();
        // The give-up of a dropped writer runs on its own: wait for it, not for a time.
        while !is_clean() {
            tokio::task::yield_now().await;
        }
    }
}
