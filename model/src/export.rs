//! A model as one TorchScript module, from encoded inputs to calibrated predictions: libtorch's operators for a batch of two
//! rows, traced. Nothing of the graph depends on how many rows there are.
//!
//! The module takes `numbers`, `[rows, n]` f32; `ids`, `[rows, m]` i64, a column for each feature with one id a row; and for
//! each bag or sequence its ids, `[any]` i64, one row's after another's, where each row's begin, `[rows + 1]` i64, and
//! where it is pooled by weights, what each id's embedding is multiplied by, `[any]` f32. Ids are a feature's own, as
//! `encoders.json` gives them. It gives `[rows, outputs]` f32: a column a task, of multiclass tasks one a class.
//! [`Signature`] has the order.

mod prediction;

use std::path::Path;

use serde::Serialize;
use spec::{FeatureName, TaskName, TrainingSpec};
use tch::{CModule, Device, Kind, TchError, Tensor};

use crate::architecture::Architecture;
use crate::attention::tensors::StepPlaces;
use crate::calibrate::{Calibrator, ModelCalibration};
use crate::embedding::tensors::Gathered;
use crate::encode::{Encoders, OTHER};
use crate::error::Error;
use crate::input::{Pooling, Slot, TableLayout};
use crate::outputs::TaskOutput;
use crate::tensor::{TensorModel, heads};
use crate::weights;
use prediction::Prediction;

/// What a module takes and gives, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signature {
    /// Columns of `numbers`.
    pub numbers: usize,
    /// The features with one id a row: columns of `ids`, in the document's order.
    pub ids: Vec<FeatureName>,
    /// The features with a list of ids a row: two tensors each, in the document's order.
    pub bags: Vec<FeatureName>,
    /// Those of them that have weights: a third tensor each.
    pub weighted: Vec<FeatureName>,
    /// The columns of the predictions: a task's name, of a multiclass task one `task['class']` for each class.
    pub predictions: Vec<String>,
}

/// Writes the model of a package as a TorchScript module to a file, for a CPU or any other device.
///
/// # Errors
///
/// Weights or a calibration that do not fit the document and encoders; what libtorch cannot trace or write.
pub fn torchscript(
    spec: &TrainingSpec,
    encoders: &Encoders,
    (weights, calibration): (&[u8], &[u8]),
    file: &Path,
) -> Result<Signature, Error> {
    let architecture = Architecture::for_scoring(spec, &encoders.layout(), &encoders.class_counts())?;
    let members = weights::from_bytes(&architecture, weights)?;
    let model = |weights| TensorModel::new(&architecture, weights, Device::Cpu, Kind::Float);
    let members = members.iter().map(model).collect::<Result<Vec<_>, _>>();
    let members = members.map_err(Error::torch("reading the weights"))?;
    let calibration = serde_json::from_slice(calibration).map_err(|source| Error::Calibration { source })?;
    let tracing = Error::torch("tracing the model");
    let names: Vec<FeatureName> = encoders.features().iter().map(|feature| feature.name.clone()).collect();
    let columns = TaskOutput::of(spec, encoders).iter().flat_map(columns).collect();
    let script = Script::new(&architecture, &members, (&names, columns), &calibration).map_err(&tracing)?;
    let module = script.trace().map_err(&tracing)?;
    module.save(file).map_err(Error::torch("writing the module"))?;
    Ok(script.signature)
}

/// What is traced. Every tensor that the module holds is made before tracing begins: what is copied into one during it
/// would not be part of the module.
struct Script<'a> {
    architecture: &'a Architecture,
    members: &'a [TensorModel],
    predictions: Vec<Prediction>,
    signature: Signature,
}

impl<'a> Script<'a> {
    fn new(
        architecture: &'a Architecture,
        members: &'a [TensorModel],
        (features, columns): (&[FeatureName], Vec<String>),
        calibration: &ModelCalibration,
    ) -> Result<Self, TchError> {
        let calibrator =
            |task: &TaskName| calibration.tasks.get(task).map_or(&Calibrator::None, |task| &task.calibrator);
        let objectives = architecture.tasks.iter().zip(&architecture.objectives);
        let predictions = objectives.map(|((task, _), objective)| Prediction::new(*objective, calibrator(task)));
        let layout = &architecture.layout;
        let names = |has: &dyn Fn(&TableLayout, &FeatureName) -> bool| {
            let names = features.iter().filter(|name| layout.tables.iter().any(|table| has(table, name)));
            names.cloned().collect()
        };
        let signature = Signature {
            numbers: layout.numeric_width(),
            ids: names(&|table, name| table.singles().iter().any(|slot| slot.feature == *name)),
            bags: names(&|table, name| table.bags().iter().any(|slot| slot.feature == *name)),
            weighted: names(&|table, name| {
                table.bags().iter().any(|slot| slot.feature == *name && slot.pool == Some(Pooling::Weighted))
            }),
            predictions: columns,
        };
        Ok(Self { architecture, members, predictions: predictions.collect::<Result<_, _>>()?, signature })
    }

    fn trace(&self) -> Result<CModule, TchError> {
        let _no_grad = tch::no_grad_guard();
        let (rows, ids) = (2, self.signature.ids.len() as i64);
        let mut inputs = vec![
            Tensor::f_zeros([rows, self.signature.numbers as i64], (Kind::Float, Device::Cpu))?,
            Tensor::f_zeros([rows, ids], (Kind::Int64, Device::Cpu))?,
        ];
        for bag in &self.signature.bags {
            inputs.extend([Tensor::f_from_slice(&[0i64])?, Tensor::f_from_slice(&[0i64, 1, 1])?]);
            if self.signature.weighted.contains(bag) {
                inputs.push(Tensor::f_from_slice(&[1.0f32])?);
            }
        }
        let mut failure = None;
        let module = CModule::create_by_tracing("Kindred", "forward", &inputs, &mut |inputs: &[Tensor]| {
            let predictions = self.forward(inputs).unwrap_or_else(|error| {
                failure = Some(error);
                inputs[0].shallow_clone()
            });
            vec![predictions]
        });
        failure.map_or(module, Err)
    }

    /// `[rows, outputs]`
    fn forward(&self, inputs: &[Tensor]) -> Result<Tensor, TchError> {
        let mut heads_of = Vec::with_capacity(self.members.len());
        for member in self.members {
            let (gathered, places) = self.gather(member, inputs)?;
            let x = member.attend(self.architecture, &gathered, places.iter().map(Option::as_ref))?;
            let nodes = member.forward(self.architecture, &x, None)?;
            heads_of.push(heads(self.architecture, &nodes)?);
        }
        let of_task = |(task, prediction): (usize, &Prediction)| {
            let heads: Vec<&Tensor> = heads_of.iter().map(|heads| &heads[task]).collect();
            prediction.of(&heads)
        };
        let predictions = self.predictions.iter().enumerate().map(of_task);
        Tensor::f_cat(&predictions.collect::<Result<Vec<_>, _>>()?, 1)
    }

    /// The embeddings of each feature's own rows of a table, so that an id beyond them is an error, and where steps lie.
    fn gather(&self, member: &TensorModel, inputs: &[Tensor]) -> Result<(Gathered, Vec<Option<StepPlaces>>), TchError> {
        let ids = &inputs[1];
        let (mut parts, mut steps, mut places) = (vec![inputs[0].shallow_clone()], Vec::new(), Vec::new());
        for (layout, table) in self.architecture.layout.tables.iter().zip(&member.tables) {
            for slot in &layout.slots {
                let own = table.f_narrow(0, i64::from(slot.first_row), i64::from(slot.rows))?;
                let place_of = |features: &[FeatureName]| features.iter().position(|name| *name == slot.feature);
                if let Some(column) = place_of(&self.signature.ids) {
                    parts.push(own.f_index_select(0, &ids.f_select(1, column as i64)?)?);
                } else if let Some(bag) = place_of(&self.signature.bags) {
                    let bag = &inputs[self.first_tensor(bag)..];
                    let attended = (slot.pool == Some(Pooling::Attention)).then(|| self.steps(slot, &own, bag));
                    let (rows, of_rows) = attended.transpose()?.unzip();
                    parts.push(match &of_rows {
                        Some(StepPlaces { zeros, .. }) => zeros.f_repeat([1, layout.width as i64])?,
                        None => pooled(&own, bag, slot.pool.unwrap_or(Pooling::Mean))?,
                    });
                    steps.push(rows);
                    places.push(of_rows);
                }
            }
        }
        Ok((Gathered { x: Tensor::f_cat(&parts, 1)?, steps }, places))
    }

    /// The rows of a table that a bag's ids name, and where its steps lie.
    fn steps(&self, slot: &Slot, table: &Tensor, bag: &[Tensor]) -> Result<(Tensor, StepPlaces), TchError> {
        let ends = bag[1].f_slice(0, 1, None::<i64>, 1)?;
        let places = bag[0].f_ones_like()?.f_cumsum(0, Kind::Int64)?.f_sub_scalar(1i64)?;
        let rows = places.f_bucketize(&ends, false, true)?;
        let back = ends.f_index_select(0, &rows)?.f_sub(&places)?.f_sub_scalar(1i64)?;
        let zeros = ends.f_unsqueeze(1)?.f_to_kind(Kind::Float)?.f_mul_scalar(0.0)?;
        let attended = &self.architecture.layout.attended;
        let longest = attended.iter().find(|attended| attended.features.contains(&slot.feature));
        let longest = longest.map_or(1, |attended| attended.max_length as i64);
        Ok((table.f_index_select(0, &bag[0])?, StepPlaces { rows, back, zeros, longest }))
    }

    /// The place of a bag's first tensor among the inputs.
    fn first_tensor(&self, bag: usize) -> usize {
        let tensors = |bag: &FeatureName| 2 + usize::from(self.signature.weighted.contains(bag));
        2 + self.signature.bags[..bag].iter().map(tensors).sum::<usize>()
    }
}

/// The columns of an output.
fn columns(output: &TaskOutput) -> Vec<String> {
    let task = &output.task;
    match &output.classes {
        None => vec![task.to_string()],
        Some(classes) => {
            let names = classes.names.iter().map(String::as_str).chain([OTHER]);
            names.map(|class| format!("{task}['{}']", class.replace('\'', "''"))).collect()
        }
    }
}

/// The embeddings of each row's ids as one, from a bag's tensors; zeros for none.
fn pooled(table: &Tensor, bag: &[Tensor], pool: Pooling) -> Result<Tensor, TchError> {
    let (mode, weights) = match pool {
        Pooling::Sum => (0, None),
        Pooling::Mean => (1, None),
        Pooling::Attention => unreachable!("attention pools steps"),
        Pooling::Weighted => (0, Some(&bag[2])),
    };
    let (pooled, ..) = Tensor::f_embedding_bag(table, &bag[0], &bag[1], false, mode, false, weights, true)?;
    Ok(pooled)
}

#[cfg(test)]
mod tests;
