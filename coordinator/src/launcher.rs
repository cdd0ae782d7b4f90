//! Processes for stages: started by name, so that starting one twice starts it once.
//!
//! A launcher knows nothing of leases or budgets. It starts a child for a run, stage, generation and index, says when
//! one has ended, and ends those it is told to. What a coordinator before left after a crash it finds and removes.

#[cfg(test)]
pub(crate) mod conformance;
mod local;

use std::fmt;
use std::future::Future;
use std::path::PathBuf;

use proto::{Failure, Generation, Stage, Token};
use serde::{Deserialize, Serialize};
use spec::RunId;

use crate::error::Result;

pub use local::{LocalProcesses, Programs};

/// Names one process for good.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChildName {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: Stage,
    /// Which launch.
    pub generation: Generation,
    /// Which of its processes.
    pub process: u32,
}

impl fmt::Display for ChildName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-g{}-p{}", self.stage, self.generation, self.process)
    }
}

/// What a child needs to know to reach its coordinator.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The coordinator's address.
    pub coordinator: String,
    /// Where everything durable lies.
    pub workspace: String,
    /// The run's secret.
    pub token: Token,
}

/// A child that has ended.
#[derive(Debug, Clone)]
pub struct Exit {
    /// Which one.
    pub child: ChildName,
    /// Why, unless it ended as it should.
    pub failure: Option<Failure>,
    /// Where its output is.
    pub log: Option<PathBuf>,
}

/// How firmly a child is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Force {
    /// SIGTERM: it cleans up first.
    Ask,
    /// SIGKILL.
    Kill,
}

/// Starts and ends processes.
pub trait Launcher: Send + Sync + 'static {
    /// Starts a child, unless one of this name has been started already.
    ///
    /// # Errors
    /// When its program is missing or cannot be run; then there is no such child.
    fn launch(&self, child: &ChildName, contact: &Contact) -> impl Future<Output = Result<()>> + Send;

    /// The next child that has ended; each is told once. Safe to drop and ask again.
    fn ended(&self) -> impl Future<Output = Exit> + Send;

    /// Tells a child to end; one that has ended already is left alone.
    fn stop(&self, child: &ChildName, force: Force);

    /// The children of a run in a workspace that exist by now, in order, whoever launched them: a coordinator that died
    /// may have left some. Empty where that cannot be found out.
    fn observe(&self, workspace: &str, run: &RunId) -> impl Future<Output = Vec<ChildName>> + Send;

    /// Ends a child that [`Launcher::observe`] found and another launcher started, at once, and sees it go; one that is
    /// gone already is left alone.
    fn remove(&self, workspace: &str, child: &ChildName) -> impl Future<Output = ()> + Send;

    /// Where a child's output goes.
    fn log_of(&self, child: &ChildName) -> Option<PathBuf>;
}
