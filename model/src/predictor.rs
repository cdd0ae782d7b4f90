//! Scoring: a package's model, ready to predict. Shared by all threads; on a CPU each call runs on its caller's thread.

use std::sync::{Mutex, PoisonError};

use spec::TrainingSpec;
use spec::training::{DeviceChoice, Precision};
use tch::Kind;

use crate::architecture::Architecture;
use crate::calibrate::{Calibrator, ModelCalibration};
use crate::cpu::{Activations, BLOCK, Model, Weights};
use crate::device::{self, Device};
use crate::embedding::gather;
use crate::encode::Encoders;
use crate::error::Error;
use crate::input::{InputLayout, Inputs};
use crate::kernel::product::Packed;
use crate::outputs::{ClassCounts, Outputs};
use crate::tensor::TensorModel;
use crate::weights;

/// A model that predicts.
#[derive(Debug)]
pub struct Predictor {
    architecture: Architecture,
    /// By task, in order.
    calibrators: Vec<Calibrator>,
    device: Device,
    backend: Backend,
}

/// Who does the arithmetic.
#[derive(Debug)]
enum Backend {
    Cpu {
        weights: Weights,
        packed: Vec<Vec<Packed>>,
        /// Memory of calls that are over, for the next ones.
        idle: Mutex<Vec<Activations>>,
    },
    /// A device works on one batch at a time.
    Tensor(Mutex<TensorModel>),
}

impl Predictor {
    /// The model of a package: its document's `spec`, encoders, `weights.safetensors` and `calibration.json`.
    ///
    /// # Errors
    ///
    /// Weights or a calibration that do not fit the document and encoders; a device that cannot be used.
    pub fn load(
        spec: &TrainingSpec,
        encoders: &Encoders,
        weights: &[u8],
        calibration: &[u8],
        device: DeviceChoice,
    ) -> Result<Self, Error> {
        let calibration = serde_json::from_slice(calibration).map_err(|source| Error::Calibration { source })?;
        Self::new(spec, &encoders.layout(), &encoders.class_counts(), weights, &calibration, device)
    }

    /// The same from parts that are read already.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn new(
        spec: &TrainingSpec,
        layout: &InputLayout,
        classes: &ClassCounts,
        weights: &[u8],
        calibration: &ModelCalibration,
        device: DeviceChoice,
    ) -> Result<Self, Error> {
        let device = device::resolve(device, Precision::F32)?;
        let architecture = Architecture::for_scoring(spec, layout, classes)?;
        let calibrator = |task| calibration.tasks.get(task).map_or(Calibrator::None, |task| task.calibrator.clone());
        let calibrators = spec.tasks.keys().map(calibrator).collect();
        let weights = weights::from_bytes(&architecture, weights)?;
        let backend = match device {
            Device::Cpu => Backend::Cpu { packed: weights.pack(&architecture), weights, idle: Mutex::default() },
            Device::Cuda(_) => {
                let kind = if spec.training.precision == Precision::Bf16 { Kind::BFloat16 } else { Kind::Float };
                let model = TensorModel::new(&architecture, &weights, device.into(), kind);
                Backend::Tensor(Mutex::new(model.map_err(Error::torch("placing the weights on the device"))?))
            }
        };
        Ok(Self { architecture, calibrators, device, backend })
    }

    /// Where it predicts.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Calibrated predictions of a batch, in the tasks' order: of multiclass tasks a probability for each class.
    ///
    /// # Errors
    ///
    /// A batch of another layout.
    pub fn predict(&self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Error> {
        self.compute(inputs, outputs, None)
    }

    /// The same, and each row's embedding put behind those that `embeddings` has, `[rows, embedding_width]`: what the tasks share
    /// at last.
    ///
    /// # Errors
    ///
    /// As [`Self::predict`].
    pub fn predict_and_embed(
        &self,
        inputs: &Inputs,
        outputs: &mut Outputs,
        embeddings: &mut Vec<f32>,
    ) -> Result<(), Error> {
        self.compute(inputs, outputs, Some(embeddings))
    }

    /// Numbers of a row's embedding.
    pub fn embedding_width(&self) -> usize {
        self.architecture.graph.embedding.width
    }

    fn compute(&self, inputs: &Inputs, outputs: &mut Outputs, embeddings: Option<&mut Vec<f32>>) -> Result<(), Error> {
        let architecture = &self.architecture;
        gather::check_shape(&architecture.layout, inputs)?;
        gather::check_ids(&architecture.layout, inputs, 0..inputs.rows)?;
        outputs.reset(architecture.output_widths(), inputs.rows);
        match &self.backend {
            Backend::Cpu { weights, packed, idle } => {
                let memory = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let mut memory = memory.unwrap_or_else(|| Activations::new(architecture));
                let model = Model { weights, packed };
                predict_blocks(architecture, model, &mut memory, inputs, (outputs, embeddings));
                idle.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
            }
            Backend::Tensor(model) => {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let heads = model.heads(architecture, inputs, embeddings).map_err(Error::torch("predicting"))?;
                heads.predict(architecture, outputs);
            }
        }
        for ((calibrator, predictions), width) in
            self.calibrators.iter().zip(&mut outputs.tasks).zip(architecture.output_widths())
        {
            calibrator.apply(predictions, width);
        }
        Ok(())
    }
}

fn predict_blocks(
    architecture: &Architecture,
    model: Model<'_>,
    activations: &mut Activations,
    inputs: &Inputs,
    (outputs, mut embeddings): (&mut Outputs, Option<&mut Vec<f32>>),
) {
    for start in (0..inputs.rows).step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(inputs.rows);
        activations.forward(architecture, model, inputs, rows.clone(), None);
        for (task, predictions) in outputs.tasks.iter_mut().enumerate() {
            let width = architecture.objectives[task].width();
            activations.predict(architecture, task, &mut predictions[rows.start * width..rows.end * width]);
        }
        if let Some(embeddings) = &mut embeddings {
            activations.embed(architecture, rows.len(), embeddings);
        }
    }
}

#[cfg(test)]
mod tests;
