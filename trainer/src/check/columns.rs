//! What a column's figures alone say.

use query::{ColumnSummary, TableSummary};

use super::{Level, Notebook};

/// A feature that is missing in more rows than this says little.
const MOSTLY_NULL: f64 = 0.95;

/// Notes what is odd about a feature's column.
pub(super) fn look_at(table: &TableSummary, column: &str, path: &str, notebook: &mut Notebook<'_>) {
    let Some(summary) = table.columns.iter().find(|summary| summary.name == column) else { return };
    if table.sampled_rows > 0 {
        oddity(summary).into_iter().for_each(|message| notebook.find(Level::Warning, path, message));
    }
}

fn oddity(column: &ColumnSummary) -> Option<String> {
    let name = &column.name;
    if column.null_rate >= 1.0 {
        return Some(format!("column `{name}` is null in all sampled rows: it tells a model nothing"));
    }
    if column.is_constant {
        return Some(format!("column `{name}` has one value in all sampled rows: it tells a model nothing"));
    }
    if column.null_rate > MOSTLY_NULL {
        return Some(format!("column `{name}` is null in {:.1} % of the sampled rows", column.null_rate * 100.0));
    }
    (column.non_finite > 0).then(|| {
        format!(
            "column `{name}` has {} NaN or infinite values among the sampled rows; they count as missing",
            column.non_finite
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(null_rate: f64, is_constant: bool, non_finite: u64) -> ColumnSummary {
        ColumnSummary {
            name: "age".to_owned(),
            data_type: "Float64".to_owned(),
            null_rate,
            non_finite,
            distinct: Some(1),
            min: None,
            max: None,
            is_constant,
        }
    }

    #[test]
    fn columns_that_tell_nothing_are_odd_and_others_are_not() {
        assert_eq!(oddity(&column(0.5, false, 0)), None);
        assert!(oddity(&column(1.0, true, 0)).unwrap().contains("null in all"));
        assert!(oddity(&column(0.1, true, 0)).unwrap().contains("one value"));
        assert!(oddity(&column(0.96, false, 0)).unwrap().contains("96.0 %"));
        assert!(oddity(&column(0.0, false, 3)).unwrap().contains("3 NaN"));
    }
}
