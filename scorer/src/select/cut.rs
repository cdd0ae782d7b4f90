//! Where an audience and its tiers end: ordinals from the document, places from a search, tiers of rows.

use indexmap::IndexMap;
use spec::audience::{Size, TierCut, TierEnd};
use spec::ids::TierName;

use super::order::{Place, rank_bits};
use super::share::Share;
use super::standing::Standing;

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
    /// A tier that ends at no rank.
    #[error("tiers.{tier}.threshold is not a number")]
    TierThreshold {
        /// The tier.
        tier: TierName,
    },
    /// People of at least a rank whom no pass has counted.
    #[error("nobody counted the people whose rank is at least {threshold}")]
    Uncounted {
        /// The rank.
        threshold: f64,
    },
}

/// How many of those who stand in the running the size selects.
///
/// # Errors
///
/// A share or threshold that is none, or that was not counted.
pub fn selected(size: Size, standing: &Standing) -> Result<u64, CutError> {
    match size {
        Size::Top(rows) => Ok(rows.min(standing.eligible())),
        Size::Share(share) => {
            let exact = Share::of(share).filter(|exact| *exact <= Share::WHOLE);
            Ok(exact.ok_or(CutError::SizeShare { share })?.of_rows(standing.eligible()))
        }
        Size::Threshold(threshold) => {
            let rank = rank_bits(threshold).ok_or(CutError::Threshold)?;
            standing.at_least(rank).ok_or(CutError::Uncounted { threshold })
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

/// Divides the selected rows from the top down. Tiers by share end where the shares since the last tier of another kind, added
/// up and rounded half up, end; no tier ends above the one before it or below the selected rows.
///
/// # Errors
///
/// Ends that are none, shares that do not make up the whole.
pub fn divide(
    selected: u64,
    tiers: &IndexMap<TierName, TierCut>,
    standing: &Standing,
) -> Result<Vec<TierRows>, CutError> {
    if tiers.is_empty() {
        let tier = "all".parse().expect("`all` is a legal name");
        return Ok(vec![TierRows { tier, rows: selected }]);
    }
    let mut ends = Ends { selected, ..Ends::default() };
    let mut divided = Vec::with_capacity(tiers.len());
    for (index, (tier, cut)) in tiers.iter().enumerate() {
        if matches!(cut, TierCut::Rest(_)) && index + 1 < tiers.len() {
            return Err(CutError::RestNotLast { tier: tier.clone() });
        }
        let rows = ends.next(tier, cut, standing)?;
        divided.push(TierRows { tier: tier.clone(), rows });
    }
    let taken = shares_of(tiers);
    let is_complete = match tiers.values().last() {
        Some(TierCut::Rest(_)) => taken <= Share::WHOLE,
        _ => taken == Share::WHOLE && tiers.values().all(|cut| matches!(cut, TierCut::Share(_))),
    };
    if is_complete { Ok(divided) } else { Err(CutError::Incomplete { percent: taken.percent() }) }
}

/// What the tiers by share take together.
fn shares_of(tiers: &IndexMap<TierName, TierCut>) -> Share {
    let share = |cut: &TierCut| match cut {
        TierCut::Share(share) => Share::of(*share).unwrap_or_default(),
        TierCut::End(_) | TierCut::Rest(_) => Share::default(),
    };
    tiers.values().map(share).fold(Share::default(), Share::plus)
}

/// Where the tiers so far end.
#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    selected: u64,
    end: u64,
    /// Where the last tier that is no share ends, and the shares since then together.
    base: u64,
    shares: Share,
}

impl Ends {
    /// The rows of the tier that comes next.
    fn next(&mut self, tier: &TierName, cut: &TierCut, standing: &Standing) -> Result<u64, CutError> {
        let is_share = |share: f64| {
            let exact = Share::of(share).filter(|exact| *exact <= Share::WHOLE);
            exact.ok_or(CutError::TierShare { tier: tier.clone(), share })
        };
        let end = match *cut {
            TierCut::Rest(_) => self.selected,
            TierCut::End(TierEnd::Top(rows)) => self.end.saturating_add(rows),
            TierCut::End(TierEnd::Best(share)) => is_share(share)?.of_rows(standing.eligible()),
            TierCut::End(TierEnd::Threshold(threshold)) => {
                let rank = rank_bits(threshold).ok_or(CutError::TierThreshold { tier: tier.clone() })?;
                standing.at_least(rank).ok_or(CutError::Uncounted { threshold })?
            }
            TierCut::Share(share) => {
                self.shares = self.shares.plus(is_share(share)?);
                self.base.saturating_add(self.shares.min(Share::WHOLE).of_rows(self.selected))
            }
        };
        let end = end.clamp(self.end, self.selected);
        let start = std::mem::replace(&mut self.end, end);
        if !matches!(cut, TierCut::Share(_)) {
            (self.base, self.shares) = (self.end, Share::default());
        }
        Ok(self.end - start)
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
