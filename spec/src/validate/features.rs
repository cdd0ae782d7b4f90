//! Features of a Training document.

use super::{Checker, spec, training};
use crate::contradiction::{Contradiction, Role};
use crate::feature::Feature;
use crate::ids::FeatureName;
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
            feature.columns(name).into_iter().map(|column| (column, said.clone())).collect()
        }
    }
}

fn check_one(checker: &mut Checker<'_>, path: &Path, feature: &Feature) {
    let (vocabulary, hash) = match feature {
        Feature::Categorical(categorical) => (&categorical.vocabulary, &categorical.hash),
        Feature::Bag(bag) => (&bag.vocabulary, &bag.hash),
        Feature::Cross(cross) => {
            return checker.check_unique(&path.name("of"), cross.of.iter().map(|column| column.as_str()));
        }
        Feature::Timestamp(timestamp) => {
            let parts = timestamp.encode.iter().map(|part| part.name());
            return checker.check_unique(&path.name("encode"), parts);
        }
        Feature::Numeric(_) => return,
    };
    if vocabulary.is_some() && hash.is_some() {
        checker.report(&path.name("hash"), Contradiction::HashAndVocabulary);
    }
}
