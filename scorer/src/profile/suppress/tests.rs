use proptest::prelude::*;

use super::*;

fn told(population: &[u64], tiers: &[Vec<u64>], least: u64) -> Told {
    let audience: Vec<u64> = (0..population.len()).map(|row| tiers.iter().map(|tier| tier[row]).sum()).collect();
    Table { population, audience: &audience, tiers, seeds: None }.told(least)
}

#[test]
fn one_small_group_takes_the_smallest_other_with_it() {
    let told = told(&[500, 400, 300, 100], &[vec![200, 100, 50, 5]], 30);
    assert_eq!(told.audience, [true, true, false, false]);
    assert_eq!(told.tiers, [told.audience]);
}

#[test]
fn nothing_is_hidden_where_all_are_enough_and_all_is_told_for_one() {
    assert_eq!(told(&[500, 400], &[vec![200, 100]], 30).audience, [true, true]);
    assert_eq!(told(&[500, 400, 0], &[vec![200, 0, 0]], 1).audience, [true, true, false]);
}

#[test]
fn a_few_people_outside_are_not_had_by_subtraction_and_none_outside_is_told() {
    // 3 people outside the audience have the first value, and nobody the second.
    let told = told(&[203, 100, 900, 800], &[vec![200, 100, 90, 80]], 30);
    assert_eq!(told.audience, [false, true, true, false]);
}

#[test]
fn a_value_that_nobody_of_the_audience_has_hides_no_other() {
    assert_eq!(told(&[500, 400], &[vec![200, 0]], 30).audience, [true, false]);
    // But three people without the value would be known from the population.
    assert_eq!(told(&[500, 3, 400], &[vec![200, 0, 100]], 30).audience, [true, false, false]);
}

#[test]
fn an_audience_of_too_few_tells_nothing() {
    let told = told(&[500, 400], &[vec![20, 5], vec![1, 2]], 30);
    assert_eq!((told.audience, told.tiers), (vec![false, false], vec![vec![false; 2]; 2]));
}

#[test]
fn a_small_count_of_a_tier_hides_another_tier_of_the_group_and_another_group_of_the_tier() {
    let tiers = [vec![5, 100, 200], vec![100, 100, 210], vec![110, 150, 220]];
    let told = told(&[10_000, 10_000, 10_000], &tiers, 30);
    assert_eq!(told.audience, [true; 3]);
    let hidden = |tier: usize| told.tiers[tier].iter().filter(|told| !**told).count();
    assert!(!told.tiers[0][0], "the small one");
    assert_eq!((hidden(0), hidden(1) >= 1), (2, true), "{:?}", told.tiers);
}

#[test]
fn seeds_are_told_of_told_groups_alone() {
    let (population, audience, seeds) = ([1000, 1000, 1000, 50], [100, 100, 100, 5], [40, 50, 3, 2]);
    let table =
        Table { population: &population, audience: &audience, tiers: &[audience.to_vec()], seeds: Some(&seeds) };
    let told = table.told(30);
    assert_eq!(told.audience, [false, true, true, false], "the fourth is few, the first goes with it");
    assert_eq!(told.seeds, [false, true, false, false]);
}

/// The unknown counts that sums determine: those whose unit vector lies in the row space of the sums over them.
fn determined(equations: &[Vec<usize>], unknowns: usize) -> Vec<usize> {
    let mut rows: Vec<Vec<f64>> = equations
        .iter()
        .map(|cells| (0..unknowns).map(|cell| if cells.contains(&cell) { 1.0 } else { 0.0 }).collect())
        .collect();
    let mut pivot = 0;
    for column in 0..unknowns {
        let Some(found) = (pivot..rows.len()).find(|row| rows[*row][column].abs() > 1e-9) else { continue };
        rows.swap(pivot, found);
        let scale = rows[pivot][column];
        rows[pivot].iter_mut().for_each(|number| *number /= scale);
        let base = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(row, _)| *row != pivot) {
            let factor = row[column];
            row.iter_mut().zip(&base).for_each(|(number, base)| *number -= factor * base);
        }
        pivot += 1;
    }
    let alone = |row: &Vec<f64>| {
        let mut cells = row.iter().enumerate().filter(|(_, number)| number.abs() > 1e-9).map(|(cell, _)| cell);
        cells.next().filter(|_| cells.next().is_none())
    };
    rows.iter().filter_map(alone).collect()
}

proptest! {
    /// Gauss' elimination over everything that is published: sums by group, by tier and of all.
    #[test]
    fn no_count_below_the_minimum_can_be_had_by_adding_and_subtracting(
        cells in prop::collection::vec(prop::collection::vec(0_u64..60, 4), 2..9),
        tiers in 2_usize..4,
    ) {
        let least = 20;
        // Cell 3 of each group lies outside the audience.
        let count = |group: usize, part: usize| cells[group][part];
        let parts: Vec<usize> = (0..tiers).chain([3]).collect();
        let population: Vec<u64> = (0..cells.len()).map(|group| parts.iter().map(|part| count(group, *part)).sum()).collect();
        let by_tier: Vec<Vec<u64>> = (0..tiers).map(|tier| (0..cells.len()).map(|group| count(group, tier)).collect()).collect();
        let told = told(&population, &by_tier, least);
        let cell = |group: usize, part: usize| group * parts.len() + part;
        let mut equations: Vec<Vec<usize>> = Vec::new();
        for part in 0..parts.len() {
            equations.push((0..cells.len()).filter(|group| population[*group] > 0).map(|group| cell(group, part)).collect());
        }
        for group in (0..cells.len()).filter(|group| told.audience[*group]) {
            equations.push((0..tiers).map(|tier| cell(group, tier)).collect());
            equations.push(vec![cell(group, tiers)]);
            (0..tiers).filter(|tier| told.tiers[*tier][group]).for_each(|tier| equations.push(vec![cell(group, tier)]));
        }
        // That nobody of the audience has a value may be known.
        for group in (0..cells.len()).filter(|group| (0..tiers).all(|tier| count(*group, tier) == 0)) {
            (0..tiers).for_each(|tier| equations.push(vec![cell(group, tier)]));
        }
        for found in determined(&equations, cells.len() * parts.len()) {
            let (group, part) = (found / parts.len(), found % parts.len());
            let people = count(group, parts[part]);
            // How many people a tier has is known: where all have one value, that says how many have it.
            let has_some = |group: &usize| (0..tiers).any(|tier| count(*group, tier) > 0);
            let is_known = told.audience.iter().all(|told| !told) || (0..cells.len()).filter(has_some).count() == 1;
            prop_assert!(
                people >= least || people == 0 || is_known,
                "group {group}, part {part} of {people} people: {told:?}"
            );
        }
    }
}
