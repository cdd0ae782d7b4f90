//! When training stops, as a pure function of the watched values.

use model::measure::Better;

/// What an epoch's value means for the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The best so far: keep these weights.
    Best,
    /// Not better, but patience is left.
    Worse,
    /// Not better, and patience is used up.
    Stop,
}

/// Watches one value an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    better: Better,
    patience: u32,
    best: Option<(u32, f64)>,
    without_gain: u32,
}

impl Stopping {
    /// Stops after `patience` epochs in a row without a better value.
    pub(crate) fn new(better: Better, patience: u32) -> Self {
        Self { better, patience, best: None, without_gain: 0 }
    }

    /// Judges an epoch; one without a value (a measure that is not defined on these rows) is never better, except
    /// that the first epoch's weights are always kept.
    pub(crate) fn judge(&mut self, epoch: u32, value: Option<f64>) -> Verdict {
        let value = value.filter(|value| !value.is_nan());
        let gained = match (self.best, value) {
            (None, _) => true,
            (Some((_, best)), Some(value)) => best.is_nan() || self.better.is_better(value, best),
            (Some(_), None) => false,
        };
        if gained {
            self.best = Some((epoch, value.unwrap_or(f64::NAN)));
            self.without_gain = 0;
            return Verdict::Best;
        }
        self.without_gain += 1;
        if self.without_gain >= self.patience { Verdict::Stop } else { Verdict::Worse }
    }

    /// The epoch whose weights were kept last.
    pub(crate) fn best_epoch(&self) -> Option<u32> {
        self.best.map(|(epoch, _)| epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(better: Better, patience: u32, values: &[Option<f64>]) -> Vec<Verdict> {
        let mut stopping = Stopping::new(better, patience);
        (1..).zip(values).map(|(epoch, value)| stopping.judge(epoch, *value)).collect()
    }

    #[test]
    fn training_stops_after_as_many_epochs_without_gain_as_patience_allows() {
        use Verdict::{Best, Stop, Worse};
        let values = [0.7, 0.8, 0.75, 0.79, 0.81, 0.81, 0.8].map(Some);
        assert_eq!(verdicts(Better::Higher, 2, &values), [Best, Best, Worse, Stop, Best, Worse, Stop]);
        assert_eq!(verdicts(Better::Lower, 9, &values), [Best, Worse, Worse, Worse, Worse, Worse, Worse]);
    }

    #[test]
    fn an_undefined_value_never_wins_against_a_defined_one() {
        use Verdict::{Best, Worse};
        let values = [None, Some(0.5), None, Some(f64::NAN), Some(0.6)];
        assert_eq!(verdicts(Better::Higher, 9, &values), [Best, Best, Worse, Worse, Best]);
    }
}
