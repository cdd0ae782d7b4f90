//! The ends of the tiers of a round's audiences, looked for together.

use std::sync::Arc;

use super::standings::Left;
use super::{Settled, Settling};
use crate::error::Result;
use crate::publish::claims::Claims;
use crate::publish::table::RowGroup;
use crate::select::cut::{Cuts, last_ordinals};
use crate::select::search::{COLLECTED_ROWS, Observed, Pass, Search};

impl Settling<'_> {
    /// Finds where the tiers of a round's audiences end.
    pub(super) async fn find_cuts(
        &self,
        round: &[usize],
        left: &[Left],
        found: &mut [Settled],
        settled: &[Option<Settled>],
    ) -> Result<()> {
        let collected = COLLECTED_ROWS / round.len().max(1) as u64;
        let search = |(left, found): (&Left, &Settled)| {
            let ordinals = last_ordinals(&found.tiers);
            let search = Search::in_histogram(&left.standing.ranks, &ordinals, collected);
            search.narrowed(&left.standing.brackets(&ordinals))
        };
        let mut searches: Vec<Search> = left.iter().zip(found.iter()).map(search).collect();
        loop {
            let open: Vec<usize> = (0..round.len()).filter(|place| !searches[*place].is_done()).collect();
            if open.is_empty() {
                break;
            }
            let wanted: Vec<usize> = open.iter().map(|place| round[*place]).collect();
            let passes: Vec<Pass> = open.iter().map(|place| searches[*place].pass()).collect();
            let seen = self.look(self.claims(&wanted, settled), passes).await?;
            open.into_iter().zip(seen).for_each(|(place, seen)| searches[place].absorb(seen));
        }
        for ((audience, search), found) in round.iter().zip(searches).zip(found) {
            let places: Option<Vec<_>> = search.into_places().into_iter().collect();
            found.cuts = Cuts::new(&found.tiers, places.ok_or_else(|| self.rows_lost(*audience))?);
        }
        Ok(())
    }

    async fn look(&self, claims: Claims, passes: Vec<Pass>) -> Result<Vec<Observed>> {
        let columns = self.columns(&claims, passes.iter().any(Pass::needs_keys));
        let nothing: Vec<Observed> = passes.iter().map(Pass::observed).collect();
        let passes = Arc::new(passes);
        let look = move |group: RowGroup| {
            let mut observed: Vec<Observed> = passes.iter().map(Pass::observed).collect();
            for batch in group.batches()? {
                let (first, batch) = batch?;
                for claimed in claims.of(&batch, first)? {
                    let Some(wanted) = claimed.wanted else { continue };
                    claimed.rows.observe(&passes[wanted], &mut observed[wanted])?;
                }
            }
            Ok(observed)
        };
        self.table.fold("cut", &columns, nothing, look, |all, more| merge(all, more)).await
    }
}

/// What both parts of a pass saw.
pub(super) fn merge(all: &mut [Observed], more: Vec<Observed>) {
    all.iter_mut().zip(more).for_each(|(seen, more)| seen.merge(more));
}
