//! One pass over the population's keys: who of each list is there.

use query::KeySet;

/// Looks every key up in one index of all lists.
pub(super) struct Roll {
    /// A seed's hash and its list, ascending.
    seeds: Vec<(u128, u32)>,
    /// Which of `seeds` are there.
    is_there: Vec<bool>,
    lists: usize,
}

impl Roll {
    pub(super) fn new<'a>(lists: impl Iterator<Item = &'a KeySet>) -> Self {
        let (mut seeds, mut count) = (Vec::new(), 0);
        for (number, keys) in (0..).zip(lists) {
            seeds.extend(keys.hashes().iter().map(|hash| (*hash, number)));
            count += 1;
        }
        seeds.sort_unstable();
        Self { is_there: vec![false; seeds.len()], seeds, lists: count }
    }

    /// Notes that a key is there.
    pub(super) fn call(&mut self, hash: Option<u128>) {
        let Some(hash) = hash else { return };
        let first = self.seeds.partition_point(|(seed, _)| *seed < hash);
        let found = self.seeds[first..].iter().take_while(|(seed, _)| *seed == hash);
        found.zip(&mut self.is_there[first..]).for_each(|(_, is_there)| *is_there = true);
    }

    /// The hashes that are there of each list, ascending.
    pub(super) fn finish(self) -> Vec<Vec<u128>> {
        let mut found = vec![Vec::new(); self.lists];
        for ((hash, list), _) in self.seeds.iter().zip(&self.is_there).filter(|(_, is_there)| **is_there) {
            found[*list as usize].push(*hash);
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_has_its_people_who_are_there_once() {
        let lists = [&[5, 1, 9][..], &[9, 7], &[]].map(|hashes| KeySet::from_hashes(hashes.iter().copied()));
        let mut roll = Roll::new(lists.iter());
        [Some(9), Some(9), None, Some(1), Some(2)].into_iter().for_each(|hash| roll.call(hash));
        assert_eq!(roll.finish(), [vec![1, 9], vec![9], vec![]]);
    }
}
