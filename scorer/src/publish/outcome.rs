//! What came of publishing, for whoever reads the run.

use artifacts::audience::AudienceManifest;
use artifacts::quarantine::LeftOut;
use artifacts::{Workspace, layout};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use spec::Audience;
use spec::ids::{AudienceName, NeighboursName, RunId, TableName, TierName, Version};

use crate::items::ItemsManifest;
use crate::neighbours::table::NeighboursManifest;
use crate::segments::profile::SegmentationProfile;
use crate::select::overlap::Overlap;
use crate::select::waterfall::Step;

/// What a run published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishOutcome {
    /// Its audiences, in the document's order.
    pub audiences: Vec<AudienceOutcome>,
    /// Who is in two of them, for every pair in the document's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlap: Vec<OverlapOutcome>,
    /// Its score table.
    pub scores: ScoresOutcome,
    /// Who is in its segments, in the document's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentsOutcome>,
    /// Its tables of neighbours, in the document's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub neighbours: Vec<NeighboursOutcome>,
    /// The embeddings of its items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemsOutcome>,
    /// What of the population could not be read and was left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quarantined: Vec<LeftOut>,
}

/// Who is in two audiences as they were selected, held back or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverlapOutcome {
    /// The earlier one of the document.
    pub audience: AudienceName,
    /// The later one.
    pub other: AudienceName,
    /// People in both, holdouts included.
    pub people: u64,
    /// Whether nobody may be.
    pub exclusive: bool,
}

impl OverlapOutcome {
    /// What was counted of every pair.
    pub fn all(audiences: &IndexMap<AudienceName, Audience>, overlap: &Overlap) -> Vec<Self> {
        let pair = |(one, other, people): (usize, usize, u64)| {
            let ((audience, first), (other, second)) = audiences.get_index(one).zip(audiences.get_index(other))?;
            let exclusive = first.exclusive_with.contains(other) || second.exclusive_with.contains(audience);
            Some(Self { audience: audience.clone(), other: other.clone(), people, exclusive })
        };
        overlap.pairs().filter_map(pair).collect()
    }
}

/// One way of dividing people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentsOutcome {
    /// Who is in its segments.
    #[serde(flatten)]
    pub profile: SegmentationProfile,
    /// The same as a page for people to read.
    pub page_url: String,
}

impl SegmentsOutcome {
    /// What a run's profile says, and where its page is.
    pub fn of(profile: SegmentationProfile, run: &RunId, workspace: &Workspace) -> Self {
        let page_url = workspace.url_of(&layout::run_segment_page(run, &profile.name));
        Self { profile, page_url }
    }
}

/// A table of items' embeddings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemsOutcome {
    /// The table of the items.
    pub table: TableName,
    /// Its rows.
    pub rows: u64,
    /// The file's manifest.
    pub url: String,
}

impl ItemsOutcome {
    /// What a manifest says.
    pub fn of(manifest: &ItemsManifest, workspace: &Workspace) -> Self {
        let url = workspace.url_of(&layout::run_items_manifest(&manifest.run));
        Self { table: manifest.table.clone(), rows: manifest.file.rows, url }
    }
}

/// A table of neighbours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NeighboursOutcome {
    /// Its name.
    pub name: NeighboursName,
    /// People asked about who are in the population.
    pub people: u64,
    /// Its rows.
    pub rows: u64,
    /// The file.
    pub url: String,
}

impl NeighboursOutcome {
    /// What a manifest says.
    pub fn of(manifest: &NeighboursManifest, workspace: &Workspace) -> Self {
        let (name, people, rows) = (manifest.name.clone(), manifest.people, manifest.file.rows);
        Self { name, people, rows, url: workspace.url_of(&manifest.file.key) }
    }
}

/// A run's score table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoresOutcome {
    /// Rows scored.
    pub rows: u64,
    /// Rows a second that one process scored, from a shard's first read to its closed file; 0 without rows.
    pub rows_per_second: f64,
    /// The table's manifest, which names its files.
    pub url: String,
}

/// What came of one audience.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudienceOutcome {
    /// The audience.
    pub name: AudienceName,
    /// The version that was published; `None` when it was held back.
    pub version: Option<Version>,
    /// Whether it is the current version now.
    pub published: bool,
    /// Why it is not.
    pub held_back: Vec<String>,
    /// People selected, holdout included.
    pub size: u64,
    /// The tiers that were published, from the top down.
    pub tiers: Vec<TierOutcome>,
    /// From the population down to the selected people.
    pub waterfall: Vec<Step>,
    /// Where the published version's manifest is.
    pub manifest_url: Option<String>,
    /// The page that says who is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_url: Option<String>,
    /// The version that was held back, under whose number a person can release it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_version: Option<Version>,
}

/// One published tier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierOutcome {
    /// The tier.
    pub name: TierName,
    /// People to be addressed.
    pub rows: u64,
    /// People held out.
    pub holdout_rows: u64,
}

impl AudienceOutcome {
    /// An audience that readers see.
    pub fn published(manifest: &AudienceManifest, waterfall: Vec<Step>, manifest_url: String) -> Self {
        let tiers = manifest.tiers.iter().map(|(name, tier)| TierOutcome {
            name: name.clone(),
            rows: tier.people,
            holdout_rows: tier.holdout,
        });
        Self {
            name: manifest.audience.clone(),
            version: Some(manifest.version),
            published: true,
            held_back: Vec::new(),
            size: manifest.selected,
            tiers: tiers.collect(),
            waterfall,
            manifest_url: Some(manifest_url),
            report_url: None,
            held_version: None,
        }
    }

    /// An audience that stays as it was.
    pub fn held_back(name: &AudienceName, size: u64, waterfall: Vec<Step>, reasons: Vec<String>) -> Self {
        Self {
            name: name.clone(),
            version: None,
            published: false,
            held_back: reasons,
            size,
            tiers: Vec::new(),
            waterfall,
            manifest_url: None,
            report_url: None,
            held_version: None,
        }
    }
}
