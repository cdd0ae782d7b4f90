use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    LargeStringArray, ListBuilder, StringArray, StringBuilder, StringViewArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::*;
use crate::error::{Change, DecodeFault, FailureClass};
use crate::layout::Key;
use crate::source::{InputFile, resolve};
use crate::workspace::Workspace;

const ROWS: usize = 2500;
const GROUP: usize = 1000;

fn workspace() -> Workspace {
    let name = format!("memory://{}/ws", uuid::Uuid::new_v4().simple());
    Workspace::open(&name).unwrap()
}

fn key(name: &str) -> Key {
    name.parse().unwrap()
}

fn people() -> RecordBatch {
    let ids = Int64Array::from_iter_values(0..ROWS as i64);
    let city = StringArray::from_iter((0..ROWS).map(|row| (row % 7 != 0).then(|| format!("city {}", row % 5))));
    let score = Float32Array::from_iter_values((0..ROWS).map(|row| row as f32 * 0.5));
    let mut tags = ListBuilder::new(StringBuilder::new());
    for row in 0..ROWS {
        (0..row % 3).for_each(|tag| tags.values().append_value(format!("tag {tag}")));
        tags.append(true);
    }
    RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(ids) as ArrayRef, false),
        ("city", Arc::new(city), true),
        ("score", Arc::new(score), false),
        ("tags", Arc::new(tags.finish()), true),
    ])
    .unwrap()
}

/// Parquet as somebody else would write it.
fn foreign(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties =
        WriterProperties::builder().set_max_row_group_row_count(Some(GROUP)).set_compression(compression).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

async fn store(workspace: &Workspace, name: &str, bytes: Vec<u8>) -> InputFile {
    let size = bytes.len() as u64;
    workspace.write(&key(name), bytes).await.unwrap();
    InputFile { url: workspace.url_of(&key(name)), size, etag: None, last_modified: None }
}

async fn stored_people(workspace: &Workspace) -> InputFile {
    store(workspace, "people.parquet", foreign(&people(), Compression::SNAPPY)).await
}

async fn read_all(file: &Arc<FileHandle>, columns: &Columns) -> Result<Vec<RecordBatch>> {
    let projection = file.project(columns)?;
    let mut batches = Vec::new();
    for row_group in 0..file.row_groups() {
        batches.extend(read_row_group(file, row_group, &projection, 300).try_collect::<Vec<_>>().await?);
    }
    Ok(batches)
}

fn joined(batches: &[RecordBatch]) -> RecordBatch {
    arrow::compute::concat_batches(batches[0].schema_ref(), batches).unwrap()
}

#[tokio::test]
async fn rows_come_back_as_they_were_written() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    assert_eq!((file.rows(), file.row_group_rows()), (2500, vec![1000, 1000, 500]));
    let batches = read_all(&file, &Columns::new(["id", "city", "score", "tags"])).await.unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 300));
    assert_eq!(joined(&batches).columns(), people().columns());
}

#[tokio::test]
async fn columns_come_in_the_order_asked_for_and_once() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    let batches = read_all(&file, &Columns::new(["score", "id", "score"])).await.unwrap();
    let names: Vec<_> = batches[0].schema_ref().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["score", "id"]);
    assert_eq!(joined(&batches).column(1), people().column(0));
}

#[tokio::test]
async fn no_columns_still_have_rows() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    let none: [&str; 0] = [];
    let rows: usize = read_all(&file, &Columns::new(none)).await.unwrap().iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, ROWS);
}

#[tokio::test]
async fn text_comes_as_dictionaries_where_asked_for() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    let columns = Columns::new(["city", "id", "tags"]).with_dictionaries(["city", "id", "tags"]);
    let batches = read_all(&file, &columns).await.unwrap();
    let whole = people();
    let expected = whole.column(1).as_string::<i32>();
    let mut row = 0;
    for batch in &batches {
        let city = batch.column(0).as_dictionary::<Int32Type>();
        // The file's own dictionary: five cities, not one entry a row.
        assert_eq!(city.values().len(), 5);
        let text = city.downcast_dict::<StringArray>().unwrap();
        for value in text {
            assert_eq!(value, expected.is_valid(row).then(|| expected.value(row)));
            row += 1;
        }
        assert_eq!(batch.column(1).data_type(), &DataType::Int64);
        assert!(batch.column(2).as_list::<i32>().values().as_dictionary_opt::<Int32Type>().is_some());
    }
    assert_eq!(row, ROWS);
}

#[tokio::test]
async fn text_has_one_type_however_it_was_written() {
    let workspace = workspace();
    let dictionary = arrow::array::DictionaryArray::<arrow::datatypes::Int8Type>::from_iter(["a", "b", "a"]);
    let columns: [ArrayRef; 4] = [
        Arc::new(StringArray::from(vec!["a", "b", "a"])),
        Arc::new(LargeStringArray::from(vec!["a", "b", "a"])),
        Arc::new(StringViewArray::from(vec!["a", "b", "a"])),
        Arc::new(dictionary),
    ];
    let mut files = Vec::new();
    for (number, column) in columns.into_iter().enumerate() {
        let batch = RecordBatch::try_from_iter([("city", column)]).unwrap();
        let file = store(&workspace, &format!("{number}.parquet"), foreign(&batch, Compression::SNAPPY)).await;
        files.push(open_file(&file).await.unwrap());
    }
    for file in &files {
        assert_eq!(file.schema().field(0).data_type(), &DataType::Utf8);
        let plain = read_all(file, &Columns::new(["city"])).await.unwrap();
        assert_eq!(plain[0].column(0).as_string::<i32>(), &StringArray::from(vec!["a", "b", "a"]));
        let coded = read_all(file, &Columns::new(["city"]).with_dictionaries(["city"])).await.unwrap();
        assert_eq!(coded[0].column(0).as_dictionary::<Int32Type>().values().len(), 2);
    }
    assert!(common_schema(&files, &Columns::new(["city"])).is_ok());
}

#[tokio::test]
async fn a_missing_column_names_the_file_and_what_is_near() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    let error = file.project(&Columns::new(["id", "City"])).unwrap_err();
    assert_eq!(error.to_string(), format!("{} has no column `City`; did you mean `city`?", file.file().url));
    assert_eq!(error.class(), FailureClass::Input);
    let unlike = file.project(&Columns::new(["zzz"])).unwrap_err();
    assert_eq!(unlike.to_string(), format!("{} has no column `zzz`", file.file().url));
}

#[tokio::test]
async fn two_columns_of_one_name_are_ambiguous_only_if_asked_for() {
    let workspace = workspace();
    let fields = ["a", "b", "b"].map(|name| Field::new(name, DataType::Int64, false));
    let column = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let batch = RecordBatch::try_new(schema, vec![column(), column(), column()]).unwrap();
    let file = store(&workspace, "twice.parquet", foreign(&batch, Compression::SNAPPY)).await;
    let file = open_file(&file).await.unwrap();
    assert_eq!(read_all(&file, &Columns::new(["a"])).await.unwrap()[0].num_rows(), 1);
    assert!(matches!(file.project(&Columns::new(["b"])), Err(ArtifactsError::AmbiguousColumn { .. })));
}

#[tokio::test]
async fn types_that_differ_between_files_name_both_and_the_column() {
    let workspace = workspace();
    let first = RecordBatch::try_from_iter([("age", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap();
    let second = RecordBatch::try_from_iter([("age", Arc::new(Float64Array::from(vec![1.0])) as ArrayRef)]).unwrap();
    let mut files = Vec::new();
    for (name, batch) in [("1.parquet", &first), ("2.parquet", &first), ("3.parquet", &second)] {
        let file = store(&workspace, name, foreign(batch, Compression::SNAPPY)).await;
        files.push(open_file(&file).await.unwrap());
    }
    let error = common_schema(&files, &Columns::new(["age"])).unwrap_err().to_string();
    assert!(error.contains("column `age` is Int64 in "), "{error}");
    assert!(error.contains("1.parquet but Float64 in ") && error.contains("3.parquet"), "{error}");
    assert!(common_schema(&files[..2], &Columns::new(["age"])).is_ok());
}

#[tokio::test]
async fn a_column_that_is_nullable_anywhere_is_so_in_the_common_schema() {
    let workspace = workspace();
    let column = |nullable| {
        let ids = Arc::new(Int64Array::from(vec![1])) as ArrayRef;
        RecordBatch::try_from_iter_with_nullable([("id", ids, nullable)]).unwrap()
    };
    let mut files = Vec::new();
    for (name, nullable) in [("1.parquet", false), ("2.parquet", true)] {
        let file = store(&workspace, name, foreign(&column(nullable), Compression::SNAPPY)).await;
        files.push(open_file(&file).await.unwrap());
    }
    assert!(common_schema(&files, &Columns::new(["id"])).unwrap().field(0).is_nullable());
    assert!(!common_schema(&files[..1], &Columns::new(["id"])).unwrap().field(0).is_nullable());
}

#[tokio::test]
async fn files_that_are_not_parquet_are_named() {
    let workspace = workspace();
    let whole = foreign(&people(), Compression::SNAPPY);
    let truncated = whole[..whole.len() - 100].to_vec();
    let cases: [(&str, Vec<u8>); 5] = [
        ("empty.parquet", Vec::new()),
        ("short.parquet", b"PAR1".to_vec()),
        ("text.parquet", b"id,city\n1,Rome\n2,Oslo\n".to_vec()),
        ("truncated.parquet", truncated),
        ("zeros.parquet", vec![0; 4096]),
    ];
    for (name, bytes) in cases {
        let file = store(&workspace, name, bytes).await;
        let error = open_file(&file).await.unwrap_err();
        assert!(matches!(error, ArtifactsError::NotParquet { .. }), "{name}: {error}");
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.class(), FailureClass::Input);
    }
}

#[tokio::test]
async fn a_damaged_page_names_file_row_group_and_column() {
    let workspace = workspace();
    let mut bytes = foreign(&people(), Compression::ZSTD(Default::default()));
    let file = store(&workspace, "people.parquet", bytes.clone()).await;
    let sound = open_file(&file).await.unwrap();
    let (start, length) = sound.metadata.metadata().row_group(1).column(1).byte_range();
    let middle = (start + length / 2) as usize;
    bytes[middle - 8..middle + 8].fill(0xff);
    store(&workspace, "people.parquet", bytes).await;

    let damaged = open_file(&file).await.unwrap();
    let columns = Columns::new(["id", "score", "city"]);
    let projection = damaged.project(&columns).unwrap();
    assert!(read_row_group(&damaged, 0, &projection, 300).try_collect::<Vec<_>>().await.is_ok());
    let error = read_row_group(&damaged, 1, &projection, 300).try_collect::<Vec<_>>().await.unwrap_err();
    let ArtifactsError::Damaged { url, row_group, column, .. } = &error else { panic!("{error}") };
    assert_eq!((url, *row_group, column.as_deref()), (&file.url, 1, Some("city")));
    assert!(error.to_string().contains("row group 1 cannot be read in column `city`"), "{error}");
}

#[tokio::test]
async fn whatever_bit_flips_a_file_reads_or_fails_with_its_name() {
    let workspace = workspace();
    let bytes = foreign(&people().slice(0, 40), Compression::SNAPPY);
    let columns = Columns::new(["id", "city", "score", "tags"]).with_dictionaries(["city"]);
    // The decoder's panics are caught; their messages would only litter the test's output.
    std::panic::set_hook(Box::new(|_| {}));
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let file = store(&workspace, "flipped.parquet", flipped).await;
        let read = async { read_all(&open_file(&file).await?, &columns).await };
        match read.await {
            Ok(batches) => assert!(batches.iter().map(RecordBatch::num_rows).sum::<usize>() <= 40, "byte {at}"),
            Err(error) => assert!(error.to_string().contains("flipped.parquet"), "byte {at}: {error}"),
        }
    }
    let _ = std::panic::take_hook();
}

#[tokio::test]
async fn text_that_is_not_utf8_names_its_column() {
    let workspace = workspace();
    let bytes = BinaryArray::from_iter_values([&b"Rome"[..], b"\xff\xfe", b"Oslo"]);
    let ids = Int64Array::from(vec![1, 2, 3]);
    let batch =
        RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("city", Arc::new(bytes) as ArrayRef)]).unwrap();
    // What a careless writer makes: bytes that are declared to be text.
    let schema = parquet::schema::parser::parse_message_type(
        "message schema { required int64 id; required byte_array city (UTF8); }",
    );
    let descriptor = parquet::schema::types::SchemaDescriptor::new(Arc::new(schema.unwrap()));
    let options = parquet::arrow::arrow_writer::ArrowWriterOptions::new()
        .with_parquet_schema(descriptor)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(&batch).unwrap();
    let file = store(&workspace, "bytes.parquet", writer.into_inner().unwrap()).await;
    let file = open_file(&file).await.unwrap();
    assert_eq!(file.schema().field(1).data_type(), &DataType::Utf8);
    for columns in [Columns::new(["id", "city"]), Columns::new(["id", "city"]).with_dictionaries(["city"])] {
        let error = read_all(&file, &columns).await.unwrap_err();
        assert!(error.to_string().contains("row group 0 cannot be read in column `city`"), "{error}");
    }
    assert!(read_all(&file, &Columns::new(["id"])).await.is_ok());
}

#[tokio::test]
async fn a_row_group_that_is_not_there_is_refused() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    let projection = file.project(&Columns::new(["id"])).unwrap();
    let error = file.fetch(3, &projection).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::NoRowGroup { row_group: 3, row_groups: 3, .. }), "{error}");
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_listed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("people.parquet");
    std::fs::write(&path, foreign(&people(), Compression::SNAPPY)).unwrap();
    let source = serde_json::json!({"url": path.to_str().unwrap()});
    let listed = resolve(&serde_json::from_value(source).unwrap()).await.unwrap().files.remove(0);
    let open = open_file(&listed).await.unwrap();
    let projection = open.project(&Columns::new(["id"])).unwrap();
    assert!(open.fetch(0, &projection).await.is_ok());

    let replacement = folder.path().join("other");
    std::fs::write(&replacement, foreign(&people(), Compression::SNAPPY)).unwrap();
    std::fs::rename(&replacement, &path).unwrap();
    for error in [open.fetch(0, &projection).await.unwrap_err(), open_file(&listed).await.unwrap_err()] {
        assert!(matches!(error, ArtifactsError::Changed { change: Change::Rewritten, .. }), "{error}");
    }
    std::fs::remove_file(&path).unwrap();
    let gone = open_file(&listed).await.unwrap_err();
    assert!(matches!(gone, ArtifactsError::Changed { change: Change::Gone, .. }), "{gone}");
}

#[tokio::test]
async fn a_file_of_another_size_is_refused_even_without_a_tag() {
    let workspace = workspace();
    let file = stored_people(&workspace).await;
    let mut longer = workspace.read(&key("people.parquet")).await.unwrap().to_vec();
    longer.extend_from_slice(&longer.clone());
    workspace.write(&key("people.parquet"), longer).await.unwrap();
    let error = open_file(&file).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::Changed { change: Change::Size { .. }, .. }), "{error}");
}

async fn write(
    workspace: &Workspace,
    name: &str,
    batches: &[RecordBatch],
    options: &ParquetOptions,
) -> crate::FileRecord {
    let schema: SchemaRef = batches[0].schema();
    let mut writer = ParquetWriter::create(workspace, key(name), &schema, options).unwrap();
    for batch in batches {
        writer.write(batch).await.unwrap();
    }
    writer.finish().await.unwrap()
}

#[tokio::test]
async fn written_files_read_back_and_their_record_is_true() {
    let workspace = workspace();
    let options = ParquetOptions { row_group_rows: 700, ..ParquetOptions::default() };
    for compression in
        [PageCompression::None, PageCompression::Gzip, PageCompression::Zstd(1), PageCompression::Zstd(9)]
    {
        let options = ParquetOptions { compression, ..options.clone() };
        let record = write(&workspace, "out.parquet", &[people()], &options).await;
        let bytes = workspace.read(&record.key).await.unwrap();
        assert_eq!((record.rows, record.bytes), (ROWS as u64, bytes.len() as u64));
        assert_eq!(record.sha256, crate::Digest::of(&bytes));
        let file = open_file(&record.input_file(&workspace)).await.unwrap();
        assert_eq!(file.row_group_rows(), [700, 700, 700, 400]);
        let batches = read_all(&file, &Columns::new(["id", "city", "score", "tags"])).await.unwrap();
        assert_eq!(joined(&batches).columns(), people().columns());
    }
}

#[tokio::test]
async fn the_same_batches_give_the_same_bytes_without_a_trace_of_when_and_by_whom() {
    let workspace = workspace();
    let batches = [people(), people()];
    let first = write(&workspace, "1.parquet", &batches, &ParquetOptions::default()).await;
    let second = write(&workspace, "2.parquet", &batches, &ParquetOptions::default()).await;
    assert_eq!((first.sha256, first.bytes), (second.sha256, second.bytes));
    let file = open_file(&first.input_file(&workspace)).await.unwrap();
    assert_eq!(file.metadata.metadata().file_metadata().created_by(), Some("kindred"));
}

#[tokio::test]
async fn an_empty_table_is_a_file_with_its_columns() {
    let workspace = workspace();
    let empty = RecordBatch::new_empty(people().schema());
    let record = write(&workspace, "empty.parquet", &[empty], &ParquetOptions::default()).await;
    let file = open_file(&record.input_file(&workspace)).await.unwrap();
    assert_eq!((file.rows(), file.row_groups(), file.schema().fields().len()), (0, 0, 4));
}

#[tokio::test]
async fn wrong_rows_are_refused_and_leave_nothing() {
    let workspace = workspace();
    let schema = people().schema();
    let mut writer =
        ParquetWriter::create(&workspace, key("out.parquet"), &schema, &ParquetOptions::default()).unwrap();
    let other = RecordBatch::try_from_iter([("x", Arc::new(BooleanArray::from(vec![true])) as ArrayRef)]).unwrap();
    let error = writer.write(&other).await.unwrap_err();
    assert!(matches!(error, ArtifactsError::Encode { source: DecodeFault::Parquet(_), .. }), "{error}");
    assert!(writer.write(&people()).await.is_err());
    assert!(writer.finish().await.is_err());
    assert_eq!(workspace.size_of(&key("out.parquet")).await.unwrap(), None);
}

#[tokio::test]
async fn memory_of_a_row_group_is_told_before_it_is_read() {
    let workspace = workspace();
    let file = open_file(&stored_people(&workspace).await).await.unwrap();
    let one = file.row_group_bytes(0, &file.project(&Columns::new(["id"])).unwrap());
    let two = file.row_group_bytes(0, &file.project(&Columns::new(["id", "city"])).unwrap());
    assert!(one > 0 && two > one);
}

#[tokio::test]
async fn ten_thousand_columns_are_no_trouble() {
    let workspace = workspace();
    let column = Arc::new(Int32Array::from(vec![1, 2, 3])) as ArrayRef;
    let batch = RecordBatch::try_from_iter((0..10_000).map(|at| (format!("c{at}"), Arc::clone(&column)))).unwrap();
    let file = store(&workspace, "wide.parquet", foreign(&batch, Compression::SNAPPY)).await;
    let file = open_file(&file).await.unwrap();
    let batches = read_all(&file, &Columns::new(["c9999", "c0", "c5000"])).await.unwrap();
    assert_eq!(batches[0].num_columns(), 3);
    assert_eq!(batches[0].column(0), &column);
}

#[tokio::test]
async fn huge_strings_come_through() {
    let workspace = workspace();
    let huge = "x".repeat(8 << 20);
    let column = Arc::new(StringArray::from(vec![huge.as_str(), "y", huge.as_str()])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([("text", column)]).unwrap();
    let record = write(&workspace, "huge.parquet", std::slice::from_ref(&batch), &ParquetOptions::default()).await;
    let file = open_file(&record.input_file(&workspace)).await.unwrap();
    let batches = read_all(&file, &Columns::new(["text"])).await.unwrap();
    assert_eq!(joined(&batches).column(0), batch.column(0));
}
