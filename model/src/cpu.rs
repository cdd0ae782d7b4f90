//! One block of rows through a network on one thread of a CPU: gather, forward, and back.

pub(crate) mod numbers;

use std::ops::Range;

use self::numbers::{Numbers, NumbersMut};
use crate::architecture::Architecture;
use crate::attention::{Back, Memory, Rows, Scratch, StepGradients};
use crate::embedding::{Table, VECTOR, gather};
use crate::input::Inputs;
use crate::kernel::memory::Aligned;
use crate::kernel::product::{Packed, Write};
use crate::layers::{Backward, Dropout, Forward, INPUT, View};
use crate::loss::Column;
use crate::loss::joint::JointRows;

/// Rows of a block. Its activations fit the caches of a core, and products of this many rows run at full speed.
pub(crate) const BLOCK: usize = 256;

/// A model's numbers on a CPU.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// Flat, as [`crate::network::Parameters`] lays them out.
    pub(crate) dense: Aligned,
    pub(crate) tables: Vec<Table>,
}

impl Weights {
    /// The numbers that training starts from.
    pub(crate) fn initial(architecture: &Architecture, seed: u64) -> Self {
        let dense = architecture.graph.parameters.initial(seed);
        Self { dense, tables: Table::initial(&architecture.layout, seed) }
    }

    /// The dense weights in the order in which products of whole blocks read them.
    pub(crate) fn pack(&self, architecture: &Architecture) -> Vec<Vec<Packed>> {
        let mut packed = Vec::new();
        packed.resize_with(architecture.graph.parameters.blocks.len(), Vec::new);
        for stage in &architecture.graph.stages {
            stage.layer.pack(&self.dense, BLOCK, &mut packed);
        }
        packed
    }

    /// The weights as they are, for passes over weights that change.
    pub(crate) fn unpacked(&self) -> Model<'_> {
        Model { dense: &self.dense, tables: &self.tables, packed: &[] }
    }

    /// Room for numbers that are read.
    pub(crate) fn zeros(architecture: &Architecture) -> Self {
        let dense = Aligned::zeros(architecture.graph.parameters.len());
        Self { dense, tables: architecture.layout.tables.iter().map(Table::zeros).collect() }
    }
}

/// Weights as a forward pass takes them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Model<'a> {
    /// Flat.
    pub(crate) dense: &'a [f32],
    pub(crate) tables: &'a [Table],
    /// [`Weights::pack`]; may be empty.
    pub(crate) packed: &'a [Vec<Packed>],
}

/// The intermediate results of one block; reused for every block that a thread works on.
#[derive(Debug)]
pub(crate) struct Activations {
    buffers: Vec<Aligned>,
    /// One for each attention.
    steps: Vec<Memory>,
}

/// The gradients by them.
#[derive(Debug)]
pub(crate) struct Gradients {
    buffers: Vec<Aligned>,
    steps: Scratch,
}

fn buffers(architecture: &Architecture) -> Vec<Aligned> {
    let memory = |buffer: &crate::layers::Buffer| Aligned::zeros(BLOCK * buffer.stride + VECTOR);
    architecture.graph.buffers.iter().map(memory).collect()
}

impl Activations {
    pub(crate) fn new(architecture: &Architecture) -> Self {
        let attentions = architecture.graph.attentions.iter();
        Self { buffers: buffers(architecture), steps: attentions.map(|_| Memory::default()).collect() }
    }

    /// Gathers and computes the heads for at most [`BLOCK`] rows of a checked batch.
    pub(crate) fn forward(
        &mut self,
        architecture: &Architecture,
        model: Model<'_>,
        inputs: &Inputs,
        rows: Range<usize>,
        dropout: Option<Dropout>,
    ) {
        let graph = &architecture.graph;
        let stride = graph.buffers[INPUT].stride;
        let x = &mut self.buffers[INPUT];
        gather::gather(&architecture.layout, model.tables, inputs, rows.clone(), x, stride);
        for (attention, memory) in graph.attentions.iter().zip(&mut self.steps) {
            attention.forward((model.dense, model.tables), inputs, rows.clone(), (x, stride), memory);
        }
        let Model { dense: weights, packed, .. } = model;
        let pass = Forward { weights, packed, buffers: &graph.buffers, rows: rows.len(), dropout };
        for stage in &graph.stages {
            stage.layer.forward(&pass, &mut self.buffers);
        }
    }

    /// The heads of one row whose `x` is given, column by column.
    pub(crate) fn forward_row(&mut self, architecture: &Architecture, weights: &Weights, x: impl Fn(usize) -> f32) {
        let graph = &architecture.graph;
        let width = graph.buffers[INPUT].width;
        self.buffers[INPUT][..width].iter_mut().enumerate().for_each(|(column, number)| *number = x(column));
        let pass = Forward { weights: &weights.dense, packed: &[], buffers: &graph.buffers, rows: 1, dropout: None };
        for stage in &graph.stages {
            stage.layer.forward(&pass, &mut self.buffers);
        }
    }

    /// A task's head after a forward pass.
    pub(crate) fn head(&self, architecture: &Architecture, task: usize) -> Column<&[f32]> {
        let view = architecture.graph.heads[task];
        let stride = architecture.graph.buffers[view.buffer].stride;
        Column { numbers: &self.buffers[view.buffer], stride, column: view.column }
    }

    /// The rows' embeddings, a view, after a forward pass, row by row: as many rows as `embeddings` has room for.
    pub(crate) fn embed(&self, architecture: &Architecture, view: View, embeddings: &mut [f32]) {
        let stride = architecture.graph.buffers[view.buffer].stride;
        for (row, embedding) in embeddings.chunks_exact_mut(view.width).enumerate() {
            embedding.copy_from_slice(&self.buffers[view.buffer][view.at(row, stride)]);
        }
    }

    /// A task's predictions after a forward pass.
    pub(crate) fn predict(&self, architecture: &Architecture, task: usize, predictions: &mut [f32]) {
        self.head(architecture, task).predict(architecture.objectives[task], predictions);
    }
}

/// Where a backward pass puts what it finds.
#[derive(Debug)]
pub(crate) struct Into<'a> {
    /// By the dense weights, flat.
    pub(crate) dense: &'a mut [f32],
    /// Whether `dense` holds the gradient of other blocks already.
    pub(crate) write: Write,
    /// By the block's `x`, strided like it.
    pub(crate) input: &'a mut [f32],
}

impl Gradients {
    pub(crate) fn new(architecture: &Architecture) -> Self {
        let mut buffers = buffers(architecture);
        buffers[INPUT] = Aligned::zeros(0);
        Self { buffers, steps: Scratch::default() }
    }

    /// Where the gradient by a task's head is to be put before the backward pass.
    pub(crate) fn head(&mut self, architecture: &Architecture, task: usize) -> Column<&mut [f32]> {
        let view = architecture.graph.heads[task];
        let stride = architecture.graph.buffers[view.buffer].stride;
        Column { numbers: &mut self.buffers[view.buffer], stride, column: view.column }
    }

    /// Adds the joint losses' gradients, once those by the heads are there. `totals` are the rows' weights of the
    /// whole batch, for each, 0 for one that is left out; gives what these rows add to each.
    pub(crate) fn add_joint(
        &mut self,
        architecture: &Architecture,
        activations: &Activations,
        rows: &JointRows<'_>,
        totals: &[f64],
    ) -> Vec<f64> {
        let graph = &architecture.graph;
        let numbers = Numbers { buffers: &graph.buffers, numbers: &activations.buffers };
        let mut gradients = NumbersMut { buffers: &graph.buffers, numbers: &mut self.buffers };
        for &view in &graph.beside_heads {
            (0..rows.rows.len()).for_each(|row| gradients.row(view, row).fill(0.0));
        }
        let joints = graph.joints.iter().zip(totals);
        joints.map(|(joint, &total)| joint.descend(rows, total, &numbers, &mut gradients)).collect()
    }

    /// Follows the heads' gradients back through the network.
    pub(crate) fn backward(
        &mut self,
        architecture: &Architecture,
        dense: &[f32],
        activations: &Activations,
        rows: usize,
        into: Into<'_>,
    ) {
        let mut pass = Backward {
            weights: dense,
            buffers: &architecture.graph.buffers,
            rows,
            activations: &activations.buffers,
            gradients: &mut self.buffers,
            input: into.input,
            weight_gradient: into.dense,
            write: into.write,
        };
        for stage in architecture.graph.stages.iter().rev() {
            pass.write = if stage.weight == Write::Add { Write::Add } else { into.write };
            stage.layer.backward(&mut pass, &stage.inputs);
        }
    }

    /// Follows the gradient by `x` further back, through what attention made of steps.
    pub(crate) fn attend(
        &mut self,
        architecture: &Architecture,
        dense: &[f32],
        activations: &Activations,
        into: Into<'_>,
        steps: &mut StepGradients<'_, '_>,
    ) {
        let x = Rows { numbers: &activations.buffers[INPUT], stride: architecture.graph.buffers[INPUT].stride };
        for (attention, memory) in architecture.graph.attentions.iter().zip(&activations.steps) {
            let back = Back { dense: &mut *into.dense, write: into.write, by_x: &mut *into.input };
            attention.backward(dense, x, (memory, &mut self.steps), back, steps);
        }
    }
}
