//! The operators of a GPU against the kernels of a CPU, both on a CPU.

use serde_json::json;
use spec::TrainingSpec;
use tch::Device;

use super::TensorLearner;
use crate::architecture::Architecture;
use crate::fixtures::{
    attending_layout, batch, class_batch, class_counts, document, inputs, layout, networks, of_classes, sharing_layout,
    targets,
};
use crate::input::{Batch, InputLayout};
use crate::learner::cpu::CpuLearner;
use crate::learner::{Course, StepLosses};
use crate::loss::targets::TargetStatistics;
use crate::loss::weighting::Weighting;
use crate::outputs::Outputs;
use crate::weights::state::State;

struct Pair {
    spec: TrainingSpec,
    layout: InputLayout,
    architecture: Architecture,
    weighting: Weighting,
    kernels: CpuLearner,
    operators: TensorLearner,
}

impl Pair {
    fn new(network: serde_json::Value, training: serde_json::Value) -> Self {
        Self::of(document(network, training), &TargetStatistics::default())
    }

    fn of(spec: TrainingSpec, statistics: &TargetStatistics) -> Self {
        Self::over(layout(), spec, statistics)
    }

    fn over(layout: InputLayout, spec: TrainingSpec, statistics: &TargetStatistics) -> Self {
        let architecture = Architecture::for_training(&spec, &layout, statistics, |_| None).unwrap();
        let weighting = Weighting::of(&spec.training.task_weights, spec.tasks.keys());
        let kernels = CpuLearner::new(&architecture, &spec.training, 2).unwrap();
        let operators = TensorLearner::new(&architecture, &spec.training, Device::Cpu).unwrap();
        Self { spec, layout, architecture, weighting, kernels, operators }
    }

    fn step(&mut self, step: u64, seed: u64) -> (StepLosses, StepLosses) {
        let batch = Batch { inputs: inputs(&self.layout, 700, seed), targets: targets(700, seed) };
        self.step_of(step, &batch)
    }

    fn step_of(&mut self, step: u64, batch: &Batch) -> (StepLosses, StepLosses) {
        let course = Course {
            architecture: &self.architecture,
            fit: &self.spec.training,
            weighting: &self.weighting,
            total_steps: 50,
            step,
        };
        let kernels = self.kernels.step(&self.architecture, &course, batch).unwrap();
        (kernels, self.operators.step(&self.architecture, &course, batch).unwrap())
    }

    fn states(&self) -> [State<'_>; 2] {
        [self.kernels.state(1), self.operators.state(&self.architecture, 1).unwrap()]
    }
}

/// Largest difference, in parts of the largest number.
fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(1e-12f32, |largest, number| largest.max(number.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f32::max)
}

fn assert_near(a: &StepLosses, b: &StepLosses, tolerance: f64) {
    let wholes = [(&a.total, &b.total), (&a.gradient_norm, &b.gradient_norm)];
    for (a, b) in a.tasks.iter().zip(&b.tasks).chain(wholes) {
        assert!((a - b).abs() <= tolerance * a.abs().max(1.0), "{a} is not {b}");
    }
}

#[test]
fn a_step_of_operators_finds_the_losses_and_gradients_of_the_kernels() {
    for network in networks(0.3) {
        for kind in ["adamw", "adam", "adagrad", "sgd"] {
            let training = json!({"optimizer": {"kind": kind}, "schedule": {"warmup_steps": 1}});
            let mut pair = Pair::new(network.clone(), training);
            let (kernels, operators) = pair.step(0, 3);
            assert_near(&kernels, &operators, 1e-5);
            let [kernels, operators] = pair.states();
            // After one step the moments are the gradient and its square, summed in f32 in another order.
            assert!(distance(&kernels.first, &operators.first) < 2e-5, "{network} {kind}");
            assert!(distance(&kernels.second, &operators.second) < 4e-5, "{network} {kind}");
            for (kernels, operators) in kernels.rows.squares.iter().zip(&operators.rows.squares) {
                assert!(distance(&kernels.numbers, &operators.numbers) < 4e-5, "{network} {kind}");
            }
            assert!(distance(&kernels.task_weights[0], &operators.task_weights[0]) < 1e-5);
        }
    }
}

#[test]
fn operators_hold_rare_ids_back_as_the_kernels_do() {
    let training = json!({"schedule": {"warmup_steps": 1}, "embeddings": {"rare_decay": 50}});
    let mut pair =
        Pair::over(sharing_layout(), document(networks(0.3).remove(4), training), &TargetStatistics::default());
    let layout = sharing_layout();
    for step in 0..3 {
        let batch = Batch { inputs: inputs(&layout, 700, step), targets: targets(700, step) };
        let (kernels, operators) = pair.step_of(step, &batch);
        assert_near(&kernels, &operators, 1e-3);
    }
    let [kernels, operators] = pair.states();
    assert_eq!(kernels.rows.reads.len(), 3);
    for (kernels, operators) in kernels.rows.reads.iter().zip(&operators.rows.reads) {
        assert_eq!(kernels.numbers[..], operators.numbers[..]);
        assert!(kernels.numbers.contains(&3.0));
    }
    for (kernels, operators) in kernels.weights.tables.iter().zip(&operators.weights.tables) {
        assert!(distance(&kernels.numbers, &operators.numbers) < 1e-2);
    }
}

#[test]
fn operators_update_a_shared_table_as_the_kernels_do() {
    let spec = document(networks(0.3).remove(4), json!({"schedule": {"warmup_steps": 1}}));
    let mut pair = Pair::over(sharing_layout(), spec, &TargetStatistics::default());
    let (kernels, operators) = pair.step(0, 3);
    assert_near(&kernels, &operators, 1e-5);
    let [kernels, operators] = pair.states();
    for (kernels, operators) in kernels.rows.squares.iter().zip(&operators.rows.squares) {
        assert!(distance(&kernels.numbers, &operators.numbers) < 4e-5);
    }
    for (kernels, operators) in kernels.weights.tables.iter().zip(&operators.weights.tables) {
        assert!(distance(&kernels.numbers, &operators.numbers) < 1e-3);
    }
    let shared = &kernels.rows.squares[1].numbers[3040..];
    assert!(shared.iter().filter(|sum| **sum > 0.0).count() > 20, "the shared rows have learned");
}

#[test]
fn operators_update_tables_by_every_rule_as_the_kernels_do() {
    for kind in ["rowwise_adagrad", "adagrad", "rowwise_adam"] {
        let training = json!({"schedule": {"warmup_steps": 1}, "embeddings": {"kind": kind, "rare_decay": 5}});
        let spec = document(networks(0.3).remove(4), training);
        let mut pair = Pair::over(sharing_layout(), spec, &TargetStatistics::default());
        let layout = sharing_layout();
        for step in 0..3 {
            let batch = Batch { inputs: inputs(&layout, 700, step), targets: targets(700, step) };
            let (kernels, operators) = pair.step_of(step, &batch);
            assert_near(&kernels, &operators, 1e-3);
        }
        let [kernels, operators] = pair.states();
        let parts = kernels.rows.parts().into_iter().zip(operators.rows.parts());
        for ((name, kernels), (_, operators)) in parts {
            assert_eq!(kernels.len(), if name == "first" && kind != "rowwise_adam" { 0 } else { 3 }, "{kind} {name}");
            for (kernels, operators) in kernels.iter().zip(operators) {
                assert!(distance(&kernels.numbers, &operators.numbers) < 1e-2, "{kind} {name}");
            }
        }
        for (kernels, operators) in kernels.weights.tables.iter().zip(&operators.weights.tables) {
            assert!(distance(&kernels.numbers, &operators.numbers) < 2e-2, "{kind}");
        }
    }
}

#[test]
fn operators_attend_as_the_kernels_do_under_every_network() {
    let layout = attending_layout();
    // Embeddings as large as here drown what a softmax of inner products over a temperature is off by.
    for network in networks(0.3).into_iter().filter(|network| network["kind"] != "two_tower") {
        let spec = document(network.clone(), json!({"schedule": {"warmup_steps": 1}}));
        let mut pair = Pair::over(layout.clone(), spec, &TargetStatistics::default());
        // From near zero nothing would be attended to.
        for table in &mut pair.kernels.weights.tables {
            table.numbers.iter_mut().for_each(|number| *number *= 30.0);
        }
        pair.operators.set_weights(&pair.architecture, &pair.kernels.weights.clone()).unwrap();
        let (kernels, operators) =
            pair.step_of(0, &Batch { inputs: inputs(&layout, 700, 3), targets: targets(700, 3) });
        assert_near(&kernels, &operators, 1e-5);
        let [kernels, operators] = pair.states();
        for named in &pair.architecture.graph.parameters.named {
            let (kernels, operators) = (named.read(&kernels.first), named.read(&operators.first));
            assert!(distance(&kernels, &operators) < 5e-4, "{network} {}", named.name);
        }
        assert!(distance(&kernels.first, &operators.first) < 4e-5, "{network}");
        for (kernels, operators) in kernels.rows.squares.iter().zip(&operators.rows.squares) {
            assert!(distance(&kernels.numbers, &operators.numbers) < 1e-4, "{network}");
        }
        for (kernels, operators) in kernels.weights.tables.iter().zip(&operators.weights.tables) {
            assert!(distance(&kernels.numbers, &operators.numbers) < 1e-3, "{network}");
        }
        let (rows, mut a, mut b) = (inputs(&layout, 300, 99), Outputs::default(), Outputs::default());
        pair.kernels.predict(&pair.architecture, &rows, &mut a).unwrap();
        pair.operators.predict(&pair.architecture, &rows, &mut b).unwrap();
        a.tasks.iter().zip(&b.tasks).for_each(|(a, b)| assert!(distance(a, b) < 1e-3, "{network}"));
    }
}

#[test]
fn operators_take_attention_apart_by_task_as_the_kernels_do() {
    let layout = attending_layout();
    let spec = document(networks(0.3).remove(4), json!({"schedule": {"warmup_steps": 1}, "task_weights": "pcgrad"}));
    let mut pair = Pair::over(layout.clone(), spec, &TargetStatistics::default());
    let (kernels, operators) = pair.step_of(0, &Batch { inputs: inputs(&layout, 700, 3), targets: targets(700, 3) });
    assert_near(&kernels, &operators, 1e-4);
    let [kernels, operators] = pair.states();
    assert!(distance(&kernels.first, &operators.first) < 1e-4);
    for (kernels, operators) in kernels.rows.squares.iter().zip(&operators.rows.squares) {
        assert!(distance(&kernels.numbers, &operators.numbers) < 1e-3);
    }
}

/// A document whose second task learns by another loss of numbers.
fn regression(loss: serde_json::Value) -> TrainingSpec {
    let mut spec = document(networks(0.2).remove(4), json!({"schedule": {"warmup_steps": 1}}));
    let task = json!({"kind": "regression", "label": "spent", "loss": loss});
    *spec.tasks.get_mut("spend").unwrap() = serde_json::from_value(task).unwrap();
    spec
}

#[test]
fn operators_take_the_losses_of_numbers_as_the_kernels_do() {
    let mut statistics = TargetStatistics::default();
    statistics.push(&targets(500, 1), 500);
    for loss in [
        json!({"kind": "squared"}),
        json!({"kind": "huber", "delta": 0.4}),
        json!({"kind": "poisson"}),
        json!({"kind": "tweedie", "power": 1.3}),
    ] {
        let mut pair = Pair::of(regression(loss.clone()), &statistics);
        let (kernels, operators) = pair.step(0, 3);
        assert!(kernels.tasks[1] > 0.1 && kernels.tasks[1] < 3.0, "{loss}: {} is not about 1", kernels.tasks[1]);
        assert_near(&kernels, &operators, 1e-5);
        let [kernels, operators] = pair.states();
        assert!(distance(&kernels.first, &operators.first) < 2e-5, "{loss}");
        let (whole, mut a, mut b) = (batch(300, 99), Outputs::default(), Outputs::default());
        let expected = pair.kernels.evaluate(&pair.architecture, &whole, &mut a).unwrap();
        let found = pair.operators.evaluate(&pair.architecture, &whole, &mut b).unwrap();
        assert!(distance(&a.tasks[1], &b.tasks[1]) < 1e-4, "{loss}");
        let objective = pair.architecture.objectives[1];
        assert!((found[1].value(objective) - expected[1].value(objective)).abs() < 1e-4, "{loss}");
    }
}

#[test]
fn operators_take_the_focal_loss_as_the_kernels_do() {
    let mut spec = document(networks(0.2).remove(4), json!({"schedule": {"warmup_steps": 1}}));
    let task = json!({"kind": "binary", "label": "bought", "loss": {"kind": "focal", "gamma": 1.5, "alpha": 0.4}});
    *spec.tasks.get_mut("buy").unwrap() = serde_json::from_value(task).unwrap();
    let mut pair = Pair::of(spec, &TargetStatistics::default());
    let (kernels, operators) = pair.step(0, 3);
    assert_near(&kernels, &operators, 1e-5);
    let [kernels, operators] = pair.states();
    assert!(distance(&kernels.first, &operators.first) < 2e-5);
}

#[test]
fn operators_take_the_likelihood_of_seeds_as_the_kernels_do() {
    let mut spec = document(networks(0.2).remove(4), json!({"schedule": {"warmup_steps": 1}}));
    let task = json!({"kind": "lookalike", "seeds": {"table": "best"}, "loss": "elkan_noto", "prior": 0.3});
    *spec.tasks.get_mut("like").unwrap() = serde_json::from_value(task).unwrap();
    let mut statistics = TargetStatistics::default();
    statistics.push(&targets(500, 1), 500);
    let mut pair = Pair::of(spec, &statistics);
    let (kernels, operators) = pair.step(0, 3);
    assert_near(&kernels, &operators, 1e-5);
    let [kernels, operators] = pair.states();
    assert!(distance(&kernels.first, &operators.first) < 2e-5);
}

#[test]
fn operators_correct_for_how_often_items_are_drawn_as_the_kernels_do() {
    let is_towers = |network: &serde_json::Value| network["kind"] == "two_tower";
    let network = networks(0.2).into_iter().find(is_towers).unwrap();
    let spec = document(network, json!({"schedule": {"warmup_steps": 1}}));
    let plain = Pair::of(spec.clone(), &TargetStatistics::default()).step(0, 3).0;
    let mut statistics = TargetStatistics::default();
    (0..3).for_each(|seed| statistics.push_items(&spec, &layout(), &inputs(&layout(), 700, seed)));
    let mut pair = Pair::of(spec, &statistics);
    let (kernels, operators) = pair.step(0, 3);
    assert!((kernels.total - plain.total).abs() > 1e-3, "{} with and without the correction", plain.total);
    assert_near(&kernels, &operators, 1e-5);
    let [kernels, operators] = pair.states();
    assert!(distance(&kernels.first, &operators.first) < 2e-5);
}

#[test]
fn operators_take_the_cross_entropy_of_classes_as_the_kernels_do() {
    let spec = of_classes(document(networks(0.2).remove(4), json!({"schedule": {"warmup_steps": 1}})));
    let mut pair = Pair::of(spec, &TargetStatistics::default().with_classes(class_counts()));
    let (kernels, operators) = pair.step_of(0, &class_batch(700, 3));
    assert!(kernels.tasks[1] > 0.5, "{}", kernels.tasks[1]);
    assert_near(&kernels, &operators, 1e-5);
    let [kernels, operators] = pair.states();
    assert!(distance(&kernels.first, &operators.first) < 2e-5);
    let (whole, mut a, mut b) = (class_batch(300, 99), Outputs::default(), Outputs::default());
    pair.kernels.evaluate(&pair.architecture, &whole, &mut a).unwrap();
    pair.operators.evaluate(&pair.architecture, &whole, &mut b).unwrap();
    assert_eq!(a.tasks[1].len(), 1500);
    assert!(distance(&a.tasks[1], &b.tasks[1]) < 1e-4);
}

#[test]
fn operators_weigh_and_project_as_the_kernels_do() {
    for rule in ["gradnorm", "dwa", "pcgrad"] {
        for network in [4, 8] {
            let training = json!({"task_weights": rule, "epochs": 25, "optimizer": {"learning_rate": 0.003}});
            let mut pair = Pair::new(networks(0.1).remove(network), training);
            let (kernels, operators) = pair.step(0, 3);
            assert_near(&kernels, &operators, 1e-5);
            let [kernels, operators] = pair.states();
            assert!(distance(&kernels.first, &operators.first) < 5e-5, "{rule}");
            for (kernels, operators) in kernels.rows.squares.iter().zip(&operators.rows.squares) {
                assert!(distance(&kernels.numbers, &operators.numbers) < 1e-4, "{rule}");
            }
            (1..8).for_each(|step| drop(pair.step(step, step)));
            let [kernels, operators] = pair.states();
            assert!(distance(&kernels.task_weights[0], &operators.task_weights[0]) < 1e-3, "{rule}");
        }
    }
}

#[test]
fn runs_of_operators_and_kernels_stay_together() {
    for network in networks(0.1) {
        let mut pair = Pair::new(network.clone(), json!({"optimizer": {"learning_rate": 0.003}}));
        for step in 0..12 {
            let (kernels, operators) = pair.step(step, step);
            assert_near(&kernels, &operators, 2e-3);
        }
        let [kernels, operators] = pair.states();
        for (kernels, operators) in kernels.weights.tables.iter().zip(&operators.weights.tables) {
            assert!(distance(&kernels.numbers, &operators.numbers) < 2e-2, "{network}");
        }
        let (whole, mut a, mut b) = (batch(300, 99), Outputs::default(), Outputs::default());
        pair.kernels.predict(&pair.architecture, &whole.inputs, &mut a).unwrap();
        let sums = pair.operators.evaluate(&pair.architecture, &whole, &mut b).unwrap();
        for (a, b) in a.tasks.iter().zip(&b.tasks) {
            assert!(distance(a, b) < 1e-2, "{network}");
        }
        let mut again = Outputs::default();
        pair.operators.predict(&pair.architecture, &whole.inputs, &mut again).unwrap();
        assert_eq!(again, b);
        let expected = pair.kernels.evaluate(&pair.architecture, &whole, &mut a).unwrap();
        for ((sums, expected), objective) in sums.iter().zip(&expected).zip(&pair.architecture.objectives) {
            assert!((sums.value(*objective) - expected.value(*objective)).abs() < 1e-2);
        }
    }
}

#[test]
fn weights_and_state_survive_the_way_to_the_device_and_back() {
    let tables = ["rowwise_adagrad", "adagrad", "rowwise_adam", "rowwise_adagrad"];
    for (kind, of_tables) in ["adamw", "adam", "adagrad", "sgd"].into_iter().zip(tables) {
        let training = json!({"optimizer": {"kind": kind}, "embeddings": {"kind": of_tables, "rare_decay": 2}});
        let mut pair = Pair::new(networks(0.1).remove(4), training.clone());
        (0..3).for_each(|step| drop(pair.step(step, step)));
        let [state, _] = pair.states();
        let mut other = Pair::new(networks(0.1).remove(4), training);
        other.operators.set_state(&other.architecture, &state).unwrap();
        let back = other.operators.state(&other.architecture, 1).unwrap();
        assert_eq!(&back.weights.dense[..], &state.weights.dense[..]);
        assert_eq!((&back.first[..], &back.second[..]), (&state.first[..], &state.second[..]));
        for ((name, back), (_, tables)) in back.rows.parts().into_iter().zip(state.rows.parts()) {
            assert_eq!(back.len(), tables.len(), "{of_tables} {name}");
            assert!(back.iter().zip(tables).all(|(back, table)| back.numbers[..] == table.numbers[..]), "{name}");
        }
        assert_eq!(back.task_weights, state.task_weights);
        for (back, table) in back.weights.tables.iter().zip(&state.weights.tables) {
            assert_eq!(&back.numbers[..], &table.numbers[..]);
        }
    }
}

#[test]
fn bf16_products_give_nearly_the_losses_of_f32() {
    let mut pair = Pair::new(networks(0.0).remove(4), json!({"precision": "bf16"}));
    let (kernels, operators) = pair.step(0, 3);
    // bf16 keeps 8 bits of each operand.
    assert_near(&kernels, &operators, 2e-2);
    assert_ne!(kernels.tasks, operators.tasks);
}
