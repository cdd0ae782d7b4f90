//! Predictions from a package's bytes against the documented formulas.

mod reference;

use serde_json::json;
use spec::training::DeviceChoice;

use self::reference::{embedding, linear, read, reference, seen, sigmoid, x};
use super::Predictor;
use crate::calibrate::{Calibrator, ModelCalibration, Platt, TaskCalibration};
use crate::error::Error;
use crate::fixtures::{
    attending_layout, batch, class_batch, class_counts, document, inputs, layout, networks, of_classes, sharing_layout,
    targets,
};
use crate::input::{Batch, Inputs};
use crate::learner::{Learner, LearnerOptions};
use crate::outputs::Outputs;

fn trained(network: serde_json::Value) -> (spec::TrainingSpec, Learner) {
    let spec = document(network, json!({"optimizer": {"learning_rate": 0.01}, "schedule": {"warmup_steps": 1}}));
    let options = LearnerOptions { threads: 2, total_steps: 30, ..LearnerOptions::default() };
    let mut learner = Learner::new(&spec, &layout(), options).unwrap();
    (0..12).for_each(|step| drop(learner.step(&batch(600, step)).unwrap()));
    (spec, learner)
}

#[test]
fn features_that_share_a_table_train_it_and_predict_from_it() {
    let layout = sharing_layout();
    let is_simple =
        |network: &serde_json::Value| ["linear", "mmoe", "stem"].iter().any(|kind| network["kind"] == *kind);
    for network in networks(0.2).into_iter().filter(is_simple) {
        let spec = document(network.clone(), json!({"embeddings": {"learning_rate": 0.1}}));
        let options = LearnerOptions { threads: 2, total_steps: 30, ..LearnerOptions::default() };
        let mut learner = Learner::new(&spec, &layout, options).unwrap();
        for step in 0..6 {
            learner.step(&Batch { inputs: inputs(&layout, 600, step), targets: targets(600, step) }).unwrap();
        }
        let (bytes, state) = (learner.save().unwrap(), learner.state().unwrap());
        let package = read(&bytes);
        assert!(package.contains_key("tables.item"));
        assert!(package.keys().all(|name| !name.ends_with("_items") && name != "embeddings.last"));
        let (rows, mut found) = (inputs(&layout, 300, 99), Outputs::default());
        let calibration = ModelCalibration::default();
        let model = Predictor::new(&spec, &layout, &class_counts(), &bytes, &calibration, DeviceChoice::Cpu).unwrap();
        model.predict(&rows, &mut found).unwrap();
        for row in (0..300).step_by(7) {
            for (task, expected) in reference(&layout, &package, &network, &rows, row).into_iter().enumerate() {
                let found = f64::from(found.tasks[task][row]);
                let near = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(near, "{network} task {task} row {row}: {found} is not {expected}");
            }
        }
        learner.restore_state(&state).unwrap();
        assert!(learner.save().unwrap() == bytes);
    }
}

fn predictor(spec: &spec::TrainingSpec, weights: &[u8]) -> Result<Predictor, Error> {
    Predictor::new(spec, &layout(), &class_counts(), weights, &ModelCalibration::default(), DeviceChoice::Cpu)
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
            for (task, expected) in reference(&layout(), &package, &network, &rows, row).into_iter().enumerate() {
                let found = f64::from(outputs.tasks[task][row]);
                let near = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(near, "{network} task {task} row {row}: {found} is not {expected}");
            }
        }
    }
}

#[test]
fn attention_predicts_by_the_documented_formulas_under_every_network() {
    let layout = attending_layout();
    // The reference of two towers knows the columns of the plain layout alone.
    for network in networks(0.2).into_iter().filter(|network| network["kind"] != "two_tower") {
        let spec = document(network.clone(), json!({"embeddings": {"learning_rate": 0.1}}));
        let options = LearnerOptions { threads: 2, total_steps: 30, ..LearnerOptions::default() };
        let mut learner = Learner::new(&spec, &layout, options).unwrap();
        for step in 0..8 {
            learner.step(&Batch { inputs: inputs(&layout, 600, step), targets: targets(600, step) }).unwrap();
        }
        let bytes = learner.save().unwrap();
        let (package, rows, mut found) = (read(&bytes), inputs(&layout, 300, 99), Outputs::default());
        let (calibration, classes) = (ModelCalibration::default(), class_counts());
        let model = Predictor::new(&spec, &layout, &classes, &bytes, &calibration, DeviceChoice::Cpu).unwrap();
        model.predict(&rows, &mut found).unwrap();
        for row in (0..300).step_by(7) {
            for (task, expected) in reference(&layout, &package, &network, &rows, row).into_iter().enumerate() {
                let found = f64::from(found.tasks[task][row]);
                let near = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
                assert!(near, "{network} task {task} row {row}: {found} is not {expected}");
            }
        }
        let mut alone = Outputs::default();
        for row in [0, 255, 256, 299] {
            let mut one = Inputs::default();
            one.gather(&layout, &[&rows], &[(0, row)]);
            model.predict(&one, &mut alone).unwrap();
            for (alone, together) in alone.tasks.iter().zip(&found.tasks) {
                let together = together[row as usize];
                assert!((alone[0] - together).abs() <= 1e-6 * together.abs().max(1.0), "{network} row {row}");
            }
        }
    }
}

#[test]
fn an_embedding_is_what_the_tasks_share_at_last() {
    for network in networks(0.2) {
        let (spec, learner) = trained(network.clone());
        let bytes = learner.save().unwrap();
        let (package, rows, model) = (read(&bytes), inputs(&layout(), 300, 99), predictor(&spec, &bytes).unwrap());
        let (mut outputs, mut plain, mut found) = (Outputs::default(), Outputs::default(), vec![7.0]);
        model.predict_and_embed(&rows, &mut outputs, &mut found).unwrap();
        model.predict(&rows, &mut plain).unwrap();
        assert_eq!((found.len(), found[0]), (1 + 300 * model.embedding_width(), 7.0));
        assert_eq!(outputs, plain, "predictions are the same");
        for (row, found) in found[1..].chunks(model.embedding_width()).enumerate().step_by(7) {
            let expected = embedding(&package, &network, &rows, row);
            assert_eq!(found.len(), expected.len(), "{network}");
            let is_near = |(found, expected): (&f32, &f64)| {
                (f64::from(*found) - expected).abs() <= 1e-5 * expected.abs().max(1.0)
            };
            assert!(found.iter().zip(&expected).all(is_near), "{network} row {row}");
        }
    }
}

#[test]
fn products_of_people_and_items_give_the_scores_of_two_towers() {
    for network in networks(0.2) {
        let (spec, learner) = trained(network.clone());
        let (rows, model) = (inputs(&layout(), 300, 99), predictor(&spec, &learner.save().unwrap()).unwrap());
        let (mut outputs, mut people, mut items) = (Outputs::default(), Vec::new(), vec![7.0]);
        model.predict_and_embed(&rows, &mut outputs, &mut people).unwrap();
        model.embed_items(&rows, &mut items).unwrap();
        let heads = model.item_heads().unwrap();
        if network["kind"] != "two_tower" {
            assert!(model.item_width().is_none() && heads.is_empty() && items == [7.0], "{network}");
            continue;
        }
        let (width, tasks) = (model.item_width().unwrap(), 3);
        assert_eq!((heads.len(), heads[1].weight.len(), width), (tasks, 3, model.embedding_width()));
        assert_eq!(items.len(), 1 + 300 * width);
        for (row, (person, item)) in people.chunks(width).zip(items[1..].chunks(width)).enumerate() {
            for task in [0, 2] {
                let part = task * width / tasks..(task + 1) * width / tasks;
                let numbers = person[part.clone()].iter().zip(&item[part]);
                let product: f64 = numbers.map(|(u, v)| f64::from(*u) * f64::from(*v)).sum();
                let head = product * f64::from(heads[task].weight[0]) + f64::from(heads[task].bias[0]);
                let found = f64::from(outputs.tasks[task][row]);
                assert!((sigmoid(head) - found).abs() < 1e-5, "task {task} row {row}: {head} is not {found}");
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
        for threads in [2, 3, 7] {
            let mut by_several = Outputs::default();
            predictor.predict_by(threads, &rows, &mut by_several).unwrap();
            assert_eq!(by_several, found, "{threads} threads");
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
    let model = Predictor::new(&spec, &layout(), &class_counts(), &weights, &calibration, DeviceChoice::Cpu).unwrap();
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
fn class_probabilities_are_the_softmax_of_the_head_with_a_temperature() {
    let network = json!({"kind": "shared_bottom", "bottom_layers": [16], "tower_layers": [7], "dropout": 0.0});
    let spec = of_classes(document(network.clone(), json!({"schedule": {"warmup_steps": 1}})));
    let statistics = crate::learner::TargetStatistics::default().with_classes(class_counts());
    let options = LearnerOptions { threads: 2, total_steps: 30, statistics, ..LearnerOptions::default() };
    let mut learner = Learner::new(&spec, &layout(), options).unwrap();
    (0..12).for_each(|step| drop(learner.step(&class_batch(600, step)).unwrap()));
    let weights = learner.save().unwrap();
    let temperature = serde_json::from_value(json!({"kind": "temperature", "temperature": 1.7})).unwrap();
    let calibrated = TaskCalibration { calibrator: temperature, ..TaskCalibration::none() };
    let mut calibration = ModelCalibration::default();
    calibration.tasks.insert("spend".parse().unwrap(), calibrated);
    let model = |calibration| {
        Predictor::new(&spec, &layout(), &class_counts(), &weights, calibration, DeviceChoice::Cpu).unwrap()
    };
    let (package, rows, mut raw, mut found) =
        (read(&weights), inputs(&layout(), 300, 99), Outputs::default(), Outputs::default());
    let uncalibrated = ModelCalibration::default();
    model(&uncalibrated).predict(&rows, &mut raw).unwrap();
    model(&calibration).predict(&rows, &mut found).unwrap();
    assert_eq!((raw.tasks[0].len(), raw.tasks[1].len()), (300, 1500));
    for row in (0..300).step_by(7) {
        let seen = &seen(&package, &network, x(&layout(), &package, &rows, row, [0, 1]))[1];
        let logits = linear(&package, "heads.spend", 0, seen);
        for (outputs, temperature) in [(&raw, 1.0), (&found, 1.7)] {
            let powers: Vec<f64> = logits.iter().map(|logit| (logit / temperature).exp()).collect();
            let sum: f64 = powers.iter().sum();
            for (class, power) in powers.iter().enumerate() {
                let probability = f64::from(outputs.tasks[1][row * 5 + class]);
                assert!((probability - power / sum).abs() < 1e-5, "row {row}, class {class}: {probability}");
            }
        }
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
