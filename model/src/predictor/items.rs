//! The items' side of a model of two towers: their embeddings, and what a task makes of the product of a person's and an
//! item's.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use spec::{Task, TaskName};

use super::{Backend, Predictor};
use crate::calibrate::Calibrator;
use crate::error::Error;
use crate::input::Inputs;
use crate::outputs::Outputs;

/// From the product of a person's and an item's embedding for a task to its prediction: `head = product·weight + bias`, then as
/// of any other head, then the calibrator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemHead {
    /// One number; of an amount three, of classes one each.
    pub weight: Vec<f32>,
    /// As many.
    pub bias: Vec<f32>,
    /// The task's calibration.
    pub calibrator: Calibrator,
}

impl Predictor {
    /// How many networks' mean it predicts.
    pub fn networks(&self) -> usize {
        self.members.len()
    }

    /// Numbers of an item's embedding, all tasks' side by side; none of a model that is not of two towers.
    pub fn item_width(&self) -> Option<usize> {
        self.architecture.graph.item.map(|view| view.width)
    }

    /// Each row's item put behind those that `embeddings` has, `[rows, item_width]`, of several networks by the first; nothing
    /// where the model has no side of items. What rows say of people does not matter.
    ///
    /// # Errors
    ///
    /// As [`Self::predict`].
    pub fn embed_items(&self, inputs: &Inputs, embeddings: &mut Vec<f32>) -> Result<(), Error> {
        let Some(view) = self.architecture.graph.item else { return Ok(()) };
        self.compute(1, inputs, &mut Outputs::default(), Some((view, embeddings)))
    }

    /// Each task's head over the product of embeddings, in the tasks' order, of several networks the first's; none of a model
    /// that is not of two towers.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn item_heads(&self) -> Result<Vec<ItemHead>, Error> {
        let architecture = &self.architecture;
        if architecture.graph.item.is_none() {
            return Ok(Vec::new());
        }
        let dense = match &self.members[0] {
            Backend::Cpu { weights, .. } => weights.dense.clone(),
            Backend::Tensor(model) => {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let weights = model.to_host(architecture);
                weights.map_err(Error::torch("copying the weights from the device"))?.dense
            }
        };
        let named = &architecture.graph.parameters.named;
        let read = |name: String| named.iter().find(|named| named.name == name).map(|named| named.read(&dense));
        let head = |((task, _), calibrator): (&(TaskName, Task), &Calibrator)| ItemHead {
            weight: read(format!("heads.{task}.weight")).unwrap_or_default(),
            bias: read(format!("heads.{task}.bias")).unwrap_or_default(),
            calibrator: calibrator.clone(),
        };
        Ok(architecture.tasks.iter().zip(&self.calibrators).map(head).collect())
    }
}
