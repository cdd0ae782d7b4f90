//! A page whose checksum does not agree is refused, and the error names its file, row group and column. The rows are
//! written by pyarrow: arrow-rs writes no checksums.
#![allow(missing_docs, clippy::unwrap_used)]

extern crate kindred_feed as feed;

mod common;

use std::path::Path;
use std::process::Command;

use feed::{Feed, FeedError, Order};

/// Writes sound rows, and the same with one bit of a value of `age` in the second row group turned: without compression
/// and dictionary it would be another number and nothing else.
const WRITE: &str = r#"
import os, sys, pyarrow.parquet as parquet
rows = parquet.read_table(sys.argv[1])
for name in ("sound", "damaged"):
    os.mkdir(name)
    path = f"{name}/rows.parquet"
    parquet.write_table(rows, path, row_group_size=500, write_page_checksum=True, compression="none", use_dictionary=False)
column = parquet.ParquetFile(path).metadata.row_group(1).column(rows.column_names.index("age"))
with open(path, "r+b") as file:
    place = column.data_page_offset + column.total_compressed_size - 3
    file.seek(place)
    byte = file.read(1)[0]
    file.seek(place)
    file.write(bytes([byte ^ 4]))
"#;

#[test]
fn a_turned_bit_in_a_page_with_a_checksum_is_refused() {
    let peers = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".setup/peers");
    if !peers.join("pyarrow").exists() {
        eprintln!("skipped: .setup/peers is missing; run `python3 scripts/setup.py peers`");
        return;
    }
    let (folder, runtime) = (tempfile::tempdir().unwrap(), common::runtime());
    common::write(&folder.path().join("plain.parquet"), &common::customers(0, 1000), 1000);
    let mut python = Command::new("python3");
    let written = python.args(["-c", WRITE, "plain.parquet"]).current_dir(folder.path()).env("PYTHONPATH", peers);
    let output = written.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let sound = common::table(&folder.path().join("sound"), &runtime);
    let fitted = common::fitted(&sound, 1, &runtime);
    let read = |name: &str| {
        let table = common::table(&folder.path().join(name), &runtime);
        let plan = common::plan(&table, &fitted, Order::Sequential, None, 2);
        let batches = Feed::open(plan, runtime.handle()).unwrap();
        batches.map(|batch| batch.map(|batch| batch.rows())).sum::<Result<usize, FeedError>>()
    };
    assert_eq!(read("sound").unwrap(), 1000);
    let error = read("damaged").unwrap_err();
    let said = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
    let said = said.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    for part in ["damaged/rows.parquet", "row group 1", "age", "CRC"] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}
