//! Whose turn it is. No clock and no I/O: a decision depends on what waits, what runs, and the order of both.
//!
//! Among those that the limits let through, the most urgent goes first; among equals the owner with the fewest running,
//! then the one whose last turn is longest ago, then the submission that came first. Each time that a less urgent one
//! could have gone and a more urgent one did, it comes nearer; [`PASSES_A_STEP`] such passes raise it by one priority, up
//! to the highest. So nobody waits for ever, and flooding the queue gains an owner nothing.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Serialize;
use spec::{RunId, SubmissionId};

use crate::names::{Owner, Priority};
use crate::run::Kind;

#[cfg(test)]
mod tests;

/// How often a submission is passed over until it counts as one priority more urgent.
const PASSES_A_STEP: u64 = 8;

/// How many submissions run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub total: NonZeroU32,
    /// At a Training document without a search.
    pub training: NonZeroU32,
    /// At a Scoring document.
    pub scoring: NonZeroU32,
    /// At a Training document with a search.
    pub search: NonZeroU32,
    /// Of one owner.
    pub per_owner: NonZeroU32,
    /// Of one owner, together with those that wait: one more is refused.
    pub unended_per_owner: NonZeroU32,
}

impl Default for Limits {
    /// For one machine: two runs, one of which trains.
    fn default() -> Self {
        let two = NonZeroU32::MIN.saturating_add(1);
        let (training, search) = (NonZeroU32::MIN, NonZeroU32::MIN);
        let unended_per_owner = NonZeroU32::MIN.saturating_add(999);
        Self { total: two, training, scoring: two, search, per_owner: two, unended_per_owner }
    }
}

impl Limits {
    /// How many of a kind run at once.
    pub fn of(&self, kind: Kind) -> NonZeroU32 {
        match kind {
            Kind::Training => self.training,
            Kind::Scoring => self.scoring,
            Kind::Search => self.search,
        }
    }
}

/// What a queued submission waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Wait {
    /// As many run as may run at once.
    Total {
        /// How many may.
        limit: NonZeroU32,
        /// Which do.
        running: Vec<SubmissionId>,
        /// How many that wait go first.
        ahead: usize,
    },
    /// As many of its kind run as may.
    Kind {
        /// The kind.
        kind: Kind,
        /// How many may.
        limit: NonZeroU32,
        /// Which do.
        running: Vec<SubmissionId>,
        /// How many that wait go first.
        ahead: usize,
    },
    /// As many of its owner's run as may.
    Owner {
        /// The owner.
        owner: Owner,
        /// How many may.
        limit: NonZeroU32,
        /// Which do.
        running: Vec<SubmissionId>,
        /// How many that wait go first.
        ahead: usize,
    },
    /// Another submission has the very same run in its hands.
    Run {
        /// The run.
        run: RunId,
        /// That submission.
        submission: SubmissionId,
    },
    /// It is its turn.
    Turn,
}

/// What the queue knows of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// Whose it is.
    pub(crate) owner: Owner,
    /// What its next document does.
    pub(crate) kind: Kind,
    /// How urgent it is.
    pub(crate) priority: Priority,
    /// Smaller came first; no two are equal.
    pub(crate) arrival: u64,
}

/// Submissions that wait and that run.
#[derive(Debug)]
pub(crate) struct Queue {
    limits: Limits,
    starts: u64,
    waiting: BTreeMap<SubmissionId, Waiting>,
    running: BTreeMap<SubmissionId, Ticket>,
    last_turns: BTreeMap<Owner, u64>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    passes: u64,
}

/// Smaller goes first.
type Rank<'a> = (std::cmp::Reverse<u64>, usize, u64, u64, &'a SubmissionId);

impl Queue {
    /// How many there may be.
    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Nothing waits, nothing runs.
    pub(crate) fn new(limits: Limits) -> Self {
        let (waiting, running, last_turns) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { limits, starts: 0, waiting, running, last_turns }
    }

    /// A submission waits from now on; one that runs does not any more.
    pub(crate) fn join(&mut self, id: SubmissionId, ticket: Ticket) {
        self.running.remove(&id);
        self.waiting.insert(id, Waiting { ticket, passes: 0 });
    }

    /// A submission neither waits nor runs any more.
    pub(crate) fn leave(&mut self, id: &SubmissionId) {
        self.waiting.remove(id);
        self.running.remove(id);
        let present: Vec<&Owner> = self.tickets().map(|ticket| &ticket.owner).collect();
        let absent: Vec<Owner> = self.last_turns.keys().filter(|owner| !present.contains(owner)).cloned().collect();
        absent.iter().for_each(|owner| {
            self.last_turns.remove(owner);
        });
    }

    /// The submission whose turn it is, which from now on runs; `None` until something changes.
    pub(crate) fn next(&mut self) -> Option<SubmissionId> {
        let let_through = |waiting: &Waiting| self.limit_of(&waiting.ticket).is_none();
        let candidates: Vec<SubmissionId> =
            self.waiting.iter().filter(|(_, waiting)| let_through(waiting)).map(|(id, _)| id.clone()).collect();
        let first = candidates.iter().min_by(|left, right| self.rank(left).cmp(&self.rank(right)))?;
        let Waiting { ticket, .. } = self.waiting.remove(first)?;
        for id in &candidates {
            if let Some(other) = self.waiting.get_mut(id) {
                other.passes += u64::from(other.ticket.priority < ticket.priority);
            }
        }
        self.starts += 1;
        self.last_turns.insert(ticket.owner.clone(), self.starts);
        self.running.insert(first.clone(), ticket);
        Some(first.clone())
    }

    /// What a waiting submission waits for; `None` for any other.
    pub(crate) fn wait_of(&self, id: &SubmissionId) -> Option<Wait> {
        let ticket = &self.waiting.get(id)?.ticket;
        let rank = self.rank(id);
        let ahead = self.waiting.keys().filter(|other| self.rank(other) < rank).count();
        let running = |of: &dyn Fn(&Ticket) -> bool| {
            self.running.iter().filter(|(_, ticket)| of(ticket)).map(|(id, _)| id.clone()).collect()
        };
        Some(match self.limit_of(ticket) {
            None => Wait::Turn,
            Some(Limit::Total) => Wait::Total { limit: self.limits.total, running: running(&|_| true), ahead },
            Some(Limit::Kind) => {
                let (kind, limit) = (ticket.kind, self.limits.of(ticket.kind));
                Wait::Kind { kind, limit, running: running(&|other| other.kind == kind), ahead }
            }
            Some(Limit::Owner) => {
                let (owner, limit) = (ticket.owner.clone(), self.limits.per_owner);
                let running = running(&|other| other.owner == owner);
                Wait::Owner { owner, limit, running, ahead }
            }
        })
    }

    fn tickets(&self) -> impl Iterator<Item = &Ticket> {
        self.waiting.values().map(|waiting| &waiting.ticket).chain(self.running.values())
    }

    /// The limit that keeps a submission waiting; the narrowest, because that says most.
    fn limit_of(&self, ticket: &Ticket) -> Option<Limit> {
        let is_reached = |limit: NonZeroU32, count: usize| count >= limit.get() as usize;
        let of_kind = self.running.values().filter(|other| other.kind == ticket.kind).count();
        if is_reached(self.limits.per_owner, self.running_of(&ticket.owner)) {
            Some(Limit::Owner)
        } else if is_reached(self.limits.of(ticket.kind), of_kind) {
            Some(Limit::Kind)
        } else if is_reached(self.limits.total, self.running.len()) {
            Some(Limit::Total)
        } else {
            None
        }
    }

    fn running_of(&self, owner: &Owner) -> usize {
        self.running.values().filter(|other| other.owner == *owner).count()
    }

    fn rank<'a>(&self, id: &'a SubmissionId) -> Option<Rank<'a>> {
        let Waiting { ticket, passes } = self.waiting.get(id)?;
        let urgency = u64::from(ticket.priority.number()) + passes / PASSES_A_STEP;
        let urgency = urgency.min(Priority::HIGHEST.number().into());
        let last_turn = self.last_turns.get(&ticket.owner).copied().unwrap_or(0);
        Some((std::cmp::Reverse(urgency), self.running_of(&ticket.owner), last_turn, ticket.arrival, id))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Total,
    Kind,
    Owner,
}
