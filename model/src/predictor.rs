//! Scoring: a package's model, ready to predict. Shared by all threads; on a CPU each call runs on its caller's thread.

pub mod items;
mod tuned;

use std::ops::Range;
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
use crate::layers::View;
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
    /// The networks whose mean is predicted; one or more.
    members: Vec<Backend>,
}

/// Who does the arithmetic of a member.
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
        let backend = |weights: Weights| match device {
            Device::Cpu => Ok(Backend::Cpu { packed: weights.pack(&architecture), weights, idle: Mutex::default() }),
            Device::Cuda(_) => {
                let kind = if spec.training.precision == Precision::Bf16 { Kind::BFloat16 } else { Kind::Float };
                let model = TensorModel::new(&architecture, &weights, device.into(), kind);
                Ok(Backend::Tensor(Mutex::new(model.map_err(Error::torch("placing the weights on the device"))?)))
            }
        };
        let members = weights::from_bytes(&architecture, weights)?;
        let members = members.into_iter().map(backend).collect::<Result<_, Error>>()?;
        Ok(Self { architecture, calibrators, device, members })
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
        self.predict_by(1, inputs, outputs)
    }

    /// The same by so many threads where it predicts on a CPU. How many does not change a prediction.
    ///
    /// # Errors
    ///
    /// As [`Self::predict`].
    pub fn predict_by(&self, threads: usize, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Error> {
        self.compute(threads, inputs, outputs, None)
    }

    /// Predictions, and each row's embedding put behind those that `embeddings` has, `[rows, embedding_width]`: what the
    /// tasks share at last, of several members in the first.
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
        self.compute(1, inputs, outputs, Some((self.architecture.graph.embedding, embeddings)))
    }

    /// Numbers of a row's embedding.
    pub fn embedding_width(&self) -> usize {
        self.architecture.graph.embedding.width
    }

    fn compute(
        &self,
        threads: usize,
        inputs: &Inputs,
        outputs: &mut Outputs,
        embeddings: Option<(View, &mut Vec<f32>)>,
    ) -> Result<(), Error> {
        let architecture = &self.architecture;
        gather::check_shape(&architecture.layout, inputs)?;
        gather::check_ids(&architecture.layout, inputs, 0..inputs.rows)?;
        outputs.reset(architecture.output_widths(), inputs.rows);
        match self.members.as_slice() {
            [one] => one.predict(architecture, threads, inputs, (outputs, embeddings))?,
            members => {
                let (mut said, mut embeddings) = (Vec::with_capacity(members.len()), embeddings);
                for member in members {
                    let mut of_member = Outputs::default();
                    of_member.reset(architecture.output_widths(), inputs.rows);
                    member.predict(architecture, threads, inputs, (&mut of_member, embeddings.take()))?;
                    said.push(of_member);
                }
                outputs.pool(&said, &architecture.objectives);
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

impl Backend {
    /// Raw predictions, into outputs that have room for them, and embeddings if they are wanted.
    fn predict(
        &self,
        architecture: &Architecture,
        threads: usize,
        inputs: &Inputs,
        (outputs, embeddings): (&mut Outputs, Option<(View, &mut Vec<f32>)>),
    ) -> Result<(), Error> {
        match self {
            Self::Cpu { weights, packed, idle } => {
                let predict = |piece: Piece<'_>| {
                    let memory = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
                    let mut memory = memory.unwrap_or_else(|| Activations::new(architecture));
                    let model = Model { dense: &weights.dense, tables: &weights.tables, packed };
                    predict_blocks(architecture, model, &mut memory, inputs, piece);
                    idle.lock().unwrap_or_else(PoisonError::into_inner).push(memory);
                };
                let embeddings = embeddings.map(|(view, embeddings)| {
                    let first = embeddings.len();
                    embeddings.resize(first + inputs.rows * view.width, 0.0);
                    (view, &mut embeddings[first..])
                });
                let (predict, mut pieces) = (&predict, pieces(inputs.rows, threads, outputs, embeddings));
                let last = pieces.pop();
                std::thread::scope(|scope| {
                    for piece in pieces {
                        scope.spawn(move || predict(piece));
                    }
                    if let Some(piece) = last {
                        predict(piece);
                    }
                });
            }
            Self::Tensor(model) => {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let heads = model.heads(architecture, inputs, embeddings).map_err(Error::torch("predicting"))?;
                heads.predict(architecture, outputs);
            }
        }
        Ok(())
    }
}

fn predict_blocks(
    architecture: &Architecture,
    model: Model<'_>,
    activations: &mut Activations,
    inputs: &Inputs,
    mut piece: Piece<'_>,
) {
    for start in piece.rows.clone().step_by(BLOCK) {
        let rows = start..(start + BLOCK).min(piece.rows.end);
        activations.forward(architecture, model, inputs, rows.clone(), None);
        let of_piece = rows.start - piece.rows.start..rows.end - piece.rows.start;
        let of_width = |width: usize| of_piece.start * width..of_piece.end * width;
        for ((task, predictions), width) in piece.tasks.iter_mut().enumerate().zip(architecture.output_widths()) {
            activations.predict(architecture, task, &mut predictions[of_width(width)]);
        }
        if let Some((view, embeddings)) = &mut piece.embeddings {
            activations.embed(architecture, *view, &mut embeddings[of_width(view.width)]);
        }
    }
}

/// Rows of a batch that one thread predicts, and where what is said of them goes.
struct Piece<'a> {
    rows: Range<usize>,
    /// Each task's predictions.
    tasks: Vec<&'a mut [f32]>,
    embeddings: Option<(View, &'a mut [f32])>,
}

/// The rows in whole blocks, as evenly as can be.
fn pieces<'a>(
    rows: usize,
    threads: usize,
    outputs: &'a mut Outputs,
    embeddings: Option<(View, &'a mut [f32])>,
) -> Vec<Piece<'a>> {
    let piece_rows = rows.div_ceil(BLOCK).div_ceil(threads.max(1)).max(1) * BLOCK;
    let mut tasks: Vec<_> = outputs.tasks.iter_mut().map(|task| chunks(task, rows, piece_rows)).collect();
    let mut embeddings = embeddings.map(|(view, embeddings)| (view, chunks(embeddings, rows, piece_rows)));
    let starts = (0..rows).step_by(piece_rows);
    let piece = |start: usize| Piece {
        rows: start..(start + piece_rows).min(rows),
        tasks: tasks.iter_mut().filter_map(Iterator::next).collect(),
        embeddings: embeddings.as_mut().and_then(|(view, pieces)| Some((*view, pieces.next()?))),
    };
    starts.map(piece).collect()
}

/// What so many rows have as numbers, as equally many a row, in pieces of some rows.
fn chunks(numbers: &mut [f32], rows: usize, piece_rows: usize) -> std::slice::ChunksMut<'_, f32> {
    let width = numbers.len() / rows.max(1);
    numbers.chunks_mut((width * piece_rows).max(1))
}

#[cfg(test)]
mod tests;
