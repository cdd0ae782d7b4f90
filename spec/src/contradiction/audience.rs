//! Audiences whose parts do not go together.

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
