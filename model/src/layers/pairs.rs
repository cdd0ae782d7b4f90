//! `y = Σ_{i<j} v_i ⊙ v_j = ½[(Σ_i v_i)² - Σ_i v_i²]`: what vectors have in common, pair by pair (Rendle, Factorization
//! Machines, ICDM 2010). Vectors `[rows, n·rank]`, their pairs `[rows, rank]`.

use tch::{Kind, TchError, Tensor};

use super::{Backward, Forward, INPUT, Layer, Nodes, TensorPass, View};
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;

/// Vectors of one width to the sum of their products.
#[derive(Debug, Clone)]
pub(crate) struct Pairs {
    /// Whole vectors each; those of `x` are embeddings.
    pub(crate) vectors: Vec<View>,
    /// As wide as a vector.
    pub(crate) output: View,
}

impl Pairs {
    fn rank(&self) -> usize {
        self.output.width
    }
}

impl Layer for Pairs {
    fn inputs(&self) -> Vec<View> {
        self.vectors.clone()
    }

    fn output(&self) -> View {
        self.output
    }

    /// Each vector times the sum of those before it: no square is taken away from another.
    fn forward(&self, pass: &Forward<'_>, activations: &mut [Aligned]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let (before, rest) = activations.split_at_mut(self.output.buffer);
        let mut sum = vec![0.0; self.rank()];
        for row in 0..pass.rows {
            let output = &mut rest[0][self.output.at(row, stride(self.output))];
            output.fill(0.0);
            sum.fill(0.0);
            for &view in &self.vectors {
                for vector in before[view.buffer][view.at(row, stride(view))].chunks(sum.len()) {
                    for ((pairs, sum), number) in output.iter_mut().zip(&mut sum).zip(vector) {
                        *pairs += *sum * number;
                        *sum += number;
                    }
                }
            }
        }
    }

    /// `dv_i = dy ⊙ (Σ_j v_j - v_i)`
    fn backward(&self, pass: &mut Backward<'_>, writes: &[Write]) {
        let stride = |view: View| pass.buffers[view.buffer].stride;
        let of = |view: View, row: usize| &pass.activations[view.buffer][view.at(row, stride(view))];
        let (before, rest) = pass.gradients.split_at_mut(self.output.buffer);
        let mut sum = vec![0.0; self.rank()];
        for row in 0..pass.rows {
            let by_output = &rest[0][self.output.at(row, stride(self.output))];
            sum.fill(0.0);
            for &view in &self.vectors {
                let vectors = of(view, row).chunks(sum.len());
                vectors.for_each(|vector| sum.iter_mut().zip(vector).for_each(|(sum, number)| *sum += number));
            }
            for (&view, write) in self.vectors.iter().zip(writes) {
                let to: &mut [f32] = if view.buffer == INPUT { &mut *pass.input } else { &mut before[view.buffer] };
                let to = &mut to[view.at(row, stride(view))];
                if *write == Write::Over {
                    to.fill(0.0);
                }
                for (to, vector) in to.chunks_mut(sum.len()).zip(of(view, row).chunks(sum.len())) {
                    let others = sum.iter().zip(vector).map(|(sum, number)| sum - number);
                    to.iter_mut().zip(others.zip(by_output)).for_each(|(to, (others, by))| *to += by * others);
                }
            }
        }
    }

    fn forward_tensors(&self, _: &TensorPass<'_>, nodes: &mut Nodes) -> Result<(), TchError> {
        let rank = self.rank() as i64;
        let vectors = self.vectors.iter().map(|&view| nodes.get(view)?.f_reshape([-1, view.width as i64 / rank, rank]));
        let vectors = Tensor::f_cat(&vectors.collect::<Result<Vec<_>, _>>()?, 1)?;
        let over_vectors = |numbers: &Tensor| numbers.f_sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let (squared_sum, squares) = (over_vectors(&vectors)?.f_square()?, over_vectors(&vectors.f_square()?)?);
        nodes.put(self.output.buffer, 0, squared_sum.f_sub(&squares)?.f_mul_scalar(0.5)?);
        Ok(())
    }
}
