//! The update of tables as libtorch operators, for a GPU. The kernels' formulas ([`crate::embedding::rule`]); rows of
//! equal ids are added in another order.

use spec::training::{EmbeddingOptimizer, EmbeddingOptimizerKind};
use tch::{Device, Kind, TchError, Tensor};

use super::{Gathered, InputTensors, upload_table};
use crate::embedding::Table;
use crate::embedding::rule::{EPSILON, rate};
use crate::embedding::states::RowStates;
use crate::input::InputLayout;
use crate::optimize::dense::{ADAGRAD_EPSILON, ADAM_EPSILON, BETA_1, BETA_2, Correction, Step};
use crate::tensor::download;

/// The optimizer of all tables, [`RowStates`] on a device.
#[derive(Debug)]
pub(crate) struct TableTensors {
    optimizer: EmbeddingOptimizer,
    /// For each table `[rows, width]`, or `[rows, 1]`.
    squares: Vec<Tensor>,
    /// `[rows, width]`
    first: Vec<Tensor>,
    /// `[rows, 1]`
    reads: Vec<Tensor>,
}

/// The rows that a step touches: ids, each once, i64, and the sum of its gradients, `[ids, width]`.
struct Touched {
    ids: Tensor,
    gradient: Tensor,
}

impl TableTensors {
    /// A copy of host states.
    pub(crate) fn upload(optimizer: &EmbeddingOptimizer, states: &RowStates, device: Device) -> Result<Self, TchError> {
        let place = |tables: &[Table]| {
            tables.iter().map(|table| upload_table(table, device)).collect::<Result<Vec<_>, TchError>>()
        };
        Ok(Self {
            optimizer: optimizer.clone(),
            squares: place(&states.squares)?,
            first: place(&states.first)?,
            reads: place(&states.reads)?,
        })
    }

    /// The same optimizer with other states.
    pub(crate) fn placed(&self, states: &RowStates, device: Device) -> Result<Self, TchError> {
        Self::upload(&self.optimizer, states, device)
    }

    /// The states in a host's memory.
    pub(crate) fn download(&self, layout: &InputLayout) -> Result<RowStates, TchError> {
        let mut states = RowStates::zeros(layout, &self.optimizer);
        let parts =
            [(&self.squares, &mut states.squares), (&self.first, &mut states.first), (&self.reads, &mut states.reads)];
        for (tensors, tables) in parts {
            for (tensor, table) in tensors.iter().zip(tables) {
                table.write(0, &download(tensor)?);
            }
        }
        Ok(states)
    }

    /// One step over all tables, `[rows, width]`, down the gradient by what was gathered. Without autograd around it.
    pub(crate) fn step(
        &mut self,
        layout: &InputLayout,
        tables: &mut [Tensor],
        inputs: &InputTensors,
        by: &Gathered,
        step: Step,
    ) -> Result<(), TchError> {
        let by_x = &by.x;
        let mut by_steps = by.steps.iter();
        let mut column = layout.numeric_width() as i64;
        let mut bags = inputs.bags.iter();
        for (index, table) in tables.iter_mut().enumerate() {
            let layout = &layout.tables[index];
            let (width, slots) = (layout.width as i64, layout.single_slots() as i64);
            let mut ids = vec![inputs.ids[index].shallow_clone()];
            let mut gradients = vec![by_x.f_narrow(1, column, slots * width)?.f_reshape([-1, width])?];
            column += slots * width;
            for (bag, by_steps) in bags.by_ref().zip(&mut by_steps).take(layout.bags().len()) {
                ids.push(bag.ids.shallow_clone());
                gradients.push(match by_steps {
                    Some(by_steps) => by_steps.shallow_clone(),
                    None => by_x.f_narrow(1, column, width)?.f_index_select(0, &bag.rows)?.f_mul(&bag.scales)?,
                });
                column += width;
            }
            let touched = sum_equal(&Tensor::f_cat(&ids, 0)?, &Tensor::f_cat(&gradients, 0)?)?;
            if let Some(reads) = self.reads.get_mut(index) {
                let share = rate(&self.optimizer, step) * self.optimizer.rare_decay;
                hold_back(table, reads, &touched.ids, share)?;
            }
            let change = match self.optimizer.kind {
                EmbeddingOptimizerKind::RowwiseAdagrad => self.rowwise_adagrad(index, &touched, step)?,
                EmbeddingOptimizerKind::Adagrad => self.adagrad(index, &touched, step)?,
                EmbeddingOptimizerKind::RowwiseAdam => self.rowwise_adam(index, &touched, step)?,
            };
            let _ = table.f_index_add_(0, &touched.ids, &change)?;
        }
        Ok(())
    }

    fn rowwise_adagrad(&mut self, index: usize, touched: &Touched, step: Step) -> Result<Tensor, TchError> {
        let Touched { ids, gradient } = touched;
        let sums = self.squares[index].f_index_add_(0, ids, &mean_square(gradient)?)?;
        let deviations = sums.f_index_select(0, ids)?.f_sqrt()?.f_add_scalar(f64::from(EPSILON))?;
        gradient.f_div(&deviations)?.f_mul_scalar(-rate(&self.optimizer, step))
    }

    fn adagrad(&mut self, index: usize, touched: &Touched, step: Step) -> Result<Tensor, TchError> {
        let Touched { ids, gradient } = touched;
        let sums = self.squares[index].f_index_add_(0, ids, &gradient.f_square()?)?;
        let deviations = sums.f_index_select(0, ids)?.f_sqrt()?.f_add_scalar(f64::from(ADAGRAD_EPSILON))?;
        gradient.f_div(&deviations)?.f_mul_scalar(-rate(&self.optimizer, step))
    }

    fn rowwise_adam(&mut self, index: usize, touched: &Touched, step: Step) -> Result<Tensor, TchError> {
        let correction = Correction::at(step.index + 1, rate(&self.optimizer, step));
        let Touched { ids, gradient } = touched;
        let moved = |states: &mut Tensor, kept: f64, found: &Tensor| {
            let kept_part = states.f_index_select(0, ids)?.f_mul_scalar(kept)?;
            let moment = kept_part.f_add(&found.f_mul_scalar(1.0 - kept)?)?;
            let _ = states.f_index_copy_(0, ids, &moment)?;
            Ok::<_, TchError>(moment)
        };
        let first = moved(&mut self.first[index], BETA_1, gradient)?;
        let second = moved(&mut self.squares[index], BETA_2, &mean_square(gradient)?)?;
        let deviations = second.f_sqrt()?.f_mul_scalar(f64::from(correction.second))?;
        let deviations = deviations.f_add_scalar(f64::from(ADAM_EPSILON))?;
        first.f_div(&deviations)?.f_mul_scalar(-f64::from(correction.rate))
    }
}

/// The mean over each row's width of its squared gradient, `[ids, 1]`.
fn mean_square(gradient: &Tensor) -> Result<Tensor, TchError> {
    gradient.f_square()?.f_mean_dim(1, true, Kind::Float)
}

/// Each id once, with the sum of its gradients.
fn sum_equal(ids: &Tensor, gradients: &Tensor) -> Result<Touched, TchError> {
    let (ids, places, _) = ids.f_internal_unique2(true, true, false)?;
    let mut sums = Tensor::f_zeros([ids.size1()?, gradients.size2()?.1], (Kind::Float, gradients.device()))?;
    let gradient = sums.f_index_add_(0, &places, gradients)?;
    Ok(Touched { ids: ids.f_to_kind(Kind::Int64)?, gradient })
}

/// Takes its share from rows that are read, the less the more often they have been.
fn hold_back(table: &mut Tensor, reads: &mut Tensor, ids: &Tensor, share: f64) -> Result<(), TchError> {
    let once = Tensor::f_ones([ids.size1()?, 1], (Kind::Float, reads.device()))?;
    let reads = reads.f_index_add_(0, ids, &once)?.f_index_select(0, ids)?;
    let lost = reads.f_reciprocal()?.f_mul_scalar(share)?.f_clamp_max(1.0)?;
    let lost = table.f_index_select(0, ids)?.f_mul(&lost)?;
    let _ = table.f_index_add_(0, ids, &lost.f_neg()?)?;
    Ok(())
}
