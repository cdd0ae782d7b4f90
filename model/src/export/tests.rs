//! Modules against the predictor, on batches of other sizes than the traced one.

use serde_json::json;
use spec::Task;
use spec::training::DeviceChoice;

use super::*;
use crate::calibrate::TaskCalibration;
use crate::fixtures::{
    attending_layout, class_batch, class_counts, document, inputs, networks, of_classes, sharing_layout, targets,
};
use crate::input::{Batch, InputLayout, Inputs, Targets};
use crate::learner::{Learner, LearnerOptions, Members};
use crate::loss::targets::TargetStatistics;
use crate::outputs::{ClassOutput, Outputs};
use crate::predictor::Predictor;

/// Of the tasks that can have one; a task of classes has a temperature.
fn calibration(spec: &TrainingSpec) -> ModelCalibration {
    let of = |calibrator: serde_json::Value| TaskCalibration {
        calibrator: serde_json::from_value(calibrator).unwrap(),
        ..TaskCalibration::none()
    };
    let curve = json!({"kind": "isotonic", "scores": [0.0, 0.2, 0.45, 1.0], "probabilities": [0.01, 0.05, 0.5, 0.97]});
    let line = json!({"kind": "platt", "slope": 1.7, "intercept": -0.4});
    let spend = match &spec.tasks["spend"] {
        Task::Multiclass(_) => of(json!({"kind": "temperature", "temperature": 1.6})),
        _ => TaskCalibration::none(),
    };
    let tasks = [("buy", of(curve)), ("spend", spend), ("like", of(line))];
    let tasks = tasks.into_iter().map(|(name, task)| (name.parse().unwrap(), task)).collect();
    ModelCalibration { tasks, ..ModelCalibration::default() }
}

/// All features, neither in the order of the tables nor of the numbers.
fn names(layout: &InputLayout) -> Vec<FeatureName> {
    let slots = layout.tables.iter().flat_map(|table| &table.slots).map(|slot| slot.feature.clone());
    let mut names: Vec<FeatureName> = slots.chain(layout.numeric.iter().map(|slot| slot.feature.clone())).collect();
    names.sort_by(|a, b| b.cmp(a));
    names
}

/// The batch as a module takes it: ids are the features' own.
fn tensors(signature: &Signature, layout: &InputLayout, inputs: &Inputs) -> Vec<Tensor> {
    let rows = inputs.rows as i64;
    let mut ids = vec![0i64; inputs.rows * signature.ids.len()];
    let mut bags: Vec<Vec<Tensor>> = signature.bags.iter().map(|_| Vec::new()).collect();
    let (mut slots_before, mut bags_before) = (0, 0);
    for table in &layout.tables {
        let width = table.single_slots();
        for (place, slot) in table.singles().iter().enumerate() {
            let column = signature.ids.iter().position(|name| *name == slot.feature).unwrap();
            for row in 0..inputs.rows {
                let id = inputs.ids[slots_before * inputs.rows + row * width + place];
                ids[row * signature.ids.len() + column] = i64::from(id) - i64::from(slot.first_row);
            }
        }
        for (bag, slot) in inputs.bags[bags_before..].iter().zip(table.bags()) {
            let place = signature.bags.iter().position(|name| *name == slot.feature).unwrap();
            let own: Vec<i64> = bag.ids.iter().map(|id| i64::from(*id) - i64::from(slot.first_row)).collect();
            let offsets: Vec<i64> = bag.offsets.iter().map(|offset| i64::from(*offset)).collect();
            bags[place] = vec![Tensor::from_slice(&own), Tensor::from_slice(&offsets)];
            if signature.weighted.contains(&slot.feature) {
                bags[place].push(Tensor::from_slice(&bag.weights));
            }
        }
        slots_before += width;
        bags_before += table.bags().len();
    }
    let numbers = Tensor::from_slice(&inputs.numeric).reshape([rows, signature.numbers as i64]);
    let ids = Tensor::from_slice(&ids).reshape([rows, signature.ids.len() as i64]);
    [numbers, ids].into_iter().chain(bags.into_iter().flatten()).collect()
}

struct Model {
    architecture: Architecture,
    members: Vec<TensorModel>,
    predictor: Predictor,
}

fn model(spec: &TrainingSpec, layout: &InputLayout, batch: impl Fn(u64) -> Batch) -> Model {
    let classes = class_counts();
    let statistics = TargetStatistics::default().with_classes(classes.clone());
    let options = LearnerOptions { threads: 1, total_steps: 9, statistics, ..LearnerOptions::default() };
    let learner = |seed: u64| {
        let mut spec = spec.clone();
        spec.training.seed = seed;
        let mut learner = Learner::new(&spec, layout, options.clone()).unwrap();
        (0..3).for_each(|step| drop(learner.step(&batch(step)).unwrap()));
        learner
    };
    let mut members = Members::of(learner(7));
    members.push(learner(8));
    let weights = members.save().unwrap();
    let predictor = Predictor::new(spec, layout, &classes, &weights, &calibration(spec), DeviceChoice::Cpu).unwrap();
    let architecture = Architecture::for_scoring(spec, layout, &classes).unwrap();
    let weights = weights::from_bytes(&architecture, &weights).unwrap();
    let model = |weights| TensorModel::new(&architecture, weights, Device::Cpu, Kind::Float).unwrap();
    let members = weights.iter().map(model).collect();
    Model { architecture, members, predictor }
}

fn assert_same(spec: &TrainingSpec, layout: &InputLayout, targets: impl Fn(u64) -> Targets) {
    let of_step = |step| Batch { inputs: inputs(layout, 200, step), targets: targets(step) };
    let Model { architecture, members, predictor } = model(spec, layout, of_step);
    let script = Script::new(&architecture, &members, (&names(layout), Vec::new()), &calibration(spec)).unwrap();
    assert_eq!(script.signature.weighted.len(), 2);
    let module = script.trace().unwrap();
    for rows in [1, 777] {
        let inputs = inputs(layout, rows, 42);
        let mut expected = Outputs::default();
        predictor.predict(&inputs, &mut expected).unwrap();
        let found = module.forward_ts(&tensors(&script.signature, layout, &inputs)).unwrap();
        let mut column = 0;
        for expected in &expected.tasks {
            let width = (expected.len() / rows) as i64;
            let found = Vec::<f32>::try_from(found.narrow(1, column, width).contiguous().flatten(0, 1)).unwrap();
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                let off = (found - expected).abs() / expected.abs().max(1.0);
                assert!(off <= 1e-5, "{:?}: {found} is not {expected}", spec.network);
            }
            column += width;
        }
        assert_eq!(found.size(), [rows as i64, column]);
    }
}

#[test]
fn a_module_predicts_what_the_predictor_does_for_every_network() {
    for network in networks(0.2) {
        let spec = document(network, json!({"device": "cpu"}));
        assert_same(&spec, &sharing_layout(), |step| targets(200, step));
        assert_same(&spec, &attending_layout(), |step| targets(200, step));
    }
}

#[test]
fn a_module_has_a_column_for_each_class() {
    let network = json!({"kind": "mmoe", "experts": 2, "expert_layers": [8], "tower_layers": [4]});
    let spec = of_classes(document(network, json!({"device": "cpu"})));
    assert_same(&spec, &sharing_layout(), |step| class_batch(200, step).targets);
    let classes = ClassOutput { names: vec!["tea".to_owned(), "o'clock".to_owned()], top: 1 };
    let output = TaskOutput { task: "next".parse().unwrap(), classes: Some(classes) };
    assert_eq!(columns(&output), ["next['tea']", "next['o''clock']", "next['other']"]);
}

#[test]
fn an_id_that_the_feature_does_not_have_is_refused() {
    let (spec, layout) = (document(json!({"kind": "linear"}), json!({"device": "cpu"})), sharing_layout());
    let of_step = |step| Batch { inputs: inputs(&layout, 200, step), targets: targets(200, step) };
    let Model { architecture, members, .. } = model(&spec, &layout, of_step);
    let script = Script::new(&architecture, &members, (&names(&layout), Vec::new()), &calibration(&spec)).unwrap();
    let module = script.trace().unwrap();
    let tensors = tensors(&script.signature, &layout, &inputs(&layout, 5, 1));
    let first = &layout.tables[0].slots[0];
    let column = script.signature.ids.iter().position(|name| *name == first.feature).unwrap();
    let _ = tensors[1].select(1, column as i64).fill_(i64::from(first.rows));
    assert!(module.forward_ts(&tensors).is_err(), "the next feature's rows come after its own");
}
