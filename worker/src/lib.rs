//! What every worker process does: register, acquire units of work, keep their leases alive, report progress, say how
//! each ended, and stop cleanly on SIGTERM, SIGINT or the coordinator's word.
//!
//! It does not know what the work is: that is an implementation of [`Work`]. A worker never trusts its own lease;
//! what it publishes has to be fenced by the implementation with a create-once object.
//!
//! ```no_run
//! use kindred_worker::{Assignment, Cancel, Progress, WorkArguments, WorkFailure};
//!
//! struct Count;
//!
//! impl kindred_worker::Work for Count {
//!     async fn perform(
//!         &self,
//!         assignment: Assignment,
//!         progress: Progress,
//!         cancel: Cancel,
//!     ) -> Result<serde_json::Value, WorkFailure> {
//!         progress.phase("count", "rows", Some(1000));
//!         for _ in 0..1000 {
//!             cancel.check()?;
//!             progress.advance(1);
//!         }
//!         Ok(serde_json::json!({"unit": assignment.unit.to_string(), "rows": 1000}))
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     let arguments = <WorkArguments as clap::FromArgMatches>::from_arg_matches(
//!         &<WorkArguments as clap::Args>::augment_args(clap::Command::new("count")).get_matches(),
//!     );
//!     kindred_worker::run(&arguments.expect("clap has checked them"), Count)
//! }
//! ```

mod arguments;
mod cancel;
mod error;
mod link;
mod process;
mod progress;
mod session;

pub use arguments::{WorkArguments, WorkerOptions};
pub use cancel::{Cancel, CancelSource};
pub use error::WorkerError;
pub use link::{Answer, GrpcLink, Link, LinkError};
pub use process::{die_with_parent, run, serve};
pub use progress::Progress;
pub use proto::{Failure as WorkFailure, FailureClass, Stage, Unit};
pub use session::{Ending, Session};

use std::future::Future;

use proto::{Attempt, Epoch, Generation};
use spec::RunId;

/// One unit of work, as the implementation of [`Work`] gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The run that it belongs to.
    pub run: RunId,
    /// What to do.
    pub unit: Unit,
    /// Unique within the run: goes into the keys of what is written, so that no two attempts share one.
    pub attempt: Attempt,
    /// The coordinator's epoch that granted it.
    pub epoch: Epoch,
    /// The launch of processes that this one belongs to.
    pub generation: Generation,
}

/// The work itself.
pub trait Work: Send + Sync + 'static {
    /// Does one unit of work and returns what came of it, as JSON for whoever reads the run.
    ///
    /// It may run on a runtime thread: what computes for long goes to threads of its own. When `cancel` fires it
    /// returns soon, with any error; what it leaves behind must be harmless. Doing the same unit again, also at the
    /// same time in another process, must end in the same result.
    fn perform(
        &self,
        assignment: Assignment,
        progress: Progress,
        cancel: Cancel,
    ) -> impl Future<Output = Result<serde_json::Value, WorkFailure>> + Send;
}
