use arrow::array::{Array, AsArray, BooleanArray, Float32Array, Float64Array, Int64Array, StringArray};
use arrow::datatypes::{Field, Float64Type};

use super::*;

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("repurchase", DataType::Float32, true),
        Field::new("spend", DataType::Float32, true),
        Field::new("City", DataType::Utf8, true),
        Field::new("consent", DataType::Boolean, true),
        Field::new("visits", DataType::Int64, true),
        Field::new("re-buy", DataType::Float64, true),
        Field::new("channel", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true),
    ]))
}

fn rows() -> RecordBatch {
    let channel = StringArray::from(vec![Some("web"), Some("shop"), None]);
    let channel = cast(&channel, schema().field(6).data_type()).unwrap();
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(Float32Array::from(vec![0.5, 0.25, 0.75])),
            Arc::new(Float32Array::from(vec![Some(10.0), Some(100.0), None])),
            Arc::new(StringArray::from(vec![Some("Oslo"), None, Some("Rome")])),
            Arc::new(BooleanArray::from(vec![Some(true), Some(true), None])),
            Arc::new(Int64Array::from(vec![1, 0, 3])),
            Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0])),
            channel,
        ],
    )
    .unwrap()
}

fn number(sql: &str) -> Result<Expressions> {
    Expressions::compile(&schema(), &[ExpressionSource::number("spec.audiences.a.rank_by", sql)])
}

fn numbers(sql: &str) -> Vec<Option<f64>> {
    let values = number(sql).unwrap().evaluate(&rows()).unwrap();
    values[0].as_primitive::<Float64Type>().iter().collect()
}

fn conditions(sql: &str) -> Vec<Option<bool>> {
    let compiled = Expressions::compile(&schema(), &[ExpressionSource::condition("where", sql)]).unwrap();
    compiled.evaluate(&rows()).unwrap()[0].as_boolean().iter().collect()
}

fn refused(sql: &str) -> String {
    number(sql).unwrap_err().to_string()
}

#[test]
fn numbers_are_computed_row_by_row_and_null_where_an_input_is() {
    assert_eq!(numbers("repurchase * spend"), [Some(5.0), Some(25.0), None]);
    assert_eq!(numbers("0.5 * repurchase + 0.5 * coalesce(spend, 0)"), [Some(5.25), Some(50.125), Some(0.375)]);
    assert_eq!(numbers("visits"), [Some(1.0), Some(0.0), Some(3.0)]);
    assert_eq!(numbers("\"re-buy\" / 2"), [Some(0.5), Some(1.0), Some(1.5)]);
    assert_eq!(numbers("CASE WHEN channel = 'web' THEN 2 ELSE 1 END"), [Some(2.0), Some(1.0), Some(1.0)]);
    assert_eq!(numbers("7"), [Some(7.0); 3]);
}

#[test]
fn narrow_floats_are_computed_with_in_64_bits() {
    let schema: SchemaRef = Arc::new(Schema::new(vec![Field::new("p", DataType::Float32, true)]));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(Float32Array::from(vec![0.1, 3e38]))]).unwrap();
    let compiled = Expressions::compile(&schema, &[ExpressionSource::number("rank_by", "p * p")]).unwrap();
    let values = compiled.evaluate(&rows).unwrap();
    let exact = [f64::from(0.1f32).powi(2), f64::from(3e38f32).powi(2)];
    assert_eq!(values[0].as_primitive::<Float64Type>().values(), &exact);
}

#[test]
fn conditions_are_true_false_or_null() {
    assert_eq!(conditions("City IS NOT NULL AND consent"), [Some(true), Some(false), None]);
    assert_eq!(conditions("channel IN ('web', 'mail')"), [Some(true), Some(false), None]);
    assert_eq!(conditions("visits >= 1 OR repurchase > 0.2"), [Some(true); 3]);
}

#[test]
fn only_the_columns_that_are_read_are_needed() {
    let compiled = number("repurchase * visits").unwrap();
    assert_eq!(compiled.columns().collect::<Vec<_>>(), ["repurchase", "visits"]);
    let narrow = rows().project(&[4, 0]).unwrap();
    assert_eq!(compiled.evaluate(&narrow).unwrap()[0].as_primitive::<Float64Type>().value(2), 2.25);
    let error = compiled.evaluate(&rows().project(&[0]).unwrap()).unwrap_err();
    assert!(format!("{error:?}").contains("visits"), "{error:?}");
}

#[test]
fn names_are_exact_and_errors_name_the_expression_and_the_place() {
    assert_eq!(
        refused("repurchase *\n  spent"),
        "spec.audiences.a.rank_by, line 2, column 3: there is no column `spent`; did you mean `spend`?"
    );
    assert!(refused("length(city)").contains("did you mean `City`?"), "{}", refused("length(city)"));
    let unquoted = refused("re-buy * 2");
    assert!(unquoted.contains("write it in double quotes: \"re-buy\""), "{unquoted}");
    let garbled = refused("repurchase * * spend");
    assert!(garbled.starts_with("spec.audiences.a.rank_by, line 1, column 14: "), "{garbled}");
    assert!(refused("repurchase spend2 +").contains("line 1"), "{}", refused("repurchase spend2 +"));
    let function = refused("sqroot(spend)");
    assert!(function.contains("line 1, column 1: there is no function `sqroot`; did you mean `sqrt`?"), "{function}");
}

#[test]
fn what_is_not_computed_from_one_row_is_refused() {
    let cases = [
        ("sum(spend)", "`sum` is over many rows"),
        ("spend / max(spend) OVER ()", "`max` is over many rows"),
        ("(SELECT 1)", "a query inside the expression is not allowed"),
        ("CASE WHEN visits IN (SELECT 1) THEN 1 ELSE 0 END", "a query inside the expression is not allowed"),
        ("random() * spend", "`random` gives another value in every run"),
        ("date_part('year', now())", "`now` gives another value in every run"),
        ("$1 * spend", "placeholder"),
        ("spend AS value", "without `AS value`"),
        ("", "there is no SQL here"),
        ("City", "a number is expected, and this is Utf8"),
        ("spend > 3", "a number is expected, and this is Boolean"),
        ("1; DROP TABLE x", "Expected"),
    ];
    for (sql, words) in cases {
        let error = refused(sql);
        assert!(error.contains(words), "{sql}: {error}");
        assert!(error.starts_with("spec.audiences.a.rank_by"), "{sql}: {error}");
    }
    let error = Expressions::compile(&schema(), &[ExpressionSource::condition("where", "visits")]).unwrap_err();
    assert_eq!(error.to_string(), "where: a condition is expected, and this is Int64");
}

#[test]
fn a_row_that_cannot_be_computed_names_the_expression() {
    let error = number("10 / visits").unwrap().evaluate(&rows()).unwrap_err();
    assert_eq!(error.to_string(), "`spec.audiences.a.rank_by` failed on a row");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("Divide by zero"), "{source}");
}

#[test]
fn a_batch_without_rows_has_values_without_rows() {
    let values = number("repurchase * 2").unwrap().evaluate(&rows().slice(0, 0)).unwrap();
    assert_eq!((values[0].len(), values[0].data_type()), (0, &DataType::Float64));
}

#[test]
fn a_class_that_a_task_does_not_have_is_named_with_those_that_it_has() {
    let classes = ["tea", "milk"].map(|class| Field::new(class, DataType::Float64, true));
    let schema = Arc::new(Schema::new(vec![Field::new("next", DataType::Struct(classes.to_vec().into()), true)]));
    let compiled = |sql: &str| Expressions::compile(&schema, &[ExpressionSource::number("rank_by", sql)]);
    assert!(compiled("next['tea'] + 1").is_ok());
    let said = |sql: &str| compiled(sql).unwrap_err().to_string();
    assert!(said("next['wine']").contains("`next` has no `wine`; there are `tea`, `milk`"), "{}", said("next['wine']"));
    assert!(said("next['milks'] / 2").contains("`next` has no `milks`; did you mean `milk`?"));
}
