//! Predictions from a package's bytes against the documented formulas, written down a second time in plain f64.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use serde_json::json;
use spec::feature::Pool;
use spec::training::DeviceChoice;

use super::Predictor;
use crate::calibrate::{Calibrator, ModelCalibration, Platt, TaskCalibration};
use crate::error::Error;
use crate::fixtures::{batch, document, inputs, layout, networks};
use crate::input::Inputs;
use crate::learner::{Learner, LearnerOptions};
use crate::outputs::Outputs;

/// A tensor of a package, as an outside reader has it.
struct Tensor {
    shape: Vec<usize>,
    numbers: Vec<f64>,
}

type Package = BTreeMap<String, Tensor>;

fn read(bytes: &[u8]) -> Package {
    let tensor = |view: safetensors::tensor::TensorView<'_>| Tensor {
        shape: view.shape().to_vec(),
        numbers: view.data().chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect(),
    };
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    tensors.tensors().into_iter().map(|(name, view)| (name, tensor(view))).collect()
}

/// `h·W[group] + b[group]`
fn linear(package: &Package, name: &str, group: usize, h: &[f64]) -> Vec<f64> {
    let (weight, bias) = (&package[&format!("{name}.weight")], &package[&format!("{name}.bias")]);
    let units = *weight.shape.last().unwrap();
    assert_eq!(weight.shape[weight.shape.len() - 2], h.len(), "{name}");
    let cell = |unit: usize| {
        let column = |(i, number): (usize, &f64)| number * weight.numbers[(group * h.len() + i) * units + unit];
        h.iter().enumerate().map(column).sum::<f64>() + bias.numbers[group * units + unit]
    };
    (0..units).map(cell).collect()
}

/// `h·W`
fn product(package: &Package, name: &str, h: &[f64]) -> Vec<f64> {
    let weight = &package[&format!("{name}.weight")];
    let units = weight.shape[1];
    assert_eq!(weight.shape[0], h.len(), "{name}");
    let cell = |unit: usize| h.iter().enumerate().map(|(i, number)| number * weight.numbers[i * units + unit]).sum();
    (0..units).map(cell).collect()
}

/// Hidden layers `<name>.0`, `<name>.1`, … of one group.
fn hidden(package: &Package, name: &str, group: usize, mut h: Vec<f64>) -> Vec<f64> {
    for layer in 0.. {
        let layer = format!("{name}.{layer}");
        if !package.contains_key(&format!("{layer}.weight")) {
            break;
        }
        h = linear(package, &layer, group, &h).into_iter().map(|z| z.max(0.0)).collect();
    }
    h
}

fn x(package: &Package, inputs: &Inputs, row: usize) -> Vec<f64> {
    let layout = layout();
    let mut x: Vec<f64> = inputs.numeric[row * 5..row * 5 + 5].iter().map(|&n| f64::from(n)).collect();
    let mut bags = inputs.bags.iter();
    for (index, table) in layout.tables.iter().enumerate() {
        let embedding = |slot: &crate::input::Slot, id: i32| {
            let tensor = &package[&format!("embeddings.{}", slot.feature)];
            let local = id as usize - slot.first_row as usize;
            tensor.numbers[local * table.width..(local + 1) * table.width].to_vec()
        };
        let ids = inputs.table_ids(&layout, index, row..row + 1);
        for (slot, &id) in table.singles().iter().zip(ids) {
            x.extend(embedding(slot, id));
        }
        for slot in table.bags() {
            let ids = bags.next().unwrap().row(row);
            let mut pooled = vec![0.0; table.width];
            for &id in ids {
                pooled.iter_mut().zip(embedding(slot, id)).for_each(|(sum, number)| *sum += number);
            }
            if slot.pool == Some(Pool::Mean) && !ids.is_empty() {
                pooled.iter_mut().for_each(|sum| *sum /= ids.len() as f64);
            }
            x.extend(pooled);
        }
    }
    x
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

fn prediction(task: usize, head: &[f64]) -> f64 {
    if task == 1 {
        let deviation = (1.0 + head[2].exp()).ln();
        sigmoid(head[0]) * (head[1] + deviation * deviation / 2.0).exp()
    } else {
        sigmoid(head[0])
    }
}

fn reference(package: &Package, network: &serde_json::Value, inputs: &Inputs, row: usize) -> Vec<f64> {
    let trunk = if network["kind"] == "esmm" { &network["over"] } else { network };
    let x = x(package, inputs, row);
    let seen = seen(package, trunk, crossed(package, x.clone()));
    let head = |(task, name): (usize, &str)| {
        let own = linear(package, &format!("heads.{name}"), 0, &seen[task]);
        let beside = machine(package, &trunk["interaction"], name, &x);
        prediction(task, &own.iter().zip(beside).map(|(own, beside)| own + beside).collect::<Vec<_>>())
    };
    let mut predictions: Vec<f64> = ["buy", "spend", "like"].into_iter().enumerate().map(head).collect();
    if network["kind"] == "esmm" {
        predictions[2] *= predictions[0];
    }
    predictions
}

/// What the head of each task reads.
fn seen(package: &Package, network: &serde_json::Value, x: Vec<f64>) -> Vec<Vec<f64>> {
    let count = |field: &str| network[field].as_u64().unwrap() as usize;
    match network["kind"].as_str().unwrap() {
        "linear" => vec![x; 3],
        "shared_bottom" => {
            let bottom = hidden(package, "bottom", 0, x);
            (0..3).map(|task| hidden(package, "towers", task, bottom.clone())).collect()
        }
        "mmoe" => {
            let experts = |expert| hidden(package, "experts", expert, x.clone());
            let experts: Vec<_> = (0..count("experts")).map(experts).collect();
            let mixed = |task| mixture(&linear(package, "gates", task, &x), &experts);
            (0..3).map(|task| hidden(package, "towers", task, mixed(task))).collect()
        }
        "ple" => {
            let mixed = extracted(package, count("levels"), [count("task_experts"), count("shared_experts")], x);
            (0..3).map(|task| hidden(package, "towers", task, mixed[task].clone())).collect()
        }
        other => panic!("{other}"),
    }
}

/// Σ_e softmax(logits)_e · f_e
fn mixture(logits: &[f64], experts: &[Vec<f64>]) -> Vec<f64> {
    assert_eq!(logits.len(), experts.len());
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
    let unit = |unit: usize| logits.iter().zip(experts).map(|(logit, expert)| logit.exp() / sum * expert[unit]).sum();
    (0..experts[0].len()).map(unit).collect()
}

/// The tasks' mixtures after the last level.
fn extracted(package: &Package, levels: usize, [own, shared]: [usize; 2], x: Vec<f64>) -> Vec<Vec<f64>> {
    let mut states = vec![x; 4];
    for level in 0..levels {
        let name = |task: usize| match task {
            3 => format!("levels.{level}.shared"),
            task => format!("levels.{level}.tasks.{task}"),
        };
        let experts = |task: usize| {
            let count = if task == 3 { shared } else { own };
            let expert = |expert| hidden(package, &format!("{}.experts", name(task)), expert, states[task].clone());
            (0..count).map(expert).collect::<Vec<_>>()
        };
        let experts: Vec<_> = (0..4).map(experts).collect();
        let next = |task: usize| {
            let gate = format!("{}.gate", name(task));
            if task == 3 && level + 1 == levels {
                assert!(!package.contains_key(&format!("{gate}.weight")));
                return Vec::new();
            }
            let read = if task == 3 { experts.concat() } else { [&experts[task][..], &experts[3]].concat() };
            mixture(&linear(package, &gate, 0, &states[task]), &read)
        };
        states = (0..4).map(next).collect();
    }
    states
}

/// x after the crosses of the package, if it has any.
fn crossed(package: &Package, start: Vec<f64>) -> Vec<f64> {
    let mut state = start.clone();
    for layer in (0..).take_while(|layer| package.contains_key(&format!("interaction.{layer}.down.weight"))) {
        let low = product(package, &format!("interaction.{layer}.down"), &state);
        let factor = linear(package, &format!("interaction.{layer}.up"), 0, &low);
        state = start.iter().zip(factor).zip(&state).map(|((start, factor), state)| start * factor + state).collect();
    }
    state
}

/// What a factorization machine adds to a head: its first-order term, and the products of all pairs of vectors.
fn machine(package: &Package, interaction: &serde_json::Value, task: &str, x: &[f64]) -> Vec<f64> {
    if interaction["kind"] != "deepfm" {
        return vec![0.0; 3];
    }
    let rank = interaction["rank"].as_u64().unwrap() as usize;
    let fields = [("age", 2), ("recency", 3), ("channel", 3), ("tags", 3), ("city", 8), ("product", 8), ("seen", 12)];
    let mut rest = x;
    let vectors = fields.map(|(feature, width)| {
        let (own, others) = rest.split_at(width);
        rest = others;
        let is_taken_as_it_is = width == rank && !["age", "recency"].contains(&feature);
        if is_taken_as_it_is { own.to_vec() } else { product(package, &format!("interaction.factors.{feature}"), own) }
    });
    let pairs = (0..rank).map(|number| {
        let pairs = (0..7).flat_map(|i| (i + 1..7).map(move |j| (i, j)));
        pairs.map(|(i, j)| vectors[i][number] * vectors[j][number]).sum()
    });
    let pairs = product(package, &format!("heads.{task}.pairs"), &pairs.collect::<Vec<f64>>());
    let linear = product(package, &format!("heads.{task}.linear"), x);
    linear.iter().zip(pairs).map(|(linear, pairs)| linear + pairs).collect()
}

fn trained(network: serde_json::Value) -> (spec::TrainingSpec, Learner) {
    let spec = document(network, json!({"optimizer": {"learning_rate": 0.01}, "schedule": {"warmup_steps": 1}}));
    let options = LearnerOptions { threads: 2, total_steps: 30, ..LearnerOptions::default() };
    let mut learner = Learner::new(&spec, &layout(), options).unwrap();
    (0..12).for_each(|step| drop(learner.step(&batch(600, step)).unwrap()));
    (spec, learner)
}

fn predictor(spec: &spec::TrainingSpec, weights: &[u8]) -> Result<Predictor, Error> {
    Predictor::new(spec, &layout(), weights, &ModelCalibration::default(), DeviceChoice::Cpu)
}

#[test]
fn predictions_are_the_documented_formulas_over_the_packages_tensors() {
    for network in networks(0.2) {
        let (spec, learner) = trained(network.clone());
        let bytes = learner.save().unwrap();
        let (package, rows) = (read(&bytes), inputs(&layout(), 300, 99));
        let mut outputs = Outputs::default();
        predictor(&spec, &bytes).unwrap().predict(&rows, &mut outputs).unwrap();
        for row in (0..300).step_by(7) {
            for (task, expected) in reference(&package, &network, &rows, row).into_iter().enumerate() {
                let found = f64::from(outputs.tasks[task][row]);
                let near = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(near, "{network} task {task} row {row}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn a_packages_model_predicts_what_its_learner_did_on_every_thread() {
    for network in networks(0.2) {
        let (spec, learner) = trained(network);
        let bytes = learner.save().unwrap();
        assert!(bytes == learner.save().unwrap());
        let predictor = predictor(&spec, &bytes).unwrap();
        let rows = inputs(&layout(), 777, 42);
        let (mut found, mut expected) = (Outputs::default(), Outputs::default());
        learner.predict(&rows, &mut expected).unwrap();
        predictor.predict(&rows, &mut found).unwrap();
        for (found, expected) in found.tasks.iter().flatten().zip(expected.tasks.iter().flatten()) {
            // The products are packed differently: the last bit or two of f32 sums.
            assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found} is not {expected}");
        }
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut again = Outputs::default();
                    predictor.predict(&rows, &mut again).unwrap();
                    assert_eq!(again, found);
                });
            }
        });
    }
}

#[test]
fn calibration_is_applied_to_its_task() {
    let (spec, learner) = trained(networks(0.0).remove(0));
    let platt: Platt = serde_json::from_value(json!({"slope": 2.0, "intercept": -1.0})).unwrap();
    let calibrated = TaskCalibration { calibrator: Calibrator::Platt(platt), ..TaskCalibration::none() };
    let mut calibration = ModelCalibration::default();
    calibration.tasks.insert("like".parse().unwrap(), calibrated);
    let weights = learner.save().unwrap();
    let model = Predictor::new(&spec, &layout(), &weights, &calibration, DeviceChoice::Cpu).unwrap();
    let rows = inputs(&layout(), 50, 4);
    let (mut raw, mut found) = (Outputs::default(), Outputs::default());
    learner.predict(&rows, &mut raw).unwrap();
    model.predict(&rows, &mut found).unwrap();
    assert_eq!(found.tasks[..2], raw.tasks[..2]);
    for (found, &raw) in found.tasks[2].iter().zip(&raw.tasks[2]) {
        let logit = (f64::from(raw) / (1.0 - f64::from(raw))).ln();
        assert!((f64::from(*found) - sigmoid(2.0 * logit - 1.0)).abs() < 1e-6);
    }
}

#[test]
fn weights_that_do_not_fit_the_document_are_refused_by_tensor() {
    let (spec, learner) = trained(networks(0.0).remove(4));
    let bytes = learner.save().unwrap();
    let other = document(networks(0.0).remove(1), json!({}));
    assert!(matches!(predictor(&other, &bytes), Err(Error::TensorMissing { name, .. }) if name == "bottom.0.weight"));
    let mut fewer = spec.clone();
    fewer.tasks.truncate(2);
    assert!(matches!(predictor(&fewer, &bytes), Err(Error::TensorShape { name, .. }) if name == "gates.weight"));
    let mut linear = document(networks(0.0).remove(0), json!({}));
    let linear_bytes = Learner::new(&linear, &layout(), LearnerOptions::default()).unwrap().save().unwrap();
    linear.tasks.truncate(2);
    assert!(
        matches!(predictor(&linear, &linear_bytes), Err(Error::TensorUnknown { name }) if name == "heads.like.bias")
    );
    for damaged in [&bytes[..100], &bytes[..bytes.len() - 1], &bytes[1..], b""] {
        assert!(matches!(predictor(&spec, damaged), Err(Error::Safetensors { .. } | Error::Schema { .. })));
    }
}
