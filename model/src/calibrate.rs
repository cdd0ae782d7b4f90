//! Calibration: puts predicted probabilities right, on validation rows, without changing their order.
//!
//! A [`TaskCalibration`] is fitted to the rows of a [`BinaryMeasures`] accumulator and becomes part of the model package
//! (`calibration.json`, [`ModelCalibration`]); scoring applies it. Every calibrator here is strictly increasing up to the
//! rounding of f32, so that who ranks above whom does not change, and never gives exactly 0 or 1 unless it is `none`.
//! Where a fit would say more than the rows do, nothing is calibrated and the struct says why ([`Fallback`]). The exact
//! definitions, for readers in other languages, are in `docs/measures.md`.

mod isotonic;
mod platt;
mod temperature;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::TaskName;
use spec::training::Calibration;

pub use isotonic::{Block, Curve, InvalidCurve, pool_adjacent_violators};
pub use platt::Platt;
pub(crate) use platt::{LEAST, MOST, SMALLEST_SCORE};
pub use temperature::{Temperature, TemperatureFit};

use crate::measure::{BinaryMeasures, Level, calibration_error};

/// The schema version of `calibration.json`.
pub const CALIBRATION_SCHEMA: u32 = 1;

/// Rows of each class below which no calibration is fitted.
pub const LEAST_ROWS_OF_A_CLASS: u64 = 20;

/// Rows of each class below which a curve would follow chance: `isotonic` is then a Platt calibration, which has two
/// numbers to learn.
pub const LEAST_ROWS_OF_A_CURVE: u64 = 1000;

/// Rows below which no temperature is fitted.
pub const LEAST_ROWS_OF_A_TEMPERATURE: u64 = 100;

/// The calibration of every task: `calibration.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCalibration {
    /// [`CALIBRATION_SCHEMA`]
    pub schema_version: u32,
    /// By task, in the document's order; value and regression tasks have `none`.
    pub tasks: IndexMap<TaskName, TaskCalibration>,
}

impl Default for ModelCalibration {
    fn default() -> Self {
        Self { schema_version: CALIBRATION_SCHEMA, tasks: IndexMap::new() }
    }
}

/// The calibration of one task and what it was fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCalibration {
    /// What the document asked for.
    pub requested: Calibration,
    /// What is applied.
    pub calibrator: Calibrator,
    /// Why that is not what was asked for.
    pub fallback: Option<Fallback>,
    /// Validation rows that it was fitted to.
    pub rows: u64,
    /// Those with label 1; 0 for a multiclass task.
    pub positives: u64,
    /// Expected calibration error on those rows before; absent without rows and for a multiclass task.
    pub ece_before: Option<f64>,
    /// The same after; on the rows of the fit, so better than on new ones.
    pub ece_after: Option<f64>,
}

/// Why nothing is calibrated though the document asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Fallback {
    /// All validation rows have the same label, or there are none.
    #[error("the validation rows have one class only")]
    SingleClass,
    /// There are too few validation rows to learn from.
    #[error("there are too few validation rows: at least {of_each_class} of each class are needed")]
    TooFewRows {
        /// Rows needed of each class.
        of_each_class: u64,
    },
    /// There are too few validation rows to learn a temperature from.
    #[error("there are too few validation rows: at least {rows} are needed")]
    TooFewLabels {
        /// Rows needed.
        rows: u64,
    },
    /// The best fit would turn the order of the scores around, or the scores are all equal.
    #[error("the rate of positives does not rise with the score on the validation rows")]
    NotIncreasing,
}

/// A map from raw to calibrated probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Calibrator {
    /// The score itself.
    None,
    /// Straight lines between points.
    Isotonic(Curve),
    /// σ(slope·logit(score) + intercept).
    Platt(Platt),
    /// softmax(logits / T), of a multiclass task.
    Temperature(Temperature),
}

impl TaskCalibration {
    /// A task that is not calibrated and need not be: a value task, or a document that says `none`.
    pub fn none() -> Self {
        Self {
            requested: Calibration::None,
            calibrator: Calibrator::None,
            fallback: None,
            rows: 0,
            positives: 0,
            ece_before: None,
            ece_after: None,
        }
    }

    /// Fits a temperature to the raw class probabilities of validation rows, unless `requested` is none.
    pub fn fit_temperature(requested: Calibration, validation: TemperatureFit) -> Self {
        let rows = validation.rows();
        let (calibrator, fallback) = match requested {
            Calibration::None => return Self::none(),
            Calibration::Isotonic | Calibration::Platt if rows < LEAST_ROWS_OF_A_TEMPERATURE => {
                (Calibrator::None, Some(Fallback::TooFewLabels { rows: LEAST_ROWS_OF_A_TEMPERATURE }))
            }
            Calibration::Isotonic | Calibration::Platt => (Calibrator::Temperature(validation.finish()), None),
        };
        Self { requested, calibrator, fallback, rows, ..Self::none() }
    }

    /// Fits `requested` to the raw scores of validation rows.
    pub fn fit(requested: Calibration, validation: &BinaryMeasures) -> Self {
        let levels = validation.levels();
        let (rows, positives) = (validation.rows(), validation.positives());
        let fitted = fit(requested, &levels, rows, positives);
        let (calibrator, fallback) = match fitted {
            Ok(calibrator) => (calibrator, None),
            Err(fallback) => (Calibrator::None, Some(fallback)),
        };
        Self {
            requested,
            fallback,
            rows,
            positives,
            ece_before: calibration_error(&levels, |score| score).map(settled),
            ece_after: calibration_error(&levels, |score| calibrator.probability(score)).map(settled),
            calibrator,
        }
    }
}

fn fit(requested: Calibration, levels: &[Level], rows: u64, positives: u64) -> Result<Calibrator, Fallback> {
    if requested == Calibration::None {
        return Ok(Calibrator::None);
    }
    let rarer = positives.min(rows - positives);
    if rarer == 0 {
        return Err(Fallback::SingleClass);
    }
    if rarer < LEAST_ROWS_OF_A_CLASS {
        return Err(Fallback::TooFewRows { of_each_class: LEAST_ROWS_OF_A_CLASS });
    }
    let is_curve = requested == Calibration::Isotonic && rarer >= LEAST_ROWS_OF_A_CURVE;
    let calibrator = if is_curve {
        isotonic::fit(levels).map(Calibrator::Isotonic)
    } else {
        platt::fit(levels).map(Calibrator::Platt)
    };
    calibrator.ok_or(Fallback::NotIncreasing)
}

/// A number with 13 significant digits: few enough that every JSON reader gives back the same one.
fn settled(number: f64) -> f64 {
    format!("{number:.12e}").parse().unwrap_or(number)
}

impl Calibrator {
    /// The calibrated probability of a raw one; NaN stays NaN. A temperature needs all of a row's and leaves one alone.
    pub fn probability(&self, score: f64) -> f64 {
        match self {
            Self::None | Self::Temperature(_) => score,
            Self::Isotonic(curve) => curve.probability(score),
            Self::Platt(platt) => platt.probability(score),
        }
    }

    /// Calibrates raw probabilities in place, `width` of each row.
    pub fn apply(&self, scores: &mut [f32], width: usize) {
        match self {
            Self::None => {}
            Self::Temperature(temperature) => {
                scores.chunks_exact_mut(width.max(1)).for_each(|row| temperature.apply(row));
            }
            Self::Isotonic(curve) => {
                scores.iter_mut().for_each(|score| *score = curve.probability(f64::from(*score)) as f32);
            }
            Self::Platt(platt) => {
                scores.iter_mut().for_each(|score| *score = platt.probability(f64::from(*score)) as f32);
            }
        }
    }
}

#[cfg(test)]
mod tests;
