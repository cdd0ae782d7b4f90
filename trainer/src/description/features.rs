//! The features as a report shows them.

use model::encode::{
    CategoricalEncoding, Encoders, Encoding, FeatureIds, FittedFeature, Ids, NumericEncoding, Scaling,
};
use spec::feature::SequencePool;

use crate::report::FeatureLine;

/// A line for each feature.
pub(super) fn features(encoders: &Encoders) -> Vec<FeatureLine> {
    encoders.features().iter().map(|fitted| feature(fitted, encoders)).collect()
}

/// A feature as the report shows it.
fn feature(feature: &FittedFeature, encoders: &Encoders) -> FeatureLine {
    let (rows, distinct) = (encoders.rows(), |ids| Some(encoders.ids(ids).rows()));
    let (kind, encoding, cardinality, width) = match &feature.encoding {
        Encoding::Numeric(numeric) => ("numeric", scaling(numeric), None, numeric.width() as u32),
        Encoding::Vector(vector) => {
            let how = if vector.projected.is_some() { "projected" } else { "as it is" };
            let width = vector.projected.map_or(vector.width() as u32, u32::from);
            ("vector", how.to_owned() + flag(vector.missing_flag), None, width)
        }
        Encoding::Buckets(buckets) => ("numeric", "buckets".to_owned(), Some(buckets.rows()), u32::from(buckets.width)),
        Encoding::Timestamp(timestamp) => ("timestamp", "age and cycles".to_owned(), None, timestamp.width() as u32),
        Encoding::Categorical(CategoricalEncoding { width, ids }) => {
            ("categorical", id_space(encoders, ids), distinct(ids), u32::from(*width))
        }
        Encoding::Cross(cross) => ("cross", "hash".to_owned(), Some(u64::from(cross.buckets)), u32::from(cross.width)),
        Encoding::Sequence(sequence) => {
            ("sequence", id_space(encoders, &sequence.ids), distinct(&sequence.ids), u32::from(sequence.width))
        }
        Encoding::Bag(bag) => ("bag", id_space(encoders, &bag.ids), distinct(&bag.ids), u32::from(bag.width)),
    };
    let table = feature.encoding.table().map(|table| format!("{encoding} of table {table}"));
    FeatureLine {
        name: feature.name.to_string(),
        kind: kind.to_owned(),
        columns: feature.columns.iter().map(ToString::to_string).collect(),
        encoding: table.unwrap_or(encoding) + &attention(&feature.encoding),
        cardinality,
        missing: feature.missing.map(|missing| missing as f64 / rows.max(1) as f64),
        width,
    }
}

/// How attention pools a sequence, if it does.
fn attention(encoding: &Encoding) -> String {
    let Encoding::Sequence(sequence) = encoding else { return String::new() };
    match (&sequence.steps_of, sequence.pool, &sequence.target) {
        (Some(leader), ..) => format!(", by the steps of {leader}"),
        (None, SequencePool::Mean, _) => String::new(),
        (None, SequencePool::Attention, Some(target)) => format!(", attention to {target}"),
        (None, SequencePool::Attention, None) => ", attention".to_owned(),
        (None, SequencePool::SelfAttention, _) => ", self-attention".to_owned(),
    }
}

fn scaling(numeric: &NumericEncoding) -> String {
    let scaling = match &numeric.scaling {
        Scaling::Quantile { .. } => "quantile",
        Scaling::Standardize { .. } => "standardized",
        Scaling::Log1p { .. } => "log1p, standardized",
        Scaling::MinMax { .. } => "min-max",
        Scaling::None => "as it is",
        Scaling::PiecewiseLinear { .. } => "piecewise linear",
    };
    format!("{scaling}{}", flag(numeric.missing_flag))
}

fn flag(is_there: bool) -> &'static str {
    if is_there { " + missing flag" } else { "" }
}

fn id_space(encoders: &Encoders, ids: &FeatureIds) -> String {
    match encoders.ids(ids) {
        Ids::Vocabulary(_) => "vocabulary".to_owned(),
        Ids::Hash { .. } => "hash".to_owned(),
    }
}
