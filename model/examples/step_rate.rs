//! How many rows a second the model alone trains and scores, without reading or encoding: generated batches of the
//! benches' shape (26 categorical features × 16, 13 numbers, two binary tasks).
//!
//! `cargo run -p kindred-model --example step_rate -- [heavy|light] [threads] [vocabulary] [seconds]`

extern crate kindred_model as model;

use std::time::Instant;

use model::calibrate::ModelCalibration;
use model::input::{Batch, InputLayout, Inputs, NumericSlot, Slot, TableLayout, Targets};
use model::learner::{Learner, LearnerOptions};
use model::outputs::Outputs;
use model::predictor::Predictor;
use serde_json::json;
use spec::TrainingSpec;
use spec::training::DeviceChoice;

const ROWS: usize = 4096;
const FEATURES: u32 = 26;
const NUMBERS: usize = 13;
const WIDTH: usize = 16;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    model::device::prepare();
    model::device::tune_allocator();
    let mut arguments = std::env::args().skip(1);
    let network = arguments.next().unwrap_or_else(|| "heavy".to_owned());
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<u32>());
    let (threads, vocabulary, seconds) = (number(2)?, number(100_000)?, number(10)?);
    let (spec, layout) = (document(&network)?, layout(vocabulary));
    let batches: Vec<Batch> = (0..16).map(|seed| batch(vocabulary, seed)).collect();
    let options = LearnerOptions { threads: threads as usize, total_steps: 100_000, ..LearnerOptions::default() };
    let mut learner = Learner::new(&spec, &layout, options)?;
    let rate = rate(f64::from(seconds), |step| learner.step(&batches[step % 16]).map(drop))?;
    println!("{network:8} train {rate:10.0} rows/s  {threads} threads, {vocabulary} ids a feature");
    let weights = learner.save()?;
    let predictor =
        Predictor::new(&spec, &layout, &Default::default(), &weights, &ModelCalibration::default(), DeviceChoice::Cpu)?;
    let rate = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| score(&predictor, &batches, seconds))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a scoring thread failed")).sum::<Result<f64, _>>()
    })?;
    println!("{network:8} score {rate:10.0} rows/s  {threads} threads, {vocabulary} ids a feature");
    Ok(())
}

fn score(predictor: &Predictor, batches: &[Batch], seconds: u32) -> Result<f64, model::error::Error> {
    let mut outputs = Outputs::default();
    rate(f64::from(seconds), |step| predictor.predict(&batches[step % 16].inputs, &mut outputs))
}

/// Rows a second of `step`, after a few to warm up.
fn rate<E>(seconds: f64, mut step: impl FnMut(usize) -> Result<(), E>) -> Result<f64, E> {
    (0..3).try_for_each(&mut step)?;
    let (start, mut steps) = (Instant::now(), 0);
    while start.elapsed().as_secs_f64() < seconds {
        step(steps)?;
        steps += 1;
    }
    Ok((steps * ROWS) as f64 / start.elapsed().as_secs_f64())
}

fn document(network: &str) -> Result<TrainingSpec, serde_json::Error> {
    let network = match network {
        "light" => json!({"kind": "shared_bottom", "bottom_layers": [64, 32], "tower_layers": [], "dropout": 0.0}),
        "linear" => json!({"kind": "linear"}),
        _ => json!({"kind": "mmoe", "experts": 4, "expert_layers": [256, 128], "tower_layers": [], "dropout": 0.0}),
    };
    serde_json::from_value(json!({
        "tables": {"rows": {"url": "rows.parquet"}},
        "examples": "rows",
        "key": "id",
        "features": {"n0": {"kind": "numeric"}},
        "tasks": {"click": {"kind": "binary", "label": "click"}, "buy": {"kind": "binary", "label": "buy"}},
        "network": network,
        "training": {"batch_size": ROWS, "device": "cpu"},
    }))
}

fn layout(vocabulary: u32) -> InputLayout {
    let slot = |index: u32| Slot {
        feature: format!("c{index}").parse().expect("a column's name"),
        table: None,
        first_row: index * vocabulary,
        rows: vocabulary,
        pool: None,
    };
    let numeric =
        |index: usize| NumericSlot { feature: format!("n{index}").parse().expect("a column's name"), width: 1 };
    let rows = (FEATURES * vocabulary) as usize;
    let table = TableLayout { width: WIDTH, rows, slots: (0..FEATURES).map(slot).collect() };
    InputLayout { numeric: (0..NUMBERS).map(numeric).collect(), tables: vec![table], attended: Vec::new() }
}

fn batch(vocabulary: u32, seed: u64) -> Batch {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = move |bound: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as u32) % bound
    };
    let features = ROWS * FEATURES as usize;
    // Log-uniform, as the benches' data: few ids are frequent, most are rare.
    let mut id = || (f64::from(vocabulary).ln() * f64::from(draw(1 << 24)) / f64::from(1 << 24)).exp() as u32 - 1;
    let ids = (0..features as u32).map(|at| (at % FEATURES * vocabulary + id()) as i32).collect();
    let numeric = (0..ROWS * NUMBERS).map(|_| draw(2001) as f32 / 1000.0 - 1.0).collect();
    let labels = (0..2 * ROWS).map(|_| (draw(4) == 0) as u8 as f32).collect();
    Batch {
        inputs: Inputs { rows: ROWS, ids, numeric, bags: Vec::new() },
        targets: Targets { labels, observed: vec![1.0; 2 * ROWS], weights: None },
    }
}
