//! The control group: who is kept out of a tier, drawn by a salted hash of the key.
//!
//! Of a tier, those with the lowest salted hashes are held out, as many as the share says. The same person has the same
//! hash every night, so as long as the tier hardly changes, neither do its control group's members.

use super::cut::TierRows;
use super::order::Place;
use super::share::Share;

/// How many rows of each tier are held out: the share of its rows, rounded half up. `None` when it is no share.
pub fn held_out(tiers: &[TierRows], share: f64) -> Option<Vec<u64>> {
    let share = Share::of(share).filter(|share| *share <= Share::WHOLE)?;
    Some(tiers.iter().map(|tier| share.of_rows(tier.rows)).collect())
}

/// Where a row stands in the draw of its tier: the lowest salted hash is the greatest place.
pub fn draw(salted_hash: u128, position: u64) -> Place {
    Place::new(0, !salted_hash, position)
}

/// The last place drawn in each tier; `None` where nobody is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draws {
    /// By tier index.
    pub lasts: Vec<Option<Place>>,
}

impl Draws {
    /// Whether a row of this tier is held out.
    pub fn holds_out(&self, tier: usize, draw: &Place) -> bool {
        self.lasts.get(tier).copied().flatten().is_some_and(|last| *draw >= last)
    }

    /// Whether anybody is held out.
    pub fn is_empty(&self) -> bool {
        self.lasts.iter().all(Option::is_none)
    }
}
