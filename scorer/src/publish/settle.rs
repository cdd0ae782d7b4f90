//! Finds where an audience, its tiers and its holdout end: passes over the score table, decisions from [`crate::select`].

use std::sync::Arc;

use artifacts::keys::seed_of;
use artifacts::rows::Columns;
use spec::Audience;
use spec::ids::AudienceName;

use super::rows::ScoredRows;
use super::table::{RowGroup, ScoreTable};
use crate::columns::rank_column;
use crate::error::{Result, ScorerError};
use crate::select::cut::{Cuts, Selected, TierRows, divide, last_ordinals, selected};
use crate::select::holdout::{Draws, held_out};
use crate::select::order::Place;
use crate::select::search::{COLLECTED_ROWS, Observed, Pass, Search};
use crate::select::waterfall::AudienceCounts;

/// Where the key and the rank are in the batches of these passes.
const RANK: usize = 0;
const KEY: usize = 1;

/// Who is in an audience.
#[derive(Debug, Clone)]
pub(crate) struct Settled {
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

/// Passes over the score table for one audience.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settling<'a> {
    /// The table.
    pub(crate) table: &'a ScoreTable,
    /// The audience's name.
    pub(crate) name: &'a AudienceName,
    /// What the document says of it.
    pub(crate) audience: &'a Audience,
    /// The table's key column.
    pub(crate) key: &'a str,
    /// What the shards counted, together.
    pub(crate) counts: &'a AudienceCounts,
}

impl Settling<'_> {
    /// How many people the audience's size selects.
    ///
    /// # Errors
    ///
    /// A size that is none, or a table that cannot be read.
    pub(crate) async fn size(&self) -> Result<u64> {
        let is_wrong = |source| ScorerError::Cut { audience: self.name.clone(), source };
        match selected(self.audience.size, &self.counts.ranks).map_err(is_wrong)? {
            Selected::Rows(rows) => Ok(rows),
            Selected::AtLeast { rank, .. } => {
                let count = move |group: RowGroup| {
                    group.batches()?.try_fold(0, |sum, batch| {
                        let (first, batch) = batch?;
                        Ok(sum + ScoredRows::of(&batch, RANK, None, first).at_least(rank))
                    })
                };
                self.table
                    .fold(&self.phase("count"), &self.columns(false), 0, count, |sum, rows: u64| *sum += rows)
                    .await
            }
        }
    }

    /// Divides so many selected people into tiers and holdouts.
    ///
    /// # Errors
    ///
    /// Tiers or a holdout that are none, or a table that cannot be read.
    pub(crate) async fn settle(&self, size: u64) -> Result<Settled> {
        let is_wrong = |source| ScorerError::Cut { audience: self.name.clone(), source };
        let tiers = divide(size, &self.audience.tiers).map_err(is_wrong)?;
        let lasts = self.find_cuts(&tiers).await?;
        let cuts = Cuts::new(&tiers, lasts);
        let mut settled = Settled {
            held_out: vec![0; tiers.len()],
            draws: Draws { lasts: vec![None; tiers.len()] },
            salt_seed: 0,
            tiers,
            cuts,
        };
        if let Some(holdout) = &self.audience.holdout {
            let share = holdout.share;
            let rows = held_out(&settled.tiers, share);
            settled.held_out = rows.ok_or(ScorerError::HoldoutShare { audience: self.name.clone(), share })?;
            settled.salt_seed = seed_of("holdout", &holdout.salt);
            settled.draws = self.find_draws(&settled).await?;
        }
        Ok(settled)
    }

    async fn find_cuts(&self, tiers: &[TierRows]) -> Result<Vec<Place>> {
        let mut search = Search::in_histogram(&self.counts.ranks, &last_ordinals(tiers), COLLECTED_ROWS);
        while !search.is_done() {
            let pass = Arc::new(search.pass());
            let key = pass.needs_keys().then_some(KEY);
            let columns = self.columns(pass.needs_keys());
            let seen = pass.observed();
            let look = move |group: RowGroup| {
                let mut observed = pass.observed();
                for batch in group.batches()? {
                    let (first, batch) = batch?;
                    ScoredRows::of(&batch, RANK, key, first).observe(&pass, &mut observed)?;
                }
                Ok(observed)
            };
            let seen = self.table.fold(&self.phase("cut"), &columns, seen, look, Observed::merge).await?;
            search.absorb(seen);
        }
        self.all_found(search)
    }

    async fn find_draws(&self, settled: &Settled) -> Result<Draws> {
        let tiers = settled.tiers.iter().zip(&settled.held_out);
        let ordinals = tiers.map(|(tier, held)| (tier.rows, held.checked_sub(1)));
        let collected = COLLECTED_ROWS / settled.tiers.len() as u64;
        let mut searches: Vec<_> =
            ordinals.map(|(rows, last)| Search::in_one_rank(0, rows, last.as_slice(), collected)).collect();
        while searches.iter().any(|search| !search.is_done()) {
            let passes: Arc<Vec<Pass>> = Arc::new(searches.iter().map(Search::pass).collect());
            let seen: Vec<_> = passes.iter().map(Pass::observed).collect();
            let look = draw_pass(passes, settled.cuts.clone(), settled.salt_seed);
            let merge = |all: &mut Vec<Observed>, more: Vec<Observed>| {
                all.iter_mut().zip(more).for_each(|(seen, more)| seen.merge(more));
            };
            let seen = self.table.fold(&self.phase("draw"), &self.columns(true), seen, look, merge).await?;
            searches.iter_mut().zip(seen).for_each(|(search, seen)| search.absorb(seen));
        }
        let lasts = searches.into_iter().map(|search| Ok(self.all_found(search)?.first().copied()));
        Ok(Draws { lasts: lasts.collect::<Result<_>>()? })
    }

    fn all_found(&self, search: Search) -> Result<Vec<Place>> {
        let places: Option<Vec<_>> = search.into_places().into_iter().collect();
        places.ok_or_else(|| ScorerError::RowsLost { audience: self.name.clone() })
    }

    fn phase(&self, pass: &str) -> String {
        format!("{pass} {}", self.name)
    }

    fn columns(&self, with_key: bool) -> Columns {
        let rank = rank_column(self.name);
        let names = std::iter::once(rank.as_str()).chain(with_key.then_some(self.key));
        Columns::new(names)
    }
}

fn draw_pass(
    passes: Arc<Vec<Pass>>,
    cuts: Cuts,
    salt_seed: u64,
) -> impl Fn(RowGroup) -> Result<Vec<Observed>> + Send + Sync + 'static {
    move |group| {
        let mut observed: Vec<_> = passes.iter().map(Pass::observed).collect();
        for batch in group.batches()? {
            let (first, batch) = batch?;
            let rows = ScoredRows::of(&batch, RANK, Some(KEY), first);
            for (tier, members) in rows.tiers(&cuts, passes.len())?.into_iter().enumerate() {
                if passes[tier].is_empty() {
                    continue;
                }
                for draw in rows.draws(&members, salt_seed)? {
                    passes[tier].observe(draw, &mut observed[tier]);
                }
            }
        }
        Ok(observed)
    }
}
