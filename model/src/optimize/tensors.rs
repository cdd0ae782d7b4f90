//! AdamW, Adam, Adagrad and SGD as libtorch operators, for a GPU: [`super::dense`]'s formulas.

use spec::training::{Optimizer, OptimizerKind};
use tch::{TchError, Tensor};

use super::dense::{ADAGRAD_EPSILON, ADAM_EPSILON, BETA_1, BETA_2, Step};
use crate::network::parameters::Block;

/// An optimizer over a tensor for each block of weights.
#[derive(Debug)]
pub(crate) struct TensorOptimizer {
    optimizer: Optimizer,
    decays: Vec<bool>,
    /// First moments of AdamW and Adam, else none.
    pub(crate) first: Vec<Tensor>,
    /// Second moments, or Adagrad's sums of squares; none for SGD.
    pub(crate) second: Vec<Tensor>,
}

impl TensorOptimizer {
    pub(crate) fn new(optimizer: &Optimizer, blocks: &[Block], weights: &[Tensor]) -> Result<Self, TchError> {
        let moments = |are_kept: bool| {
            let kept = weights.iter().filter(|_| are_kept);
            kept.map(|weight| weight.f_detach()?.f_zeros_like()).collect::<Result<Vec<_>, _>>()
        };
        let (first, second) = (moments(optimizer.kind.has_first())?, moments(optimizer.kind.has_second())?);
        let decays = blocks.iter().map(|block| block.decays).collect();
        Ok(Self { optimizer: optimizer.clone(), decays, first, second })
    }

    pub(crate) fn kind(&self) -> OptimizerKind {
        self.optimizer.kind
    }

    /// One step against the gradients by the weights. Without autograd around it.
    pub(crate) fn step(&mut self, weights: &mut [Tensor], gradients: &[Tensor], step: Step) -> Result<(), TchError> {
        let rate = self.optimizer.learning_rate * step.rate_factor;
        for (index, weight) in weights.iter_mut().enumerate() {
            let gradient = gradients[index].f_mul_scalar(f64::from(step.gradient_scale))?;
            let decay = if self.decays[index] { self.optimizer.weight_decay } else { 0.0 };
            let decayed = weight.f_mul_scalar(rate * decay)?;
            let change = match self.optimizer.kind {
                OptimizerKind::Adamw => self.adam(index, &gradient, step.index + 1, rate)?.f_add(&decayed)?,
                OptimizerKind::Adam => {
                    let coupled = gradient.f_add(&weight.f_mul_scalar(decay)?)?;
                    self.adam(index, &coupled, step.index + 1, rate)?
                }
                OptimizerKind::Adagrad => self.adagrad(index, &gradient, rate)?.f_add(&decayed)?,
                OptimizerKind::Sgd => gradient.f_mul_scalar(rate)?.f_add(&decayed)?,
            };
            let _ = weight.f_sub_(&change)?;
        }
        Ok(())
    }

    fn adam(&mut self, index: usize, gradient: &Tensor, step: u64, rate: f64) -> Result<Tensor, TchError> {
        let (first, second) = (&mut self.first[index], &mut self.second[index]);
        let power = step.min(1 << 30) as i32;
        let moment = first.f_mul_scalar_(BETA_1)?.f_add_(&gradient.f_mul_scalar(1.0 - BETA_1)?)?;
        let square = second.f_mul_scalar_(BETA_2)?.f_add_(&gradient.f_square()?.f_mul_scalar(1.0 - BETA_2)?)?;
        let deviation = square.f_sqrt()?.f_mul_scalar(1.0 / (1.0 - BETA_2.powi(power)).sqrt())?;
        let deviation = deviation.f_add_scalar(f64::from(ADAM_EPSILON))?;
        moment.f_div(&deviation)?.f_mul_scalar(rate / (1.0 - BETA_1.powi(power)))
    }

    fn adagrad(&mut self, index: usize, gradient: &Tensor, rate: f64) -> Result<Tensor, TchError> {
        let sums = self.second[index].f_add_(&gradient.f_square()?)?;
        let deviation = sums.f_sqrt()?.f_add_scalar(f64::from(ADAGRAD_EPSILON))?;
        gradient.f_div(&deviation)?.f_mul_scalar(rate)
    }
}
