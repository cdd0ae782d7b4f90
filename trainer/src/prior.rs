//! Priors of lookalike tasks whose loss needs one and that give none: a probe is trained first, and says what it sees.

use std::collections::BTreeMap;

use model::learner::{Learner, LearnerOptions, TargetStatistics};
use model::outputs::Outputs;
use model::prior::{PriorEstimates, missing, probe};
use spec::{TaskName, TrainingSpec};
use worker::{Cancel, Progress};

use crate::error::{Result, TrainerError};
use crate::rows::{Part, Rows};

/// The estimated priors; none where the document gives all that are needed.
///
/// # Errors
///
/// What the rows or the model refuse, and [`TrainerError::Cancelled`].
pub(crate) fn estimate(
    spec: &TrainingSpec,
    rows: &Rows,
    statistics: &TargetStatistics,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<BTreeMap<TaskName, f64>> {
    if missing(spec).is_empty() {
        return Ok(BTreeMap::new());
    }
    let probe = probe(spec, rows.steps_per_epoch());
    let epochs = probe.training.epochs;
    let options = LearnerOptions {
        threads: rows.threads(),
        total_steps: u64::from(epochs) * rows.steps_per_epoch(),
        statistics: statistics.clone(),
        priors: BTreeMap::new(),
    };
    let mut learner = Learner::new(&probe, &rows.encoders().layout(), options)?;
    progress.phase("estimate priors", "rows", Some(u64::from(epochs) * rows.training_rows()));
    for epoch in 1..=epochs {
        for batch in rows.shuffled(epoch)? {
            cancel.check().map_err(|_| TrainerError::Cancelled)?;
            let batch = batch?;
            learner.step(&batch)?;
            progress.advance(batch.inputs.rows as u64);
        }
    }
    let mut estimates = PriorEstimates::new(spec);
    for batch in rows.sequential(Part::Validation)? {
        let (batch, mut predictions) = (batch?, Outputs::default());
        learner.predict(&batch.inputs, &mut predictions)?;
        estimates.push(&predictions, &batch.targets);
    }
    let priors = estimates.finish()?;
    priors.iter().for_each(|(task, prior)| progress.note(format!("{task}: estimated prior {prior:.4}")));
    Ok(priors)
}
