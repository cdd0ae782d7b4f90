//! The entire-space counterfactual model (Wang, ESCM²: Entire Space Counterfactual Multi-Task Model for Post-Click Conversion
//! Rate Estimation, SIGIR 2022) with inverse propensity: [the entire-space model](super::esmm), whose steps given the step
//! before are also [learned as if all had done that](crate::loss::joint::steps), by those who did, each counting as much as
//! their like are rare:
//!
//! `λ·mean o·ℓ(r̂) / max(p_b, c)`, over the rows where both steps were observed
//!
//! with `r̂` the head of the step given the step before, `ℓ` its task's loss, and `p_b` the probability of the step before,
//! which learns nothing from this. Its tensors and predictions are those of ESMM.

use spec::network::Escm2Network;

use super::esmm::{EntireSpace, entire_space, trunk};
use super::{Assembly, Builder, Head};
use crate::error::NetworkProblem;
use crate::layers::View;
use crate::loss::joint::steps::{Step, StepRule, Steps};
use crate::loss::joint::{Joint, Rule};

impl Assembly for Escm2Network {
    fn problem(&self) -> Option<NetworkProblem> {
        trunk(&self.over).problem()
    }

    fn assemble(&self, builder: &mut Builder, heads: &[Head]) -> Vec<View> {
        let EntireSpace { given_before, whole } = entire_space(&self.over, builder, heads);
        for (task, head) in heads.iter().enumerate() {
            let (Some(before), Some(loss)) = (head.after, head.objective.classes()) else { continue };
            let steps = Steps {
                rule: StepRule::Counterfactual { loss, least_propensity: self.least_propensity },
                before: Step { task: before, logit: whole[before] },
                step: Step { task, logit: given_before[task] },
            };
            builder.ask(Joint { rule: Rule::Steps(steps), weight: self.counterfactual_weight });
        }
        whole
    }
}
