//! Which worker may work on which unit, and until when. No clock and no I/O: time is passed in.
//!
//! A lease only decides when to start another attempt. Who won a unit is decided by create-once objects, so a
//! completion by a worker whose lease has run out is as good as any, and so is the second of two attempts at once: a
//! worker that would be idle is given the shard that has been held for too long (see [`Straggling`]).

mod grant;
mod pace;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::{Assignment, Attempt, Epoch, LeaseId, Unit, WorkerId};

pub use grant::{Completion, Grant, Holding, Lost};
pub use pace::Straggling;
use pace::{Pace, may_run_twice};

/// The units of one stage and who works on them.
#[derive(Debug)]
pub struct Leases {
    lifetime: Duration,
    straggling: Straggling,
    epoch: Epoch,
    granted: u64,
    total: usize,
    ready: BTreeSet<Unit>,
    /// Units that wait for all those before them to be done.
    later: VecDeque<BTreeSet<Unit>>,
    delayed: BTreeSet<(Duration, Unit)>,
    due: BTreeMap<Unit, Duration>,
    held: BTreeMap<LeaseId, Held>,
    /// Every held unit's lease, or two.
    holders: BTreeMap<Unit, Vec<LeaseId>>,
    /// Leases whose unit nobody else holds and another could try as well, in the order in which they were granted.
    alone: BTreeSet<LeaseId>,
    expiries: BTreeSet<(Duration, LeaseId)>,
    by_worker: BTreeMap<WorkerId, LeaseId>,
    units: BTreeMap<LeaseId, Unit>,
    done: BTreeSet<Unit>,
    pace: Pace,
}

#[derive(Debug, Clone)]
struct Held {
    unit: Unit,
    worker: WorkerId,
    attempt: Attempt,
    since: Duration,
    expires: Duration,
}

/// Attempts of one epoch; numbers of different epochs never meet.
const ATTEMPTS_PER_EPOCH: u64 = 1_000_000_000;

impl Leases {
    /// No units yet. Leases last `lifetime` unless renewed.
    pub fn new(epoch: Epoch, lifetime: Duration, straggling: Straggling) -> Self {
        Self {
            lifetime,
            straggling,
            epoch,
            granted: 0,
            total: 0,
            ready: BTreeSet::new(),
            later: VecDeque::new(),
            delayed: BTreeSet::new(),
            due: BTreeMap::new(),
            held: BTreeMap::new(),
            holders: BTreeMap::new(),
            alone: BTreeSet::new(),
            expiries: BTreeSet::new(),
            by_worker: BTreeMap::new(),
            units: BTreeMap::new(),
            done: BTreeSet::new(),
            pace: Pace::default(),
        }
    }

    /// Begins a stage with these units, some of which may be done already. Leases of the stage before are void.
    pub fn begin(&mut self, units: impl IntoIterator<Item = Unit>, done: impl IntoIterator<Item = Unit>) {
        self.begin_in_waves([units], done);
    }

    /// The same with units in waves: those of a wave are granted once all units of the waves before are done.
    pub fn begin_in_waves<Wave: IntoIterator<Item = Unit>>(
        &mut self,
        waves: impl IntoIterator<Item = Wave>,
        done: impl IntoIterator<Item = Unit>,
    ) {
        *self = Self { granted: self.granted, ..Self::new(self.epoch, self.lifetime, self.straggling) };
        let done: BTreeSet<Unit> = done.into_iter().collect();
        for wave in waves {
            let (finished, left): (BTreeSet<Unit>, BTreeSet<Unit>) =
                wave.into_iter().partition(|unit| done.contains(unit));
            self.total += finished.len() + left.len();
            self.done.extend(finished);
            self.later.push_back(left);
        }
        self.let_waves_in();
    }

    /// Lets the next wave in once nothing of those before is left.
    fn let_waves_in(&mut self) {
        while self.unfinished() == 0
            && let Some(wave) = self.later.pop_front()
        {
            self.ready = wave;
        }
    }

    /// The next unit for a worker; the same again if it holds one already, because the answer may have been lost. Where
    /// nothing is left to begin, the unit that has been held longest, if that is too long.
    pub fn acquire(&mut self, worker: &WorkerId, now: Duration) -> Grant {
        if let Some(lease) = self.by_worker.get(worker).copied()
            && let Some(held) = self.held.get(&lease).cloned()
        {
            self.renew(worker, lease, now);
            return Grant::Unit(Assignment { lease, unit: held.unit, attempt: held.attempt });
        }
        self.make_due(now);
        match self.ready.pop_first() {
            Some(unit) => Grant::Unit(self.grant(worker, unit, now)),
            None if self.is_done() => Grant::Done,
            None => match self.straggler(now) {
                Some((unit, held_for)) => Grant::Straggler(self.grant(worker, unit, now), held_for),
                None => Grant::Wait,
            },
        }
    }

    /// The unit that has been held longest by one worker alone, and for how long, if that is too long.
    fn straggler(&self, now: Duration) -> Option<(Unit, Duration)> {
        let limit = self.straggling.limit(&self.pace)?;
        let oldest = self.held.get(self.alone.first()?)?;
        let held_for = now.saturating_sub(oldest.since);
        (held_for > limit).then_some((oldest.unit, held_for))
    }

    fn grant(&mut self, worker: &WorkerId, unit: Unit, now: Duration) -> Assignment {
        self.granted += 1;
        let lease = LeaseId(self.granted);
        let attempt = Attempt(self.epoch.0 * ATTEMPTS_PER_EPOCH + self.granted);
        let expires = now + self.lifetime;
        self.held.insert(lease, Held { unit, worker: worker.clone(), attempt, since: now, expires });
        let holders = self.holders.entry(unit).or_default();
        match holders.first() {
            Some(other) => _ = self.alone.remove(other),
            None if may_run_twice(unit) => _ = self.alone.insert(lease),
            None => {}
        }
        holders.push(lease);
        self.expiries.insert((expires, lease));
        self.by_worker.insert(worker.clone(), lease);
        self.units.insert(lease, unit);
        Assignment { lease, unit, attempt }
    }

    /// Makes a lease last longer; false if the worker does not hold it.
    pub fn renew(&mut self, worker: &WorkerId, lease: LeaseId, now: Duration) -> bool {
        let Some(held) = self.held.get_mut(&lease).filter(|held| held.worker == *worker) else {
            return false;
        };
        self.expiries.remove(&(held.expires, lease));
        held.expires = now + self.lifetime;
        self.expiries.insert((held.expires, lease));
        true
    }

    /// A unit is done, whoever's lease it is now.
    pub fn complete(&mut self, lease: LeaseId, now: Duration) -> Completion {
        let Some(unit) = self.units.get(&lease).copied() else {
            return Completion::Unknown;
        };
        if let Some(held) = self.held.get(&lease) {
            self.pace.took(now.saturating_sub(held.since));
        }
        if self.settle(unit) { Completion::Done(unit) } else { Completion::Repeated }
    }

    /// Counts a unit as done, whoever holds it; false if it was before.
    pub fn settle(&mut self, unit: Unit) -> bool {
        if !self.done.insert(unit) {
            return false;
        }
        self.ready.remove(&unit);
        if let Some(due) = self.due.remove(&unit) {
            self.delayed.remove(&(due, unit));
        }
        for lease in self.holders.remove(&unit).unwrap_or_default() {
            self.take(lease);
        }
        self.let_waves_in();
        true
    }

    /// The holder gives its lease up; `None` if it does not hold it any more.
    pub fn fail(&mut self, worker: &WorkerId, lease: LeaseId) -> Option<Lost> {
        let is_holder = self.held.get(&lease).is_some_and(|held| held.worker == *worker);
        if is_holder { self.take(lease) } else { None }
    }

    /// The worker is gone; what it held, if anything.
    pub fn lose_worker(&mut self, worker: &WorkerId) -> Option<Lost> {
        let lease = self.by_worker.get(worker).copied()?;
        self.take(lease)
    }

    /// Takes away every lease that has run out.
    pub fn expire(&mut self, now: Duration) -> Vec<Lost> {
        let expired: Vec<LeaseId> =
            self.expiries.iter().take_while(|(expires, _)| *expires <= now).map(|(_, lease)| *lease).collect();
        expired.into_iter().filter_map(|lease| self.take(lease)).collect()
    }

    /// Gives every holder this much more time: the coordinator itself was away.
    pub fn excuse(&mut self, absence: Duration) {
        self.expiries.clear();
        for (lease, held) in &mut self.held {
            held.since += absence;
            held.expires += absence;
            self.expiries.insert((held.expires, *lease));
        }
    }

    /// Makes a lost unit available again, once `due`; one that another still works on, or that is done, is left alone.
    pub fn put_back(&mut self, unit: Unit, due: Duration) {
        if self.done.contains(&unit) || self.is_held(unit) {
            return;
        }
        if let Some(before) = self.due.insert(unit, due) {
            self.delayed.remove(&(before, unit));
        }
        self.delayed.insert((due, unit));
    }

    fn take(&mut self, lease: LeaseId) -> Option<Lost> {
        let Held { unit, worker, attempt, since: _, expires } = self.held.remove(&lease)?;
        self.expiries.remove(&(expires, lease));
        self.by_worker.remove(&worker);
        self.alone.remove(&lease);
        if let Some(holders) = self.holders.get_mut(&unit) {
            holders.retain(|holder| *holder != lease);
            match holders.first() {
                Some(other) => _ = self.alone.insert(*other),
                None => _ = self.holders.remove(&unit),
            }
        }
        Some(Lost { unit, worker, attempt })
    }

    fn make_due(&mut self, now: Duration) {
        while let Some((due, unit)) = self.delayed.first().copied().filter(|(due, _)| *due <= now) {
            self.delayed.remove(&(due, unit));
            self.due.remove(&unit);
            self.ready.insert(unit);
        }
    }
}
