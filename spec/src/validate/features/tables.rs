//! Embedding tables that features share.

use super::{Checker, spec};
use crate::contradiction::FeatureContradiction;
use crate::feature::{IdSpace, SharedTable, TableSettings, shared_tables};
use crate::ids::FeatureName;
use crate::training::TrainingSpec;

pub(super) fn check(checker: &mut Checker<'_>, document: &TrainingSpec) {
    let tables = shared_tables(&document.features);
    for table in &tables {
        if let [only] = table.features[..] {
            check_shared(checker, only, table, &tables);
        }
        let settings_of = |name: &&FeatureName| document.features[*name].table_settings().unwrap_or_default();
        let settings: Vec<_> = table.features.iter().map(|name| (*name, settings_of(name))).collect();
        check_agreement(checker, table, &settings);
    }
}

/// A table's name is there for others to name it.
fn check_shared(checker: &mut Checker<'_>, only: &FeatureName, table: &SharedTable<'_>, tables: &[SharedTable<'_>]) {
    if checker.has_damage(&spec("features")) {
        return;
    }
    let others = tables.iter().map(|other| other.name).filter(|other| *other != table.name);
    let known = others.map(ToString::to_string).collect();
    let path = spec("features").name(only).name("table");
    checker.report(&path, FeatureContradiction::TableOfOne { table: table.name.to_string(), known }.into());
}

/// What is said first of a table, and who says it.
struct Said<'a, T> {
    feature: &'a FeatureName,
    value: T,
}

fn check_agreement(checker: &mut Checker<'_>, table: &SharedTable<'_>, settings: &[(&FeatureName, TableSettings<'_>)]) {
    let (mut width, mut ids) = (None, None);
    for &(feature, settings) in settings {
        if let Some(value) = settings.width {
            agree(checker, table, &mut width, ("width", "width"), Said { feature, value });
        }
        let field = match (settings.vocabulary, settings.hash) {
            (_, Some(_)) => "hash",
            (Some(_), None) => "vocabulary",
            (None, None) => continue,
        };
        let value = IdSpace::of(settings.vocabulary, settings.hash);
        agree(checker, table, &mut ids, (field, "id space"), Said { feature, value });
    }
}

/// Reports what is said if something else was said before.
fn agree<'a, T: PartialEq>(
    checker: &mut Checker<'_>,
    table: &SharedTable<'_>,
    first: &mut Option<Said<'a, T>>,
    (field, what): (&str, &'static str),
    said: Said<'a, T>,
) {
    let path = spec("features").name(said.feature).name(field);
    if checker.has_damage(&path) {
        return;
    }
    match first {
        None => *first = Some(said),
        Some(first) if first.value == said.value => {}
        Some(first) => {
            let (table, feature) = (table.name.to_string(), first.feature.to_string());
            checker.report(&path, FeatureContradiction::TableDisagrees { table, what, feature }.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{TRAINING, check_edits};

    const BAG: &str = "    product_ids: {kind: bag, hash: {buckets: 100000}, width: 16, pool: mean, max_length: 50}\n";

    #[test]
    fn features_of_one_table_do_not_contradict_one_another() {
        let seen = "    seen: {kind: bag, table: product, hash: {buckets: 50}, width: 8}\n";
        let edited = |last: &str| format!("{seen}    last: {{kind: categorical, table: product{last}}}\n");
        let disagrees = |field: &str, what: &str| {
            format!(
                "spec.features.last.{field}: the features of the table `product` share one {what}, and `seen` says another"
            )
        };
        for (last, mistakes) in [
            ("", vec![]),
            (", width: 8", vec![]),
            (", hash: {buckets: 50}", vec![]),
            (", width: §9", vec![disagrees("width", "width")]),
            (", §hash: {buckets: 50, seed: 1}", vec![disagrees("hash", "id space")]),
            (
                ", §vocabulary: {min_count: 1}, width: §4",
                vec![disagrees("vocabulary", "id space"), disagrees("width", "width")],
            ),
        ] {
            let mistakes: Vec<&str> = mistakes.iter().map(String::as_str).collect();
            check_edits(TRAINING, &[(BAG, &edited(last), &mistakes)]);
        }
    }

    #[test]
    fn a_table_that_one_feature_names_is_a_mistake() {
        let features = "    seen: {kind: bag, table: product}\n    last: {kind: categorical, table: product}\n    \
                        next: {kind: categorical, table: §prodct}\n";
        let message = "spec.features.next.table: no other feature names the table `prodct`: a table is named where \
                       features share it (did you mean `product`?)";
        check_edits(TRAINING, &[(BAG, features, &[message])]);
    }

    #[test]
    fn weights_and_a_weighted_average_go_together() {
        for (edit, message) in [
            (
                "    ids: {kind: bag, weights: §counts}\n",
                "spec.features.ids.weights: `weights` belong to `pool: weighted`, and the pool is another",
            ),
            (
                "    ids: {kind: bag, pool: §weighted}\n",
                "spec.features.ids.pool: `pool: weighted` needs `weights`: the column of the ids' weights",
            ),
            (
                "    ids: {kind: bag, pool: weighted, weights: §customer_id}\n",
                "spec.features.ids.weights: the feature reads `customer_id`, which is the key: a model must not see it",
            ),
        ] {
            check_edits(TRAINING, &[(BAG, edit, &[message])]);
        }
        check_edits(TRAINING, &[(BAG, "    ids: {kind: bag, pool: weighted, weights: counts}\n", &[])]);
    }
}
