//! Attention over the steps of a row, by the documented formulas.

use std::collections::BTreeMap;

use spec::FeatureName;

use super::{Field, Package, linear, product};
use crate::input::{AttentionKind, InputLayout};

/// Puts what steps become into x.
pub(super) fn pool(
    layout: &InputLayout,
    package: &Package,
    kind: usize,
    fields: &BTreeMap<&FeatureName, Field>,
    x: &mut [f64],
) {
    for attended in &layout.attended {
        let own = if kind == 0 { String::new() } else { format!("tasks.{}.", kind - 1) };
        let name = format!("{own}attention.{}", attended.features[0]);
        let members: Vec<&Field> = attended.features.iter().map(|feature| &fields[feature]).collect();
        let count = members[0].embeddings.len();
        let steps: Vec<Vec<f64>> =
            (0..count).map(|i| members.iter().flat_map(|member| member.embeddings[i].clone()).collect()).collect();
        if count == 0 {
            continue;
        }
        let pooled = match &attended.kind {
            AttentionKind::Unit { target } => {
                let target = target.as_ref().map(|target| fields[target].embeddings[0].clone());
                unit(package, &name, &steps, target)
            }
            AttentionKind::Among { heads } => among(package, &name, &steps, *heads),
        };
        let mut from = 0;
        for member in members {
            let width = member.embeddings[0].len();
            x[member.column..member.column + width].copy_from_slice(&pooled[from..from + width]);
            from += width;
        }
    }
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let sum: f64 = scores.iter().map(|score| score.exp()).sum();
    scores.iter().map(|score| score.exp() / sum).collect()
}

fn unit(package: &Package, name: &str, steps: &[Vec<f64>], target: Option<Vec<f64>>) -> Vec<f64> {
    let query = target.map(|target| match package.contains_key(&format!("{name}.target.weight")) {
        true => product(package, &format!("{name}.target"), &target),
        false => target,
    });
    let tensor = |part: &str| &package[&format!("{name}.{part}")].numbers;
    let score = |(i, step): (usize, &Vec<f64>)| {
        let mut read = step.clone();
        if let Some(query) = &query {
            read.extend(step.iter().zip(query).map(|(e, q)| e * q));
            read.extend(query);
        }
        let units = linear(package, &format!("{name}.units"), 0, &read);
        let said: f64 = units.iter().zip(tensor("score.weight")).map(|(unit, weight)| unit.max(0.0) * weight).sum();
        said + tensor("recency")[steps.len() - 1 - i]
    };
    let shares = softmax(&steps.iter().enumerate().map(score).collect::<Vec<_>>());
    let sum = |column: usize| steps.iter().zip(&shares).map(|(step, share)| share * step[column]).sum();
    (0..steps[0].len()).map(sum).collect()
}

fn among(package: &Package, name: &str, steps: &[Vec<f64>], heads: usize) -> Vec<f64> {
    let positions = &package[&format!("{name}.positions")];
    let width = positions.shape[1];
    let placed: Vec<Vec<f64>> = steps
        .iter()
        .enumerate()
        .map(|(i, step)| {
            let position = &positions.numbers[(steps.len() - 1 - i) * width..];
            step.iter().zip(position).map(|(e, p)| e + p).collect()
        })
        .collect();
    let project = |part: &str| placed.iter().map(|h| product(package, &format!("{name}.{part}"), h)).collect();
    let [queries, keys, values]: [Vec<Vec<f64>>; 3] = ["query", "key", "value"].map(project);
    let k = queries[0].len() / heads;
    let mean = |column: usize| placed.iter().map(|h| h[column]).sum::<f64>() / steps.len() as f64;
    let mut pooled: Vec<f64> = (0..width).map(mean).collect();
    for query in &queries {
        let mut said = Vec::new();
        for head in 0..heads {
            let part = |vector: &[f64]| vector[head * k..(head + 1) * k].to_vec();
            let dot = |key: &Vec<f64>| part(query).iter().zip(part(key)).map(|(q, k)| q * k).sum::<f64>();
            let shares = softmax(&keys.iter().map(|key| dot(key) / (k as f64).sqrt()).collect::<Vec<_>>());
            let of = |column: usize| values.iter().zip(&shares).map(|(v, share)| share * part(v)[column]).sum::<f64>();
            said.extend((0..k).map(of));
        }
        let output = product(package, &format!("{name}.output"), &said);
        pooled.iter_mut().zip(output).for_each(|(sum, y)| *sum += y / steps.len() as f64);
    }
    pooled
}
