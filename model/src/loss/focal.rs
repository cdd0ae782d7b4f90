//! Focal loss (Lin, Focal Loss for Dense Object Detection, ICCV 2017) of a logit `z`: with `x = z` for a positive row and
//! `x = -z` for a negative one, `p = σ(x)` and `α_t` the class' weight, `ℓ = -α_t·(1 - p)^γ·ln p`.

use spec::task::FocalLoss;

use super::binary::{sigmoid, softplus};

/// Loss and its derivative by the logit, `± α_t·(1 - p)^γ·(γ·p·ln p + p - 1)`.
pub(crate) fn focal(focal: FocalLoss, z: f64, positive: bool) -> (f64, f64) {
    let FocalLoss { gamma, alpha } = focal;
    let (toward, away, class_weight) = if positive { (z, 1.0, alpha) } else { (-z, -1.0, 1.0 - alpha) };
    let (log_p, log_rest) = (-softplus(-toward), -softplus(toward));
    let weight = class_weight * (gamma * log_rest).exp();
    let p = sigmoid(toward);
    (-weight * log_p, away * weight * (gamma * p * log_p - sigmoid(-toward)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;
    use crate::loss::binary::cross_entropy;

    proptest! {
        #[test]
        fn focal_loss_is_its_definition_and_its_derivative_its_slope(
            z in -15.0..15.0f64, gamma in 0.0..5.0f64, alpha in 0.05..0.95f64,
        ) {
            let of = FocalLoss { gamma, alpha };
            for positive in [false, true] {
                let p = if positive { 1.0 / (1.0 + (-z).exp()) } else { 1.0 / (1.0 + z.exp()) };
                let weight = if positive { alpha } else { 1.0 - alpha };
                let expected = -weight * (1.0 - p).powf(gamma) * p.ln();
                let (loss, derivative) = focal(of, z, positive);
                prop_assert!((loss - expected).abs() < 1e-9 * (1.0 + expected.abs()));
                let slope = (focal(of, z + 1e-5, positive).0 - focal(of, z - 1e-5, positive).0) / 2e-5;
                prop_assert!((derivative - slope).abs() < 1e-6);
            }
        }

        #[test]
        fn without_focus_it_is_half_the_cross_entropy(z in -15.0..15.0f64) {
            let of = FocalLoss { gamma: 0.0, alpha: 0.5 };
            for positive in [false, true] {
                let (plain, by_plain) = cross_entropy(z, positive, 1.0);
                let (loss, by) = focal(of, z, positive);
                prop_assert!((loss - 0.5 * plain).abs() < 1e-12 && (by - 0.5 * by_plain).abs() < 1e-12);
            }
        }
    }

    /// `torchvision.ops.sigmoid_focal_loss`'s formula, computed by hand: p_t = 0.9 is 100 times less than cross-entropy.
    #[test]
    fn easy_rows_count_less() {
        let logit = f64::ln(0.9 / 0.1);
        let (loss, _) = focal(FocalLoss::default(), logit, true);
        assert!((loss - 0.25 * 0.01 * -f64::ln(0.9)).abs() < 1e-12, "{loss}");
        let (loss, _) = focal(FocalLoss::default(), logit, false);
        assert!((loss - 0.75 * 0.81 * -f64::ln(0.1)).abs() < 1e-12, "{loss}");
    }

    #[test]
    fn extreme_logits_have_finite_losses() {
        for z in [-1e4, -100.0, 0.0, 100.0, 1e4] {
            for positive in [false, true] {
                let (loss, derivative) = focal(FocalLoss { gamma: 0.5, alpha: 0.25 }, z, positive);
                assert!(loss.is_finite() && derivative.is_finite() && loss >= 0.0, "{z} {positive}");
            }
        }
    }
}
