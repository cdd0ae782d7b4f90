//! Scoring documents.

use super::{Checker, RESERVED, audiences, lookalike, preset, spec, tables};
use crate::contradiction::Contradiction;
use crate::preset::Purpose;
use crate::scoring::ScoringSpec;

pub(super) fn check(checker: &mut Checker<'_>, scoring: &ScoringSpec) {
    let known = tables::check(checker, &scoring.tables, &scoring.prepare);
    tables::check_exists(checker, &spec("population"), &scoring.population, &known);
    if let Some(stated) = &scoring.preset {
        preset::check(checker, stated, Purpose::Scoring, &known);
    }
    if is_reserved(scoring.key.as_str()) {
        checker.report(&spec("key"), Contradiction::Reserved { name: scoring.key.to_string() });
    }
    checker.check_unique(&spec("keep"), scoring.keep.iter().map(|column| column.as_str()));
    for (index, column) in scoring.keep.iter().enumerate().filter(|(_, column)| is_reserved(column.as_str())) {
        checker.report(&spec("keep").item(index), Contradiction::Reserved { name: column.to_string() });
    }
    if let Some(name) = scoring.embedding.as_ref().filter(|name| is_reserved(name.as_str())) {
        checker.report(&spec("embedding"), Contradiction::Reserved { name: name.to_string() });
    }
    for (name, lists) in &scoring.seed_lists {
        let path = spec("seed_lists").name(name);
        if is_reserved(name.as_str()) {
            checker.report(&path, Contradiction::Reserved { name: name.to_string() });
        }
        lookalike::check_seeds(checker, &path.name("seeds"), (&lists.seeds, &scoring.key), &known);
    }
    for (name, audience) in &scoring.audiences {
        audiences::check(checker, &spec("audiences").name(name), audience, &known);
    }
}

/// Whether the score table has a column of this name itself.
fn is_reserved(column: &str) -> bool {
    RESERVED.contains(&column) || column.starts_with("rank:")
}
