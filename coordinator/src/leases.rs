//! Which worker may work on which unit, and until when. No clock and no I/O: time is passed in.
//!
//! A lease only decides when to start another attempt. Who won a unit is decided by create-once objects, so a
//! completion by a worker whose lease has run out is as good as any.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use proto::{Assignment, Attempt, Epoch, LeaseId, Unit, WorkerId};

#[cfg(test)]
mod tests;

/// The units of one stage and who works on them.
#[derive(Debug)]
pub struct Leases {
    lifetime: Duration,
    epoch: Epoch,
    granted: u64,
    total: usize,
    ready: BTreeSet<Unit>,
    /// Units that wait for all those before them to be done.
    later: VecDeque<BTreeSet<Unit>>,
    delayed: BTreeSet<(Duration, Unit)>,
    held: BTreeMap<LeaseId, Held>,
    expiries: BTreeSet<(Duration, LeaseId)>,
    by_worker: BTreeMap<WorkerId, LeaseId>,
    units: BTreeMap<LeaseId, Unit>,
    done: BTreeSet<Unit>,
}

#[derive(Debug, Clone)]
struct Held {
    unit: Unit,
    worker: WorkerId,
    attempt: Attempt,
    expires: Duration,
}

/// A lease that ended without its unit being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The unit; it is nobody's until [`Leases::put_back`].
    pub unit: Unit,
    /// Who held it.
    pub worker: WorkerId,
    /// Which try it was.
    pub attempt: Attempt,
}

/// What a worker gets that asks for work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// This.
    Unit(Assignment),
    /// Nothing now: others work on what is left, or it is not due yet.
    Wait,
    /// Everything is done.
    Done,
}

/// What a completion changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// The unit is done now.
    Done(Unit),
    /// It was done already.
    Repeated,
    /// No such lease was ever granted for this stage.
    Unknown,
}

/// Attempts of one epoch; numbers of different epochs never meet.
const ATTEMPTS_PER_EPOCH: u64 = 1_000_000_000;

impl Leases {
    /// No units yet. Leases last `lifetime` unless renewed.
    pub fn new(epoch: Epoch, lifetime: Duration) -> Self {
        Self {
            lifetime,
            epoch,
            granted: 0,
            total: 0,
            ready: BTreeSet::new(),
            later: VecDeque::new(),
            delayed: BTreeSet::new(),
            held: BTreeMap::new(),
            expiries: BTreeSet::new(),
            by_worker: BTreeMap::new(),
            units: BTreeMap::new(),
            done: BTreeSet::new(),
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
        let (epoch, lifetime, granted) = (self.epoch, self.lifetime, self.granted);
        *self = Self { granted, ..Self::new(epoch, lifetime) };
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

    /// The next unit for a worker; the same again if it holds one already, because the answer may have been lost.
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
            None => Grant::Wait,
        }
    }

    fn grant(&mut self, worker: &WorkerId, unit: Unit, now: Duration) -> Assignment {
        self.granted += 1;
        let lease = LeaseId(self.granted);
        let attempt = Attempt(self.epoch.0 * ATTEMPTS_PER_EPOCH + self.granted);
        let expires = now + self.lifetime;
        self.held.insert(lease, Held { unit, worker: worker.clone(), attempt, expires });
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
    pub fn complete(&mut self, lease: LeaseId) -> Completion {
        let Some(unit) = self.units.get(&lease).copied() else {
            return Completion::Unknown;
        };
        if self.settle(unit) { Completion::Done(unit) } else { Completion::Repeated }
    }

    /// Counts a unit as done, whoever holds it; false if it was before.
    pub fn settle(&mut self, unit: Unit) -> bool {
        if !self.done.insert(unit) {
            return false;
        }
        self.ready.remove(&unit);
        self.delayed.retain(|(_, delayed)| *delayed != unit);
        let holder = self.held.iter().find(|(_, held)| held.unit == unit).map(|(lease, _)| *lease);
        if let Some(holder) = holder {
            self.take(holder);
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
            held.expires += absence;
            self.expiries.insert((held.expires, *lease));
        }
    }

    /// Makes a lost unit available again, once `due`.
    pub fn put_back(&mut self, unit: Unit, due: Duration) {
        if !self.done.contains(&unit) {
            self.delayed.insert((due, unit));
        }
    }

    /// When the next lease runs out or the next delayed unit is due.
    pub fn next_change(&self) -> Option<Duration> {
        let expiry = self.expiries.first().map(|(expires, _)| *expires);
        let due = self.delayed.first().map(|(due, _)| *due);
        expiry.into_iter().chain(due).min()
    }

    /// Whether every unit is done.
    pub fn is_done(&self) -> bool {
        self.done.len() == self.total
    }

    /// How many units are done.
    pub fn done(&self) -> usize {
        self.done.len()
    }

    /// How many units there are.
    pub fn total(&self) -> usize {
        self.total
    }

    /// How many units are not done, of the waves that have come in.
    pub fn unfinished(&self) -> usize {
        let later: usize = self.later.iter().map(BTreeSet::len).sum();
        self.total - self.done.len() - later
    }

    /// How many units are neither done nor held.
    pub fn waiting(&self) -> usize {
        self.total - self.done.len() - self.held.len()
    }

    /// The unit that a worker holds.
    pub fn unit_of(&self, worker: &WorkerId) -> Option<Unit> {
        let lease = self.by_worker.get(worker)?;
        self.held.get(lease).map(|held| held.unit)
    }

    fn take(&mut self, lease: LeaseId) -> Option<Lost> {
        let Held { unit, worker, attempt, expires } = self.held.remove(&lease)?;
        self.expiries.remove(&(expires, lease));
        self.by_worker.remove(&worker);
        Some(Lost { unit, worker, attempt })
    }

    fn make_due(&mut self, now: Duration) {
        while let Some((due, unit)) = self.delayed.first().copied().filter(|(due, _)| *due <= now) {
            self.delayed.remove(&(due, unit));
            self.ready.insert(unit);
        }
    }
}
