//! Measures: how good predictions are, on which rows, and how surely.
//!
//! Accumulators ([`BinaryMeasures`], [`ValueMeasures`], [`ClassMeasures`]) take rows one at a time in any order, can be merged, and end as
//! serde structs ([`BinaryMetrics`], [`ValueMetrics`], [`ClassMetrics`]) that make up `metrics.json` ([`ModelMetrics`]). They are exact up
//! to [`EXACT_ROWS`] rows; beyond that rows share cells of equal leading bits, memory stays bounded, and the error that
//! this can cause is computed and reported beside each measure (`rounding`). A measure that is not defined on its
//! rows (one class, no rows) is absent, never invented. The formulas are in `docs/measures.md`.
//!
//! Nothing here knows of tensors or documents; fitting a calibration to the same rows is [`crate::calibrate`]'s.

mod binary;
mod bootstrap;
mod cells;
mod classes;
mod comparison;
mod decile;
mod grouped;
mod importance;
mod lists;
mod metrics;
mod paired;
mod ranking;
mod reach;
mod reliability;
mod roc;
mod sample;
mod single;
mod slice;
mod task_kind;
mod top;
mod value;
mod value_ranking;

pub use binary::BinaryMeasures;
pub use bootstrap::Bootstrap;
pub use cells::EXACT_ROWS;
pub use classes::{
    ClassLine, ClassMeasures, ClassMetrics, ClassRank, MajorityMetrics, RankMeasures, UncalibratedClasses,
};
pub use comparison::{ComparedModel, Comparison};
pub use grouped::{GroupedAuc, GroupedMetrics, NO_GROUP};
pub use importance::{FeatureImportance, Importance, TaskImportance};
pub use lists::of_task_or_lists;
pub use metrics::{
    BinaryMetrics, CalibrationBin, Decile, Interval, METRICS_SCHEMA, ModelMetrics, Part, PartMetrics, ReachPoint,
    RocPoint, ScoreHistogram, TaskMetrics, Uncalibrated, ValueDecile, ValueMetrics,
};
pub use paired::{Difference, FEWEST_OF_A_CLASS, Finding, PairedClasses, PairedMeasures, PairedMetrics};
pub use ranking::Level;
pub use reliability::{CALIBRATION_BINS, calibration_error};
pub(crate) use sample::Sample;
pub use single::{categorical_auc, numeric_auc, numeric_spearman};
pub use slice::{MOST_SLICES, OTHER_VALUE, Slice, SliceMeasures, SlicedColumn, TaskSlices};
pub use spec::measure::{Measure, TopShare};
pub use task_kind::{Better, TaskKind};
pub use value::ValueMeasures;

/// A row that no measure can be taken of.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MeasureError {
    /// A binary or lookalike task's prediction is NaN or outside 0..1.
    #[error("the prediction {score} is not a probability in 0..1")]
    Score {
        /// As predicted.
        score: f32,
    },
    /// A value task's prediction is NaN or infinite.
    #[error("the prediction {value} is not a finite number")]
    Prediction {
        /// As predicted.
        value: f32,
    },
    /// A binary label is neither 0 nor 1.
    #[error("the label {label} is neither 0 nor 1")]
    Label {
        /// As read.
        label: f32,
    },
    /// A class's probability is NaN or outside 0..1, or a row's class is none.
    #[error("a row's class probabilities are none, or its class is not among them")]
    Classes,
    /// A value label is NaN or infinite.
    #[error("the label {label} is not a finite number")]
    Actual {
        /// As read.
        label: f32,
    },
    /// A row weight is negative, NaN or infinite.
    #[error("the row weight {weight} is not a finite number of at least 0")]
    Weight {
        /// As read.
        weight: f32,
    },
}

fn check_weight(weight: f32) -> Result<(), MeasureError> {
    if weight.is_finite() && weight >= 0.0 { Ok(()) } else { Err(MeasureError::Weight { weight }) }
}

#[cfg(test)]
mod fixture_tests;
#[cfg(test)]
mod tests;
