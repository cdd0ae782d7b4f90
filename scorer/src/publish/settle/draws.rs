//! The holdouts of all audiences, drawn together, and who is in two audiences, counted on the way.

use std::sync::Arc;

use super::cuts::merge;
use super::{Settled, Settling};
use crate::error::Result;
use crate::publish::claims::{Claimed, Claims};
use crate::publish::table::RowGroup;
use crate::select::holdout::expected;
use crate::select::overlap::Overlap;
use crate::select::search::{COLLECTED_ROWS, Observed, Pass, Search};

/// The draw of one tier's holdout.
struct Draw {
    audience: usize,
    tier: usize,
    search: Search,
}

/// What a pass looks for in one tier of one audience.
#[derive(Debug)]
struct DrawPass {
    audience: usize,
    tier: usize,
    salt_seed: u64,
    pass: Pass,
}

/// What a pass saw.
struct Seen {
    draws: Vec<Observed>,
    overlap: Option<Overlap>,
}

impl Settling<'_> {
    /// Draws the holdouts of settled audiences, and counts who is in two of them.
    pub(super) async fn find_draws(&self, settled: &mut [Settled]) -> Result<Overlap> {
        let mut draws = draws_of(settled);
        let mut overlap = Overlap::new(settled.len());
        let mut counts_overlap = settled.len() > 1;
        while counts_overlap || draws.iter().any(|draw| !draw.search.is_done()) {
            let passes = draws.iter().map(|draw| DrawPass {
                audience: draw.audience,
                tier: draw.tier,
                salt_seed: settled[draw.audience].salt_seed,
                pass: draw.search.pass(),
            });
            let seen = self.draw(settled, passes.collect(), counts_overlap).await?;
            draws.iter_mut().zip(seen.draws).for_each(|(draw, seen)| draw.search.absorb(seen));
            seen.overlap.iter().for_each(|seen| overlap.merge(seen));
            counts_overlap = false;
        }
        for Draw { audience, tier, search } in draws {
            let places: Option<Vec<_>> = search.into_places().into_iter().collect();
            let places = places.ok_or_else(|| self.rows_lost(audience))?;
            settled[audience].draws.lasts[tier] = places.first().copied();
        }
        Ok(overlap)
    }

    async fn draw(&self, settled: &[Settled], passes: Vec<DrawPass>, counts_overlap: bool) -> Result<Seen> {
        let is_wanted = |audience: &usize| {
            counts_overlap || passes.iter().any(|draw| draw.audience == *audience && !draw.pass.is_empty())
        };
        let wanted: Vec<usize> = (0..settled.len()).filter(is_wanted).collect();
        let ends = |audience: usize| Some(settled[audience].ends());
        let claims = Claims::new(self.precedence, &wanted, &self.names, ends);
        let columns = self.columns(&claims, true);
        let overlap = counts_overlap.then(|| Overlap::new(settled.len()));
        let nothing = Seen { draws: passes.iter().map(|draw| draw.pass.observed()).collect(), overlap };
        let look = draw_pass(claims, wanted, passes, nothing.overlap.clone());
        let add = |all: &mut Seen, more: Seen| {
            merge(&mut all.draws, more.draws);
            all.overlap.iter_mut().zip(&more.overlap).for_each(|(sum, more)| sum.merge(more));
        };
        self.table.fold("draw", &columns, nothing, look, add).await
    }
}

/// The draws that are to be made: of every tier that somebody of is held out.
fn draws_of(settled: &[Settled]) -> Vec<Draw> {
    let tiers = settled.iter().enumerate().flat_map(|(audience, settled)| {
        let tiers = settled.tiers.iter().zip(&settled.held_out).enumerate();
        tiers.filter_map(move |(tier, (rows, held))| Some((audience, tier, rows.rows, held.checked_sub(1)?)))
    });
    let tiers: Vec<_> = tiers.collect();
    let collected = COLLECTED_ROWS / tiers.len().max(1) as u64;
    let draw = |(audience, tier, rows, last): (usize, usize, u64, u64)| Draw {
        audience,
        tier,
        search: Search::in_one_rank(0, rows, &[last], collected).narrowed(&[expected(rows, last)]),
    };
    tiers.into_iter().map(draw).collect()
}

fn draw_pass(
    claims: Claims,
    wanted: Vec<usize>,
    passes: Vec<DrawPass>,
    no_overlap: Option<Overlap>,
) -> impl Fn(RowGroup) -> Result<Seen> + Send + Sync + 'static {
    let (wanted, passes) = (Arc::new(wanted), Arc::new(passes));
    move |group| {
        let draws = passes.iter().map(|draw| draw.pass.observed()).collect();
        let mut seen = Seen { draws, overlap: no_overlap.clone() };
        for batch in group.batches()? {
            let (first, batch) = batch?;
            let mut claimed: Vec<Claimed<'_>> = claims.of(&batch, first)?;
            claimed.retain(|claimed| claimed.wanted.is_some());
            claimed.sort_by_key(|claimed| claimed.wanted);
            for (draw, observed) in passes.iter().zip(&mut seen.draws).filter(|(draw, _)| !draw.pass.is_empty()) {
                let Ok(place) = wanted.binary_search(&draw.audience) else { continue };
                let of = &claimed[place];
                for drawn in of.rows.draws(&of.tiers[draw.tier], draw.salt_seed)? {
                    draw.pass.observe(drawn, observed);
                }
            }
            if let Some(overlap) = &mut seen.overlap {
                overlap.add(&claimed.into_iter().map(|claimed| claimed.taken).collect::<Vec<_>>());
            }
        }
        Ok(seen)
    }
}
