//! `x = [numeric | embeddings of table 0's slots | …]` for a block of rows, straight into the network's input.

use std::ops::Range;

use spec::FeatureName;

use super::{Table, VECTOR};
use crate::error::Error;
use crate::input::{Attended, Bag, InputLayout, Inputs, Pooling, Slot, TableLayout};
use crate::kernel::memory::prefetch;

/// Rows that are asked for ahead of the one that is copied.
const AHEAD: usize = 4;

/// Checks that a batch has the layout's shape.
pub(crate) fn check_shape(layout: &InputLayout, inputs: &Inputs) -> Result<(), Error> {
    let expect = |what, found, expected| {
        if found == expected { Ok(()) } else { Err(Error::BatchShape { rows: inputs.rows, what, found, expected }) }
    };
    expect("numbers", inputs.numeric.len(), inputs.rows * layout.numeric_width())?;
    expect("ids", inputs.ids.len(), inputs.rows * layout.single_slots())?;
    expect("bags", inputs.bags.len(), layout.bag_slots())?;
    let slots = layout.tables.iter().flat_map(TableLayout::bags);
    for (bag, slot) in inputs.bags.iter().zip(slots) {
        expect("bag offsets", bag.offsets.len(), inputs.rows + 1)?;
        let weights = if slot.pool == Some(Pooling::Weighted) { bag.ids.len() } else { 0 };
        expect("weights of a bag", bag.weights.len(), weights)?;
        let ascending = bag.offsets[0] == 0 && bag.offsets.is_sorted();
        expect("ids of a bag", bag.ids.len(), if ascending { bag.offsets[inputs.rows] as usize } else { usize::MAX })?;
    }
    layout.attended.iter().try_for_each(|attended| check_steps(layout, attended, inputs))
}

/// Checks that the lists of a step are equally long in every row, and no longer than its sequence is.
fn check_steps(layout: &InputLayout, attended: &Attended, inputs: &Inputs) -> Result<(), Error> {
    let slots = || layout.tables.iter().flat_map(TableLayout::bags);
    let bag =
        |feature: &FeatureName| slots().position(|slot| slot.feature == *feature).map(|place| &inputs.bags[place]);
    let mut lists = attended.features.iter().filter_map(bag);
    let Some(first) = lists.next() else { return Ok(()) };
    for (row, ends) in first.offsets.windows(2).enumerate() {
        let (steps, most) = ((ends[1] - ends[0]) as usize, attended.max_length);
        if steps > most {
            return Err(Error::Steps { feature: attended.features[0].clone(), row, steps, most });
        }
    }
    for list in lists {
        if let Some(row) = (1..=inputs.rows).find(|end| list.offsets[*end] != first.offsets[*end]) {
            let (feature, most) = (attended.features[0].clone(), first.row(row - 1).len());
            return Err(Error::Steps { feature, row: row - 1, steps: list.row(row - 1).len(), most });
        }
    }
    Ok(())
}

/// Checks that every id of the given rows of a batch of the right shape lies in its feature's rows.
pub(crate) fn check_ids(layout: &InputLayout, inputs: &Inputs, rows: Range<usize>) -> Result<(), Error> {
    let mut bags = inputs.bags.iter();
    for (index, table) in layout.tables.iter().enumerate() {
        check_singles(table, inputs.table_ids(layout, index, rows.clone()), rows.start)?;
        for (slot, bag) in table.bags().iter().zip(&mut bags) {
            for row in rows.clone() {
                if let Some(&id) = bag.row(row).iter().find(|id| !is_inside(**id, slot)) {
                    return Err(outside_error(slot, row, id));
                }
            }
        }
    }
    Ok(())
}

fn check_singles(table: &TableLayout, ids: &[i32], first_row: usize) -> Result<(), Error> {
    let slots = table.singles();
    let bounds: Vec<(u32, u32)> = slots.iter().map(|slot| (slot.first_row, slot.rows)).collect();
    let inside = |ids: &[i32]| {
        ids.iter().zip(&bounds).fold(true, |all, (&id, &(first, rows))| all & ((id as u32).wrapping_sub(first) < rows))
    };
    for (row, ids) in ids.chunks(slots.len().max(1)).enumerate() {
        if !inside(ids) {
            let outside = |(id, slot): &(&i32, &Slot)| !is_inside(**id, slot);
            let (&id, slot) = ids.iter().zip(slots).find(outside).expect("one of the row's ids is outside");
            return Err(outside_error(slot, first_row + row, id));
        }
    }
    Ok(())
}

fn is_inside(id: i32, slot: &Slot) -> bool {
    (id as u32).wrapping_sub(slot.first_row) < slot.rows
}

fn outside_error(slot: &Slot, row: usize, id: i32) -> Error {
    let (first, end) = (slot.first_row, slot.first_row + slot.rows);
    Error::Id { feature: slot.feature.clone(), row, id, first, end }
}

/// Writes `x` for the given rows of a checked batch, `[rows, stride]`. The last row needs [`VECTOR`] numbers of room
/// behind its end: embeddings are copied as whole vectors, each overwriting the padding of the one before.
pub(crate) fn gather(
    layout: &InputLayout,
    tables: &[Table],
    inputs: &Inputs,
    rows: Range<usize>,
    x: &mut [f32],
    stride: usize,
) {
    let numeric_width = layout.numeric_width();
    let numeric = inputs.numeric_rows(layout, rows.clone());
    let ids: Vec<&[i32]> = (0..tables.len()).map(|index| inputs.table_ids(layout, index, rows.clone())).collect();
    for row in 0..rows.len() {
        let x = &mut x[row * stride..];
        x[..numeric_width].copy_from_slice(&numeric[row * numeric_width..][..numeric_width]);
        let mut column = numeric_width;
        let mut first_bag = 0;
        for ((table, layout), ids) in tables.iter().zip(&layout.tables).zip(&ids) {
            let slots = layout.single_slots();
            ask_ahead(table, ids, (row + AHEAD) * slots, slots);
            for &id in &ids[row * slots..(row + 1) * slots] {
                copy(&mut x[column..], table, id as usize);
                column += table.width;
            }
            for (slot, bag) in layout.bags().iter().zip(&inputs.bags[first_bag..]) {
                pool_row(&mut x[column..column + table.width], table, slot, bag, rows.start + row);
                column += table.width;
            }
            first_bag += layout.bags().len();
        }
    }
}

fn ask_ahead(table: &Table, ids: &[i32], first: usize, count: usize) {
    for &id in ids.get(first..first + count).unwrap_or_default() {
        let start = id as usize * table.stride;
        for line in (0..table.stride).step_by(16) {
            prefetch(&table.numbers, start + line);
        }
    }
}

#[inline(always)]
fn copy(to: &mut [f32], table: &Table, id: usize) {
    let row = &table.numbers[id * table.stride..][..table.stride];
    if table.stride < VECTOR {
        to[..VECTOR / 2].copy_from_slice(&row[..VECTOR / 2]);
        return;
    }
    for (to, from) in to.chunks_exact_mut(VECTOR).zip(row.chunks_exact(VECTOR)) {
        to.copy_from_slice(from);
    }
}

/// The bag's embeddings as one; zeros for an empty one, and where attention is still to come.
fn pool_row(to: &mut [f32], table: &Table, slot: &Slot, bag: &Bag, row: usize) {
    let (pool, ids) = (slot.pool.unwrap_or(Pooling::Mean), bag.row(row));
    let embedding = |&id: &i32| &table.numbers[id as usize * table.stride..][..table.width];
    to.fill(0.0);
    if pool == Pooling::Attention {
        return;
    }
    if pool == Pooling::Weighted {
        for (row, weight) in ids.iter().map(embedding).zip(bag.row_weights(row)) {
            to.iter_mut().zip(row).for_each(|(sum, number)| *sum += weight * number);
        }
        return;
    }
    for row in ids.iter().map(embedding) {
        to.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
    }
    let scale = pool_scale(pool, ids.len());
    to.iter_mut().for_each(|sum| *sum *= scale);
}

/// What each embedding of a bag is multiplied by, beside the weights where there are some.
pub(crate) fn pool_scale(pool: Pooling, ids: usize) -> f32 {
    match pool {
        Pooling::Sum | Pooling::Weighted | Pooling::Attention => 1.0,
        Pooling::Mean => 1.0 / ids.max(1) as f32,
    }
}
