//! Scoring documents.

use super::{
    Checker, audiences, exclusivity, is_reserved_score, lookalike, preset, resources, schedule, segments, spec, tables,
};
use crate::contradiction::{AudienceContradiction, Contradiction, FileContradiction};
use crate::ids::TableName;
use crate::node::Path;
use crate::preset::Purpose;
use crate::quarantine::Quarantine;
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
    if let Some(quarantine) = &scoring.quarantine {
        check_quarantine(checker, quarantine, scoring);
    }
    exclusivity::check(checker, scoring);
    for (name, audience) in &scoring.audiences {
        let path = spec("audiences").name(name);
        audiences::check(checker, &path, audience, &known);
        for (index, fresh) in audience.guards.fresh.iter().enumerate() {
            let path = path.name("guards").name("fresh").item(index).name("table");
            check_fresh(checker, &path, &fresh.table, scoring, &known);
        }
    }
}

fn check_quarantine(checker: &mut Checker<'_>, quarantine: &Quarantine, scoring: &ScoringSpec) {
    let path = spec("quarantine");
    if quarantine.max_files.is_none() && quarantine.max_rows.is_none() {
        checker.report_whole(&path, FileContradiction::NoQuarantineLimit.into());
    }
    if scoring.prepare.iter().any(|step| step.name == scoring.population) {
        let table = scoring.population.to_string();
        checker.report(&path, FileContradiction::QuarantineOfPrepared { table }.into());
    }
    if !scoring.neighbours.is_empty() {
        checker.report(&path, FileContradiction::QuarantineWithNeighbours.into());
    }
}

/// What is prepared is as old as the run: only tables that are read can be stale.
fn check_fresh(
    checker: &mut Checker<'_>,
    path: &Path,
    table: &TableName,
    scoring: &ScoringSpec,
    known: &tables::Known,
) {
    if scoring.prepare.iter().any(|step| step.name == *table) {
        return checker.report(path, AudienceContradiction::FreshTablePrepared { table: table.to_string() }.into());
    }
    tables::check_exists(checker, path, table, known);
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
    fn guards_watch_tables_that_are_read() {
        let (guards, at) = ("max_change: 30%", "spec.audiences.likely-buyers.guards");
        let fresh = |table: &str| format!("max_change: 30%, fresh: [{{table: {table}, column: day, within: 36h}}]");
        check_edits(
            SCORING,
            &[
                (guards, &fresh("customers"), &[]),
                (guards, "max_psi: 0.25, max_null_ids: 5%, max_null_keys: 0.1%, max_duplicates: 0", &[]),
                (
                    guards,
                    &fresh("§consenting"),
                    &[&format!(
                        "{at}.fresh[0].table: `consenting` is made by a `prepare` step: name a table of `tables`, whose files come from outside"
                    )],
                ),
                (
                    guards,
                    &fresh("§customer"),
                    &[&format!("{at}.fresh[0].table: there is no table `customer` (did you mean `customers`?)")],
                ),
                (
                    guards,
                    "max_psi: §0, max_null_ids: §100%",
                    &[
                        &format!("{at}.max_psi: 0 is out of range: expected above 0"),
                        &format!("{at}.max_null_ids: 100% is out of range: expected at least 0 and below 1"),
                    ],
                ),
            ],
        );
    }

    #[test]
    fn a_quarantine_has_a_limit() {
        check_edits(
            SCORING,
            &[
                (
                    "population: consenting",
                    "population: customers\n  quarantine: {max_files: 2, max_rows: 100000}",
                    &[],
                ),
                (
                    "population: consenting",
                    "population: customers\n  §quarantine: {}",
                    &[
                        "spec.quarantine: a quarantine says how much may be left out: give `max_files`, `max_rows` or both",
                    ],
                ),
                (
                    KEEP,
                    &format!("{KEEP}\n  §quarantine: {{max_files: 1}}"),
                    &[
                        "spec.quarantine: the population `consenting` is made by a `prepare` step, whose input is never left out: score a table of `tables`, or leave out `quarantine`",
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
