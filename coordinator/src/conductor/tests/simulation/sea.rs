//! What coordinators and workers of a simulated run share: a store, a clock, chance, and a record of what happened.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use artifacts::Workspace;
use artifacts::clock::Clock;
use artifacts::faults::{Fault, FaultyStore, Operation, Request};
use artifacts::publish::Patience;
use artifacts::source::Location;
use object_store::memory::InMemory;
use proto::Unit;
use spec::RunId;
use tokio::sync::watch;

use super::dice::Dice;
use super::member::Member;
use crate::conductor::tests::clock::HandClock;
use crate::desk::Desk;
use crate::launcher::ChildName;
use crate::leases::Straggling;
use crate::timing::Timing;

/// Shards of the plan.
pub(in crate::conductor::tests) const SHARDS: u64 = 12;

/// How rough it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::conductor::tests) enum Weather {
    /// Nothing goes wrong.
    Calm,
    /// Whatever the seed says, until this moment.
    RoughUntil(Duration),
}

/// What happened, so that a test can tell that anything did.
#[derive(Debug, Default)]
pub(in crate::conductor::tests) struct Tally {
    pub(in crate::conductor::tests) crashes: AtomicU64,
    pub(in crate::conductor::tests) rivals: AtomicU64,
    pub(in crate::conductor::tests) superseded: AtomicU64,
    pub(in crate::conductor::tests) stepped_back: AtomicU64,
    pub(in crate::conductor::tests) failed: AtomicU64,
    pub(in crate::conductor::tests) stragglers: AtomicU64,
    pub(in crate::conductor::tests) lost: AtomicU64,
    pub(in crate::conductor::tests) waiting: AtomicU64,
    pub(in crate::conductor::tests) faults: AtomicU64,
}

/// On which side of a step a coordinator dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::conductor::tests) enum Side {
    Before,
    /// It has been done, and the coordinator does not hear of it.
    After,
}

/// A launch at which the coordinator dies.
pub(in crate::conductor::tests) struct FatalLaunch {
    /// How many launches go well before it.
    pub(in crate::conductor::tests) before: u64,
    pub(in crate::conductor::tests) side: Side,
    /// Told when it has come.
    pub(in crate::conductor::tests) reached: watch::Sender<bool>,
}

pub(in crate::conductor::tests) fn count(number: &AtomicU64) {
    number.fetch_add(1, Ordering::Relaxed);
}

pub(in crate::conductor::tests) struct Sea {
    pub(in crate::conductor::tests) seed: u64,
    pub(in crate::conductor::tests) weather: Weather,
    pub(in crate::conductor::tests) clock: Arc<HandClock>,
    pub(in crate::conductor::tests) tally: Tally,
    /// Whether coordinators cannot find out what others launched.
    pub(in crate::conductor::tests) is_foggy: AtomicBool,
    /// At which launch the coordinator dies, if at one.
    pub(in crate::conductor::tests) fatal_launch: Mutex<Option<FatalLaunch>>,
    /// Where the newest coordinator's workers ask.
    pub(in crate::conductor::tests) desk: Mutex<Option<Desk>>,
    store: Arc<InMemory>,
    pub(super) children: Mutex<BTreeMap<ChildName, Member>>,
    /// Every attempt that was begun, and by whom.
    pub(super) attempts: Mutex<BTreeMap<u64, (Unit, ChildName)>>,
    /// Which of the run's children were started.
    pub(super) launched: Mutex<Vec<ChildName>>,
}

impl Sea {
    pub(in crate::conductor::tests) fn new(seed: u64, weather: Weather) -> Arc<Self> {
        Arc::new(Self {
            seed,
            weather,
            clock: Arc::default(),
            tally: Tally::default(),
            is_foggy: AtomicBool::default(),
            fatal_launch: Mutex::default(),
            desk: Mutex::default(),
            store: Arc::default(),
            children: Mutex::default(),
            attempts: Mutex::default(),
            launched: Mutex::default(),
        })
    }

    pub(in crate::conductor::tests) fn run(&self) -> RunId {
        "voyage-0123456789ab".parse().unwrap()
    }

    pub(in crate::conductor::tests) fn timing(&self) -> Timing {
        Timing {
            heartbeat: Duration::from_secs(5),
            idle: Duration::from_secs(2),
            straggling: Straggling { multiple: 3, floor: Duration::from_secs(10) },
            stuck: Duration::from_secs(600),
            ..Timing::default()
        }
    }

    pub(in crate::conductor::tests) fn is_rough(&self) -> bool {
        matches!(self.weather, Weather::RoughUntil(moment) if self.clock.now() < moment)
    }

    /// One more launch: on which side of it the coordinator dies, if it does.
    pub(super) fn launch_begins(&self) -> Option<Side> {
        let mut fatal = self.fatal_launch.lock().unwrap();
        let launch = fatal.as_mut()?;
        match launch.before.checked_sub(1) {
            Some(left) => {
                launch.before = left;
                None
            }
            None => {
                let FatalLaunch { side, reached, .. } = fatal.take()?;
                reached.send_replace(true);
                Some(side)
            }
        }
    }

    /// Every worker dies.
    pub(in crate::conductor::tests) fn kill_all(&self) {
        self.children.lock().unwrap().values().for_each(|member| member.task.abort());
    }

    /// The store as it is, for whoever checks it.
    pub(in crate::conductor::tests) fn workspace(&self) -> Workspace {
        self.in_store(Arc::clone(&self.store) as Arc<_>)
    }

    /// The store through a plan of faults.
    pub(in crate::conductor::tests) fn workspace_failing(
        &self,
        plan: impl Fn(&Request) -> Fault + Send + Sync + 'static,
    ) -> Workspace {
        self.in_store(Arc::new(FaultyStore::new(Arc::clone(&self.store) as Arc<_>, plan)))
    }

    fn in_store(&self, store: Arc<dyn object_store::ObjectStore>) -> Workspace {
        let root = Location::parse("memory://sea/workspace").unwrap();
        Workspace::in_store(store, root).with_patience(Patience::default(), Arc::clone(&self.clock) as Arc<_>)
    }

    /// The store as one process sees it: single requests fail, and now and then all of them for a while.
    pub(in crate::conductor::tests) fn workspace_of(self: &Arc<Self>, whose: &str) -> Workspace {
        let mut dice = Dice::new(self.seed, &format!("outages of {whose}"));
        let outages: Vec<(Duration, Duration)> = (0..2)
            .map(|_| {
                let begin = dice.seconds(0, 2000);
                (begin, begin + dice.seconds(1, 200))
            })
            .collect();
        let dice = Mutex::new(Dice::new(self.seed, &format!("store of {whose}")));
        let sea = Arc::clone(self);
        self.workspace_failing(move |request| {
            if !sea.is_rough() {
                return Fault::None;
            }
            let now = sea.clock.now();
            let is_out = outages.iter().any(|(begin, end)| (*begin..*end).contains(&now));
            let fault = if is_out { Fault::Before } else { misfortune(&mut dice.lock().unwrap(), request) };
            if fault != Fault::None {
                count(&sea.tally.faults);
            }
            fault
        })
    }
}

fn misfortune(dice: &mut Dice, request: &Request) -> Fault {
    if !dice.per_mille(80) {
        return Fault::None;
    }
    // Outside creates nobody asks twice: what hangs there would hang for ever.
    match (request.operation, dice.below(6)) {
        (Operation::Put, 0) => Fault::After,
        (Operation::Put, 1) => Fault::Conflict,
        (Operation::Put, 2) => Fault::AppliedConflict,
        (Operation::Put | Operation::Get, 3) => Fault::Hang,
        (Operation::Put, 4) => Fault::HangAfter,
        _ => Fault::Before,
    }
}
