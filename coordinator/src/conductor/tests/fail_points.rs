//! A coordinator that dies at each step of a run: before and after every request to the store, and so before and after
//! every entry of the log and every look at a plan, a commit or a successor; and before and after every launch.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use artifacts::Workspace;
use artifacts::faults::{Fault, Request};
use tokio::sync::watch;

use super::simulation::{FatalLaunch, Made, Sea, Side, Weather, advance, check, coordinator, everybody_goes_home};
use super::simulation::{settle, undisturbed, voyage};

/// The step at which a coordinator dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Request,
    Launch,
}

/// What becomes of the workers when their coordinator dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Workers {
    /// They go down with it.
    Die,
    /// They go on until they notice, and its successor cannot see them.
    GoOnUnseen,
}

/// The store as a coordinator sees it that dies at one of its requests.
fn dying(sea: &Sea, number: u64, side: Side, reached: watch::Sender<bool>) -> Workspace {
    sea.workspace_failing(move |request: &Request| {
        if request.number < number {
            return Fault::None;
        }
        reached.send_replace(true);
        match side {
            Side::After if request.number == number && request.operation.is_write() => Fault::HangAfter,
            Side::Before | Side::After => Fault::Hang,
        }
    })
}

/// Lets a coordinator die at a step; false when it ended before.
async fn dies_at(sea: &Arc<Sea>, step: Step, number: u64, side: Side) -> bool {
    let reached = watch::Sender::new(false);
    let workspace = match step {
        Step::Request => dying(sea, number, side, reached.clone()),
        Step::Launch => {
            let fatal = FatalLaunch { before: number, side, reached: reached.clone() };
            *sea.fatal_launch.lock().unwrap() = Some(fatal);
            sea.workspace()
        }
    };
    let running = coordinator(sea, workspace, true);
    loop {
        settle().await;
        if *reached.borrow() || running.is_finished() {
            break;
        }
        advance(sea);
    }
    running.abort();
    *sea.fatal_launch.lock().unwrap() = None;
    *reached.borrow()
}

/// Dies at every step in turn, each time in a new run that another coordinator then ends; how many steps there were.
async fn at_every(step: Step, side: Side, workers: Workers, expected: &Made) -> u64 {
    for number in 0.. {
        let sea = Sea::new(number, Weather::Calm);
        let died = dies_at(&sea, step, number, side).await;
        match workers {
            Workers::Die => sea.kill_all(),
            Workers::GoOnUnseen => sea.is_foggy.store(true, Ordering::Relaxed),
        }
        let state = voyage(&sea).await;
        everybody_goes_home(&sea).await;
        assert_eq!(check(&sea, &state).await, *expected, "{step:?} {number}, {side:?}, workers {workers:?}");
        if !died {
            return number;
        }
    }
    unreachable!("a run has an end")
}

#[tokio::test]
async fn a_coordinator_may_die_before_and_after_every_step() {
    let expected = undisturbed().await;
    for side in [Side::Before, Side::After] {
        for workers in [Workers::Die, Workers::GoOnUnseen] {
            // Each of seven entries of the log is a create and a look at it, and there is more.
            assert!(at_every(Step::Request, side, workers, &expected).await > 20);
            // One process plans, four score, one publishes.
            assert_eq!(at_every(Step::Launch, side, workers, &expected).await, 6);
        }
    }
}
