use std::sync::Arc;

use arrow::array::{FixedSizeListArray, ListArray, NullArray, RecordBatch};
use arrow::datatypes::Float32Type;
use indexmap::IndexMap;
use spec::FeatureName;
use spec::feature::Feature;

use super::*;
use crate::encode::{EncoderFit, Encoders, Encoding};
use crate::input::Inputs;

type Row = Option<Vec<Option<f32>>>;

fn some(numbers: &[f32]) -> Row {
    Some(numbers.iter().map(|number| Some(*number)).collect())
}

fn lists(rows: Vec<Row>) -> RecordBatch {
    batch(Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows)))
}

fn batch(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("v", column, true)]).unwrap()
}

fn fit(impute: &str, batch: &RecordBatch) -> Result<Encoders, EncodeError> {
    fit_feature(serde_json::json!({"kind": "vector", "impute": impute}), batch)
}

fn fit_feature(feature: serde_json::Value, batch: &RecordBatch) -> Result<Encoders, EncodeError> {
    let features = serde_json::json!({"v": feature});
    let features: IndexMap<FeatureName, Feature> = serde_json::from_value(features).unwrap();
    let mut fit = EncoderFit::new(&features, &batch.schema())?;
    fit.update(batch, None)?;
    fit.finish()
}

fn encoded(encoders: &Encoders, batch: &RecordBatch) -> Result<Vec<f32>, EncodeError> {
    let mut out = Inputs::default();
    encoders.bind(&batch.schema())?.encode(batch, &mut out)?;
    Ok(out.numeric)
}

#[test]
fn vectors_are_taken_as_they_are_and_null_is_zeros_with_a_flag() {
    let rows = || vec![some(&[1.0, -2.5]), None, some(&[3.0, 0.5])];
    let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(rows(), 2);
    for batch in [lists(rows()), batch(Arc::new(fixed))] {
        let encoders = fit("zero", &batch).unwrap();
        assert_eq!(encoders.features()[0].missing, Some(1));
        assert_eq!(encoders.layout().numeric_width(), 3);
        assert_eq!(encoded(&encoders, &batch).unwrap(), [1.0, -2.5, 0.0, 0.0, 0.0, 1.0, 3.0, 0.5, 0.0]);
    }
    let whole = lists(vec![some(&[1.0]), some(&[2.0])]);
    assert_eq!(encoded(&fit("zero", &whole).unwrap(), &whole).unwrap(), [1.0, 2.0], "no flag without nulls");
}

#[test]
fn the_mean_of_the_training_rows_stands_in_for_null() {
    let batch = lists(vec![some(&[1.0, 4.0]), None, some(&[2.0, 9.0])]);
    let encoders = fit("mean", &batch).unwrap();
    let Encoding::Vector(vector) = &encoders.features()[0].encoding else { panic!("a vector") };
    assert_eq!(vector, &VectorEncoding { impute: vec![1.5, 6.5], missing_flag: true, projected: None });
    assert_eq!(encoded(&encoders, &batch.slice(1, 1)).unwrap(), [1.5, 6.5, 1.0]);
}

#[test]
fn a_vector_of_another_length_or_without_numbers_is_refused_by_row() {
    let first = || some(&[1.0, 2.0]);
    for (rows, message) in [
        (vec![first(), some(&[1.0])], "row 1 of the batch: the vector has 1 numbers, and 2 are expected"),
        (vec![None, some(&[])], "row 1 of the batch: the vector has no numbers"),
        (vec![first(), None, some(&[])], "row 2 of the batch: the vector has no numbers"),
        (vec![first(), Some(vec![Some(1.0), None])], "row 1 of the batch: the vector's number at place 1 is null, NaN"),
        (vec![some(&[f32::NAN, 1.0])], "row 0 of the batch: the vector's number at place 0 is null, NaN or infinite"),
    ] {
        let batch = lists(rows);
        let error = fit("mean", &batch).unwrap_err().to_string();
        assert!(error.starts_with("feature `v`: column `v`, ") && error.contains(message), "{error}");
    }
    let encoders = fit("zero", &lists(vec![first(), first()])).unwrap();
    let long = vec![first(); 5000].into_iter().chain([some(&[1.0, 2.0, 3.0])]).collect();
    let error = encoded(&encoders, &lists(long)).unwrap_err().to_string();
    assert!(error.contains("row 5000 of the batch: the vector has 3 numbers, and 2 are expected"), "{error}");
}

#[test]
fn a_column_without_a_vector_gives_a_flag_alone() {
    let nothing = batch(Arc::new(NullArray::new(3)));
    let encoders = fit("mean", &nothing).unwrap();
    assert_eq!(encoded(&encoders, &nothing).unwrap(), [1.0, 1.0, 1.0]);
}

#[test]
fn a_projected_vector_weighs_the_rows_of_its_table() {
    let batch = lists(vec![some(&[1.0, -2.5]), None, some(&[0.0, 0.5])]);
    let encoders = fit_feature(serde_json::json!({"kind": "vector", "width": 6}), &batch).unwrap();
    let layout = encoders.layout();
    assert_eq!((layout.numeric_width(), layout.width(), layout.tables[0].rows), (0, 6, 3));
    let mut out = Inputs::default();
    encoders.bind(&batch.schema()).unwrap().encode(&batch, &mut out).unwrap();
    let rows: Vec<_> = (0..3).map(|row| (out.bags[0].row(row), out.bags[0].row_weights(row))).collect();
    assert_eq!(rows[0], (&[0, 1][..], &[1.0, -2.5][..]));
    assert_eq!(rows[1], (&[0, 1, 2][..], &[0.0, 0.0, 1.0][..]), "the row after the numbers is null's");
    assert_eq!(rows[2], (&[0, 1][..], &[0.0, 0.5][..]));
    let nothing = self::batch(Arc::new(NullArray::new(3)));
    let flag = fit_feature(serde_json::json!({"kind": "vector", "width": 6}), &nothing).unwrap();
    assert_eq!((flag.layout().width(), flag.layout().tables[0].rows), (6, 1));
}
