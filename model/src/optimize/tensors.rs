//! AdamW and Adagrad as libtorch operators, for a GPU: [`super::dense`]'s formulas.

use spec::training::{Optimizer, OptimizerKind};
use tch::{TchError, Tensor};

use super::dense::{ADAGRAD_EPSILON, ADAM_EPSILON, BETA_1, BETA_2, Step};
use crate::network::parameters::Block;

/// An optimizer over a tensor for each block of weights.
#[derive(Debug)]
pub(crate) struct TensorOptimizer {
    optimizer: Optimizer,
    decays: Vec<bool>,
    /// AdamW's first moments; none for Adagrad.
    pub(crate) first: Vec<Tensor>,
    /// AdamW's second moments, Adagrad's sums of squares.
    pub(crate) second: Vec<Tensor>,
}

impl TensorOptimizer {
    pub(crate) fn new(optimizer: &Optimizer, blocks: &[Block], weights: &[Tensor]) -> Result<Self, TchError> {
        let zeros = || weights.iter().map(|weight| weight.f_detach()?.f_zeros_like()).collect::<Result<Vec<_>, _>>();
        let first = match optimizer.kind {
            OptimizerKind::Adamw => zeros()?,
            OptimizerKind::Adagrad => Vec::new(),
        };
        let decays = blocks.iter().map(|block| block.decays).collect();
        Ok(Self { optimizer: optimizer.clone(), decays, first, second: zeros()? })
    }

    pub(crate) fn kind(&self) -> OptimizerKind {
        self.optimizer.kind
    }

    /// One step along the weights' own gradients. Without autograd around it.
    pub(crate) fn step(&mut self, weights: &mut [Tensor], step: Step) -> Result<(), TchError> {
        let rate = self.optimizer.learning_rate * step.rate_factor;
        for (index, weight) in weights.iter_mut().enumerate() {
            let gradient = weight.f_grad()?.f_mul_scalar(f64::from(step.gradient_scale))?;
            let decay = if self.decays[index] { rate * self.optimizer.weight_decay } else { 0.0 };
            let change = match self.optimizer.kind {
                OptimizerKind::Adamw => self.adamw(index, &gradient, step.index + 1, rate)?,
                OptimizerKind::Adagrad => self.adagrad(index, &gradient, rate)?,
            };
            let decayed = weight.f_mul_scalar(decay)?;
            let _ = weight.f_sub_(&change.f_add(&decayed)?)?;
        }
        Ok(())
    }

    fn adamw(&mut self, index: usize, gradient: &Tensor, step: u64, rate: f64) -> Result<Tensor, TchError> {
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
