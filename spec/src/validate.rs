//! Mistakes of meaning: documents whose parts are well formed and do not go together.

use std::collections::BTreeSet;

use crate::contradiction::Contradiction;
use crate::mistake::Mistake;
use crate::node::{Node, Path, Value};
use crate::preparation::Written;
use crate::problem::Problem;

mod audiences;
mod exclusivity;
mod features;
mod identity;
mod lookalike;
mod network;
mod preset;
mod resources;
mod schedule;
mod scoring;
mod search;
mod segments;
mod tables;
mod tasks;
#[cfg(test)]
mod tests;
mod training;

/// Columns that the score table has of itself.
const RESERVED: [&str; 2] = ["model_version", "scored_at"];

/// Whether the score table has a column of this name itself.
fn is_reserved_score(column: &str) -> bool {
    RESERVED.contains(&column) || column.starts_with("rank:")
}

/// Reports every contradiction in a document. `damage` are the places where the document's own value is wrong, which
/// is reported already: nothing is said of what stands there instead.
pub(crate) fn validate(document: &Written, tree: &Node, damage: &[Path], problems: &mut Vec<Problem>) {
    let mut checker = Checker { tree, damage, problems };
    match document {
        Written::Training(training) => training::check(&mut checker, &training.spec),
        Written::Scoring(scoring) => scoring::check(&mut checker, &scoring.spec),
        Written::Preparation(preparation) => {
            tables::check(&mut checker, &preparation.spec.tables, &preparation.spec.prepare);
        }
    }
}

pub(crate) use search::validate_trials;

struct Checker<'a> {
    tree: &'a Node,
    damage: &'a [Path],
    problems: &'a mut Vec<Problem>,
}

impl Checker<'_> {
    fn report(&mut self, path: &Path, contradiction: Contradiction) {
        self.report_mistake(path, Mistake::Contradiction(contradiction));
    }

    /// Reports what takes all values below a path together.
    fn report_whole(&mut self, path: &Path, contradiction: Contradiction) {
        if !self.has_damage(path) {
            self.report(path, contradiction);
        }
    }

    fn report_mistake(&mut self, path: &Path, mistake: Mistake) {
        if !self.is_damaged(path) {
            let place = Some(self.tree.nearest(path).place.clone());
            self.problems.push(Problem { place, path: path.to_string(), mistake });
        }
    }

    /// Whether the value at a path is not the document's own.
    fn is_damaged(&self, path: &Path) -> bool {
        self.damage.iter().any(|damaged| damaged.leads_to(path))
    }

    /// Whether a field below a path is written in the document.
    fn is_written(&self, path: &Path, field: &str) -> bool {
        self.tree.at(path).is_some_and(|node| node.get(field).is_some())
    }

    /// Whether a value is not the document's own, or something in it.
    fn has_damage(&self, path: &Path) -> bool {
        self.damage.iter().any(|damaged| damaged.leads_to(path) || path.leads_to(damaged))
    }

    /// The names under a mapping of the spec as they are written, well formed or not; nothing if it is no mapping.
    fn names_written(&self, field: &str) -> Option<Vec<String>> {
        match &self.tree.get("spec")?.get(field)?.value {
            Value::Map(entries) => Some(entries.iter().map(|entry| entry.name.clone()).collect()),
            _ => None,
        }
    }

    /// Reports fields of which not exactly one is there.
    fn check_exactly_one(&mut self, path: &Path, fields: &[(&str, bool)]) {
        let found: Vec<String> =
            fields.iter().filter(|(_, is_there)| *is_there).map(|(name, _)| (*name).to_owned()).collect();
        let is_told = fields.iter().any(|(name, _)| self.is_damaged(&path.name(name)));
        if found.len() != 1 && !is_told {
            let of = fields.iter().map(|(name, _)| (*name).to_owned()).collect();
            self.report_mistake(path, Mistake::ExactlyOne { of, found });
        }
    }

    /// Reports every item that stands in a list before.
    fn check_unique<'a>(&mut self, path: &Path, items: impl IntoIterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        for (index, item) in items.into_iter().enumerate() {
            let path = path.item(index);
            if !self.is_damaged(&path) && !seen.insert(item) {
                self.report(&path, Contradiction::ListedTwice { item: item.to_owned() });
            }
        }
    }
}

/// The path of a field of the spec.
fn spec(field: &str) -> Path {
    Path::default().name("spec").name(field)
}

/// A sum of shares as a message shows it.
fn rounded(share: f64) -> f64 {
    (share * 1e9).round() / 1e9
}
