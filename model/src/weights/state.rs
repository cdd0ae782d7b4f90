//! The state of a training run: what a checkpoint keeps so that the run goes on as if it had never stopped.

use std::borrow::Cow;

use spec::training::Fit;

use super::entries::{Entry, Reader, write};
use super::{dense_entries, entries_of, read_dense, read_weights};
use crate::architecture::Architecture;
use crate::cpu::Weights;
use crate::embedding::states::RowStates;
use crate::embedding::{Table, tensor_name};
use crate::error::Error;
use crate::kernel::memory::Aligned;

/// The header's `schema`.
const STATE_SCHEMA: &str = "kindred.training-state.v1";

/// Everything that a learner has learned, in a host's memory.
#[derive(Debug)]
pub(crate) struct State<'a> {
    pub(crate) step: u64,
    pub(crate) weights: Cow<'a, Weights>,
    /// The dense optimizer's moments, flat like the weights; empty where it keeps none.
    pub(crate) first: Cow<'a, Aligned>,
    pub(crate) second: Cow<'a, Aligned>,
    /// The tables' optimizer.
    pub(crate) rows: Cow<'a, RowStates>,
    /// The tasks' learned weights, and their moments.
    pub(crate) task_weights: [Vec<f32>; 3],
    /// What the rule of the tasks' weights remembers of earlier steps.
    pub(crate) history: Vec<f64>,
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
    for (prefix, tables) in state.rows.parts() {
        for (layout, table) in architecture.layout.tables.iter().zip(tables) {
            for slot in layout.sections().into_iter().map(|section| section.first) {
                let (first, rows) = (slot.first_row as usize, slot.rows as usize);
                let name = format!("{prefix}/{}", tensor_name(slot));
                entries.push(Entry::numbers(name, table.shape(rows), move || table.read(first, rows)));
            }
        }
    }
    for (name, numbers) in TASK_WEIGHTS.into_iter().zip(&state.task_weights) {
        entries.push(Entry::numbers(name.to_owned(), vec![numbers.len()], || numbers.clone()));
    }
    // Bit for bit: a rule goes on as if it had not stopped.
    let history = state.history.iter().enumerate();
    entries.extend(history.map(|(place, number)| Entry::count(&history_name(place), number.to_bits())));
    entries.push(Entry::count("step", state.step));
    write(entries, STATE_SCHEMA)
}

fn history_name(place: usize) -> String {
    format!("task_weights.history.{place}")
}

/// The state of [`to_bytes`], for a learner that is fitted so and whose rule of task weights remembers so many numbers.
pub(crate) fn from_bytes(
    architecture: &Architecture,
    bytes: &[u8],
    fit: &Fit,
    history: usize,
) -> Result<State<'static>, Error> {
    let optimizer = fit.optimizer.kind;
    let mut reader = Reader::open(bytes, STATE_SCHEMA)?;
    let weights = read_weights(architecture, &mut reader, "weights/")?;
    let mut moments = |are_kept: bool, prefix| {
        let mut flat = Aligned::zeros(if are_kept { weights.dense.len() } else { 0 });
        if are_kept {
            read_dense(architecture, &mut flat, &mut reader, prefix)?;
        }
        Ok::<_, Error>(flat)
    };
    let second = moments(optimizer.has_second(), "second/")?;
    let first = moments(optimizer.has_first(), "first/")?;
    let mut rows = RowStates::zeros(&architecture.layout, &fit.embeddings);
    for (prefix, tables) in rows.parts_mut() {
        read_rows(architecture, &mut reader, prefix, tables)?;
    }
    let tasks = architecture.tasks.len();
    let mut numbers =
        |place: usize, are_kept: bool| reader.take(TASK_WEIGHTS[place].to_owned(), &[if are_kept { tasks } else { 0 }]);
    let (learned, learned_first) = (numbers(0, true), numbers(1, optimizer.has_first()));
    let learned_second = numbers(2, optimizer.has_second());
    let task_weights = [learned?, learned_first?, learned_second?];
    let number = |place| Ok(f64::from_bits(reader.take_count(&history_name(place))?));
    let history = (0..history).map(number).collect::<Result<_, Error>>()?;
    let step = reader.take_count("step")?;
    reader.finish()?;
    Ok(State {
        step,
        weights: Cow::Owned(weights),
        first: Cow::Owned(first),
        second: Cow::Owned(second),
        rows: Cow::Owned(rows),
        task_weights,
        history,
    })
}

/// What is known of each row of the tables.
fn read_rows(
    architecture: &Architecture,
    reader: &mut Reader<'_>,
    prefix: &str,
    tables: &mut [Table],
) -> Result<(), Error> {
    for (layout, table) in architecture.layout.tables.iter().zip(tables) {
        for slot in layout.sections().into_iter().map(|section| section.first) {
            let numbers = reader.take(format!("{prefix}/{}", tensor_name(slot)), &table.shape(slot.rows as usize))?;
            Table::write(table, slot.first_row as usize, &numbers);
        }
    }
    Ok(())
}
