//! `σ(z) = σ(a)·σ(b)`: the logit of two events in a row, from the first's logit and that of the second given the first
//! (Ma, Entire Space Multi-Task Model, SIGIR 2018): `z = a + b - ln(1 + e^a + e^b)`. `[rows, 1]` all.

use tch::{TchError, Tensor};

use super::{Backward, Forward, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Two logits to that of both.
#[derive(Debug, Clone)]
pub(crate) struct Conjunction {
    pub(crate) first: View,
    pub(crate) second: View,
    pub(crate) output: View,
}

/// `ln(1 + e^a + e^b)`
fn log_sum(a: f32, b: f32) -> f32 {
    let largest = a.max(b).max(0.0);
    largest + ((-largest).exp() + (a - largest).exp() + (b - largest).exp()).ln()
}

impl Layer for Conjunction {
    fn inputs(&self) -> Vec<View> {
        vec![self.first, self.second]
    }

    fn output(&self) -> View {
        self.output
    }

    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let place = |view: View, row: usize| row * pass.buffers[view.buffer].stride + view.column;
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let of = |view: View| before[view.buffer][place(view, row)];
            let (a, b) = (of(self.first), of(self.second));
            rest[0][place(self.output, row)] = a + b - log_sum(a, b);
        }
    }

    /// `dz/da = 1 - e^a / (1 + e^a + e^b)`, and so for b.
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let place = |view: View, row: usize| row * pass.buffers[view.buffer].stride + view.column;
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        for row in 0..pass.rows {
            let of = |view: View| pass.activations[view.buffer][place(view, row)];
            let (a, b) = (of(self.first), of(self.second));
            let (by_output, log_sum) = (rest[0][place(self.output, row)], log_sum(a, b));
            for ((view, logit), write) in [(self.first, a), (self.second, b)].into_iter().zip(writes) {
                let gradient = by_output * (1.0 - (logit - log_sum).exp());
                let sum = &mut before[view.buffer][place(view, row)];
                *sum = if *write == Write::Over { gradient } else { *sum + gradient };
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let (a, b) = (nodes.get(self.first)?, nodes.get(self.second)?);
        let terms = Tensor::f_stack(&[a.f_zeros_like()?, a.shallow_clone(), b.shallow_clone()], 0)?;
        let output = a.f_add(&b)?.f_sub(&terms.f_logsumexp([0i64].as_slice(), false)?)?;
        nodes.put(self.output.buffer, 0, output);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::log_sum;

    #[test]
    fn the_probability_is_the_product_of_both_also_far_out() {
        let sigmoid = |logit: f64| 1.0 / (1.0 + (-logit).exp());
        for (a, b) in [(0.0f32, 0.0f32), (2.0, -3.0), (-9.0, -11.0), (12.0, 9.0), (80.0, -80.0), (-95.0, -95.0)] {
            let z = f64::from(a + b - log_sum(a, b));
            let expected = sigmoid(f64::from(a)) * sigmoid(f64::from(b));
            assert!((sigmoid(z) / expected - 1.0).abs() < 1e-5, "{a} {b}: {} is not {expected}", sigmoid(z));
        }
    }
}
