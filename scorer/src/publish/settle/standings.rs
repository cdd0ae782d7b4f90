//! Who is left for the audiences of a round, counted: by the shards, or by a pass where others have taken people.

use std::sync::Arc;

use super::{Settled, Settling};
use crate::error::Result;
use crate::publish::claims::Claims;
use crate::publish::table::RowGroup;
use crate::select::histogram::RankHistogram;
use crate::select::order::rank_bits;
use crate::select::standing::{Standing, thresholds};

/// Who is left for one audience.
#[derive(Debug, Clone, Default)]
pub(super) struct Left {
    /// How they stand.
    pub(super) standing: Standing,
    /// How many the audiences above took, in their order.
    pub(super) lost: Vec<u64>,
}

/// What a pass counts of one audience.
#[derive(Debug, Clone)]
struct Counted {
    cells: Vec<u64>,
    lost: Vec<u64>,
    at_least: Vec<u64>,
}

impl Settling<'_> {
    /// Who is left for each audience of a round; a pass counts those whom the shards could not.
    pub(super) async fn standings(&self, round: &[usize], settled: &[Option<Settled>]) -> Result<Vec<Left>> {
        let counted = round.iter().map(|audience| {
            let standing = self.counts[self.names[*audience]].standing();
            Left { standing, lost: Vec::new() }
        });
        let mut left: Vec<Left> = counted.collect();
        let is_told = |(audience, left): &(&usize, &Left)| {
            self.precedence.above(**audience).is_empty()
                && left.standing.uncounted(&self.audiences[**audience]).is_empty()
        };
        let untold = round.iter().zip(&left).enumerate().filter(|(_, of)| !is_told(of)).map(|(place, _)| place);
        let untold: Vec<usize> = untold.collect();
        if untold.is_empty() {
            return Ok(left);
        }
        let wanted: Vec<usize> = untold.iter().map(|place| round[*place]).collect();
        for (place, counted) in untold.into_iter().zip(self.count(&wanted, settled).await?) {
            left[place] = counted;
        }
        Ok(left)
    }

    async fn count(&self, wanted: &[usize], settled: &[Option<Settled>]) -> Result<Vec<Left>> {
        let ranks_of =
            |audience: &usize| -> Vec<u64> { thresholds(&self.audiences[*audience]).filter_map(rank_bits).collect() };
        let ranks: Arc<Vec<Vec<u64>>> = Arc::new(wanted.iter().map(ranks_of).collect());
        let nothing: Vec<Counted> = wanted
            .iter()
            .zip(ranks.iter())
            .map(|(audience, ranks)| Counted {
                cells: vec![0; 1 << 16],
                lost: vec![0; self.precedence.above(*audience).len()],
                at_least: vec![0; ranks.len()],
            })
            .collect();
        let claims = self.claims(wanted, settled);
        let columns = self.columns(&claims, false);
        let look = count_pass(claims, Arc::clone(&ranks), nothing.clone());
        let counted =
            self.table.fold("count", &columns, nothing, look, |sum: &mut Vec<Counted>, more: Vec<Counted>| {
                sum.iter_mut().zip(more).for_each(|(sum, more)| sum.merge(&more));
            });
        let counted = counted.await?.into_iter().zip(ranks.iter());
        Ok(counted.map(|(counted, ranks)| counted.left(ranks)).collect())
    }
}

fn count_pass(
    claims: Claims,
    ranks: Arc<Vec<Vec<u64>>>,
    nothing: Vec<Counted>,
) -> impl Fn(RowGroup) -> Result<Vec<Counted>> + Send + Sync + 'static {
    move |group| {
        let mut counted = nothing.clone();
        for batch in group.batches()? {
            let (first, batch) = batch?;
            for claimed in claims.of(&batch, first)? {
                let Some(wanted) = claimed.wanted else { continue };
                let sum = &mut counted[wanted];
                claimed.rows.count_cells(&mut sum.cells);
                sum.lost.iter_mut().zip(&claimed.lost).for_each(|(sum, lost)| *sum += lost);
                for (sum, rank) in sum.at_least.iter_mut().zip(&ranks[wanted]) {
                    *sum += claimed.rows.at_least(*rank);
                }
            }
        }
        Ok(counted)
    }
}

impl Counted {
    fn merge(&mut self, more: &Self) {
        let add = |sum: &mut [u64], more: &[u64]| sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.cells, &more.cells);
        add(&mut self.lost, &more.lost);
        add(&mut self.at_least, &more.at_least);
    }

    fn left(self, ranks: &[u64]) -> Left {
        let at_least = ranks.iter().copied().zip(self.at_least).collect();
        let ranks = RankHistogram::from_counts(&self.cells);
        Left { standing: Standing { ranks, at_least, places: Vec::new() }, lost: self.lost }
    }
}
