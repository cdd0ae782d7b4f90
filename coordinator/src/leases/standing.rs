//! How a stage's units stand: questions that change nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::{Unit, WorkerId};

use super::{Holding, Leases};

impl Leases {
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
        self.total - self.done.len() - self.holders.len()
    }

    /// Whether somebody works on a unit.
    pub fn is_held(&self, unit: Unit) -> bool {
        self.holders.contains_key(&unit)
    }

    /// Every lease, the oldest first.
    pub fn held(&self) -> impl Iterator<Item = Holding<'_>> {
        self.held.values().map(|held| Holding { unit: held.unit, worker: &held.worker, since: held.since })
    }

    /// Units whose next try is not due yet, and when it is, the next one first.
    pub fn delayed(&self) -> impl Iterator<Item = (Duration, Unit)> {
        self.delayed.iter().copied()
    }

    /// How many units could begin at once.
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// The unit that a worker holds.
    pub fn unit_of(&self, worker: &WorkerId) -> Option<Unit> {
        let lease = self.by_worker.get(worker)?;
        self.held.get(lease).map(|held| held.unit)
    }
}
