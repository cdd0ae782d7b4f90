//! The losses as libtorch operators, for a GPU; their gradients come from autograd.

use std::f64::consts::PI;

use spec::task::{FocalLoss, RegressionLoss};
use tch::{Kind, TchError, Tensor};

use super::Objective;
use super::binary::{ClassLoss, Classes};
use super::elkan_noto::ElkanNoto;
use super::regression::Regression;
use super::ziln::MIN_SCALE;

/// A task's targets on a device.
#[derive(Debug)]
pub(crate) struct TargetTensors {
    /// `[rows]`
    pub(crate) labels: Tensor,
    /// `[rows]`, 0 where a row was not observed.
    pub(crate) weights: Tensor,
}

/// A task's loss over a batch.
pub(crate) struct TensorLoss {
    /// The loss, a scalar.
    pub(crate) value: Tensor,
    /// What the step goes down: the loss, but for nnPU's ascent.
    pub(crate) descent: Tensor,
}

impl Objective {
    /// The loss of a head, `[rows, units]`.
    pub(crate) fn tensor_loss(self, head: &Tensor, targets: &TargetTensors) -> Result<TensorLoss, TchError> {
        match self {
            Self::Binary(classes) => {
                let loss = class_loss(classes, &head.f_select(1, 0)?, &targets.labels)?;
                plain(weighted_mean(&loss, &targets.weights)?)
            }
            Self::Value => plain(weighted_mean(&log_normal(head, &targets.labels)?, &targets.weights)?),
            Self::Regression(of) => {
                let loss = regression(of, &head.f_select(1, 0)?, &targets.labels)?;
                plain(weighted_mean(&loss, &targets.weights)?)
            }
            Self::Multiclass { .. } => {
                plain(weighted_mean(&softmax_cross_entropy(head, &targets.labels)?, &targets.weights)?)
            }
            Self::ElkanNoto(of) => {
                let loss = elkan_noto(of, &head.f_select(1, 0)?, &targets.labels)?;
                plain(weighted_mean(&loss, &targets.weights)?)
            }
            Self::Nnpu { prior } => non_negative(&head.f_select(1, 0)?, targets, prior),
        }
    }
}

fn plain(value: Tensor) -> Result<TensorLoss, TchError> {
    Ok(TensorLoss { descent: value.shallow_clone(), value })
}

/// The loss of each row's logit.
pub(super) fn class_loss(classes: Classes, logits: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    match classes.loss {
        ClassLoss::CrossEntropy { positive_weight } => cross_entropy(logits, labels, positive_weight),
        ClassLoss::Focal(of) => focal(of, logits, labels),
    }
}

/// 0 where nothing weighs anything.
pub(super) fn weighted_mean(losses: &Tensor, weights: &Tensor) -> Result<Tensor, TchError> {
    losses.f_mul(weights)?.f_sum(None)?.f_div(&weights.f_sum(None)?.f_clamp_min(1e-30)?)
}

fn cross_entropy(logits: &Tensor, labels: &Tensor, positive_weight: f64) -> Result<Tensor, TchError> {
    let positive = logits.f_neg()?.f_softplus()?.f_mul_scalar(positive_weight)?;
    positive.f_where_self(&labels.f_gt(0.0)?, &logits.f_softplus()?)
}

fn softmax_cross_entropy(head: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    let classes = labels.f_to_kind(Kind::Int64)?.f_unsqueeze(1)?;
    head.f_log_softmax(1, Kind::Float)?.f_gather(1, &classes, false)?.f_squeeze_dim(1)?.f_neg()
}

fn focal(of: FocalLoss, logits: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    let toward = logits.f_where_self(&labels.f_gt(0.0)?, &logits.f_neg()?)?;
    // (1 - p)^γ by its logarithm, whose derivative is a number where 1 - p is none.
    let focus = toward.f_softplus()?.f_mul_scalar(-of.gamma)?.f_exp()?;
    let class_weights = labels.f_mul_scalar(2.0 * of.alpha - 1.0)?.f_add_scalar(1.0 - of.alpha)?;
    toward.f_neg()?.f_softplus()?.f_mul(&focus)?.f_mul(&class_weights)
}

fn elkan_noto(of: ElkanNoto, logits: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    let seeds = logits.f_neg()?.f_softplus()?.f_add_scalar(-of.log_seeds)?;
    let others = logits.f_softplus()?.f_sub(&logits.f_add_scalar(of.log_others)?.f_softplus()?)?;
    seeds.f_where_self(&labels.f_gt(0.0)?, &others)
}

fn log_normal(head: &Tensor, values: &Tensor) -> Result<Tensor, TchError> {
    let zero_or_not = cross_entropy(&head.f_select(1, 0)?, values, 1.0)?;
    let positive = values.f_gt(0.0)?;
    // The logarithm of a zero must not reach the gradient, not even times zero.
    let log_values = values.f_where_self(&positive, &values.f_ones_like()?)?.f_log()?;
    let scale = head.f_select(1, 2)?.f_softplus()?.f_clamp_min(MIN_SCALE)?;
    let distance = log_values.f_sub(&head.f_select(1, 1)?)?.f_div(&scale)?;
    let density = distance.f_square()?.f_mul_scalar(0.5)?.f_add(&scale.f_log()?)?.f_add(&log_values)?;
    let density = density.f_add_scalar(0.5 * (2.0 * PI).ln())?;
    zero_or_not.f_add(&density.f_mul(&positive.f_to_kind(Kind::Float)?)?)
}

fn regression(of: Regression, head: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    match of.loss {
        RegressionLoss::Squared(_) => distance(of, head, labels)?.f_square()?.f_mul_scalar(0.5),
        RegressionLoss::Huber(huber) => {
            let distance = distance(of, head, labels)?;
            let (near, size) = (distance.f_square()?.f_mul_scalar(0.5)?, distance.f_abs()?);
            let far = size.f_sub_scalar(0.5 * huber.delta)?.f_mul_scalar(huber.delta)?;
            near.f_where_self(&size.f_le(huber.delta)?, &far)
        }
        RegressionLoss::Poisson(_) => {
            let labels = labels.f_mul_scalar((-of.location).exp())?;
            let surprise = labels.f_xlogy(&labels)?.f_sub(&labels.f_mul(head)?)?;
            head.f_exp()?.f_sub(&labels)?.f_add(&surprise)
        }
        RegressionLoss::Tweedie(tweedie) => {
            let labels = labels.f_mul_scalar((-of.location).exp())?;
            let (one, two) = (1.0 - tweedie.power, 2.0 - tweedie.power);
            let by_one = head.f_mul_scalar(one)?.f_exp()?.f_mul(&labels)?.f_mul_scalar(-1.0 / one)?;
            let by_two = head.f_mul_scalar(two)?.f_exp()?.f_mul_scalar(1.0 / two)?;
            by_two.f_add(&by_one)?.f_add(&labels.f_pow_tensor_scalar(two)?.f_mul_scalar(1.0 / (one * two))?)
        }
    }
}

fn distance(of: Regression, head: &Tensor, labels: &Tensor) -> Result<Tensor, TchError> {
    head.f_sub(&labels.f_sub_scalar(of.location)?.f_mul_scalar(1.0 / of.scale)?)
}

fn non_negative(logits: &Tensor, targets: &TargetTensors, prior: f64) -> Result<TensorLoss, TchError> {
    let seeds = targets.weights.f_mul(&targets.labels)?;
    let rest = targets.weights.f_sub(&seeds)?;
    let as_negative = logits.f_softplus()?;
    let positive = weighted_mean(&logits.f_neg()?.f_softplus()?, &seeds)?.f_mul_scalar(prior)?;
    let of_seeds = weighted_mean(&as_negative, &seeds)?.f_mul_scalar(prior)?;
    let negative = weighted_mean(&as_negative, &rest)?.f_sub(&of_seeds)?;
    let is_violated = negative.f_lt(0.0)?;
    let risk = positive.f_add(&negative)?;
    let descent = negative.f_neg()?.f_where_self(&is_violated, &risk)?;
    let value = positive.f_where_self(&is_violated, &risk)?;
    Ok(TensorLoss { value, descent })
}
