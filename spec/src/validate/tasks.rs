//! Tasks of a Training document and their weights.

use super::{Checker, RESERVED, lookalike, spec, tables};
use crate::contradiction::{Contradiction, FunnelContradiction};
use crate::ids::{ColumnName, TaskName};
use crate::mistake::Mistake;
use crate::network::Network;
use crate::node::Path;
use crate::task::{BinaryLoss, Task};
use crate::training::{TaskWeights, TrainingSpec};

pub(super) fn check(checker: &mut Checker<'_>, training: &TrainingSpec, known: &tables::Known) {
    for (name, task) in &training.tasks {
        let path = spec("tasks").name(name);
        let is_key = name.as_str() == training.key.as_str() && !checker.is_damaged(&spec("key"));
        if RESERVED.contains(&name.as_str()) || is_key {
            checker.report(&path, Contradiction::Reserved { name: name.to_string() });
        }
        check_kind(checker, &path, (task, &training.key), known);
    }
    lookalike::check_names(checker, training);
    check_columns(checker, training);
    funnel(checker, training);
    check_weights(checker, training);
}

fn check_kind(checker: &mut Checker<'_>, path: &Path, (task, key): (&Task, &ColumnName), known: &tables::Known) {
    match task {
        Task::Lookalike(lookalike) => lookalike::check(checker, path, (lookalike, key), known),
        Task::Binary(binary) => {
            let is_focal = matches!(binary.loss, BinaryLoss::Focal(_));
            if is_focal && binary.positive_weight != 1.0 && !checker.is_damaged(&path.name("positive_weight")) {
                checker.report(&path.name("positive_weight"), Contradiction::PositiveWeightOfFocalLoss);
            }
        }
        Task::Value(_) | Task::Regression(_) | Task::Multiclass(_) => {}
    }
}

/// The columns of a multiclass task's classes in score tables.
fn check_columns(checker: &mut Checker<'_>, training: &TrainingSpec) {
    for (name, task) in &training.tasks {
        let Task::Multiclass(task) = task else { continue };
        let taken = |column: &String| {
            let is_task = training.tasks.keys().any(|other| other.as_str() == column);
            is_task || column == training.key.as_str()
        };
        if let Some(column) = task.columns(name).flatten().find(taken) {
            checker.report(&spec("tasks").name(name), Contradiction::OutputTwice { column });
        }
    }
}

fn check_weights(checker: &mut Checker<'_>, training: &TrainingSpec) {
    if let (TaskWeights::Rule(rule), Network::Linear(_)) = (&training.training.task_weights, &training.network)
        && rule.needs_shared_weights()
        && !checker.is_damaged(&spec("network"))
    {
        let path = spec("training").name("task_weights");
        checker.report(&path, Contradiction::NothingShared { rule: rule.name() });
    }
    if let TaskWeights::Fixed(weights) = &training.training.task_weights {
        let path = spec("training").name("task_weights");
        for (name, weight) in weights {
            check_named(checker, &path.name(name), training, name);
            if *weight < 0.0 {
                let mistake = Mistake::OutOfRange { value: weight.to_string(), range: "at least 0".to_owned() };
                checker.report_mistake(&path.name(name), mistake);
            }
        }
        if training.tasks.keys().all(|name| weights.get(name) == Some(&0.0)) {
            checker.report_whole(&path, Contradiction::NoWeight);
        }
    }
}

/// Steps of funnels: the steps before them, and a network that reads them.
fn funnel(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let steps = training.tasks.iter().filter_map(|(name, task)| Some((name, task.after()?)));
    let (network, network_path) = (&training.network, spec("network").name("kind"));
    if steps.clone().next().is_none() && network.has_funnel() && !checker.is_damaged(&spec("tasks")) {
        checker.report(&network_path, FunnelContradiction::NoSteps { network: network.kind() }.into());
    }
    if network.has_funnel() {
        check_rows_of_steps(checker, training);
    }
    for (name, after) in steps {
        let path = spec("tasks").name(name).name("after");
        if !network.has_funnel() && !checker.is_damaged(&network_path) {
            checker.report(&path, FunnelContradiction::OtherNetwork { network: network.kind() }.into());
        }
        if !check_exists(checker, &path, after) {
            continue;
        }
        let before = std::iter::successors(Some(after), |step| training.tasks.get(*step)?.after());
        let limit = training.tasks.len() + 1;
        if before.take(limit).any(|step| step == name) {
            checker.report(&path, FunnelContradiction::Loop.into());
        } else if !matches!(training.tasks.get(after), Some(Task::Binary(_)) | None) {
            checker.report(&path, FunnelContradiction::OtherKind { task: after.to_string() }.into());
        }
    }
}

/// Every step of a funnel learns from the rows of all.
fn check_rows_of_steps(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let is_before = |name: &TaskName| training.tasks.values().any(|task| task.after() == Some(name));
    for (name, task) in training.tasks.iter().filter(|(name, task)| task.after().is_some() || is_before(name)) {
        let path = spec("tasks").name(name);
        if task.negative_rate() < 1.0 {
            checker.report(&path.name("negative_rate"), FunnelContradiction::SampledRows.into());
        }
        if task.when().is_some() {
            checker.report(&path.name("when"), FunnelContradiction::ConditionalRows.into());
        }
    }
}

/// Whether a task, or a table of seed lists, is there; one that is not is reported.
pub(super) fn check_named(checker: &mut Checker<'_>, path: &Path, training: &TrainingSpec, name: &TaskName) -> bool {
    training.task_named(name).is_some() || check_exists(checker, path, name)
}

/// Whether a task is there; one that is not is reported.
fn check_exists(checker: &mut Checker<'_>, path: &Path, name: &TaskName) -> bool {
    let Some(known) = checker.names_written("tasks") else { return false };
    let exists = known.iter().any(|known| known == name.as_str());
    if !exists {
        checker.report(path, Contradiction::UnknownTask { name: name.to_string(), known });
    }
    exists
}
