//! What attention finds that an average does not: made-up lists in which what counts is known.

use serde_json::json;
use spec::TrainingSpec;

use crate::fixtures::{Dice, table};
use crate::input::{Attended, AttentionKind, Batch, InputLayout, Inputs, Pooling, Targets};
use crate::learner::{Learner, LearnerOptions};
use crate::outputs::Outputs;

const PRODUCTS: u64 = 60;
const LONGEST: u64 = 12;

/// What was offered, and a list of what was bought, of the same products.
fn layout(pool: Option<AttentionKind>) -> InputLayout {
    let pooling = if pool.is_some() { Pooling::Attention } else { Pooling::Mean };
    let mut table = table(8, &[("offered", PRODUCTS as u32, None), ("bought", PRODUCTS as u32, Some(pooling))]);
    for slot in &mut table.slots {
        (slot.table, slot.first_row) = (Some("product".parse().unwrap()), 0);
    }
    table.rows = PRODUCTS as usize;
    let attended =
        pool.map(|kind| Attended { features: vec!["bought".parse().unwrap()], kind, max_length: LONGEST as usize });
    InputLayout { numeric: Vec::new(), tables: vec![table], attended: attended.into_iter().collect() }
}

fn document(rate: f64) -> TrainingSpec {
    serde_json::from_value(json!({
        "tables": {"rows": {"url": "rows.parquet"}}, "examples": "rows", "key": "id",
        "features": {"offered": {"kind": "categorical"}},
        "tasks": {"buy": {"kind": "binary", "label": "bought"}},
        "network": {"kind": "shared_bottom", "bottom_layers": [32], "tower_layers": [], "dropout": 0.0},
        "training": {
            "optimizer": {"learning_rate": rate}, "embeddings": {"learning_rate": 0.05},
            "schedule": {"warmup_steps": 20, "kind": "constant"}, "device": "cpu",
        },
    }))
    .unwrap()
}

/// What a person with such a list, oldest first, does when offered a product.
type Habit = fn(offered: u64, bought: &[u64]) -> bool;

/// Rows of people who follow a habit nine times of ten.
fn rows(layout: &InputLayout, habit: Habit, count: usize, seed: u64) -> Batch {
    let mut dice = Dice::new(seed);
    let (mut inputs, mut labels) = (Inputs::default(), Vec::with_capacity(count));
    inputs.reset(layout, count);
    for row in 0..count {
        let offered = dice.below(PRODUCTS);
        let bought: Vec<u64> = (0..dice.below(LONGEST + 1)).map(|_| dice.below(PRODUCTS)).collect();
        inputs.ids[row] = offered as i32;
        inputs.bags[0].push(&bought.iter().map(|id| *id as i32).collect::<Vec<_>>());
        let follows = dice.below(10) > 0;
        labels.push(if habit(offered, &bought) == follows { 1.0 } else { 0.0 });
    }
    Batch { inputs, targets: Targets { labels, observed: vec![1.0; count], weights: None } }
}

/// The AUC on new rows after some epochs on others.
fn auc(pool: Option<AttentionKind>, habit: Habit, rate: f64) -> f64 {
    let layout = layout(pool);
    let options = LearnerOptions { threads: 2, total_steps: 600, ..LearnerOptions::default() };
    let mut learner = Learner::new(&document(rate), &layout, options).unwrap();
    for step in 0..600 {
        learner.step(&rows(&layout, habit, 256, step % 60)).unwrap();
    }
    let (unseen, mut outputs) = (rows(&layout, habit, 4000, 1 << 30), Outputs::default());
    learner.predict(&unseen.inputs, &mut outputs).unwrap();
    let mut scored: Vec<(f32, f32)> = outputs.tasks[0].iter().copied().zip(unseen.targets.labels).collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut negatives, mut pairs) = (0.0, 0.0);
    for (_, label) in &scored {
        if *label > 0.0 { pairs += negatives } else { negatives += 1.0 }
    }
    pairs / (negatives * (scored.len() as f64 - negatives))
}

/// Products of a kind: every sixth one.
fn kind(product: u64) -> u64 {
    product % 6
}

#[test]
fn attention_knows_what_came_last() {
    let habit: Habit = |_, bought| bought.last().is_some_and(|last| kind(*last) < 3);
    let mean = auc(None, habit, 0.004);
    for attention in [AttentionKind::Unit { target: None }, AttentionKind::Among { heads: 2 }] {
        let found = auc(Some(attention.clone()), habit, 0.004);
        println!("mean {mean}, {attention:?} {found}");
        assert!(found > mean + 0.1, "mean {mean}, {attention:?} {found}");
    }
}

#[test]
fn self_attention_knows_what_followed_what() {
    let habit: Habit = |_, bought| bought.windows(2).any(|pair| kind(pair[0]) == 0 && kind(pair[1]) < 3);
    let mean = auc(None, habit, 0.004);
    let found = auc(Some(AttentionKind::Among { heads: 2 }), habit, 0.004);
    println!("mean {mean}, self-attention {found}");
    assert!(found > mean + 0.02, "mean {mean}, self-attention {found}");
}
