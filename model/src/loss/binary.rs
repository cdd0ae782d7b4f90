//! Cross-entropy of a logit `z`: `ℓ = w₊·y·ln(1 + e^-z) + (1 - y)·ln(1 + e^z)`; and binary tasks, whose loss it is or
//! [`focal`].
//!
//! A task that learns from a share `w` of the negative rows sees `1/w` times the odds that there are. Its head learns those,
//! and `p / (p + (1 - p)/w)`, the probability among all rows, is `σ(z + ln w)`.

use spec::task::{BinaryLoss, BinaryTask, FocalLoss};

use super::focal::focal;

/// A binary task's loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Classes {
    pub(crate) loss: ClassLoss,
    /// `ln w`: 0 where all rows are learned from, and for weights as a package has them.
    pub(crate) log_rate: f64,
}

/// How far a probability is off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum ClassLoss {
    /// Of positive rows this many times.
    CrossEntropy { positive_weight: f64 },
    /// Of which easy rows count less.
    Focal(FocalLoss),
}

impl Classes {
    /// That of a task, for weights as a package has them.
    pub(crate) fn published(task: &BinaryTask) -> Self {
        let loss = match task.loss {
            BinaryLoss::CrossEntropy(_) => ClassLoss::CrossEntropy { positive_weight: task.positive_weight },
            BinaryLoss::Focal(focal) => ClassLoss::Focal(focal),
        };
        Self { loss, log_rate: 0.0 }
    }

    /// That of a task while it learns.
    pub(crate) fn for_training(task: &BinaryTask) -> Self {
        Self::published(task).sampled(task.negative_rate)
    }

    /// The same, learned from a share of the negative rows.
    pub(crate) fn sampled(self, negative_rate: f64) -> Self {
        Self { log_rate: negative_rate.ln(), ..self }
    }

    /// Plain cross-entropy.
    pub(crate) fn cross_entropy(positive_weight: f64) -> Self {
        Self { loss: ClassLoss::CrossEntropy { positive_weight }, log_rate: 0.0 }
    }

    /// The probability among all rows.
    pub(crate) fn predict(self, head: f64) -> f64 {
        sigmoid(head + self.log_rate)
    }

    /// Loss and its derivative by the logit.
    pub(crate) fn loss(self, logit: f64, positive: bool) -> (f64, f64) {
        match self.loss {
            ClassLoss::CrossEntropy { positive_weight } => cross_entropy(logit, positive, positive_weight),
            ClassLoss::Focal(of) => focal(of, logit, positive),
        }
    }
}

/// `1 / (1 + e^-z)`
pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// `ln(1 + e^z)`, exact to rounding for any `z`.
pub(crate) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// Loss and its derivative by the logit.
pub(crate) fn cross_entropy(z: f64, positive: bool, positive_weight: f64) -> (f64, f64) {
    // e^-|z| gives both: softplus(±z) = max(±z, 0) + ln(1 + e^-|z|), and σ(±z) is 1 or e^-|z| over 1 + e^-|z|.
    let small = (-z.abs()).exp();
    let (toward, away) = if positive { (-z, -positive_weight) } else { (z, 1.0) };
    let loss = toward.max(0.0) + small.ln_1p();
    let share = if toward >= 0.0 { 1.0 } else { small } / (1.0 + small);
    (away.abs() * loss, away * share)
}
