//! The entire-space model (Ma, Entire Space Multi-Task Model: An Effective Approach for Estimating Post-Click Conversion
//! Rate, SIGIR 2018), for funnels of any number of steps: `p(step) = p(the step before) · p(step | the step before)`.
//!
//! The network of `over` gives each task a logit; that of a task with `after` is of the conditional probability, and
//! its head becomes [the logit of both](crate::layers::conjunction). Every step is learned on all rows, so that nothing
//! is biased by who came that far. Its tensors are those of `over`.

use spec::network::{EsmmNetwork, Trunk};

use super::{Assembly, Builder, Head};
use crate::error::NetworkProblem;
use crate::layers::View;

impl Assembly for EsmmNetwork {
    fn problem(&self) -> Option<NetworkProblem> {
        trunk(&self.over).problem()
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let given_before: Vec<Head> = heads.iter().map(|head| conditional(head, heads)).collect();
        let own = trunk(&self.over).assemble(builder, &given_before);
        let mut whole = vec![None; heads.len()];
        for task in 0..heads.len() {
            multiply(task, builder, heads, &own, &mut whole);
        }
        whole.into_iter().zip(own).map(|(whole, own)| whole.unwrap_or(own)).collect()
    }
}

fn trunk(trunk: &Trunk) -> &dyn Assembly {
    match trunk {
        Trunk::SharedBottom(network) => network,
        Trunk::Mmoe(network) => network,
        Trunk::Ple(network) => network,
    }
}

/// The logit of a step and all before it.
fn multiply(task: usize, builder: &mut Builder, heads: &[Head], own: &[View], whole: &mut [Option<View>]) -> View {
    if let Some(known) = whole[task] {
        return known;
    }
    let view = match heads[task].after {
        Some(before) => {
            let before = multiply(before, builder, heads, own, whole);
            builder.conjunction(before, own[task])
        }
        None => own[task],
    };
    whole[task] = Some(view);
    view
}

/// A head whose bias starts at the rate among those who did the step before.
fn conditional(head: &Head, heads: &[Head]) -> Head {
    let Some(before) = head.after else { return head.clone() };
    let rate = |head: &Head| head.bias.first().map_or(0.5, |logit| 1.0 / (1.0 + (-f64::from(*logit)).exp()));
    let share = (rate(head) / rate(&heads[before])).clamp(1e-6, 0.95);
    Head { bias: vec![(share / (1.0 - share)).ln() as f32], ..head.clone() }
}
