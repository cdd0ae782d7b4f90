//! Published ids against the population's columns and this machine's secret keys.

use arrow::datatypes::{DataType, SchemaRef};
use artifacts::secret::SecretKey;
use spec::ScoringSpec;
use spec::audience::FileKind;

use super::{Level, Notebook, with_causes};

/// Whether lists and single values are where they may be, and keys are there; a column that is not is told elsewhere.
pub(super) fn check(spec: &ScoringSpec, schema: &SchemaRef, notebook: &mut Notebook<'_>) {
    for (name, audience) in &spec.audiences {
        for (index, id) in audience.ids.iter().enumerate() {
            let path = format!("spec.audiences.{name}.ids[{index}]");
            if let Some(Err(error)) = id.key.as_ref().map(SecretKey::read) {
                let message = format!("{} (a run needs it where its workers are)", with_causes(&error));
                notebook.find(Level::Warning, format!("{path}.key"), message);
            }
            let Ok(field) = schema.field_with_name(id.column.as_str()) else { continue };
            let is_list = matches!(field.data_type(), DataType::List(_) | DataType::LargeList(_));
            if id.explode && !is_list {
                let message =
                    format!("column `{}` is {}, and only lists give several rows", id.column, field.data_type());
                notebook.find(Level::Error, format!("{path}.explode"), message);
            }
            if is_list && !id.explode && audience.format.kind == FileKind::Csv {
                let message = format!(
                    "column `{}` is a list, which CSV has no form for: add `explode: true` for a row for each id, or write Parquet or JSON lines",
                    id.column
                );
                notebook.find(Level::Error, path, message);
            }
        }
    }
}
