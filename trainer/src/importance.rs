//! Permutation importance: one feature's values are dealt out anew among the same rows, and what the model loses by it
//! is what it leans on that feature. On validation rows where there are any, so that the test rows judge nothing but the
//! model.

use std::time::Instant;

use feed::Random;
use indexmap::IndexMap;
use model::input::{Batch, InputLayout, Inputs};
use model::measure::{FeatureImportance, Importance, PartMetrics, TaskImportance, TaskKind};
use model::outputs::Outputs;
use spec::{FeatureName, TaskName, TrainingSpec, training};

use crate::error::{Result, TrainerError};
use crate::fitting::{Desk, FittedNetwork};
use crate::report::numbers::count;
use crate::rows::{Part, measured};

/// Times that each feature's values are dealt out: at the least, and where nothing speaks against it.
const REPEATS: (u64, u64) = (3, 5);
/// Predictions for importance, as a share of the rows that training went over: about a thirtieth of its time, since a
/// step costs three predictions.
const SHARE_OF_TRAINING: f64 = 0.1;
/// Predictions that may be spent on any model.
const LEAST_PREDICTIONS: u64 = 200_000;
/// Rows at the least and at the most.
const ROWS: (u64, u64) = (500, 20_000);
/// Features beyond which the least rows and repeats would cost too much.
const MOST_FEATURES: usize = 2_000;

/// How much is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Effort {
    rows: u64,
    repeats: u64,
}

impl Effort {
    /// As many rows as the predictions that may be spent allow, for so many features; fewer repeats where even the least
    /// rows take more.
    fn new(trained_rows: u64, features: usize) -> Self {
        let predictions = ((trained_rows as f64 * SHARE_OF_TRAINING) as u64).max(LEAST_PREDICTIONS);
        let of_one = predictions / features.max(1) as u64;
        Self {
            rows: (of_one / REPEATS.1).clamp(ROWS.0, ROWS.1),
            repeats: (of_one / ROWS.0).clamp(REPEATS.0, REPEATS.1),
        }
    }
}

/// The importance of every feature for every task whose leading measure is defined; none where the document does not
/// want it, or without validation and test rows.
///
/// # Errors
///
/// What the rows or the network refuse; [`TrainerError::Cancelled`].
pub(crate) fn importance(spec: &TrainingSpec, network: &FittedNetwork, desk: &Desk<'_>) -> Result<Option<Importance>> {
    let part = [Part::Validation, Part::Test].into_iter().find(|part| desk.rows.counts(*part).rows > 0);
    let Some(part) = part.filter(|_| spec.importance == training::Importance::Permutation) else { return Ok(None) };
    let (started, all_rows) = (Instant::now(), desk.rows.counts(part).rows);
    let trained_rows = desk.rows.training_rows() * network.timeline.all_epochs();
    let effort = Effort::new(trained_rows, spec.features.len() * network.members.count());
    let mut importance = Importance {
        part: measured(part),
        rows: effort.rows.min(all_rows),
        all_rows,
        repeats: effort.repeats as u32,
        seconds: 0.0,
        missing: None,
        tasks: IndexMap::new(),
    };
    if spec.features.len() > MOST_FEATURES {
        let (features, most) = (count(spec.features.len() as u64), count(MOST_FEATURES as u64));
        importance.missing = Some(format!("{features} features would take too long; up to {most} are measured"));
        return Ok(Some(importance));
    }
    desk.progress.phase("measure importance", "features", Some(spec.features.len() as u64));
    let layout = desk.rows.encoders().layout();
    let rows = drawn(desk, &layout, spec, part, importance.rows)?;
    let stage = Stage { spec, network, layout: &layout, rows: &rows, repeats: effort.repeats };
    importance.tasks = stage.tasks(desk)?;
    importance.seconds = started.elapsed().as_secs_f64();
    Ok(Some(importance))
}

/// So many rows of a part, drawn by the document's seed, as one batch in the table's order.
fn drawn(desk: &Desk<'_>, layout: &InputLayout, spec: &TrainingSpec, part: Part, wanted: u64) -> Result<Batch> {
    let mut random = Random::of(spec.training.seed, "importance rows");
    let (mut wanted, mut left, mut kept) = (wanted, desk.rows.counts(part).rows, Vec::new());
    for batch in desk.rows.sequential(part)? {
        desk.check()?;
        let batch = batch?;
        let mut places = Vec::new();
        for row in 0..batch.inputs.rows as u32 {
            if random.draws(wanted, left) {
                wanted -= 1;
                places.push((0, row));
            }
            left = left.saturating_sub(1);
        }
        if !places.is_empty() {
            kept.push(gathered(layout, spec.tasks.len(), &[&batch], &places));
        }
    }
    let batches: Vec<&Batch> = kept.iter().collect();
    let all = |(index, batch): (usize, &Batch)| (0..batch.inputs.rows as u32).map(move |row| (index as u32, row));
    let places: Vec<(u32, u32)> = kept.iter().enumerate().flat_map(all).collect();
    Ok(gathered(layout, spec.tasks.len(), &batches, &places))
}

fn gathered(layout: &InputLayout, tasks: usize, batches: &[&Batch], places: &[(u32, u32)]) -> Batch {
    let mut gathered = Batch::default();
    let inputs: Vec<&Inputs> = batches.iter().map(|batch| &batch.inputs).collect();
    let targets: Vec<_> = batches.iter().map(|batch| &batch.targets).collect();
    gathered.inputs.gather(layout, &inputs, places);
    gathered.targets.gather(tasks, &targets, places);
    gathered
}

/// The network and the rows on which its features are dealt out.
struct Stage<'a> {
    spec: &'a TrainingSpec,
    network: &'a FittedNetwork,
    layout: &'a InputLayout,
    rows: &'a Batch,
    repeats: u64,
}

impl Stage<'_> {
    fn tasks(&self, desk: &Desk<'_>) -> Result<IndexMap<TaskName, TaskImportance>> {
        let whole = self.metrics(&self.rows.inputs)?;
        let values: Vec<Option<f64>> = whole.iter().zip(self.kinds()).map(|(of, kind)| leading(kind, of)).collect();
        let mut dealt = self.rows.inputs.clone();
        let unchanged: Vec<u32> = (0..dealt.rows as u32).collect();
        let mut found: Vec<Vec<FeatureImportance>> = vec![Vec::new(); self.spec.tasks.len()];
        for feature in self.spec.features.keys() {
            desk.check()?;
            let drops = self.drops(feature, &values, &mut dealt)?;
            for (found, drops) in found.iter_mut().zip(drops) {
                found.extend(FeatureImportance::of(feature.clone(), &drops));
            }
            dealt.take_feature(self.layout, feature, &self.rows.inputs, &unchanged);
            desk.progress.advance(1);
        }
        let of_tasks = self.spec.tasks.keys().zip(self.kinds()).zip(whole).zip(found);
        let tasks = of_tasks.filter_map(|(((name, kind), metrics), features)| {
            let measure = kind.measures().first()?.name().to_owned();
            let of_task = TaskImportance::new(measure, leading(kind, &metrics)?, kind.rarer(&metrics), features);
            Some((name.clone(), of_task))
        });
        Ok(tasks.collect())
    }

    /// How much worse each task's measure gets in each repeat; nothing for a task whose measure is not defined.
    fn drops(&self, feature: &FeatureName, whole: &[Option<f64>], dealt: &mut Inputs) -> Result<Vec<Vec<f64>>> {
        let mut drops = vec![Vec::new(); whole.len()];
        let mut order: Vec<u32> = (0..dealt.rows as u32).collect();
        let mut random = Random::of(self.spec.training.seed, &format!("importance of {feature}"));
        for _ in 0..self.repeats {
            random.shuffle(&mut order);
            dealt.take_feature(self.layout, feature, &self.rows.inputs, &order);
            let metrics = self.metrics(dealt)?;
            for (((drops, whole), metrics), kind) in drops.iter_mut().zip(whole).zip(metrics).zip(self.kinds()) {
                let worse = |(whole, dealt): (f64, f64)| {
                    if is_better_when_larger(kind) { whole - dealt } else { dealt - whole }
                };
                drops.extend(whole.zip(leading(kind, &metrics)).map(worse));
            }
        }
        Ok(drops)
    }

    fn kinds(&self) -> impl Iterator<Item = TaskKind> {
        self.spec.tasks.values().map(TaskKind::from)
    }

    /// Each task's measures of the rows with these inputs.
    fn metrics(&self, inputs: &Inputs) -> Result<Vec<PartMetrics>> {
        let mut outputs = Outputs::default();
        self.network.predict(inputs, &mut outputs)?;
        let tasks = self.spec.tasks.keys().zip(self.kinds()).zip(&outputs.tasks).enumerate();
        let metrics = tasks.map(|(index, ((name, kind), scores))| {
            let width = (scores.len() / inputs.rows.max(1)).max(1);
            let rows = self.rows.targets.counting(index, inputs.rows).map(|(row, label, weight)| {
                let (prediction, label) = kind.seen(&scores[row * width..(row + 1) * width], label);
                (prediction, label, weight)
            });
            let metrics = kind.measure(rows);
            metrics.map_err(|source| TrainerError::Measure { task: name.clone(), source })
        });
        metrics.collect()
    }
}

fn is_better_when_larger(kind: TaskKind) -> bool {
    kind.measures().first().is_none_or(|leading| leading.is_better_when_larger())
}

/// The leading measure of a kind of task (AUC, normalized Gini, Spearman, log loss).
fn leading(kind: TaskKind, metrics: &PartMetrics) -> Option<f64> {
    kind.measures().first().and_then(|leading| metrics.measure(leading.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effort_is_a_small_share_of_training_where_rows_and_repeats_allow_it() {
        let effort = |trained, features| {
            let Effort { rows, repeats } = Effort::new(trained, features);
            (rows, repeats)
        };
        assert_eq!(effort(0, 10), (4_000, 5), "200,000 predictions at the least");
        assert_eq!(effort(8_000_000, 10), (16_000, 5));
        assert_eq!(effort(u64::from(u32::MAX), 10), (20_000, 5));
        assert_eq!(effort(0, 100), (500, 4));
        assert_eq!(effort(0, MOST_FEATURES), (500, 3));
        for (trained, features) in [(1_000_000, 40), (20_000_000, 300), (0, 130)] {
            let (rows, repeats) = effort(trained, features);
            assert!(rows * repeats * features as u64 <= LEAST_PREDICTIONS.max(trained / 10), "{rows} {repeats}");
        }
    }
}
