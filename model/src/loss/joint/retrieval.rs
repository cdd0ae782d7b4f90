//! A positive row's user nearer to its own item than to the items of the other rows: in-batch softmax with corrected logits (Yi,
//! Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations, RecSys 2019).
//!
//! Of a positive row i, over the rows j of its slice, `q` being how often an item is drawn:
//!
//! `ℓ_ij = u_i·v_j / τ - ln q(j)`, `loss = -ln [exp ℓ_ii / (exp ℓ_ii + Σ_{j with another item} exp ℓ_ij)]`
//!
//! A slice is the block of at most [`BLOCK`] rows that one thread computes, the same for any number of threads and on every device.
//! The paper estimates `q` from a stream; here the training rows are counted before, half a row added to each id. Rows of the
//! same item are no negatives of each other.

use std::sync::Arc;

use tch::{Device, Kind, TchError, Tensor};

use super::{JointRows, JointTensors, Share, observed, weight_of};
use crate::cpu::BLOCK;
use crate::cpu::numbers::{Numbers, NumbersMut};
use crate::input::single::SingleSlot;
use crate::input::{Batch, Inputs};
use crate::kernel::product::{Matrix, MatrixMut, Write, product, product_transposed_left, product_transposed_right};
use crate::layers::View;
use crate::loss::tensors::TargetTensors;

/// Tells the items of positive rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Retrieval {
    /// The binary task whose positive rows are pairs.
    pub(crate) task: usize,
    /// `u`, of length 1, `[rows, width]`
    pub(crate) user: View,
    /// `v`, of length 1, `[rows, width]`
    pub(crate) item: View,
    /// Where a row says which item it is.
    pub(crate) ids: SingleSlot,
    /// `ln q` by id; 0 for ids beyond it.
    pub(crate) log_rates: Arc<[f32]>,
    /// τ
    pub(crate) temperature: f64,
}

/// `ln q` of each id from how many rows have it, half a row added to each; nothing where no row was counted.
pub(crate) fn log_rates(counts: &[u64]) -> Arc<[f32]> {
    let rows: u64 = counts.iter().sum();
    let all = rows as f64 + 0.5 * counts.len() as f64;
    let log_rate = |&count: &u64| ((count as f64 + 0.5) / all).ln() as f32;
    if rows == 0 { Arc::default() } else { counts.iter().map(log_rate).collect() }
}

impl Retrieval {
    pub(super) fn row_weight(&self, batch: &Batch, row: usize) -> f64 {
        match observed(batch, self.task, row) {
            (counts, true) => counts * weight_of(&batch.targets, row),
            (_, false) => 0.0,
        }
    }

    /// The items of some rows, and their `ln q`.
    fn items(&self, inputs: &Inputs, rows: std::ops::Range<usize>) -> (Vec<i64>, Vec<f32>) {
        let items = rows.map(|row| self.ids.id(inputs, row));
        let log_rate = |item: usize| self.log_rates.get(item).copied().unwrap_or(0.0);
        items.map(|item| (item as i64, log_rate(item))).unzip()
    }

    pub(super) fn descend(
        &self,
        rows: &JointRows<'_>,
        share: Share,
        numbers: &Numbers<'_>,
        gradients: &mut NumbersMut<'_>,
    ) -> f64 {
        let weights: Vec<f64> = rows.rows.clone().map(|row| self.row_weight(rows.batch, row)).collect();
        if weights.iter().all(|weight| *weight <= 0.0) {
            return 0.0;
        }
        let count = weights.len();
        let (users, items) = (numbers.matrix(self.user, count), numbers.matrix(self.item, count));
        let mut logits = vec![0.0f32; count * count];
        product_transposed_right(users, items, square_mut(&mut logits, count), Write::Over);
        let (ids, log_rates) = self.items(&rows.batch.inputs, rows.rows.clone());
        let mut sum = 0.0;
        for (row, (logits, &weight)) in logits.chunks_mut(count).zip(&weights).enumerate() {
            if weight <= 0.0 {
                logits.fill(0.0);
                continue;
            }
            let is_another = |other: usize| other == row || ids[other] != ids[row];
            sum += share.of(weight, row_loss(logits, row, (&log_rates, &is_another), self.temperature));
            logits.iter_mut().for_each(|by| *by = share.of(weight, f64::from(*by)) as f32);
        }
        let by = Matrix { numbers: &logits, rows: count, columns: count, stride: count };
        product(by, items, gradients.matrix(self.user, count), Write::Add);
        product_transposed_left(by, users, gradients.matrix(self.item, count), Write::Add);
        sum
    }

    pub(super) fn tensor_mean(&self, of: &JointTensors<'_>) -> Result<Tensor, TchError> {
        let (users, items) = (of.nodes.get(self.user)?, of.nodes.get(self.item)?);
        let TargetTensors { labels, weights } = &of.targets[self.task];
        let weights = weights.f_mul(&labels.f_gt(0.0)?)?;
        let rows = of.batch.inputs.rows;
        let mut sum = Tensor::f_zeros([], (Kind::Float, of.device))?;
        for start in (0..rows).step_by(BLOCK) {
            let end = (start + BLOCK).min(rows);
            let part = |tensor: &Tensor| tensor.f_narrow(0, start as i64, (end - start) as i64);
            let (ids, log_rates) = self.items(&of.batch.inputs, start..end);
            let ids = Tensor::f_from_slice(&ids)?.f_to_device(of.device)?;
            let log_rates = Tensor::f_from_slice(&log_rates)?.f_to_device(of.device)?;
            let logits = part(&users)?.f_matmul(&part(&items)?.f_transpose(0, 1)?)?;
            let logits = logits.f_mul_scalar(1.0 / self.temperature)?.f_sub(&log_rates)?;
            let logits = logits.f_masked_fill(&same_item(&ids, of.device)?, f64::NEG_INFINITY)?;
            let losses = logits.f_log_softmax(1, Kind::Float)?.f_diagonal(0, 0, 1)?.f_neg()?;
            sum = sum.f_add(&losses.f_mul(&part(&weights)?)?.f_sum(Kind::Float)?)?;
        }
        sum.f_div(&weights.f_sum(Kind::Float)?.f_clamp_min(1e-30)?)
    }
}

/// Whether two rows have one item, and are not the same row: `[rows, rows]`.
fn same_item(ids: &Tensor, device: Device) -> Result<Tensor, TchError> {
    let rows = ids.size()[0];
    let is_same = ids.f_unsqueeze(0)?.f_eq_tensor(&ids.f_unsqueeze(1)?)?;
    is_same.f_logical_and(&Tensor::f_eye(rows, (Kind::Bool, device))?.f_logical_not()?)
}

fn square_mut(numbers: &mut [f32], rows: usize) -> MatrixMut<'_> {
    MatrixMut { numbers, rows, columns: rows, stride: rows }
}

/// The loss of a row by its cosines to the items of all rows, which become its derivatives by them.
fn row_loss(
    cosines: &mut [f32],
    own: usize,
    (log_rates, counts): (&[f32], &dyn Fn(usize) -> bool),
    temperature: f64,
) -> f64 {
    let logit = |(row, cosine): (usize, &f32)| f64::from(*cosine) / temperature - f64::from(log_rates[row]);
    let logits = || cosines.iter().enumerate().filter(|(row, _)| counts(*row)).map(logit);
    let largest = logits().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = largest + logits().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    let loss = log_sum - logit((own, &cosines[own]));
    for (row, cosine) in cosines.iter_mut().enumerate() {
        let share = if counts(row) { (logit((row, cosine)) - log_sum).exp() } else { 0.0 };
        *cosine = ((share - f64::from(u8::from(row == own))) / temperature) as f32;
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_told_from_those_of_other_rows_by_corrected_logits() {
        let mut cosines = [0.5f32, 0.4, -0.1, 0.9];
        let log_rates = [0.5f32.ln(), 0.1f32.ln(), 0.3f32.ln(), 0.5f32.ln()];
        // Row 3 has the item of row 0. By hand: exp(ℓ) is exp(cosine / 0.5) / q.
        let terms = [1.0f64.exp() / 0.5, 0.8f64.exp() / 0.1, (-0.2f64).exp() / 0.3];
        let sum: f64 = terms.iter().sum();
        let loss = row_loss(&mut cosines, 0, (&log_rates, &|row| row != 3), 0.5);
        assert!((loss - (sum / terms[0]).ln()).abs() < 1e-6);
        let expected = [terms[0] / sum - 1.0, terms[1] / sum, terms[2] / sum, 0.0];
        let is_near = |(by, expected): (&f32, f64)| (f64::from(*by) - expected / 0.5).abs() < 1e-6;
        assert!(cosines.iter().zip(expected).all(is_near), "{cosines:?}");
    }

    #[test]
    fn items_are_drawn_as_often_as_rows_have_them() {
        let expected = [1.5f64 / 6.0, 0.5 / 6.0, 3.5 / 6.0, 0.5 / 6.0];
        let found = log_rates(&[1, 0, 3, 0]);
        assert!(found.iter().zip(expected).all(|(found, rate)| (f64::from(*found) - rate.ln()).abs() < 1e-6));
        assert!(log_rates(&[0, 0]).is_empty());
    }
}
