//! A file's format and compression, told from its name.

use serde::{Deserialize, Serialize};
use spec::table::TableFormat;

/// Compression of a whole file; Parquet compresses inside and has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileCompression {
    /// None.
    None,
    /// gzip, `.gz`.
    Gzip,
    /// Zstandard, `.zst`.
    Zstd,
}

/// The extensions of a format, without compression.
pub(super) fn extensions(format: TableFormat) -> &'static [&'static str] {
    match format {
        TableFormat::Parquet => &[".parquet", ".parq", ".pq"],
        TableFormat::Csv => &[".csv"],
        TableFormat::Json => &[".json", ".jsonl", ".ndjson"],
    }
}

/// What a file's name says of its format, if anything.
pub(super) fn format_of(name: &str) -> Option<(TableFormat, FileCompression)> {
    let name = name.to_ascii_lowercase();
    let compression = compression_of(&name);
    let bare = match compression {
        FileCompression::None => name.as_str(),
        FileCompression::Gzip | FileCompression::Zstd => name.rsplit_once('.')?.0,
    };
    let has_extension = |format: &TableFormat| extensions(*format).iter().any(|ending| bare.ends_with(ending));
    let format = [TableFormat::Parquet, TableFormat::Csv, TableFormat::Json].into_iter().find(has_extension)?;
    let is_legal = format != TableFormat::Parquet || compression == FileCompression::None;
    is_legal.then_some((format, compression))
}

/// What a file's name says of its compression.
pub(super) fn compression_of(name: &str) -> FileCompression {
    let name = name.to_ascii_lowercase();
    if name.ends_with(".gz") || name.ends_with(".gzip") {
        FileCompression::Gzip
    } else if name.ends_with(".zst") || name.ends_with(".zstd") {
        FileCompression::Zstd
    } else {
        FileCompression::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_format_and_compression() {
        let cases = [
            ("a.parquet", Some((TableFormat::Parquet, FileCompression::None))),
            ("part-0.snappy.parquet", Some((TableFormat::Parquet, FileCompression::None))),
            ("A.CSV", Some((TableFormat::Csv, FileCompression::None))),
            ("a.csv.gz", Some((TableFormat::Csv, FileCompression::Gzip))),
            ("a.csv.zst", Some((TableFormat::Csv, FileCompression::Zstd))),
            ("a.jsonl", Some((TableFormat::Json, FileCompression::None))),
            ("a.ndjson.gz", Some((TableFormat::Json, FileCompression::Gzip))),
            ("a.json", Some((TableFormat::Json, FileCompression::None))),
            ("a.parquet.gz", None),
            ("a.txt", None),
            ("csv", None),
            ("a.gz", None),
        ];
        for (name, expected) in cases {
            assert_eq!(format_of(name), expected, "{name}");
        }
    }
}
