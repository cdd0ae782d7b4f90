//! Audiences whose parts do not go together.

use crate::mistake::choice;
use crate::node::quoted;

/// Parts of an audience that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AudienceContradiction {
    /// `rest` above another tier.
    #[error("`rest` takes what the tiers above leave, so it is the last tier")]
    RestNotLast,
    /// Tiers that take more than there is.
    #[error("the tiers take {taken} of the people together, which is more than all")]
    TiersTooLarge {
        /// Their sum.
        taken: f64,
    },
    /// Tiers that leave people out.
    #[error("the tiers take {taken} of the people together; add a last tier with `rest` for the others")]
    TiersTooSmall {
        /// Their sum.
        taken: f64,
    },
    /// Tiers by number or score that need not take everybody.
    #[error("tiers by number or score need not take everybody: add a last tier with `rest` for the others")]
    NoRest,
    /// A tier that a tier above leaves nobody for.
    #[error("a tier above ends at {ends}, so this one takes nobody: put tiers from the top down")]
    TierEmpty {
        /// Where that one ends, as written.
        ends: f64,
    },
    /// A table that people have to be in and must not be in.
    #[error("{} is also under `include`: nobody would be left", quoted(.table))]
    IncludedAndExcluded {
        /// The table.
        table: String,
    },
    /// An audience that is exclusive with one that the document does not have.
    #[error("there is no audience {}", quoted(.name))]
    UnknownAudience {
        /// The name as written.
        name: String,
        /// The audiences that there are.
        known: Vec<String>,
    },
    /// An audience that is exclusive with itself.
    #[error("an audience cannot be exclusive with itself")]
    ExclusiveWithItself,
    /// A priority that decides nothing.
    #[error("`priority` decides between audiences that are exclusive, and none is with this one: add `exclusive_with`")]
    PriorityAlone,
    /// A size that the guards never let through.
    #[error("the audience has at most {top} people, and `min_size` {min_size} would always hold it back")]
    SizeBelowMinimum {
        /// `size.top`
        top: u64,
        /// `guards.min_size`
        min_size: u64,
    },
    /// A size that the guards let through only by chance.
    #[error("the audience takes {top} people, and `max_size` {max_size} would hold it back")]
    SizeAboveMaximum {
        /// `size.top`
        top: u64,
        /// `guards.max_size`
        max_size: u64,
    },
    /// Guards that nothing can pass.
    #[error("`max_size` {max_size} is below `min_size` {min_size}")]
    GuardsCross {
        /// `guards.min_size`
        min_size: u64,
        /// `guards.max_size`
        max_size: u64,
    },
    /// A table that is made, not read.
    #[error("{} is made by a `prepare` step: name a table of `tables`, whose files come from outside", quoted(.table))]
    FreshTablePrepared {
        /// The table.
        table: String,
    },
    /// An id column named like a column that every published file has.
    #[error("published files have a column {} of their own: give another name with `as`", quoted(.name))]
    IdNameReserved {
        /// The name.
        name: String,
    },
    /// Two published columns of one name.
    #[error("two id columns would be named {}: give one another name with `as`", quoted(.name))]
    IdNameTwice {
        /// The name.
        name: String,
    },
}

impl AudienceContradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownAudience { name, known } => Some(choice("audiences", name, known)),
            Self::RestNotLast
            | Self::TiersTooLarge { .. }
            | Self::TiersTooSmall { .. }
            | Self::NoRest
            | Self::TierEmpty { .. }
            | Self::IncludedAndExcluded { .. }
            | Self::ExclusiveWithItself
            | Self::PriorityAlone
            | Self::SizeBelowMinimum { .. }
            | Self::SizeAboveMaximum { .. }
            | Self::GuardsCross { .. }
            | Self::FreshTablePrepared { .. }
            | Self::IdNameReserved { .. }
            | Self::IdNameTwice { .. } => None,
        }
    }
}
