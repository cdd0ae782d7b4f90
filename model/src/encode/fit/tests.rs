use std::sync::Arc;

use super::super::{Encoding, FeatureIds, Ids, Vocabulary};
use super::*;
use arrow::array::{ArrayRef, Float64Array, Int64Array, ListArray, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type};
use proptest::prelude::*;

fn features() -> Vec<(FeatureName, Feature)> {
    let features = serde_json::json!({
        "age": {"kind": "numeric"},
        "city": {"kind": "categorical", "vocabulary": {"min_count": 1, "max_size": 100}},
        "bought": {
            "kind": "bag", "column": "items", "vocabulary": {"min_count": 1, "max_size": 100}, "width": 8, "max_length": 2,
        },
    });
    let features: indexmap::IndexMap<FeatureName, Feature> = serde_json::from_value(features).unwrap();
    features.into_iter().collect()
}

type Row = (Option<f64>, Option<String>, Option<Vec<Option<i32>>>);

fn batch(rows: &[Row]) -> RecordBatch {
    let ages = Float64Array::from(rows.iter().map(|row| row.0).collect::<Vec<_>>());
    let cities = StringArray::from(rows.iter().map(|row| row.1.clone()).collect::<Vec<_>>());
    let items = ListArray::from_iter_primitive::<Int32Type, _, _>(rows.iter().map(|row| row.2.clone()));
    RecordBatch::try_from_iter([
        ("age", Arc::new(ages) as ArrayRef),
        ("city", Arc::new(cities)),
        ("items", Arc::new(items)),
    ])
    .unwrap()
}

fn fit(batch: &RecordBatch) -> EncoderFit {
    let features = features();
    EncoderFit::new(features.iter().map(|(name, feature)| (name, feature)), &batch.schema()).unwrap()
}

fn fitted(batch: &RecordBatch) -> Encoders {
    let mut fit = fit(batch);
    fit.update(batch, None).unwrap();
    fit.finish().unwrap()
}

fn rows() -> Vec<Row> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        (Some(1.0), text("x"), Some(vec![Some(5), None, Some(6)])),
        (None, text("y"), None),
        (Some(f64::NAN), text("x"), Some(vec![])),
        (Some(3.0), None, Some(vec![Some(7), Some(5), Some(5)])),
    ]
}

#[test]
fn each_kind_learns_from_the_selected_rows_alone() {
    let batch = batch(&rows());
    let mut fit = fit(&batch);
    fit.update(&batch, Some(&BooleanArray::from(vec![true, false, true, true]))).unwrap();
    assert_eq!(fit.rows(), 3);
    let encoders = fit.finish().unwrap();
    let Encoding::Numeric(age) = &encoders.features()[0].encoding else { panic!("numeric") };
    assert_eq!((age.impute, age.missing_flag), (1.0, true));
    let missing: Vec<_> = encoders.features().iter().map(|feature| feature.missing).collect();
    assert_eq!(missing, [Some(1), Some(1), Some(0)], "a NaN, a null city, no null list");
    let ids = |place: usize| match &encoders.features()[place].encoding {
        Encoding::Categorical(categorical) => encoders.ids(&categorical.ids).clone(),
        Encoding::Bag(bag) => encoders.ids(&bag.ids).clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ids(1), Ids::Vocabulary(Vocabulary::Texts(vec!["x".into()])));
    assert_eq!(
        ids(2),
        Ids::Vocabulary(Vocabulary::Integers(vec![5, 7])),
        "the third element of a row is beyond max_length"
    );
    assert_eq!(encoders.columns().iter().map(|column| column.as_str()).collect::<Vec<_>>(), ["age", "city", "items"]);
}

#[test]
fn a_selection_of_no_rows_teaches_nothing() {
    let batch = batch(&rows());
    let mut fit = fit(&batch);
    fit.update(&batch, Some(&BooleanArray::from(vec![false; 4]))).unwrap();
    assert_eq!(fit.finish().unwrap(), self::fit(&batch).finish().unwrap());
}

#[test]
fn missing_columns_and_wrong_types_are_named() {
    let features = features();
    let error = |fields: Vec<Field>| {
        let result = EncoderFit::new(features.iter().map(|(name, feature)| (name, feature)), &Schema::new(fields));
        result.unwrap_err().to_string()
    };
    let age = || Field::new("age", DataType::Float64, true);
    let missing = error(vec![age(), Field::new("City", DataType::Utf8, true)]);
    assert_eq!(missing, "feature `city`: the table has no column `city`; its columns: age, City");
    let wrong = error(vec![age(), Field::new("city", DataType::Date32, true)]);
    assert!(wrong.starts_with("feature `city`: column `city` is Date32; a categorical feature"), "{wrong}");
    let text = error(vec![Field::new("age", DataType::Utf8, true)]);
    assert!(text.starts_with("feature `age`: column `age` is Utf8; a numeric feature reads numbers"), "{text}");
    let flat = error(vec![age(), Field::new("city", DataType::Utf8, true), Field::new("items", DataType::Int32, true)]);
    assert!(flat.starts_with("feature `bought`: column `items` is Int32; a bag or sequence reads lists"), "{flat}");
}

#[test]
fn a_batch_of_another_type_is_refused_until_the_fit_is_bound_again() {
    let first = batch(&rows());
    let mut fit = fit(&first);
    let cities = Arc::new(Int64Array::from(vec![7])) as ArrayRef;
    let columns = [("age", first.column(0).slice(0, 1)), ("city", cities), ("items", first.column(2).slice(0, 1))];
    let second = RecordBatch::try_from_iter(columns).unwrap();
    let error = fit.update(&second, None).unwrap_err().to_string();
    assert_eq!(error, "feature `city`: column `city` was Utf8 when the encoder was bound and is Int64 in this batch");
    fit.rebind(&second.schema()).unwrap();
    fit.update(&second, None).unwrap();
    let Encoding::Categorical(city) = &fit.finish().unwrap().features()[1].encoding.clone() else { panic!("city") };
    assert_eq!(city.ids, FeatureIds::Own(Ids::Vocabulary(Vocabulary::Integers(vec![7]))));
}

#[test]
fn fits_of_different_features_do_not_merge() {
    let batch = batch(&rows());
    let features = features();
    let one = EncoderFit::new(features.iter().take(1).map(|(name, feature)| (name, feature)), &batch.schema()).unwrap();
    let error = fit(&batch).merge(one).unwrap_err().to_string();
    assert_eq!(error, "fits of different features cannot be merged: `city` and `nothing`");
}

#[test]
fn default_widths_follow_the_number_of_values() {
    let ids = |values: usize| Ids::Vocabulary(Vocabulary::Integers((0..values as i128).collect()));
    let widths: Vec<u16> = [0, 1, 2, 10, 100, 1000].into_iter().map(|values| ids(values).default_width()).collect();
    assert_eq!(widths, [1, 2, 2, 6, 21, 64]);
    assert_eq!(Ids::Hash { buckets: 100_000, seed: 0 }.default_width(), 64);
}

proptest! {
    #[test]
    fn a_merged_fit_is_the_fit_of_all_rows(
        rows in prop::collection::vec(
            (prop::option::of(-5..5i8), prop::option::of("[a-c]"), prop::option::of(prop::collection::vec(prop::option::of(0..4i32), 0..4))),
            1..60,
        ),
        cut in 0usize..60,
    ) {
        let rows: Vec<Row> = rows.into_iter().map(|(age, city, items)| (age.map(f64::from), city, items)).collect();
        let cut = cut.min(rows.len());
        let whole = batch(&rows);
        let (mut left, mut right) = (fit(&whole), fit(&whole));
        left.update(&whole.slice(0, cut), None).unwrap();
        right.update(&whole.slice(cut, rows.len() - cut), None).unwrap();
        left.merge(right).unwrap();
        prop_assert_eq!(left.finish().unwrap(), fitted(&whole));
    }
}

#[test]
fn a_shared_vocabulary_counts_the_values_of_all_its_features() {
    let rows = rows();
    let mut with_last = batch(&rows).columns().to_vec();
    with_last.push(Arc::new(StringArray::from(vec![Some("6"), Some("6"), Some("9"), None])));
    let names = ["age", "city", "items", "last"];
    let batch = RecordBatch::try_from_iter(names.into_iter().zip(with_last)).unwrap();
    let vocabulary = serde_json::json!({"min_count": 2, "max_size": 100});
    let features: indexmap::IndexMap<FeatureName, Feature> = serde_json::from_value(serde_json::json!({
        "last": {"kind": "categorical", "table": "item"},
        "items": {"kind": "bag", "table": "item", "vocabulary": vocabulary, "width": 6, "max_length": 3},
    }))
    .unwrap();
    let mut fit = EncoderFit::new(&features, &batch.schema()).unwrap();
    fit.update(&batch, None).unwrap();
    assert!(fit.inexact_counts().is_empty());
    let encoders = fit.finish().unwrap();
    let known = ["5", "6"].map(str::to_owned).to_vec();
    let [table] = encoders.tables() else { panic!("one table") };
    assert_eq!((table.name.as_str(), table.width), ("item", 6));
    assert_eq!(table.ids, Ids::Vocabulary(Vocabulary::Texts(known)), "6 and 5 three times, 7 and 9 once");
    let mut inputs = crate::input::Inputs::default();
    encoders.bind(&batch.schema()).unwrap().encode(&batch, &mut inputs).unwrap();
    assert_eq!(inputs.ids, [3, 3, 1, 0]);
    assert_eq!(inputs.bags[0].row(0), [2, 3]);
    assert_eq!(inputs.bags[0].row(3), [1, 2, 2]);
}
