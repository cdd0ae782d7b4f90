//! Audiences of a Scoring document.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::{Checker, identity, rounded, tables};
use crate::audience::{Audience, ContactCap, Guards, IdColumn, Size, TierCut, TierEnd};
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
