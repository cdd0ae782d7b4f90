//! Who is in an audience, compared with the population: what people have more often and less often than others (TGI), by tier and beside the
//! seeds; how their ranks lie and lay; what the model expects of them.
//!
//! A run decides what it tells when it is planned ([`plan`]). When an audience is cut, the score table and the population are read side by
//! side ([`marks`]), so that nothing of people's columns has to be carried through scoring, and memory does not grow with rows or
//! values: [`survey`] finds which values there are, [`counts`] counts them exactly, [`suppress`] decides which may be told.

mod columns;
mod counts;
mod exact;
mod frequent;
mod marks;
pub mod page;
pub mod plan;
pub mod scores;
pub mod suppress;
mod survey;
pub mod tgi;
pub mod told;
mod values;

use std::sync::Arc;

use artifacts::audience::TierSummary;
use artifacts::registry::ModelIdentity;
use chrono::NaiveDate;
use indexmap::IndexMap;
use query::KeySet;
use spec::AudienceProfile;
use spec::ids::{AudienceName, ColumnName, RunId, TableName, TaskName, TierName, Version};

use crate::error::Result;
use crate::publish::{Claims, ScoreTable, Settled};
use crate::select::waterfall::Step;
use columns::{Sizes, column};
use exact::ExactSum;
pub(crate) use marks::Marks;
use marks::{Marked, ScoreCounts};
use plan::{OutputKind, ProfilePlan, ProfiledColumn};
use scores::{cells, compared, reach};
pub(crate) use survey::Survey;
use told::{Expected, OutputProfile, Overlap, PROFILE_SCHEMA_VERSION, Profile, SeedsProfile, TierProfile};
use values::Grouped;

/// The seeds that an audience is compared with.
#[derive(Debug, Clone)]
pub(crate) struct Seeds {
    pub(crate) table: TableName,
    pub(crate) keys: Arc<KeySet>,
}

/// A version of an audience whose people are to be described.
#[derive(Debug, Clone)]
pub(crate) struct Describing<'a> {
    pub(crate) audience: &'a AudienceName,
    pub(crate) version: Version,
    pub(crate) run: &'a RunId,
    pub(crate) date: NaiveDate,
    pub(crate) model: &'a ModelIdentity,
    pub(crate) key: &'a ColumnName,
    pub(crate) rank_by: &'a str,
    /// How the document has it described.
    pub(crate) described: &'a AudienceProfile,
    /// What was decided when the run was planned.
    pub(crate) plan: &'a ProfilePlan,
    pub(crate) outputs: &'a IndexMap<TaskName, OutputKind>,
    pub(crate) settled: &'a Settled,
    /// The audience, and those that take people before it.
    pub(crate) claims: &'a Claims,
    pub(crate) tiers: &'a IndexMap<TierName, TierSummary>,
    pub(crate) waterfall: &'a [Step],
    pub(crate) overlaps: Vec<Overlap>,
    pub(crate) seeds: Option<Seeds>,
    /// The profile of the version before.
    pub(crate) last: Option<Profile>,
}

impl Describing<'_> {
    /// Reads the population beside the score table and says who is in the audience.
    ///
    /// # Errors
    ///
    /// Tables that cannot be read.
    pub(crate) async fn describe(
        self,
        scores: &ScoreTable,
        population: &ScoreTable,
        survey: &Survey,
    ) -> Result<Profile> {
        let columns = Arc::new(self.grouped(scores, population, survey).await?);
        let mut marks = self.marks(scores);
        let counts = match columns.is_empty() {
            true => Vec::new(),
            false => counts::count(population, Arc::clone(&columns), self.settled.tiers.len(), &mut marks).await?,
        };
        let scored = marks.finish().await?;
        let sizes = self.sizes(population.rows(), &scored);
        let above = |grouped: &Grouped| survey.surely_above(&grouped.column.column);
        let told = columns.iter().zip(&counts);
        let mut told: Vec<_> =
            told.map(|(grouped, counts)| column(grouped, counts, &sizes, self.described, above(grouped))).collect();
        // Stable: columns that tell as much stay in the document's order.
        told.sort_by(|one, other| other.significance().total_cmp(&one.significance()));
        Ok(self.profile(&scored, &sizes, told))
    }

    fn marks(&self, scores: &ScoreTable) -> Marks {
        let marked = Marked {
            key: self.key,
            settled: self.settled,
            claims: self.claims,
            seeds: self.seeds.as_ref().map(|seeds| Arc::clone(&seeds.keys)),
            tasks: self.outputs.keys().cloned().collect(),
        };
        Marks::of(scores, &marked)
    }

    /// The columns with their values told apart. Of a column of very many texts, those that are frequent in the audience are looked for
    /// too.
    async fn grouped(&self, scores: &ScoreTable, population: &ScoreTable, survey: &Survey) -> Result<Vec<Grouped>> {
        let is_wide = |column: &&ProfiledColumn| survey.surely_above(&column.column) > 0;
        let wide: Vec<ProfiledColumn> = self.plan.columns.iter().filter(is_wide).cloned().collect();
        let mut more = IndexMap::new();
        if !wide.is_empty() {
            let mut marks = self.marks(scores);
            let found = survey::texts_of_selected(population, wide.clone(), &mut marks).await?;
            more = wide.into_iter().map(|column| column.column).zip(found).collect();
        }
        let columns = self.plan.columns.iter();
        columns.map(|column| survey.grouped(column, self.described.bins, more.swap_remove(&column.column))).collect()
    }

    fn sizes(&self, population: u64, scored: &ScoreCounts) -> Sizes {
        let tiers = self.settled.tiers.iter().map(|tier| (tier.tier.clone(), tier.rows));
        Sizes { population, tiers: tiers.collect(), seeds: self.seeds.as_ref().map(|_| scored.seeds) }
    }

    fn profile(self, scored: &ScoreCounts, sizes: &Sizes, columns: Vec<told::ColumnProfile>) -> Profile {
        let scores = cells(scored);
        let last = self.last.map(|last| compared(last.version, last.selected, &last.scores, &scores));
        let outputs = self.outputs.iter().enumerate();
        let outputs = outputs.map(|(at, (task, kind))| (task.clone(), output(at, *kind, scored, self.tiers, sizes)));
        let tier = |(name, tier): (&TierName, &TierSummary)| {
            let TierSummary { people, holdout, highest, lowest } = *tier;
            let finite = |rank: Option<f64>| rank.filter(|rank| rank.is_finite());
            (name.clone(), TierProfile { people, holdout, highest: finite(highest), lowest: finite(lowest) })
        };
        Profile {
            schema_version: PROFILE_SCHEMA_VERSION,
            audience: self.audience.clone(),
            version: self.version,
            run: self.run.clone(),
            date: self.date,
            model: self.model.clone(),
            rank_by: self.rank_by.to_owned(),
            population: sizes.population,
            eligible: scores.iter().map(|cell| cell.eligible).sum(),
            selected: sizes.tiers.values().sum(),
            waterfall: self.waterfall.to_vec(),
            tiers: self.tiers.iter().map(tier).collect(),
            outputs: outputs.collect(),
            overlaps: self.overlaps,
            seeds: self.seeds.as_ref().map(|seeds| SeedsProfile {
                table: seeds.table.clone(),
                listed: seeds.keys.len() as u64,
                population: scored.seeds,
                selected: scored.selected_seeds,
            }),
            reach: reach(scored, self.seeds.is_some()),
            scores,
            last,
            min_cell: self.described.min_cell,
            columns,
            left_out: self.plan.left_out.clone(),
        }
    }
}

fn output(
    at: usize,
    kind: OutputKind,
    scored: &ScoreCounts,
    tiers: &IndexMap<TierName, TierSummary>,
    sizes: &Sizes,
) -> OutputProfile {
    let expected = |people: u64, sum: ExactSum| Expected::of(people, sum.number());
    let tiers = || tiers.iter().enumerate();
    OutputProfile {
        kind,
        population: expected(sizes.population, scored.population[at]),
        tiers: tiers()
            .map(|(tier, (name, summary))| (name.clone(), expected(summary.people, scored.addressed[tier][at])))
            .collect(),
        holdout: tiers()
            .map(|(tier, (name, summary))| (name.clone(), expected(summary.holdout, scored.held_out[tier][at])))
            .collect(),
    }
}
