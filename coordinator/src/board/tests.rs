use chrono::Utc;
use proto::{Epoch, Generation, Shard, Stage};

use super::*;
use crate::house::RunEvent;
use crate::log::WriterId;
use crate::run::{Event, Kind};

fn board() -> Arc<Board> {
    Board::new(Arc::default(), Role::Carried)
}

fn entry(epoch: u64) -> LogEntry {
    let event = Event::Submitted { kind: Kind::Training, epoch: Epoch(epoch) };
    LogEntry { epoch: Epoch(epoch), writer: WriterId::new(), at: Utc::now(), previous: None, event }
}

fn child(process: u32) -> ChildName {
    ChildName { run: "train-0123456789ab".parse().unwrap(), stage: Stage::Score, generation: Generation(1), process }
}

fn progressed(process: u32, unit: Option<Unit>, done: u64) -> Notice {
    let progress = Progress { phase: "score".to_owned(), item: "rows".to_owned(), done, ..Progress::default() };
    Notice::Progressed { child: child(process), unit, progress }
}

async fn all(mut watcher: Watcher) -> Vec<RunEvent> {
    let mut events = vec![];
    while let Some(event) = watcher.next().await {
        events.push(event);
    }
    events
}

fn numbers(events: &[RunEvent]) -> Vec<u64> {
    let number = |event: &RunEvent| match event {
        RunEvent::Logged { seq, .. } => Some(*seq),
        RunEvent::Notice { .. } | RunEvent::Missed { .. } => None,
    };
    events.iter().filter_map(number).collect()
}

#[tokio::test]
async fn a_watcher_sees_every_entry_from_where_it_begins_to_the_end() {
    let board = board();
    (0..200).for_each(|seq| board.post(seq, &entry(seq)));
    let (early, late) = (Watcher::new(Arc::clone(&board), 0), Watcher::new(Arc::clone(&board), 198));
    let beyond = Watcher::new(Arc::clone(&board), 300);
    let early = tokio::spawn(all(early));
    board.post(200, &entry(200));
    board.post(200, &entry(777));
    board.post(5, &entry(777));
    board.close();
    assert_eq!(numbers(&early.await.unwrap()), (0..=200).collect::<Vec<u64>>());
    let late = all(late).await;
    assert_eq!(numbers(&late), [198, 199, 200]);
    assert!(matches!(&late[2], RunEvent::Logged { entry, .. } if entry.epoch == Epoch(200)), "posted once");
    assert!(all(beyond).await.is_empty());
}

#[tokio::test]
async fn a_slow_watcher_misses_notices_and_is_told_so_but_misses_no_entry() {
    let board = board();
    let slow = Watcher::new(Arc::clone(&board), 0);
    let flood = 3 * MOST_NOTICES as u64;
    for done in 0..flood {
        board.tell(progressed(0, None, done));
    }
    board.post(0, &entry(0));
    board.post(1, &entry(1));
    let mut slow = slow;
    assert!(matches!(slow.next().await, Some(RunEvent::Logged { seq: 0, .. })));
    assert!(matches!(slow.next().await, Some(RunEvent::Logged { seq: 1, .. })));
    let Some(RunEvent::Missed { notices }) = slow.next().await else { panic!("it is told") };
    assert_eq!(notices, flood - MOST_NOTICES as u64);
    assert_eq!(board.figures.missed_notices.value(), notices);
    board.close();
    assert_eq!(all(slow).await.len(), MOST_NOTICES, "the newest notices are still there");
}

#[tokio::test]
async fn five_hundred_watchers_see_the_same() {
    let board = board();
    let watchers: Vec<_> = (0..500).map(|_| tokio::spawn(all(Watcher::new(Arc::clone(&board), 0)))).collect();
    while board.watchers() < 500 {
        tokio::task::yield_now().await;
    }
    for seq in 0..20 {
        board.post(seq, &entry(seq));
        board.tell(progressed(0, None, seq));
    }
    board.close();
    for watcher in watchers {
        let events = watcher.await.unwrap();
        assert_eq!(numbers(&events), (0..20).collect::<Vec<u64>>());
        assert_eq!(events.len(), 40);
    }
    assert_eq!(board.watchers(), 0);
}

#[test]
fn standing_follows_what_notices_say() {
    let board = board();
    let unit = |shard| Some(Unit::Score(Shard(shard)));
    board.tell(Notice::StageBegan { stage: Stage::Score, units: 6, done: 1 });
    board.tell(Notice::Launched { stage: Stage::Score, generation: Generation(1), processes: 2 });
    board.tell(progressed(0, unit(1), 10));
    board.tell(progressed(0, unit(1), 25));
    board.tell(progressed(1, unit(2), 5));
    board.tell(progressed(0, unit(3), 7));
    board.tell(Notice::UnitDone { unit: Unit::Score(Shard(1)), done: 2, units: 6 });
    let standing = board.standing();
    assert_eq!((standing.processes, standing.leases()), (2, 2));
    assert_eq!(standing.units, Some(Units { done: 2, total: 6 }));
    assert_eq!((board.figures.rows_done.value(), board.figures.units_done.value()), (10 + 15 + 5 + 7, 1));
    board.tell(Notice::Ended { child: child(1) });
    assert_eq!((board.standing().processes, board.standing().leases()), (1, 1));
}
