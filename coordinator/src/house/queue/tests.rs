use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn id(number: u64) -> SubmissionId {
    format!("s{number:04}").parse().unwrap()
}

fn limits(total: u32, training: u32, scoring: u32, per_owner: u32) -> Limits {
    let some = |limit| NonZeroU32::new(limit).unwrap();
    Limits {
        total: some(total),
        training: some(training),
        scoring: some(scoring),
        search: some(1),
        per_owner: some(per_owner),
        ..Limits::default()
    }
}

fn ticket(owner: &str, kind: Kind, priority: u32, arrival: u64) -> Ticket {
    let (owner, priority) = (owner.parse().unwrap(), Priority::try_from(priority).unwrap());
    Ticket { owner, kind, priority, arrival }
}

/// A queue of submissions that are named by their arrival.
fn queue(limits: Limits, tickets: impl IntoIterator<Item = Ticket>) -> Queue {
    let mut queue = Queue::new(limits);
    tickets.into_iter().for_each(|ticket| queue.join(id(ticket.arrival), ticket));
    queue
}

/// The turns in order, each of which ends before the next begins.
fn turns(mut queue: Queue) -> Vec<SubmissionId> {
    let mut turns = vec![];
    while let Some(id) = queue.next() {
        queue.leave(&id);
        turns.push(id);
    }
    turns
}

#[test]
fn whose_turn_it_is_follows_the_table() {
    use Kind::{Scoring, Training};
    let cases = [
        ("first come", vec![("ana", 5), ("ana", 5), ("ana", 5)], vec![0, 1, 2]),
        ("the urgent first", vec![("ana", 1), ("ana", 9), ("ana", 5)], vec![1, 2, 0]),
        ("owners in turn", vec![("ana", 5), ("ana", 5), ("ana", 5), ("ben", 5)], vec![0, 3, 1, 2]),
        ("urgency before owners", vec![("ana", 9), ("ana", 9), ("ben", 5)], vec![0, 1, 2]),
    ];
    for (case, waiting, expected) in cases {
        for kind in [Training, Scoring] {
            let tickets =
                (0..).zip(&waiting).map(|(arrival, (owner, priority))| ticket(owner, kind, *priority, arrival));
            let expected: Vec<_> = expected.iter().map(|number| id(*number)).collect();
            assert_eq!(turns(queue(limits(1, 1, 1, 1), tickets)), expected, "{case}");
        }
    }
}

#[test]
fn an_owner_with_fewer_running_goes_first() {
    let mut queue =
        queue(limits(4, 4, 4, 4), [ticket("ana", Kind::Training, 5, 0), ticket("ana", Kind::Training, 5, 1)]);
    assert_eq!((queue.next(), queue.next()), (Some(id(0)), Some(id(1))));
    queue.join(id(2), ticket("ana", Kind::Training, 5, 2));
    queue.join(id(3), ticket("ben", Kind::Training, 5, 3));
    assert_eq!((queue.next(), queue.next()), (Some(id(3)), Some(id(2))));
}

#[test]
fn a_full_kind_does_not_hold_up_the_others() {
    let waiting =
        [ticket("ana", Kind::Training, 9, 0), ticket("ben", Kind::Training, 9, 1), ticket("cem", Kind::Scoring, 0, 2)];
    let mut queue = queue(limits(3, 1, 1, 1), waiting);
    assert_eq!((queue.next(), queue.next(), queue.next()), (Some(id(0)), Some(id(2)), None));
    assert_eq!(
        queue.wait_of(&id(1)),
        Some(Wait::Kind { kind: Kind::Training, limit: NonZeroU32::MIN, running: vec![id(0)], ahead: 0 })
    );
    queue.leave(&id(0));
    assert_eq!(queue.wait_of(&id(1)), Some(Wait::Turn));
    assert_eq!(queue.next(), Some(id(1)));
    assert_eq!(queue.wait_of(&id(1)), None, "it runs");
}

#[test]
fn a_waiting_one_says_what_it_is_behind() {
    let waiting = (0..4).map(|n| ticket("ana", Kind::Scoring, 5, n));
    let mut full = queue(limits(1, 1, 1, 2), waiting.clone());
    full.next();
    let wait = Wait::Kind { kind: Kind::Scoring, limit: NonZeroU32::MIN, running: vec![id(0)], ahead: 2 };
    assert_eq!(full.wait_of(&id(3)), Some(wait));
    let mut total = queue(limits(1, 1, 2, 2), waiting.clone());
    total.next();
    assert_eq!(total.wait_of(&id(1)), Some(Wait::Total { limit: NonZeroU32::MIN, running: vec![id(0)], ahead: 0 }));
    let mut owner = queue(limits(9, 9, 9, 1), waiting);
    owner.next();
    let wait = Wait::Owner { owner: "ana".parse().unwrap(), limit: NonZeroU32::MIN, running: vec![id(0)], ahead: 1 };
    assert_eq!(owner.wait_of(&id(2)), Some(wait));
}

#[test]
fn one_that_rejoins_between_its_documents_keeps_its_place() {
    let mut queue = queue(limits(1, 1, 1, 1), (0..3).map(|n| ticket("ana", Kind::Training, 5, n)));
    assert_eq!(queue.next(), Some(id(0)));
    queue.join(id(0), ticket("ana", Kind::Scoring, 5, 0));
    assert_eq!(queue.next(), Some(id(0)));
}

#[test]
fn one_that_is_passed_over_again_and_again_has_its_turn() {
    let mut queue = queue(limits(1, 1, 1, 1), [ticket("ana", Kind::Training, 0, 0)]);
    let mut passes = 0;
    for arrival in 1.. {
        queue.join(id(arrival), ticket("ben", Kind::Training, 9, arrival));
        let next = queue.next().unwrap();
        queue.leave(&next);
        if next == id(0) {
            break;
        }
        passes += 1;
    }
    assert_eq!(passes, 9 * PASSES_A_STEP);
}

#[derive(Debug, Clone)]
enum Act {
    Join { owner: u8, kind: Kind, priority: u32 },
    Turns,
    Leave(usize),
}

fn any_act() -> impl Strategy<Value = Act> {
    let kind = prop::sample::select(Kind::ALL.to_vec());
    prop_oneof![
        (0..4u8, kind, 0..10u32).prop_map(|(owner, kind, priority)| Act::Join { owner, kind, priority }),
        Just(Act::Turns),
        (0..8usize).prop_map(Act::Leave),
    ]
}

fn check(queue: &Queue) -> Result<(), TestCaseError> {
    let running = |of: &dyn Fn(&Ticket) -> bool| queue.running.values().filter(|ticket| of(ticket)).count() as u32;
    prop_assert!(running(&|_| true) <= queue.limits.total.get());
    for kind in Kind::ALL {
        prop_assert!(running(&|ticket| ticket.kind == kind) <= queue.limits.of(kind).get());
    }
    let owners: BTreeSet<&Owner> = queue.running.values().map(|ticket| &ticket.owner).collect();
    for owner in owners {
        prop_assert!(running(&|ticket| ticket.owner == *owner) <= queue.limits.per_owner.get());
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_limit_is_ever_passed_and_nobody_is_forgotten(
        (total, training, scoring, per_owner) in (1..4u32, 1..3u32, 1..3u32, 1..3u32),
        acts in prop::collection::vec(any_act(), 0..120),
    ) {
        let mut queue = Queue::new(limits(total, training, scoring, per_owner));
        let mut arrivals = 0;
        for act in acts {
            match act {
                Act::Join { owner, kind, priority } => {
                    queue.join(id(arrivals), ticket(&format!("owner-{owner}"), kind, priority, arrivals));
                    arrivals += 1;
                }
                Act::Turns => while queue.next().is_some() {},
                Act::Leave(place) => {
                    let leaving = queue.running.keys().nth(place).cloned();
                    leaving.iter().for_each(|id| queue.leave(id));
                }
            }
            check(&queue)?;
            for waiting in queue.waiting.keys() {
                prop_assert!(queue.wait_of(waiting).is_some());
            }
        }
        // Whatever waits has its turn once the others end.
        let mut left: BTreeSet<SubmissionId> = queue.waiting.keys().cloned().collect();
        let rounds = left.len() + queue.running.len();
        for _ in 0..=rounds {
            while let Some(id) = queue.next() {
                prop_assert!(left.remove(&id));
            }
            check(&queue)?;
            let first = queue.running.keys().next().cloned();
            first.iter().for_each(|id| queue.leave(id));
        }
        prop_assert!(left.is_empty(), "{:?}", left);
    }

    #[test]
    fn nobody_starves_under_a_flood(
        priority in 0..10u32,
        flood in prop::collection::vec((0..3u8, 0..10u32), 40),
    ) {
        let mut queue = queue(limits(1, 1, 1, 1), [ticket("victim", Kind::Training, priority, 0)]);
        let mut arrivals = 1;
        let bound = 10 * PASSES_A_STEP as usize + 8;
        for round in 0.. {
            prop_assert!(round < 40 * bound, "still waiting");
            // Two come for every one that goes.
            for step in 0..2 {
                let (owner, priority) = flood[(2 * round + step) % flood.len()];
                queue.join(id(arrivals), ticket(&format!("flood-{owner}"), Kind::Training, priority, arrivals));
                arrivals += 1;
            }
            let next = queue.next().unwrap();
            queue.leave(&next);
            if next == id(0) {
                break;
            }
        }
    }
}
