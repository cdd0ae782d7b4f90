//! A model's numbers as bytes: `weights.safetensors` of a package, and the state of a run that is to go on later.
//!
//! Tensors are little-endian f32 in name order behind a header, so the same numbers are the same bytes. Names and
//! shapes are in `docs/model-package.md`.

mod entries;
pub(crate) mod state;

use std::borrow::Cow;

use crate::architecture::Architecture;
use crate::cpu::Weights;
use crate::embedding::{Table, tensor_name};
use crate::error::Error;
use entries::{Entry, Reader, write};

/// The header's `schema`.
const WEIGHTS_SCHEMA: &str = "kindred.weights.v1";

/// The bytes of `weights.safetensors`: of the one network, or of the members whose mean the model is.
pub(crate) fn to_bytes(members: &[(&Architecture, &Weights)]) -> Result<Vec<u8>, Error> {
    let prefix = |member: usize| if members.len() == 1 { String::new() } else { prefix_of(member) };
    let dense: Vec<_> = members.iter().map(|(architecture, weights)| published(architecture, &weights.dense)).collect();
    let entries = members.iter().zip(&dense).enumerate().flat_map(|(member, ((architecture, weights), dense))| {
        entries_of(architecture, dense, &weights.tables, &prefix(member))
    });
    write(entries.collect(), WEIGHTS_SCHEMA)
}

/// The weights of `weights.safetensors`, of each member.
///
/// # Errors
///
/// Bytes that are no such file; a tensor that is missing, unknown, or of another shape than the network's.
pub(crate) fn from_bytes(architecture: &Architecture, bytes: &[u8]) -> Result<Vec<Weights>, Error> {
    let mut reader = Reader::open(bytes, WEIGHTS_SCHEMA)?;
    let mut members = Vec::new();
    while reader.has(&prefix_of(members.len())) {
        members.push(read_weights(architecture, &mut reader, &prefix_of(members.len()))?);
    }
    if members.is_empty() {
        members.push(read_weights(architecture, &mut reader, "")?);
    }
    reader.finish()?;
    Ok(members)
}

/// What the names of a member's tensors begin with, where there are several.
fn prefix_of(member: usize) -> String {
    format!("members.{member}.")
}

/// The dense weights as a package has them: heads say what is predicted.
fn published<'a>(architecture: &Architecture, dense: &'a [f32]) -> Cow<'a, [f32]> {
    let mut published = Cow::Borrowed(dense);
    for ((task, _), objective) in architecture.tasks.iter().zip(&architecture.objectives) {
        let head = format!("heads.{task}.");
        for named in architecture.graph.parameters.named.iter().filter(|named| named.name.starts_with(&head)) {
            let mut numbers = named.read(&published);
            match named.name.ends_with(".bias") {
                true => objective.publish_bias(&mut numbers),
                false => objective.publish_weight(&mut numbers),
            }
            named.write(published.to_mut(), &numbers);
        }
    }
    published
}

fn entries_of<'a>(
    architecture: &'a Architecture,
    dense: &'a [f32],
    tables: &'a [Table],
    prefix: &str,
) -> Vec<Entry<'a>> {
    let mut entries = dense_entries(architecture, dense, prefix);
    for (layout, table) in architecture.layout.tables.iter().zip(tables) {
        for slot in layout.sections().into_iter().map(|section| section.first) {
            let name = format!("{prefix}{}", tensor_name(slot));
            let (first, rows) = (slot.first_row as usize, slot.rows as usize);
            entries.push(Entry::numbers(name, vec![rows, layout.width], move || table.read(first, rows)));
        }
    }
    entries
}

/// The named tensors that lie in a flat run.
fn dense_entries<'a>(architecture: &'a Architecture, flat: &'a [f32], prefix: &str) -> Vec<Entry<'a>> {
    let named = architecture.graph.parameters.named.iter();
    named
        .map(|named| Entry::numbers(format!("{prefix}{}", named.name), named.shape.clone(), || named.read(flat)))
        .collect()
}

fn read_weights(architecture: &Architecture, reader: &mut Reader<'_>, prefix: &str) -> Result<Weights, Error> {
    let mut weights = Weights::zeros(architecture);
    read_dense(architecture, &mut weights.dense, reader, prefix)?;
    for (layout, table) in architecture.layout.tables.iter().zip(&mut weights.tables) {
        for slot in layout.sections().into_iter().map(|section| section.first) {
            let name = format!("{prefix}{}", tensor_name(slot));
            let numbers = reader.take(name, &[slot.rows as usize, layout.width])?;
            Table::write(table, slot.first_row as usize, &numbers);
        }
    }
    Ok(weights)
}

fn read_dense(
    architecture: &Architecture,
    flat: &mut [f32],
    reader: &mut Reader<'_>,
    prefix: &str,
) -> Result<(), Error> {
    for named in &architecture.graph.parameters.named {
        named.write(flat, &reader.take(format!("{prefix}{}", named.name), &named.shape)?);
    }
    Ok(())
}
