//! What features declare, as encoders need it.

use spec::feature::Feature;
use spec::{ColumnName, FeatureName};

/// The columns that a feature reads: one, named like the feature unless it says otherwise, or those of a cross; of a bag with
/// weights also theirs.
pub fn columns_of(name: &FeatureName, feature: &Feature) -> Vec<ColumnName> {
    let column = |column: &str| column.parse().expect("what names a feature can name a column");
    feature.columns(name).into_iter().map(column).collect()
}
