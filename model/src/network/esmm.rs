//! The entire-space model (Ma, Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion
//! Rate, SIGIR 2018), for funnels of any number of steps: `p(step) = p(the step before) · p(step | the step before)`.
//!
//! The network of `over` gives each task a logit; that of a task with `after` is of the conditional probability, and
//! its head becomes [the logit of both](crate::layers::conjunction). Every step is learned on all rows, so that nothing
//! is biased by who came that far. Its tensors are those of `over`.

use spec::network::{EsmmNetwork, Trunk};

use super::funnel::in_order;
use super::{Assembly, Builder, Head};
use crate::error::NetworkProblem;
use crate::layers::View;

impl Assembly for EsmmNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        trunk(&self.over).problem()
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        entire_space(&self.over, builder, heads).whole
    }
}

/// The heads of tasks that come after others.
pub(super) struct EntireSpace {
    /// Each given the step before.
    pub(super) given_before: Vec<View>,
    /// Each with all steps before it.
    pub(super) whole: Vec<View>,
}

/// The heads over a trunk.
pub(super) fn entire_space(over: &Trunk, builder: &mut Builder, heads: &[Head]) -> EntireSpace {
    let conditionals: Vec<Head> = heads.iter().map(|head| conditional(head, heads)).collect();
    let given_before = trunk(over).assemble(builder, &conditionals);
    let mut whole = given_before.clone();
    for task in in_order(heads) {
        if let Some(before) = heads[task].after {
            whole[task] = builder.conjunction(whole[before], given_before[task]);
        }
    }
    EntireSpace { given_before, whole }
}

/// The network below.
pub(super) fn trunk(trunk: &Trunk) -> &dyn Assembly {
    match trunk {
        Trunk::SharedBottom(network) => network,
        Trunk::Mmoe(network) => network,
        Trunk::Ple(network) => network,
    }
}

/// A head whose bias starts at the rate among those who did the step before.
fn conditional(head: &Head, heads: &[Head]) -> Head {
    let Some(before) = head.after else { return head.clone() };
    let rate = |head: &Head| head.bias.first().map_or(0.5, |logit| 1.0 / (1.0 + (-f64::from(*logit)).exp()));
    let share = (rate(head) / rate(&heads[before])).clamp(1e-6, 0.95);
    Head { bias: vec![(share / (1.0 - share)).ln() as f32], ..head.clone() }
}
