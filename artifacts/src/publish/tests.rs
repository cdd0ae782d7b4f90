use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use object_store::memory::InMemory;
use proptest::prelude::*;

use super::*;
use crate::faults::{Fault, FaultyStore, Operation};

/// A clock that jumps to the end of every sleep, and lets other tasks run meanwhile.
#[derive(Debug, Default)]
struct JumpingClock(AtomicU64);

#[async_trait::async_trait]
impl Clock for JumpingClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        // In-memory requests are ready within a few polls; a time-out must not win against one that is.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        self.0.fetch_add(u64::try_from(duration.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

fn entry(writer: usize) -> Entry {
    Entry::new(&serde_json::json!({ "writer": writer })).unwrap()
}

fn writer_of(bytes: &[u8]) -> usize {
    let body: BTreeMap<String, usize> = read_entry(bytes).unwrap();
    body["writer"]
}

async fn create(store: &dyn ObjectStore, entry: &Entry) -> Result<Outcome, PublishError> {
    create_for(Patience::default().deadline, store, entry).await
}

async fn create_for(deadline: Duration, store: &dyn ObjectStore, entry: &Entry) -> Result<Outcome, PublishError> {
    let (patience, clock) = (Patience { deadline, ..Patience::default() }, JumpingClock::default());
    create_once_with(store, &Path::from("a/entry.json"), entry, &patience, &clock).await
}

async fn stored(store: &dyn ObjectStore) -> Option<Bytes> {
    store.get(&Path::from("a/entry.json")).await.ok()?.bytes().await.ok()
}

/// A store whose first requests meet these faults, one each.
fn faulty(faults: &[Fault]) -> (Arc<InMemory>, FaultyStore) {
    let memory = Arc::new(InMemory::new());
    let faults = faults.to_vec();
    let plan = move |request: &crate::faults::Request| {
        let at = usize::try_from(request.number).unwrap();
        faults.get(at).copied().unwrap_or(Fault::None)
    };
    (Arc::clone(&memory), FaultyStore::new(memory, plan))
}

#[tokio::test]
async fn the_first_wins_and_the_second_learns_by_whom() {
    let store = InMemory::new();
    assert_eq!(create(&store, &entry(1)).await.unwrap(), Outcome::Won);
    let Outcome::Lost { winner } = create(&store, &entry(2)).await.unwrap() else { panic!("two winners") };
    assert_eq!(writer_of(&winner), 1);
}

#[tokio::test]
async fn the_same_entry_wins_again() {
    let (store, entry) = (InMemory::new(), entry(1));
    assert_eq!(create(&store, &entry).await.unwrap(), Outcome::Won);
    assert_eq!(create(&store, &entry).await.unwrap(), Outcome::Won);
}

#[tokio::test]
async fn a_write_that_was_applied_is_won_whatever_the_reply_was() {
    for fault in [Fault::After, Fault::AppliedConflict, Fault::HangAfter] {
        let (memory, store) = faulty(&[fault]);
        assert_eq!(create(&store, &entry(1)).await.unwrap(), Outcome::Won, "{fault:?}");
        assert!(stored(memory.as_ref()).await.is_some());
    }
}

#[tokio::test]
async fn a_write_that_was_not_applied_is_tried_again() {
    for fault in [Fault::Before, Fault::Conflict, Fault::Hang] {
        let (memory, store) = faulty(&[fault]);
        assert_eq!(create(&store, &entry(1)).await.unwrap(), Outcome::Won, "{fault:?}");
        assert_eq!(writer_of(&stored(memory.as_ref()).await.unwrap()), 1);
    }
}

#[tokio::test]
async fn a_read_that_fails_or_breaks_off_is_no_answer() {
    for fault in [Fault::Before, Fault::Hang, Fault::CutBody, Fault::Denied] {
        let (_, store) = faulty(&[Fault::After, fault, fault]);
        assert_eq!(create(&store, &entry(1)).await.unwrap(), Outcome::Won, "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_never_answers_leaves_the_outcome_unknown() {
    for fault in [Fault::Before, Fault::After, Fault::Hang, Fault::HangAfter, Fault::Conflict] {
        let memory = Arc::new(InMemory::new());
        let store = FaultyStore::new(memory, move |_| fault);
        let error = create(&store, &entry(1)).await.unwrap_err();
        assert!(error.is_unknown(), "{fault:?}: {error}");
        assert_eq!(error.class(), FailureClass::Storage);
    }
}

#[tokio::test]
async fn a_full_or_forbidden_store_says_so_at_once() {
    for fault in [Fault::Full, Fault::Denied] {
        let store = FaultyStore::new(Arc::new(InMemory::new()), move |request| match request.operation {
            Operation::Put => fault,
            _ => Fault::None,
        });
        let error = create(&store, &entry(1)).await.unwrap_err();
        assert!(matches!(error, PublishError::Refused { .. }), "{error}");
        assert_eq!(error.class(), FailureClass::Environment);
        assert_eq!(store.requests(), 2);
    }
}

#[tokio::test]
async fn a_forbidden_write_to_an_object_that_is_there_is_lost() {
    let memory = Arc::new(InMemory::new());
    create(memory.as_ref(), &entry(1)).await.unwrap();
    let store = FaultyStore::new(memory, |request| match request.operation {
        Operation::Put => Fault::Denied,
        _ => Fault::None,
    });
    assert!(matches!(create(&store, &entry(2)).await.unwrap(), Outcome::Lost { .. }));
}

const KINDS: [Fault; 9] = [
    Fault::None,
    Fault::None,
    Fault::Before,
    Fault::After,
    Fault::Conflict,
    Fault::AppliedConflict,
    Fault::Hang,
    Fault::HangAfter,
    Fault::CutBody,
];

/// Sixteen writers race for one key in a store that fails at random, each request as the seed says.
async fn race(seed: u64, ends_well: bool) -> (Vec<Result<Outcome, PublishError>>, Option<usize>) {
    let memory = Arc::new(InMemory::new());
    let plan = move |request: &crate::faults::Request| {
        let mix = xxhash_rust::xxh3::xxh3_64_with_seed(&request.number.to_le_bytes(), seed);
        if ends_well && request.number > 200 { Fault::None } else { KINDS[(mix % KINDS.len() as u64) as usize] }
    };
    let store = Arc::new(FaultyStore::new(Arc::clone(&memory) as Arc<dyn ObjectStore>, plan));
    let outcomes = Arc::new(Mutex::new(Vec::new()));
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let (store, outcomes) = (Arc::clone(&store), Arc::clone(&outcomes));
        writers.spawn(async move {
            let deadline = if ends_well { Duration::MAX } else { Patience::default().deadline };
            let outcome = create_for(deadline, store.as_ref(), &entry(writer)).await;
            outcomes.lock().unwrap().push((writer, outcome));
        });
    }
    while let Some(done) = writers.join_next().await {
        done.unwrap();
    }
    let mut outcomes = Arc::into_inner(outcomes).unwrap().into_inner().unwrap();
    outcomes.sort_by_key(|(writer, _)| *writer);
    let winner = stored(memory.as_ref()).await.map(|bytes| writer_of(&bytes));
    (outcomes.into_iter().map(|(_, outcome)| outcome).collect(), winner)
}

fn check_race(outcomes: &[Result<Outcome, PublishError>], winner: Option<usize>) {
    for (writer, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Ok(Outcome::Won) => assert_eq!(winner, Some(writer), "a writer that lost believes it has won"),
            Ok(Outcome::Lost { winner: bytes }) => {
                assert_eq!(winner, Some(writer_of(bytes)));
                assert_ne!(winner, Some(writer), "the winner believes it has lost");
            }
            Err(error) => assert!(error.is_unknown(), "{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_racing_writer_knows_the_truth_or_that_it_does_not(seed: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (outcomes, winner) = runtime.block_on(race(seed, false));
        check_race(&outcomes, winner);
    }

    #[test]
    fn a_store_that_recovers_has_exactly_one_winner_and_nobody_is_left_in_doubt(seed: u64) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (outcomes, winner) = runtime.block_on(race(seed, true));
        check_race(&outcomes, winner);
        prop_assert!(winner.is_some());
        prop_assert!(outcomes.iter().all(Result::is_ok));
        prop_assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(Outcome::Won))).count(), 1);
    }
}
