use serde_json::json;
use spec::TrainingSpec;
use spec::training::DeviceChoice;

use super::{BATCH, TunedLists, shuffled};
use crate::calibrate::ModelCalibration;
use crate::error::Error;
use crate::fixtures::{class_counts, document, inputs, layout, networks};
use crate::input::{Batch, Inputs, Targets};
use crate::learner::{Learner, LearnerOptions};
use crate::predictor::Predictor;

/// Who is on list `list`: those whose city is one of a few, other ones for each list up to the fifth, which is like the first.
fn is_seed(inputs: &Inputs, row: usize, list: i32) -> bool {
    let cities = layout().slots_before(1) * inputs.rows;
    (inputs.ids[cities + 2 * row] + 7 * list) % 5 == 0
}

fn spec() -> TrainingSpec {
    let mut network = networks(0.0).into_iter().find(|network| network["kind"] == "metaheac").unwrap();
    network["inner_learning_rate"] = json!(0.3);
    let training = json!({"optimizer": {"learning_rate": 0.01}, "embeddings": {"learning_rate": 0.1}});
    let mut spec = document(network, training);
    for task in ["buy", "spend", "like"] {
        let list = json!({"kind": "lookalike", "seeds": {"table": "lists"}});
        spec.tasks.insert(task.parse().unwrap(), serde_json::from_value(list).unwrap());
    }
    spec
}

/// A model of the first three lists.
fn trained() -> Predictor {
    let spec = spec();
    let options = LearnerOptions { threads: 2, total_steps: 300, ..LearnerOptions::default() };
    let mut learner = Learner::new(&spec, &layout(), options).unwrap();
    for step in 0..300 {
        let rows = inputs(&layout(), 400, step);
        let labels = (0..3).flat_map(|list| (0..400).map(move |row| (list, row)));
        let labels = labels.map(|(list, row)| f32::from(u8::from(is_seed(&rows, row, list)))).collect();
        let targets = Targets { labels, observed: vec![1.0; 1200], weights: None };
        learner.step(&Batch { inputs: rows, targets }).unwrap();
    }
    let (bytes, calibration) = (learner.save().unwrap(), ModelCalibration::default());
    Predictor::new(&spec, &layout(), &class_counts(), &bytes, &calibration, DeviceChoice::Cpu).unwrap()
}

/// Seeds of a list and others, among some rows.
fn people(list: i32, seed: u64) -> [Inputs; 2] {
    let rows = inputs(&layout(), 1500, seed);
    [true, false].map(|wanted| {
        let chosen: Vec<(u32, u32)> =
            (0..1500).filter(|row| is_seed(&rows, *row, list) == wanted).map(|row| (0, row as u32)).collect();
        let mut chosen_rows = Inputs::default();
        chosen_rows.gather(&layout(), &[&rows], &chosen);
        chosen_rows
    })
}

fn mean(numbers: &[f32]) -> f64 {
    numbers.iter().map(|number| f64::from(*number)).sum::<f64>() / numbers.len() as f64
}

#[test]
fn a_model_is_fine_tuned_to_a_list_that_it_was_not_trained_for() {
    let model = trained();
    let tuner = model.fine_tuner().unwrap().unwrap();
    let [seeds, others] = people(5, 1 << 40);
    let tuned = tuner.tune("new".parse().unwrap(), &seeds, &others).unwrap();
    assert!(tuner.tune("new".parse().unwrap(), &seeds, &others).unwrap() == tuned, "the same bits");
    assert_eq!(tuned.members.iter().map(Vec::len).sum::<usize>(), tuner.numbers_a_list());
    let lists = TunedLists { tuned: vec![tuned] };
    let [seeds, others] = people(5, 1 << 41).map(|people| model.tuned_scores(&people, &lists).unwrap().remove(0));
    assert!(seeds.iter().chain(&others).all(|score| (0.0..=1.0).contains(score)));
    assert!(mean(&seeds) > mean(&others) + 0.005, "{} and {}", mean(&seeds), mean(&others));
}

#[test]
fn a_tuned_list_is_read_back_to_the_bit_and_one_of_another_model_is_refused() {
    let model = trained();
    let [seeds, others] = people(4, 1 << 40);
    let tuned = model.fine_tuner().unwrap().unwrap().tune("new".parse().unwrap(), &seeds, &others).unwrap();
    let lists = TunedLists { tuned: vec![tuned] };
    let text = serde_json::to_string(&lists).unwrap();
    assert!(serde_json::from_str::<TunedLists>(&text).unwrap() == lists);
    for wrong in ["\"xyz", "\"0123456"] {
        let first = text.find("[\"").unwrap() + 1;
        let damaged = format!("{}{wrong}{}", &text[..first], &text[first + 1..]);
        assert!(serde_json::from_str::<TunedLists>(&damaged).is_err(), "{wrong}");
    }
    let mut other = lists.clone();
    other.tuned[0].members[0].pop();
    assert!(matches!(model.tuned_scores(&seeds, &other), Err(Error::TunedToAnother { .. })));
    let [whole, alone] = [0..seeds.rows as u32, 5..6].map(|rows| {
        let (mut chosen, rows) = (Inputs::default(), rows.map(|row| (0, row)).collect::<Vec<_>>());
        chosen.gather(&layout(), &[&seeds], &rows);
        model.tuned_scores(&chosen, &lists).unwrap().remove(0)
    });
    assert!((whole[5] - alone[0]).abs() < 1e-6, "{} is not {}", whole[5], alone[0]);
}

#[test]
fn seeds_are_spread_over_the_batches_and_weigh_as_much_as_others() {
    let model = trained();
    let [seeds, others] = people(3, 1 << 42);
    let batches = model.fine_tuner().unwrap().unwrap().batches(&seeds, &others);
    assert_eq!(batches.iter().map(|batch| batch.inputs.rows).sum::<usize>(), 1500);
    let count = |batch: &Batch| batch.targets.labels.iter().filter(|label| **label > 0.0).count();
    let (whole, all) = (batches.iter().map(count).sum::<usize>(), batches.len());
    assert_eq!((whole, all), (seeds.rows, 1500_usize.div_ceil(BATCH)));
    let expected = BATCH as f64 * seeds.rows as f64 / 1500.0;
    assert!(batches[..all - 1].iter().all(|batch| (count(batch) as f64 - expected).abs() <= 2.0));
    let weight = |wanted: f32| -> f64 {
        let of = |batch: &Batch| {
            let rows = batch.targets.labels.iter().zip(&batch.targets.observed);
            rows.filter(|(label, _)| **label == wanted).map(|(_, weight)| f64::from(*weight)).sum::<f64>()
        };
        batches.iter().map(of).sum()
    };
    assert!((weight(1.0) - 750.0).abs() < 0.01 && (weight(0.0) - 750.0).abs() < 0.01);
    let mut order = shuffled(100, 1);
    assert_ne!(order, shuffled(100, 0));
    order.sort_unstable();
    assert!(order.iter().copied().eq(0..100));
}
