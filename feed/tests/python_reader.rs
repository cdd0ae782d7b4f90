//! The reader of `encoders.json` in the documentation gives the same ids and numbers as the encoders, to the last bit.
#![allow(missing_docs, clippy::unwrap_used)]

extern crate kindred_feed as feed;

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int64Array,
    ListArray, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type};
use indexmap::IndexMap;
use model::encode::{EncoderFit, Encoders};
use model::input::Inputs;
use spec::FeatureName;
use spec::feature::Feature;

fn clone_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The Python in the documentation.
fn documented_reader() -> String {
    let page = std::fs::read_to_string(clone_folder().join("docs/model-package.md")).unwrap();
    page.split_once("```python\n").unwrap().1.split_once("\n```").unwrap().0.to_owned()
}

const COMPARE: &str = r#"
import sys, pyarrow.parquet
encoders = json.load(open(sys.argv[1]))
table = pyarrow.parquet.read_table(sys.argv[2])
expected = json.load(open(sys.argv[3]))
numbers, found, shares = encode(encoders, table)
exact = np.array(expected["numbers"], np.uint32).view(np.float32).reshape(len(table), -1)
assert numbers.shape == exact.shape, (numbers.shape, exact.shape)
wrong = np.argwhere(numbers.view(np.uint32) != exact.view(np.uint32))
wrong = [(r, c) for r, c in wrong if numbers[r, c] != exact[r, c]]  # 0.0 and -0.0 are the same number
assert not wrong, [(r, c, numbers[r, c], exact[r, c]) for r, c in wrong[:5]]
assert found.keys() == expected["ids"].keys()
for name, rows in expected["ids"].items():
    assert list(found[name]) == rows, (name, [(r, a, b) for r, (a, b) in enumerate(zip(found[name], rows)) if a != b][:5])
for name, rows in expected["weights"].items():
    for row, (a, b) in enumerate(zip(shares[name], rows, strict=True)):
        assert a.view(np.uint32).tolist() == b, (name, row, a, np.array(b, np.uint32).view(np.float32))
print(f"{numbers.size} numbers and {sum(map(len, found.values()))} ids agree")
"#;

fn rows(count: i64, shift: i64) -> RecordBatch {
    let at = |row: i64| (row * 7919 + shift * 31) % 1009;
    let each = || 0..count;
    let some = |row: i64| row % 6 != 5;
    let long = "long ".repeat(300);
    let words = ["a b?", "", "Grüße", "\u{1F600}", long.as_str(), "05", "5", "true"];
    let word = |row: i64| some(row).then(|| words[at(row) as usize % words.len()]);
    let float = |row: i64| [0.5, -3.25, 1e21, 1e-7, 5.0, 0.0, -0.0, f64::NAN, 0.1][at(row) as usize % 9];
    let bytes: Vec<Option<&[u8]>> =
        each().map(|row| some(row).then(|| [&b"ok"[..], b"\xff\xfe", b"caf\xc3"][at(row) as usize % 3])).collect();
    let lists = each().map(|row| {
        some(row).then(|| {
            (0..at(row) % 5).map(|place| (place != 2).then_some((at(row + place) % 7) as i32)).collect::<Vec<_>>()
        })
    });
    let weights = each().map(|row| {
        some(row)
            .then(|| (0..at(row) % 5).map(|place| Some((at(row * 3 + place) % 11) as f64 / 3.0)).collect::<Vec<_>>())
    });
    let vectors =
        each().map(|row| some(row).then(|| [0, 1, 2].map(|place| Some(at(row + place) as f32 / 7.0)).to_vec()));
    let amount = |row: i64| match at(row) % 50 {
        0 => f64::INFINITY,
        1 => f64::NAN,
        other => (other - 20) as f64 * 1.37 + at(row) as f64,
    };
    let decimal = Decimal128Array::from_iter(each().map(|row| some(row).then(|| i128::from(at(row) * 25 - 300))));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("word", Arc::new(StringArray::from_iter(each().map(word)))),
        ("number", Arc::new(Int64Array::from_iter(each().map(|row| some(row).then(|| at(row) % 40 - 20))))),
        (
            "large",
            Arc::new(UInt64Array::from_iter(each().map(|row| some(row).then(|| u64::MAX - (at(row) % 5) as u64)))),
        ),
        ("flag", Arc::new(BooleanArray::from_iter(each().map(|row| some(row).then(|| at(row) % 2 == 0))))),
        ("float", Arc::new(Float64Array::from_iter_values(each().map(float)))),
        ("single", Arc::new(Float32Array::from_iter_values(each().map(|row| (at(row) % 9) as f32 / 10.0)))),
        ("decimal", Arc::new(decimal.with_precision_and_scale(12, 2).unwrap())),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(bytes))),
        ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
        ("weights", Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(weights))),
        // Not of a fixed size: pyarrow does not read one with nulls from Parquet.
        ("vector", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(vectors))),
        ("amount", Arc::new(Float64Array::from_iter(each().map(|row| some(row).then(|| amount(row)))))),
        ("day", Arc::new(Date32Array::from_iter(each().map(|row| some(row).then(|| (at(row) * 30 - 9000) as i32))))),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                each().map(|row| at(row) * 86_399_123_457 * 11 - 5_000_000_000_000),
            )),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn features() -> IndexMap<FeatureName, Feature> {
    let mut features = serde_json::Map::new();
    for column in ["word", "number", "large", "flag", "float", "single", "decimal", "bytes"] {
        features.insert(column.into(), serde_json::json!({"kind": "categorical", "vocabulary": {"min_count": 1}}));
        let hash = serde_json::json!({"buckets": 1000, "seed": 11});
        features.insert(
            format!("{column} hashed"),
            serde_json::json!({"kind": "categorical", "column": column, "hash": hash}),
        );
    }
    for transform in ["quantile", "standardize", "log1p", "min_max", "none", "piecewise_linear"] {
        for column in ["amount", "number", "decimal", "flag"] {
            let feature =
                serde_json::json!({"kind": "numeric", "column": column, "transform": transform, "impute": "mean"});
            features.insert(format!("{column} by {transform}"), feature);
        }
    }
    let parts = serde_json::json!(["month", "age_days", "weekday", "hour"]);
    for column in ["day", "time"] {
        let feature =
            serde_json::json!({"kind": "timestamp", "column": column, "reference": "1998-07-01", "encode": parts});
        features.insert(format!("{column} parts"), feature);
    }
    features
        .insert("list".into(), serde_json::json!({"kind": "bag", "vocabulary": {"min_count": 20}, "max_length": 3}));
    features.insert("list hashed".into(), serde_json::json!({"kind": "bag", "column": "list", "hash": {"buckets": 3}}));
    let vocabulary = serde_json::json!({"min_count": 20});
    let shared = serde_json::json!({
        "list weighted": {"kind": "bag", "column": "list", "pool": "weighted", "weights": "weights", "table": "seven"},
        "list's end": {"kind": "sequence", "column": "list", "vocabulary": {"min_count": 1}, "max_length": 2},
        "steps": {"kind": "sequence", "column": "list", "pool": "attention", "target": "word", "with": ["steps beside"]},
        "steps beside": {"kind": "sequence", "column": "list", "hash": {"buckets": 9}},
        "vector zero": {"kind": "vector", "column": "vector"},
        "vector projected": {"kind": "vector", "column": "vector", "width": 5},
        "mean projected": {"kind": "vector", "column": "vector", "width": 5, "impute": "mean"},
        "vector mean": {"kind": "vector", "column": "vector", "impute": "mean"},
        "amount bucket": {"kind": "numeric", "column": "amount", "transform": "buckets", "buckets": 9},
        "number bucket": {"kind": "numeric", "column": "number", "transform": "buckets", "edges": [-3, 0.5, 7]},
        "list shared": {"kind": "bag", "column": "list", "table": "seven", "vocabulary": vocabulary, "max_length": 2},
        "number shared": {"kind": "categorical", "column": "number", "table": "seven"},
        "cross shared": {"kind": "cross", "of": ["word", "flag"], "hash": {"buckets": 70}, "table": "pairs"},
        "other cross": {"kind": "cross", "of": ["flag", "number", "word"], "hash": {"buckets": 70}, "table": "pairs"},
    });
    features.extend(shared.as_object().unwrap().clone());
    let of = serde_json::json!(["word", "number", "float"]);
    features
        .insert("cross".into(), serde_json::json!({"kind": "cross", "of": of, "hash": {"buckets": 5000, "seed": 3}}));
    serde_json::from_value(features.into()).unwrap()
}

/// Numbers as bits, and ids of each feature counted from its own first row.
fn encoded(encoders: &Encoders, batch: &RecordBatch) -> serde_json::Value {
    let mut inputs = Inputs::default();
    encoders.bind(&batch.schema()).unwrap().encode(batch, &mut inputs).unwrap();
    let (layout, mut bag) = (encoders.layout(), 0);
    let (mut ids, mut weights) = (serde_json::Map::new(), serde_json::Map::new());
    for (place, table) in layout.tables.iter().enumerate() {
        let found = inputs.table_ids(&layout, place, 0..inputs.rows);
        for (column, slot) in table.singles().iter().enumerate() {
            let rows = found.iter().skip(column).step_by(table.singles().len());
            let local: Vec<i64> = rows.map(|&id| i64::from(id) - i64::from(slot.first_row)).collect();
            ids.insert(slot.feature.to_string(), local.into());
        }
        for slot in table.bags() {
            let local = |row: usize| {
                inputs.bags[bag]
                    .row(row)
                    .iter()
                    .map(|&id| i64::from(id) - i64::from(slot.first_row))
                    .collect::<Vec<_>>()
            };
            let rows: Vec<Vec<i64>> = (0..inputs.rows).map(local).collect();
            ids.insert(slot.feature.to_string(), rows.into());
            if !inputs.bags[bag].weights.is_empty() {
                let bits = |row| inputs.bags[bag].row_weights(row).iter().map(|weight| weight.to_bits());
                let rows: Vec<Vec<u32>> = (0..inputs.rows).map(|row| bits(row).collect()).collect();
                weights.insert(slot.feature.to_string(), rows.into());
            }
            bag += 1;
        }
    }
    let bits: Vec<u32> = inputs.numeric.iter().map(|number| number.to_bits()).collect();
    serde_json::json!({"numbers": bits, "ids": ids, "weights": weights})
}

#[test]
fn the_documented_reader_agrees_with_the_encoders() {
    let peers = clone_folder().join(".setup/peers");
    if !peers.join("xxhash").exists() {
        eprintln!("skipped: .setup/peers is missing; run `python3 scripts/setup.py peers`");
        return;
    }
    let (folder, training, scored) = (tempfile::tempdir().unwrap(), rows(3000, 0), rows(2000, 1));
    let mut fit = EncoderFit::new(&features(), &training.schema()).unwrap();
    fit.update(&training, None).unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("encoders.json"), serde_json::to_string(&fit.finish().unwrap()).unwrap()).unwrap();
    let encoders: Encoders = serde_json::from_slice(&std::fs::read(path("encoders.json")).unwrap()).unwrap();
    common::write(&path("rows.parquet"), &scored, 700);
    std::fs::write(path("expected.json"), encoded(&encoders, &scored).to_string()).unwrap();
    std::fs::write(path("reader.py"), documented_reader() + COMPARE).unwrap();
    let arguments = ["reader.py", "encoders.json", "rows.parquet", "expected.json"].map(path);
    let output = Command::new("python3").args(arguments).env("PYTHONPATH", peers).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complained}");
    println!("{said}");
}
