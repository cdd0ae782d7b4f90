//! The columns that a preset states, against the real tables.

use arrow::datatypes::DataType;
use query::Session;
use spec::Preset;
use spec::preset::{Holds, StatedColumn};
use spec::suggest::nearest;

use super::{Level, Notebook};

/// Notes every stated column that is not there or holds something else. Tables that could not be opened are left out.
pub(super) fn check(preset: &Preset, session: &Session, notebook: &mut Notebook<'_>) {
    for stated in preset.columns() {
        if let Some(message) = fault(&stated, session) {
            notebook.find(Level::Error, stated.path, message);
        }
    }
}

fn fault(stated: &StatedColumn<'_>, session: &Session) -> Option<String> {
    let StatedColumn { table, column, holds, .. } = stated;
    let schema = session.schema(table).ok()?;
    match schema.field_with_name(column.as_str()) {
        Ok(field) if fits(field.data_type(), *holds) => None,
        Ok(field) => {
            let (found, wanted) = (field.data_type(), wanted(*holds));
            Some(format!("column `{column}` of table `{table}` is {found}; it must be {wanted}"))
        }
        Err(_) => {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            let hint = nearest(column.as_str(), names).map(|name| format!("; did you mean `{name}`?"));
            Some(format!("table `{table}` has no column `{column}`{}", hint.unwrap_or_default()))
        }
    }
}

fn fits(found: &DataType, holds: Holds) -> bool {
    match holds {
        Holds::Key => artifacts::keys::is_key_type(found),
        Holds::Time => matches!(found, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)),
        Holds::Number => found.is_numeric(),
        Holds::Flag => found.is_numeric() || matches!(found, DataType::Boolean),
        Holds::Name => artifacts::keys::is_key_type(found) || matches!(found, DataType::Boolean),
        Holds::Anything => true,
    }
}

fn wanted(holds: Holds) -> &'static str {
    match holds {
        Holds::Key => "an integer, a string or another exact type: cast it in a prepare step",
        Holds::Time => "a date or timestamp: cast it in a prepare step, or say so under the table's `types`",
        Holds::Number => "a number",
        Holds::Flag => "boolean, or 0 and 1",
        Holds::Name => "a string, an integer or another exact type",
        Holds::Anything => "there",
    }
}
