//! Audiences of a Scoring document.

use std::collections::BTreeSet;

use super::{Checker, identity, rounded, tables};
use crate::audience::{Audience, Guards, IdColumn, Size, TierCut};
use crate::contradiction::{AudienceContradiction, Contradiction};
use crate::node::Path;

/// Sums of shares that differ by less are the same: shares are written in decimals.
const TOLERANCE: f64 = 1e-9;

/// Columns that published files have of themselves: the rank, and the tier as the folder's name says it.
const PUBLISHED: [&str; 2] = ["score", "tier"];

pub(super) fn check(checker: &mut Checker<'_>, path: &Path, audience: &Audience, known: &tables::Known) {
    check_tiers(checker, &path.name("tiers"), audience);
    for (index, table) in audience.exclude.iter().enumerate() {
        let path = path.name("exclude").item(index);
        tables::check_exists(checker, &path.name("table"), &table.table, known);
        if audience.exclude[..index].contains(table) {
            checker.report_whole(&path, Contradiction::ListedTwice { item: table.table.to_string() });
        }
    }
    check_ids(checker, &path.name("ids"), &audience.ids);
    check_guards(checker, path, &audience.size, &audience.guards);
}

fn check_tiers(checker: &mut Checker<'_>, path: &Path, audience: &Audience) {
    let mut taken = 0.0;
    let mut has_rest = false;
    for (index, (name, cut)) in audience.tiers.iter().enumerate() {
        match cut {
            TierCut::Share(share) => taken += share,
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
    } else if taken < 1.0 - TOLERANCE && !has_rest && !audience.tiers.is_empty() {
        checker.report_whole(path, AudienceContradiction::TiersTooSmall { taken: rounded(taken) }.into());
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
