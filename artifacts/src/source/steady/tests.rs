use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::memory::InMemory;

use super::*;
use crate::faults::{Fault, FaultyStore, Operation, Request};

/// Time that passes as it is waited for.
#[derive(Debug, Default)]
struct Waited(AtomicU64);

#[async_trait]
impl Clock for Waited {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        self.0.fetch_add(duration.as_millis() as u64, Ordering::SeqCst);
    }
}

const OBJECTS: u64 = 5;

/// Some objects in a store whose plan begins to count when they are there.
async fn store(plan: impl Fn(&Request) -> Fault + Send + Sync + 'static) -> (Steady, FaultyStore, Arc<Waited>) {
    let memory = Arc::new(InMemory::new());
    for number in 0..OBJECTS {
        memory.put(&path(number), PutPayload::from(format!("object {number}"))).await.unwrap();
    }
    let (faulty, clock) = (FaultyStore::new(memory, plan), Arc::new(Waited::default()));
    (Steady { store: Arc::new(faulty.clone()), clock: Arc::clone(&clock) as Arc<dyn Clock> }, faulty, clock)
}

fn path(number: u64) -> Path {
    Path::from(format!("folder/{number}"))
}

fn first(times: u64, fault: Fault) -> impl Fn(&Request) -> Fault {
    move |request| if request.number < times { fault } else { Fault::None }
}

async fn listed(store: &Steady) -> Result<Vec<Path>> {
    store.list(Some(&Path::from("folder"))).map_ok(|meta| meta.location).try_collect().await
}

#[tokio::test]
async fn a_range_is_whole_or_read_again() {
    for fault in [Fault::Before, Fault::CutBody, Fault::ShortBody] {
        let (store, faulty, clock) = store(first(3, fault)).await;
        assert_eq!(store.get_range(&path(1), 1..6).await.unwrap(), Bytes::from_static(b"bject"), "{fault:?}");
        assert_eq!(faulty.requests(), 4, "{fault:?}");
        assert!(clock.now() >= Duration::from_millis(500), "pauses grow: {:?}", clock.now());
    }
}

#[tokio::test]
async fn what_stays_broken_or_cannot_be_mended_is_an_error() {
    let (broken, faulty, _) = store(|_| Fault::ShortBody).await;
    let error = broken.get_range(&path(1), 0..8).await.unwrap_err();
    assert!(error.to_string().contains("folder/1 came with 4 bytes of a range of 8"), "{error}");
    assert_eq!(FailureClass::of_store(&error), FailureClass::Storage);
    assert_eq!(faulty.requests(), u64::from(TRIES));
    let (forbidden, faulty, _) = store(|_| Fault::Denied).await;
    assert!(matches!(forbidden.get_range(&path(1), 0..8).await, Err(Error::PermissionDenied { .. })));
    assert_eq!(faulty.requests(), 1);
}

#[tokio::test]
async fn listings_and_writes_go_on_after_a_failure() {
    let (store, _, _) =
        store(|request| if request.number.is_multiple_of(3) { Fault::Before } else { Fault::None }).await;
    assert_eq!(listed(&store).await.unwrap(), (0..OBJECTS).map(path).collect::<Vec<_>>());
    let folder = store.list_with_delimiter(Some(&Path::from("folder"))).await.unwrap();
    assert_eq!(folder.objects.len() as u64, OBJECTS);
    store.put(&path(7), "seven".into()).await.unwrap();
    assert_eq!(store.get(&path(7)).await.unwrap().bytes().await.unwrap(), "seven");
}

#[tokio::test]
async fn objects_whose_deletion_was_not_answered_are_gone_and_that_is_no_error() {
    let after = |request: &Request| if request.operation == Operation::Delete { Fault::After } else { Fault::None };
    let (store, _, _) = store(move |request| if request.number < 3 { after(request) } else { Fault::None }).await;
    let all = stream::iter((0..OBJECTS).map(path)).map(Ok).boxed();
    let deleted: Vec<Path> = store.delete_stream(all).try_collect().await.unwrap();
    assert_eq!(deleted.len() as u64, OBJECTS);
    assert!(listed(&store).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_create_is_asked_for_once() {
    let (store, faulty, _) = store(|_| Fault::After).await;
    let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
    store.put_opts(&path(9), "nine".into(), options).await.unwrap_err();
    assert_eq!(faulty.requests(), 1);
}
