//! How many people audiences share: one number for every pair, however many people there are.

use arrow::buffer::BooleanBuffer;

/// The people of every pair of audiences who are in both, counted as rows are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlap {
    audiences: usize,
    /// At `one * audiences + other`, with `one` below `other`.
    people: Vec<u64>,
}

impl Overlap {
    /// Nobody seen, for so many audiences.
    pub fn new(audiences: usize) -> Self {
        Self { audiences, people: vec![0; audiences * audiences] }
    }

    /// Counts rows; `taken` says of each audience which of them it takes.
    pub fn add(&mut self, taken: &[BooleanBuffer]) {
        for (one, of_one) in taken.iter().enumerate() {
            for (other, of_other) in taken.iter().enumerate().skip(one + 1) {
                self.people[one * self.audiences + other] += (of_one & of_other).count_set_bits() as u64;
            }
        }
    }

    /// What both have seen.
    pub fn merge(&mut self, more: &Self) {
        self.people.iter_mut().zip(&more.people).for_each(|(sum, more)| *sum += more);
    }

    /// Every pair, the earlier one first, with the people who are in both.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let pairs = (0..self.audiences).flat_map(|one| (one + 1..self.audiences).map(move |other| (one, other)));
        pairs.map(|(one, other)| (one, other, self.people[one * self.audiences + other]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_counted_over_all_rows() {
        let taken = |bits: [[u8; 4]; 3]| bits.map(|row| row.iter().map(|bit| *bit == 1).collect::<BooleanBuffer>());
        let mut overlap = Overlap::new(3);
        overlap.add(&taken([[1, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 1]]));
        let mut more = Overlap::new(3);
        more.add(&taken([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]));
        overlap.merge(&more);
        assert_eq!(overlap.pairs().collect::<Vec<_>>(), [(0, 1, 2), (0, 2, 2), (1, 2, 2)]);
        assert_eq!(Overlap::new(1).pairs().count(), 0);
    }
}
