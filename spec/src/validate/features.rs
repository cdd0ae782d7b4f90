//! Features of a Training document.

mod sequences;
mod tables;

use super::{Checker, spec, training};
use crate::contradiction::{Contradiction, FeatureContradiction, Role};
use crate::feature::{BagFeature, Feature, Impute, NumericFeature, NumericTransform, Pool};
use crate::ids::{ColumnName, FeatureName};
use crate::node::Path;
use crate::training::TrainingSpec;

pub(super) fn check(checker: &mut Checker<'_>, document: &TrainingSpec) {
    let roles = training::roles(document);
    for (name, feature) in &document.features {
        let path = spec("features").name(name);
        for (column, path) in columns(name, feature, &path, |path| checker.is_damaged(path)) {
            if checker.is_damaged(&path) {
                continue;
            }
            let secret = roles
                .iter()
                .find(|(other, role, said)| *other == column && *role != Role::Weight && !checker.is_damaged(said));
            if let Some((_, role, _)) = secret {
                let (column, role) = (column.to_owned(), role.clone());
                checker.report(&path, Contradiction::ColumnAsFeature { column, role });
            }
        }
        check_one(checker, &path, feature);
    }
    tables::check(checker, document);
    sequences::check(checker, document);
}

/// The columns that a feature reads, each with where that is said.
fn columns<'a>(
    name: &'a FeatureName,
    feature: &'a Feature,
    path: &Path,
    is_damaged: impl Fn(&Path) -> bool,
) -> Vec<(&'a str, Path)> {
    match feature {
        Feature::Cross(cross) => {
            let of = path.name("of");
            cross.of.iter().enumerate().map(|(index, column)| (column.as_str(), of.item(index))).collect()
        }
        _ => {
            let column = path.name("column");
            let said = if feature.column().is_some() || is_damaged(&column) { column } else { path.clone() };
            feature.columns(name).into_iter().zip([said, path.name("weights")]).collect()
        }
    }
}

fn check_one(checker: &mut Checker<'_>, path: &Path, feature: &Feature) {
    match feature {
        Feature::Cross(cross) => checker.check_unique(&path.name("of"), cross.of.iter().map(ColumnName::as_str)),
        Feature::Timestamp(timestamp) => {
            checker.check_unique(&path.name("encode"), timestamp.encode.iter().map(|part| part.name()));
        }
        Feature::Bag(bag) => check_weights(checker, path, bag),
        Feature::Numeric(numeric) => check_buckets(checker, path, numeric),
        Feature::Categorical(_) | Feature::Sequence(_) | Feature::Vector(_) => {}
    }
    let settings = feature.table_settings().unwrap_or_default();
    if settings.vocabulary.is_some() && settings.hash.is_some() {
        checker.report(&path.name("hash"), FeatureContradiction::HashAndVocabulary.into());
    }
}

fn check_weights(checker: &mut Checker<'_>, path: &Path, bag: &BagFeature) {
    let is_weighted = bag.pool == Pool::Weighted;
    if is_weighted && bag.weights.is_none() && !checker.is_damaged(&path.name("weights")) {
        checker.report(&path.name("pool"), FeatureContradiction::PoolWithoutWeights.into());
    }
    if !is_weighted && bag.weights.is_some() && !checker.is_damaged(&path.name("pool")) {
        checker.report(&path.name("weights"), FeatureContradiction::WeightsOfAnotherPool.into());
    }
}

fn check_buckets(checker: &mut Checker<'_>, path: &Path, numeric: &NumericFeature) {
    let NumericFeature { transform, impute, buckets, edges, width, .. } = numeric;
    if *transform != NumericTransform::Buckets {
        let options = [("buckets", buckets.is_some()), ("edges", edges.is_some()), ("width", width.is_some())];
        for (option, _) in options.into_iter().filter(|(_, is_given)| *is_given) {
            if !checker.is_damaged(&path.name("transform")) {
                checker.report(&path.name(option), FeatureContradiction::OptionOfBuckets { option }.into());
            }
        }
        return;
    }
    if *impute != Impute::default() {
        checker.report(&path.name("impute"), FeatureContradiction::ImputeOfBuckets.into());
    }
    if buckets.is_some() && edges.is_some() {
        checker.report(&path.name("buckets"), FeatureContradiction::EdgesAndBuckets.into());
    }
    for (index, pair) in edges.iter().flat_map(|edges| edges.windows(2)).enumerate() {
        if pair[0] >= pair[1] && !checker.has_damage(&path.name("edges")) {
            let mistake = FeatureContradiction::EdgesNotAscending { earlier: pair[0], later: pair[1] };
            checker.report(&path.name("edges").item(index + 1), mistake.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{TRAINING, check_edits};

    const NUMBER: &str = "{kind: numeric, transform: standardize, impute: zero}";

    #[test]
    fn buckets_are_learned_or_given() {
        for (edit, messages) in [
            ("{kind: numeric, transform: buckets, buckets: 8, width: 4}", vec![]),
            ("{kind: numeric, transform: buckets, edges: [-1.5, 0, 1e3]}", vec![]),
            (
                "{kind: numeric, transform: buckets, edges: [1], buckets: §8}",
                vec!["buckets: `edges` and `buckets` exclude one another: keep one"],
            ),
            (
                "{kind: numeric, transform: buckets, edges: [1, §1, 3, §2]}",
                vec![
                    "edges[1]: the edge 1 does not lie above the one before it, 1",
                    "edges[3]: the edge 2 does not lie above the one before it, 3",
                ],
            ),
            (
                "{kind: numeric, transform: buckets, impute: §mean}",
                vec!["impute: `impute` has no use here: missing values have an embedding of their own"],
            ),
            (
                "{kind: numeric, buckets: §4, width: §3}",
                vec![
                    "buckets: `buckets` belongs to `transform: buckets`, and the transform is another",
                    "width: `width` belongs to `transform: buckets`, and the transform is another",
                ],
            ),
        ] {
            let messages: Vec<String> =
                messages.iter().map(|message| format!("spec.features.recency_days.{message}")).collect();
            let messages: Vec<&str> = messages.iter().map(String::as_str).collect();
            check_edits(TRAINING, &[(NUMBER, edit, &messages)]);
        }
    }
}
