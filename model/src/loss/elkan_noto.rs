//! Learning from seeds that are a random share of all positives (Elkan and Noto, Learning Classifiers from Only Positive
//! and Unlabeled Data, KDD 2008): `P(seed | x) = c·P(positive | x)`, `c` the share of the positives that are seeds.
//!
//! The head says `P(positive | x) = σ(z)` and learns by the likelihood of what is known, who is a seed:
//! `ℓ = -ln(c·σ(z))` for a seed, `-ln(1 - c·σ(z))` for any other. Where the paper divides a trained classifier by `c`, here
//! no probability can come out above 1.
//!
//! `c = P(seed) / (P(seed) + π·(1 - P(seed)))`, π the share of positives among the rest.

use super::binary::{sigmoid, softplus};

/// What the loss knows of its seeds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ElkanNoto {
    pub(crate) prior: f64,
    /// `ln c`
    pub(crate) log_seeds: f64,
    /// `ln(1 - c)`
    pub(crate) log_others: f64,
}

impl ElkanNoto {
    /// For a share of seeds among all rows and a prior; a share of 0 tells nothing, and then all positives are seeds.
    pub(crate) fn new(seeds: f64, prior: f64) -> Self {
        let found = if seeds > 0.0 { seeds / (seeds + prior * (1.0 - seeds)) } else { 1.0 };
        Self { prior, log_seeds: found.ln(), log_others: (1.0 - found).ln() }
    }

    /// Loss and its derivative by the logit.
    pub(crate) fn loss(self, z: f64, is_seed: bool) -> (f64, f64) {
        if is_seed {
            return (softplus(-z) - self.log_seeds, -sigmoid(-z));
        }
        // 1 - c·σ(z) = (1 + (1 - c)·e^z) / (1 + e^z)
        let others = z + self.log_others;
        (softplus(z) - softplus(others), sigmoid(z) - sigmoid(others))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_likelihood_of_seeds_and_its_derivative_its_slope(
            z in -12.0..12.0f64, seeds in 0.01..0.5f64, prior in 0.01..0.6f64,
        ) {
            let of = ElkanNoto::new(seeds, prior);
            let c = seeds / (seeds + prior * (1.0 - seeds));
            for is_seed in [false, true] {
                let p = c / (1.0 + (-z).exp());
                let expected = if is_seed { -p.ln() } else { -(1.0 - p).ln() };
                let (loss, derivative) = of.loss(z, is_seed);
                prop_assert!((loss - expected).abs() < 1e-9 * (1.0 + expected.abs()));
                let slope = (of.loss(z + 1e-5, is_seed).0 - of.loss(z - 1e-5, is_seed).0) / 2e-5;
                prop_assert!((derivative - slope).abs() < 1e-6);
            }
        }

        /// People of whom a share `q` is positive are seeds at the rate `c·q`: the loss is least where the head says `q`.
        #[test]
        fn it_is_least_where_the_head_says_the_share_of_positives(q in 0.01..0.99f64, prior in 0.05..0.6f64) {
            let (seeds, logit) = (0.1, (q / (1.0 - q)).ln());
            let of = ElkanNoto::new(seeds, prior);
            let rate = q * of.log_seeds.exp();
            let slope = rate * of.loss(logit, true).1 + (1.0 - rate) * of.loss(logit, false).1;
            prop_assert!(slope.abs() < 1e-12, "{slope}");
        }
    }

    #[test]
    fn where_all_positives_are_seeds_it_is_the_cross_entropy() {
        let of = ElkanNoto::new(0.2, 0.0);
        for z in [-30.0, -1.0, 0.0, 2.5, 800.0] {
            assert_eq!(of.loss(z, true).0, softplus(-z));
            assert_eq!(of.loss(z, false), (softplus(z), sigmoid(z)));
        }
        assert_eq!(ElkanNoto::new(0.0, 0.3).loss(1.0, false).0, softplus(1.0));
    }
}
