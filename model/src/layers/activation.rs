//! `h = relu(z + b) · mask / (1 - rate)`: bias, rectifier and inverted dropout (Srivastava 2014) in one pass over the
//! memory, and back.
//!
//! The mask is drawn from (seed, step, layer, row, unit) by [`Mask`]. It is not kept: in the backward pass `h > 0`
//! says that a unit was active and stayed.

use std::ops::Range;

use tch::{Kind, TchError, Tensor};

use super::{Dropout, LINE};
use crate::kernel::random::{Mask, UNIT_STRIDE};

/// What becomes of some columns of a product.
#[derive(Debug, Clone)]
pub(crate) struct Activation {
    /// Columns of the layer's output.
    pub(crate) columns: Range<usize>,
    /// Rectified; else the identity.
    pub(crate) relu: bool,
    /// The share of units left out while training; rectified units only.
    pub(crate) dropout: f32,
    /// Which layer this is to [`Mask`].
    pub(crate) site: usize,
}

impl Activation {
    fn mask(&self, dropout: Option<Dropout>) -> Option<(Mask, usize)> {
        let dropout = dropout.filter(|_| self.dropout > 0.0)?;
        Some((Mask::new(dropout.seed, dropout.step, self.site, self.dropout), dropout.first_row))
    }

    /// What a unit that stays is multiplied by, so that the mean is as without dropout.
    fn scale(&self) -> f32 {
        1.0 / (1.0 - self.dropout)
    }

    /// In place over `rows` rows of `values`, `[rows, stride]`; `bias` is the whole layer's.
    pub(crate) fn apply(&self, values: &mut [f32], stride: usize, rows: usize, bias: &[f32], dropout: Option<Dropout>) {
        let bias = &bias[self.columns.clone()];
        let mask = self.mask(dropout);
        for (row, values) in values.chunks_mut(stride).take(rows).enumerate() {
            let values = &mut values[self.columns.clone()];
            match mask {
                Some((mask, first_row)) => {
                    rectify_masked(values, bias, mask, mask.row_key(first_row + row), self.scale())
                }
                None if self.relu => rectify(values, bias),
                None => values.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias),
            }
        }
    }

    /// Turns the gradient by `h` into the gradient by `z`, in place, and adds its sum over the rows to
    /// `bias_gradient`, the whole layer's.
    pub(crate) fn reverse(
        &self,
        gradient: &mut [f32],
        values: &[f32],
        stride: usize,
        rows: usize,
        bias_gradient: &mut [f32],
    ) {
        let bias_gradient = &mut bias_gradient[self.columns.clone()];
        let scale = self.scale();
        for (gradient, values) in gradient.chunks_mut(stride).zip(values.chunks(stride)).take(rows) {
            let gradient = &mut gradient[self.columns.clone()];
            if self.relu {
                reverse_rectify(gradient, &values[self.columns.clone()], bias_gradient, scale);
            } else {
                bias_gradient.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += *gradient);
            }
        }
    }

    /// The same in operators: `z` is `[rows, columns]` with its bias added.
    pub(crate) fn apply_tensors(&self, z: &Tensor, dropout: Option<Dropout>) -> Result<Tensor, TchError> {
        let values = if self.relu { z.f_relu()? } else { z.shallow_clone() };
        match self.mask(dropout) {
            Some((mask, first_row)) => {
                values.f_mul(&mask_tensor(mask, first_row, z)?)?.f_mul_scalar(f64::from(self.scale()))
            }
            None => Ok(values),
        }
    }
}

/// `max(z, 0)`, but NaN stays NaN: it must reach the loss, where it is noticed.
#[inline(always)]
fn relu(z: f32) -> f32 {
    if z < 0.0 { 0.0 } else { z }
}

fn rectify(values: &mut [f32], bias: &[f32]) {
    for (value, bias) in values.iter_mut().zip(bias) {
        *value = relu(*value + bias);
    }
}

fn rectify_masked(values: &mut [f32], bias: &[f32], mask: Mask, row_key: u32, scale: f32) {
    let first_units = (0..).step_by(LINE);
    for ((values, bias), first_unit) in values.chunks_mut(LINE).zip(bias.chunks(LINE)).zip(first_units) {
        for (unit, (value, bias)) in values.iter_mut().zip(bias).enumerate() {
            let kept = mask.keeps(row_key, first_unit + unit);
            *value = if kept { relu(*value + bias) * scale } else { 0.0 };
        }
    }
}

fn reverse_rectify(gradient: &mut [f32], values: &[f32], bias_gradient: &mut [f32], scale: f32) {
    for ((gradient, value), sum) in gradient.iter_mut().zip(values).zip(bias_gradient) {
        *gradient = if *value > 0.0 { *gradient * scale } else { 0.0 };
        *sum += *gradient;
    }
}

/// `[rows, columns]` of 0 and 1 like `z`: [`Mask::keeps`] in 64-bit integers, cut to 32 bits after each product.
fn mask_tensor(mask: Mask, first_row: usize, z: &Tensor) -> Result<Tensor, TchError> {
    let (rows, units) = z.size2()?;
    let row_keys: Vec<i64> = (0..rows).map(|row| i64::from(mask.row_key(first_row + row as usize))).collect();
    let row_keys = Tensor::f_from_slice(&row_keys)?.f_to_device(z.device())?.f_unsqueeze(1)?;
    let units = Tensor::f_arange(units, (Kind::Int64, z.device()))?.f_mul_scalar(i64::from(UNIT_STRIDE))?;
    let low = |bits: Tensor| bits.f_bitwise_and(0xffff_ffff_i64);
    let fold = |bits: Tensor, shift: i64| bits.f_bitwise_xor_tensor(&bits.f_bitwise_right_shift_tensor_scalar(shift)?);
    let bits = low(row_keys.f_add(&units.f_unsqueeze(0)?)?)?;
    let bits = low(fold(bits, 16)?.f_mul_scalar(0x85eb_ca6b_i64)?)?;
    let bits = low(fold(bits, 13)?.f_mul_scalar(0xc2b2_ae35_i64)?)?;
    fold(bits, 16)?.f_ge(i64::from(mask.threshold()))?.f_to_kind(z.kind())
}
