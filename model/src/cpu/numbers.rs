//! The buffers of a pass by view and row.

use crate::kernel::memory::Aligned;
use crate::kernel::product::{Matrix, MatrixMut};
use crate::layers::{Buffer, View};

/// What a pass found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers<'a> {
    pub(crate) buffers: &'a [Buffer],
    pub(crate) numbers: &'a [Aligned],
}

impl Numbers<'_> {
    /// A row of a view.
    pub(crate) fn row(&self, view: View, row: usize) -> &[f32] {
        &self.numbers[view.buffer][view.at(row, self.buffers[view.buffer].stride)]
    }

    /// The first rows of a view.
    pub(crate) fn matrix(&self, view: View, rows: usize) -> Matrix<'_> {
        let (numbers, stride) = (&self.numbers[view.buffer][view.column..], self.buffers[view.buffer].stride);
        Matrix { numbers, rows, columns: view.width, stride }
    }
}

/// The gradients by it.
#[derive(Debug)]
pub(crate) struct NumbersMut<'a> {
    pub(crate) buffers: &'a [Buffer],
    pub(crate) numbers: &'a mut [Aligned],
}

impl NumbersMut<'_> {
    /// A row of a view.
    pub(crate) fn row(&mut self, view: View, row: usize) -> &mut [f32] {
        &mut self.numbers[view.buffer][view.at(row, self.buffers[view.buffer].stride)]
    }

    /// The first rows of a view.
    pub(crate) fn matrix(&mut self, view: View, rows: usize) -> MatrixMut<'_> {
        let stride = self.buffers[view.buffer].stride;
        MatrixMut { numbers: &mut self.numbers[view.buffer][view.column..], rows, columns: view.width, stride }
    }
}
