//! What a shard's commit tells beside its file: counts that publishing merges.

use artifacts::object::FileRecord;
use artifacts::quarantine::{LeftOut, LeftOutTotal};
use artifacts::runs::ShardCommit;
use indexmap::IndexMap;
use model::drift::Distributions;
use serde::{Deserialize, Serialize};
use spec::ids::{AudienceName, NeighboursName, SegmentationName};

use crate::segments::counts::SegmentCounts;
use crate::select::waterfall::AudienceCounts;

/// A committed shard of scores.
pub type ScoreCommit = ShardCommit<ShardSummary>;

/// What a scorer counted while it scored a shard.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSummary {
    /// Rows without a key.
    pub null_keys: u64,
    /// Microseconds from the first read to the closed file.
    pub micros: u64,
    /// What was counted for each audience, in the document's order.
    pub audiences: IndexMap<AudienceName, AudienceCounts>,
    /// What was counted of segments, in the document's order.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub segments: IndexMap<SegmentationName, SegmentCounts>,
    /// What was found of neighbours, in the document's order.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub neighbours: IndexMap<NeighboursName, FileRecord>,
    /// What the rows look like, where a guard watches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributions: Option<Distributions>,
    /// Row groups that could not be read and are in none of the above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

impl ShardSummary {
    /// Rows of the shard that could not be read.
    pub fn rows_left_out(&self) -> u64 {
        LeftOutTotal::of(&self.left_out).known_rows
    }

    /// The counts of shards together, for audiences with so many steps by tables each.
    pub fn merged<'a>(
        shards: impl Iterator<Item = &'a Self>,
        audiences: impl Iterator<Item = (AudienceName, usize)>,
    ) -> Self {
        let audiences = audiences.map(|(name, steps)| (name, AudienceCounts::new(steps)));
        let mut merged = Self { audiences: audiences.collect(), ..Self::default() };
        for shard in shards {
            merged.null_keys += shard.null_keys;
            merged.micros += shard.micros;
            for (name, counts) in &mut merged.audiences {
                if let Some(more) = shard.audiences.get(name) {
                    counts.merge(more);
                }
            }
            for (name, counts) in &shard.segments {
                merge(&mut merged.segments, name, counts);
            }
            if let Some(more) = &shard.distributions {
                merged.distributions.get_or_insert_default().merge(more);
            }
            merged.left_out.extend(shard.left_out.iter().cloned());
        }
        merged
    }
}

/// Puts counts behind those of the same name.
pub(crate) fn merge(
    segments: &mut IndexMap<SegmentationName, SegmentCounts>,
    name: &SegmentationName,
    more: &SegmentCounts,
) {
    match segments.get_mut(name) {
        Some(counts) => counts.merge(more),
        None => drop(segments.insert(name.clone(), more.clone())),
    }
}
