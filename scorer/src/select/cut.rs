//! Where an audience and its tiers end: ordinals from the document, places from a search, tiers of rows.

use indexmap::IndexMap;
use spec::audience::{Size, TierCut};
use spec::ids::TierName;

use super::histogram::{RankHistogram, cell_of};
use super::order::{Place, rank_bits};
use super::share::Share;

/// A size or tier that no audience can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CutError {
    /// Not a share.
    #[error("size.share is {share}; it must be between 0 and 1")]
    SizeShare {
        /// As written.
        share: f64,
    },
    /// Not a number that ranks compare with.
    #[error("size.threshold is not a number")]
    Threshold,
    /// A tier's share is not one.
    #[error("tiers.{tier} is {share}; it must be between 0 and 1")]
    TierShare {
        /// The tier.
        tier: TierName,
        /// As written.
        share: f64,
    },
    /// `rest` before the end.
    #[error("tiers.{tier} is `rest`, but only the last tier can be")]
    RestNotLast {
        /// The tier.
        tier: TierName,
    },
    /// The tiers are not everyone.
    #[error("the tiers' shares make {percent} % of the people, not 100 %; end with a tier that is `rest`")]
    Incomplete {
        /// What they add up to.
        percent: f64,
    },
}

/// How many rows are selected, as far as a histogram tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// This many, from the top.
    Rows(u64),
    /// All rows of at least this rank: `above`, and those of `cell` that a pass must count.
    AtLeast {
        /// [`rank_bits`] of the threshold.
        rank: u64,
        /// Rows in cells above the threshold's.
        above: u64,
    },
}

/// How many of the ranked rows the size selects.
///
/// A threshold that is the lowest rank of its cell, or whose cell is empty, needs no counting.
///
/// # Errors
///
/// A share or threshold that is none.
pub fn selected(size: Size, ranks: &RankHistogram) -> Result<Selected, CutError> {
    let eligible = ranks.total();
    match size {
        Size::Top(rows) => Ok(Selected::Rows(rows.min(eligible))),
        Size::Share(share) => {
            let exact = Share::of(share).filter(|exact| *exact <= Share::WHOLE);
            Ok(Selected::Rows(exact.ok_or(CutError::SizeShare { share })?.of_rows(eligible)))
        }
        Size::Threshold(threshold) => {
            let rank = rank_bits(threshold).ok_or(CutError::Threshold)?;
            let (above, inside) = ranks.above_and_in(cell_of(rank));
            if inside == 0 {
                Ok(Selected::Rows(above))
            } else if rank << 16 == 0 {
                Ok(Selected::Rows(above + inside))
            } else {
                Ok(Selected::AtLeast { rank, above })
            }
        }
    }
}

/// A tier and how many of the selected rows it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierRows {
    /// Its name; `all` where the document has no tiers.
    pub tier: TierName,
    /// Its rows, holdout included.
    pub rows: u64,
}

/// Divides the selected rows: a tier ends where the shares so far, added up and rounded half up, end.
///
/// # Errors
///
/// Shares that are none or do not make up the whole.
pub fn divide(selected: u64, tiers: &IndexMap<TierName, TierCut>) -> Result<Vec<TierRows>, CutError> {
    if tiers.is_empty() {
        let tier = "all".parse().expect("`all` is a legal name");
        return Ok(vec![TierRows { tier, rows: selected }]);
    }
    let mut so_far = Share::default();
    let mut end = 0;
    let mut divided = Vec::with_capacity(tiers.len());
    for (index, (tier, cut)) in tiers.iter().enumerate() {
        so_far = match *cut {
            TierCut::Rest(_) if index + 1 < tiers.len() => return Err(CutError::RestNotLast { tier: tier.clone() }),
            TierCut::Rest(_) => so_far.max(Share::WHOLE),
            TierCut::Share(share) => match Share::of(share).filter(|exact| *exact <= Share::WHOLE) {
                Some(exact) => so_far.plus(exact),
                None => return Err(CutError::TierShare { tier: tier.clone(), share }),
            },
        };
        let start = std::mem::replace(&mut end, so_far.min(Share::WHOLE).of_rows(selected));
        divided.push(TierRows { tier: tier.clone(), rows: end - start });
    }
    match so_far == Share::WHOLE {
        true => Ok(divided),
        false => Err(CutError::Incomplete { percent: so_far.percent() }),
    }
}

/// The last ordinal of every tier that has rows: what a [`Search`](super::search::Search) is to find.
pub fn last_ordinals(tiers: &[TierRows]) -> Vec<u64> {
    let mut end = 0;
    let ends = tiers.iter().filter(|tier| tier.rows > 0).map(|tier| {
        end += tier.rows;
        end - 1
    });
    ends.collect()
}

/// Which tier a place belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuts {
    /// The last place of each tier that has rows and the tier's index, best first.
    lasts: Vec<(Place, usize)>,
}

/// What a rank alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByRank {
    /// In this tier.
    Tier(usize),
    /// Not selected.
    Below,
    /// The key's hash decides.
    Tied,
}

impl Cuts {
    /// Cuts at the last places of the tiers that have rows, as [`last_ordinals`] lists them.
    pub fn new(tiers: &[TierRows], lasts: Vec<Place>) -> Self {
        let occupied = tiers.iter().enumerate().filter(|(_, tier)| tier.rows > 0).map(|(index, _)| index);
        Self { lasts: lasts.into_iter().zip(occupied).collect() }
    }

    /// The tier of a row; `None` when it is not selected.
    pub fn tier_of(&self, place: &Place) -> Option<usize> {
        self.lasts.iter().find(|(last, _)| place >= last).map(|(_, tier)| *tier)
    }

    /// The tier of a row as far as its rank tells.
    pub fn by_rank(&self, rank: u64) -> ByRank {
        for (last, tier) in &self.lasts {
            if rank > last.rank {
                return ByRank::Tier(*tier);
            }
            if rank == last.rank {
                return ByRank::Tied;
            }
        }
        ByRank::Below
    }
}
