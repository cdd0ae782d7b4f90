//! Finds where audiences, their tiers and their holdouts end: passes over the score table, decisions from [`crate::select`].
//!
//! All audiences of a round share their passes. A round whose people others may have taken begins with a pass that counts who
//! is left ([`standings`]); then the ends are looked for ([`cuts`]). One pass over everybody draws the holdouts and counts who
//! is in two audiences ([`draws`]).

mod cuts;
mod draws;
mod standings;

use artifacts::keys::seed_of;
use indexmap::IndexMap;
use spec::Audience;
use spec::ids::AudienceName;

use super::claims::{Claims, Ends};
use super::table::ScoreTable;
use crate::error::{Result, ScorerError};
use crate::select::cut::{Cuts, TierRows, divide, selected};
use crate::select::holdout::{Draws, held_out};
use crate::select::overlap::Overlap;
use crate::select::precedence::Precedence;
use crate::select::waterfall::AudienceCounts;
use standings::Left;

/// Who is in an audience.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
    /// People that no step by the document's conditions left out, and that no other audience took.
    pub(crate) eligible: u64,
    /// Whom the audiences above took, in their order.
    pub(crate) taken: Vec<(AudienceName, u64)>,
    /// People selected, holdout included.
    pub(crate) size: u64,
    /// The tiers and their rows, holdout included.
    pub(crate) tiers: Vec<TierRows>,
    /// How many of each tier are held out.
    pub(crate) held_out: Vec<u64>,
    /// Where the tiers end.
    pub(crate) cuts: Cuts,
    /// Where the draw of each tier's holdout ends.
    pub(crate) draws: Draws,
    /// Seeds the hash of the draw.
    pub(crate) salt_seed: u64,
}

/// Who is in the audiences of a run.
#[derive(Debug, Clone)]
pub(crate) struct Settlement {
    /// Each of them, in the document's order.
    pub(crate) audiences: Vec<Settled>,
    /// Who is in two of them.
    pub(crate) overlap: Overlap,
}

/// Passes over the score table for the audiences of a run.
#[derive(Debug)]
pub(crate) struct Settling<'a> {
    table: &'a ScoreTable,
    audiences: &'a IndexMap<AudienceName, Audience>,
    names: Vec<&'a AudienceName>,
    key: &'a str,
    counts: &'a IndexMap<AudienceName, AudienceCounts>,
    precedence: &'a Precedence,
}

impl<'a> Settling<'a> {
    /// Over a table whose shards have counted; `key` is its key column.
    pub(crate) fn new(
        table: &'a ScoreTable,
        audiences: &'a IndexMap<AudienceName, Audience>,
        key: &'a str,
        counts: &'a IndexMap<AudienceName, AudienceCounts>,
        precedence: &'a Precedence,
    ) -> Self {
        Self { table, audiences, names: audiences.keys().collect(), key, counts, precedence }
    }

    /// Finds out who is in every audience.
    ///
    /// # Errors
    ///
    /// Sizes, tiers or holdouts that are none, or a table that cannot be read.
    pub(crate) async fn settle(&self) -> Result<Settlement> {
        let mut settled: Vec<Option<Settled>> = vec![None; self.audiences.len()];
        for round in self.precedence.rounds() {
            let left = self.standings(round, &settled).await?;
            let mut found: Vec<Settled> = Vec::with_capacity(round.len());
            for (audience, left) in round.iter().zip(&left) {
                found.push(self.divided(*audience, left)?);
            }
            self.find_cuts(round, &left, &mut found, &settled).await?;
            round.iter().zip(found).for_each(|(audience, found)| settled[*audience] = Some(found));
        }
        let mut settled: Vec<Settled> = settled.into_iter().flatten().collect();
        let overlap = self.find_draws(&mut settled).await?;
        Ok(Settlement { audiences: settled, overlap })
    }

    /// An audience as far as numbers tell: where it ends is not known yet.
    fn divided(&self, audience: usize, left: &Left) -> Result<Settled> {
        let (name, definition) = (self.names[audience], &self.audiences[audience]);
        let is_wrong = |source| ScorerError::Cut { audience: name.clone(), source };
        let size = selected(definition.size, &left.standing).map_err(is_wrong)?;
        let tiers = divide(size, &definition.tiers, &left.standing).map_err(is_wrong)?;
        let (held, salt_seed) = match &definition.holdout {
            Some(holdout) => {
                let share = holdout.share;
                let held = held_out(&tiers, share);
                let held = held.ok_or_else(|| ScorerError::HoldoutShare { audience: name.clone(), share })?;
                (held, seed_of("holdout", &holdout.salt))
            }
            None => (vec![0; tiers.len()], 0),
        };
        let above = self.precedence.above(audience).iter().map(|other| self.names[*other].clone());
        Ok(Settled {
            eligible: left.standing.eligible(),
            taken: above.zip(left.lost.iter().copied()).collect(),
            size,
            held_out: held,
            cuts: Cuts::default(),
            draws: Draws { lasts: vec![None; tiers.len()] },
            tiers,
            salt_seed,
        })
    }

    /// What a pass reads for some audiences, as far as others are settled.
    fn claims(&self, wanted: &[usize], settled: &[Option<Settled>]) -> Claims {
        Claims::new(self.precedence, wanted, &self.names, |audience| settled[audience].as_ref().map(Settled::ends))
    }

    /// The rank columns of a pass, and the key where it needs it.
    fn columns(&self, claims: &Claims, needs_keys: bool) -> artifacts::rows::Columns {
        claims.columns((needs_keys || claims.need_keys()).then_some(self.key))
    }

    fn rows_lost(&self, audience: usize) -> ScorerError {
        ScorerError::RowsLost { audience: self.names[audience].clone() }
    }
}

impl Settled {
    /// Where it ends.
    pub(crate) fn ends(&self) -> Ends {
        Ends { cuts: self.cuts.clone(), tiers: self.tiers.len() }
    }
}
