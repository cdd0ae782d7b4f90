use safetensors::SafeTensors;
use serde_json::json;

use super::{Learner, LearnerOptions};
use crate::error::Error;
use crate::fixtures::{
    Dice, attending_layout, batch, class_batch, class_counts, document, inputs, layout, networks, of_classes, targets,
};
use crate::input::{Batch, InputLayout};
use crate::loss::targets::TargetStatistics;
use crate::outputs::{ClassCounts, Outputs};

fn options(threads: usize) -> LearnerOptions {
    let mut statistics = TargetStatistics::default();
    statistics.push(&targets(500, 1), 500);
    LearnerOptions { threads, total_steps: 40, statistics, ..LearnerOptions::default() }
}

fn learner(network: serde_json::Value, training: serde_json::Value, threads: usize) -> Learner {
    Learner::new(&document(network, training), &layout(), options(threads)).unwrap()
}

/// 1100 rows are five blocks, the last one short.
fn train(learner: &mut Learner, steps: std::ops::Range<u64>) {
    for step in steps {
        learner.step(&batch(1100, step)).unwrap();
    }
}

#[test]
fn weights_are_bit_identical_for_any_number_of_threads() {
    for network in networks(0.3) {
        let run = |threads| {
            let mut learner = learner(network.clone(), json!({"schedule": {"warmup_steps": 2}}), threads);
            train(&mut learner, 0..6);
            learner.state().unwrap()
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3), "{network}");
    }
}

#[test]
fn attention_learns_the_same_bits_on_any_number_of_threads_and_after_a_stop() {
    let layout = attending_layout();
    for rule in [json!("uncertainty"), json!("pcgrad")] {
        for network in [networks(0.3).remove(4), networks(0.3).remove(13)] {
            let spec = document(network, json!({"schedule": {"warmup_steps": 2}, "task_weights": rule}));
            let learner = |threads| Learner::new(&spec, &layout, options(threads)).unwrap();
            let train = |learner: &mut Learner, steps: std::ops::Range<u64>| {
                for step in steps {
                    let batch = Batch { inputs: inputs(&layout, 1100, step), targets: targets(1100, step) };
                    learner.step(&batch).unwrap();
                }
            };
            let (mut one, mut three) = (learner(1), learner(3));
            train(&mut one, 0..3);
            three.restore_state(&one.state().unwrap()).unwrap();
            train(&mut one, 3..6);
            train(&mut three, 3..6);
            assert!(one.state().unwrap() == three.state().unwrap(), "{rule}");
        }
    }
}

#[test]
fn a_run_restored_from_its_state_goes_on_as_if_it_had_not_stopped() {
    let tables = ["rowwise_adagrad", "adagrad", "rowwise_adam", "rowwise_adagrad"];
    for (kind, of_tables) in ["adamw", "adam", "adagrad", "sgd"].into_iter().zip(tables) {
        let embeddings = json!({"kind": of_tables, "rare_decay": 20});
        let training = json!({"optimizer": {"kind": kind, "learning_rate": 0.01}, "embeddings": embeddings});
        let network = networks(0.2).remove(4);
        let mut whole = learner(network.clone(), training.clone(), 2);
        train(&mut whole, 0..7);
        let mut first = learner(network.clone(), training.clone(), 1);
        train(&mut first, 0..4);
        let state = first.state().unwrap();
        let mut second = learner(network, training, 3);
        second.restore_state(&state).unwrap();
        assert_eq!(second.steps(), 4);
        train(&mut second, 4..7);
        assert!(second.state().unwrap() == whole.state().unwrap(), "{kind} {of_tables}");
    }
}

/// A rule that takes tasks apart, and one that looks at epochs: ten steps are two.
#[test]
fn a_rule_of_task_weights_goes_on_as_if_it_had_not_stopped() {
    for rule in ["gradnorm", "dwa", "pcgrad"] {
        let training = json!({"task_weights": rule, "epochs": 8, "schedule": {"warmup_steps": 2}});
        let network = networks(0.2).remove(8);
        let mut whole = learner(network.clone(), training.clone(), 2);
        train(&mut whole, 0..13);
        let mut first = learner(network.clone(), training.clone(), 1);
        train(&mut first, 0..8);
        let mut second = learner(network, training, 3);
        second.restore_state(&first.state().unwrap()).unwrap();
        train(&mut second, 8..13);
        assert!(second.state().unwrap() == whole.state().unwrap(), "{rule}");
        let weights = whole.task_weights();
        assert_eq!(weights == [1.0; 3], rule == "pcgrad", "{rule}: {weights:?}");
        assert!((weights.iter().sum::<f64>() - 3.0).abs() < 1e-4, "{rule}: {weights:?}");
    }
}

#[test]
fn a_task_without_rows_does_not_move_what_it_weighs() {
    for rule in ["gradnorm", "pcgrad"] {
        let mut learner = learner(networks(0.0).remove(1), json!({"task_weights": rule}), 2);
        train(&mut learner, 0..3);
        let before = learner.task_weights();
        let mut batch = batch(500, 9);
        batch.targets.observed[500..1000].fill(0.0);
        let losses = learner.step(&batch).unwrap();
        assert_eq!(losses.observed, [true, false, true]);
        assert_eq!(learner.task_weights()[1], before[1], "{rule}");
    }
}

#[test]
fn in_a_network_that_shares_nothing_tasks_are_summed_whatever_the_rule() {
    let predicted = |rule: serde_json::Value| {
        let mut learner = learner(json!({"kind": "linear"}), json!({"task_weights": rule}), 2);
        train(&mut learner, 0..5);
        let mut outputs = Outputs::default();
        learner.predict(&inputs(&layout(), 200, 8), &mut outputs).unwrap();
        outputs.tasks.concat()
    };
    let plain = predicted(json!({"buy": 1, "spend": 1, "like": 1}));
    for rule in ["gradnorm", "pcgrad"] {
        for (found, expected) in predicted(json!(rule)).iter().zip(&plain) {
            assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{rule}: {found} is not {expected}");
        }
    }
}

#[test]
fn a_state_of_another_network_or_optimizer_is_refused_and_changes_nothing() {
    let state = learner(networks(0.0).remove(1), json!({}), 1).state().unwrap();
    let mut other = learner(networks(0.0).remove(4), json!({}), 1);
    let before = other.state().unwrap();
    assert!(matches!(other.restore_state(&state), Err(Error::TensorMissing { .. })));
    assert!(matches!(other.restore_state(&other.save().unwrap()), Err(Error::Schema { .. })));
    assert!(matches!(other.restore_state(b"no state"), Err(Error::Safetensors { .. })));
    assert!(other.state().unwrap() == before);
}

#[test]
fn the_best_weights_come_back() {
    let mut learner = learner(networks(0.2).remove(4), json!({}), 2);
    train(&mut learner, 0..2);
    let (snapshot, best) = (learner.snapshot().unwrap(), learner.save().unwrap());
    train(&mut learner, 2..4);
    assert!(learner.save().unwrap() != best);
    learner.restore(&snapshot).unwrap();
    assert!(learner.save().unwrap() == best);
    assert_eq!(learner.steps(), 4);
}

#[test]
fn rows_are_predicted_alike_alone_and_in_a_batch() {
    let all = inputs(&layout(), 700, 77);
    for network in networks(0.2) {
        let mut learner = learner(network.clone(), json!({}), 2);
        train(&mut learner, 0..3);
        let (mut together, mut alone) = (Outputs::default(), Outputs::default());
        learner.predict(&all, &mut together).unwrap();
        for row in [0, 255, 256, 699] {
            let mut one = crate::input::Inputs::default();
            one.gather(&layout(), &[&all], &[(0, row)]);
            learner.predict(&one, &mut alone).unwrap();
            for (alone, together) in alone.tasks.iter().zip(&together.tasks) {
                let together = together[row as usize];
                assert!((alone[0] - together).abs() <= 1e-6 * together.abs().max(1.0), "{network} row {row}");
            }
        }
    }
}

#[test]
fn an_empty_batch_has_no_predictions_and_teaches_nothing() {
    let mut learner = learner(networks(0.0).remove(1), json!({"optimizer": {"weight_decay": 0.0}}), 2);
    let before = learner.save().unwrap();
    let mut outputs = Outputs::default();
    learner.predict(&inputs(&layout(), 0, 1), &mut outputs).unwrap();
    assert!(outputs.tasks.len() == 3 && outputs.tasks.iter().all(Vec::is_empty));
    let weights = learner.task_weights();
    let losses = learner.step(&batch(0, 1)).unwrap();
    assert_eq!((losses.tasks, losses.observed), (vec![0.0; 3], vec![false; 3]));
    assert_eq!(learner.task_weights(), weights);
    assert!(learner.save().unwrap() == before);
}

#[test]
fn a_loss_that_is_no_number_names_task_and_step_and_leaves_the_weights() {
    let mut learner = learner(networks(0.0).remove(1), json!({}), 2);
    train(&mut learner, 0..2);
    let before = learner.state().unwrap();
    let mut wild = batch(300, 9);
    wild.inputs.numeric.iter_mut().for_each(|number| *number = f32::INFINITY);
    match learner.step(&wild) {
        Err(Error::LossNotFinite { task, step: 2, .. }) => assert_eq!(task.as_str(), "buy"),
        other => panic!("{other:?}"),
    }
    assert!(learner.state().unwrap() == before);
}

#[test]
fn nnpu_without_a_prior_is_refused_by_task() {
    let mut spec = document(json!({"kind": "linear"}), json!({}));
    let task = spec.tasks.get_mut("like").unwrap();
    *task = serde_json::from_value(json!({"kind": "lookalike", "seeds": {"table": "t"}, "loss": "nnpu"})).unwrap();
    match Learner::new(&spec, &layout(), options(1)) {
        Err(Error::PriorMissing { task }) => assert_eq!(task.as_str(), "like"),
        other => panic!("{other:?}"),
    }
    let priors = std::iter::once(("like".parse().unwrap(), 0.2)).collect();
    assert!(Learner::new(&spec, &layout(), LearnerOptions { priors, ..options(1) }).is_ok());
}

#[test]
fn networks_that_cannot_be_built_are_refused() {
    for (network, text) in [
        (json!({"kind": "mmoe", "experts": 0}), "`experts` is 0"),
        (json!({"kind": "mmoe", "expert_layers": []}), "`expert_layers` is empty"),
        (json!({"kind": "mmoe", "tower_layers": [0]}), "`tower_layers` has no units"),
        (json!({"kind": "shared_bottom", "dropout": 1.0}), "not in 0..1"),
    ] {
        let error = Learner::new(&document(network, json!({})), &layout(), options(1)).unwrap_err();
        assert!(error.to_string().contains(text), "{error}");
    }
    let error = Learner::new(&document(json!({"kind": "linear"}), json!({})), &InputLayout::default(), options(1));
    assert!(error.unwrap_err().to_string().contains("no input"));
}

#[test]
fn an_untrained_model_predicts_about_the_averages_of_its_statistics() {
    let spec = document(networks(0.0).remove(4), json!({}));
    let statistics = options(1).statistics;
    let learner = Learner::new(&spec, &layout(), options(1)).unwrap();
    let mut outputs = Outputs::default();
    learner.predict(&inputs(&layout(), 2000, 3), &mut outputs).unwrap();
    let mean = |task: usize| outputs.tasks[task].iter().map(|&p| f64::from(p)).sum::<f64>() / 2000.0;
    let share = statistics.positive_share(0).unwrap();
    assert!((mean(0) - 2.0 * share / (1.0 + share)).abs() < 0.1, "{} for {share}", mean(0));
    assert!((mean(2) - 0.3).abs() < 0.1, "{}", mean(2));
}

/// Labels that follow from the features: the model must come close to the labels' own entropy.
#[test]
fn what_the_features_say_is_learned() {
    for (of_tables, rate) in [("rowwise_adagrad", 0.05), ("adagrad", 0.05), ("rowwise_adam", 0.01)] {
        check_learning(&json!({"kind": of_tables, "learning_rate": rate}));
    }
}

fn check_learning(embeddings: &serde_json::Value) {
    let spec: spec::TrainingSpec = {
        let mut spec = document(
            json!({"kind": "mmoe", "experts": 2, "expert_layers": [32, 16], "tower_layers": [8], "dropout": 0.0}),
            json!({
                "optimizer": {"learning_rate": 0.005}, "embeddings": embeddings,
                "schedule": {"kind": "constant", "warmup_steps": 5},
            }),
        );
        spec.tasks.truncate(2);
        spec
    };
    let mut learner = Learner::new(&spec, &layout(), LearnerOptions { total_steps: 300, ..options(2) }).unwrap();
    let labelled = |seed| {
        let inputs = inputs(&layout(), 1024, seed);
        let city = |row: usize| inputs.table_ids(&layout(), 1, row..row + 1)[0];
        let buys = |row: usize| inputs.numeric[row * 5] > 0.2 && city(row) % 2 == 0;
        let labels = (0..1024).map(|row| f32::from(buys(row))).chain((0..1024).map(|row| (city(row) % 4) as f32));
        let targets = crate::input::Targets { labels: labels.collect(), observed: vec![1.0; 2048], weights: None };
        Batch { inputs, targets }
    };
    for step in 0..300 {
        learner.step(&labelled(step)).unwrap();
    }
    let mut outputs = Outputs::default();
    let losses = learner.evaluate(&labelled(1000), &mut outputs).unwrap();
    let losses = learner.task_losses(&losses);
    assert!(losses[0] < 0.08, "{embeddings}: cross-entropy {}", losses[0]);
    let test = labelled(1001);
    learner.predict(&test.inputs, &mut outputs).unwrap();
    let error: f32 = outputs.tasks[1].iter().zip(&test.targets.labels[1024..]).map(|(p, y)| (p - y).abs()).sum();
    assert!(error / 1024.0 < 0.15, "{embeddings}: mean error of the value {}", error / 1024.0);
}

/// A number far from 0 with a spread of its own: neither may have to be learned step by step.
#[test]
fn numbers_are_learned_in_any_unit_and_published_in_the_labels() {
    let labelled = |seed: u64, unit: f32, least: f32| {
        let inputs = inputs(&layout(), 1024, seed);
        let labels = (0..1024).map(|row| least + unit * (inputs.numeric[row * 5] + 0.5 * inputs.numeric[row * 5 + 1]));
        let targets = crate::input::Targets { labels: labels.collect(), observed: vec![1.0; 1024], weights: None };
        Batch { inputs, targets }
    };
    for (loss, unit, least) in [("squared", 800.0, 5000.0), ("huber", 1e-3, -1.0), ("poisson", 500.0, 2000.0)] {
        let mut network = json!({"kind": "shared_bottom", "bottom_layers": [32], "tower_layers": [16], "dropout": 0.0});
        if loss == "squared" {
            network["interaction"] = json!({"kind": "deepfm"});
        }
        let training =
            json!({"optimizer": {"learning_rate": 0.005}, "schedule": {"kind": "constant", "warmup_steps": 5}});
        let mut spec = document(network, training);
        spec.tasks.clear();
        let task = json!({"kind": "regression", "label": "income", "loss": {"kind": loss}});
        spec.tasks.insert("income".parse().unwrap(), serde_json::from_value(task).unwrap());
        let mut statistics = TargetStatistics::default();
        statistics.push(&labelled(500, unit, least).targets, 1024);
        let options = LearnerOptions { threads: 2, total_steps: 200, statistics, ..LearnerOptions::default() };
        let mut learner = Learner::new(&spec, &layout(), options).unwrap();
        (0..200).for_each(|step| drop(learner.step(&labelled(step, unit, least)).unwrap()));
        let (test, mut outputs) = (labelled(1000, unit, least), Outputs::default());
        learner.predict(&test.inputs, &mut outputs).unwrap();
        let error: f32 = outputs.tasks[0].iter().zip(&test.targets.labels).map(|(p, y)| (p - y).abs()).sum();
        assert!(error / 1024.0 < 0.12 * unit, "{loss}: mean error {}", error / 1024.0);
        let calibration = crate::calibrate::ModelCalibration::default();
        let package = learner.save().unwrap();
        let device = spec::training::DeviceChoice::Cpu;
        let predictor =
            crate::predictor::Predictor::new(&spec, &layout(), &ClassCounts::new(), &package, &calibration, device)
                .unwrap();
        let mut published = Outputs::default();
        predictor.predict(&test.inputs, &mut published).unwrap();
        for (found, expected) in published.tasks[0].iter().zip(&outputs.tasks[0]) {
            assert!((found - expected).abs() <= 1e-5 * expected.abs(), "{loss}: {found} is not {expected}");
        }
    }
}

#[test]
fn evaluation_merges_over_batches_and_agrees_with_the_predictions() {
    let mut learner = learner(networks(0.4).remove(4), json!({}), 2);
    train(&mut learner, 0..3);
    let (whole, mut outputs) = (batch(900, 5), Outputs::default());
    let expected = learner.evaluate(&whole, &mut outputs).unwrap();
    let mut predicted = Outputs::default();
    learner.predict(&whole.inputs, &mut predicted).unwrap();
    assert_eq!(outputs, predicted);
    let mut merged = super::Losses::default();
    for rows in [0..300u32, 300..900] {
        let rows: Vec<(u32, u32)> = rows.map(|row| (0, row)).collect();
        let mut part = Batch::default();
        part.inputs.gather(&layout(), &[&whole.inputs], &rows);
        part.targets.gather(3, &[&whole.targets], &rows);
        merged.merge(&learner.evaluate(&part, &mut outputs).unwrap());
    }
    for (merged, expected) in learner.task_losses(&merged).iter().zip(learner.task_losses(&expected)) {
        assert!((merged - expected).abs() < 1e-5, "{merged} is not {expected}");
    }
    let weights = &whole.targets;
    let cross_entropy = |row: usize| {
        let (p, positive) = (f64::from(predicted.tasks[0][row]), weights.labels[row] > 0.0);
        let weight = f64::from(weights.observed[row] * weights.weights.as_ref().unwrap()[row]);
        (weight, weight * if positive { -2.0 * p.ln() } else { -(1.0 - p).ln() })
    };
    let sums = (0..900).map(cross_entropy).fold((0.0, 0.0), |sum, (w, l)| (sum.0 + w, sum.1 + l));
    assert!((learner.task_losses(&expected)[0] - sums.1 / sums.0).abs() < 1e-5);
}

#[test]
fn every_tensor_has_its_documented_name_and_shape() {
    let names = |network| {
        let bytes = learner(network, json!({}), 1).save().unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let mut names: Vec<String> =
            tensors.tensors().into_iter().map(|(name, tensor)| format!("{name}{:?}", tensor.shape())).collect();
        names.sort();
        names
    };
    let tables = [
        "embeddings.channel[7, 3]",
        "embeddings.city[40, 8]",
        "embeddings.product[3000, 8]",
        "embeddings.seen[20, 12]",
        "embeddings.tags[9, 3]",
    ];
    let mmoe = [
        "experts.0.bias[3, 22]",
        "experts.0.weight[3, 39, 22]",
        "experts.1.bias[3, 10]",
        "experts.1.weight[3, 22, 10]",
        "gates.bias[3, 3]",
        "gates.weight[3, 39, 3]",
        "heads.buy.bias[1]",
        "heads.buy.weight[7, 1]",
        "heads.like.bias[1]",
        "heads.like.weight[7, 1]",
        "heads.spend.bias[3]",
        "heads.spend.weight[7, 3]",
        "towers.0.bias[3, 7]",
        "towers.0.weight[3, 10, 7]",
    ];
    assert_eq!(names(networks(0.0).remove(4)), [&tables[..], &mmoe].concat());
    let bottom = ["bottom.0.bias[24]", "bottom.0.weight[39, 24]", "bottom.1.bias[20]", "bottom.1.weight[24, 20]"];
    let towers = [
        "heads.buy.bias[1]",
        "heads.buy.weight[6, 1]",
        "heads.like.bias[1]",
        "heads.like.weight[6, 1]",
        "heads.spend.bias[3]",
        "heads.spend.weight[6, 3]",
        "towers.0.bias[3, 9]",
        "towers.0.weight[3, 20, 9]",
        "towers.1.bias[3, 6]",
        "towers.1.weight[3, 9, 6]",
    ];
    assert_eq!(names(networks(0.0).remove(1)), [&bottom[..], &tables, &towers].concat());
}

#[test]
fn a_document_with_no_embedding_trains() {
    let mut layout = layout();
    layout.tables.clear();
    let spec = document(networks(0.1).remove(4), json!({}));
    let mut learner = Learner::new(&spec, &layout, options(2)).unwrap();
    let mut dice = Dice::new(4);
    let mut batch = Batch { inputs: inputs(&layout, 300, 2), targets: targets(300, 2) };
    batch.inputs.numeric.iter_mut().for_each(|number| *number = dice.number());
    let first = learner.step(&batch).unwrap();
    (0..60).for_each(|_| drop(learner.step(&batch).unwrap()));
    assert!(learner.step(&batch).unwrap().tasks[0] < first.tasks[0]);
}

/// The class follows from a number: the model must come close to knowing it, and start from the classes' shares.
#[test]
fn classes_are_learned_and_an_untrained_model_says_their_shares() {
    let network = json!({"kind": "shared_bottom", "bottom_layers": [32], "tower_layers": [16], "dropout": 0.0});
    let training = json!({
        "optimizer": {"learning_rate": 0.01}, "schedule": {"kind": "constant", "warmup_steps": 5},
        "task_weights": {"buy": 0, "like": 0},
    });
    let spec = of_classes(document(network, training));
    let statistics = TargetStatistics::default().with_classes(class_counts());
    let options =
        |threads| LearnerOptions { threads, total_steps: 200, statistics: statistics.clone(), ..options(threads) };
    let mut learner = Learner::new(&spec, &layout(), options(2)).unwrap();
    let mut outputs = Outputs::default();
    learner.predict(&inputs(&layout(), 2000, 3), &mut outputs).unwrap();
    for (class, rows) in class_counts().values().next().unwrap().iter().enumerate() {
        let mean = outputs.tasks[1].iter().skip(class).step_by(5).map(|&p| f64::from(p)).sum::<f64>() / 2000.0;
        let share = *rows as f64 / 105.0;
        assert!((mean - share).abs() < 0.12, "class {class}: {mean} is not about {share}");
    }
    let labelled = |seed: u64| {
        let mut batch = class_batch(1024, seed);
        for row in 0..1024 {
            let number = f64::from(batch.inputs.numeric[row * 5] + 1.0);
            batch.targets.labels[1024 + row] = (number * 2.0).floor().clamp(0.0, 3.0) as f32;
            batch.targets.observed[1024 + row] = 1.0;
        }
        batch
    };
    let mut other = Learner::new(&spec, &layout(), options(3)).unwrap();
    for step in 0..200 {
        learner.step(&labelled(step)).unwrap();
        if step < 3 {
            other.step(&labelled(step)).unwrap();
        }
        if step == 2 {
            assert!(other.state().unwrap() == learner.state().unwrap(), "threads change the weights");
        }
    }
    let losses = learner.evaluate(&labelled(1000), &mut outputs).unwrap();
    assert!(learner.task_losses(&losses)[1] < 0.25, "{:?}", learner.task_losses(&losses));
    let rows = outputs.tasks[1].chunks(5).map(|row| row.iter().sum::<f32>());
    rows.for_each(|sum| assert!((sum - 1.0).abs() < 1e-5, "{sum}"));
}

#[test]
fn classes_that_are_none_are_refused() {
    let spec = of_classes(document(json!({"kind": "linear"}), json!({})));
    match Learner::new(&spec, &layout(), options(1)) {
        Err(Error::ClassesMissing { task }) => assert_eq!(task.as_str(), "spend"),
        other => panic!("{other:?}"),
    }
    let statistics = TargetStatistics::default().with_classes(class_counts());
    let mut learner = Learner::new(&spec, &layout(), LearnerOptions { statistics, ..options(1) }).unwrap();
    for label in [5.0, 1.5, -1.0, f32::NAN] {
        let mut batch = class_batch(40, 1);
        batch.targets.labels[47] = label;
        assert!(matches!(learner.step(&batch), Err(Error::Value { row: 7, .. })), "{label}");
    }
}
