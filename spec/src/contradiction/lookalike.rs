//! Lookalike tasks and their lists whose parts do not go together.

/// Parts of a lookalike task, or of lists of seeds, that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LookalikeContradiction {
    /// A prior for a loss without one.
    #[error("`prior` belongs to the losses nnpu and elkan_noto, and the loss is plain")]
    PriorOfPlainLoss,
    /// Two ways to say how many people that are no seeds are learned from.
    #[error("`negatives` and `negative_rate` exclude one another: keep one")]
    RateAndRatio,
    /// People left out under a loss that needs to know the share of the seeds.
    #[error("the loss elkan_noto learns from all people that are no seeds; leave some out with the loss plain or nnpu")]
    SampledElkanNoto,
    /// One of several campaigns, and no column that tells them apart.
    #[error("`value` is a value of the column `campaign`: name that column")]
    CampaignOfNoColumn,
    /// People as campaigns.
    #[error("`campaign` is the seeds' key: name the column that tells campaigns apart")]
    CampaignIsKey,
    /// A bound on lists where there is one.
    #[error("`max_lists` is for tables of many lists: name their column with `campaign`, without `value`")]
    MaxListsOfOneList,
    /// A task named like a list of a table.
    #[error("the seed lists of task `{table}` become tasks named `{table}_…`: give this task another name")]
    NamedLikeList {
        /// The task that stands for the table.
        table: String,
    },
}
