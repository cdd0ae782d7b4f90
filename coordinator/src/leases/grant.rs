//! What leases are asked and what they answer.

use std::time::Duration;

use proto::{Assignment, Attempt, Unit, WorkerId};

/// A unit in somebody's hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holding<'a> {
    /// The unit.
    pub unit: Unit,
    /// Who works on it.
    pub worker: &'a WorkerId,
    /// Since when.
    pub since: Duration,
}

/// A lease that ended without its unit being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The unit; unless another works on it as well, it is nobody's until [`Leases::put_back`].
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
    /// This, which another works on as well and has held for this long: whoever is done first has done it.
    Straggler(Assignment, Duration),
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
