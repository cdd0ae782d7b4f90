//! The messages as checked types: what a worker says and hears, with every field present and in range.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use spec::RunId;

use crate::unit::{Attempt, Epoch, Generation, LeaseId, Stage, Unit};
use crate::v1;

/// A message that no correct program sends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A field that must be there is not.
    #[error("`{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A number that stands for nothing.
    #[error("`{field}` is {number}, which stands for nothing")]
    Number {
        /// The field.
        field: &'static str,
        /// Its value.
        number: i32,
    },
    /// Text that is not what it should be.
    #[error("`{field}` is {text:?}, which is not valid there")]
    Text {
        /// The field.
        field: &'static str,
        /// Its value.
        text: String,
    },
}

/// A worker, as its coordinator named it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub String);

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a process was started for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: Stage,
    /// Which launch of that stage.
    pub generation: Generation,
    /// Its index among the processes of that launch.
    pub process: u32,
    /// Its process id.
    pub pid: u64,
    /// Its program's version.
    pub version: String,
}

impl From<Registration> for v1::RegisterRequest {
    fn from(registration: Registration) -> Self {
        Self {
            run_id: registration.run.into(),
            stage: v1::Stage::from(registration.stage).into(),
            generation: registration.generation.0,
            process: registration.process,
            pid: registration.pid,
            version: registration.version,
        }
    }
}

impl TryFrom<v1::RegisterRequest> for Registration {
    type Error = Malformed;

    fn try_from(request: v1::RegisterRequest) -> Result<Self, Malformed> {
        let run = request.run_id.parse().map_err(|_| Malformed::Text { field: "run_id", text: request.run_id })?;
        Ok(Self {
            run,
            stage: Stage::try_from(request.stage)?,
            generation: Generation(request.generation),
            process: request.process,
            pid: request.pid,
            version: request.version,
        })
    }
}

/// How a worker is to behave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The worker's name from now on.
    pub worker: WorkerId,
    /// The coordinator's epoch.
    pub epoch: Epoch,
    /// How often to send heartbeats.
    pub heartbeat_interval: Duration,
    /// After this long without an answer the worker stops by itself.
    pub unreachable_after: Duration,
}

/// Milliseconds of a duration, for the wire.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn positive(field: &'static str, milliseconds: u64) -> Result<Duration, Malformed> {
    if milliseconds == 0 { Err(Malformed::Missing { field }) } else { Ok(Duration::from_millis(milliseconds)) }
}

impl From<Registered> for v1::RegisterResponse {
    fn from(registered: Registered) -> Self {
        Self {
            worker_id: registered.worker.0,
            epoch: registered.epoch.0,
            heartbeat_interval_ms: milliseconds(registered.heartbeat_interval),
            unreachable_after_ms: milliseconds(registered.unreachable_after),
        }
    }
}

impl TryFrom<v1::RegisterResponse> for Registered {
    type Error = Malformed;

    fn try_from(response: v1::RegisterResponse) -> Result<Self, Malformed> {
        if response.worker_id.is_empty() {
            return Err(Malformed::Missing { field: "worker_id" });
        }
        Ok(Self {
            worker: WorkerId(response.worker_id),
            epoch: Epoch(response.epoch),
            heartbeat_interval: positive("heartbeat_interval_ms", response.heartbeat_interval_ms)?,
            unreachable_after: positive("unreachable_after_ms", response.unreachable_after_ms)?,
        })
    }
}

/// A unit of work, leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// Names the lease.
    pub lease: LeaseId,
    /// What to do.
    pub unit: Unit,
    /// Goes into the keys of what the worker writes.
    pub attempt: Attempt,
}

/// What a worker does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// This unit of work.
    Assignment(Assignment),
    /// Ask again after this long.
    Wait(Duration),
    /// Exit: nothing is left for it.
    Done,
}

impl Next {
    /// The response that says so.
    pub fn respond(self, epoch: Epoch) -> v1::AcquireResponse {
        use v1::acquire_response::Next as Wire;
        let next = match self {
            Self::Assignment(assignment) => Wire::Assignment(v1::Assignment {
                lease_id: assignment.lease.to_string(),
                unit: Some(assignment.unit.into()),
                attempt: assignment.attempt.0,
            }),
            Self::Wait(after) => Wire::Wait(v1::Wait { retry_after_ms: milliseconds(after) }),
            Self::Done => Wire::Done(v1::Done {}),
        };
        v1::AcquireResponse { epoch: epoch.0, next: Some(next) }
    }
}

impl TryFrom<v1::AcquireResponse> for Next {
    type Error = Malformed;

    fn try_from(response: v1::AcquireResponse) -> Result<Self, Malformed> {
        use v1::acquire_response::Next as Wire;
        Ok(match response.next.ok_or(Malformed::Missing { field: "next" })? {
            Wire::Assignment(assignment) => Self::Assignment(Assignment {
                lease: LeaseId::from_wire(&assignment.lease_id)?,
                unit: assignment.unit.ok_or(Malformed::Missing { field: "unit" })?.try_into()?,
                attempt: Attempt(assignment.attempt),
            }),
            Wire::Wait(wait) => Self::Wait(Duration::from_millis(wait.retry_after_ms)),
            Wire::Done(v1::Done {}) => Self::Done,
        })
    }
}

impl LeaseId {
    /// A lease id as it stands in a message.
    pub fn from_wire(text: &str) -> Result<Self, Malformed> {
        text.parse().map(Self).map_err(|_| Malformed::Text { field: "lease_id", text: text.to_owned() })
    }
}

/// How far a unit of work is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, in a few words.
    pub phase: String,
    /// Items done in this phase.
    pub done: u64,
    /// Items to do in this phase, where known.
    pub total: Option<u64>,
    /// What is counted, such as `rows`.
    pub item: String,
    /// The latest state in a line; may be empty.
    pub message: String,
    /// Lines for the reader since the last report, oldest first.
    pub notes: Vec<String>,
}

impl From<Progress> for v1::Progress {
    fn from(progress: Progress) -> Self {
        Self {
            phase: progress.phase,
            done: progress.done,
            total: progress.total.unwrap_or(0),
            item: progress.item,
            message: progress.message,
            notes: progress.notes,
        }
    }
}

impl From<v1::Progress> for Progress {
    fn from(progress: v1::Progress) -> Self {
        Self {
            phase: progress.phase,
            done: progress.done,
            total: Some(progress.total).filter(|total| *total > 0),
            item: progress.item,
            message: progress.message,
            notes: progress.notes,
        }
    }
}

/// A worker's sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The lease held, if any.
    pub lease: Option<LeaseId>,
    /// How far its work is.
    pub progress: Progress,
}

impl Heartbeat {
    /// The checked parts of a request beside worker and epoch.
    pub fn from_wire(lease: &str, progress: Option<v1::Progress>) -> Result<Self, Malformed> {
        let lease = if lease.is_empty() { None } else { Some(LeaseId::from_wire(lease)?) };
        Ok(Self { lease, progress: progress.unwrap_or_default().into() })
    }
}

/// What a worker does after a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instruction {
    /// Go on.
    Continue,
    /// Stop cleanly, say so, and exit.
    Cancel,
    /// Forget this unit of work and ask for the next.
    Drop,
}

impl From<Instruction> for v1::Instruction {
    fn from(instruction: Instruction) -> Self {
        match instruction {
            Instruction::Continue => Self::Continue,
            Instruction::Cancel => Self::Cancel,
            Instruction::Drop => Self::Drop,
        }
    }
}

impl TryFrom<i32> for Instruction {
    type Error = Malformed;

    fn try_from(number: i32) -> Result<Self, Malformed> {
        match v1::Instruction::try_from(number) {
            Ok(v1::Instruction::Continue) => Ok(Self::Continue),
            Ok(v1::Instruction::Cancel) => Ok(Self::Cancel),
            Ok(v1::Instruction::Drop) => Ok(Self::Drop),
            Ok(v1::Instruction::Unspecified) | Err(_) => Err(Malformed::Number { field: "instruction", number }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Shard;

    #[test]
    fn what_to_do_next_survives_the_wire() {
        let assignment = Assignment { lease: LeaseId(9), unit: Unit::Score(Shard(4)), attempt: Attempt(3_000_001) };
        for next in [Next::Assignment(assignment), Next::Wait(Duration::from_millis(250)), Next::Done] {
            let response = next.clone().respond(Epoch(3));
            assert_eq!(response.epoch, 3);
            assert_eq!(Next::try_from(response), Ok(next));
        }
    }

    #[test]
    fn a_response_without_content_is_malformed() {
        let empty = v1::AcquireResponse { epoch: 1, next: None };
        assert_eq!(Next::try_from(empty), Err(Malformed::Missing { field: "next" }));
        let nameless = v1::RegisterResponse { heartbeat_interval_ms: 1, unreachable_after_ms: 1, ..Default::default() };
        assert_eq!(Registered::try_from(nameless), Err(Malformed::Missing { field: "worker_id" }));
    }

    #[test]
    fn a_registration_with_a_hostile_run_is_malformed() {
        let request = v1::RegisterRequest { run_id: "../x".to_owned(), stage: 1, ..Default::default() };
        let error = Registration::try_from(request).unwrap_err();
        assert_eq!(error, Malformed::Text { field: "run_id", text: "../x".to_owned() });
    }

    #[test]
    fn a_registration_survives_the_wire() {
        let registration = Registration {
            run: "nightly-0123456789ab".parse().unwrap(),
            stage: Stage::Score,
            generation: Generation(2),
            process: 3,
            pid: 4711,
            version: "0.1.0".to_owned(),
        };
        let request = v1::RegisterRequest::from(registration.clone());
        assert_eq!(Registration::try_from(request), Ok(registration));
    }

    #[test]
    fn progress_without_a_total_says_so() {
        let progress =
            Progress { phase: "train".to_owned(), done: 3, notes: vec!["n".to_owned()], ..Default::default() };
        assert_eq!(Progress::from(v1::Progress::from(progress.clone())), progress);
        assert_eq!(v1::Progress::from(progress).total, 0);
    }

    #[test]
    fn an_instruction_nobody_knows_is_malformed() {
        for instruction in [Instruction::Continue, Instruction::Cancel, Instruction::Drop] {
            assert_eq!(Instruction::try_from(i32::from(v1::Instruction::from(instruction))), Ok(instruction));
        }
        assert!(Instruction::try_from(0).is_err());
    }
}
