//! A store that falls silent while a coordinator writes its log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use artifacts::clock::Clock;
use artifacts::faults::{Fault, Operation, Request};
use proto::{Epoch, Heartbeat, Instruction, Next, Progress, WorkerId};

use super::simulation::{Coordinator, Sea, Weather, advance, coordinator, everybody_goes_home, settle, voyage};
use crate::desk::{Caller, Desk};

/// The log's entry that says that the plan is done.
const PLANNED: &str = "log/00000000000000000002.json";

/// A run whose coordinator waits for its store to take that entry, until `is_silent` is over.
async fn silenced(sea: &Arc<Sea>, is_silent: &Arc<AtomicBool>) -> (Coordinator, Desk) {
    let (silent, reached) = (Arc::clone(is_silent), Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&reached);
    let workspace = sea.workspace_failing(move |request: &Request| {
        let is_planned = request.operation == Operation::Put && request.path.as_ref().ends_with(PLANNED);
        seen.fetch_or(is_planned, Ordering::Relaxed);
        if seen.load(Ordering::Relaxed) && silent.load(Ordering::Relaxed) { Fault::Before } else { Fault::None }
    });
    let running = coordinator(sea, workspace, true);
    settle().await;
    while !reached.load(Ordering::Relaxed) {
        advance(sea);
        settle().await;
    }
    let desk = sea.desk.lock().unwrap().clone().unwrap();
    (running, desk)
}

fn planner() -> Caller {
    Caller { worker: WorkerId("plan-g1-p0".to_owned()), epoch: Epoch(1) }
}

#[tokio::test]
async fn workers_are_answered_while_the_store_is_silent_and_the_run_goes_on_after_it() {
    let (sea, is_silent) = (Sea::new(0, Weather::Calm), Arc::new(AtomicBool::new(true)));
    let (running, desk) = silenced(&sea, &is_silent).await;
    let heartbeat = Heartbeat { lease: None, progress: Progress::default() };
    // Neither needs time to pass.
    assert_eq!(desk.heartbeat(planner(), heartbeat).await, Ok(Instruction::Continue));
    let later = sea.clock.now() + sea.timing().round;
    while sea.clock.now() <= later {
        advance(&sea);
        settle().await;
    }
    assert_eq!(desk.acquire(planner()).await, Ok(Next::Wait(sea.timing().idle)));
    assert!(!running.is_finished());
    is_silent.store(false, Ordering::Relaxed);
    while !running.is_finished() {
        advance(&sea);
        settle().await;
    }
    assert_eq!(running.await.unwrap().unwrap().as_str(), "succeeded");
    assert_eq!(sea.tally.lost.load(Ordering::Relaxed), 0, "nobody failed");
    everybody_goes_home(&sea).await;
}

#[tokio::test]
async fn a_store_that_stays_silent_makes_the_coordinator_step_back_and_no_run_fail() {
    let (sea, is_silent) = (Sea::new(0, Weather::Calm), Arc::new(AtomicBool::new(true)));
    let (running, _desk) = silenced(&sea, &is_silent).await;
    let begun = sea.clock.now();
    while !running.is_finished() {
        advance(&sea);
        settle().await;
    }
    let error = running.await.unwrap().unwrap_err();
    assert!(error.is_store_silent(), "{error}");
    let waited = sea.clock.now() - begun;
    assert!(waited > Duration::from_secs(90) && waited < Duration::from_secs(150), "{waited:?}");
    let state = voyage(&sea).await;
    assert_eq!(state.as_str(), "succeeded", "and another goes on");
    assert_eq!(sea.tally.failed.load(Ordering::Relaxed), 0);
    everybody_goes_home(&sea).await;
}
