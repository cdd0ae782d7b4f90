//! Dynamic weight average (Liu, End-to-End Multi-Task Learning with Attention, CVPR 2019): a task whose loss falls more
//! slowly than the others' counts more.
//!
//! In epoch `t` of `K` tasks: `w_k = K·e^{r_k/T} / Σ_i e^{r_i/T}` with `r_k = L_k(t-1) / L_k(t-2)`, the losses being means
//! over the steps of an epoch in which the task had rows, and `T = 2`, as in the paper. In the first two epochs all count 1.

use super::positive;

/// How alike the weights are.
const TEMPERATURE: f64 = 2.0;

/// Of a task: the losses of this epoch so far, and the means of the two before it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Losses {
    sum: f64,
    steps: f64,
    last: Option<f64>,
    before_last: Option<f64>,
}

impl Losses {
    /// Adds a step's loss.
    pub(crate) fn add(&mut self, loss: f64) {
        self.sum += loss;
        self.steps += 1.0;
    }

    /// Ends an epoch; one without a step of the task leaves what is known.
    fn turn(&mut self) {
        if self.steps > 0.0 {
            self.before_last = self.last;
            self.last = Some(self.sum / self.steps);
        }
        (self.sum, self.steps) = (0.0, 0.0);
    }

    /// `r_k`; 1 where two epochs are not known yet.
    fn ratio(&self) -> f64 {
        self.last.zip(self.before_last).map_or(1.0, |(last, before)| positive(last) / positive(before))
    }

    /// As numbers: not known is NaN.
    pub(crate) fn numbers(&self) -> [f64; 4] {
        [self.sum, self.steps, self.last.unwrap_or(f64::NAN), self.before_last.unwrap_or(f64::NAN)]
    }

    /// From its numbers.
    pub(crate) fn from_numbers([sum, steps, last, before_last]: [f64; 4]) -> Self {
        let known = |number: f64| (!number.is_nan()).then_some(number);
        Self { sum, steps, last: known(last), before_last: known(before_last) }
    }
}

/// Ends an epoch and gives the weights of the next one.
pub(crate) fn turn(losses: &mut [Losses]) -> Vec<f32> {
    losses.iter_mut().for_each(Losses::turn);
    let powers: Vec<f64> = losses.iter().map(|losses| (losses.ratio() / TEMPERATURE).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (losses.len() as f64 * power / sum) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(losses: &mut [Losses], of_steps: &[&[f64]]) -> Vec<f32> {
        for (losses, steps) in losses.iter_mut().zip(of_steps) {
            steps.iter().for_each(|loss| losses.add(*loss));
        }
        turn(losses)
    }

    /// By hand: means (1, 2), then (0.5, 1.8): r = (0.5, 0.9), e^{r/2} = (1.2840, 1.5683), weights 2·share.
    #[test]
    fn the_task_whose_loss_falls_more_slowly_counts_more() {
        let mut losses = [Losses::default(); 2];
        assert_eq!(epoch(&mut losses, &[&[1.5, 0.5], &[2.0, 2.0]]), [1.0, 1.0]);
        let weights = epoch(&mut losses, &[&[0.5, 0.5], &[2.0, 1.6]]);
        let (a, b) = (0.25f64.exp(), 0.45f64.exp());
        assert!((f64::from(weights[0]) - 2.0 * a / (a + b)).abs() < 1e-6, "{weights:?}");
        assert!((f64::from(weights[1]) - 2.0 * b / (a + b)).abs() < 1e-6, "{weights:?}");
    }

    #[test]
    fn a_task_without_rows_in_an_epoch_keeps_what_is_known() {
        let mut losses = [Losses::default(); 2];
        epoch(&mut losses, &[&[1.0], &[1.0]]);
        let before = epoch(&mut losses, &[&[0.5], &[0.8]]);
        assert_eq!(epoch(&mut losses, &[&[], &[]]), before);
        let again = losses.map(|losses| Losses::from_numbers(losses.numbers()));
        assert_eq!(again, losses);
    }
}
