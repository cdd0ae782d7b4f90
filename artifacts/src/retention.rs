//! Retention: what may be deleted of published audiences and of runs, and deleting it.
//!
//! [`survey`] lists what there is, [`plan`] decides (pure, from the survey alone), [`sweep`] deletes. Nothing that a kept
//! pointer names is ever deleted, nor anything that a run or publisher at work could still need, whoever works at the
//! same time: `docs/storage.md` gives the rules and why they hold without a lock.

mod plan;
mod staging;
mod survey;
mod sweep;

use std::time::Duration;

pub use plan::{Deletion, DeletionKind, Left, LeftReason, Plan, plan};
pub use staging::{StagingFile, delete_staging, find_staging};
pub use survey::{AudienceSurvey, Policy, RunSurvey, Standing, Survey, VersionSurvey, survey};
pub use sweep::{Swept, sweep};

/// What holds beside what audiences say of themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Rows of a finished run go when it ended longer ago than this.
    pub runs_older_than: Duration,
    /// What nobody names goes when it was last written longer ago than this.
    pub leftovers_older_than: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        const DAY: u64 = 86_400;
        Self { runs_older_than: Duration::from_secs(30 * DAY), leftovers_older_than: Duration::from_secs(DAY) }
    }
}

#[cfg(test)]
mod tests;
