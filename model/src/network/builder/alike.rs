//! Layers that several inputs go through, each with the same weights; and what belongs to campaigns alone.

use super::Builder;
use crate::layers::View;
use crate::layers::activation::Activation;
use crate::layers::campaigns::{Campaigns, Gate};
use crate::layers::dense::Dense;
use crate::network::Head;
use crate::network::branch::{Branch, Hidden, Stack};
use crate::network::meta::Meta;
use crate::network::parameters::{Block, Init, Named, Placement};

/// Layers of parallel networks, for any number of inputs of one width.
#[derive(Debug)]
pub(crate) struct Alike {
    layers: Vec<AlikeLayer>,
}

#[derive(Debug)]
struct AlikeLayer {
    /// Parts of the input that are read apart: 1 where all networks read the whole of it.
    groups: usize,
    /// Outputs of all networks.
    units: usize,
    weight: Block,
    bias: Block,
    hidden: Option<Hidden>,
}

/// Where a campaigns' layer says what.
#[derive(Debug)]
pub(crate) struct CampaignViews {
    /// Each gate's shares, `[rows, tasks·units]`.
    pub(crate) shares: Vec<View>,
    /// `[rows, tasks]`
    pub(crate) biases: View,
}

impl Builder {
    /// Hidden layers of parallel networks that all read the same `inputs` numbers, and behind them one linear unit of each,
    /// `<name>.score`.
    pub(crate) fn alike(&mut self, inputs: usize, stack: Stack<'_>) -> Alike {
        let networks = stack.groups.unwrap_or(1);
        let names = (0..stack.widths.len()).map(|layer| format!("{}.{layer}", stack.name));
        let hidden = names.zip(stack.widths).map(|(name, units)| (name, *units as usize, Some(stack.hidden)));
        let score = (format!("{}.score", stack.name), 1, None);
        let (mut layers, mut width): (Vec<AlikeLayer>, usize) = (Vec::new(), inputs);
        for (name, units, hidden) in hidden.chain([score]) {
            let branch = Branch { groups: Some(networks), hidden, ..Branch::linear(&name, units) };
            let groups = if layers.is_empty() { 1 } else { networks };
            let weight = self.parameters.block(width, networks * units / groups, true);
            let bias = self.parameters.block(1, networks * units, false);
            let side_by_side = branch.placement(weight, 0, width / groups, 0);
            let group_stride = if groups == 1 { units } else { width / groups * weight.stride };
            self.name(&branch, Placement { group_stride, ..side_by_side }, bias.offset);
            width = networks * units;
            layers.push(AlikeLayer { groups, units: width, weight, bias, hidden });
        }
        Alike { layers }
    }

    /// What they make of an input, `[rows, networks]`.
    pub(crate) fn apply_alike(&mut self, input: View, alike: &Alike) -> View {
        alike.layers.iter().fold(input, |input, layer| {
            let (output, gradient_from) = (self.buffer(layer.units), self.gradient_from(input));
            self.activations += 1;
            let activation = Activation {
                columns: 0..layer.units,
                relu: layer.hidden.is_some(),
                dropout: layer.hidden.map_or(0.0, |hidden| hidden.dropout),
                site: self.activations,
            };
            let (groups, weight, bias) = (layer.groups, layer.weight, Some(layer.bias));
            let dense = Dense { input, output, groups, weight, bias, activations: vec![activation], gradient_from };
            self.layers.push(Box::new(dense));
            output
        })
    }

    /// A vector of `width` numbers for each head's campaign, `campaigns.weight`, gates of so many units over it, by their names,
    /// and the heads' biases. Training is to find weights from which a step of `rate` tells a campaign well.
    pub(crate) fn campaigns(
        &mut self,
        width: usize,
        gates: &[(&str, usize)],
        (heads, rate): (&[Head], f64),
    ) -> CampaignViews {
        let tasks = heads.len();
        let vectors = self.parameters.block(tasks, width, true);
        let branch = Branch { start: Some(Init::Uniform(1.0)), ..Branch::linear("campaigns", width) };
        self.name_weight(&branch, branch.placement(vectors, 0, tasks, 0));
        let units: Vec<usize> = gates.iter().map(|(_, units)| *units).collect();
        let gates = gates.iter().map(|&(name, units)| self.gate(name, [width, units])).collect();
        let biases = self.parameters.block(1, tasks, false);
        heads.iter().enumerate().for_each(|(task, head)| self.name_bias(head, biases, task));
        let output = self.buffer((units.iter().sum::<usize>() + 1) * tasks);
        self.layers.push(Box::new(Campaigns { vectors, width, tasks, gates, biases, output }));
        self.meta = Some(Meta::new(rate, [vectors, biases]));
        let mut column = 0;
        let mut part = |units: usize| {
            column += units * tasks;
            View { column: column - units * tasks, width: units * tasks, ..output }
        };
        CampaignViews { shares: units.into_iter().map(&mut part).collect(), biases: part(1) }
    }

    fn gate(&mut self, name: &str, [inputs, units]: [usize; 2]) -> Gate {
        let branch = Branch::linear(name, units);
        let weight = self.parameters.block(inputs, units, true);
        let bias = self.parameters.block(1, units, false);
        self.name(&branch, branch.placement(weight, 0, inputs, 0), bias.offset);
        Gate { weight, bias, units }
    }

    fn name_bias(&mut self, head: &Head, biases: Block, task: usize) {
        let offset = biases.offset + task;
        let placement = Placement { offset, groups: 1, rows: 1, columns: 1, group_stride: 1, row_stride: 1 };
        let (name, init) = (format!("{}.bias", head.name), Init::Values(head.bias.clone()));
        self.parameters.named.push(Named { name, shape: vec![1], placement, init });
    }
}
