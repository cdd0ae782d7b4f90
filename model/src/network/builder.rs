//! Puts layers together: gives each its buffer and weights, and settles how gradients flow back.

mod alike;

use std::ops::Range;
use std::sync::Arc;

use spec::FeatureName;

use crate::attention::{Attention, attentions};
use crate::input::InputLayout;
use crate::input::single::SingleSlot;
use crate::layers::activation::Activation;
use crate::layers::attend::Attend;
use crate::layers::conjunction::Conjunction;
use crate::layers::cross::Cross;
use crate::layers::dense::Dense;
use crate::layers::inner::Inner;
use crate::layers::mix::{Mix, Source};
use crate::layers::pairs::Pairs;
use crate::layers::prototypes::Prototypes;
use crate::layers::select::Select;
use crate::layers::softmax::Softmax;
use crate::layers::sum::Sum;
use crate::layers::unit::Unit;
use crate::layers::{Buffer, INPUT, Layer, View};
use crate::loss::joint::Joint;
use crate::loss::joint::retrieval::log_rates;
use crate::network::branch::{Branch, Stack};
use crate::network::field::{Field, fields};
use crate::network::graph::{Graph, Written};
use crate::network::meta::Meta;
use crate::network::parameters::{Block, Init, Named, Placement};
use crate::network::{Head, Parameters};
pub(crate) use alike::CampaignViews;

/// Branches side by side that several products have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    weight: Block,
    units: usize,
}

/// Collects a network's layers.
#[derive(Debug)]
pub(crate) struct Builder {
    buffers: Vec<Buffer>,
    layers: Vec<Box<dyn Layer>>,
    parameters: Parameters,
    attentions: Vec<Attention>,
    joints: Vec<Joint>,
    fields: Vec<Field>,
    layout: InputLayout,
    log_rates: Arc<[f32]>,
    activations: usize,
    embedding: Option<View>,
    item: Option<View>,
    meta: Option<Meta>,
}

impl Builder {
    /// For inputs `x` of a layout whose ids have so many embeddings, side by side, and how many training rows have each item's
    /// id.
    pub(crate) fn new(layout: &InputLayout, items: &[u64], kinds: usize) -> Self {
        let mut parameters = Parameters::default();
        let attentions = attentions(layout, kinds, &mut parameters);
        Self {
            buffers: vec![Buffer::new(layout.width())],
            layers: Vec::new(),
            parameters,
            attentions,
            joints: Vec::new(),
            fields: fields(layout),
            layout: layout.clone(),
            log_rates: log_rates(items),
            activations: 0,
            embedding: None,
            item: None,
            meta: None,
        }
    }

    /// The features' parts of `x`.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Where a feature's id stands in a batch, if it has one a row.
    pub(crate) fn single(&self, feature: &FeatureName) -> Option<SingleSlot> {
        self.layout.single(feature)
    }

    /// How often each item is drawn, as a logarithm.
    pub(crate) fn log_rates(&self) -> Arc<[f32]> {
        Arc::clone(&self.log_rates)
    }

    /// `x`
    pub(crate) fn input(&self) -> View {
        View { buffer: INPUT, column: 0, width: self.buffers[INPUT].width }
    }

    /// Says what is the last that all tasks share: a row's embedding. Where no layer is shared it is `x`.
    pub(crate) fn share(&mut self, view: View) {
        self.embedding = Some(view);
    }

    /// Says what a row's item is to all tasks, beside the row's embedding.
    pub(crate) fn share_item(&mut self, view: View) {
        self.item = Some(view);
    }

    /// All branches over the whole input, as one product. Gives each branch's columns.
    pub(crate) fn side_by_side(&mut self, input: View, branches: &[Branch<'_>]) -> Vec<View> {
        let width = branches.iter().map(Branch::width).sum();
        let (mut dense, bias) = self.dense(input, 1, width);
        let (mut views, mut column) = (Vec::with_capacity(branches.len()), 0);
        for branch in branches {
            let placement = dense.columns_of(branch, 0, column);
            self.name(branch, placement, bias + column);
            dense.activations.push(self.activation(branch, column));
            views.push(View { column, width: branch.width(), ..dense.output });
            column += branch.width();
        }
        self.layers.push(Box::new(dense));
        views
    }

    /// A layer of parallel networks, those of each branch after those of the one before it: network `g` reads part `g`
    /// of the input.
    pub(crate) fn grouped(&mut self, input: View, branches: &[Branch<'_>]) -> View {
        let groups = branches.iter().map(|branch| branch.groups.unwrap_or(1)).sum();
        let (mut dense, bias) = self.dense(input, groups, branches[0].units);
        let mut first = 0;
        for branch in branches {
            let column = first * branch.units;
            let placement = dense.groups_of(branch, first);
            self.name(branch, placement, bias + column);
            dense.activations.push(self.activation(branch, column));
            first += branch.groups.unwrap_or(1);
        }
        let output = dense.output;
        self.layers.push(Box::new(dense));
        output
    }

    /// Branches of the same shape: branch `k` reads part `k` of the input, its networks side by side.
    pub(crate) fn parts(&mut self, input: View, branches: &[Branch<'_>]) -> View {
        let width = branches[0].width();
        let (mut dense, bias) = self.dense(input, branches.len(), width);
        for (part, branch) in branches.iter().enumerate() {
            let placement = dense.columns_of(branch, part, 0);
            self.name(branch, placement, bias + part * width);
            dense.activations.push(self.activation(branch, part * width));
        }
        let output = dense.output;
        self.layers.push(Box::new(dense));
        output
    }

    /// A product of `groups` matrices of `units` outputs each, without activations yet, and where its bias starts.
    fn dense(&mut self, input: View, groups: usize, units: usize) -> (Dense, usize) {
        let dense = self.product(input, groups, units);
        let bias = self.parameters.block(1, groups * units, false);
        (Dense { bias: Some(bias), ..dense }, bias.offset)
    }

    /// [`Self::side_by_side`] of linear branches without biases.
    pub(crate) fn products(&mut self, input: View, branches: &[Branch<'_>]) -> Vec<View> {
        let dense = self.product(input, 1, branches.iter().map(Branch::width).sum());
        let (mut views, mut column) = (Vec::with_capacity(branches.len()), 0);
        for branch in branches {
            self.name_weight(branch, dense.columns_of(branch, 0, column));
            views.push(View { column, width: branch.width(), ..dense.output });
            column += branch.width();
        }
        self.layers.push(Box::new(dense));
        views
    }

    /// [`Self::grouped`] with linear branches without biases, a part of the input each.
    pub(crate) fn grouped_products(&mut self, input: View, branches: &[Branch<'_>]) -> View {
        let dense = self.product(input, branches.len(), branches[0].units);
        for (group, branch) in branches.iter().enumerate() {
            self.name_weight(branch, dense.columns_of(branch, group, 0));
        }
        let output = dense.output;
        self.layers.push(Box::new(dense));
        output
    }

    /// Weights of linear branches side by side, for [`Self::apply`].
    pub(crate) fn shared(&mut self, inputs: usize, branches: &[Branch<'_>]) -> Shared {
        let units = branches.iter().map(Branch::width).sum();
        let weight = self.parameters.block(inputs, units, true);
        let mut column = 0;
        for branch in branches {
            self.name_weight(branch, branch.placement(weight, 0, inputs, column));
            column += branch.width();
        }
        Shared { weight, units }
    }

    /// A product with shared weights, all of its branches.
    pub(crate) fn apply(&mut self, input: View, Shared { weight, units }: Shared) -> View {
        let (output, gradient_from) = (self.buffer(units), self.gradient_from(input));
        let dense = Dense { input, output, groups: 1, weight, bias: None, activations: Vec::new(), gradient_from };
        self.layers.push(Box::new(dense));
        output
    }

    /// A product of `groups` matrices of `units` outputs each.
    fn product(&mut self, input: View, groups: usize, units: usize) -> Dense {
        let weight = self.parameters.block(input.width, units, true);
        let (output, gradient_from) = (self.buffer(groups * units), self.gradient_from(input));
        Dense { input, output, groups, weight, bias: None, activations: Vec::new(), gradient_from }
    }

    /// `start ⊙ factor + state`
    pub(crate) fn cross(&mut self, start: View, factor: View, state: View) -> View {
        let output = self.buffer(start.width);
        let gradient_from = self.gradient_from(start);
        self.layers.push(Box::new(Cross { start, factor, state, output, gradient_from }));
        output
    }

    /// The sum of vectors' products, pair by pair.
    pub(crate) fn pairs(&mut self, vectors: Vec<View>, rank: usize) -> View {
        let output = self.buffer(rank);
        self.layers.push(Box::new(Pairs { vectors, output }));
        output
    }

    /// Vectors side by side, each made of length 1.
    pub(crate) fn unit(&mut self, input: View, groups: usize) -> View {
        let output = self.buffer(input.width);
        self.layers.push(Box::new(Unit { input, output, groups }));
        output
    }

    /// The inner products of vectors, pair by pair.
    pub(crate) fn inner(&mut self, pairs: Vec<[View; 2]>) -> View {
        let output = self.buffer(pairs.len());
        self.layers.push(Box::new(Inner { pairs, output }));
        output
    }

    /// An embedding's cosines to learned directions, `prototypes.weight`.
    pub(crate) fn prototypes(&mut self, input: View, count: usize) -> View {
        let (weight, output) = (self.parameters.block(count, input.width, false), self.buffer(count));
        let branch = Branch { start: Some(Init::Uniform(1.0)), ..Branch::linear("prototypes", input.width) };
        self.name_weight(&branch, branch.placement(weight, 0, count, 0));
        self.layers.push(Box::new(Prototypes { input, weight, output }));
        output
    }

    /// Columns of the input, run after run.
    pub(crate) fn select(&mut self, runs: Vec<Range<usize>>) -> View {
        let (input, output) = (self.input(), self.buffer(runs.iter().map(Range::len).sum()));
        self.layers.push(Box::new(Select { input, runs, output, gradient_from: self.layout.numeric_width() }));
        output
    }

    /// The sum of intermediate results as wide as the first one, narrower ones repeated.
    pub(crate) fn sum(&mut self, parts: Vec<View>) -> View {
        let output = self.buffer(parts[0].width);
        self.layers.push(Box::new(Sum { parts, output }));
        output
    }

    /// Two projected sources mixed by what they say of themselves.
    pub(crate) fn attend(&mut self, sources: [View; 2]) -> View {
        let output = self.buffer(sources[0].width / 3);
        self.layers.push(Box::new(Attend { sources, output }));
        output
    }

    /// Adds a joint loss, unless it counts nothing.
    pub(crate) fn ask(&mut self, joint: Joint) {
        if joint.weight > 0.0 {
            self.joints.push(joint);
        }
    }

    /// The logit of two events in a row, from the first's and that of the second given the first.
    pub(crate) fn conjunction(&mut self, first: View, second: View) -> View {
        let output = self.buffer(1);
        self.layers.push(Box::new(Conjunction { first, second, output }));
        output
    }

    fn gradient_from(&self, input: View) -> usize {
        if input.buffer == INPUT { self.layout.numeric_width() } else { 0 }
    }

    /// Hidden layers of networks that all read the whole input, the first as one product. Gives
    /// `[rows, groups·widths.last()]`; without widths, the input once for each network is what the caller has.
    pub(crate) fn stack_over(&mut self, input: View, stack: Stack<'_>) -> View {
        let Some(&units) = stack.widths.first() else { return input };
        let name = format!("{}.0", stack.name);
        let first = self.side_by_side(input, &[Branch::hidden(&name, stack.groups, units as usize, stack.hidden)]);
        self.stack_from(1, first[0], stack)
    }

    /// Hidden layers of networks that read a part of the input each.
    pub(crate) fn stack(&mut self, input: View, stack: Stack<'_>) -> View {
        self.stack_from(0, input, stack)
    }

    /// The layers of a stack from `first` on.
    pub(crate) fn stack_from(&mut self, first: usize, input: View, stack: Stack<'_>) -> View {
        stack.widths.iter().enumerate().skip(first).fold(input, |view, (index, &units)| {
            let name = format!("{}.{index}", stack.name);
            self.grouped(view, &[Branch::hidden(&name, stack.groups, units as usize, stack.hidden)])
        })
    }

    /// Each head's own linear layer over its task's part of the input.
    pub(crate) fn heads(&mut self, input: impl Fn(usize) -> View, heads: &[Head]) -> Vec<View> {
        let head_over =
            |builder: &mut Self, (task, head): (usize, &Head)| builder.side_by_side(input(task), &[head.branch()])[0];
        heads.iter().enumerate().map(|head| head_over(self, head)).collect()
    }

    /// A softmax over each of `groups` parts.
    pub(crate) fn softmax(&mut self, input: View, groups: usize) -> View {
        let output = self.buffer(input.width);
        self.layers.push(Box::new(Softmax { input, output, groups }));
        output
    }

    /// Each gate's mixture of experts of `width` units by its shares, `[rows, gates·width]`.
    pub(crate) fn mix(&mut self, shares: View, sources: Vec<Source>, gates: usize, width: usize) -> View {
        let output = self.buffer(gates * width);
        self.layers.push(Box::new(Mix { shares, sources, output, gates }));
        output
    }

    /// The network.
    pub(crate) fn finish(self, heads: Vec<View>) -> Graph {
        let embedding = self.embedding.unwrap_or_else(|| self.input());
        let Self { buffers, layers, parameters, attentions, joints, item, meta, .. } = self;
        let mut written = Written::by(&heads, &joints);
        let stages = written.settle(layers);
        let beside_heads = written.beside_heads;
        Graph { buffers, attentions, stages, parameters, heads, embedding, item, joints, beside_heads, meta }
    }

    fn buffer(&mut self, width: usize) -> View {
        self.buffers.push(Buffer::new(width));
        View { buffer: self.buffers.len() - 1, column: 0, width }
    }

    fn activation(&mut self, branch: &Branch<'_>, first: usize) -> Activation {
        self.activations += 1;
        Activation {
            columns: first..first + branch.width(),
            relu: branch.hidden.is_some(),
            dropout: branch.hidden.map_or(0.0, |hidden| hidden.dropout),
            site: self.activations,
        }
    }

    fn name_weight(&mut self, branch: &Branch<'_>, placement: Placement) {
        let init = branch.weight_start(placement.rows);
        let shape = branch.shape(&[placement.rows, branch.units]);
        self.parameters.named.push(Named { name: format!("{}.weight", branch.name), shape, placement, init });
    }

    fn name(&mut self, branch: &Branch<'_>, weight: Placement, bias_offset: usize) {
        self.name_weight(branch, weight);
        let placement = Placement {
            offset: bias_offset,
            groups: 1,
            rows: 1,
            columns: branch.width(),
            group_stride: branch.width(),
            row_stride: branch.width(),
        };
        let (shape, init) = (branch.shape(&[branch.units]), branch.bias_start());
        self.parameters.named.push(Named { name: format!("{}.bias", branch.name), shape, placement, init });
    }
}
