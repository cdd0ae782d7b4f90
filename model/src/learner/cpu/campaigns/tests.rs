//! A step of meta-training against its formula, put together from passes through the network of all campaigns.

use serde_json::json;

use crate::architecture::Architecture;
use crate::cpu::{Activations, Gradients, Into, Model, Weights};
use crate::embedding::VECTOR;
use crate::fixtures::{batch, document, layout, networks};
use crate::input::Batch;
use crate::kernel::product::Write;
use crate::layers::INPUT;
use crate::learner::{Learner, LearnerOptions};
use crate::loss::Rows;
use crate::loss::joint::JointRows;

const ROWS: usize = 201;

/// The batch's rows from one on.
fn half(whole: &Batch, rows: std::ops::Range<u32>) -> Batch {
    let rows: Vec<(u32, u32)> = rows.map(|row| (0, row)).collect();
    let mut half = Batch::default();
    half.inputs.gather(&layout(), &[&whole.inputs], &rows);
    half.targets.gather(3, &[&whole.targets], &rows);
    half
}

/// The gradient of one task's loss by all dense weights.
fn gradient(architecture: &Architecture, (dense, weights): (&[f32], &Weights), batch: &Batch, task: usize) -> Vec<f32> {
    let (mut activations, mut gradients) = (Activations::new(architecture), Gradients::new(architecture));
    let (rows, model) = (batch.inputs.rows, Model { dense, tables: &weights.tables, packed: &[] });
    activations.forward(architecture, model, &batch.inputs, 0..rows, None);
    for other in 0..3 {
        let (of, objective) = (Rows::new(&batch.targets, other, rows, 0..rows), architecture.objectives[other]);
        let (head, scale) = (activations.head(architecture, other), f64::from(u8::from(other == task)));
        of.gradient(objective, &of.sums(objective, &head), scale, &head, &mut gradients.head(architecture, other));
    }
    gradients.add_joint(architecture, &activations, &JointRows { batch, rows: 0..rows }, &[]);
    let mut found = vec![0.0; dense.len()];
    let mut input = vec![0.0; rows * architecture.graph.buffers[INPUT].stride + VECTOR];
    let into = Into { dense: &mut found, write: Write::Over, input: &mut input };
    gradients.backward(architecture, dense, &activations, rows, into);
    found
}

#[test]
fn a_step_goes_down_the_mean_gradient_after_each_campaigns_own_step() {
    for mut network in networks(0.0).into_iter().filter(|network| network["kind"] == "metaheac") {
        network["inner_learning_rate"] = json!(0.1);
        let training = json!({
            "optimizer": {"kind": "sgd", "learning_rate": 1.0, "weight_decay": 0.0}, "clip_norm": null,
            "schedule": {"kind": "constant", "warmup_steps": 0}, "task_weights": {"buy": 1, "spend": 0.01, "like": 2},
        });
        let mut learner = Learner::new(&document(network, training), &layout(), LearnerOptions::default()).unwrap();
        let (whole, before) = (batch(ROWS, 3), learner.weights().unwrap().into_owned());
        let [support, query] = [0..100, 100..ROWS as u32].map(|rows| half(&whole, rows));
        let mut expected = vec![0.0f64; before.dense.len()];
        for (task, weight) in [1.0, 0.01, 2.0].into_iter().enumerate() {
            let first = gradient(&learner.architecture, (&before.dense, &before), &support, task);
            let own: Vec<f32> = before.dense.iter().zip(&first).map(|(weight, by)| weight - 0.1 * by).collect();
            let second = gradient(&learner.architecture, (&own, &before), &query, task);
            expected.iter_mut().zip(second).for_each(|(sum, by)| *sum += weight / 3.0 * f64::from(by));
        }
        let losses = learner.step(&whole).unwrap();
        let after = learner.weights().unwrap();
        let largest = expected.iter().fold(0.0f64, |largest, by| largest.max(by.abs()));
        let norm = expected.iter().map(|by| by * by).sum::<f64>().sqrt();
        assert!((losses.gradient_norm - norm).abs() < 1e-4 * norm, "{} is not {norm}", losses.gradient_norm);
        for named in &learner.architecture.graph.parameters.named {
            let by: Vec<f32> = expected.iter().map(|by| *by as f32).collect();
            let [before, after, by] = [&before.dense[..], &after.dense, &by].map(|flat| named.read(flat));
            for ((before, after), by) in before.iter().zip(&after).zip(&by) {
                let moved = f64::from(before - after);
                assert!((moved - f64::from(*by)).abs() < 1e-4 * largest, "{}: {moved} is not {by}", named.name);
            }
            assert!(by.iter().any(|by| *by != 0.0), "{} learns", named.name);
        }
    }
}
