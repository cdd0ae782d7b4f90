//! Networks that were trained alike from other random numbers, as one model: the mean of their predictions (deep ensembles,
//! Lakshminarayanan, NeurIPS 2017). It varies less with chance than each of them. Of amounts it is the geometric mean: a
//! network errs by factors there, and of an arithmetic mean the one that errs upwards would be most.

use super::Learner;
use crate::error::Error;
use crate::input::Inputs;
use crate::outputs::Outputs;
use crate::weights;

/// The members of a model, at least one, in order.
#[derive(Debug)]
pub struct Members {
    first: Learner,
    others: Vec<Learner>,
}

impl Members {
    /// A model of one network.
    pub fn of(first: Learner) -> Self {
        Self { first, others: Vec::new() }
    }

    /// Adds a network for the same document and encoders.
    pub fn push(&mut self, member: Learner) {
        self.others.push(member);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// What the members say together (not calibrated): the mean of probabilities and numbers, of amounts the geometric one.
    ///
    /// # Errors
    ///
    /// As [`Learner::predict`].
    pub fn predict(&self, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), Error> {
        self.first.predict(inputs, outputs)?;
        if self.others.is_empty() {
            return Ok(());
        }
        let mut said = vec![outputs.clone()];
        for member in &self.others {
            let mut of_member = Outputs::default();
            member.predict(inputs, &mut of_member)?;
            said.push(of_member);
        }
        outputs.pool(&said, &self.first.architecture.objectives);
        Ok(())
    }

    /// The bytes of `weights.safetensors`: the same weights give the same bytes.
    ///
    /// # Errors
    ///
    /// As [`Learner::save`].
    pub fn save(&self) -> Result<Vec<u8>, Error> {
        let members: Vec<&Learner> = std::iter::once(&self.first).chain(&self.others).collect();
        let numbers = members.iter().map(|member| member.weights()).collect::<Result<Vec<_>, _>>()?;
        let members: Vec<_> =
            members.iter().zip(&numbers).map(|(member, weights)| (&member.architecture, &**weights)).collect();
        weights::to_bytes(&members)
    }
}
