//! What features declare, as encoders need it.

use spec::feature::Feature;
use spec::{ColumnName, FeatureName};

/// The columns that a feature reads: one, named like the feature unless it says otherwise, or those of a cross.
pub fn columns_of(name: &FeatureName, feature: &Feature) -> Vec<ColumnName> {
    let column = match feature {
        Feature::Numeric(numeric) => &numeric.column,
        Feature::Categorical(categorical) => &categorical.column,
        Feature::Bag(bag) => &bag.column,
        Feature::Timestamp(timestamp) => &timestamp.column,
        Feature::Cross(cross) => return cross.of.clone(),
    };
    let own_name = || name.as_str().parse().expect("what names a feature can name a column");
    vec![column.clone().unwrap_or_else(own_name)]
}
