//! One pass over the examples' keys: how many people of each seed list are there.

use std::sync::Arc;

use query::KeySet;

/// What the examples have of one list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counted {
    /// Seeds among the examples, each once.
    pub(crate) people: u64,
    /// Their rows.
    pub(crate) rows: u64,
    /// Rows of people who are excluded and no seeds.
    pub(crate) excluded_rows: u64,
    /// All rows of the examples.
    pub(crate) all_rows: u64,
}

impl Counted {
    /// Rows that can be negatives.
    pub(crate) fn others(&self) -> u64 {
        self.all_rows - self.rows - self.excluded_rows
    }
}

/// Counts many lists at once: each key is looked up in one index of all of them.
pub(crate) struct Census {
    /// A seed's hash and its list, ascending.
    seeds: Vec<(u128, u32)>,
    /// Which of `seeds` have been seen.
    seen: Vec<bool>,
    lists: Vec<Counted>,
    /// Sets of excluded people, each once, and how many rows they have.
    excluded: Vec<(Arc<KeySet>, u64)>,
    /// Which of `excluded` a list has.
    exclusion_of: Vec<Option<usize>>,
    rows: u64,
}

impl Census {
    /// For lists of seeds, and the people whom each excludes.
    pub(crate) fn new<'a>(lists: impl Iterator<Item = (&'a Arc<KeySet>, Option<&'a Arc<KeySet>>)>) -> Self {
        let (mut seeds, mut excluded, mut exclusion_of) = (Vec::new(), Vec::<(Arc<KeySet>, u64)>::new(), Vec::new());
        for (number, (keys, people)) in (0..).zip(lists) {
            seeds.extend(keys.hashes().iter().map(|hash| (*hash, number)));
            exclusion_of.push(people.map(|people| {
                let known = excluded.iter().position(|(known, _)| Arc::ptr_eq(known, people));
                known.unwrap_or_else(|| {
                    excluded.push((Arc::clone(people), 0));
                    excluded.len() - 1
                })
            }));
        }
        seeds.sort_unstable();
        let (seen, lists) = (vec![false; seeds.len()], vec![Counted::default(); exclusion_of.len()]);
        Self { seeds, seen, lists, excluded, exclusion_of, rows: 0 }
    }

    /// Adds a row by the hash of its key.
    pub(crate) fn add(&mut self, hash: Option<u128>) {
        self.rows += 1;
        let Some(hash) = hash else { return };
        for (people, rows) in &mut self.excluded {
            *rows += u64::from(people.contains(hash));
        }
        let first = self.seeds.partition_point(|(seed, _)| *seed < hash);
        let found = self.seeds[first..].iter().take_while(|(seed, _)| *seed == hash);
        for ((_, list), seen) in found.zip(&mut self.seen[first..]) {
            let counted = &mut self.lists[*list as usize];
            counted.rows += 1;
            counted.people += u64::from(!std::mem::replace(seen, true));
            // Seeds are seeds, excluded or not: what is added for them below is taken off here.
            let exclusion = self.exclusion_of[*list as usize].map(|exclusion| &self.excluded[exclusion].0);
            counted.excluded_rows += u64::from(exclusion.is_some_and(|people| people.contains(hash)));
        }
    }

    /// What was counted of each list.
    pub(crate) fn finish(mut self) -> Vec<Counted> {
        for (counted, exclusion) in self.lists.iter_mut().zip(&self.exclusion_of) {
            counted.all_rows = self.rows;
            counted.excluded_rows = exclusion.map_or(0, |exclusion| self.excluded[exclusion].1) - counted.excluded_rows;
        }
        self.lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_counted_once_and_their_rows_all_and_excluded_seeds_stay_seeds() {
        let set = |hashes: &[u128]| Arc::new(KeySet::from_hashes(hashes.iter().copied()));
        let (first, second, excluded) = (set(&[1, 2, 3]), set(&[2, 9]), set(&[3, 4, 5]));
        let lists = [(&first, Some(&excluded)), (&second, None), (&second, Some(&excluded))];
        let mut census = Census::new(lists.into_iter());
        for key in [1, 1, 2, 3, 4, 4, 6, 7] {
            census.add(Some(key));
        }
        census.add(None);
        let counted = census.finish();
        let expected = [(2 + 1, 4, 2), (1, 1, 0), (1, 1, 3)];
        for (counted, (people, rows, excluded_rows)) in counted.iter().zip(expected) {
            assert_eq!(*counted, Counted { people, rows, excluded_rows, all_rows: 9 });
        }
        assert_eq!(counted[0].others(), 3);
    }
}
