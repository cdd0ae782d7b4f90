//! How long a coordinator waits for what.

use std::time::Duration;

use crate::leases::Straggling;

/// The waits of a coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How often workers give a sign of life.
    pub heartbeat: Duration,
    /// How long a lease lasts without one.
    pub lease: Duration,
    /// How long a process may take from its start to its registration.
    pub startup: Duration,
    /// After how long without an answer a worker stops by itself.
    pub unreachable: Duration,
    /// When a worker that got nothing asks again.
    pub idle: Duration,
    /// How long a process may take to end once it is told to.
    pub grace: Duration,
    /// How often a coordinator looks for a successor, and for silent processes.
    pub round: Duration,
    /// When a shard that is still held is tried by an idle worker as well.
    pub straggling: Straggling,
    /// After how long without any advance a run says what it waits for, and says it again.
    pub quiet: Duration,
    /// After how long without a change in its progress a process that holds a unit is ended, though it gives signs of life.
    pub stuck: Duration,
    /// For how long a store that does not answer is borne before the coordinator steps back from the run.
    pub store: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(500),
            lease: Duration::from_secs(30),
            startup: Duration::from_secs(120),
            unreachable: Duration::from_secs(60),
            idle: Duration::from_millis(100),
            grace: Duration::from_secs(20),
            round: Duration::from_secs(5),
            straggling: Straggling { multiple: 3, floor: Duration::from_secs(10) },
            quiet: Duration::from_secs(60),
            stuck: Duration::from_secs(2 * 60 * 60),
            store: Duration::from_secs(120),
        }
    }
}
