//! The unit of work of a search: one trial, trained on one rung and judged by the validation rows.

use artifacts::trials::{self, TrialCommit, TrialResult};
use indexmap::IndexMap;
use model::learner::Learner;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spec::measure::StoppingMeasure;
use spec::search::Rung;
use spec::{SearchPlan, TaskName, TrainingSpec};
use worker::{Cancel, Progress};

use super::objective;
use super::shared::Shared;
use super::standings::Standings;
use crate::epochs::{self, Title};
use crate::error::{Result, TrainerError};
use crate::evaluation::{Evaluation, evaluate_part};
use crate::fitting::{Desk, learner_options};
use crate::report::numbers::{plural, seconds};
use crate::rows::Part;
use crate::run::Run;

/// What is kept of a trial that came to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Its number.
    pub(super) trial: u32,
    /// What it set.
    pub(super) settings: IndexMap<String, Value>,
    /// The objective on the validation rows, with the best weights; none for the total loss, which is told from `losses`, and
    /// where the measure is not defined.
    pub(super) objective: Option<f64>,
    /// Each task's mean loss on the validation rows, with the best weights.
    pub(super) losses: IndexMap<TaskName, f64>,
    /// Epochs that were trained.
    pub(super) epochs: u32,
    /// The one whose weights were judged.
    pub(super) best_epoch: Option<u32>,
    /// Wall time of the epochs.
    pub(super) seconds: f64,
}

/// Trains the trial whose turn a training is and says what came of it, once. A trial that cannot be trained to its end is
/// a result, too; what is wrong with the tables or the store is not.
///
/// # Errors
///
/// A training that the plan does not have; what the tables or the store refuse; [`TrainerError::Cancelled`].
pub(crate) async fn perform(
    run: &Run,
    training: u64,
    shared: &Shared,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<TrialResult<Measured>> {
    let plan = SearchPlan::of(run.spec())?;
    let place = plan.place(training).ok_or_else(|| TrainerError::NoTraining { run: run.id.clone(), training })?;
    let before = 0..plan.by_rung()[place.rung].start;
    let objective = objective(run.spec())?;
    let results = trials::read_trials(&run.workspace, &run.id, before).await?;
    let holder = Standings::new(run.spec(), &plan, objective.clone(), results).holder(place);
    let result = match holder {
        None => TrialResult::Vacant,
        Some(trial) => {
            let trial = &plan.trials[trial];
            let rung = plan.rungs[place.rung];
            progress.phase(&format!("trial {}", trial.number), "", None);
            let turn = Turn { run, trial, rung, objective: &objective };
            let result = turn.result(shared, progress, cancel).await?;
            progress.note(told(trial, (place.rung, plan.rungs.len()), &objective, &result));
            result
        }
    };
    let commit = TrialCommit { training, attempt: Some(run.attempt.clone()), result };
    Ok(trials::commit_trial(&run.workspace, &run.id, commit).await?.result)
}

/// A trial and the rung that it is trained on.
struct Turn<'a> {
    run: &'a Run,
    trial: &'a spec::search::Trial,
    rung: Rung,
    objective: &'a StoppingMeasure,
}

impl Turn<'_> {
    async fn result(self, shared: &Shared, progress: &Progress, cancel: &Cancel) -> Result<TrialResult<Measured>> {
        match self.measured(shared, progress, cancel).await {
            Ok(measured) => Ok(TrialResult::Trained(measured)),
            Err(error) if is_of_trial(&error) => {
                let reasons = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
                Ok(TrialResult::Failed { reasons: reasons.map(ToString::to_string).collect() })
            }
            Err(error) => Err(error),
        }
    }

    async fn measured(&self, shared: &Shared, progress: &Progress, cancel: &Cancel) -> Result<Measured> {
        let document = self.trial.on_rung(self.run.spec(), self.rung)?;
        let (rows, document) = shared.rows(self.run, &document, progress).await?;
        if rows.counts(Part::Validation).rows == 0 {
            return Err(TrainerError::NoValidation);
        }
        let (trial, objective) = (self.trial.clone(), self.objective.clone());
        let (progress, cancel) = (progress.clone(), cancel.clone());
        let training = tokio::task::spawn_blocking(move || {
            train(&trial, &document, &objective, &Desk { rows: &rows, progress: &progress, cancel: &cancel })
        });
        training.await.map_err(TrainerError::Thread)?
    }
}

fn train(
    trial: &spec::search::Trial,
    document: &TrainingSpec,
    objective: &StoppingMeasure,
    desk: &Desk<'_>,
) -> Result<Measured> {
    let options = learner_options(document, desk)?;
    let mut learner = Learner::new(document, &desk.rows.encoders().layout(), options)?;
    let timeline = epochs::train(&mut learner, document, Title::Trial(trial.number), desk)?;
    let validation = evaluate_part(&learner, document, Part::Validation, desk)?;
    let losses = learner.task_losses(&validation.losses);
    Ok(Measured {
        trial: trial.number,
        settings: trial.settings.clone(),
        objective: of_task(objective, document, &validation, &losses),
        losses: document.tasks.keys().cloned().zip(losses).collect(),
        epochs: timeline.epochs.len() as u32,
        best_epoch: timeline.best_epoch,
        seconds: timeline.seconds,
    })
}

fn of_task(
    objective: &StoppingMeasure,
    document: &TrainingSpec,
    validation: &Evaluation,
    losses: &[f64],
) -> Option<f64> {
    match objective {
        StoppingMeasure::Loss => None,
        StoppingMeasure::Task(name) => validation.measure(name, document, losses),
    }
}

/// Whether a failure is that of the trial's settings, and another trial may do better.
fn is_of_trial(error: &TrainerError) -> bool {
    matches!(
        error,
        TrainerError::Model(_)
            | TrainerError::Measure { .. }
            | TrainerError::Encode(_)
            | TrainerError::Feed(feed::FeedError::Encode(_))
    )
}

/// A line about a trial that is done.
fn told(
    trial: &spec::search::Trial,
    (rung, rungs): (usize, usize),
    objective: &StoppingMeasure,
    result: &TrialResult<Measured>,
) -> String {
    let on_rung = if rungs > 1 { format!(" on rung {} of {rungs}", rung + 1) } else { String::new() };
    let came = match result {
        TrialResult::Trained(measured) => {
            let reached = match (objective, measured.objective) {
                (StoppingMeasure::Task(name), Some(value)) => format!("{name} {value:.4}"),
                (StoppingMeasure::Task(name), None) => format!("{name} not defined"),
                (StoppingMeasure::Loss, _) => {
                    let losses = measured.losses.iter().map(|(task, loss)| format!("{task}.loss {loss:.4}"));
                    losses.collect::<Vec<_>>().join(", ")
                }
            };
            let epochs = plural(measured.epochs.into(), "epoch", "epochs");
            format!("{reached} after {epochs} in {}", seconds(measured.seconds))
        }
        TrialResult::Failed { reasons } => format!("failed, {}", reasons.join(": ")),
        TrialResult::Vacant => "nothing to do".to_owned(),
    };
    let own = if trial.number == 0 { "as the document has it: " } else { "" };
    format!("trial {}{on_rung}: {came} ({own}{})", trial.number, trial.words())
}
