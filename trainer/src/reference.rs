//! What the training looked like, kept in the package for later nights to be compared with.

use indexmap::IndexMap;
use model::drift::{Distribution, Distributions, Kind};
use model::outputs::Outputs;
use spec::{TaskName, TrainingSpec};

use crate::rows::{Part, Rows};

/// Collects the outputs of the rows that represent the training: the validation rows, or the training rows where there are none.
pub(crate) struct OutputCounts {
    part: Part,
    tasks: IndexMap<TaskName, Distribution>,
}

impl OutputCounts {
    /// Nothing counted.
    pub(crate) fn new(spec: &TrainingSpec, rows: &Rows) -> Self {
        let part = if rows.counts(Part::Validation).rows > 0 { Part::Validation } else { Part::Train };
        let tasks = spec.tasks.keys().map(|name| (name.clone(), Distribution::new(Kind::Numbers))).collect();
        Self { part, tasks }
    }

    /// Whether a part's outputs are wanted.
    pub(crate) fn wants(&self, part: Part) -> bool {
        part == self.part
    }

    /// Counts the calibrated outputs of so many rows; a task of many classes has none that is one number.
    pub(crate) fn add(&mut self, outputs: &Outputs, rows: usize) {
        let of_one_number = self.tasks.values_mut().zip(&outputs.tasks).filter(|(_, output)| output.len() == rows);
        for (distribution, output) in of_one_number {
            distribution.add_numbers(output.iter().map(|output| f64::from(*output)));
        }
    }

    /// With the distributions of the features.
    pub(crate) fn finish(mut self, rows: &Rows) -> Distributions {
        self.tasks.retain(|_, distribution| distribution.total() > 0);
        Distributions { features: rows.fitted().distributions.clone(), outputs: self.tasks }
    }
}
