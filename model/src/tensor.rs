//! A model's numbers as libtorch tensors on a device, and a pass through its network.

use tch::{Device, Kind, TchError, Tensor};

use crate::architecture::Architecture;
use crate::attention::tensors::{StepPlaces, Steps, attend};
use crate::cpu::Weights;
use crate::embedding::tensors::{Gathered, InputTensors, gather, upload, upload_table};
use crate::input::Inputs;
use crate::layers::{Dropout, Nodes, TensorPass, View};
use crate::loss::Column;
use crate::outputs::Outputs;

/// A model on a device.
#[derive(Debug)]
pub(crate) struct TensorModel {
    pub(crate) device: Device,
    /// The type of the products' operands: f32 or bf16. Everything else is f32.
    pub(crate) product_kind: Kind,
    /// A tensor for each block of the network's parameters, flat.
    pub(crate) weights: Vec<Tensor>,
    /// `[rows, width]` each.
    pub(crate) tables: Vec<Tensor>,
}

impl TensorModel {
    /// A copy of host weights.
    pub(crate) fn new(
        architecture: &Architecture,
        weights: &Weights,
        device: Device,
        product_kind: Kind,
    ) -> Result<Self, TchError> {
        let mut model = Self { device, product_kind, weights: Vec::new(), tables: Vec::new() };
        model.set(architecture, weights)?;
        Ok(model)
    }

    /// The same tables under other dense weights, those of a network that reads the same.
    pub(crate) fn with_dense(&self, architecture: &Architecture, dense: &[f32]) -> Result<Self, TchError> {
        let weights = blocks(architecture, dense, self.device)?;
        let tables = self.tables.iter().map(Tensor::shallow_clone).collect();
        Ok(Self { device: self.device, product_kind: self.product_kind, weights, tables })
    }

    /// Replaces the numbers by a copy of host weights.
    pub(crate) fn set(&mut self, architecture: &Architecture, weights: &Weights) -> Result<(), TchError> {
        self.weights = blocks(architecture, &weights.dense, self.device)?;
        self.tables = weights.tables.iter().map(|table| upload_table(table, self.device)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// The numbers in a host's memory.
    pub(crate) fn to_host(&self, architecture: &Architecture) -> Result<Weights, TchError> {
        let mut weights = Weights::zeros(architecture);
        download_blocks(architecture, &self.weights, &mut weights.dense)?;
        for (table, tensor) in weights.tables.iter_mut().zip(&self.tables) {
            table.write(0, &download(tensor)?);
        }
        Ok(weights)
    }

    /// What the network reads of a batch.
    pub(crate) fn gather(&self, architecture: &Architecture, inputs: &InputTensors) -> Result<Gathered, TchError> {
        gather(&architecture.layout, &self.tables, inputs)
    }

    /// The network's input: what was gathered, with steps pooled by attention.
    pub(crate) fn attend<'a>(
        &self,
        architecture: &Architecture,
        gathered: &Gathered,
        places: impl Iterator<Item = Option<&'a StepPlaces>>,
    ) -> Result<Tensor, TchError> {
        let steps = gathered.steps.iter().zip(places);
        let steps: Vec<Option<Steps<'_>>> =
            steps.map(|(rows, places)| Some((rows.as_ref()?.shallow_clone(), places?))).collect();
        attend(&architecture.graph.attentions, &self.weights, &gathered.x, &steps)
    }

    /// All intermediate results, [`heads`] among them.
    pub(crate) fn forward(
        &self,
        architecture: &Architecture,
        x: &Tensor,
        dropout: Option<Dropout>,
    ) -> Result<Nodes, TchError> {
        let graph = &architecture.graph;
        let pass = TensorPass { weights: &self.weights, dropout, product_kind: self.product_kind };
        let mut nodes = Nodes::new(graph.buffers.len(), x.shallow_clone());
        for stage in &graph.stages {
            stage.layer.forward_tensors(&pass, &mut nodes)?;
        }
        Ok(nodes)
    }

    /// All heads of a checked batch side by side in a host's memory; with `embeddings`, what a view has of the rows too, row by
    /// row.
    pub(crate) fn heads(
        &self,
        architecture: &Architecture,
        inputs: &Inputs,
        embeddings: Option<(View, &mut Vec<f32>)>,
    ) -> Result<HostHeads, TchError> {
        let _no_grad = tch::no_grad_guard();
        let inputs = InputTensors::upload(&architecture.layout, inputs, self.device)?;
        let x = self.attend(architecture, &self.gather(architecture, &inputs)?, inputs.places())?;
        let nodes = self.forward(architecture, &x, None)?;
        if let Some((view, embeddings)) = embeddings {
            let found = nodes.get(view)?.f_to_kind(Kind::Float)?;
            embeddings.extend(download(&found)?);
        }
        Ok(HostHeads { numbers: download(&Tensor::f_cat(&heads(architecture, &nodes)?, 1)?)? })
    }
}

/// Each task's head after a forward pass, `[rows, units]`.
pub(crate) fn heads(architecture: &Architecture, nodes: &Nodes) -> Result<Vec<Tensor>, TchError> {
    architecture.graph.heads.iter().map(|&view| nodes.get(view)).collect()
}

/// `[rows, Σ units]` in a host's memory.
pub(crate) struct HostHeads {
    numbers: Vec<f32>,
}

impl HostHeads {
    /// A task's head.
    pub(crate) fn head(&self, architecture: &Architecture, task: usize) -> Column<&[f32]> {
        let widths = architecture.graph.heads.iter().map(|view| view.width);
        let column = widths.clone().take(task).sum();
        Column { numbers: &self.numbers, stride: widths.sum(), column }
    }

    /// The predictions of all tasks.
    pub(crate) fn predict(&self, architecture: &Architecture, outputs: &mut Outputs) {
        for (task, predictions) in outputs.tasks.iter_mut().enumerate() {
            self.head(architecture, task).predict(architecture.objectives[task], predictions);
        }
    }
}

/// A flat run in a host's memory as a tensor for each block.
pub(crate) fn blocks(architecture: &Architecture, flat: &[f32], device: Device) -> Result<Vec<Tensor>, TchError> {
    architecture.graph.parameters.blocks.iter().map(|block| upload(&flat[block.range()], device)).collect()
}

/// Tensors of blocks back into a flat run.
pub(crate) fn download_blocks(
    architecture: &Architecture,
    tensors: &[Tensor],
    flat: &mut [f32],
) -> Result<(), TchError> {
    for (block, tensor) in architecture.graph.parameters.blocks.iter().zip(tensors) {
        flat[block.range()].copy_from_slice(&download(tensor)?);
    }
    Ok(())
}

/// The numbers of a tensor, row-major.
pub(crate) fn download(tensor: &Tensor) -> Result<Vec<f32>, TchError> {
    let here = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_contiguous()?;
    let mut numbers = vec![0.0f32; here.numel()];
    here.f_copy_data(&mut numbers, here.numel())?;
    Ok(numbers)
}
