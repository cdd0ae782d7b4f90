//! Training documents.

use super::{Checker, features, network, preset, resources, rounded, schedule, search, spec, tables, tasks};
use crate::contradiction::{Contradiction, Role};
use crate::measure::{Condition, Measure, MeasureName, StoppingMeasure};
use crate::mistake::Mistake;
use crate::node::Path;
use crate::preset::Purpose;
use crate::task::Task;
use crate::training::{Calibration, DeviceChoice, Fit, Precision, Register, Split, TrainingSpec};

pub(super) fn check(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let known = tables::check(checker, &training.tables, &training.prepare);
    tables::check_exists(checker, &spec("examples"), &training.examples, &known);
    if let Some(stated) = &training.preset {
        preset::check(checker, stated, Purpose::Training, &known);
    }
    if let Some(stated) = &training.schedule {
        schedule::check(checker, stated);
    }
    check_roles(checker, training);
    check_split(checker, &training.split);
    features::check(checker, training);
    tasks::check(checker, training, &known);
    network::check(checker, training);
    check_fit(checker, &training.training);
    check_processes(checker, &spec("training").name("processes"), training.training.processes);
    check_processes(checker, &spec("resources").name("processes"), training.resources.processes);
    resources::check(checker, &training.resources);
    check_measures(checker, training);
    let columns = training.slices.columns.iter().map(|column| column.as_str());
    checker.check_unique(&spec("slices").name("columns"), columns);
    check_register(checker, &training.register);
    search::check(checker, training);
}

/// The columns that say something of a row beside its features, with what they are and where that is said.
pub(super) fn roles(training: &TrainingSpec) -> Vec<(&str, Role, Path)> {
    let mut roles = vec![(training.key.as_str(), Role::Key, spec("key"))];
    roles.extend(training.weight.iter().map(|weight| (weight.as_str(), Role::Weight, spec("weight"))));
    if let Split::Column(split) = &training.split {
        roles.push((split.column.as_str(), Role::SplitPart, spec("split").name("column")));
    }
    for (name, task) in &training.tasks {
        let path = spec("tasks").name(name).name("label");
        let role = Role::Label { task: name.to_string() };
        roles.extend(task.label().map(|label| (label.as_str(), role, path)));
    }
    roles
}

/// No column has two roles, except that tasks may share a label.
fn check_roles(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let roles = roles(training);
    for (index, (column, role, path)) in roles.iter().enumerate() {
        let are_labels = |other: &Role| matches!((role, other), (Role::Label { .. }, Role::Label { .. }));
        let earlier = roles[..index].iter().find(|(other, role, _)| other == column && !are_labels(role));
        if let Some((_, role, _)) = earlier.filter(|(_, _, said)| !checker.is_damaged(said)) {
            checker.report(path, Contradiction::ColumnTwice { column: (*column).to_owned(), role: role.clone() });
        }
    }
}

fn check_split(checker: &mut Checker<'_>, split: &Split) {
    match split {
        Split::Key(shares) | Split::Random(shares) => {
            let taken = shares.validation + shares.test;
            if taken >= 1.0 {
                checker.report_whole(&spec("split"), Contradiction::NothingToTrain { taken: rounded(taken) });
            }
        }
        Split::Time(time) if time.test_from <= time.validation_from => {
            let (validation_from, test_from) = (time.validation_from, time.test_from);
            checker.report(&spec("split").name("test_from"), Contradiction::SplitOrder { validation_from, test_from });
        }
        Split::Time(_) | Split::Column(_) => {}
    }
}

fn check_fit(checker: &mut Checker<'_>, fit: &Fit) {
    if fit.precision == Precision::Bf16 && fit.device == DeviceChoice::Cpu {
        checker.report(&spec("training").name("precision"), Contradiction::Bf16OnCpu);
    }
}

fn check_processes(checker: &mut Checker<'_>, path: &Path, processes: u32) {
    if processes > 1 {
        checker.report(path, Contradiction::TrainerProcesses { processes });
    }
}

/// Whether a split gives rows for validation and for test, as far as the document says.
pub(super) fn parts(split: &Split) -> (bool, bool) {
    match split {
        Split::Key(shares) | Split::Random(shares) => (shares.validation > 0.0, shares.test > 0.0),
        Split::Column(_) | Split::Time(_) => (true, true),
    }
}

fn check_measures(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let (has_validation, has_test) = parts(&training.split);
    let is_calibrated = |task: &Task| matches!(task, Task::Binary(_) | Task::Lookalike(_) | Task::Multiclass(_));
    if !has_validation && training.calibration != Calibration::None && training.tasks.values().any(is_calibrated) {
        checker.report(&spec("calibration"), Contradiction::NoRows { what: "calibration", part: "validation" });
    }
    if let Some(text) = &training.training.early_stopping.measure {
        let path = spec("training").name("early_stopping").name("measure");
        check_stopping_measure(checker, &path, training, text);
        if !has_validation {
            checker.report(&path, Contradiction::NoRows { what: "early stopping", part: "validation" });
        }
    }
    if let Some(promote) = &training.register.promote {
        let path = spec("register").name("promote").name("when");
        match promote.when.parse::<Condition>() {
            Ok(condition) => {
                for comparison in condition.comparisons() {
                    check_measure(checker, &path, training, &comparison.measure);
                }
            }
            Err(error) => checker.report_mistake(&path, Mistake::Condition(error)),
        }
        if !has_test {
            checker.report(&path, Contradiction::NoRows { what: "promotion", part: "test" });
        }
    }
}

/// Whether a text names what can be watched on the validation rows.
pub(super) fn check_stopping_measure(checker: &mut Checker<'_>, path: &Path, training: &TrainingSpec, text: &str) {
    match text.parse() {
        Ok(StoppingMeasure::Task(measure)) => check_measure(checker, path, training, &measure),
        Ok(StoppingMeasure::Loss) => {}
        Err(error) => checker.report_mistake(path, Mistake::Measure(error)),
    }
}

fn check_measure(checker: &mut Checker<'_>, path: &Path, training: &TrainingSpec, name: &MeasureName) {
    if !tasks::check_named(checker, path, training, &name.task) {
        return;
    }
    let Some(task) = training.task_named(&name.task) else { return };
    if checker.is_damaged(&spec("tasks").name(&name.task).name("kind")) {
        return;
    }
    let known = Measure::of(task);
    if !known.contains(&name.measure) {
        let (measure, kind) = (name.measure, task.kind());
        checker.report(path, Contradiction::MeasureOfAnotherKind { measure, kind, known });
    } else if name.measure == Measure::GroupedAuc && task.group_by().is_none() {
        let (measure, task) = (name.measure, name.task.to_string());
        if !checker.has_damage(&spec("tasks").name(&name.task)) {
            checker.report(path, Contradiction::NoGroups { measure, task });
        }
    }
}

fn check_register(checker: &mut Checker<'_>, register: &Register) {
    let aliases = spec("register").name("aliases");
    checker.check_unique(&aliases, register.aliases.iter().map(|alias| alias.as_str()));
    if let Some(promote) = register.promote.as_ref().filter(|promote| register.aliases.contains(&promote.alias)) {
        let path = spec("register").name("promote").name("alias");
        checker.report(&path, Contradiction::AliasTwice { alias: promote.alias.to_string() });
    }
}
