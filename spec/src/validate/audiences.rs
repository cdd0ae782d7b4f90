//! Audiences of a Scoring document.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{Checker, identity, rounded, tables};
use crate::audience::{Audience, AudienceProfile, ContactCap, Guards, IdColumn, Size, TierCut, TierEnd};
use crate::contradiction::{AudienceContradiction, Contradiction};
use crate::mistake::Mistake;
use crate::node::Path;
use crate::schedule::TimeZone;
use crate::table::KeyTable;

/// Sums of shares that differ by less are the same: shares are written in decimals.
const TOLERANCE: f64 = 1e-9;

/// Columns that published files have of themselves: the rank, and the tier as the folder's name says it.
const PUBLISHED: [&str; 2] = ["score", "tier"];

pub(super) fn check(checker: &mut Checker<'_>, path: &Path, audience: &Audience, known: &tables::Known) {
    check_tiers(checker, &path.name("tiers"), audience);
    check_key_tables(checker, &path.name("include"), &audience.include, known);
    check_key_tables(checker, &path.name("exclude"), &audience.exclude, known);
    for (index, table) in audience.exclude.iter().enumerate().filter(|(_, table)| audience.include.contains(table)) {
        let contradiction = AudienceContradiction::IncludedAndExcluded { table: table.table.to_string() };
        checker.report_whole(&path.name("exclude").item(index), contradiction.into());
    }
    check_caps(checker, &path.name("caps"), &audience.caps, known);
    check_ids(checker, &path.name("ids"), &audience.ids);
    check_guards(checker, path, &audience.size, &audience.guards);
    if let Some(profile) = &audience.profile {
        check_profile(checker, &path.name("profile"), profile, known);
    }
}

fn check_profile(checker: &mut Checker<'_>, path: &Path, profile: &AudienceProfile, known: &tables::Known) {
    let columns = profile.columns.iter().flatten().map(|column| column.as_str());
    checker.check_unique(&path.name("columns"), columns);
    if let Some(seeds) = &profile.seeds {
        tables::check_exists(checker, &path.name("seeds").name("table"), &seeds.table, known);
    }
}

fn check_key_tables(checker: &mut Checker<'_>, path: &Path, key_tables: &[KeyTable], known: &tables::Known) {
    for (index, table) in key_tables.iter().enumerate() {
        let path = path.item(index);
        tables::check_exists(checker, &path.name("table"), &table.table, known);
        if key_tables[..index].contains(table) {
            checker.report_whole(&path, Contradiction::ListedTwice { item: table.table.to_string() });
        }
    }
}

fn check_caps(checker: &mut Checker<'_>, path: &Path, caps: &[ContactCap], known: &tables::Known) {
    for (index, cap) in caps.iter().enumerate() {
        let path = path.item(index);
        tables::check_exists(checker, &path.name("table"), &cap.table, known);
        if let Some(Err(mistake)) = cap.time_zone.as_deref().map(TimeZone::from_str) {
            checker.report_mistake(&path.name("time_zone"), Mistake::Schedule(mistake));
        }
        if caps[..index].contains(cap) {
            checker.report_whole(&path, Contradiction::ListedTwice { item: cap.table.to_string() });
        }
    }
}

fn check_tiers(checker: &mut Checker<'_>, path: &Path, audience: &Audience) {
    let mut taken = 0.0;
    let (mut has_rest, mut has_ends) = (false, false);
    for (index, (name, cut)) in audience.tiers.iter().enumerate() {
        match cut {
            TierCut::Share(share) => taken += share,
            TierCut::End(_) => has_ends = true,
            TierCut::Rest(_) => {
                has_rest = true;
                if index + 1 < audience.tiers.len() {
                    checker.report(&path.name(name), AudienceContradiction::RestNotLast.into());
                }
            }
        }
    }
    if taken > 1.0 + TOLERANCE {
        checker.report_whole(path, AudienceContradiction::TiersTooLarge { taken: rounded(taken) }.into());
    } else if has_ends && !has_rest {
        checker.report_whole(path, AudienceContradiction::NoRest.into());
    } else if taken < 1.0 - TOLERANCE && !has_rest && !audience.tiers.is_empty() {
        checker.report_whole(path, AudienceContradiction::TiersTooSmall { taken: rounded(taken) }.into());
    }
    check_order(checker, path, audience);
}

/// Reports tiers that end no lower than one above them does.
fn check_order(checker: &mut Checker<'_>, path: &Path, audience: &Audience) {
    let (mut score, mut share): (Option<f64>, Option<f64>) = (None, None);
    for (name, cut) in &audience.tiers {
        let (ends, field) = match *cut {
            TierCut::End(TierEnd::Threshold(least)) => {
                (score.replace(least).filter(|above| *above <= least), "threshold")
            }
            TierCut::End(TierEnd::Best(best)) => (share.replace(best).filter(|above| *above >= best), "best"),
            TierCut::End(TierEnd::Top(_)) | TierCut::Share(_) | TierCut::Rest(_) => continue,
        };
        if let Some(ends) = ends {
            checker.report(&path.name(name).name(field), AudienceContradiction::TierEmpty { ends }.into());
        }
    }
}

fn check_ids(checker: &mut Checker<'_>, path: &Path, ids: &[IdColumn]) {
    identity::check_columns(checker, path, ids);
    let mut names = BTreeSet::new();
    for (index, id) in ids.iter().enumerate() {
        let name = id.published_name();
        let path = path.item(index);
        if checker.has_damage(&path) {
            continue;
        }
        if PUBLISHED.contains(&name.as_str()) {
            checker.report(&path, AudienceContradiction::IdNameReserved { name }.into());
        } else if !names.insert(name.clone()) {
            checker.report(&path, AudienceContradiction::IdNameTwice { name }.into());
        }
    }
}

fn check_guards(checker: &mut Checker<'_>, path: &Path, size: &Size, guards: &Guards) {
    let min_size = guards.min_size;
    let crossed = guards.max_size.filter(|max_size| *max_size < min_size);
    if let Some(max_size) = crossed {
        let path = path.name("guards").name("max_size");
        return checker.report(&path, AudienceContradiction::GuardsCross { min_size, max_size }.into());
    }
    let Size::Top(top) = *size else { return };
    let path = path.name("size").name("top");
    if top < min_size {
        checker.report(&path, AudienceContradiction::SizeBelowMinimum { top, min_size }.into());
    }
    if let Some(max_size) = guards.max_size.filter(|max_size| *max_size < top) {
        checker.report(&path, AudienceContradiction::SizeAboveMaximum { top, max_size }.into());
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{SCORING, check_edits, document};

    const ABOVE: &str = "above: {rank_by: best, size: {threshold: 0.3}}";

    fn with(profile: &str) -> String {
        format!("above: {{rank_by: best, size: {{threshold: 0.3}}, profile: {profile}}}")
    }

    #[test]
    fn an_audience_is_described_as_is_usual_unless_it_says_how() {
        let crate::Document::Scoring(scoring) = document(&SCORING.replace(ABOVE, &with("{columns: [], bins: 4}")))
        else {
            panic!("a Scoring document");
        };
        let usual = scoring.spec.audiences["share-of-all"].described();
        assert_eq!((usual.columns, usual.min_cell, usual.bins, usual.values), (None, 30, 10, 50));
        let said = scoring.spec.audiences["above"].described();
        assert_eq!((said.columns, said.min_cell, said.bins), (Some(Vec::new()), 30, 4));
    }

    #[test]
    fn mistakes_of_a_profile_are_named_with_their_place() {
        let at = "spec.audiences.above.profile";
        check_edits(
            SCORING,
            &[
                (ABOVE, &with("{seeds: {table: recent_buyers, key: buyer}, min_cell: 100, values: 20}"), &[]),
                (
                    ABOVE,
                    &with("{min_cell: §0}"),
                    &[&format!("{at}.min_cell: 0 is out of range: expected 1 to 1000000")],
                ),
                (ABOVE, &with("{bins: §1}"), &[&format!("{at}.bins: 1 is out of range: expected 2 to 100")]),
                (ABOVE, &with("{columns: [city, §city]}"), &[&format!("{at}.columns[1]: `city` is listed twice")]),
                (
                    ABOVE,
                    &with("{seeds: {table: §shops}}"),
                    &[&format!(
                        "{at}.seeds.table: there is no table `shops` (tables so far: customers, recent_buyers, consenting)"
                    )],
                ),
                (
                    ABOVE,
                    &with("{§colums: [city]}"),
                    &[&format!("{at}.colums: unknown field `colums` (did you mean `columns`?)")],
                ),
            ],
        );
    }
}
