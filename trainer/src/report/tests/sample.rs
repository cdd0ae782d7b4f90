//! Reports as a training would fill them, from rows that look random and are always the same.

use chrono::{DateTime, TimeZone, Utc};
use indexmap::IndexMap;
use model::calibrate::{ModelCalibration, TaskCalibration};
use model::measure::{
    BinaryMeasures, ClassMeasures, ComparedModel, Comparison, FeatureImportance, Importance, ModelMetrics,
    PairedMeasures, PairedMetrics, Part, PartMetrics, SliceMeasures, SlicedColumn, TaskImportance, TaskKind,
    TaskMetrics, ValueMeasures,
};
use spec::TaskName;
use spec::training::Calibration;

use crate::report::{
    DataPart, Epoch, EpochTask, FeatureLine, InputLine, LabelRate, Report, Setting, StopReason, Timeline,
};
use crate::search::{RungLine, SearchResults, TrainingLine, TrialLine};
use crate::seeds::{SeedQuality, Sign};

/// Numbers that look random.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// A task of a sample.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) kind: TaskKind,
    /// Log-odds of the natural rate, or log of the mean value.
    pub(crate) base: f64,
    /// How far scores tell classes apart.
    pub(crate) strength: f64,
    /// Test rows; validation as many, training eight times as many.
    pub(crate) rows: usize,
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

fn probabilities(
    sample: &Sample,
    part: Part,
    noise: &mut Noise,
    calibration: Option<&TaskCalibration>,
) -> BinaryMeasures {
    let (rows, overfit) = if part == Part::Train { (8 * sample.rows, 1.15) } else { (sample.rows, 1.0) };
    let mut measures = BinaryMeasures::default();
    for _ in 0..rows {
        let signal = sample.strength * overfit * noise.normal();
        let truth = logistic(sample.base + signal + 0.3 * noise.normal());
        let mut score = [logistic(sample.base * 0.8 + 1.6 * signal) as f32];
        if let Some(calibration) = calibration {
            calibration.calibrator.apply(&mut score, 1);
        }
        let label = f32::from(u8::from(noise.uniform() < truth));
        measures.push(score[0], label, 1.0).unwrap();
    }
    measures
}

fn values(sample: &Sample, part: Part, noise: &mut Noise) -> ValueMeasures {
    let rows = if part == Part::Train { 8 * sample.rows } else { sample.rows };
    let mut measures = ValueMeasures::default();
    for _ in 0..rows {
        let signal = sample.strength * noise.normal();
        let bought = noise.uniform() < logistic(signal - 0.5);
        let amount = (sample.base + 0.7 * signal + 0.6 * noise.normal()).exp();
        let predicted = logistic(signal - 0.5) * (sample.base + 0.7 * signal + 0.2).exp();
        measures.push(predicted as f32, if bought { amount as f32 } else { 0.0 }, 1.0).unwrap();
    }
    measures
}

fn task(sample: &Sample) -> (TaskMetrics, TaskCalibration) {
    let mut metrics = TaskMetrics::new(sample.kind);
    if sample.kind == TaskKind::Value {
        for part in Part::ALL {
            metrics.set(part, values(sample, part, &mut Noise(part as u64)).finish().into());
        }
        return (metrics, TaskCalibration::none());
    }
    let validation = probabilities(sample, Part::Validation, &mut Noise(1), None);
    let calibration = TaskCalibration::fit(Calibration::Isotonic, &validation);
    for part in Part::ALL {
        let raw = probabilities(sample, part, &mut Noise(part as u64), None).finish();
        let calibrated = probabilities(sample, part, &mut Noise(part as u64), Some(&calibration)).finish();
        metrics.set(part, calibrated.with_uncalibrated(raw).into());
    }
    (metrics, calibration)
}

/// The sample's test rows as the model sees them and as one does that sees so much noise beside.
pub(crate) fn paired(sample: &Sample, noise_of_other: f64) -> PairedMetrics {
    let mut noise = Noise(17);
    let mut measures = PairedMeasures::new(sample.kind);
    for _ in 0..sample.rows {
        let signal = sample.strength * noise.normal();
        let seen = [signal, signal + noise_of_other * noise.normal()];
        if sample.kind == TaskKind::Value {
            let bought = f32::from(u8::from(noise.uniform() < logistic(signal - 0.5)));
            let amount = bought * (sample.base + 0.7 * signal + 0.6 * noise.normal()).exp() as f32;
            let [model, other] = seen.map(|seen| (sample.base + 0.7 * seen).exp() as f32);
            measures.push(model, other, amount, 1.0);
        } else {
            let label = f32::from(u8::from(noise.uniform() < logistic(sample.base + signal)));
            let [model, other] = seen.map(|seen| logistic(sample.base + seen) as f32);
            measures.push(model, other, label, 1.0);
        }
    }
    measures.finish().unwrap()
}

/// A comparison on the test rows of these samples.
pub(crate) fn comparison(with: ComparedModel, samples: &[Sample], noise_of_other: f64) -> Comparison {
    let tasks = samples.iter().map(|sample| (sample.name.parse().unwrap(), paired(sample, noise_of_other)));
    Comparison { with, part: Part::Test, tasks: tasks.collect(), missing: None, notes: Vec::new() }
}

fn comparisons(samples: &[Sample]) -> Vec<Comparison> {
    let baseline = ComparedModel::LinearBaseline { seconds: 1.3, best_epoch: Some(6) };
    let mut production = comparison(ComparedModel::Production { version: spec::Version(2) }, samples, 0.05);
    production.notes.push("it may have learned from some of these rows, which would flatter it".to_owned());
    vec![comparison(baseline, samples, 0.8), production]
}

/// A search of four trials in two rungs, one of which failed.
pub(crate) fn search() -> SearchResults {
    let training =
        |rung, score, epochs| TrainingLine { rung, score: Some(score), epochs, seconds: 1.25, failure: None };
    let failure = Some("the loss of task `repurchase` is not finite at step 12".to_owned());
    let failed = TrainingLine { rung: 0, score: None, epochs: 0, seconds: 0.0, failure };
    let trainings = [
        vec![training(0, 0.7012, 2)],
        vec![failed],
        vec![training(0, 0.7104, 2), training(1, 0.7421, 6)],
        vec![training(0, 0.6912, 2)],
    ];
    let trial = |(number, trainings): (u32, Vec<TrainingLine>)| TrialLine {
        trial: number,
        settings: [
            ("network.dropout".to_owned(), serde_json::json!(0.05 * f64::from(number))),
            ("features.city.width".to_owned(), serde_json::Value::Null),
        ]
        .into_iter()
        .collect(),
        trainings,
    };
    SearchResults {
        method: "successive halving".to_owned(),
        objective: "repurchase.auc".to_owned(),
        is_better_when_larger: true,
        rungs: vec![RungLine { trials: 4, epochs: 2 }, RungLine { trials: 1, epochs: 6 }],
        trials: (0..).zip(trainings).map(trial).collect(),
        winner: 2,
        seconds: 5.0,
    }
}

/// A column with a value that few rows have and rows without a value.
fn slices(samples: &[Sample]) -> Vec<SlicedColumn> {
    let of_task = |sample: &Sample| {
        let mut noise = Noise(23);
        let mut measures = SliceMeasures::new(sample.kind, 10_000);
        for row in 0..sample.rows {
            let signal = sample.strength * noise.normal();
            let label = f32::from(u8::from(noise.uniform() < logistic(sample.base.min(0.0) + signal)));
            let value = match row {
                0..30 => 4,
                _ if row % 101 == 0 => 3,
                _ => (row % 3) as u32,
            };
            measures.push(logistic(sample.base.min(0.0) + signal) as f32, label, 1.0, value);
        }
        let names = ["web", "<i>shop</i>"].map(|name| Some(name.to_owned()));
        let names = [names.to_vec(), vec![None, Some("kiosk".to_owned()), Some("fair".to_owned())]].concat();
        (sample.name.parse().unwrap(), measures.finish(&names, 25).unwrap())
    };
    let tasks = samples.iter().map(of_task).collect();
    vec![SlicedColumn { column: "channel <b>".parse().unwrap(), part: Part::Test, min_rows: 25, tasks }]
}

fn importance(samples: &[Sample], feature_count: usize) -> Importance {
    let features = || {
        let lines = features(feature_count).into_iter().enumerate();
        let drop = |index: usize| 0.06 * 0.8_f64.powi(index as i32) - 0.001;
        let of = |(index, line): (usize, FeatureLine)| {
            let drops: Vec<f64> = (0..5).map(|repeat| drop(index) + 0.002 * f64::from(repeat)).collect();
            FeatureImportance::of(line.name.parse().unwrap(), &drops).unwrap()
        };
        lines.map(of).collect()
    };
    let of_task = |sample: &Sample| {
        let measure = sample.kind.measures()[0].name().to_owned();
        (sample.name.parse().unwrap(), TaskImportance::new(measure, 0.781, 212, features()))
    };
    let tasks = samples.iter().map(of_task).collect();
    let part = Part::Validation;
    Importance { part, rows: 2_357, all_rows: 2_357, repeats: 5, seconds: 0.4, missing: None, tasks }
}

fn day(day: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 3, day, 2, 15, 40).unwrap()
}

fn labels(tasks: &ModelMetrics, part: Part) -> Vec<LabelRate> {
    let label = |(task, metrics): (&TaskName, &TaskMetrics)| {
        let (observed, positives, mean) = match metrics.part(part)? {
            PartMetrics::Probabilities(metrics) => (metrics.rows, metrics.positives, metrics.rate),
            PartMetrics::Values(metrics) => (metrics.rows, metrics.positives, metrics.mean_actual),
            PartMetrics::Classes(metrics) => (metrics.rows, 0, None),
        };
        Some(LabelRate { task: task.clone(), observed, positives, mean })
    };
    tasks.tasks.iter().filter_map(label).collect()
}

fn timeline(samples: &[Sample], epochs: u32, best: u32) -> Timeline {
    let mut noise = Noise(9);
    let epochs = (1..=epochs).map(|number| {
        let done = 1.0 - (-0.5 * f64::from(number)).exp();
        let over = 0.004 * f64::from(number.saturating_sub(best));
        let mut of_task = |sample: &Sample| {
            let scale = if sample.kind == TaskKind::Value { 3.0 } else { 1.0 };
            EpochTask {
                task: sample.name.parse().unwrap(),
                train_loss: scale * (0.62 - 0.2 * done - 0.003 * f64::from(number)),
                validation_loss: Some(scale * (0.61 - 0.17 * done + over + 0.004 * noise.normal())),
                validation_measure: Some(0.55 + 0.22 * done - over + 0.003 * noise.normal()),
            }
        };
        let tasks = samples.iter().map(&mut of_task).collect();
        Epoch {
            number,
            seconds: 2.4 + 0.2 * noise.uniform(),
            rows_per_second: 61_000.0 + 2_000.0 * noise.normal(),
            train_loss: 1.3 - 0.5 * done - 0.003 * f64::from(number),
            validation_loss: Some(1.28 - 0.45 * done + over),
            watched: Some(0.55 + 0.22 * done - over),
            tasks,
        }
    });
    Timeline {
        device: "cpu".to_owned(),
        threads: 2,
        seconds: 31.4,
        rows_per_second: 61_250.0,
        watched: format!("{}.auc", samples[0].name),
        best_epoch: Some(best),
        stopped: StopReason::NoGain,
        epochs: epochs.collect(),
        others: Vec::new(),
    }
}

fn features(number: usize) -> Vec<FeatureLine> {
    let kinds = [
        ("numeric", "quantile", None, 2),
        ("categorical", "vocabulary", Some(1_734), 24),
        ("bag", "hash", Some(100_000), 16),
        ("cross", "hash", Some(10_000), 32),
        ("timestamp", "age_days, month", None, 3),
    ];
    let names = [
        "recency_days",
        "channel",
        "product_ids",
        "city_x_channel",
        "first_seen",
        "orders in the last 13 weeks, returns excluded",
        "median_basket",
        "customer_lifetime_value_estimate_from_the_previous_model_version_including_returns_and_refunds",
    ];
    (0..number)
        .map(|index| {
            let (kind, encoding, cardinality, width) = kinds[index % kinds.len()];
            let name = if index < names.len() { names[index].to_owned() } else { format!("feature_{index:02}") };
            FeatureLine {
                columns: if kind == "cross" {
                    vec!["city".to_owned(), "channel".to_owned()]
                } else {
                    vec![name.clone()]
                },
                name,
                kind: kind.to_owned(),
                encoding: encoding.to_owned(),
                cardinality,
                missing: Some(if index % 7 == 3 { 0.634 } else { 0.0011 * index as f64 }),
                width,
            }
        })
        .collect()
}

const DOCUMENT: &str = "apiVersion: kindred.dev/v1
kind: Training
metadata:
  name: repurchase
spec:
  tables:
    transactions: {url: data/transactions.csv}
  examples: customers
  key: customer_id
  network: {kind: mmoe, experts: 4, expert_layers: [128, 64], tower_layers: [32]}
";

/// A report of these tasks.
/// Each lookalike task's list: few seeds, and a name that HTML would take for markup.
fn seeds(samples: &[Sample]) -> IndexMap<TaskName, SeedQuality> {
    let sign = Sign { column: "age".to_owned(), auc: 0.71, group: "<age> ≥ 50".to_owned(), share: 0.1, lift: 2.5 };
    let quality = SeedQuality {
        table: "best_customers".parse().unwrap(),
        campaign: Some("8".to_owned()),
        size: 120,
        duplicates: 3,
        without_key: 0,
        found: 40,
        rows: 41,
        excluded_rows: 0,
        others: 2_000,
        negative_rate: 0.5,
        signs: vec![sign],
    };
    let lookalikes = samples.iter().filter(|sample| sample.kind == TaskKind::Lookalike);
    lookalikes.map(|sample| (sample.name.parse().unwrap(), quality.clone())).collect()
}

pub(crate) fn report(model: &str, samples: &[Sample], feature_count: usize) -> Report {
    let mut metrics = ModelMetrics::default();
    let mut calibration = ModelCalibration::default();
    for sample in samples {
        let (of_task, fitted) = task(sample);
        let name: TaskName = sample.name.parse().unwrap();
        metrics.tasks.insert(name.clone(), of_task);
        calibration.tasks.insert(name, fitted);
    }
    let part = |part: Part| DataPart {
        part,
        rows: if part == Part::Train { 18_856 } else { 2_357 },
        labels: labels(&metrics, part),
    };
    let settings = [
        ("optimizer", "adamw, learning rate 0.001, weight decay 0.0001"),
        ("embeddings", "rowwise_adagrad, learning rate 0.05"),
        ("batch size", "1024"),
        ("schedule", "cosine after 100 warm-up steps"),
        ("task weights", "uncertainty"),
        ("seed", "7"),
    ];
    let input = |index: u32| InputLine {
        table: "transactions".to_owned(),
        url: format!(
            "s3://warehouse-eu/exports/crm/transactions/dt=2026-03-{index:02}/part-00000-4f1f0c0e.zstd.parquet"
        ),
        bytes: 18_734_112 * u64::from(index),
        etag: Some(format!("{index:02}c9b7a1c5e2f44d8cb0e7f3a1d2b4c6")),
        last_modified: Some(day(index)),
    };
    Report {
        model: model.to_owned(),
        version: Some(3),
        run: format!("{model}-3f9a2c10bd47"),
        created: day(18),
        program: "kindred 0.1.0".to_owned(),
        network: "mmoe, 4 experts of 128-64, towers of 32".to_owned(),
        weights: 184_322,
        document: DOCUMENT.to_owned(),
        settings: settings.map(|(name, value)| Setting { name: name.to_owned(), value: value.to_owned() }).to_vec(),
        examples: "customers".to_owned(),
        key: "customer_id".to_owned(),
        split: "by a hash of the key: 80 % train, 10 % validation, 10 % test".to_owned(),
        tasks: samples
            .iter()
            .map(|sample| (sample.name.parse().unwrap(), format!("Label: {} <b>; cross-entropy.", sample.name)))
            .collect(),
        parts: Part::ALL.map(part).to_vec(),
        inputs: (1..=3).map(input).collect(),
        features: features(feature_count),
        timeline: timeline(samples, 11, 8),
        comparisons: comparisons(samples),
        search: None,
        slices: slices(samples),
        importance: Some(importance(samples, feature_count)),
        calibration,
        seeds: seeds(samples),
        registration: vec!["Alias production moved from version 2: repurchase.auc 0.781 >= 0.70 holds.".to_owned()],
        warnings: Vec::new(),
        metrics,
    }
}

/// Two tasks, as most reports have.
pub(crate) fn usual() -> Report {
    let samples = [
        Sample { name: "repurchase", kind: TaskKind::Binary, base: -1.6, strength: 1.1, rows: 2_357 },
        Sample { name: "spend", kind: TaskKind::Value, base: 3.4, strength: 1.0, rows: 2_357 },
    ];
    report("repurchase", &samples, 9)
}

/// Five tasks, one rare, one hopeless, one leaking, one of seeds; many features and long names.
pub(crate) fn wide() -> Report {
    let samples = [
        Sample { name: "repurchase", kind: TaskKind::Binary, base: -1.6, strength: 1.1, rows: 4_000 },
        Sample {
            name: "spend-over-the-next-thirty-nine-weeks-including-returns",
            kind: TaskKind::Value,
            base: 3.4,
            strength: 1.0,
            rows: 4_000,
        },
        Sample { name: "best-customers", kind: TaskKind::Lookalike, base: -4.6, strength: 1.4, rows: 4_000 },
        Sample { name: "churn", kind: TaskKind::Binary, base: 0.4, strength: 0.02, rows: 300 },
        Sample { name: "leak", kind: TaskKind::Binary, base: 0.0, strength: 9.0, rows: 2_000 },
    ];
    report("customer-propensity-multi-task-2026-spring-campaign-europe", &samples, 60)
}

/// Nothing to judge by: one class, no rows, no epochs.
pub(crate) fn empty() -> Report {
    let mut report = usual();
    let mut one_class = BinaryMeasures::default();
    (0..20).for_each(|row| one_class.push(row as f32 / 20.0, 0.0, 1.0).unwrap());
    let mut binary = TaskMetrics::new(TaskKind::Binary);
    binary.set(Part::Train, BinaryMeasures::default().finish().into());
    binary.set(Part::Test, one_class.finish().into());
    let mut value = TaskMetrics::new(TaskKind::Value);
    value.set(Part::Test, ValueMeasures::default().finish().into());
    report.metrics.tasks =
        [("repurchase".parse().unwrap(), binary), ("spend".parse().unwrap(), value)].into_iter().collect();
    report
        .calibration
        .tasks
        .insert("repurchase".parse().unwrap(), TaskCalibration::fit(Calibration::Isotonic, &BinaryMeasures::default()));
    let production = ComparedModel::Production { version: spec::Version(2) };
    let missing = Some("the table has no column `tier`".to_owned());
    let notes = Vec::new();
    report.comparisons =
        vec![Comparison { with: production, part: Part::Test, tasks: IndexMap::new(), missing, notes }];
    report.slices.clear();
    report.importance = None;
    report.version = None;
    report.timeline.epochs.clear();
    report.timeline.best_epoch = None;
    report.features.clear();
    report.inputs.clear();
    report.settings.clear();
    report
}

/// The usual report with a task that tells four classes, the first of which has a hostile name.
pub(crate) fn of_classes(rows: usize, strength: f64) -> Report {
    let mut report = usual();
    let names = ["<script>tea</script>", "milk", "bread", "salt"].map(str::to_owned).to_vec();
    let measured = |part: Part, power: f64| {
        let (mut noise, mut measures) = (Noise(part as u64), ClassMeasures::new(names.clone()));
        for _ in 0..rows {
            let class = [0, 0, 1, 1, 2, 3, 4][(noise.uniform() * 7.0) as usize];
            let odds: Vec<f64> = (0..5)
                .map(|other| {
                    (strength * f64::from(u8::from(other == class)) + noise.normal() - 0.2 * other as f64).exp()
                })
                .collect();
            let sum: f64 = odds.iter().map(|odds| odds.powf(power)).sum();
            let probabilities: Vec<f32> = odds.iter().map(|odds| (odds.powf(power) / sum) as f32).collect();
            measures.push(&probabilities, class, 1.0).unwrap();
        }
        measures.metrics()
    };
    let mut metrics = TaskMetrics::new(TaskKind::Multiclass);
    for part in Part::ALL {
        metrics.set(part, measured(part, 1.0).with_uncalibrated(measured(part, 2.0)).into());
    }
    let name: TaskName = "next".parse().unwrap();
    let temperature = serde_json::from_value(serde_json::json!({"kind": "temperature", "temperature": 2.0})).unwrap();
    let calibration = TaskCalibration { calibrator: temperature, ..TaskCalibration::none() };
    report.calibration.tasks.insert(name.clone(), calibration);
    report.metrics.tasks.insert(name, metrics);
    report
}
