//! The names of the score table's columns.

use spec::ids::AudienceName;

/// Which version of the model scored the row.
pub const MODEL_VERSION: &str = "model_version";

/// The run's date, as a timestamp.
pub const SCORED_AT: &str = "scored_at";

/// The value of `rank_by`, in published files.
pub const SCORE: &str = "score";

/// The rank of everyone eligible for an audience. No key, kept column or task can have this name by accident.
pub fn rank_column(audience: &AudienceName) -> String {
    format!("rank:{audience}")
}
