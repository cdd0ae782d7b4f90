//! The wire between a coordinator, its workers and its clients: the .proto files, their generated code, and the checked
//! types that both sides use instead of the raw messages.
//!
//! [`v1`] is what travels between coordinator and workers, [`api::v1`] between it and its clients. Everything else in this crate is the same thing made safe to use: [`Unit`] and [`Stage`]
//! instead of numbers, [`Failure`] with a [`FailureClass`], [`Refusal`] for every way in which a request is turned
//! down and its one mapping to a gRPC status. Nothing is decided here.

pub mod api;
mod auth;
mod failure;
mod message;
mod refusal;
mod unit;

pub use auth::{Bearer, LOST_TOUCH_STATUS, PARENT_VARIABLE, TOKEN_VARIABLE, Token};
pub use failure::{Failure, FailureClass};
pub use message::{Assignment, Heartbeat, Instruction, Malformed, Next, Progress, Registered, Registration, WorkerId};
pub use refusal::Refusal;
pub use unit::{Attempt, Epoch, Generation, LeaseId, Shard, Stage, Trial, Unit, UnknownStage};

/// The version of this program; workers and coordinators refuse each other unless it is the same.
pub const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Generated messages, client and server of package `kindred.worker.v1`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::wildcard_imports)]
pub mod v1 {
    tonic::include_proto!("kindred.worker.v1");
}
