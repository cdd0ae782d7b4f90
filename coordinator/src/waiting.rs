//! What a run waits for that does not advance, for whoever asks.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use proto::Unit;
use serde::{Deserialize, Serialize};

use crate::launcher::ChildName;

/// One thing that a run waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WaitsFor {
    /// A process that was launched to register.
    Start {
        /// The process.
        child: ChildName,
        /// How long ago it was launched.
        launched: Duration,
    },
    /// The holder of a unit to be done with it.
    Work {
        /// The unit.
        unit: Unit,
        /// The process that holds it.
        child: ChildName,
        /// How long it has held it.
        held: Duration,
        /// How long it has given no sign of life.
        silent: Duration,
        /// How long its progress has been the same.
        idle: Duration,
    },
    /// The time at which a unit that failed is tried again.
    Retry {
        /// The unit.
        unit: Unit,
        /// How far away that is.
        after: Duration,
    },
    /// The store to answer.
    Store {
        /// For how long it has not.
        silent: Duration,
    },
    /// Processes that were told to stop to end.
    End {
        /// How many there are.
        processes: usize,
    },
    /// A process to ask for work.
    Worker {
        /// How many units could begin.
        units: usize,
    },
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { child, launched } => {
                write!(f, "process {child}, launched {} s ago, to register", launched.as_secs())
            }
            Self::Work { unit, child, held, silent, idle } if silent == idle => {
                let (held, silent) = (held.as_secs(), silent.as_secs());
                write!(f, "{unit}, held for {held} s by process {child}, which has been silent for {silent} s")
            }
            Self::Work { unit, child, held, silent: _, idle } => {
                let (held, idle) = (held.as_secs(), idle.as_secs());
                write!(f, "{unit}, held for {held} s by process {child}, which has made no progress for {idle} s")
            }
            Self::Retry { unit, after } => write!(f, "the next try at {unit} in {} s", after.as_secs()),
            Self::Store { silent } => write!(f, "the store, which has not answered for {} s", silent.as_secs()),
            Self::End { processes } => write!(f, "{processes} of its processes to end"),
            Self::Worker { units } => write!(f, "a process to ask for work: {units} units could begin"),
        }
    }
}

/// What can be seen of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) launched: Duration,
    pub(crate) is_registered: bool,
    pub(crate) last_seen: Duration,
    /// When its progress changed last, or it was given a unit.
    pub(crate) advanced: Duration,
}

/// What can be seen of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct View<'a> {
    pub(crate) is_stopping: bool,
    pub(crate) children: BTreeMap<&'a ChildName, Sight>,
    /// Units, their holders, and since when.
    pub(crate) held: Vec<(Unit, &'a ChildName, Duration)>,
    /// Units and when they are due.
    pub(crate) delayed: Vec<(Duration, Unit)>,
    /// Units that could begin.
    pub(crate) ready: usize,
    /// Since when the store has not answered.
    pub(crate) store_silent_since: Option<Duration>,
}

/// Reasons shown of a kind; a thousand processes wait for the same.
const MOST_OF_A_KIND: usize = 3;

/// What a run waits for, what matters most first; never empty.
pub(crate) fn waits_for(view: &View<'_>, now: Duration) -> Vec<WaitsFor> {
    let ago = |then: Duration| now.saturating_sub(then);
    let mut reasons: Vec<WaitsFor> = vec![];
    reasons.extend(view.store_silent_since.map(|since| WaitsFor::Store { silent: ago(since) }));
    if view.is_stopping {
        reasons.push(WaitsFor::End { processes: view.children.len() });
        return reasons;
    }
    let mut work: Vec<WaitsFor> = view
        .held
        .iter()
        .filter_map(|&(unit, child, since)| {
            let (child, sight) = (child.clone(), view.children.get(child)?);
            let (silent, idle) = (ago(sight.last_seen), ago(sight.advanced));
            Some(WaitsFor::Work { unit, child, held: ago(since), silent, idle: idle.max(silent) })
        })
        .collect();
    work.sort_by_key(|reason| match reason {
        WaitsFor::Work { idle, .. } => std::cmp::Reverse(*idle),
        _ => std::cmp::Reverse(Duration::ZERO),
    });
    reasons.extend(work.into_iter().take(MOST_OF_A_KIND));
    let starting = view.children.iter().filter(|(_, sight)| !sight.is_registered);
    let started = |(child, sight): (&&ChildName, &Sight)| WaitsFor::Start {
        child: (*child).clone(),
        launched: ago(sight.launched),
    };
    reasons.extend(starting.take(MOST_OF_A_KIND).map(started));
    let delayed = view.delayed.iter().take(MOST_OF_A_KIND);
    reasons.extend(delayed.map(|&(due, unit)| WaitsFor::Retry { unit, after: due.saturating_sub(now) }));
    if reasons.is_empty() {
        reasons.push(WaitsFor::Worker { units: view.ready });
    }
    reasons
}

#[cfg(test)]
mod tests;
