//! The most frequent texts of a column in one pass and bounded memory: the summary of Misra and Gries (1982), put together as Agarwal et
//! al. (2012) do. Every text that more than one in [`CAPACITY`] + 1 rows have is in it; how many have it is counted in a pass of its own.

use std::cmp::Reverse;
use std::collections::HashMap;

/// Texts that a summary holds.
pub(super) const CAPACITY: usize = 4096;

/// A summary of texts. The same rows in the same order and parts give the same one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Frequent {
    counts: HashMap<String, u64>,
    /// How many rows of a text may have been left out.
    lost: u64,
}

impl Frequent {
    /// Adds a text that so many rows have.
    pub(super) fn add(&mut self, text: &str, rows: u64) {
        match self.counts.get_mut(text) {
            Some(count) => *count += rows,
            None => drop(self.counts.insert(text.to_owned(), rows)),
        }
    }

    /// Adds what another one holds.
    pub(super) fn merge(&mut self, other: &Self) {
        other.counts.iter().for_each(|(text, rows)| self.add(text, *rows));
        self.lost += other.lost;
        self.prune();
    }

    /// Gives up what is too much: the count of the first text that has no room is taken from all.
    pub(super) fn prune(&mut self) {
        if self.counts.len() <= CAPACITY {
            return;
        }
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, beyond, _) = counts.select_nth_unstable_by_key(CAPACITY, |count| Reverse(*count));
        let beyond = *beyond;
        self.lost += beyond;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(beyond);
            *count > 0
        });
    }

    /// Texts that more rows have are surely there: every text, where it is 0.
    pub(super) fn surely_above(&self) -> u64 {
        self.lost
    }

    /// The texts, the most frequent first and equally frequent ones in ascending order.
    pub(super) fn into_texts(self) -> Vec<String> {
        let mut texts: Vec<(String, u64)> = self.counts.into_iter().collect();
        texts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        texts.into_iter().map(|(text, _)| text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_texts_are_all_there_and_the_most_frequent_stand_first() {
        let mut frequent = Frequent::default();
        for (text, rows) in [("b", 2), ("a", 2), ("c", 3), ("a", 1), ("d", 2)] {
            frequent.add(text, rows);
            frequent.prune();
        }
        assert_eq!(frequent.surely_above(), 0);
        assert_eq!(frequent.into_texts(), ["a", "c", "b", "d"]);
    }

    #[test]
    fn a_text_of_many_rows_is_never_lost_among_texts_of_one() {
        let mut all = Frequent::default();
        let rows = 200_000_u64;
        for part in 0..20 {
            let mut summary = Frequent::default();
            for row in 0..rows / 20 {
                let text = if row % 1000 == 0 { "often".to_owned() } else { format!("{part}-{row}") };
                summary.add(&text, 1);
                summary.prune();
            }
            all.merge(&summary);
        }
        assert!(all.surely_above() > 0 && all.surely_above() <= rows / (CAPACITY as u64 + 1), "{}", all.surely_above());
        assert_eq!(all.into_texts()[0], "often");
    }
}
