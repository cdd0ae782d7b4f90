//! What is known of an audience's eligible people before anybody is looked for: how their ranks are spread.

use spec::Audience;
use spec::audience::{Size, TierCut, TierEnd};

use super::histogram::{RankHistogram, cell_of};
use super::order::rank_bits;
use super::sketch::{Bracket, Summary, brackets};

/// The ranks of those whom an audience may take.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Standing {
    /// How many there are by cell.
    pub ranks: RankHistogram,
    /// How many have at least a rank, for ranks that were counted: [`rank_bits`] and people.
    pub at_least: Vec<(u64, u64)>,
    /// Where they stand, by shard; empty where that was not told.
    pub places: Vec<Summary>,
}

impl Standing {
    /// All of them.
    pub fn eligible(&self) -> u64 {
        self.ranks.total()
    }

    /// How many have at least this rank; `None` where the cells do not tell and it was not counted.
    pub fn at_least(&self, rank: u64) -> Option<u64> {
        let (above, inside) = self.ranks.above_and_in(cell_of(rank));
        if inside == 0 {
            Some(above)
        } else if rank << 16 == 0 {
            Some(above + inside)
        } else {
            self.at_least.iter().find(|(counted, _)| *counted == rank).map(|(_, people)| *people)
        }
    }

    /// Between which marks the places at some ordinals lie; nothing where that was not told.
    pub fn brackets(&self, ordinals: &[u64]) -> Vec<Bracket> {
        if self.places.is_empty() { Vec::new() } else { brackets(&self.places, ordinals) }
    }

    /// The audience's thresholds that nobody has counted, as [`rank_bits`].
    pub fn uncounted(&self, audience: &Audience) -> Vec<u64> {
        let thresholds = thresholds(audience).filter_map(rank_bits);
        thresholds.filter(|rank| self.at_least(*rank).is_none()).collect()
    }
}

/// The ranks at which an audience or a tier of it ends by its document.
pub fn thresholds(audience: &Audience) -> impl Iterator<Item = f64> {
    let of_size = match audience.size {
        Size::Threshold(threshold) => Some(threshold),
        Size::Top(_) | Size::Share(_) => None,
    };
    let of_tiers = audience.tiers.values().filter_map(|cut| match cut {
        TierCut::End(TierEnd::Threshold(threshold)) => Some(*threshold),
        TierCut::End(TierEnd::Top(_) | TierEnd::Best(_)) | TierCut::Share(_) | TierCut::Rest(_) => None,
    });
    of_size.into_iter().chain(of_tiers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(ranks: &[f64]) -> Standing {
        let mut cells = vec![0; 1 << 16];
        ranks.iter().for_each(|rank| cells[usize::from(cell_of(rank_bits(*rank).unwrap()))] += 1);
        Standing { ranks: RankHistogram::from_counts(&cells), ..Standing::default() }
    }

    #[test]
    fn cells_tell_of_ranks_at_their_ends_alone() {
        let mut found = standing(&[0.5, 0.51, 0.9]);
        let bits = |rank| rank_bits(rank).unwrap();
        assert_eq!(found.at_least(bits(0.5)), Some(3), "the lowest rank of its cell");
        assert_eq!(found.at_least(bits(0.7)), Some(1), "an empty cell");
        assert_eq!(found.at_least(bits(0.505)), None);
        let audience = serde_json::from_value(serde_json::json!({
            "rank_by": "score", "size": {"threshold": 0.505},
            "tiers": {"high": {"threshold": 0.7}, "mid": {"threshold": 0.6}, "low": {"threshold": 0.905}, "rest": "rest"},
        }));
        let audience: Audience = audience.unwrap();
        assert_eq!(found.uncounted(&audience), [bits(0.505), bits(0.905)]);
        found.at_least = vec![(bits(0.505), 2), (bits(0.905), 0)];
        assert_eq!(found.uncounted(&audience), Vec::<u64>::new());
        assert_eq!(found.at_least(bits(0.505)), Some(2));
    }
}
