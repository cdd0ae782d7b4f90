//! The search of a Training document: its trials, each a training that the validation rows judge, and the best of them.
//!
//! A trial is trained from its first step on every rung, with the learning rate's schedule as long as the rung: what it
//! reaches is what its document would reach with so many epochs, and nothing but a small result is kept of it. The best
//! trial's document is then trained like any other, and registered.

mod results;
mod shared;
mod standings;
mod trial;

use artifacts::trials::{self, TrialResult};
use spec::measure::StoppingMeasure;
use spec::{SearchPlan, Training, TrainingSpec};
use worker::Progress;

pub use results::{RungLine, SearchResults, TrainingLine, TrialLine};
pub(crate) use shared::Shared;
pub(crate) use trial::perform;

use crate::error::{Result, TrainerError};
use crate::run::Run;
use standings::Standings;
use trial::Measured;

/// What decides: the search's own objective, or what early stopping watches.
fn objective(spec: &TrainingSpec) -> Result<StoppingMeasure> {
    let own = spec.search.as_ref().and_then(|search| search.objective.as_deref());
    let measure = own.or(spec.training.early_stopping.measure.as_deref());
    measure.map(str::parse).transpose().map(Option::unwrap_or_default).map_err(TrainerError::Objective)
}

/// The run with the best trial's document in place of its own, and how the search came to it.
///
/// # Errors
///
/// Trainings that are not done; a search in which every trial failed.
pub(crate) async fn decide(run: Run, progress: &Progress) -> Result<(Run, SearchResults)> {
    let plan = SearchPlan::of(run.spec())?;
    let results: Vec<TrialResult<Measured>> = trials::read_trials(&run.workspace, &run.id, 0..plan.trainings()).await?;
    let standings = Standings::new(run.spec(), &plan, objective(run.spec())?, results);
    let winner = standings.winner().ok_or_else(|| TrainerError::NoTrial { reason: standings.first_failure() })?;
    let results = SearchResults::new(run.spec(), &standings, winner);
    progress.note(results.headline());
    let spec = plan.trials[winner].document(run.spec())?;
    let training = Training { spec, ..run.training.clone() };
    Ok((Run { training, ..run }, results))
}
