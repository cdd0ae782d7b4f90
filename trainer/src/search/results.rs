//! How a search went: what metrics.json, the report and the terminal show of it.

use artifacts::trials::TrialResult;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::TrainingSpec;

use super::standings::{Standing, Standings};

/// A search and all its trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResults {
    /// `successive halving` or `random search`.
    pub method: String,
    /// What decided, such as `repurchase.auc`; on the validation rows.
    pub objective: String,
    /// Whether more of it is better.
    pub is_better_when_larger: bool,
    /// From the shortest to the longest training.
    pub rungs: Vec<RungLine>,
    /// By number; the first is the document as it was written.
    pub trials: Vec<TrialLine>,
    /// The number of the one whose document was registered.
    pub winner: u32,
    /// Wall time of all trainings, one after the other.
    pub seconds: f64,
}

/// A rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RungLine {
    /// Its places.
    pub trials: u32,
    /// Epochs of its trainings at the most.
    pub epochs: u32,
}

/// A trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialLine {
    /// Its number, from 0.
    pub trial: u32,
    /// A value for each field that was searched; null where the document leaves it out.
    pub settings: IndexMap<String, Value>,
    /// One on each rung that it came to, in order.
    pub trainings: Vec<TrainingLine>,
}

/// A training of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingLine {
    /// The rung, from 0.
    pub rung: usize,
    /// The objective; absent where the training failed or the measure is not defined.
    pub score: Option<f64>,
    /// Epochs that were trained.
    pub epochs: u32,
    /// Wall time of the epochs.
    pub seconds: f64,
    /// Why it failed.
    pub failure: Option<String>,
}

impl SearchResults {
    /// What the standings after the last rung say.
    pub(super) fn new(spec: &TrainingSpec, standings: &Standings<'_>, winner: usize) -> Self {
        let of_number = |number: usize| {
            let of_trial = standings.rungs.iter().enumerate().flat_map(|(rung, places)| {
                places.iter().filter(move |standing| standing.trial == Some(number)).map(move |place| line(rung, place))
            });
            let trial = &standings.plan.trials[number];
            TrialLine { trial: trial.number, settings: trial.settings.clone(), trainings: of_trial.collect() }
        };
        let trials: Vec<TrialLine> = (0..standings.plan.trials.len()).map(of_number).collect();
        let rung = |rung: &spec::search::Rung| RungLine { trials: rung.trials, epochs: rung.epochs };
        Self {
            method: spec.search.as_ref().map_or("", |search| search.method.words()).to_owned(),
            objective: standings.objective.to_string(),
            is_better_when_larger: standings.objective.is_better_when_larger(),
            rungs: standings.plan.rungs.iter().map(rung).collect(),
            seconds: trials.iter().flat_map(|trial| &trial.trainings).map(|training| training.seconds).sum(),
            winner: winner as u32,
            trials,
        }
    }

    /// Which trial is best, in a line.
    pub(crate) fn headline(&self) -> String {
        let Some(best) = self.trials.get(self.winner as usize) else { return String::new() };
        let score = best.score().map(|score| format!(", {} {score:.4}", self.objective)).unwrap_or_default();
        let settings = best.settings.iter().map(|(path, value)| format!("{path} {value}")).collect::<Vec<_>>();
        format!("trial {} of {} is best{score}: {}", self.winner, self.trials.len(), settings.join(", "))
    }
}

impl TrialLine {
    /// The objective on the last rung that the trial came to; none where it failed there.
    pub fn score(&self) -> Option<f64> {
        self.trainings.last()?.score
    }

    /// The last rung that it came to.
    pub fn rung(&self) -> usize {
        self.trainings.last().map_or(0, |training| training.rung)
    }

    /// Epochs over all rungs.
    pub fn epochs(&self) -> u32 {
        self.trainings.iter().map(|training| training.epochs).sum()
    }

    /// Wall time over all rungs.
    pub fn seconds(&self) -> f64 {
        self.trainings.iter().map(|training| training.seconds).sum()
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        self.trainings.iter().find_map(|training| training.failure.as_deref())
    }
}

fn line(rung: usize, standing: &Standing) -> TrainingLine {
    let (epochs, seconds, failure) = match &standing.result {
        TrialResult::Trained(measured) => (measured.epochs, measured.seconds, None),
        TrialResult::Failed { reasons } => (0, 0.0, Some(reasons.join(": "))),
        TrialResult::Vacant => (0, 0.0, None),
    };
    TrainingLine { rung, score: standing.score, epochs, seconds, failure }
}
