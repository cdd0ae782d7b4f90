//! Scoring documents.

use super::{
    Checker, audiences, exclusivity, is_reserved_score, lookalike, preset, resources, schedule, segments, spec, tables,
};
use crate::contradiction::Contradiction;
use crate::preset::Purpose;
use crate::scoring::ScoringSpec;

pub(super) fn check(checker: &mut Checker<'_>, scoring: &ScoringSpec) {
    let known = tables::check(checker, &scoring.tables, &scoring.prepare);
    tables::check_exists(checker, &spec("population"), &scoring.population, &known);
    if let Some(stated) = &scoring.preset {
        preset::check(checker, stated, Purpose::Scoring, &known);
    }
    if let Some(stated) = &scoring.schedule {
        schedule::check(checker, stated);
    }
    if is_reserved_score(scoring.key.as_str()) {
        checker.report(&spec("key"), Contradiction::Reserved { name: scoring.key.to_string() });
    }
    checker.check_unique(&spec("keep"), scoring.keep.iter().map(|column| column.as_str()));
    for (index, column) in scoring.keep.iter().enumerate().filter(|(_, column)| is_reserved_score(column.as_str())) {
        checker.report(&spec("keep").item(index), Contradiction::Reserved { name: column.to_string() });
    }
    if let Some(name) = scoring.embedding.as_ref().filter(|name| is_reserved_score(name.as_str())) {
        checker.report(&spec("embedding"), Contradiction::Reserved { name: name.to_string() });
    }
    for (name, lists) in &scoring.seed_lists {
        let path = spec("seed_lists").name(name);
        if is_reserved_score(name.as_str()) {
            checker.report(&path, Contradiction::Reserved { name: name.to_string() });
        }
        lookalike::check_seeds(checker, &path.name("seeds"), (&lists.seeds, &scoring.key), &known);
    }
    segments::check(checker, scoring);
    for (name, neighbours) in &scoring.neighbours {
        let path = spec("neighbours").name(name).name("of").name("table");
        tables::check_exists(checker, &path, &neighbours.of.table, &known);
    }
    if let Some(table) = &scoring.item_embeddings {
        tables::check_exists(checker, &spec("item_embeddings"), table, &known);
    }
    resources::check(checker, &scoring.resources);
    for (name, audience) in &scoring.audiences {
        audiences::check(checker, &spec("audiences").name(name), audience, &known);
    }
    exclusivity::check(checker, scoring);
}

#[cfg(test)]
mod tests {
    use crate::testing::{SCORING, check_edits};

    const KEEP: &str = "keep: [customer_id, city]";

    #[test]
    fn items_are_of_a_table_that_is_there() {
        check_edits(
            SCORING,
            &[
                (KEEP, &format!("{KEEP}\n  item_embeddings: recent_buyers"), &[]),
                (
                    KEEP,
                    &format!("{KEEP}\n  item_embeddings: §shops"),
                    &[
                        "spec.item_embeddings: there is no table `shops` (tables so far: customers, recent_buyers, consenting)",
                    ],
                ),
            ],
        );
    }

    #[test]
    fn neighbours_are_of_a_table_that_is_there() {
        let of = |neighbours: &str| format!("{KEEP}\n  neighbours: {{near: {neighbours}}}");
        let at = "spec.neighbours.near";
        check_edits(
            SCORING,
            &[
                (KEEP, &of("{of: {table: recent_buyers, key: buyer}, count: 20, similarity: dot}"), &[]),
                (KEEP, &of("{of: {table: recent_buyers}}"), &[]),
                (
                    KEEP,
                    &of("{of: {table: §shops}}"),
                    &[&format!(
                        "{at}.of.table: there is no table `shops` (tables so far: customers, recent_buyers, consenting)"
                    )],
                ),
                (
                    KEEP,
                    &of("{of: {table: recent_buyers}, similarity: §cosin}"),
                    &[&format!("{at}.similarity: unknown neighbour similarity `cosin` (did you mean `cosine`?)")],
                ),
                (
                    KEEP,
                    &of("{of: {table: recent_buyers}, count: §0}"),
                    &[&format!("{at}.count: 0 is out of range: expected 1 to 1000")],
                ),
            ],
        );
    }
}
