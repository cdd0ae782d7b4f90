//! Gradient surgery (Yu, Gradient Surgery for Multi-Task Learning, NeurIPS 2020), PCGrad: where two tasks' gradients point
//! against each other, each gives up the part of it that does.
//!
//! For each task `i`, `g = g_i`; for each other task `j` in random order, if `g·g_j < 0`: `g -= (g·g_j / ‖g_j‖²)·g_j`. The
//! sum of all `g` is gone down. Only over the dense weights that more than one task reaches; elsewhere, and over the
//! embeddings, gradients are summed as they are.

use crate::kernel::random;

/// The order in which a task meets the others at a step: a shuffle (Fisher and Yates) that depends on nothing else.
pub(crate) fn order(seed: u64, step: u64, task: usize, tasks: usize) -> Vec<usize> {
    let stream = random::key(seed, &[step, task as u64, 0x7063_6772]);
    let mut others: Vec<usize> = (0..tasks).filter(|other| *other != task).collect();
    for place in (1..others.len()).rev() {
        let drawn = u64::from(random::mix(stream ^ (place as u32).wrapping_mul(random::UNIT_STRIDE)));
        others.swap(place, ((drawn * (place as u64 + 1)) >> 32) as usize);
    }
    others
}

/// The sum of the tasks' gradients after each met the others in its order. `shared` is 1 where more than one task reaches a
/// weight, else 0.
pub(crate) fn project(gradients: &[&[f32]], shared: &[f32], orders: &[Vec<usize>]) -> Vec<f32> {
    let mut sum = vec![0.0f32; shared.len()];
    let norms: Vec<f64> = gradients.iter().map(|gradient| dot(gradient, gradient, shared)).collect();
    for (gradient, order) in gradients.iter().zip(orders) {
        let mut own = gradient.to_vec();
        for &other in order {
            let along = dot(&own, gradients[other], shared);
            if along < 0.0 && norms[other] > 0.0 {
                let part = (along / norms[other]) as f32;
                for ((own, other), shared) in own.iter_mut().zip(gradients[other]).zip(shared) {
                    *own -= part * shared * other;
                }
            }
        }
        sum.iter_mut().zip(&own).for_each(|(sum, own)| *sum += own);
    }
    sum
}

/// Over what is shared, in f64.
pub(crate) fn dot(a: &[f32], b: &[f32], shared: &[f32]) -> f64 {
    let mut sums = [0.0f64; 8];
    for ((a, b), shared) in a.chunks(8).zip(b.chunks(8)).zip(shared.chunks(8)) {
        for (sum, ((a, b), shared)) in sums.iter_mut().zip(a.iter().zip(b).zip(shared)) {
            *sum += f64::from(*a) * f64::from(*b) * f64::from(*shared);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: g₁ = (1, 0), g₂ = (-1, 1): g₁·g₂ = -1, so g₁ becomes (1, 0) + ½(-1, 1) = (½, ½) and g₂ (-1, 1) + (1, 0) =
    /// (0, 1). The third number is nobody's but the second task's.
    #[test]
    fn gradients_give_up_what_works_against_the_others() {
        let (one, two) = ([1.0f32, 0.0, 0.0], [-1.0f32, 1.0, 5.0]);
        let found = project(&[&one, &two], &[1.0, 1.0, 0.0], &[vec![1], vec![0]]);
        assert_eq!(found, [0.5, 1.5, 5.0]);
    }

    #[test]
    fn gradients_that_agree_are_summed() {
        let found =
            project(&[&[1.0, 2.0], &[3.0, -1.0], &[0.0, 0.0]], &[1.0; 2], &[vec![1, 2], vec![2, 0], vec![0, 1]]);
        assert_eq!(found, [4.0, 1.0]);
    }

    /// Three tasks, each against the next: what the paper's loop gives step by step, in plain arithmetic.
    #[test]
    fn a_task_meets_the_others_one_after_the_other() {
        let gradients: [[f32; 2]; 3] = [[2.0, 0.0], [-1.0, 1.0], [-1.0, -2.0]];
        let orders = [vec![2, 1], vec![0, 2], vec![1, 0]];
        let mut expected = [0.0f64; 2];
        for (task, order) in orders.iter().enumerate() {
            let mut own = gradients[task].map(f64::from);
            for &other in order {
                let met = gradients[other].map(f64::from);
                let (along, norm) = (own[0] * met[0] + own[1] * met[1], met[0] * met[0] + met[1] * met[1]);
                if along < 0.0 {
                    own = [own[0] - along / norm * met[0], own[1] - along / norm * met[1]];
                }
            }
            expected = [expected[0] + own[0], expected[1] + own[1]];
        }
        let views: Vec<&[f32]> = gradients.iter().map(|gradient| &gradient[..]).collect();
        let found = project(&views, &[1.0; 2], &orders);
        for (found, expected) in found.iter().zip(expected) {
            assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} is not {expected}");
        }
    }

    #[test]
    fn orders_are_of_all_others_and_differ_between_steps() {
        let drawn: Vec<Vec<usize>> = (0..40).map(|step| order(7, step, 1, 4)).collect();
        for order in &drawn {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 2, 3]);
        }
        let mut kinds = drawn.clone();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), 6, "all orders come up");
        assert_eq!(order(7, 3, 1, 4), drawn[3]);
    }
}
