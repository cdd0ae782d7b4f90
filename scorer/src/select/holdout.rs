//! The control group: who is kept out of a tier, drawn by a salted hash of the key.
//!
//! Of a tier, those with the lowest salted hashes are held out, as many as the share says. The same person has the same
//! hash every night, so as long as the tier hardly changes, neither do its control group's members.

use super::cut::TierRows;
use super::order::Place;
use super::share::Share;
use super::sketch::{Bracket, Mark};

/// How many rows of each tier are held out: the share of its rows, rounded half up. `None` when it is no share.
pub fn held_out(tiers: &[TierRows], share: f64) -> Option<Vec<u64>> {
    let share = Share::of(share).filter(|share| *share <= Share::WHOLE)?;
    Some(tiers.iter().map(|tier| share.of_rows(tier.rows)).collect())
}

/// Where a row stands in the draw of its tier: the lowest salted hash is the greatest place.
pub fn draw(salted_hash: u128, position: u64) -> Place {
    Place::new(0, !salted_hash, position)
}

/// Standard deviations that a place may be from where it is expected: more would be one chance in 10¹⁵.
const DEVIATIONS: f64 = 8.0;

/// Between which marks the place at an ordinal lies in the draw of so many rows, as hashes are spread evenly. A search that does
/// not find it there goes on without.
pub fn expected(rows: u64, ordinal: u64) -> Bracket {
    let (all, at) = (rows.max(1) as f64, ordinal as f64 + 1.0);
    let share = (at / all).min(1.0);
    let margin = DEVIATIONS * (all * share * (1.0 - share)).sqrt() + DEVIATIONS;
    // The cast ends at both ends of the range.
    let mark = |above: f64| Mark(0, ((1.0 - above / all) * (u64::MAX as f64 + 1.0)) as u64);
    Bracket { high: mark(at - margin), low: mark(at + margin), rows: (3.0 * margin) as u64 }
}

/// The last place drawn in each tier; `None` where nobody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draws {
    /// By tier index.
    pub lasts: Vec<Option<Place>>,
}

impl Draws {
    /// Whether a row of this tier is held out.
    pub fn holds_out(&self, tier: usize, draw: &Place) -> bool {
        self.lasts.get(tier).copied().flatten().is_some_and(|last| *draw >= last)
    }

    /// Whether anybody is held out.
    pub fn is_empty(&self) -> bool {
        self.lasts.iter().all(Option::is_none)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use artifacts::keys::{hash_text, seed_of};

    use super::*;
    use crate::select::search::Search;

    fn held(people: &[u64], share: f64, salt: &str) -> HashSet<u64> {
        held_within(people, share, salt, 1 << 20).0
    }

    /// The people of a tier who are held out, and how many passes over the score table find them that collect so many rows.
    fn held_within(people: &[u64], share: f64, salt: &str, collected: u64) -> (HashSet<u64>, usize) {
        let tier = TierRows { tier: "all".parse().unwrap(), rows: people.len() as u64 };
        let rows = held_out(&[tier], share).unwrap()[0];
        let mut passes = 0;
        let seed = seed_of("holdout", salt);
        let drawn = |person: &u64| draw(hash_text(format!("c{person}").as_bytes(), seed), *person);
        let ordinals: Vec<u64> = rows.checked_sub(1).into_iter().collect();
        let brackets: Vec<Bracket> = ordinals.iter().map(|last| expected(people.len() as u64, *last)).collect();
        let search = Search::in_one_rank(0, people.len() as u64, &ordinals, collected);
        let mut search = search.narrowed(&brackets);
        while !search.is_done() {
            passes += 1;
            let pass = search.pass();
            let mut seen = pass.observed();
            people.iter().for_each(|person| pass.observe(drawn(person), &mut seen));
            search.absorb(seen);
        }
        let draws = Draws { lasts: vec![search.into_places().first().copied().flatten()] };
        (people.iter().copied().filter(|person| draws.holds_out(0, &drawn(person))).collect(), passes)
    }

    /// Pearson's chi-square of a 2 × 2 table: how far two properties of people are from independent. One degree of freedom.
    fn chi_square(people: &[u64], one: impl Fn(u64) -> bool, other: impl Fn(u64) -> bool) -> f64 {
        let count = |wanted: (bool, bool)| {
            people.iter().filter(|person| (one(**person), other(**person)) == wanted).count() as f64
        };
        let cells = [[count((true, true)), count((true, false))], [count((false, true)), count((false, false))]];
        let (rows, all) = (cells.map(|row| row[0] + row[1]), people.len() as f64);
        let columns = [cells[0][0] + cells[1][0], cells[0][1] + cells[1][1]];
        let term = |row: usize, column: usize| {
            let expected = rows[row] * columns[column] / all;
            (cells[row][column] - expected).powi(2) / expected
        };
        term(0, 0) + term(0, 1) + term(1, 0) + term(1, 1)
    }

    /// What one chi-square of a thousand is above when nothing is amiss (1 degree of freedom). The data are fixed, so a test
    /// against it passes always or never.
    const ONE_OF_A_THOUSAND: f64 = 10.83;

    #[test]
    fn a_share_is_exact_to_the_nearest_person() {
        for (people, share, expected) in [(1000, 0.1, 100), (995, 0.1, 100), (994, 0.1, 99), (7, 0.5, 4), (3, 0.1, 0)] {
            let people: Vec<u64> = (0..people).collect();
            assert_eq!(held(&people, share, "spring").len(), expected, "{share} of {}", people.len());
        }
    }

    #[test]
    fn one_pass_draws_a_group_of_many_while_it_holds_few() {
        let people: Vec<u64> = (0..100_000).collect();
        for share in [0.001, 0.1, 0.5, 0.999] {
            let (found, passes) = held_within(&people, share, "spring", 6000);
            assert_eq!(passes, 1, "{share}");
            assert_eq!(found, held_within(&people, share, "spring", 1 << 20).0);
        }
    }

    #[test]
    fn a_tier_that_hardly_changes_keeps_its_control_group() {
        let tonight: Vec<u64> = (0..20_000).collect();
        let tomorrow: Vec<u64> = (200..20_200).collect();
        let (before, after) = (held(&tonight, 0.1, "spring"), held(&tomorrow, 0.1, "spring"));
        assert_eq!(before, held(&tonight, 0.1, "spring"), "the same people every night");
        let stayed = before.iter().filter(|person| **person >= 200).count();
        let kept = before.intersection(&after).count();
        assert!(kept as f64 >= 0.97 * stayed as f64, "{kept} of the {stayed} who are still in the tier");
    }

    #[test]
    fn a_group_that_shrinks_is_part_of_the_larger_one() {
        let people: Vec<u64> = (0..5000).collect();
        assert!(held(&people, 0.05, "spring").is_subset(&held(&people, 0.1, "spring")));
    }

    #[test]
    fn groups_of_other_salts_are_independent() {
        let people: Vec<u64> = (0..20_000).collect();
        let groups: Vec<_> = ["spring", "summer", "autumn", "1", "2"].map(|salt| held(&people, 0.2, salt)).into();
        for (index, one) in groups.iter().enumerate() {
            for other in &groups[index + 1..] {
                let found = chi_square(&people, |person| one.contains(&person), |person| other.contains(&person));
                assert!(found < ONE_OF_A_THOUSAND, "{found}");
            }
        }
    }

    #[test]
    fn who_is_held_out_depends_on_neither_the_key_nor_the_order_of_ties() {
        let people: Vec<u64> = (0..20_000).collect();
        let group = held(&people, 0.2, "spring");
        let tie = seed_of("tie", "");
        let is_upper = |person: u64| hash_text(format!("c{person}").as_bytes(), tie) >> 127 == 1;
        for property in [&is_upper as &dyn Fn(u64) -> bool, &|person| person % 2 == 0, &|person| person < 10_000] {
            let found = chi_square(&people, |person| group.contains(&person), property);
            assert!(found < ONE_OF_A_THOUSAND, "{found}");
        }
        let tiers: [Vec<u64>; 2] = [(0..10_000).collect(), (10_000..20_000).collect()];
        let of_tiers: HashSet<u64> = tiers.iter().flat_map(|tier| held(tier, 0.2, "spring")).collect();
        let found = chi_square(&people, |person| of_tiers.contains(&person), |person| group.contains(&person));
        assert!(found > 1000.0, "one salt draws nearly the same people, however they are divided: {found}");
    }
}
