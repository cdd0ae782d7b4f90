//! How fast Parquet becomes encoded batches, beside plain decoding of the same columns on as many threads.
//!
//! `cargo run --example speed -p kindred-feed -- [rows] [threads]`. Half of the 26 categorical columns are strings, half integers, with
//! 100,000 values each; 13 numeric ones; every twentieth value is null.
#![allow(missing_docs)]

extern crate kindred_feed as feed;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Float32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use artifacts::rows::{Columns, FileHandle};
use artifacts::source::resolve;
use feed::{Feed, FeedPlan, FitPlan, Labels, Order, RowSets, Splitter, Table, fit_encoders};
use indexmap::IndexMap;
use model::encode::Encoders;
use model::input::Inputs;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use spec::feature::Feature;
use spec::training::Split;
use spec::{FeatureName, Task, TaskName};
use tokio::runtime::Runtime;

const CATEGORIES: usize = 26;
const NUMBERS: usize = 13;
const VALUES: u64 = 100_000;
const ROW_GROUP: usize = 1 << 17;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let argument = |place: usize| std::env::args().nth(place).and_then(|text| text.parse::<usize>().ok());
    let rows = argument(1).unwrap_or(1 << 20);
    let threads = argument(2).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let (folder, runtime) = (tempfile::tempdir()?, Runtime::new()?);
    write(folder.path(), rows)?;
    let table = open(folder.path(), &runtime)?;
    println!("{rows} rows, {} columns, {threads} threads", CATEGORIES + NUMBERS);

    let clock = Clock::start();
    let plan =
        FitPlan { table: table.clone(), features: features()?, labels: labels()?, splitter: splitter()?, threads };
    let encoders = Arc::new(fit_encoders(plan, runtime.handle())?.encoders);
    clock.report("fit encoders", rows, CATEGORIES + NUMBERS);

    decoding(&table, &runtime, rows)?;
    encoding(&table, &encoders, &runtime)?;
    for (name, order) in [("feed in sequence", Order::Sequential), ("feed shuffled", shuffled())] {
        let clock = Clock::start();
        let feed = Feed::open(plan_of(&table, &encoders, order, threads)?, runtime.handle())?;
        let delivered = feed.map(|batch| batch.map(|batch| batch.rows())).sum::<Result<usize, _>>()?;
        assert_eq!(delivered, rows);
        clock.report(name, rows, CATEGORIES + NUMBERS);
    }
    Ok(())
}

/// Wall time and processor time of all threads since some moment; on a busy machine the second is what to compare.
struct Clock {
    started: Instant,
    used: f64,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), used: processor_seconds() }
    }

    fn report(&self, name: &str, rows: usize, columns: usize) {
        let (wall, used) = (self.started.elapsed().as_secs_f64(), processor_seconds() - self.used);
        let millions = |count: usize, seconds: f64| count as f64 / seconds / 1e6;
        let values = rows * columns;
        println!(
            "{name:<40} {:>7.2} M rows/s {:>8.1} M values/s; per core {:>7.2} M rows/s {:>8.1} M values/s",
            millions(rows, wall),
            millions(values, wall),
            millions(rows, used),
            millions(values, used)
        );
    }
}

/// User and system time of the process; 0 where there is no `/proc`.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

/// One thread over all row groups: strings expanded, strings as dictionaries, and then encoded as well.
fn decoding(table: &Table, runtime: &Runtime, rows: usize) -> Outcome<()> {
    let names: Vec<String> = columns();
    let plain = Columns::new(&names);
    let dictionaries = Columns::new(&names).with_dictionaries(&names);
    for (name, columns) in [("decode, one thread", &plain), ("decode to dictionaries, one thread", &dictionaries)] {
        let clock = Clock::start();
        let decoded = each_batch(table, runtime, columns, |batch| batch.num_rows())?;
        assert_eq!(decoded, rows);
        clock.report(name, rows, CATEGORIES + NUMBERS);
    }
    Ok(())
}

fn each_batch(
    table: &Table,
    runtime: &Runtime,
    columns: &Columns,
    mut batch: impl FnMut(&RecordBatch) -> usize,
) -> Outcome<usize> {
    let mut rows = 0;
    for file in table.files() {
        let projection = file.project(columns)?;
        for row_group in 0..file.row_groups() {
            let data = runtime.block_on(FileHandle::fetch(file, row_group, &projection))?;
            for decoded in data.decode(8192)? {
                rows += batch(&decoded?);
            }
        }
    }
    Ok(rows)
}

/// Encoding alone, of batches in memory, by kind of column.
fn encoding(table: &Table, encoders: &Encoders, runtime: &Runtime) -> Outcome<()> {
    for (name, prefixes, count) in [
        ("encode string dictionaries, one thread", &["s"][..], CATEGORIES / 2),
        ("encode integers, one thread", &["i"], CATEGORIES / 2),
        ("encode numbers, one thread", &["n"], NUMBERS),
        ("encode all, one thread", &["s", "i", "n"], CATEGORIES + NUMBERS),
    ] {
        let names: Vec<String> = columns().into_iter().filter(|name| prefixes.contains(&&name[..1])).collect();
        let mut batches = Vec::new();
        each_batch(table, runtime, &Columns::new(&names).with_dictionaries(&names), |batch| {
            batches.push(batch.clone());
            batch.num_rows()
        })?;
        let part = part_of(encoders, prefixes)?;
        let (mut encoder, mut inputs) = (part.bind(&batches[0].schema())?, Inputs::default());
        let (clock, mut rows) = (Clock::start(), 0);
        for batch in &batches {
            encoder.encode(batch, &mut inputs)?;
            rows += batch.num_rows();
        }
        clock.report(name, rows, count);
    }
    Ok(())
}

/// The encoders of the columns whose names start so.
fn part_of(encoders: &Encoders, prefixes: &[&str]) -> Outcome<Encoders> {
    let mut json = serde_json::to_value(encoders)?;
    let features = json["features"].as_array_mut().ok_or("features")?;
    features.retain(|feature| feature["name"].as_str().is_some_and(|name| prefixes.contains(&&name[..1])));
    Ok(serde_json::from_value(json)?)
}

fn columns() -> Vec<String> {
    let half = CATEGORIES / 2;
    let categories = (0..half).map(|column| format!("s{column}")).chain((0..half).map(|column| format!("i{column}")));
    categories.chain((0..NUMBERS).map(|column| format!("n{column}"))).collect()
}

fn features() -> Outcome<IndexMap<FeatureName, Feature>> {
    let mut features = serde_json::Map::new();
    for name in columns() {
        let kind = if name.starts_with('n') { "numeric" } else { "categorical" };
        let mut feature = serde_json::json!({"kind": kind});
        if kind == "categorical" {
            feature["width"] = 16.into();
        }
        features.insert(name, feature);
    }
    Ok(serde_json::from_value(features.into())?)
}

fn labels() -> Outcome<Labels> {
    let tasks: IndexMap<TaskName, Task> =
        serde_json::from_value(serde_json::json!({"buys": {"kind": "binary", "label": "label"}}))?;
    Ok(Labels::new(&tasks, None, &"id".parse()?, &RowSets::default())?)
}

fn splitter() -> Outcome<Splitter> {
    Ok(Splitter::new(&Split::default(), &"id".parse()?))
}

fn shuffled() -> Order {
    Order::Shuffled { seed: 7, epoch: 0, window_rows: 1 << 18 }
}

fn plan_of(table: &Table, encoders: &Arc<Encoders>, order: Order, threads: usize) -> Outcome<FeedPlan> {
    let (table, encoders) = (table.clone(), encoders.clone());
    Ok(FeedPlan {
        table,
        encoders,
        labels: labels()?,
        part: None,
        learning: false,
        carry: Vec::new(),
        order,
        batch_rows: 4096,
        threads,
    })
}

fn open(folder: &Path, runtime: &Runtime) -> Outcome<Table> {
    let source = serde_json::from_value(serde_json::json!({"url": folder}))?;
    runtime.block_on(async { Ok::<_, Box<dyn Error>>(Table::open(&resolve(&source).await?.files).await?) })
}

/// The same rows every time: a multiplicative generator.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// A value of a skewed distribution, none one time in twenty.
    fn value(&mut self) -> Option<u64> {
        let share = self.next() as f64 / (1u64 << 31) as f64;
        (!self.next().is_multiple_of(20)).then_some((share * share * share * VALUES as f64) as u64)
    }
}

fn write(folder: &Path, rows: usize) -> Outcome<()> {
    let mut numbers = Numbers(1);
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .build();
    let first = batch(0, ROW_GROUP.min(rows), &mut numbers)?;
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(folder.join("rows.parquet"))?, first.schema(), Some(properties))?;
    writer.write(&first)?;
    for start in (ROW_GROUP..rows).step_by(ROW_GROUP) {
        writer.write(&batch(start, ROW_GROUP.min(rows - start), &mut numbers)?)?;
    }
    writer.close()?;
    Ok(())
}

fn batch(first: usize, rows: usize, numbers: &mut Numbers) -> Outcome<RecordBatch> {
    let ids = Int64Array::from_iter_values(first as i64..(first + rows) as i64);
    let label = Int32Array::from_iter_values((0..rows).map(|_| numbers.next().is_multiple_of(10).into()));
    let mut columns: Vec<(String, ArrayRef)> = vec![("id".into(), Arc::new(ids)), ("label".into(), Arc::new(label))];
    for name in self::columns() {
        let values = (0..rows).map(|_| numbers.value());
        let array: ArrayRef = match &name[..1] {
            "s" => Arc::new(StringArray::from_iter(values.map(|value| Some(format!("category {}", value?))))),
            "i" => Arc::new(Int64Array::from_iter(values.map(|value| Some(value? as i64)))),
            _ => Arc::new(Float32Array::from_iter(values.map(|value| Some((value? as f32 + 1.0).ln())))),
        };
        columns.push((name, array));
    }
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?)
}
