//! Softmax cross-entropy of one logit `z_c` a class, for a row of class `y`: `ℓ = ln Σ_c e^{z_c} - z_y`, its derivative
//! `p_c - 1[c = y]` with `p = softmax(z)`. In f64, the largest logit taken off first.

/// `ln Σ_c e^{z_c}`
fn log_sum(head: &[f32]) -> f64 {
    let most = f64::from(head.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    most + head.iter().map(|&logit| (f64::from(logit) - most).exp()).sum::<f64>().ln()
}

/// The loss of a row.
pub(crate) fn cross_entropy(head: &[f32], class: usize) -> f64 {
    log_sum(head) - f64::from(head[class])
}

/// The loss of a row; `gradient` is `scale` times its derivative by the logits.
pub(crate) fn descend(head: &[f32], class: usize, scale: f64, gradient: &mut [f32]) -> f64 {
    let log_sum = log_sum(head);
    for (gradient, &logit) in gradient.iter_mut().zip(head) {
        *gradient = (scale * (f64::from(logit) - log_sum).exp()) as f32;
    }
    let share = (f64::from(head[class]) - log_sum).exp();
    gradient[class] = (scale * (share - 1.0)) as f32;
    log_sum - f64::from(head[class])
}

/// `softmax(z)`
pub(crate) fn probabilities(head: &[f32], probabilities: &mut [f32]) {
    let log_sum = log_sum(head);
    for (probability, &logit) in probabilities.iter_mut().zip(head) {
        *probability = (f64::from(logit) - log_sum).exp() as f32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    /// scipy.special.logsumexp([0.5, -1, 2, 0]) = 2.3423495823898215; less 2 is the loss of class 2.
    #[test]
    fn it_is_the_negative_log_of_the_softmax() {
        let head = [0.5f32, -1.0, 2.0, 0.0];
        let sum: f64 = head.iter().map(|&z| f64::from(z).exp()).sum();
        assert!((log_sum(&head) - 2.342_349_582_389_821_5).abs() < 1e-12, "{}", log_sum(&head));
        for class in 0..4 {
            let expected = -(f64::from(head[class]).exp() / sum).ln();
            assert!((cross_entropy(&head, class) - expected).abs() < 1e-12);
        }
        let mut found = [0.0; 4];
        probabilities(&head, &mut found);
        for (found, z) in found.iter().zip(head) {
            assert!((f64::from(*found) - f64::from(z).exp() / sum).abs() < 1e-7);
        }
    }

    #[test]
    fn extreme_logits_have_finite_losses() {
        let head = [1e30f32, -1e30, 5.0];
        assert_eq!(cross_entropy(&head, 0), 0.0);
        assert!(cross_entropy(&head, 1).is_finite());
        let mut found = [0.0; 3];
        probabilities(&head, &mut found);
        assert_eq!(found, [1.0, 0.0, 0.0]);
    }

    proptest! {
        #[test]
        fn its_derivative_is_its_slope(
            head in proptest::collection::vec(-8.0..8.0f32, 2..7), class in 0..6usize, scale in 0.1..3.0f64,
        ) {
            let class = class % head.len();
            let mut gradient = vec![f32::NAN; head.len()];
            prop_assert!((descend(&head, class, scale, &mut gradient) - cross_entropy(&head, class)).abs() < 1e-12);
            for (index, found) in gradient.iter().enumerate() {
                let at = |step: f32| {
                    let mut moved = head.clone();
                    moved[index] += step;
                    (cross_entropy(&moved, class), f64::from(moved[index]))
                };
                let ((above, high), (below, low)) = (at(1e-2), at(-1e-2));
                prop_assert!((f64::from(*found) - scale * (above - below) / (high - low)).abs() < 1e-4);
            }
        }
    }
}
