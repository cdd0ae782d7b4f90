//! Which dense weights more than one task reaches. Found by trying, once a training: a row of positive numbers goes through
//! a network of positive weights, where every rectifier is open and nothing cancels, and back from each task's head alone.

use crate::architecture::Architecture;
use crate::cpu::{Activations, Gradients, Into, Weights};
use crate::embedding::VECTOR;
use crate::kernel::memory::Aligned;
use crate::kernel::product::Write;
use crate::kernel::random;
use crate::layers::INPUT;

/// 1 for each weight of the flat run that two tasks or more reach, else 0.
pub(crate) fn shared_weights(architecture: &Architecture) -> Vec<f32> {
    let weights = positive_weights(architecture);
    let mut tasks = vec![0u32; weights.dense.len()];
    for task in 0..architecture.tasks.len() {
        for (tasks, gradient) in tasks.iter_mut().zip(&gradient_of(architecture, &weights, task)[..]) {
            *tasks += u32::from(*gradient != 0.0);
        }
    }
    tasks.iter().map(|tasks| if *tasks > 1 { 1.0 } else { 0.0 }).collect()
}

/// Uneven numbers of about one over a layer's inputs, and no tables.
fn positive_weights(architecture: &Architecture) -> Weights {
    let parameters = &architecture.graph.parameters;
    let mut dense = Aligned::zeros(parameters.len());
    for named in &parameters.named {
        let mut numbers = vec![0.0f32; named.shape.iter().product()];
        random::fill_uniform(&mut numbers, random::named(0, &named.name), 0, 0.5);
        let inputs = named.placement.rows as f32;
        numbers.iter_mut().for_each(|number| *number = (1.0 + *number) / inputs);
        named.write(&mut dense, &numbers);
    }
    Weights { dense, tables: Vec::new() }
}

/// By all dense weights, from one task's head.
fn gradient_of(architecture: &Architecture, weights: &Weights, task: usize) -> Aligned {
    let mut activations = Activations::new(architecture);
    activations.forward_row(architecture, weights, |column| 0.5 + (column % 7) as f32 / 7.0);
    let mut gradients = Gradients::new(architecture);
    let head = gradients.head(architecture, task);
    let units = architecture.graph.heads[task].width;
    let numbers = head.numbers[head.column..head.column + units].iter_mut();
    numbers.enumerate().for_each(|(unit, number)| *number = 1.0 + unit as f32 / units as f32);
    let mut dense = Aligned::zeros(weights.dense.len());
    let mut input = Aligned::zeros(architecture.graph.buffers[INPUT].stride + VECTOR);
    let into = Into { dense: &mut dense, write: Write::Over, input: &mut input };
    gradients.backward(architecture, &weights.dense, &activations, 1, into);
    for attention in &architecture.graph.attentions {
        let columns = attention.members.iter().flat_map(|member| member.column..member.column + member.width);
        if columns.map(|column| input[column]).any(|by_x| by_x != 0.0) {
            attention.blocks().into_iter().for_each(|block| dense[block.range()].fill(1.0));
        }
    }
    dense
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{document, layout, networks};
    use crate::learner::TargetStatistics;

    /// The names of the tensors of which weights are shared, and of those of which none are.
    fn names(network: serde_json::Value) -> [Vec<String>; 2] {
        let spec = document(network, json!({}));
        let architecture =
            Architecture::for_training(&spec, &layout(), &TargetStatistics::default(), |_| None).unwrap();
        let shared = shared_weights(&architecture);
        let mut names = [Vec::new(), Vec::new()];
        for named in &architecture.graph.parameters.named {
            let marks = named.read(&shared);
            assert!(marks.iter().all(|mark| *mark == marks[0]), "{} is shared in part", named.name);
            names[usize::from(marks[0] == 0.0)].push(named.name.clone());
        }
        names
    }

    #[test]
    fn what_lies_below_the_towers_is_shared() {
        let is_plain = |network: &serde_json::Value| {
            ["linear", "shared_bottom", "mmoe", "ple"].iter().any(|kind| network["kind"] == *kind)
        };
        for network in networks(0.2).into_iter().filter(is_plain) {
            let [shared, own] = names(network.clone());
            let is_below = |name: &String| {
                // The gate of a task leads to that task alone, the experts below the last level to all.
                let is_gate_of_task = name.contains(".tasks.") && name.contains(".gate.");
                ["bottom.", "experts.", "interaction."].iter().any(|part| name.starts_with(part))
                    || name.contains(".shared.")
                    || (network["levels"] == 2 && name.starts_with("levels.0.") && !is_gate_of_task)
            };
            assert!(shared.iter().all(is_below), "{network}: {shared:?} are shared");
            assert!(!own.iter().any(is_below), "{network}: {own:?} are not");
        }
    }

    #[test]
    fn a_funnels_later_steps_reach_the_towers_of_the_earlier_ones() {
        let network = networks(0.0).into_iter().find(|network| network["kind"] == "esmm").unwrap();
        let spec = document(network, json!({}));
        let architecture =
            Architecture::for_training(&spec, &layout(), &TargetStatistics::default(), |_| None).unwrap();
        let shared = shared_weights(&architecture);
        let of = |name: &str| {
            let named = architecture.graph.parameters.named.iter().find(|named| named.name == name).unwrap();
            named.read(&shared)
        };
        assert!(of("heads.buy.weight").iter().all(|mark| *mark == 1.0));
        assert!(of("heads.like.weight").iter().all(|mark| *mark == 0.0));
    }
}
