//! A batch cut into lanes and blocks, and what their sums are put together to.

use std::ops::Range;

use super::gradients::{InputGradients, LaneInput};
use super::{LANES, LaneLosses};
use crate::cpu::BLOCK;
use crate::error::Error;
use crate::input::Inputs;
use crate::kernel::memory::Aligned;
use crate::loss::LossSums;
use crate::outputs::Outputs;

/// One lane's part of a step.
pub(super) struct Lane<'a> {
    pub(super) rows: Range<usize>,
    pub(super) gradient: &'a mut Aligned,
    pub(super) input: LaneInput<'a>,
}

/// The rows of each lane: whole blocks, spread evenly.
pub(super) fn lanes(rows: usize) -> Vec<Range<usize>> {
    let blocks = rows.div_ceil(BLOCK);
    let lanes = blocks.min(LANES);
    let start = |lane: usize| (blocks * lane / lanes.max(1) * BLOCK).min(rows);
    (0..lanes).map(|lane| start(lane)..start(lane + 1)).collect()
}

pub(super) fn split_lanes<'a>(
    lanes: &[Range<usize>],
    gradients: &'a mut [Aligned],
    input: &'a mut InputGradients,
    inputs: &Inputs,
) -> Vec<Lane<'a>> {
    let parts = input.split(lanes, inputs);
    let lanes = lanes.iter().zip(gradients).zip(parts);
    lanes.map(|((rows, gradient), input)| Lane { rows: rows.clone(), gradient, input }).collect()
}

/// The blocks of a batch, each with its part of every task's predictions.
pub(super) fn with_outputs(rows: usize, outputs: Option<&mut Outputs>) -> Vec<(Range<usize>, Vec<&mut [f32]>)> {
    let blocks = (0..rows).step_by(BLOCK).map(|start| (start..(start + BLOCK).min(rows), Vec::new()));
    let mut blocks: Vec<(Range<usize>, Vec<&mut [f32]>)> = blocks.collect();
    for task in outputs.into_iter().flat_map(|outputs| &mut outputs.tasks) {
        let width = task.len() / rows.max(1);
        for ((_, parts), part) in blocks.iter_mut().zip(task.chunks_mut((BLOCK * width).max(1))) {
            parts.push(part);
        }
    }
    blocks
}

/// Sums in the lanes' order; the first lane's error, if there is one.
pub(super) fn add_lanes(lanes: Vec<Result<LaneLosses, Error>>, tasks: usize) -> Result<LaneLosses, Error> {
    let mut total = LaneLosses { tasks: vec![LossSums::default(); tasks], joint: 0.0 };
    for lane in lanes {
        let lane = lane?;
        total.tasks.iter_mut().zip(&lane.tasks).for_each(|(total, sums)| total.add(sums));
        total.joint += lane.joint;
    }
    Ok(total)
}
