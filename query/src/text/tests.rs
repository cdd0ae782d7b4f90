use std::io::Write;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use serde_json::json;

use crate::sandbox::{Sandbox, chain, lines, name, source};
use crate::{QueryError, Session};

async fn with_table(sandbox: &Sandbox, declared: serde_json::Value) -> Result<Session, QueryError> {
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(declared)).await?;
    Ok(session)
}

fn types(session: &Session) -> Vec<String> {
    let schema = session.schema(&name("t")).unwrap();
    schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type())).collect()
}

#[tokio::test]
async fn runs_of_blanks_separate_columns_as_in_the_cdnow_file() {
    let sandbox = Sandbox::new();
    let text = " customer_id  date number_of_cds  dollar_value\r\n 00001 19970101  1   11.77\r\n 00002 19970112 12   \
                77.00\r\n\r\n 00003 19970102\t2   20.76";
    sandbox.write("cdnow.txt", text);
    let declared = json!({"url": sandbox.url("cdnow.txt"), "format": "csv", "delimiter": "whitespace"});
    let session = with_table(&sandbox, declared).await.unwrap();
    assert_eq!(types(&session), ["customer_id: Utf8", "date: Int64", "number_of_cds: Int64", "dollar_value: Float64"]);
    let rows = lines(&session, "SELECT * FROM t").await;
    assert_eq!(rows, ["00001|19970101|1|11.77", "00002|19970112|12|77.0", "00003|19970102|2|20.76"]);
}

#[tokio::test]
async fn quotes_line_ends_in_fields_nulls_and_other_delimiters_are_read() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "\u{feff}id;note; Stage \n1;\"a;b\nc \"\"d\"\"\";\n2;;true\n3;plain;FALSE\n");
    let declared = json!({"url": sandbox.url("t.csv"), "delimiter": ";"});
    let session = with_table(&sandbox, declared).await.unwrap();
    assert_eq!(types(&session), ["id: Int64", "note: Utf8", "Stage: Boolean"]);
    let rows = lines(&session, "SELECT id, replace(note, chr(10), '/'), Stage FROM t").await;
    assert_eq!(rows, ["1|a;b/c \"d\"|-", "2|-|true", "3|plain|false"]);
}

#[tokio::test]
async fn columns_are_named_by_the_document_or_by_their_place() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "1,a\n2,b\n");
    let url = sandbox.url("t.csv");
    let named = with_table(&sandbox, json!({"url": url, "columns": ["Id", "name with blanks"]})).await.unwrap();
    assert_eq!(lines(&named, "SELECT Id, \"name with blanks\" FROM t").await, ["1|a", "2|b"]);
    let renamed = with_table(&sandbox, json!({"url": url, "columns": ["x", "y"], "header": true})).await.unwrap();
    assert_eq!(lines(&renamed, "SELECT x, y FROM t").await, ["2|b"]);
    let numbered = with_table(&sandbox, json!({"url": url, "header": false})).await.unwrap();
    assert_eq!(types(&numbered), ["column_1: Int64", "column_2: Utf8"]);
    let error = with_table(&sandbox, json!({"url": url, "columns": ["x"]})).await.unwrap_err();
    assert!(chain(&error).contains("t.csv has 2 columns, and `columns` names 1"), "{}", chain(&error));
}

#[tokio::test]
async fn compressed_files_are_read_to_the_end_of_their_last_member() {
    let sandbox = Sandbox::new();
    let text = |from: u32, to: u32| (from..to).map(|n| format!("{n},x{n}\n")).collect::<String>();
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    let (head, tail) = (format!("n,x\n{}", text(0, 40_000)), text(40_000, 100_000));
    sandbox.write("t.csv.gz", [gzip(&head), gzip(&tail)].concat());
    sandbox.write("t.csv.zst", [zstd(&head), zstd(&tail)].concat());
    for file in ["t.csv.gz", "t.csv.zst"] {
        let session = with_table(&sandbox, json!({"url": sandbox.url(file)})).await.unwrap();
        let counted = lines(&session, "SELECT count(*), sum(n), max(x) FROM t").await;
        assert_eq!(counted, ["100000|4999950000|x99999"], "{file}");
        let whole = std::fs::read(sandbox.path(file)).unwrap();
        sandbox.write(&format!("cut/{file}"), &whole[..whole.len() - 20]);
        let cut = with_table(&sandbox, json!({"url": sandbox.url(&format!("cut/{file}"))})).await.unwrap_err();
        assert!(chain(&cut).contains(&format!("{file} cannot be decompressed")), "{}", chain(&cut));
    }
}

#[tokio::test]
async fn files_of_one_table_widen_their_types_and_keep_their_columns_by_name() {
    let sandbox = Sandbox::new();
    sandbox.write("t/a.csv", "id,amount,zip,seen\n1,5,1234,2024-01-01\n");
    sandbox.write("t/b.csv", "amount,id,seen,zip\n2.5,2,2024-01-02 03:04:05,01234\n");
    sandbox.write("t/c.csv", "id,amount,zip,seen\n3,,,\n");
    let session = with_table(&sandbox, json!({"url": sandbox.url("t")})).await.unwrap();
    let expected = ["id: Int64", "amount: Float64", "zip: Utf8", "seen: Timestamp(µs)"];
    assert_eq!(types(&session), expected);
    let rows = lines(&session, "SELECT id, amount, zip, seen FROM t").await;
    assert_eq!(rows, ["1|5.0|1234|2024-01-01T00:00:00", "2|2.5|01234|2024-01-02T03:04:05", "3|-|-|-"]);
}

#[tokio::test]
async fn files_that_disagree_are_both_named() {
    let sandbox = Sandbox::new();
    sandbox.write("t/a.csv", "id,amount\n1,5\n");
    sandbox.write("t/b.csv", "id,amount\n2,many\n");
    let url = sandbox.url("t");
    let error = chain(&with_table(&sandbox, json!({"url": url})).await.unwrap_err());
    assert!(error.starts_with("table `t` cannot be read: column `amount` is Int64 in "), "{error}");
    assert!(error.contains("a.csv but Utf8 in") && error.contains("b.csv"), "{error}");
    let session = with_table(&sandbox, json!({"url": url, "types": {"amount": "string"}})).await.unwrap();
    assert_eq!(lines(&session, "SELECT amount FROM t").await, ["5", "many"]);

    sandbox.write("t/b.csv", "id,price\n2,3\n");
    let error = chain(&with_table(&sandbox, json!({"url": url})).await.unwrap_err());
    assert!(error.contains("b.csv has no column `amount`") || error.contains("a.csv has no column `price`"), "{error}");
}

#[tokio::test]
async fn a_value_that_is_not_of_its_declared_type_names_file_row_and_column() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "id,amount\n1,5\n2,?\n");
    let declared = json!({"url": sandbox.url("t.csv"), "types": {"amount": "number"}});
    let session = with_table(&sandbox, declared).await.unwrap();
    let streamed = session.stream("SELECT sum(amount) FROM t").await.unwrap();
    let error = chain(&streamed.try_collect::<Vec<_>>().await.unwrap_err());
    assert!(error.contains("t.csv: row 2, column `amount`: \"?\" is not Float64"), "{error}");
    let unknown = json!({"url": sandbox.url("t.csv"), "types": {"amuont": "number"}});
    let error = chain(&with_table(&sandbox, unknown).await.unwrap_err());
    assert!(error.contains("`amuont`") && error.contains("did you mean `amount`?"), "{error}");
}

#[tokio::test]
async fn records_of_another_width_bad_utf8_and_double_names_are_errors_with_the_file() {
    let sandbox = Sandbox::new();
    let cases: [(&[u8], &str); 3] = [
        (b"a,b\n1,2\n3\n", "expected 2 got 1"),
        (b"a,b\n1,\xff\xfe\n", "invalid UTF-8"),
        (b"a,a\n1,2\n", "more than one column `a`"),
    ];
    for (content, words) in cases {
        sandbox.write("t.csv", content);
        let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("t.csv")})).await.unwrap_err());
        assert!(error.contains("t.csv") && error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_empty_file_is_passed_over_and_a_table_of_empty_files_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write("t/a.csv", "");
    sandbox.write("t/b.csv", "id,x\n1,2\n");
    sandbox.write("t/c.csv", "id,x\n");
    let session = with_table(&sandbox, json!({"url": sandbox.url("t")})).await.unwrap();
    assert_eq!(lines(&session, "SELECT * FROM t").await, ["1|2"]);
    sandbox.write("empty.csv", "\n");
    let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("empty.csv")})).await.unwrap_err());
    assert!(error.contains("its files are empty"), "{error}");
}

#[tokio::test]
async fn json_lines_have_the_fields_of_all_objects() {
    let sandbox = Sandbox::new();
    sandbox.write("t/a.jsonl", "{\"Id\": 1, \"tags\": [\"a\", \"b\"], \"ok\": true}\n{\"Id\": 2, \"amount\": 3}\n");
    sandbox.write("t/b.jsonl", "{\"amount\": 2.5, \"Id\": 3, \"ok\": null}");
    let session = with_table(&sandbox, json!({"url": sandbox.url("t")})).await.unwrap();
    assert_eq!(types(&session)[..3], ["Id: Int64", "tags: List(Utf8)", "ok: Boolean"]);
    let rows = lines(&session, "SELECT Id, tags, ok, amount FROM t").await;
    assert_eq!(rows, ["1|[a, b]|true|-", "2|-|-|3.0", "3|-|-|2.5"]);
    assert_eq!(lines(&session, "SELECT count(*) FROM t").await, ["3"]);

    sandbox.write("t/c.jsonl", "{\"Id\": \"x\"}\n");
    let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("t")})).await.unwrap_err());
    assert!(error.contains("column `Id` is Int64 in") && error.contains("c.jsonl"), "{error}");
    sandbox.write("bad.jsonl", "{\"Id\": 1}\n{\"Id\": \n");
    let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("bad.jsonl")})).await.unwrap_err());
    assert!(error.contains("bad.jsonl is not readable as one JSON object a line"), "{error}");
    sandbox.write("array.jsonl", "\n [{\"Id\": 1}]");
    let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("array.jsonl")})).await.unwrap_err());
    assert!(error.contains("array.jsonl is one JSON array: write one object a line"), "{error}");
}

#[tokio::test]
async fn delimiters_that_are_none_and_fields_for_other_formats_are_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "a,b\n1,2\n");
    sandbox.write("t.jsonl", "{}\n");
    let error =
        chain(&with_table(&sandbox, json!({"url": sandbox.url("t.csv"), "delimiter": "::"})).await.unwrap_err());
    assert!(error.contains("single ASCII character"), "{error}");
    let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("t.jsonl"), "header": true})).await.unwrap_err());
    assert!(error.contains("`header` is for CSV files only"), "{error}");
}

#[tokio::test]
async fn batches_are_cut_at_the_same_rows_whatever_pieces_the_store_gives() {
    let sandbox = Sandbox::new();
    let rows: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    sandbox.write("t.csv", format!("n\n{rows}"));
    let session = with_table(&sandbox, json!({"url": sandbox.url("t.csv")})).await.unwrap();
    let batches: Vec<_> = session.stream("SELECT n FROM t").await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|batch| batch.num_rows()).collect::<Vec<_>>(), [8192, 8192, 3616]);
    let values = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    assert!(values.eq(0..20_000));
    assert_eq!(batches[0].column(0).null_count(), 0);
}

#[tokio::test]
async fn a_quote_that_is_never_closed_does_not_swallow_the_file() {
    let sandbox = Sandbox::new();
    let mut text = "id,note\n1,fine\n2,\"not closed\n".to_owned();
    text.push_str(&"3,and so on for a long time\n".repeat(3_000_000));
    sandbox.write("t.csv", text);
    let error = chain(&with_table(&sandbox, json!({"url": sandbox.url("t.csv")})).await.unwrap_err());
    assert!(error.contains("t.csv: a record of more than") && error.contains("begins after row 1:"), "{error}");
}

#[tokio::test]
async fn a_file_that_changes_under_a_session_is_not_read_as_if_it_had_not() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "id\n1\n2\n");
    let session = with_table(&sandbox, json!({"url": sandbox.url("t.csv")})).await.unwrap();
    sandbox.write("t.csv", "id\n1\n2\n3\n");
    let rows: Result<Vec<_>, _> = session.stream("SELECT id FROM t").await.unwrap().try_collect().await;
    let error = chain(&rows.unwrap_err());
    assert!(error.contains("t.csv has changed since this run began"), "{error}");
}
