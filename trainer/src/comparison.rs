//! The model beside others on rows that it was not fitted to: the linear baseline, and the version in production.

use indexmap::IndexMap;
use model::input::Batch;
use model::learner::LearnerOptions;
use model::measure::{ComparedModel, Comparison, PairedMetrics, Part as MeasuredPart};
use model::outputs::Outputs;
use spec::network::LinearNetwork;
use spec::training::Baseline;
use spec::{Network, TaskName, TrainingSpec};

use crate::error::{Result, TrainerError};
use crate::fitting::{Desk, FittedNetwork};
use crate::pairing::Pairing;
use crate::production::Production;
use crate::rows::{Part, measured};

/// All comparisons that the document and the registry give; none without validation and test rows.
///
/// # Errors
///
/// What the rows refuse; [`TrainerError::Cancelled`]. What is wrong with the other model alone is said in its comparison.
pub(crate) fn comparisons(
    spec: &TrainingSpec,
    network: &FittedNetwork,
    options: &LearnerOptions,
    production: Option<Production>,
    desk: &Desk<'_>,
) -> Result<Vec<Comparison>> {
    let Some(arena) = Arena::new(spec, network, desk) else { return Ok(Vec::new()) };
    let mut comparisons = Vec::new();
    if let Some(document) = baseline(spec) {
        comparisons.push(arena.with_baseline(&document, options.clone())?);
    }
    if let Some(production) = production {
        comparisons.push(production.compare(&arena)?);
    }
    Ok(comparisons)
}

/// The document of the linear baseline; none where it is not wanted or the network is linear itself.
fn baseline(spec: &TrainingSpec) -> Option<TrainingSpec> {
    match (spec.baseline, &spec.network) {
        (Baseline::None, _) | (Baseline::Linear, Network::Linear(_)) => None,
        (Baseline::Linear, _) => {
            Some(TrainingSpec { network: Network::Linear(LinearNetwork::default()), ..spec.clone() })
        }
    }
}

/// The fitted network on the rows that judge it: the test rows, or the validation rows if there are none.
pub(crate) struct Arena<'a> {
    pub(crate) spec: &'a TrainingSpec,
    network: &'a FittedNetwork,
    pub(crate) desk: &'a Desk<'a>,
    pub(crate) part: Part,
}

/// A task that both models have: its name, and its place in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedTask {
    pub(crate) name: TaskName,
    pub(crate) index: usize,
    pub(crate) of_other: usize,
    /// Of a multiclass task, the place of each class among the other model's, where it knows it.
    pub(crate) classes: Vec<Option<usize>>,
}

impl<'a> Arena<'a> {
    fn new(spec: &'a TrainingSpec, network: &'a FittedNetwork, desk: &'a Desk<'a>) -> Option<Self> {
        Some(Self { spec, network, desk, part: desk.judging_part()? })
    }

    /// The part's word in `metrics.json`.
    pub(crate) fn measured_part(&self) -> MeasuredPart {
        measured(self.part)
    }

    fn with_baseline(&self, document: &TrainingSpec, options: LearnerOptions) -> Result<Comparison> {
        let of_baseline = |seconds, best_epoch| ComparedModel::LinearBaseline { seconds, best_epoch };
        let baseline = match FittedNetwork::baseline(document, &options, self.desk) {
            Ok(baseline) => baseline,
            Err(TrainerError::Model(error)) => return Ok(self.without(of_baseline(0.0, None), &error)),
            Err(error) => return Err(error),
        };
        let classes = self.desk.rows.encoders().classes();
        let name = |(index, name): (usize, &TaskName)| {
            let classes =
                classes.get(name).map_or_else(Vec::new, |classes| (0..classes.rows.len()).map(Some).collect());
            SharedTask { name: name.clone(), index, of_other: index, classes }
        };
        let tasks: Vec<_> = self.spec.tasks.keys().enumerate().map(name).collect();
        let tasks = self.measure(&tasks, "compare with the linear baseline", |batch, outputs| {
            baseline.predict(&batch.inputs, outputs)
        })?;
        let with = of_baseline(baseline.timeline.seconds, baseline.timeline.best_epoch);
        Ok(Comparison { with, part: self.measured_part(), tasks, missing: None, notes: Vec::new() })
    }

    /// A comparison that could not be made.
    pub(crate) fn without(&self, with: ComparedModel, error: &dyn std::error::Error) -> Comparison {
        let reasons = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
        let missing = Some(reasons.collect::<Vec<_>>().join(": "));
        Comparison { with, part: self.measured_part(), tasks: IndexMap::new(), missing, notes: Vec::new() }
    }

    /// Measures both models on all rows of the part; `other` predicts the batches as they come, in the table's order.
    pub(crate) fn measure(
        &self,
        tasks: &[SharedTask],
        phase: &str,
        mut other: impl FnMut(&Batch, &mut Outputs) -> Result<()>,
    ) -> Result<IndexMap<TaskName, PairedMetrics>> {
        self.desk.progress.phase(phase, "rows", Some(self.desk.rows.counts(self.part).rows));
        let pairing = |task: &SharedTask| Pairing::new(&self.spec.tasks[&task.name]);
        let mut paired: Vec<_> = tasks.iter().map(pairing).collect();
        let (mut ours, mut theirs) = (Outputs::default(), Outputs::default());
        for batch in self.desk.rows.sequential(self.part)? {
            self.desk.check()?;
            let batch = batch?;
            self.network.predict(&batch.inputs, &mut ours)?;
            other(&batch, &mut theirs)?;
            for (task, paired) in tasks.iter().zip(&mut paired) {
                paired.push(task, &batch, (&ours, &theirs));
            }
            self.desk.progress.advance(batch.inputs.rows as u64);
        }
        let finished = tasks.iter().zip(paired).map(|(task, paired)| {
            let name = task.name.clone();
            match paired.finish() {
                Ok(metrics) => Ok((name, metrics)),
                Err(source) => Err(TrainerError::Measure { task: name, source }),
            }
        });
        finished.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec(network: serde_json::Value, baseline: serde_json::Value) -> TrainingSpec {
        let mut spec = json!({
            "tables": {"t": {"url": "t.parquet"}}, "examples": "t", "key": "id",
            "features": {"a": {"kind": "numeric"}}, "tasks": {"buy": {"kind": "binary", "label": "b"}},
        });
        spec["network"] = network;
        if !baseline.is_null() {
            spec["baseline"] = baseline;
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_linear_baseline_is_fitted_beside_other_networks_unless_told_not_to() {
        let mmoe = json!({"kind": "mmoe"});
        let document = baseline(&spec(mmoe.clone(), json!(null))).unwrap();
        assert!(matches!(document.network, Network::Linear(_)));
        assert_eq!(document.training, spec(mmoe.clone(), json!(null)).training);
        assert_eq!(baseline(&spec(mmoe, json!("none"))), None);
        assert_eq!(baseline(&spec(json!({"kind": "linear"}), json!(null))), None);
    }
}
