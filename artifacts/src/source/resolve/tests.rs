use std::path::PathBuf;
use std::sync::Arc;

use object_store::PutPayload;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(files: &[&str]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for file in files {
            let path = folder.path(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn source(&self, name: &str, format: Option<TableFormat>) -> TableSource {
        let url = format!("{}/{name}", self.path("").to_str().unwrap().trim_end_matches('/'));
        source(&url, format)
    }

    async fn resolve(&self, name: &str, format: Option<TableFormat>) -> Result<ResolvedTable> {
        resolve(&self.source(name, format)).await
    }

    /// The resolved files, relative to the folder.
    async fn names(&self, name: &str) -> Vec<String> {
        let base = format!("file://{}/", self.path("").to_str().unwrap().trim_end_matches('/'));
        let files = self.resolve(name, None).await.unwrap().files;
        files.iter().map(|file| file.url.strip_prefix(&base).unwrap().to_owned()).collect()
    }
}

fn source(url: &str, format: Option<TableFormat>) -> TableSource {
    serde_json::from_value(serde_json::json!({ "url": url, "format": format })).unwrap()
}

fn reason(result: Result<ResolvedTable>) -> NoFiles {
    match result {
        Err(ArtifactsError::NoFiles { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_file_is_itself_with_size_and_tag() {
    let folder = Folder::with(&["a.csv.gz"]);
    let table = folder.resolve("a.csv.gz", None).await.unwrap();
    assert_eq!((table.format, table.compression), (TableFormat::Csv, FileCompression::Gzip));
    assert_eq!((table.files.len(), table.files[0].size), (1, 8));
    assert!(table.files[0].etag.is_some() && table.files[0].last_modified.is_some());
}

#[tokio::test]
async fn a_document_can_say_what_a_name_does_not() {
    let folder = Folder::with(&["a.txt", "b.dat.zst"]);
    let error = folder.resolve("a.txt", None).await.unwrap_err();
    assert!(error.to_string().contains("a.txt cannot be told from its name"), "{error}");
    let told = folder.resolve("a.txt", Some(TableFormat::Csv)).await.unwrap();
    assert_eq!((told.format, told.compression), (TableFormat::Csv, FileCompression::None));
    let zstd = folder.resolve("b.dat.zst", Some(TableFormat::Json)).await.unwrap();
    assert_eq!(zstd.compression, FileCompression::Zstd);
}

#[tokio::test]
async fn a_folder_has_its_visible_files_in_order() {
    let folder = Folder::with(&[
        "t/b.parquet",
        "t/a.parquet",
        "t/deep/c.parquet",
        "t/_SUCCESS",
        "t/_temporary/x.parquet",
        "t/.hidden.parquet",
        "t/.dir/y.parquet",
        "t/README.md",
    ]);
    let expected = ["t/a.parquet", "t/b.parquet", "t/deep/c.parquet"];
    assert_eq!(folder.names("t").await, expected);
    assert_eq!(folder.names("t/").await, expected);
}

#[tokio::test]
async fn a_hidden_folder_can_be_named() {
    let folder = Folder::with(&["_t/a.parquet", "_t/_b.parquet"]);
    assert_eq!(folder.names("_t").await, ["_t/a.parquet"]);
    assert_eq!(folder.names("_t/_b.parquet").await, ["_t/_b.parquet"]);
}

#[tokio::test]
async fn a_folder_without_files_says_which_and_why() {
    let folder = Folder::with(&["t/_SUCCESS", "u/a.txt", "u/b.txt"]);
    std::fs::create_dir(folder.path("empty")).unwrap();
    assert_eq!(reason(folder.resolve("empty", None).await), NoFiles::Empty);
    assert_eq!(reason(folder.resolve("t", None).await), NoFiles::Empty);
    assert_eq!(reason(folder.resolve("nowhere", None).await), NoFiles::Absent);
    assert_eq!(reason(folder.resolve("nowhere.parquet", None).await), NoFiles::Absent);
    let extensions = ".csv".to_owned();
    assert_eq!(reason(folder.resolve("u", Some(TableFormat::Csv)).await), NoFiles::Extension { others: 2, extensions });
    let message = folder.resolve("empty", None).await.unwrap_err().to_string();
    assert!(message.contains("/empty: the folder is empty"), "{message}");
}

#[tokio::test]
async fn files_of_two_formats_are_not_one_table() {
    let folder = Folder::with(&["t/a.csv", "t/b.parquet", "u/a.csv", "u/b.csv.gz"]);
    let error = folder.resolve("t", None).await.unwrap_err().to_string();
    assert!(error.contains("t/a.csv") && error.contains("t/b.parquet"), "{error}");
    assert!(matches!(folder.resolve("u", None).await, Err(ArtifactsError::MixedFormats { .. })));
    let told = folder.resolve("t", Some(TableFormat::Parquet)).await.unwrap();
    assert_eq!(told.files.len(), 1);
}

#[tokio::test]
async fn patterns_match_segment_by_segment() {
    let folder = Folder::with(&[
        "2024-01/a.parquet",
        "2024-02/b.parquet",
        "2024-02/deep/c.parquet",
        "2025-01/d.parquet",
        "2024-02/_x.parquet",
        "2024-02/.y.parquet",
    ]);
    assert_eq!(folder.names("2024-*/*.parquet").await, ["2024-01/a.parquet", "2024-02/b.parquet"]);
    assert_eq!(folder.names("2024-0[2-9]/?.parquet").await, ["2024-02/b.parquet"]);
    assert_eq!(folder.names("2024-02/**/*.parquet").await, ["2024-02/b.parquet", "2024-02/deep/c.parquet"]);
    assert_eq!(folder.names("2024-02/_*").await, ["2024-02/_x.parquet"]);
    assert_eq!(reason(folder.resolve("2026-*/*.parquet", None).await), NoFiles::Unmatched);
    let malformed = folder.resolve("2024-**x/*.parquet", None).await;
    assert!(matches!(malformed, Err(ArtifactsError::Url { reason: UrlFault::Pattern, .. })), "{malformed:?}");
}

#[tokio::test]
async fn a_file_whose_name_looks_like_a_pattern_is_that_file() {
    let folder = Folder::with(&["a[1].csv", "a1.csv"]);
    assert_eq!(folder.names("a[1].csv").await, ["a[1].csv"]);
}

#[tokio::test]
async fn a_pattern_may_take_files_of_any_name_if_the_document_says_the_format() {
    let folder = Folder::with(&["logs/1.log", "logs/2.log"]);
    let table = folder.resolve("logs/*.log", Some(TableFormat::Json)).await.unwrap();
    assert_eq!(table.files.len(), 2);
    assert!(matches!(folder.resolve("logs/*.log", None).await, Err(ArtifactsError::UnknownFormat { .. })));
}

#[tokio::test]
async fn urls_of_strange_names_open_again() {
    let folder = Folder::with(&["t/a b.csv", "t/50%.csv", "t/é?.csv"]);
    let table = folder.resolve("t", None).await.unwrap();
    for file in &table.files {
        let (store, path) = file.open_store().unwrap();
        assert_eq!(store.head(&path).await.unwrap().size, file.size, "{}", file.url);
    }
}

#[tokio::test]
async fn other_stores_work_alike_and_folder_markers_are_no_files() {
    let store = Arc::new(object_store::memory::InMemory::new());
    for path in ["data/t/a.parquet", "data/t/b.parquet", "data/t", "data/tt/c.parquet"] {
        store.put(&Path::from(path), PutPayload::from_static(b"x")).await.unwrap();
    }
    crate::source::register_store("memory://resolve", store).unwrap();
    let urls = |table: ResolvedTable| table.files.into_iter().map(|file| file.url).collect::<Vec<_>>();
    let expected = ["memory://resolve/data/t/a.parquet", "memory://resolve/data/t/b.parquet"];
    assert_eq!(urls(resolve(&source("memory://resolve/data/t/", None)).await.unwrap()), expected);
    assert_eq!(urls(resolve(&source("memory://resolve/data/t/*", None)).await.unwrap()), expected);
    let whole_bucket = resolve(&source("memory://resolve", None)).await.unwrap();
    assert_eq!(whole_bucket.files.len(), 3);
}

#[tokio::test]
async fn one_file_has_its_own_row_in_every_spelling() {
    let folder = Folder::with(&["t/a.csv"]);
    let plain = folder.resolve("t/a.csv", None).await.unwrap();
    let url = format!("file://{}", folder.path("t/a.csv").to_str().unwrap());
    assert_eq!(resolve(&source(&url, None)).await.unwrap(), plain);
    assert_eq!(folder.resolve("t/../t/a.csv", None).await.unwrap(), plain);
}
