//! The state of a training run: what a checkpoint keeps so that the run goes on as if it had never stopped.

use std::borrow::Cow;

use super::entries::{Entry, Reader, write};
use super::{dense_entries, entries_of, read_dense, read_weights};
use crate::architecture::Architecture;
use crate::cpu::Weights;
use crate::embedding::tensor_name;
use crate::error::Error;
use crate::kernel::memory::Aligned;

/// The header's `schema`.
const STATE_SCHEMA: &str = "kindred.training-state.v1";

/// Everything that a learner has learned, in a host's memory.
#[derive(Debug)]
pub(crate) struct State<'a> {
    pub(crate) step: u64,
    pub(crate) weights: Cow<'a, Weights>,
    /// The dense optimizer's moments, flat like the weights; the first are empty for Adagrad.
    pub(crate) first: Cow<'a, Aligned>,
    pub(crate) second: Cow<'a, Aligned>,
    /// The tables' optimizer: for each table a number a row.
    pub(crate) sums: Cow<'a, [Aligned]>,
    /// The tasks' learned weights, and their moments.
    pub(crate) task_weights: [Vec<f32>; 3],
}

const TASK_WEIGHTS: [&str; 3] = ["task_weights", "task_weights.first", "task_weights.second"];

/// The state's bytes.
pub(crate) fn to_bytes(architecture: &Architecture, state: &State<'_>) -> Result<Vec<u8>, Error> {
    let mut entries = entries_of(architecture, &state.weights.dense, &state.weights.tables, "weights/");
    for (flat, prefix) in [(&*state.first, "first/"), (&*state.second, "second/")] {
        if !flat.is_empty() {
            entries.extend(dense_entries(architecture, flat, prefix));
        }
    }
    for (layout, sums) in architecture.layout.tables.iter().zip(state.sums.iter()) {
        for slot in layout.sections().into_iter().map(|section| section.first) {
            let name = format!("sums/{}", tensor_name(slot));
            let range = slot.first_row as usize..(slot.first_row + slot.rows) as usize;
            entries.push(Entry::numbers(name, vec![range.len()], move || sums[range.clone()].to_vec()));
        }
    }
    for (name, numbers) in TASK_WEIGHTS.into_iter().zip(&state.task_weights) {
        entries.push(Entry::numbers(name.to_owned(), vec![numbers.len()], || numbers.clone()));
    }
    entries.push(Entry::count("step", state.step));
    write(entries, STATE_SCHEMA)
}

/// The state of [`to_bytes`], for a learner whose optimizer keeps first moments or not.
pub(crate) fn from_bytes(architecture: &Architecture, bytes: &[u8], has_first: bool) -> Result<State<'static>, Error> {
    let mut reader = Reader::open(bytes, STATE_SCHEMA)?;
    let weights = read_weights(architecture, &mut reader, "weights/")?;
    let mut second = Aligned::zeros(weights.dense.len());
    read_dense(architecture, &mut second, &mut reader, "second/")?;
    let mut first = Aligned::zeros(if has_first { weights.dense.len() } else { 0 });
    if has_first {
        read_dense(architecture, &mut first, &mut reader, "first/")?;
    }
    let mut sums = Vec::with_capacity(architecture.layout.tables.len());
    for layout in &architecture.layout.tables {
        let mut table = Aligned::zeros(layout.rows);
        for slot in layout.sections().into_iter().map(|section| section.first) {
            let (start, rows) = (slot.first_row as usize, slot.rows as usize);
            let numbers = reader.take(format!("sums/{}", tensor_name(slot)), &[rows])?;
            table[start..start + rows].copy_from_slice(&numbers);
        }
        sums.push(table);
    }
    let tasks = architecture.tasks.len();
    let [learned, learned_first, learned_second] = TASK_WEIGHTS
        .map(|name| reader.take(name.to_owned(), &[if name.ends_with("first") && !has_first { 0 } else { tasks }]));
    let task_weights = [learned?, learned_first?, learned_second?];
    let step = reader.take_count("step")?;
    reader.finish()?;
    Ok(State {
        step,
        weights: Cow::Owned(weights),
        first: Cow::Owned(first),
        second: Cow::Owned(second),
        sums: Cow::Owned(sums),
        task_weights,
    })
}
