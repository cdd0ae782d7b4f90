//! From counts of values to what may be told of them.

use indexmap::IndexMap;
use spec::AudienceProfile;
use spec::ids::TierName;

use super::counts::ColumnCounts;
use super::suppress::{Table, Told};
use super::tgi::{Counts, Index};
use super::told::{ColumnProfile, ValueKind, ValueProfile};
use super::values::Grouped;

/// How many people there are, and in which tiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) population: u64,
    pub(super) tiers: IndexMap<TierName, u64>,
    /// None without seeds.
    pub(super) seeds: Option<u64>,
}

impl Sizes {
    fn selected(&self) -> u64 {
        self.tiers.values().sum()
    }
}

/// What is told of a column; of an audience of nobody, nothing.
pub(super) fn column(
    grouped: &Grouped,
    counts: &ColumnCounts,
    sizes: &Sizes,
    described: &AudienceProfile,
    surely_above: u64,
) -> ColumnProfile {
    let groups = counts.population.len();
    let audience: Vec<u64> = (0..groups).map(|group| counts.tiers.iter().map(|tier| tier[group]).sum()).collect();
    // Everybody knows that nobody of an empty tier has a value.
    let occupied = sizes.tiers.iter().enumerate().filter(|(_, (_, people))| **people > 0);
    let occupied: Vec<(usize, &TierName, u64)> = occupied.map(|(at, (name, people))| (at, name, *people)).collect();
    let tiers: Vec<Vec<u64>> = occupied.iter().map(|(at, _, _)| counts.tiers[*at].clone()).collect();
    let seeds = sizes.seeds.filter(|seeds| *seeds > 0).map(|_| counts.seeds.as_slice());
    let table = Table { population: &counts.population, audience: &audience, tiers: &tiers, seeds };
    let told = match sizes.selected() {
        0 => Told { audience: vec![false; groups], tiers: Vec::new(), seeds: Vec::new() },
        _ => table.told(u64::from(described.min_cell)),
    };
    let index = |group: usize, having: u64, people: u64| {
        let (population_having, population) = (counts.population[group], sizes.population);
        Index::of(Counts { having, people, population_having, population })
    };
    let value = |group: usize| {
        let of_tiers = occupied.iter().zip(&tiers).zip(&told.tiers).filter(|(_, told)| told[group]);
        let of_tiers =
            of_tiers.map(|(((_, name, people), tier), _)| ((*name).clone(), index(group, tier[group], *people)));
        let seeds = sizes.seeds.filter(|_| told.seeds.get(group).copied().unwrap_or_default());
        ValueProfile {
            value: name_of(grouped, group),
            kind: kind_of(grouped, group),
            place: group,
            population: counts.population[group],
            population_share: counts.population[group] as f64 / sizes.population as f64,
            audience: index(group, audience[group], sizes.selected()),
            tiers: of_tiers.collect(),
            seeds: seeds.map(|people| index(group, counts.seeds[group], people)),
        }
    };
    let mut values: Vec<ValueProfile> = (0..groups).filter(|group| told.audience[*group]).map(value).collect();
    let there = counts.population.iter().filter(|people| **people > 0).count();
    let suppressed = (there - values.len()) as u64;
    // Stable: equally significant ones stay in their order.
    values.sort_by(|one, other| other.audience.z.abs().total_cmp(&one.audience.z.abs()));
    let beyond = values.len().saturating_sub(described.values as usize) as u64;
    values.truncate(described.values as usize);
    let surely_above = (surely_above > 0).then_some(surely_above);
    ColumnProfile { column: grouped.column.column.clone(), values, suppressed, beyond, surely_above }
}

fn name_of(grouped: &Grouped, group: usize) -> String {
    grouped.groups.label(group).unwrap_or_else(|| "(other values)".to_owned())
}

fn kind_of(grouped: &Grouped, group: usize) -> ValueKind {
    match grouped.rest() {
        (other, _) if group == other => ValueKind::Other,
        (_, missing) if group == missing => ValueKind::Missing,
        _ => ValueKind::Value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::plan::{ColumnValues, ProfiledColumn};
    use crate::segments::groups::Groups;

    fn grouped(groups: Groups) -> Grouped {
        Grouped::new(ProfiledColumn { column: "city".parse().unwrap(), values: ColumnValues::Texts }, groups)
    }

    fn sizes(tiers: [u64; 2]) -> Sizes {
        let tiers = ["high", "low"].into_iter().zip(tiers).map(|(name, people)| (name.parse().unwrap(), people));
        Sizes { population: 1000, tiers: tiers.collect(), seeds: Some(50) }
    }

    /// Bonn, Rome, Oslo, others and missing.
    fn counts() -> ColumnCounts {
        ColumnCounts {
            population: vec![500, 300, 100, 60, 40],
            tiers: vec![vec![10, 60, 20, 5, 5], vec![90, 40, 30, 20, 20]],
            seeds: vec![20, 20, 5, 3, 2],
        }
    }

    fn cities() -> Grouped {
        grouped(Groups::Texts(["Bonn", "Rome", "Oslo"].map(str::to_owned).to_vec()))
    }

    #[test]
    fn values_are_sorted_by_significance_and_cut_to_the_limit() {
        let described = AudienceProfile { min_cell: 1, values: 2, ..AudienceProfile::default() };
        let told = column(&cities(), &counts(), &sizes([100, 200]), &described, 0);
        let values: Vec<_> = told.values.iter().map(|value| (value.value.as_str(), value.audience.tgi)).collect();
        // 100 of 300 against 500 of 1000, and 50 of 300 against 100 of 1000.
        assert_eq!((values[0].0, values[1].0, told.beyond), ("Bonn", "Oslo", 3));
        assert!((values[0].1 - 100.0 * (100.0 / 300.0) / 0.5).abs() < 1e-9);
        assert!((told.values[1].tiers["high"].tgi - 200.0).abs() < 1e-9);
        assert!((told.values[0].seeds.unwrap().tgi - 80.0).abs() < 1e-9);
        assert!((told.significance() - told.values[0].audience.z.abs()).abs() < 1e-12);
    }

    #[test]
    fn small_counts_are_not_told_and_counted() {
        let described = AudienceProfile { min_cell: 30, ..AudienceProfile::default() };
        let told = column(&cities(), &counts(), &sizes([100, 200]), &described, 0);
        let names: Vec<_> = told.values.iter().map(|value| value.value.as_str()).collect();
        // 25 of other cities and 25 without one; of 25 and 25, 50 outside are 35 and 15.
        assert!(!names.contains(&"(missing)") && !names.contains(&"(other values)"), "{names:?}");
        assert_eq!(told.suppressed, 5 - told.values.len() as u64);
        for value in &told.values {
            assert!(value.audience.people >= 30 && value.tiers.values().all(|tier| tier.people >= 30), "{value:?}");
            assert!(value.seeds.is_none_or(|seeds| seeds.people >= 30));
        }
    }

    #[test]
    fn nobody_tells_nothing_and_an_empty_tier_is_no_secret() {
        let none = ColumnCounts { tiers: vec![vec![0; 5]; 2], ..counts() };
        let described = AudienceProfile::default();
        assert!(column(&cities(), &none, &sizes([0, 0]), &described, 0).values.is_empty());
        let one = ColumnCounts { tiers: vec![vec![0; 5], vec![90, 40, 30, 20, 20]], ..counts() };
        let told = column(&cities(), &one, &sizes([0, 200]), &described, 0);
        assert!(!told.values.is_empty() && told.values.iter().all(|value| value.tiers.contains_key("low")), "{told:?}");
    }

    #[test]
    fn a_column_that_is_all_null_and_one_that_is_always_the_same_say_100() {
        let described = AudienceProfile::default();
        let nothing =
            ColumnCounts { population: vec![0, 1000], tiers: vec![vec![0, 100], vec![0, 200]], seeds: vec![0, 50] };
        let told = column(&grouped(Groups::Numbers(Vec::new())), &nothing, &sizes([100, 200]), &described, 0);
        assert_eq!(
            (told.values.len(), told.values[0].kind, told.values[0].value.as_str()),
            (1, ValueKind::Missing, "(missing)")
        );
        assert!((told.values[0].audience.tgi - 100.0).abs() < 1e-9 && told.significance() == 0.0);
        let constant = ColumnCounts {
            population: vec![1000, 0, 0],
            tiers: vec![vec![100, 0, 0], vec![200, 0, 0]],
            seeds: vec![50, 0, 0],
        };
        let told = column(&grouped(Groups::Numbers(vec![7.0])), &constant, &sizes([100, 200]), &described, 0);
        assert_eq!((told.values[0].value.as_str(), told.suppressed), ("7", 0));
    }
}
