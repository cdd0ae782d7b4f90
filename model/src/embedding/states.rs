//! What the optimizer of embedding tables knows of their rows, in a host's memory.

use spec::training::EmbeddingOptimizer;

use super::Table;
use crate::input::{InputLayout, TableLayout};

/// Numbers beside each table's, all zero at first. A row costs `rowwise_adagrad` 4 bytes, `adagrad` 4 for each number of
/// its embedding, `rowwise_adam` those and 4 more; `rare_decay` costs 4.
#[derive(Debug, Clone)]
pub(crate) struct RowStates {
    /// Adagrad's sums of squared gradients, Adam's moving means of them: a number a weight, or by row their mean.
    pub(crate) squares: Vec<Table>,
    /// Adam's moving means of gradients, a number a weight; no tables without them.
    pub(crate) first: Vec<Table>,
    /// The steps that have read a row; no tables where nobody asks.
    pub(crate) reads: Vec<Table>,
}

impl RowStates {
    pub(crate) fn zeros(layout: &InputLayout, optimizer: &EmbeddingOptimizer) -> Self {
        let all = |of: fn(&TableLayout) -> Table| layout.tables.iter().map(of).collect::<Vec<_>>();
        let kept = |is_kept: bool, of| if is_kept { all(of) } else { Vec::new() };
        let column = |table: &TableLayout| Table::column(table.rows);
        let kind = optimizer.kind;
        Self {
            squares: if kind.has_squares_of_rows() { all(column) } else { all(Table::zeros) },
            first: kept(kind.has_first(), Table::zeros),
            reads: kept(optimizer.rare_decay > 0.0, column),
        }
    }

    /// All that is kept, by the name that a checkpoint has for it.
    pub(crate) fn parts(&self) -> [(&'static str, &[Table]); 3] {
        [("sums", &self.squares), ("first", &self.first), ("reads", &self.reads)]
    }

    /// The same, to be written.
    pub(crate) fn parts_mut(&mut self) -> [(&'static str, &mut [Table]); 3] {
        [("sums", &mut self.squares), ("first", &mut self.first), ("reads", &mut self.reads)]
    }
}
