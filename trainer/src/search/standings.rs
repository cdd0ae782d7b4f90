//! Who stands where after each rung, as a pure function of the results: neither time nor the order in which trials came to
//! their end matters.

use artifacts::trials::TrialResult;
use spec::measure::StoppingMeasure;
use spec::search::Place;
use spec::{SearchPlan, TrainingSpec};

use super::trial::Measured;
use crate::overall::Overall;

/// The results of a search as far as they are known, with who they belong to.
pub(crate) struct Standings<'a> {
    pub(super) plan: &'a SearchPlan,
    pub(super) objective: StoppingMeasure,
    /// By rung; of the rungs that are done, and as many places as a rung has.
    pub(super) rungs: Vec<Vec<Standing>>,
}

/// A place on a rung that is done.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    /// Whose it was; none where no trial was left for it.
    pub(super) trial: Option<usize>,
    /// What came of it.
    pub(super) result: TrialResult<Measured>,
    /// The objective; none where the trial failed or the measure is not defined.
    pub(super) score: Option<f64>,
}

impl<'a> Standings<'a> {
    /// The standings after the first trainings of a plan, all of whole rungs.
    pub(super) fn new(
        spec: &TrainingSpec,
        plan: &'a SearchPlan,
        objective: StoppingMeasure,
        results: Vec<TrialResult<Measured>>,
    ) -> Self {
        let mut standings = Self { plan, objective, rungs: Vec::new() };
        let overall = overall(spec, &results);
        let mut results = results.into_iter();
        for (rung, size) in plan.rungs.iter().map(|rung| rung.trials as usize).enumerate() {
            let of_rung: Vec<_> = results.by_ref().take(size).collect();
            if of_rung.len() < size {
                break;
            }
            let holders = standings.holders(rung);
            let standing = |(place, result): (usize, TrialResult<Measured>)| Standing {
                trial: holders.get(place).copied(),
                score: standings.score(&result, overall.as_ref()),
                result,
            };
            let of_rung = of_rung.into_iter().enumerate().map(standing).collect();
            standings.rungs.push(of_rung);
        }
        standings
    }

    /// The trial that a place belongs to; none where too few are left.
    pub(super) fn holder(&self, place: Place) -> Option<usize> {
        self.holders(place.rung).get(place.place).copied()
    }

    /// The best trial of the longest rung that somebody came to the end of.
    pub(super) fn winner(&self) -> Option<usize> {
        (0..self.rungs.len()).rev().find_map(|rung| self.ranking(rung).first().copied())
    }

    /// Why a trial failed: the first that did.
    pub(super) fn first_failure(&self) -> String {
        let failed = self.rungs.iter().flatten().find_map(|standing| match &standing.result {
            TrialResult::Failed { reasons } => Some(reasons.join(": ")),
            TrialResult::Trained(_) | TrialResult::Vacant => None,
        });
        failed.unwrap_or_else(|| format!("{} is not defined on the validation rows", self.objective))
    }

    /// The trials of a rung in the order of its places.
    fn holders(&self, rung: usize) -> Vec<usize> {
        match rung.checked_sub(1) {
            None => (0..self.plan.trials.len()).collect(),
            Some(before) => self.ranking(before),
        }
    }

    /// The trials that came to the end of a rung, best first; of equals the one with the lower number.
    fn ranking(&self, rung: usize) -> Vec<usize> {
        let standings = self.rungs.get(rung).map_or(&[][..], Vec::as_slice);
        let mut ranked: Vec<(f64, usize)> =
            standings.iter().filter_map(|standing| Some((standing.score?, standing.trial?))).collect();
        let sign = if self.objective.is_better_when_larger() { -1.0 } else { 1.0 };
        ranked.sort_by(|(a, trial), (b, other)| (sign * a).total_cmp(&(sign * b)).then(trial.cmp(other)));
        ranked.into_iter().map(|(_, trial)| trial).collect()
    }

    fn score(&self, result: &TrialResult<Measured>, overall: Option<&Overall>) -> Option<f64> {
        let TrialResult::Trained(measured) = result else { return None };
        let score = match &self.objective {
            StoppingMeasure::Loss => {
                let losses: Vec<f64> = measured.losses.values().copied().collect();
                overall.map(|overall| overall.of(&losses))
            }
            StoppingMeasure::Task(_) => measured.objective,
        };
        score.filter(|score| score.is_finite())
    }
}

/// The tasks' losses as one number that means the same for all trials: by the document's weights, or relative to the
/// losses of the first trial that was trained, whatever weights a trial learned with.
fn overall(spec: &TrainingSpec, results: &[TrialResult<Measured>]) -> Option<Overall> {
    results.iter().find_map(|result| match result {
        TrialResult::Trained(measured) => {
            let losses: Vec<f64> = measured.losses.values().copied().collect();
            Some(Overall::of_document(spec).unwrap_or_else(|| Overall::relative_to(&losses)))
        }
        TrialResult::Failed { .. } | TrialResult::Vacant => None,
    })
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;
    use serde_json::json;
    use spec::search::{Rung, Trial};

    use super::*;

    fn spec(task_weights: serde_json::Value) -> TrainingSpec {
        serde_json::from_value(json!({
            "tables": {"t": {"url": "t.parquet"}}, "examples": "t", "key": "id",
            "features": {"a": {"kind": "numeric"}},
            "tasks": {"buy": {"kind": "binary", "label": "b"}, "spend": {"kind": "value", "label": "s"}},
            "network": {"kind": "mmoe"}, "training": {"task_weights": task_weights},
        }))
        .unwrap()
    }

    fn plan(rungs: &[(u32, u32)]) -> SearchPlan {
        let trials = (0..rungs[0].0).map(|number| Trial { number, settings: IndexMap::new() });
        SearchPlan {
            trials: trials.collect(),
            rungs: rungs.iter().map(|&(trials, epochs)| Rung { trials, epochs }).collect(),
        }
    }

    fn measured(objective: Option<f64>, losses: [f64; 2]) -> TrialResult<Measured> {
        let losses = ["buy", "spend"].into_iter().map(|task| task.parse().unwrap()).zip(losses).collect();
        TrialResult::Trained(Measured {
            trial: 0,
            settings: IndexMap::new(),
            objective,
            losses,
            epochs: 2,
            best_epoch: Some(1),
            seconds: 1.0,
        })
    }

    fn auc(objective: f64) -> TrialResult<Measured> {
        measured(Some(objective), [0.5, 0.5])
    }

    fn failed() -> TrialResult<Measured> {
        TrialResult::Failed { reasons: vec!["the loss is NaN".to_owned(), "step 3".to_owned()] }
    }

    fn winner(rungs: &[(u32, u32)], results: Vec<TrialResult<Measured>>) -> Option<usize> {
        let plan = plan(rungs);
        Standings::new(&spec(json!("uncertainty")), &plan, "buy.auc".parse().unwrap(), results).winner()
    }

    fn holders(results: Vec<TrialResult<Measured>>, rung: usize) -> Vec<Option<usize>> {
        let plan = plan(&[(4, 1), (2, 2), (1, 4)]);
        let standings = Standings::new(&spec(json!("uncertainty")), &plan, "buy.auc".parse().unwrap(), results);
        (0..plan.rungs[rung].trials as usize).map(|place| standings.holder(Place { rung, place })).collect()
    }

    #[test]
    fn the_best_of_a_rung_go_on_and_equals_by_number() {
        let first = || vec![auc(0.6), auc(0.7), auc(0.5), auc(0.7)];
        assert_eq!(holders(vec![], 0), [Some(0), Some(1), Some(2), Some(3)]);
        assert_eq!(holders(first(), 1), [Some(1), Some(3)]);
        // The first place of the second rung is trial 1's, the second trial 3's.
        let second = [first(), vec![auc(0.71), auc(0.72)]].concat();
        assert_eq!(holders(second.clone(), 2), [Some(3)]);
        let third = [second, vec![auc(0.1)]].concat();
        assert_eq!(
            winner(&[(4, 1), (2, 2), (1, 4)], third),
            Some(3),
            "the last rung decides, whatever others had before"
        );
    }

    #[test]
    fn failed_trials_leave_their_places_to_others_or_vacant() {
        let first = vec![failed(), auc(0.6), failed(), measured(None, [0.5, 0.5])];
        assert_eq!(holders(first.clone(), 1), [Some(1), None]);
        let second = [first, vec![failed(), TrialResult::Vacant]].concat();
        assert_eq!(holders(second.clone(), 2), [None]);
        let third = [second, vec![TrialResult::Vacant]].concat();
        assert_eq!(winner(&[(4, 1), (2, 2), (1, 4)], third), Some(1), "the best of the last rung with a result");
        assert_eq!(winner(&[(2, 1)], vec![failed(), failed()]), None);
    }

    #[test]
    fn a_measure_that_is_better_when_smaller_is() {
        let plan = plan(&[(2, 1)]);
        let results = vec![auc(0.6), auc(0.4)];
        let standings = Standings::new(&spec(json!("uncertainty")), &plan, "buy.log_loss".parse().unwrap(), results);
        assert_eq!(standings.winner(), Some(1));
    }

    #[test]
    fn the_total_loss_means_the_same_for_every_trial() {
        let scores = |weights: serde_json::Value| {
            let plan = plan(&[(3, 1)]);
            let results = vec![failed(), measured(None, [0.5, 4.0]), measured(None, [0.4, 4.4])];
            let standings = Standings::new(&spec(weights), &plan, StoppingMeasure::Loss, results);
            standings.rungs[0].iter().map(|standing| standing.score).collect::<Vec<_>>()
        };
        // Relative to the losses of trial 1, the first that came to its end: 0.4/0.5 + 4.4/4.
        let learned = scores(json!("uncertainty"));
        assert_eq!((learned[0], learned[1]), (None, Some(2.0)));
        assert!((learned[2].unwrap() - 1.9).abs() < 1e-12);
        let fixed = scores(json!({"buy": 1.0, "spend": 0.1}));
        assert!((fixed[1].unwrap() - 0.9).abs() < 1e-12 && (fixed[2].unwrap() - 0.84).abs() < 1e-12);
    }
}
