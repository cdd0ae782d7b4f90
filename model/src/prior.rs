//! The share of positives among rows that are no seeds, estimated where a loss needs it and a document gives none.
//!
//! Elkan and Noto (Learning Classifiers from Only Positive and Unlabeled Data, KDD 2008): where seeds are a random part
//! of all positives, a classifier `g(x) = P(seed | x)` says `c = P(seed | positive)` on average over held-out seeds. Then
//! `P(positive) = P(seed) / c`, and among the rest `π = (P(positive) - P(seed)) / (1 - P(seed))`.
//!
//! The classifier is the document's own model, trained for a short while with the plain loss ([`probe`]) on the
//! training rows; the held-out seeds are the validation rows'. The same document and data give the same estimate.

use std::collections::BTreeMap;

use spec::task::LookalikeLoss;
use spec::{Task, TaskName, TrainingSpec};

use crate::error::{Error, PriorProblem};
use crate::input::Targets;
use crate::outputs::Outputs;

/// Steps that a probe takes at least, within the document's epochs.
const PROBE_STEPS: u64 = 400;

/// Below this an estimate counts as this: seeds must weigh something.
const LEAST: f64 = 1e-3;

/// Above this the features do not tell seeds from others.
const MOST: f64 = 0.95;

/// The tasks whose prior has to be estimated before training.
pub fn missing(spec: &TrainingSpec) -> Vec<TaskName> {
    spec.tasks.iter().filter(|(_, task)| is_missing(task)).map(|(name, _)| name.clone()).collect()
}

fn is_missing(task: &Task) -> bool {
    match task {
        Task::Lookalike(task) => task.loss != LookalikeLoss::Plain && task.prior.is_none(),
        Task::Binary(_) | Task::Value(_) | Task::Regression(_) | Task::Multiclass(_) => false,
    }
}

/// The document of the classifier that estimates: the same tasks in the same order, seeds against all others,
/// and just enough epochs.
pub fn probe(spec: &TrainingSpec, steps_per_epoch: u64) -> TrainingSpec {
    let mut probe = spec.clone();
    for task in probe.tasks.values_mut() {
        if let Task::Lookalike(task) = task {
            task.loss = LookalikeLoss::Plain;
        }
    }
    let enough = PROBE_STEPS.div_ceil(steps_per_epoch.max(1));
    probe.training.epochs = u32::try_from(enough).unwrap_or(u32::MAX).min(spec.training.epochs).max(1);
    probe
}

/// Estimates from a trained probe's predictions of the validation rows.
#[derive(Debug, Clone)]
pub struct PriorEstimates {
    /// Index among the document's tasks, name, sums.
    tasks: Vec<(usize, TaskName, Sums)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    weight: f64,
    seed_weight: f64,
    seed_scores: f64,
}

impl PriorEstimates {
    /// For the tasks of `spec` that have no prior.
    pub fn new(spec: &TrainingSpec) -> Self {
        let missing = spec.tasks.iter().enumerate().filter(|(_, (_, task))| is_missing(task));
        Self { tasks: missing.map(|(index, (name, _))| (index, name.clone(), Sums::default())).collect() }
    }

    /// Adds a batch of validation rows with the probe's predictions.
    pub fn push(&mut self, predictions: &Outputs, targets: &Targets) {
        for (index, _, sums) in &mut self.tasks {
            let scores = &predictions.tasks[*index];
            let first = *index * scores.len();
            for (row, &score) in scores.iter().enumerate() {
                let weight = targets.weights.as_ref().map_or(1.0, |weights| f64::from(weights[row]));
                let weight = weight * f64::from(targets.observed[first + row]);
                sums.weight += weight;
                if targets.labels[first + row] > 0.0 {
                    sums.seed_weight += weight;
                    sums.seed_scores += weight * f64::from(score);
                }
            }
        }
    }

    /// The prior of each task.
    ///
    /// # Errors
    ///
    /// Validation rows without seeds, or with nothing else; features that do not tell seeds from others.
    pub fn finish(&self) -> Result<BTreeMap<TaskName, f64>, Error> {
        let prior = |(_, task, sums): &(usize, TaskName, Sums)| {
            let failed = |reason| Error::Prior { task: task.clone(), reason };
            Ok((task.clone(), sums.prior().map_err(failed)?))
        };
        self.tasks.iter().map(prior).collect()
    }
}

impl Sums {
    fn prior(&self) -> Result<f64, PriorProblem> {
        if self.seed_weight <= 0.0 {
            return Err(PriorProblem::NoSeeds);
        }
        if self.weight <= self.seed_weight {
            return Err(PriorProblem::OnlySeeds);
        }
        let seeds = self.seed_weight / self.weight;
        let seed_given_positive = self.seed_scores / self.seed_weight;
        let prior = (seeds / seed_given_positive - seeds) / (1.0 - seeds);
        if prior.is_nan() || prior > MOST {
            return Err(PriorProblem::Uninformative(prior));
        }
        Ok(prior.max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::{PriorEstimates, missing, probe};
    use crate::error::{Error, PriorProblem};
    use crate::fixtures::{Dice, document};
    use crate::input::Targets;
    use crate::outputs::Outputs;

    fn spec() -> spec::TrainingSpec {
        let mut spec = document(serde_json::json!({"kind": "linear"}), serde_json::json!({"epochs": 20}));
        let nnpu = serde_json::json!({"kind": "lookalike", "seeds": {"table": "best"}, "loss": "nnpu"});
        *spec.tasks.get_mut("like").unwrap() = serde_json::from_value(nnpu).unwrap();
        spec
    }

    /// A task's predictions and labels among those of two others.
    fn pushed(scores: Vec<f32>, labels: Vec<f32>) -> Result<f64, Error> {
        let rows = scores.len();
        let other = vec![0.0; 2 * rows];
        let outputs = Outputs { tasks: vec![vec![0.5; rows], vec![0.5; rows], scores] };
        let targets = Targets { labels: [other, labels].concat(), observed: vec![1.0; 3 * rows], weights: None };
        let mut estimates = PriorEstimates::new(&spec());
        estimates.push(&outputs, &targets);
        Ok(estimates.finish()?["like"])
    }

    #[test]
    fn the_prior_of_known_positives_is_found() {
        // A fifth of the people are positive, a quarter of the positives are seeds; the classifier is right.
        let mut dice = Dice::new(8);
        let positive: Vec<bool> = (0..100_000).map(|_| dice.below(5) == 0).collect();
        let labels = positive.iter().map(|&positive| f32::from(positive && dice.below(4) == 0)).collect();
        let scores = positive.iter().map(|&positive| if positive { 0.25 } else { 0.0 }).collect();
        let prior = pushed(scores, labels).unwrap();
        // (0.2 - 0.05) / 0.95, within five standard deviations of 5,000 seeds.
        assert!((prior - 0.158).abs() < 0.012, "{prior}");
    }

    #[test]
    fn what_cannot_be_estimated_is_refused_by_task_with_the_reason() {
        let reason = |scores, labels| match pushed(scores, labels) {
            Err(Error::Prior { task, reason }) if task.as_str() == "like" => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(vec![0.5; 4], vec![0.0; 4]), PriorProblem::NoSeeds);
        assert_eq!(reason(vec![0.5; 4], vec![1.0; 4]), PriorProblem::OnlySeeds);
        let labels = vec![1.0, 0.0, 0.0, 0.0];
        assert!(matches!(reason(vec![0.25; 4], labels.clone()), PriorProblem::Uninformative(prior) if prior > 0.99));
        assert!(matches!(reason(vec![0.0; 4], labels), PriorProblem::Uninformative(_)));
    }

    #[test]
    fn a_probe_has_the_same_tasks_and_needs_no_prior() {
        let spec = spec();
        assert_eq!(missing(&spec).iter().map(|task| task.as_str()).collect::<Vec<_>>(), ["like"]);
        let probed = probe(&spec, 100);
        assert!(missing(&probed).is_empty());
        assert!(probed.tasks.keys().eq(spec.tasks.keys()));
        assert_eq!(probed.training.epochs, 4);
        assert_eq!((probe(&spec, 1).training.epochs, probe(&spec, 100_000).training.epochs), (20, 1));
    }
}
