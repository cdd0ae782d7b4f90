//! GradNorm (Chen, GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask Networks, ICML 2018):
//! weights under which every task pulls at what tasks share with about the same force, more where it learns slowly.
//!
//! `G_k = ‖∇_W w_k L_k‖`, `Ḡ` their mean, `L̃_k = L_k / L_k(0)`, `r_k = L̃_k / mean(L̃)`; the weights go down
//! `Σ_k |G_k - Ḡ·r_k^α|`, in which `Ḡ·r_k^α` counts as a constant, and are put back to their sum. α is 1.5, as in the
//! paper. `W` are all dense weights that more than one task reaches; the paper takes the last shared layer of its networks,
//! to save time. A task that a batch says nothing of takes no part in it and keeps its weight.

use super::positive;

/// How much slower tasks are favoured.
const ALPHA: f64 = 1.5;

/// The smallest weight: at 0 a task would have no gradient to judge by.
const SMALLEST_WEIGHT: f32 = 1e-3;

/// The derivative of what the weights go down by each of them. `norms` are those of the weighted losses' gradients, `first`
/// each task's first observed loss.
pub(crate) fn gradient(weights: &[f32], norms: &[f64], losses: &[f64], first: &[f64], observed: &[bool]) -> Vec<f32> {
    let seen = || (0..weights.len()).filter(|task| observed[*task]);
    let count = seen().count().max(1) as f64;
    let left = |task: usize| positive(losses[task]) / positive(first[task]);
    let (mean_norm, mean_left) = (seen().map(|k| norms[k]).sum::<f64>() / count, seen().map(left).sum::<f64>() / count);
    let of_task = |task: usize| {
        if !observed[task] || norms[task] <= 0.0 {
            return 0.0;
        }
        let target = mean_norm * (left(task) / mean_left).powf(ALPHA);
        let side = match norms[task] - target {
            difference if difference > 0.0 => 1.0,
            difference if difference < 0.0 => -1.0,
            _ => 0.0,
        };
        (side * norms[task] / f64::from(weights[task])) as f32
    };
    (0..weights.len()).map(of_task).collect()
}

/// Puts weights that were moved back to the sum that the observed ones had; the others go back to where they were.
pub(crate) fn settle(weights: &mut [f32], before: &[f32], observed: &[bool]) {
    let seen = || (0..before.len()).filter(|task| observed[*task]);
    for task in 0..before.len() {
        weights[task] = if observed[task] { weights[task].max(SMALLEST_WEIGHT) } else { before[task] };
    }
    let sum = |weights: &[f32]| seen().map(|task| f64::from(weights[task])).sum::<f64>();
    let scale = sum(before) / sum(weights).max(f64::from(SMALLEST_WEIGHT));
    seen().for_each(|task| weights[task] = (f64::from(weights[task]) * scale) as f32);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: G = (2, 4), mean 3; L̃ = (0.5, 1), mean 0.75, r = (2/3, 4/3); targets 3·r^1.5 = (1.633, 4.619).
    #[test]
    fn weights_move_so_that_norms_come_to_the_mean_and_slow_tasks_gain() {
        let found = gradient(&[0.5, 1.5], &[2.0, 4.0], &[1.0, 3.0], &[2.0, 3.0], &[true, true]);
        assert_eq!(found, [4.0, -(4.0f32 / 1.5)]);
        // Both as fast as the other: the larger norm loses weight.
        let found = gradient(&[1.0, 1.0], &[2.0, 4.0], &[1.0, 1.0], &[2.0, 2.0], &[true, true]);
        assert_eq!(found, [-2.0, 4.0]);
    }

    #[test]
    fn a_task_without_rows_takes_no_part() {
        let found =
            gradient(&[1.0, 1.0, 1.0], &[2.0, 0.0, 4.0], &[1.0, 0.0, 1.0], &[2.0, 5.0, 2.0], &[true, false, true]);
        assert_eq!(found, [-2.0, 0.0, 4.0]);
        let mut weights = [1.5, 0.7, 0.3];
        settle(&mut weights, &[1.0, 1.0, 1.0], &[true, false, true]);
        assert_eq!(weights[1], 1.0);
        assert!((weights[0] + weights[2] - 2.0).abs() < 1e-6 && (weights[0] / weights[2] - 5.0).abs() < 1e-5);
    }

    #[test]
    fn no_weight_falls_to_zero_and_without_shared_weights_none_moves() {
        let mut weights = [-0.5, 2.0];
        settle(&mut weights, &[1.0, 1.0], &[true, true]);
        assert!(weights[0] > 0.0 && (weights[0] + weights[1] - 2.0).abs() < 1e-6);
        assert_eq!(gradient(&[1.0, 1.0], &[0.0, 0.0], &[1.0, 2.0], &[1.0, 1.0], &[true, true]), [0.0, 0.0]);
    }

    #[test]
    fn losses_below_zero_have_ratios() {
        let found = gradient(&[1.0, 1.0], &[2.0, 4.0], &[-3.0, 1.0], &[-1.0, 1.0], &[true, true]);
        assert!(found.iter().all(|number| number.is_finite()));
    }
}
