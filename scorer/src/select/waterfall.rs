//! Who was left out of an audience, step by step, and why.

use serde::{Deserialize, Serialize};

use super::histogram::RankHistogram;

/// The first step: everybody.
pub const POPULATION: &str = "population";

/// The last step: those whom the size does not reach.
pub const BELOW_THE_CUT: &str = "below the cut";

/// What a shard counted for one audience; travels in the shard's commit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AudienceCounts {
    /// Rows for which `where` is false or null.
    pub outside: u64,
    /// Rows found in each exclusion's keys, in the document's order, that no earlier step had left out.
    pub excluded: Vec<u64>,
    /// Rows left whose rank is null or NaN.
    pub unranked: u64,
    /// The ranks of the rows left.
    pub ranks: RankHistogram,
}

impl AudienceCounts {
    /// Nothing counted, for an audience with so many exclusions.
    pub fn new(exclusions: usize) -> Self {
        Self { excluded: vec![0; exclusions], ..Self::default() }
    }

    /// Every row that was counted, in whichever step.
    pub fn rows(&self) -> u64 {
        self.outside + self.excluded.iter().sum::<u64>() + self.unranked + self.ranks.total()
    }

    /// The counts of both sets of rows together.
    pub fn merge(&mut self, other: &Self) {
        self.outside += other.outside;
        self.excluded.iter_mut().zip(&other.excluded).for_each(|(sum, more)| *sum += more);
        self.unranked += other.unranked;
        self.ranks.merge(&other.ranks);
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

/// The steps from the whole population down to the selected rows.
///
/// `exclusions` names the tables in the order of [`AudienceCounts::excluded`]; the `where` step is there if the audience has one.
pub fn waterfall(counts: &AudienceCounts, has_filter: bool, exclusions: &[&str], selected: u64) -> Vec<Step> {
    let mut remaining = counts.rows();
    let mut steps = vec![Step { step: POPULATION.to_owned(), left_out: 0, remaining }];
    let mut leave_out = |step: String, left_out: u64| {
        remaining -= left_out;
        steps.push(Step { step, left_out, remaining });
    };
    if has_filter {
        leave_out("where".to_owned(), counts.outside);
    }
    for (table, left_out) in exclusions.iter().zip(&counts.excluded) {
        leave_out(format!("exclude {table}"), *left_out);
    }
    leave_out("no score".to_owned(), counts.unranked);
    leave_out(BELOW_THE_CUT.to_owned(), counts.ranks.total() - selected);
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_accounted_for_once() {
        let mut cells = vec![0; 1 << 16];
        cells[7] = 60;
        let ranks = RankHistogram::from_counts(&cells);
        let counts = AudienceCounts { outside: 20, excluded: vec![10, 5], unranked: 5, ranks };
        let steps = waterfall(&counts, true, &["buyers", "fraud"], 25);
        let told: Vec<_> = steps.iter().map(|s| (s.step.as_str(), s.left_out, s.remaining)).collect();
        assert_eq!(
            told,
            [
                ("population", 0, 100),
                ("where", 20, 80),
                ("exclude buyers", 10, 70),
                ("exclude fraud", 5, 65),
                ("no score", 5, 60),
                ("below the cut", 35, 25)
            ]
        );
    }

    #[test]
    fn merged_counts_are_sums() {
        let one = AudienceCounts { outside: 1, excluded: vec![2], unranked: 3, ranks: RankHistogram::default() };
        let mut sum = AudienceCounts::new(1);
        sum.merge(&one);
        sum.merge(&one);
        assert_eq!((sum.outside, sum.excluded, sum.unranked), (2, vec![4], 6));
    }
}
