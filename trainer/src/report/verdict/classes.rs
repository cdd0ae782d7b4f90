//! What is said of a multiclass task.

use model::calibrate::TaskCalibration;
use model::measure::{ClassMetrics, Measure, Part, TaskMetrics};

use super::super::numbers::{fixed, percent, plural};
use super::{FEW_ROWS, Sentences, Tone};

impl Sentences {
    pub(super) fn classes(
        &mut self,
        part: Part,
        judged: &ClassMetrics,
        metrics: &TaskMetrics,
        calibration: Option<&TaskCalibration>,
    ) {
        let (name, majority) = (part.name(), &judged.majority);
        if let (Some(accuracy), Some(top_3), Some(loss), Some(first), Some(first_3), Some(entropy)) = (
            judged.accuracy,
            judged.top_3_accuracy,
            judged.log_loss,
            majority.accuracy,
            majority.top_3_accuracy,
            majority.log_loss,
        ) {
            let figures = format!(
                "the right class is the first of {} in {} of the {name} rows and among the first 3 in {}; always the most \
                 frequent ones: {} and {}; log loss {} against {}",
                judged.classes,
                percent(accuracy),
                percent(top_3),
                percent(first),
                percent(first_3),
                fixed(loss, 3),
                fixed(entropy, 3),
            );
            match judged.log_loss_interval {
                Some(interval) if interval.low >= entropy => {
                    self.say(Tone::Bad, format!("Says less than the classes' frequencies: {figures}."));
                }
                Some(interval) if interval.high < entropy => {
                    self.say(Tone::Good, format!("Says more than the classes' frequencies, beyond noise: {figures}."));
                }
                _ => {
                    self.say(Tone::Caution, format!("Not shown to say more than the classes' frequencies: {figures}."))
                }
            }
        }
        if let Some(reason) = calibration.and_then(|calibration| calibration.fallback) {
            self.say(Tone::Caution, format!("Probabilities are not calibrated: {reason}."));
        }
        self.overfit(metrics, part, Measure::Accuracy);
        if judged.rows < FEW_ROWS {
            let rows = plural(judged.rows, &format!("{name} row"), &format!("{name} rows"));
            self.say(Tone::Caution, format!("Only {rows}: every figure here is rough."));
        }
    }
}
