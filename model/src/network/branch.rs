//! Parts of layers by the names of their weights, and where those weights lie.

use crate::layers::dense::Dense;
use crate::network::parameters::{Block, Init, Placement};

/// Some columns of a product, by the names of their weights.
#[derive(Debug, Clone)]
pub(crate) struct Branch<'a> {
    /// The weights are `<name>.weight` and `<name>.bias`.
    pub(crate) name: &'a str,
    /// Parallel networks that the branch holds a layer of; none for a single one, without that dimension.
    pub(crate) groups: Option<usize>,
    /// Outputs of each.
    pub(crate) units: usize,
    /// Hidden units: rectified, with a share left out at random. None for a linear branch.
    pub(crate) hidden: Option<Hidden>,
    /// Where its weights start; by the number of its inputs when absent.
    pub(crate) start: Option<Init>,
    /// Where a linear branch's bias starts; zero when absent.
    pub(crate) bias: Option<Vec<f32>>,
}

/// What makes a layer a hidden one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hidden {
    pub(crate) dropout: f32,
}

/// Hidden layers `<name>.0`, `<name>.1`, … of one network or of parallel ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stack<'a> {
    pub(crate) name: &'a str,
    /// How many networks; none for a single one, whose weights lack that dimension.
    pub(crate) groups: Option<usize>,
    pub(crate) widths: &'a [u32],
    pub(crate) hidden: Hidden,
}

impl<'a> Branch<'a> {
    /// A linear one, without parallel networks.
    pub(crate) fn linear(name: &'a str, units: usize) -> Self {
        Self { name, groups: None, units, hidden: None, start: None, bias: None }
    }

    /// A layer of hidden units.
    pub(crate) fn hidden(name: &'a str, groups: Option<usize>, units: usize, hidden: Hidden) -> Self {
        Self { groups, hidden: Some(hidden), ..Self::linear(name, units) }
    }

    pub(super) fn width(&self) -> usize {
        self.groups.unwrap_or(1) * self.units
    }

    /// Where the weights of so many inputs start: He's uniform bound for rectified units (He 2015), LeCun's scale below
    /// it for linear ones.
    pub(super) fn weight_start(&self, inputs: usize) -> Init {
        let gain = if self.hidden.is_some() { 6.0 } else { 1.0 };
        self.start.clone().unwrap_or_else(|| Init::Uniform((gain / inputs as f32).sqrt()))
    }

    pub(super) fn bias_start(&self) -> Init {
        Init::Values(self.bias.clone().unwrap_or_else(|| vec![0.0; self.width()]))
    }

    /// Where its weights lie that read `rows` inputs from the block's row `first` on, from `column` of the outputs on.
    pub(super) fn placement(&self, block: Block, first: usize, rows: usize, column: usize) -> Placement {
        Placement {
            offset: block.offset + first * block.stride + column,
            groups: self.groups.unwrap_or(1),
            rows,
            columns: self.units,
            group_stride: self.units,
            row_stride: block.stride,
        }
    }

    pub(super) fn shape(&self, inner: &[usize]) -> Vec<usize> {
        self.groups.iter().chain(inner).copied().collect()
    }
}

impl Dense {
    /// Where a branch's weights lie that reads part `group`, from `column` of the part's outputs on.
    pub(super) fn columns_of(&self, branch: &Branch<'_>, group: usize, column: usize) -> Placement {
        let rows = self.input.width / self.groups;
        branch.placement(self.weight, group * rows, rows, column)
    }

    /// Where a branch's weights lie whose networks read a part each, from part `first` on.
    pub(super) fn groups_of(&self, branch: &Branch<'_>, first: usize) -> Placement {
        let rows = self.input.width / self.groups;
        let group_stride = rows * self.weight.stride;
        Placement { group_stride, ..self.columns_of(branch, first, 0) }
    }
}
