//! Steps of a funnel whose parts do not go together.

/// Steps of a funnel that do not go together, or not with the network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FunnelContradiction {
    /// A funnel network without a funnel.
    #[error("`{network}` is for the steps of a funnel, and no task says which step it comes `after`")]
    NoSteps {
        /// The network's kind.
        network: &'static str,
    },
    /// A funnel's step in a network that does not know of funnels.
    #[error("`after` is for networks of the kinds esmm, escm2 and aitm, and the network's kind is {network}")]
    OtherNetwork {
        /// The network's kind.
        network: &'static str,
    },
    /// Rows left out of a step of a funnel.
    #[error("`negative_rate` leaves out rows that the other steps of the funnel learn from")]
    SampledRows,
    /// A condition on the rows of a step of a funnel.
    #[error(
        "`when` leaves out rows that the other steps of the funnel learn from: give the step a label of 0 where the step before did not happen"
    )]
    ConditionalRows,
    /// A step that comes before itself.
    #[error("the task comes after itself")]
    Loop,
    /// A step after something that is no event.
    #[error("`{task}` is not a binary task")]
    OtherKind {
        /// The task.
        task: String,
    },
}
