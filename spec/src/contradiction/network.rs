//! Networks that do not go with the rest of a document.

use crate::mistake::choice;
use crate::node::quoted;

/// A network that does not go with the document's features or tasks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NetworkContradiction {
    /// A feature that is not declared.
    #[error("there is no feature {}", quoted(.name))]
    UnknownFeature {
        /// The name as written.
        name: String,
        /// The features that there are.
        known: Vec<String>,
    },
    /// The item is not among what is said of items.
    #[error("{} is the item and not among `item_features`: name it there too", quoted(.item))]
    ItemOfUser {
        /// The feature.
        item: String,
    },
    /// The item's feature does not say which item it is.
    #[error("{} says no item: `item` takes a categorical feature or a cross, which have one id a row", quoted(.item))]
    ItemWithoutId {
        /// The feature.
        item: String,
    },
    /// Nothing is left for the user's tower.
    #[error("every feature is the item's: the user's tower has nothing to read")]
    NoUserFeatures,
    /// A sequence that looks at a feature of the other tower.
    #[error("{} is of the other tower, and nothing but the towers' product joins a user and an item", quoted(.feature))]
    OtherTower {
        /// The feature.
        feature: String,
    },
    /// No task has positive rows that are pairs of a user and an item.
    #[error("`two_tower` learns from the positive rows of binary tasks, and no task is one")]
    NoPairs,
    /// Nothing to be told apart.
    #[error(
        "`seed_tower` draws the seeds of a list away from those of others, and there are fewer than two lists: give it another \
         lookalike task, or one whose seeds have a `campaign`"
    )]
    FewSeedLists,
    /// A task that is no campaign.
    #[error(
        "`metaheac` knows every task as a campaign, and {} is no lookalike task: take it out, or use seed_tower, which has tasks of \
         behaviour beside seed lists",
        quoted(.task)
    )]
    NoCampaign {
        /// The task.
        task: String,
    },
    /// A rule of task weights that looks at gradients which are not there.
    #[error(
        "`metaheac` takes each campaign's gradient after a step of its own, and `{rule}` compares them before: use uncertainty, dwa or \
         a weight for each task"
    )]
    OwnSteps {
        /// The rule.
        rule: &'static str,
    },
}

impl NetworkContradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownFeature { name, known } => Some(choice("features", name, known)),
            Self::ItemOfUser { .. }
            | Self::OtherTower { .. }
            | Self::ItemWithoutId { .. }
            | Self::NoUserFeatures
            | Self::NoPairs
            | Self::FewSeedLists
            | Self::NoCampaign { .. }
            | Self::OwnSteps { .. } => None,
        }
    }
}
