//! One simulated run from its first coordinator to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::Clock;
use proto::Token;
use tokio::task::JoinHandle;

use super::dice::Dice;
use super::fleet::Fleet;
use super::sea::{Sea, count};
use crate::conductor::{Conductor, Orchestra};
use crate::control::Control;
use crate::desk::Desk;
use crate::error::{CoordinatorError, Result};
use crate::launcher::Contact;
use crate::log::RunLog;
use crate::notice::{Notice, Notices};
use crate::run::{Kind, State};

/// A coordinator at work.
pub(in crate::conductor::tests) type Coordinator = JoinHandle<Result<State>>;

/// Starts a coordinator that sees the store as `workspace`, and children if it `sees`.
pub(in crate::conductor::tests) fn coordinator(sea: &Arc<Sea>, workspace: Workspace, sees: bool) -> Coordinator {
    let sea = Arc::clone(sea);
    tokio::spawn(async move {
        let (log, state) = RunLog::take_over(&workspace, &sea.run(), Kind::Scoring).await?;
        let Some(log) = log else {
            return Ok(state);
        };
        let (desk, calls) = Desk::open(log.epoch());
        *sea.desk.lock().unwrap() = Some(desk.clone());
        let launcher = Arc::new(Fleet::new(Arc::clone(&sea), desk, sees));
        let contact = Contact {
            coordinator: "http://127.0.0.1:9".to_owned(),
            workspace: workspace.url(),
            token: Token::parse("0123456789abcdef").unwrap(),
        };
        let (notices, mut heard) = Notices::channel();
        let listener = Arc::clone(&sea);
        tokio::spawn(async move {
            while let Some(notice) = heard.recv().await {
                match notice {
                    Notice::Straggler { .. } => count(&listener.tally.stragglers),
                    Notice::AttemptFailed { .. } => count(&listener.tally.lost),
                    Notice::Waiting { .. } => count(&listener.tally.waiting),
                    _ => {}
                }
            }
        });
        let (clock, timing) = (Arc::clone(&sea.clock) as Arc<_>, sea.timing());
        // Nobody stops these runs but misfortune.
        let (_control, control) = Control::new();
        let orchestra = Orchestra { log, launcher, contact, clock, timing, control, notices, processes: 4 };
        Conductor::new(orchestra, calls).conduct().await
    })
}

/// Moves the clock to the next moment that somebody waits for.
pub(in crate::conductor::tests) fn advance(sea: &Sea) {
    assert!(sea.clock.advance_to_next(), "seed {}: everybody waits, and nobody for a time", sea.seed);
}

/// More turns than any chain of messages is long.
const TURNS: usize = 16;

/// Lets everything happen that can happen now.
pub(in crate::conductor::tests) async fn settle() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Longer than any misfortune lasts.
const ENDLESS: Duration = Duration::from_secs(40_000);

/// A run under whatever the seed holds, with coordinators that crash and rival each other, to its end.
pub(in crate::conductor::tests) async fn voyage(sea: &Arc<Sea>) -> State {
    let mut dice = Dice::new(sea.seed, "coordinators");
    for number in 0.. {
        let lap = lap(sea, &mut dice, number).await;
        assert!(sea.clock.now() < ENDLESS, "seed {}: the run does not end", sea.seed);
        match lap {
            Some(state @ (State::Succeeded(_) | State::HeldBack(..))) => return state,
            Some(State::Failed(..)) => count(&sea.tally.failed),
            Some(other) => panic!("seed {}: {}", sea.seed, other.as_str()),
            None => {}
        }
    }
    unreachable!("it does not end")
}

/// One coordinator, and perhaps a rival, until neither is left; the state that one of them left.
async fn lap(sea: &Arc<Sea>, dice: &mut Dice, number: u32) -> Option<State> {
    let start = sea.clock.now();
    let is_rough = sea.is_rough();
    let crash_at = (is_rough && dice.per_mille(600)).then(|| start + dice.seconds(0, 150));
    let mut rival_at = (is_rough && dice.per_mille(200)).then(|| start + dice.seconds(0, 100));
    let begin = |name: String, sees: bool| coordinator(sea, sea.workspace_of(&name), sees);
    let sees = !sea.is_foggy.load(Ordering::Relaxed) && (!is_rough || dice.per_mille(700));
    let mut coordinators = vec![begin(format!("coordinator {number}"), sees)];
    let mut last = None;
    loop {
        settle().await;
        for done in coordinators.extract_if(.., |coordinator| coordinator.is_finished()).collect::<Vec<_>>() {
            last = ended(sea, done.await.unwrap()).or(last);
        }
        if coordinators.is_empty() {
            return last;
        }
        let now = sea.clock.now();
        assert!(now < ENDLESS, "seed {}: a coordinator does not end", sea.seed);
        if rival_at.is_some_and(|at| at <= now) {
            rival_at = None;
            count(&sea.tally.rivals);
            coordinators.push(begin(format!("rival {number}"), true));
        }
        if crash_at.is_some_and(|at| at <= now) {
            count(&sea.tally.crashes);
            coordinators.iter().for_each(JoinHandle::abort);
            // Sometimes the machine goes down as a whole.
            if dice.per_mille(500) {
                sea.kill_all();
            }
            return last;
        }
        advance(sea);
    }
}

fn ended(sea: &Sea, result: Result<State>) -> Option<State> {
    match result {
        Ok(state) => return Some(state),
        Err(CoordinatorError::Superseded { .. }) => count(&sea.tally.superseded),
        Err(error) if error.is_store_silent() => count(&sea.tally.stepped_back),
        Err(error) => panic!("seed {}: {error}: {:?}", sea.seed, std::error::Error::source(&error)),
    }
    None
}

/// Waits for every worker that lost its coordinator to end by itself.
pub(in crate::conductor::tests) async fn everybody_goes_home(sea: &Sea) {
    let deadline = sea.clock.now() + Duration::from_secs(3600);
    let is_left = || sea.children.lock().unwrap().values().any(|member| !member.task.is_finished());
    settle().await;
    while is_left() {
        assert!(sea.clock.now() < deadline, "seed {}: a worker was left behind", sea.seed);
        advance(sea);
        settle().await;
    }
}
