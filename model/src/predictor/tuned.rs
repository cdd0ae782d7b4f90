//! Scores by networks that were fine-tuned to lists, beside the model's own predictions.

use std::borrow::Cow;
use std::sync::PoisonError;

use super::{Backend, Piece, Predictor, predict_blocks};
use crate::architecture::{Architecture, Campaign};
use crate::cpu::{Activations, Model, Weights};
use crate::embedding::gather;
use crate::error::Error;
use crate::fine_tuning::{FineTuner, TunedList, TunedLists};
use crate::input::Inputs;

impl Predictor {
    /// What fine-tunes the model to lists; none where its network is not trained for that.
    ///
    /// # Errors
    ///
    /// A device that fails.
    pub fn fine_tuner(&self) -> Result<Option<FineTuner<'_>>, Error> {
        let Some(campaign) = &self.architecture.campaign else { return Ok(None) };
        let members = self.members.iter().map(|member| member.to_host(&self.architecture));
        let members = members.collect::<Result<_, Error>>()?;
        Ok(Some(FineTuner { architecture: &self.architecture, campaign, members }))
    }

    /// Each list's scores of a batch, 0..1, `[lists][rows]`: the mean over the members.
    ///
    /// # Errors
    ///
    /// A batch of another layout, lists of another model.
    pub fn tuned_scores(&self, inputs: &Inputs, lists: &TunedLists) -> Result<Vec<Vec<f32>>, Error> {
        gather::check_shape(&self.architecture.layout, inputs)?;
        gather::check_ids(&self.architecture.layout, inputs, 0..inputs.rows)?;
        let campaign = self.architecture.campaign.as_deref();
        let scores = |list: &TunedList| match campaign {
            Some(campaign) => self.scores_of(campaign, inputs, list),
            None => Err(Error::TunedToAnother { list: list.name.clone() }),
        };
        lists.tuned.iter().map(scores).collect()
    }

    fn scores_of(&self, campaign: &Campaign, inputs: &Inputs, list: &TunedList) -> Result<Vec<f32>, Error> {
        let mut said = Vec::with_capacity(self.members.len());
        for (number, member) in self.members.iter().enumerate() {
            let own = list.member(number, campaign.network.graph.parameters.len())?;
            said.push(member.score(campaign, inputs, &own)?);
        }
        let of_row = |row: usize| said.iter().map(move |scores: &Vec<f32>| f64::from(scores[row]));
        let objective = campaign.network.objectives[0];
        Ok((0..inputs.rows).map(|row| objective.pooled(of_row(row), self.members.len()) as f32).collect())
    }
}

impl Backend {
    /// The member's weights in a host's memory.
    fn to_host(&self, architecture: &Architecture) -> Result<Cow<'_, Weights>, Error> {
        match self {
            Self::Cpu { weights, .. } => Ok(Cow::Borrowed(weights)),
            Self::Tensor(model) => {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let copy = model.to_host(architecture);
                Ok(Cow::Owned(copy.map_err(Error::torch("copying the weights from the device"))?))
            }
        }
    }

    /// What a list's own weights say of a batch, in place of the member's dense ones.
    fn score(&self, campaign: &Campaign, inputs: &Inputs, own: &[f32]) -> Result<Vec<f32>, Error> {
        let (network, mut scores) = (&campaign.network, vec![0.0; inputs.rows]);
        match self {
            Self::Cpu { weights, .. } => {
                let model = Model { dense: own, tables: &weights.tables, packed: &[] };
                let mut memory = Activations::new(network);
                let piece = Piece { rows: 0..inputs.rows, tasks: vec![&mut scores], embeddings: None };
                predict_blocks(network, model, &mut memory, inputs, piece);
            }
            Self::Tensor(model) => {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let heads = model.with_dense(network, own).and_then(|own| own.heads(network, inputs, None));
                heads.map_err(Error::torch("scoring"))?.head(network, 0).predict(network.objectives[0], &mut scores);
            }
        }
        Ok(scores)
    }
}
