//! Columns to labels and weights, row by row.

use arrow::array::{Array, ArrayRef};
use model::encode::{ClassReader, read_numbers};
use model::input::Targets;

use super::condition::Seeds;
use crate::error::ValueFault;

/// The places of the rows' classes; 0 where they are not known yet.
pub(super) fn read_classes(reader: Option<&ClassReader>, column: &ArrayRef, targets: &mut Targets) {
    match reader {
        Some(reader) => {
            let classes = reader.read(column);
            targets.observed.extend(classes.iter().map(|class| f32::from(u8::from(class.is_some()))));
            targets.labels.extend(classes.iter().map(|class| class.unwrap_or_default() as f32));
        }
        None => {
            let nulls = column.logical_nulls();
            let is_null = |row: usize| nulls.as_ref().is_some_and(|nulls| nulls.is_null(row));
            targets.observed.extend((0..column.len()).map(|row| f32::from(u8::from(!is_null(row)))));
            targets.labels.resize(targets.labels.len() + column.len(), 0.0);
        }
    }
}

/// Seeds are 1 and all others 0; people who are excluded and no seeds are not observed.
pub(super) fn read_membership(seeds: &Seeds, excluded: Option<&Seeds>, people: &[Option<u128>], targets: &mut Targets) {
    for hash in people {
        let is_in = |set: &Seeds| hash.is_some_and(|hash| set.contains(hash));
        let is_seed = is_in(seeds);
        targets.labels.push(if is_seed { 1.0 } else { 0.0 });
        targets.observed.push(if !is_seed && excluded.is_some_and(is_in) { 0.0 } else { 1.0 });
    }
}

/// Lets observed rows count by a column; what stands in others does not matter.
pub(super) fn weigh(column: &ArrayRef, observed: &mut [f32]) -> Result<(), (usize, ValueFault)> {
    let mut numbers = Vec::new();
    read_numbers(column, &mut numbers);
    for (row, (observed, weight)) in
        observed.iter_mut().zip(&numbers).enumerate().filter(|(_, (observed, _))| **observed > 0.0)
    {
        *observed = weight_of(*weight).map_err(|fault| (row, fault))?;
    }
    Ok(())
}

fn weight_of(number: f64) -> Result<f32, ValueFault> {
    match number {
        value if value.is_nan() => Err(ValueFault::WeightNotFinite),
        value if value < 0.0 => Err(ValueFault::NegativeWeight { value }),
        value => Ok(value as f32),
    }
}

pub(super) fn read_weights(column: &ArrayRef) -> Result<Vec<f32>, (usize, ValueFault)> {
    let mut numbers = Vec::new();
    read_numbers(column, &mut numbers);
    let weight = |(row, &number): (usize, &f64)| weight_of(number).map_err(|fault| (row, fault));
    numbers.iter().enumerate().map(weight).collect()
}
