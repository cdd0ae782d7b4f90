use proptest::prelude::*;
use proto::Shard;

use super::*;

const LIFETIME: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn worker(number: u64) -> WorkerId {
    WorkerId(format!("w{number}"))
}

fn shard(number: u64) -> Unit {
    Unit::Score(Shard(number))
}

const STRAGGLING: Straggling = Straggling { multiple: 3, floor: Duration::from_secs(10) };

fn leases(shards: u64) -> Leases {
    let mut leases = Leases::new(Epoch(2), LIFETIME, STRAGGLING);
    leases.begin((0..shards).map(shard), []);
    leases
}

fn granted(grant: Grant) -> Assignment {
    match grant {
        Grant::Unit(assignment) => assignment,
        other => panic!("{other:?}"),
    }
}

#[test]
fn units_are_granted_in_order_and_then_there_is_nothing_left() {
    let mut leases = leases(2);
    let first = granted(leases.acquire(&worker(1), at(0)));
    let second = granted(leases.acquire(&worker(2), at(0)));
    assert_eq!((first.unit, second.unit), (shard(0), shard(1)));
    assert_eq!(first.attempt, Attempt(2_000_000_001));
    assert_eq!(leases.acquire(&worker(3), at(0)), Grant::Wait);
    assert_eq!(leases.complete(first.lease, at(0)), Completion::Done(shard(0)));
    assert_eq!(leases.acquire(&worker(1), at(0)), Grant::Wait);
    assert_eq!(leases.complete(second.lease, at(0)), Completion::Done(shard(1)));
    assert_eq!(leases.acquire(&worker(1), at(0)), Grant::Done);
}

#[test]
fn a_worker_that_asks_twice_gets_the_same_unit() {
    let mut leases = leases(2);
    let first = granted(leases.acquire(&worker(1), at(0)));
    assert_eq!(granted(leases.acquire(&worker(1), at(5))), first);
    assert_eq!(leases.waiting(), 1);
}

#[test]
fn units_done_before_are_not_granted_again() {
    let mut leases = Leases::new(Epoch(1), LIFETIME, STRAGGLING);
    leases.begin((0..3).map(shard), [shard(0), shard(2), shard(9)]);
    assert_eq!((leases.done(), leases.total()), (2, 3));
    assert_eq!(granted(leases.acquire(&worker(1), at(0))).unit, shard(1));
}

#[test]
fn a_wave_is_let_in_when_all_before_it_is_done() {
    let mut leases = Leases::new(Epoch(1), LIFETIME, STRAGGLING);
    leases.begin_in_waves([vec![shard(0), shard(1)], vec![shard(2)], vec![shard(3)]], [shard(0), shard(9)]);
    assert_eq!((leases.done(), leases.unfinished(), leases.total()), (1, 1, 4));
    let first = granted(leases.acquire(&worker(1), at(0)));
    assert_eq!(first.unit, shard(1));
    assert_eq!(leases.acquire(&worker(2), at(0)), Grant::Wait);
    let lost = leases.fail(&worker(1), first.lease).unwrap();
    assert_eq!(leases.acquire(&worker(2), at(0)), Grant::Wait, "lost is not done");
    leases.put_back(lost.unit, at(1));
    let second = granted(leases.acquire(&worker(2), at(1)));
    assert_eq!(leases.complete(second.lease, at(0)), Completion::Done(shard(1)));
    assert_eq!(granted(leases.acquire(&worker(1), at(1))).unit, shard(2));
    assert!(leases.settle(shard(2)), "given up, and so done");
    assert!(!leases.settle(shard(2)));
    let last = granted(leases.acquire(&worker(2), at(1)));
    assert_eq!((last.unit, leases.is_done()), (shard(3), false));
    leases.complete(last.lease, at(0));
    assert!(leases.is_done());
}

#[test]
fn waves_that_are_done_already_are_passed_over() {
    let mut leases = Leases::new(Epoch(1), LIFETIME, STRAGGLING);
    leases.begin_in_waves([vec![shard(0)], vec![shard(1)], vec![shard(2)]], [shard(0), shard(1)]);
    assert_eq!(granted(leases.acquire(&worker(1), at(0))).unit, shard(2));
    leases.begin_in_waves([vec![shard(0)]], [shard(0)]);
    assert!(leases.is_done());
}

#[test]
fn an_expired_lease_goes_to_another_with_a_new_attempt() {
    let mut leases = leases(1);
    let first = granted(leases.acquire(&worker(1), at(0)));
    assert_eq!(leases.next_change(), Some(at(30)));
    assert!(leases.expire(at(29)).is_empty());
    let lost = leases.expire(at(30));
    assert_eq!(lost, [Lost { unit: shard(0), worker: worker(1), attempt: first.attempt }]);
    assert_eq!(leases.acquire(&worker(2), at(30)), Grant::Wait, "not before it is put back");
    leases.put_back(shard(0), at(32));
    assert_eq!(leases.next_change(), Some(at(32)));
    assert_eq!(leases.acquire(&worker(2), at(31)), Grant::Wait);
    let second = granted(leases.acquire(&worker(2), at(32)));
    assert_ne!(second.attempt, first.attempt);
    assert!(!leases.renew(&worker(1), first.lease, at(33)), "the first holder hears that it is not its any more");
}

#[test]
fn heartbeats_keep_a_lease() {
    let mut leases = leases(1);
    let lease = granted(leases.acquire(&worker(1), at(0))).lease;
    assert!(leases.renew(&worker(1), lease, at(29)));
    assert!(!leases.renew(&worker(2), lease, at(29)), "another's lease");
    assert!(leases.expire(at(58)).is_empty());
    assert_eq!(leases.expire(at(59)).len(), 1);
}

#[test]
fn work_done_after_the_lease_was_lost_counts_and_frees_the_second_attempt() {
    let mut leases = leases(1);
    let slow = granted(leases.acquire(&worker(1), at(0)));
    leases.expire(at(30));
    leases.put_back(shard(0), at(30));
    let second = granted(leases.acquire(&worker(2), at(30)));
    assert_eq!(leases.complete(slow.lease, at(0)), Completion::Done(shard(0)));
    assert!(!leases.renew(&worker(2), second.lease, at(31)), "the second attempt is called off");
    assert_eq!(leases.complete(second.lease, at(0)), Completion::Repeated);
    assert!(leases.is_done());
}

#[test]
fn work_done_while_the_unit_waits_for_its_next_try_counts() {
    let mut leases = leases(1);
    let slow = granted(leases.acquire(&worker(1), at(0)));
    leases.expire(at(30));
    leases.put_back(shard(0), at(99));
    assert_eq!(leases.complete(slow.lease, at(0)), Completion::Done(shard(0)));
    assert_eq!(leases.acquire(&worker(2), at(100)), Grant::Done);
}

#[test]
fn only_the_holder_can_fail_a_unit() {
    let mut leases = leases(1);
    let first = granted(leases.acquire(&worker(1), at(0)));
    assert_eq!(leases.fail(&worker(2), first.lease), None);
    assert_eq!(leases.fail(&worker(1), first.lease).unwrap().unit, shard(0));
    assert_eq!(leases.fail(&worker(1), first.lease), None, "once");
    assert_eq!(leases.complete(LeaseId(77), at(0)), Completion::Unknown);
}

#[test]
fn a_lost_worker_gives_back_what_it_held() {
    let mut leases = leases(1);
    granted(leases.acquire(&worker(1), at(0)));
    assert_eq!(leases.unit_of(&worker(1)), Some(shard(0)));
    assert_eq!(leases.lose_worker(&worker(1)).unwrap().unit, shard(0));
    assert_eq!(leases.lose_worker(&worker(1)), None);
    assert_eq!(leases.unit_of(&worker(1)), None);
}

#[test]
fn an_absent_coordinator_blames_nobody() {
    let mut leases = leases(1);
    granted(leases.acquire(&worker(1), at(0)));
    leases.excuse(at(1000));
    assert!(leases.expire(at(1029)).is_empty());
    assert_eq!(leases.expire(at(1030)).len(), 1);
}

#[test]
fn leases_of_an_earlier_stage_mean_nothing_and_attempts_go_on_counting() {
    let mut leases = Leases::new(Epoch(1), LIFETIME, STRAGGLING);
    leases.begin([Unit::Plan], []);
    let plan = granted(leases.acquire(&worker(1), at(0)));
    leases.begin([shard(0)], []);
    assert_eq!(leases.complete(plan.lease, at(0)), Completion::Unknown);
    assert!(granted(leases.acquire(&worker(1), at(0))).attempt > plan.attempt);
}

#[derive(Debug, Clone)]
enum Step {
    Acquire(u64),
    Renew(u64),
    Complete(u64),
    Fail(u64),
    LoseWorker(u64),
    Pass(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4u64).prop_map(Step::Acquire),
        1 => (0..4u64).prop_map(Step::Renew),
        2 => (0..4u64).prop_map(Step::Complete),
        1 => (0..4u64).prop_map(Step::Fail),
        1 => (0..4u64).prop_map(Step::LoseWorker),
        1 => (0..40u64).prop_map(Step::Pass),
    ]
}

#[test]
fn a_shard_held_for_too_long_is_tried_by_an_idle_worker_as_well() {
    let mut leases = leases(3);
    let slow = granted(leases.acquire(&worker(1), at(0)));
    for number in 2..4 {
        let quick = granted(leases.acquire(&worker(number), at(0)));
        leases.complete(quick.lease, at(5));
    }
    assert_eq!(leases.acquire(&worker(2), at(15)), Grant::Wait, "three times the median is not too long");
    let Grant::Straggler(second, held_for) = leases.acquire(&worker(2), at(16)) else { panic!("nothing to try") };
    assert_eq!((second.unit, held_for), (shard(0), at(16)));
    assert_ne!(second.attempt, slow.attempt);
    assert_eq!(leases.acquire(&worker(3), at(999)), Grant::Wait, "two at once are enough");
    assert_eq!(granted(leases.acquire(&worker(1), at(17))), slow, "nobody gets its own shard twice");

    assert_eq!(leases.complete(second.lease, at(20)), Completion::Done(shard(0)));
    assert!(!leases.renew(&worker(1), slow.lease, at(21)), "the slower one hears that it can stop");
    assert_eq!(leases.complete(slow.lease, at(22)), Completion::Repeated);
    assert_eq!((leases.done(), leases.acquire(&worker(1), at(22))), (3, Grant::Done));
}

#[test]
fn a_second_attempt_that_is_lost_leaves_the_first_alone() {
    let mut leases = leases(2);
    let slow = granted(leases.acquire(&worker(1), at(0)));
    let quick = granted(leases.acquire(&worker(2), at(0)));
    leases.complete(quick.lease, at(1));
    let straggler = |grant| matches!(grant, Grant::Straggler(..));
    assert!(straggler(leases.acquire(&worker(2), at(11))));
    let lost = leases.lose_worker(&worker(2)).unwrap();
    assert!(leases.is_held(lost.unit));
    leases.put_back(lost.unit, at(11));
    assert_eq!((leases.waiting(), leases.next_change()), (0, Some(at(30))), "the first attempt still counts");
    assert!(straggler(leases.acquire(&worker(3), at(12))), "and may be doubled again");
    let first_lost = leases.fail(&worker(1), slow.lease).unwrap();
    leases.put_back(first_lost.unit, at(12));
    assert_eq!(leases.acquire(&worker(2), at(13)), Grant::Wait, "the second attempt is the only one now, and young");
}

#[test]
fn only_shards_are_tried_twice_at_once() {
    let mut leases = Leases::new(Epoch(1), LIFETIME, STRAGGLING);
    let trial = |number| Unit::Trial(proto::Trial(number));
    for units in [vec![trial(0), trial(1)], vec![Unit::Train, Unit::Plan], vec![Unit::Prepare, Unit::Publish]] {
        leases.begin(units, []);
        granted(leases.acquire(&worker(1), at(0)));
        let quick = granted(leases.acquire(&worker(2), at(0)));
        leases.complete(quick.lease, at(1));
        assert_eq!(leases.acquire(&worker(2), at(9999)), Grant::Wait, "{}", quick.unit);
    }
}

#[test]
fn an_absent_coordinator_makes_no_stragglers() {
    let mut leases = leases(2);
    granted(leases.acquire(&worker(1), at(0)));
    let quick = granted(leases.acquire(&worker(2), at(0)));
    leases.complete(quick.lease, at(1));
    leases.excuse(at(1000));
    assert_eq!(leases.acquire(&worker(2), at(1010)), Grant::Wait);
    assert!(matches!(leases.acquire(&worker(2), at(1011)), Grant::Straggler(..)));
}

proptest! {
    /// Whatever workers do, a unit has at most two holders and a worker one lease, none is forgotten, and attempts
    /// never repeat.
    #[test]
    fn no_unit_is_lost_or_held_by_more_than_two(steps in prop::collection::vec(any_step(), 0..120)) {
        let mut leases = leases(5);
        let mut now = at(0);
        let mut latest: BTreeMap<u64, LeaseId> = BTreeMap::new();
        let mut attempts = BTreeSet::new();
        for step in steps {
            match step {
                Step::Acquire(number) => {
                    let held_before = leases.unit_of(&worker(number));
                    let grant = leases.acquire(&worker(number), now);
                    prop_assert!(!(held_before.is_some() && matches!(grant, Grant::Straggler(..))));
                    if let Grant::Unit(assignment) | Grant::Straggler(assignment, _) = grant {
                        prop_assert!(held_before.is_some() || attempts.insert(assignment.attempt));
                        prop_assert!(held_before.is_none_or(|unit| unit == assignment.unit));
                        latest.insert(number, assignment.lease);
                    }
                }
                Step::Renew(number) => {
                    latest.get(&number).map(|lease| leases.renew(&worker(number), *lease, now));
                }
                Step::Complete(number) => {
                    latest.get(&number).map(|lease| leases.complete(*lease, now));
                }
                Step::Fail(number) => {
                    let lost = latest.get(&number).and_then(|lease| leases.fail(&worker(number), *lease));
                    if let Some(lost) = lost {
                        leases.put_back(lost.unit, now);
                    }
                }
                Step::LoseWorker(number) => {
                    if let Some(lost) = leases.lose_worker(&worker(number)) {
                        leases.put_back(lost.unit, now);
                    }
                }
                Step::Pass(seconds) => {
                    now += at(seconds);
                    for lost in leases.expire(now) {
                        leases.put_back(lost.unit, now);
                    }
                }
            }
            let held: Vec<Unit> = (0..4).filter_map(|number| leases.unit_of(&worker(number))).collect();
            let distinct: BTreeSet<Unit> = held.iter().copied().collect();
            prop_assert!(distinct.iter().all(|unit| held.iter().filter(|other| *other == unit).count() <= 2));
            let twice = leases.holders.values().filter(|holders| holders.len() == 2).count();
            prop_assert_eq!(held.len(), distinct.len() + twice);
            prop_assert_eq!(leases.alone.len(), distinct.len() - twice);
            prop_assert_eq!(leases.ready.len() + leases.delayed.len() + distinct.len() + leases.done(), 5);
            prop_assert_eq!(leases.waiting(), leases.ready.len() + leases.delayed.len());
        }
        // Whatever happened, one diligent worker can finish the stage.
        for _ in 0..10 {
            now += at(60);
            for lost in leases.expire(now) {
                leases.put_back(lost.unit, now);
            }
            while let Grant::Unit(assignment) = leases.acquire(&worker(9), now) {
                leases.complete(assignment.lease, now);
            }
        }
        prop_assert!(leases.is_done());
    }
}
