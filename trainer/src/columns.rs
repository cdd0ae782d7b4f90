//! Columns of the examples that are looked at beside features and labels: whether they are there and of use, before
//! anything is fitted.

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Schema};
use artifacts::keys::is_key_type;
use feed::FeedBatch;
use spec::suggest::nearest;
use spec::{ColumnName, TrainingSpec};

use crate::error::{Result, TrainerError};

/// What a column by whose values is sliced must be.
pub(crate) const SLICED: &str = "text, whole numbers, booleans or dates";
/// What a column by whose values is grouped must be.
pub(crate) const GROUPED: &str = "an integer, a string or another exact type";

/// Fails where a column to slice or group by is missing or of a type whose values cannot be told apart.
///
/// # Errors
///
/// The first such column.
pub(crate) fn check(spec: &TrainingSpec, columns: &Schema) -> Result<()> {
    for column in &spec.slices.columns {
        expect(columns, column, || "spec.slices.columns".to_owned(), has_values, SLICED)?;
    }
    for (name, task) in &spec.tasks {
        if let Some(column) = task.group_by() {
            let place = || format!("spec.tasks.{name}.group_by");
            expect(columns, column, place, is_key_type, GROUPED)?;
        }
    }
    Ok(())
}

fn expect(
    columns: &Schema,
    column: &ColumnName,
    place: impl Fn() -> String,
    fits: impl Fn(&DataType) -> bool,
    wanted: &'static str,
) -> Result<()> {
    let Ok(field) = columns.field_with_name(column.as_str()) else {
        let names = columns.fields().iter().map(|field| field.name().as_str());
        let suggestion = nearest(column.as_str(), names).map(ToOwned::to_owned);
        return Err(TrainerError::NoColumn { place: place(), column: column.clone(), suggestion });
    };
    if fits(field.data_type()) {
        return Ok(());
    }
    let found = field.data_type().clone();
    Err(TrainerError::ColumnType { place: place(), column: column.clone(), found, wanted })
}

/// A column that a batch carries.
pub(crate) fn carried<'a>(batch: &'a FeedBatch, column: &ColumnName) -> &'a ArrayRef {
    let carried = batch.carry.as_ref().and_then(|carried| carried.column_by_name(column.as_str()));
    carried.expect("a feed carries the columns that it is asked for")
}

/// Whether a column of a type has values that can be told apart and named.
pub(crate) fn has_values(found: &DataType) -> bool {
    match found {
        DataType::Dictionary(_, values) => has_values(values),
        _ => found.is_string() || found.is_integer() || found.is_temporal() || *found == DataType::Boolean,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use serde_json::json;

    use super::*;

    /// What is said of a document that slices by `channel` and groups by `person`, over columns of these types.
    fn refused(columns: [(&str, DataType); 2]) -> Option<String> {
        let spec: TrainingSpec = serde_json::from_value(json!({
            "tables": {"t": {"url": "t.parquet"}}, "examples": "t", "key": "id",
            "features": {"a": {"kind": "numeric"}},
            "tasks": {"buy": {"kind": "binary", "label": "b", "group_by": "person"}},
            "network": {"kind": "linear"}, "slices": {"columns": ["channel"]},
        }))
        .unwrap();
        let fields = columns.map(|(name, found)| Field::new(name, found, true));
        check(&spec, &Schema::new(fields.to_vec())).err().map(|error| error.to_string())
    }

    #[test]
    fn columns_whose_values_can_be_told_apart_are_taken() {
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8));
        for found in [DataType::Utf8, DataType::UInt8, DataType::Boolean, DataType::Date32, dictionary] {
            assert_eq!(refused([("channel", found), ("person", DataType::Int64)]), None);
        }
    }

    #[test]
    fn columns_that_are_missing_or_of_another_type_are_refused_by_place() {
        for found in [DataType::Float64, DataType::Binary, DataType::new_list(DataType::Utf8, true)] {
            let error = refused([("channel", found), ("person", DataType::Int64)]).unwrap();
            assert!(error.starts_with("spec.slices.columns: column `channel` is"), "{error}");
        }
        let error =
            refused([("channel", DataType::Utf8), ("person", DataType::new_list(DataType::Utf8, true))]).unwrap();
        assert!(error.starts_with("spec.tasks.buy.group_by: column `person` is"), "{error}");
        let error = refused([("chanel", DataType::Utf8), ("person", DataType::Int64)]).unwrap();
        assert_eq!(error, "spec.slices.columns: the examples have no column `channel`; did you mean `chanel`?");
    }
}
