//! Seeds near the prototype of their list: a softmax over the prototypes' cosines (Snell, Prototypical Networks for Few-shot
//! Learning, NeurIPS 2017, with learned prototypes in place of class means; of people on several lists the mean over these,
//! outside of the logarithm, as in Khosla, Supervised Contrastive Learning, NeurIPS 2020).
//!
//! `loss = -Σ_{k ∈ lists of the row} t_k·ln softmax(s / τ)_k`, `t_k` the share of list k among the row's lists, each by what the
//! row counts for it
//!
//! over the rows that are seeds of a list. The gradient by a prototype is toward the directions of its seeds, those that are
//! told worst pulling hardest, and away from the others'.

use tch::{Kind, TchError, Tensor};

use super::{JointRows, JointTensors, Share, observed, weight_of};
use crate::cpu::numbers::{Numbers, NumbersMut};
use crate::input::Batch;
use crate::layers::View;
use crate::loss::tensors::{TargetTensors, weighted_mean};

/// Draws seeds to prototypes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ToPrototypes {
    /// The lists' places among the tasks.
    pub(crate) lists: Vec<usize>,
    /// Cosines to the lists' prototypes, `[rows, lists]`.
    pub(crate) nearness: View,
    /// τ
    pub(crate) temperature: f64,
}

impl ToPrototypes {
    /// What a row counts for each list that it is a seed of, else 0.
    fn memberships(&self, batch: &Batch, row: usize) -> impl Iterator<Item = f64> {
        self.lists.iter().map(move |&task| match observed(batch, task, row) {
            (counts, true) => counts,
            (_, false) => 0.0,
        })
    }

    pub(super) fn row_weight(&self, batch: &Batch, row: usize) -> f64 {
        let is_seed = self.memberships(batch, row).any(|counts| counts > 0.0);
        if is_seed { weight_of(&batch.targets, row) } else { 0.0 }
    }

    pub(super) fn descend(
        &self,
        rows: &JointRows<'_>,
        share: Share,
        numbers: &Numbers<'_>,
        gradients: &mut NumbersMut<'_>,
    ) -> f64 {
        let mut sum = 0.0;
        for (place, row) in rows.rows.clone().enumerate() {
            let weight = self.row_weight(rows.batch, row);
            if weight <= 0.0 {
                continue;
            }
            let memberships: Vec<f64> = self.memberships(rows.batch, row).collect();
            let (loss, by) = row_loss(numbers.row(self.nearness, place), &memberships, self.temperature);
            sum += share.of(weight, loss);
            for (to, by) in gradients.row(self.nearness, place).iter_mut().zip(by) {
                *to += share.of(weight, by) as f32;
            }
        }
        sum
    }

    pub(super) fn tensor_mean(&self, of: &JointTensors<'_>) -> Result<Tensor, TchError> {
        let logits = of.nodes.get(self.nearness)?.f_mul_scalar(1.0 / self.temperature)?;
        let membership = |&task: &usize| {
            let TargetTensors { labels, weights } = &of.targets[task];
            weights.f_mul(&labels.f_gt(0.0)?)
        };
        let memberships = self.lists.iter().map(membership).collect::<Result<Vec<_>, _>>()?;
        let memberships = Tensor::f_stack(&memberships, 1)?;
        let of_row = memberships.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        let targets = memberships.f_div(&of_row.f_clamp_min(1e-30)?)?;
        let losses = targets.f_mul(&logits.f_log_softmax(1, Kind::Float)?)?;
        let losses = losses.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float)?.f_neg()?;
        weighted_mean(&losses, &of.row_weights.f_mul(&of_row.f_squeeze_dim(1)?.f_gt(0.0)?)?)
    }
}

/// The loss of a row by its cosines, and its derivatives by them.
fn row_loss(nearness: &[f32], memberships: &[f64], temperature: f64) -> (f64, Vec<f64>) {
    let logits: Vec<f64> = nearness.iter().map(|near| f64::from(*near) / temperature).collect();
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    let all: f64 = memberships.iter().sum();
    let targets = memberships.iter().map(|membership| membership / all);
    let loss = logits.iter().zip(targets.clone()).map(|(logit, target)| target * (log_sum - logit)).sum();
    let by = logits.iter().zip(targets).map(|(logit, target)| ((logit - log_sum).exp() - target) / temperature);
    (loss, by.collect())
}

#[cfg(test)]
mod tests {
    use super::row_loss;

    #[test]
    fn a_seed_of_two_lists_is_drawn_to_both_by_what_it_counts() {
        let (nearness, memberships) = ([0.3f32, -0.2, 0.9], [1.0, 0.0, 3.0]);
        // By hand: logits 0.6, -0.4, 1.8, targets ¼, 0, ¾.
        let sum = 0.6f64.exp() + (-0.4f64).exp() + 1.8f64.exp();
        let (loss, by) = row_loss(&nearness, &memberships, 0.5);
        assert!((loss - (sum.ln() - 0.25 * 0.6 - 0.75 * 1.8)).abs() < 1e-7);
        let expected = [0.6f64.exp() / sum - 0.25, (-0.4f64).exp() / sum, 1.8f64.exp() / sum - 0.75];
        assert!(by.iter().zip(expected).all(|(by, expected)| (by - expected / 0.5).abs() < 1e-6), "{by:?}");
    }
}
