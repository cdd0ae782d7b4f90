use super::*;
use crate::input::{Inputs, Targets};
use crate::layers::Nodes;
use crate::loss::joint::{Joint, Rule};
use crate::loss::tensors::TargetTensors;

const ROWS: usize = 5;

fn step(task: usize) -> Step {
    Step { task, logit: View { buffer: 1 + task, column: 0, width: 1 } }
}

/// Clicks and purchases of five rows: a purchase, a click alone, nothing, a click whose purchase was not observed, nothing of
/// a row that counts three times.
fn batch() -> Batch {
    let targets = Targets {
        labels: vec![1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0],
        observed: vec![1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0, 0.0, 1.0],
        weights: Some(vec![1.0, 1.0, 1.0, 1.0, 3.0]),
    };
    Batch { inputs: Inputs { rows: ROWS, ..Inputs::default() }, targets }
}

fn asked(rule: StepRule, weight: f64) -> (Joint, Steps) {
    let steps = Steps { rule, before: step(0), step: step(1) };
    (Joint { rule: Rule::Steps(steps), weight }, steps)
}

fn mean((joint, steps): (Joint, Steps), logits: [[f64; 2]; ROWS]) -> f64 {
    let batch = batch();
    let of_row = |row: usize| steps.row_weight(&batch, row) * steps.row_loss(&batch, row, logits[row]).loss;
    joint.weight * (0..ROWS).map(of_row).sum::<f64>() / joint.total_weight(&batch)
}

fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

#[test]
fn a_step_is_asked_not_to_be_likelier_than_the_one_before() {
    let asked = asked(StepRule::Order, 0.6);
    let probabilities = [[0.5, 0.2], [0.1, 0.4], [0.3, 0.3], [0.2, 0.25], [0.05, 0.15]];
    // By hand: 0.6·(0.3 + 0.05 + 3·0.1) / 7.
    let expected = 0.6 * 0.65 / 7.0;
    assert!((mean(asked, probabilities.map(|row| row.map(logit))) - expected).abs() < 1e-12);
}

#[test]
fn conversions_of_those_who_clicked_count_by_their_inverse_propensity() {
    let rule = StepRule::Counterfactual { loss: Classes::cross_entropy(1.0), least_propensity: 0.05 };
    let asked = asked(rule, 0.5);
    let probabilities = [[0.5, 0.2], [0.01, 0.4], [0.9, 0.9], [0.2, 0.25], [0.05, 0.15]];
    // By hand: rows 0 and 1 clicked and were observed, the second with a propensity below the least one and a weight of 2;
    // weights 1 + 2 + 1 + 0 + 3.
    let expected = 0.5 * (-(0.2f64.ln()) / 0.5 - 2.0 * 0.6f64.ln() / 0.05) / 7.0;
    assert!((mean(asked, probabilities.map(|row| row.map(logit))) - expected).abs() < 1e-12);
}

#[test]
fn derivatives_are_slopes_and_none_flows_into_the_propensity() {
    let counterfactual = StepRule::Counterfactual { loss: Classes::cross_entropy(2.0), least_propensity: 0.01 };
    for (rule, learned) in [(StepRule::Order, [true, true]), (counterfactual, [false, true])] {
        let at = [-0.4, 0.7];
        let found = rule.loss(at, [true, false]).by;
        for side in 0..2 {
            let moved = |by: f64| {
                let mut logits = at;
                logits[side] += by;
                rule.loss(logits, [true, false]).loss
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let expected = if learned[side] { slope } else { 0.0 };
            assert!(slope.abs() > 0.1 && (found[side] - expected).abs() < 1e-8, "{rule:?} {side}");
        }
    }
}

#[test]
fn operators_find_the_rows_losses_and_derivatives() {
    let counterfactual = StepRule::Counterfactual { loss: Classes::cross_entropy(2.0), least_propensity: 0.3 };
    let logits = [[-0.4, 0.7], [-2.0, 0.3], [1.0, 0.9], [0.2, 0.4], [-1.0, 0.5]];
    let batch = batch();
    let row_weights = Tensor::from_slice(batch.targets.weights.as_ref().unwrap());
    let of_task = |task: usize| {
        let rows = task * ROWS..(task + 1) * ROWS;
        let weights = Tensor::from_slice(&batch.targets.observed[rows.clone()]) * &row_weights;
        TargetTensors { labels: Tensor::from_slice(&batch.targets.labels[rows]), weights }
    };
    for rule in [StepRule::Order, counterfactual] {
        let (joint, steps) = asked(rule, 0.5);
        let column = |side: usize| {
            let numbers: Vec<f32> = logits.iter().map(|row: &[f64; 2]| row[side] as f32).collect();
            Tensor::from_slice(&numbers).reshape([-1, 1]).set_requires_grad(true)
        };
        let columns = [column(0), column(1)];
        let mut nodes = Nodes::new(3, Tensor::zeros([ROWS as i64, 1], (tch::Kind::Float, tch::Device::Cpu)));
        columns.iter().enumerate().for_each(|(side, column)| nodes.put(1 + side, 0, column.shallow_clone()));
        let targets = [of_task(0), of_task(1)];
        let of = JointTensors {
            nodes: &nodes,
            targets: &targets,
            row_weights: &row_weights,
            batch: &batch,
            device: tch::Device::Cpu,
        };
        let found = joint.tensor_loss(&of).unwrap();
        found.backward();
        assert!((found.double_value(&[]) - mean(asked(rule, 0.5), logits)).abs() < 1e-6);
        let scale = joint.weight / joint.total_weight(&batch);
        for (row, logits) in logits.iter().enumerate() {
            let (weight, loss) = (steps.row_weight(&batch, row), steps.row_loss(&batch, row, *logits));
            for (side, tensor) in columns.iter().enumerate() {
                let slope = if tensor.grad().defined() { tensor.grad().double_value(&[row as i64, 0]) } else { 0.0 };
                assert!((slope - scale * weight * loss.by[side]).abs() < 1e-6, "{rule:?} row {row} side {side}");
            }
        }
    }
}
