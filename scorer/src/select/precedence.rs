//! Which audience takes people first where nobody is to be in both: by priority, then in the document's order.
//!
//! The order is a total one, so there is nothing that two audiences could each wait for. Audiences are known by their index in
//! the document.

use std::cmp::Reverse;

use indexmap::IndexMap;
use spec::Audience;
use spec::ids::AudienceName;

/// Who takes people before whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precedence {
    order: Vec<usize>,
    above: Vec<Vec<usize>>,
    rounds: Vec<Vec<usize>>,
}

impl Precedence {
    /// The audiences of a document. Two are exclusive as soon as one of them says so.
    pub fn of(audiences: &IndexMap<AudienceName, Audience>) -> Self {
        let priority = |index: usize| audiences[index].priority.unwrap_or(0);
        let mut order: Vec<usize> = (0..audiences.len()).collect();
        order.sort_by_key(|index| (Reverse(priority(*index)), *index));
        let names = |one: usize, other: usize| {
            audiences.get_index(other).is_some_and(|(name, _)| audiences[one].exclusive_with.contains(name))
        };
        let (mut above, mut round) = (vec![Vec::new(); audiences.len()], vec![0; audiences.len()]);
        for (place, index) in order.iter().enumerate() {
            let before = order[..place].iter().copied();
            above[*index] = before.filter(|other| names(*index, *other) || names(*other, *index)).collect();
            round[*index] = above[*index].iter().map(|other| round[*other] + 1).max().unwrap_or(0);
        }
        let rounds = (0..=round.iter().copied().max().unwrap_or(0))
            .map(|number| order.iter().copied().filter(|index| round[*index] == number).collect::<Vec<usize>>());
        let rounds = rounds.filter(|round: &Vec<usize>| !round.is_empty()).collect();
        Self { order, above, rounds }
    }

    /// All audiences, the first to take people first.
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// The audiences that take people before this one and share nobody with it, the first first.
    pub fn above(&self, audience: usize) -> &[usize] {
        &self.above[audience]
    }

    /// Rounds of audiences: who takes people before one is in an earlier round, so that those of a round are settled together.
    pub fn rounds(&self) -> &[Vec<usize>] {
        &self.rounds
    }

    /// What must be known to say who is left for some audiences: themselves and all above them, in the order of taking.
    pub fn needed_for(&self, audiences: &[usize]) -> Vec<usize> {
        let mut is_needed = vec![false; self.above.len()];
        audiences.iter().for_each(|index| is_needed[*index] = true);
        for index in self.order.iter().rev().filter(|index| !self.above[**index].is_empty()) {
            if is_needed[*index] {
                self.above[*index].iter().for_each(|other| is_needed[*other] = true);
            }
        }
        self.order.iter().copied().filter(|index| is_needed[*index]).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn precedence(audiences: &[(&str, Value)]) -> Precedence {
        let audience = |(name, fields): &(&str, Value)| {
            let mut all = json!({"rank_by": "score", "size": {"top": 1}});
            fields.as_object().unwrap().iter().for_each(|(field, value)| all[field] = value.clone());
            (name.parse().unwrap(), serde_json::from_value(all).unwrap())
        };
        Precedence::of(&audiences.iter().map(audience).collect())
    }

    #[test]
    fn priority_goes_first_and_then_the_document() {
        let found = precedence(&[
            ("a", json!({})),
            ("b", json!({"priority": 1, "exclusive_with": ["a"]})),
            ("c", json!({"priority": 9, "exclusive_with": ["b"]})),
            ("d", json!({"priority": 0, "exclusive_with": ["a"]})),
        ]);
        assert_eq!(found.order(), [2, 1, 0, 3]);
        let above: Vec<_> = (0..4).map(|index| found.above(index).to_vec()).collect();
        assert_eq!(above, [vec![1], vec![2], vec![], vec![0]]);
        assert_eq!(found.rounds(), [vec![2], vec![1], vec![0], vec![3]]);
        assert_eq!(found.needed_for(&[0]), [2, 1, 0]);
        assert_eq!(found.needed_for(&[1, 2]), [2, 1]);
    }

    #[test]
    fn audiences_that_share_freely_are_one_round() {
        let found = precedence(&[("a", json!({})), ("b", json!({})), ("c", json!({"exclusive_with": ["a"]}))]);
        assert_eq!(found.rounds(), [vec![0, 1], vec![2]]);
        assert_eq!(found.needed_for(&[2]), [0, 2]);
        assert_eq!(precedence(&[]).rounds(), Vec::<Vec<usize>>::new().as_slice());
    }
}
