//! From a task's head to its calibrated prediction, in libtorch's operators: in f64, rounded to f32 where scoring rounds.

use tch::{Kind, TchError, Tensor};

use crate::calibrate::{Calibrator, LEAST, MOST, SMALLEST_SCORE};
use crate::loss::Objective;
use crate::loss::ziln::{MAX_EXPONENT, MIN_SCALE};

/// A task's objective and calibration, its numbers as tensors.
pub(super) struct Prediction {
    objective: Objective,
    calibration: Calibration,
}

enum Calibration {
    None,
    /// Straight lines between points, `[points]` f64 each: scores from 0 to 1, and probabilities.
    Isotonic {
        scores: Tensor,
        probabilities: Tensor,
        points: i64,
    },
    Platt {
        slope: f64,
        intercept: f64,
    },
    /// Of classes.
    Temperature(f64),
}

impl Prediction {
    pub(super) fn new(objective: Objective, calibrator: &Calibrator) -> Result<Self, TchError> {
        let calibration = match calibrator {
            Calibrator::None => Calibration::None,
            Calibrator::Isotonic(curve) => {
                let (scores, probabilities): (Vec<f64>, Vec<f64>) = curve.points().unzip();
                Calibration::Isotonic {
                    scores: Tensor::f_from_slice(&scores)?,
                    probabilities: Tensor::f_from_slice(&probabilities)?,
                    points: scores.len() as i64,
                }
            }
            Calibrator::Temperature(found) => Calibration::Temperature(found.temperature),
            Calibrator::Platt(platt) => Calibration::Platt { slope: platt.slope, intercept: platt.intercept },
        };
        Ok(Self { objective, calibration })
    }

    /// `[rows, 1]` f32, of classes `[rows, classes]`, from each member's head, `[rows, units]` f32.
    pub(super) fn of(&self, heads: &[&Tensor]) -> Result<Tensor, TchError> {
        let of_member = |head: &&Tensor| predicted(self.objective, &head.f_to_kind(Kind::Double)?);
        let members = heads.iter().map(of_member).collect::<Result<Vec<_>, _>>()?;
        let pooled = match members.as_slice() {
            [one] => one.shallow_clone(),
            _ if self.objective.is_exponential() => {
                let logarithms = Tensor::f_stack(&members, 0)?.f_clamp_min(f64::MIN_POSITIVE)?.f_log()?;
                logarithms.f_mean_dim(0, false, Kind::Double)?.f_exp()?
            }
            _ => Tensor::f_stack(&members, 0)?.f_mean_dim(0, false, Kind::Double)?,
        };
        let predicted = pooled.f_to_kind(Kind::Float)?;
        match &self.calibration {
            Calibration::None => Ok(predicted),
            calibration => calibration.apply(&predicted.f_to_kind(Kind::Double)?)?.f_to_kind(Kind::Float),
        }
    }
}

fn predicted(objective: Objective, head: &Tensor) -> Result<Tensor, TchError> {
    let unit = |unit: i64| head.f_narrow(1, unit, 1);
    match objective {
        Objective::Binary(_) | Objective::Nnpu { .. } | Objective::ElkanNoto(_) => unit(0)?.f_sigmoid(),
        Objective::Value => {
            let scale = unit(2)?.f_softplus()?.f_clamp_min(MIN_SCALE)?;
            let exponent = unit(1)?.f_add(&scale.f_square()?.f_mul_scalar(0.5)?)?.f_clamp_max(MAX_EXPONENT)?;
            unit(0)?.f_sigmoid()?.f_mul(&exponent.f_exp()?)
        }
        Objective::Regression(regression) if regression.is_exponential() => unit(0)?.f_clamp_max(MAX_EXPONENT)?.f_exp(),
        Objective::Regression(_) => unit(0),
        Objective::Multiclass { .. } => head.f_softmax(1, Kind::Double),
    }
}

impl Calibration {
    fn apply(&self, score: &Tensor) -> Result<Tensor, TchError> {
        match self {
            Self::None => Ok(score.shallow_clone()),
            Self::Temperature(temperature) => {
                let logarithms = score.f_clamp_min(f64::from(f32::MIN_POSITIVE))?.f_log()?;
                logarithms.f_div_scalar(*temperature)?.f_softmax(1, Kind::Double)
            }
            Self::Isotonic { scores, probabilities, points } => {
                let after = score.f_bucketize(scores, false, true)?.f_clamp(1, points - 1)?;
                let before = after.f_sub_scalar(1i64)?;
                let at = |points: &Tensor, places: &Tensor| points.f_take(places);
                let (low, high) = (at(scores, &before)?, at(scores, &after)?);
                let share = score.f_sub(&low)?.f_div(&high.f_sub(&low)?)?;
                let (from, to) = (at(probabilities, &before)?, at(probabilities, &after)?);
                from.f_add(&to.f_sub(&from)?.f_mul(&share)?)
            }
            Self::Platt { slope, intercept } => {
                let logit = score.f_clamp(SMALLEST_SCORE, 1.0 - SMALLEST_SCORE)?.f_logit(None::<f64>)?;
                let linked = logit.f_mul_scalar(*slope)?.f_add_scalar(*intercept)?;
                linked.f_sigmoid()?.f_clamp(LEAST, MOST)
            }
        }
    }
}
