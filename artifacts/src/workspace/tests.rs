use object_store::memory::InMemory;

use super::*;
use crate::error::FailureClass;
use crate::faults::{Fault, FaultyStore, Operation};

type Map = std::collections::BTreeMap<String, u64>;

fn failing(fault: Fault) -> Workspace {
    let plan = move |request: &crate::faults::Request| match request.operation {
        Operation::Put => fault,
        _ => Fault::None,
    };
    let store = FaultyStore::new(Arc::new(InMemory::new()), plan);
    Workspace::in_store(Arc::new(store), Location::parse("memory://workspace/ws").unwrap())
}

fn key() -> Key {
    "a/b.json".parse().unwrap()
}

#[tokio::test]
async fn a_workspace_that_can_be_written_to_is_left_as_it_was() {
    let workspace = failing(Fault::None);
    workspace.check_writable().await.unwrap();
    let left: Vec<_> = workspace.store().list(None).try_collect().await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_store_without_conditional_puts_is_refused() {
    let error = failing(Fault::Unconditional).check_writable().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Environment);
    let expected = "the store of memory://workspace/ws lets two writers create the same object";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[tokio::test]
async fn a_workspace_that_is_full_or_forbidden_says_which_and_where() {
    for (fault, expected) in [
        (Fault::Full, "cannot write memory://workspace/ws: the disk or quota is full"),
        (Fault::Denied, "not allowed to write memory://workspace/ws"),
    ] {
        let error = failing(fault).check_writable().await.unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert!(!error.class().is_retryable());
    }
}

#[tokio::test]
async fn the_loser_of_a_create_reads_what_the_winner_wrote() {
    let workspace = failing(Fault::None);
    let (first, second) = (Map::from([("run".to_owned(), 1)]), Map::from([("run".to_owned(), 2)]));
    assert_eq!(workspace.create_once(&key(), &first).await.unwrap(), Created::Won);
    let lost = workspace.create_once(&key(), &second).await.unwrap();
    assert_eq!(lost.settled(second)["run"], 1);
}

#[tokio::test]
async fn an_object_that_was_tampered_with_is_named() {
    let workspace = failing(Fault::None);
    for (text, cause) in [
        ("{}", "it has no seal"),
        ("", "EOF while parsing"),
        ("{\"seal\": \"0\", \"entry_id\": \"1\"}", "it was changed or cut off"),
    ] {
        workspace.write(&key(), text).await.unwrap();
        let error = workspace.read_entry::<Map>(&key()).await.unwrap_err();
        assert_eq!(error.to_string(), "memory://workspace/ws/a/b.json is not an entry that this program wrote");
        assert_eq!(error.class(), FailureClass::Integrity);
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.starts_with(cause), "{source}");
    }
}

#[tokio::test]
async fn a_failing_listing_is_no_empty_folder() {
    let store = FaultyStore::new(Arc::new(InMemory::new()), |_| Fault::Before);
    let workspace = Workspace::in_store(Arc::new(store), Location::parse("memory://workspace/ws").unwrap());
    let error = workspace.numbers_in(&crate::layout::models()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot list memory://workspace/ws/models");
    assert!(workspace.read_if_there(&key()).await.is_err());
    assert!(workspace.size_of(&key()).await.is_err());
}

/// Two failing answers of each read, then the truth, on a clock that passes by itself.
fn failing_twice(fault: Fault, deadline: std::time::Duration) -> Workspace {
    let plan = move |request: &crate::faults::Request| match request.operation {
        Operation::Get if request.number < 3 => fault,
        _ => Fault::None,
    };
    let store = FaultyStore::new(Arc::new(InMemory::new()), plan);
    let workspace = Workspace::in_store(Arc::new(store), Location::parse("memory://workspace/ws").unwrap());
    let millisecond = std::time::Duration::from_millis(1);
    let patience = Patience { deadline, request: millisecond, first_pause: millisecond, longest_pause: millisecond };
    workspace.with_patience(patience, Arc::new(SystemClock))
}

#[tokio::test]
async fn a_read_goes_on_until_the_store_answers() {
    for fault in [Fault::Before, Fault::Hang, Fault::CutBody] {
        let (workspace, key) = (failing_twice(fault, std::time::Duration::from_secs(60)), key());
        workspace.write(&key, "here").await.unwrap();
        let read = workspace.persistently(|| workspace.read(&key)).await;
        assert_eq!(read.unwrap(), "here", "{fault:?}");
    }
}

#[tokio::test]
async fn a_read_ends_where_another_try_would_be_the_same_or_too_late() {
    let (key, other): (Key, Key) = (key(), "a/c.json".parse().unwrap());
    let workspace = failing_twice(Fault::Denied, std::time::Duration::from_secs(60));
    workspace.write(&key, "here").await.unwrap();
    let denied = workspace.persistently(|| workspace.read(&key)).await.unwrap_err();
    assert_eq!(denied.class(), FailureClass::Environment);
    workspace.read(&key).await.unwrap_err();
    let missing = workspace.persistently(|| workspace.read_if_there(&other)).await;
    assert_eq!(missing.unwrap(), None, "that nothing is there is an answer");
    let workspace = failing_twice(Fault::Before, std::time::Duration::ZERO);
    let late = workspace.persistently(|| workspace.read(&key)).await.unwrap_err();
    assert_eq!(late.class(), FailureClass::Storage);
}
