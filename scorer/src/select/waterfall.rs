//! Who was left out of an audience, step by step, and why.

use serde::{Deserialize, Serialize};

use super::histogram::RankHistogram;
use super::sketch::Summary;
use super::standing::Standing;

/// The first step: everybody.
pub const POPULATION: &str = "population";

/// The last step: those whom the size does not reach.
pub const BELOW_THE_CUT: &str = "below the cut";

/// What a shard counted for one audience; travels in the shard's commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AudienceCounts {
    /// Rows for which `where` is false or null.
    pub outside: u64,
    /// Rows that each table's step left out and no earlier step had: `include`, `exclude`, `caps`, in the document's order.
    pub excluded: Vec<u64>,
    /// Rows left whose rank is null or NaN.
    pub unranked: u64,
    /// Rows left that have no key.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keyless: u64,
    /// The ranks of the rows left.
    pub ranks: RankHistogram,
    /// Of these, those of at least the ranks at which the document ends something: bits of the rank, and rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub at_least: Vec<(u64, u64)>,
    /// Where the rows left stand, by shard.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<Summary>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl AudienceCounts {
    /// Nothing counted, for an audience with so many steps by tables.
    pub fn new(steps: usize) -> Self {
        Self { excluded: vec![0; steps], ..Self::default() }
    }

    /// How the rows left stand; what was not told of all of them is left out.
    pub fn standing(&self) -> Standing {
        let ranks = self.ranks.clone();
        match self.places.iter().map(Summary::rows).sum::<u64>() == ranks.total() {
            true => Standing { ranks, at_least: self.at_least.clone(), places: self.places.clone() },
            false => Standing { ranks, ..Standing::default() },
        }
    }

    /// Every row that was counted, in whichever step.
    pub fn rows(&self) -> u64 {
        self.outside + self.excluded.iter().sum::<u64>() + self.unranked + self.keyless + self.ranks.total()
    }

    /// The counts of both sets of rows together.
    pub fn merge(&mut self, other: &Self) {
        self.outside += other.outside;
        self.excluded.iter_mut().zip(&other.excluded).for_each(|(sum, more)| *sum += more);
        self.unranked += other.unranked;
        self.keyless += other.keyless;
        self.ranks.merge(&other.ranks);
        for (rank, rows) in &other.at_least {
            match self.at_least.iter_mut().find(|(counted, _)| counted == rank) {
                Some((_, sum)) => *sum += rows,
                None => self.at_least.push((*rank, *rows)),
            }
        }
        self.places.extend_from_slice(&other.places);
    }
}

/// One step of a waterfall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What the step asks.
    pub step: String,
    /// Rows that it leaves out.
    pub left_out: u64,
    /// Rows that are left after it.
    pub remaining: u64,
}

/// The steps of one audience, beside what was counted.
#[derive(Debug, Clone, Copy)]
pub struct Steps<'a> {
    /// Whether it has a `where`.
    pub has_filter: bool,
    /// The names of its steps by tables, in the order of [`AudienceCounts::excluded`].
    pub tables: &'a [String],
    /// Whom audiences that it is exclusive with took first, in their order.
    pub taken: &'a [(String, u64)],
    /// People selected.
    pub selected: u64,
}

/// The steps from the whole population down to the selected rows.
pub fn waterfall(counts: &AudienceCounts, steps: &Steps<'_>) -> Vec<Step> {
    let Steps { has_filter, tables, taken, selected } = *steps;
    let mut remaining = counts.rows();
    let mut told = vec![Step { step: POPULATION.to_owned(), left_out: 0, remaining }];
    let mut leave_out = |step: String, left_out: u64| {
        remaining -= left_out;
        told.push(Step { step, left_out, remaining });
    };
    if has_filter {
        leave_out("where".to_owned(), counts.outside);
    }
    for (table, left_out) in tables.iter().zip(&counts.excluded) {
        leave_out(table.clone(), *left_out);
    }
    leave_out("no score".to_owned(), counts.unranked);
    if counts.keyless > 0 {
        leave_out("no key".to_owned(), counts.keyless);
    }
    for (audience, left_out) in taken {
        leave_out(format!("taken by {audience}"), *left_out);
    }
    leave_out(
        BELOW_THE_CUT.to_owned(),
        counts.ranks.total() - taken.iter().map(|(_, people)| people).sum::<u64>() - selected,
    );
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_accounted_for_once() {
        let mut cells = vec![0; 1 << 16];
        cells[7] = 60;
        let ranks = RankHistogram::from_counts(&cells);
        let counts =
            AudienceCounts { outside: 20, excluded: vec![10, 5], unranked: 5, ranks, ..AudienceCounts::default() };
        let tables = ["include members", "exclude fraud"].map(str::to_owned);
        let taken = [("churners".to_owned(), 12)];
        let steps = waterfall(&counts, &Steps { has_filter: true, tables: &tables, taken: &taken, selected: 25 });
        let told: Vec<_> = steps.iter().map(|s| (s.step.as_str(), s.left_out, s.remaining)).collect();
        assert_eq!(
            told,
            [
                ("population", 0, 100),
                ("where", 20, 80),
                ("include members", 10, 70),
                ("exclude fraud", 5, 65),
                ("no score", 5, 60),
                ("taken by churners", 12, 48),
                ("below the cut", 23, 25)
            ]
        );
    }

    #[test]
    fn merged_counts_are_sums() {
        let one = AudienceCounts {
            outside: 1,
            excluded: vec![2],
            unranked: 3,
            at_least: vec![(7, 5)],
            ..AudienceCounts::default()
        };
        let mut sum = AudienceCounts::new(1);
        sum.merge(&one);
        sum.merge(&one);
        assert_eq!((sum.outside, sum.excluded, sum.unranked, sum.at_least), (2, vec![4], 6, vec![(7, 10)]));
    }
}
