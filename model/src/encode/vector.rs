//! Vectors: lists of as many numbers in every row.

mod projected;

use std::ops::Range;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};
use spec::feature::{VectorFeature, VectorImpute};

pub(super) use self::projected::ProjectedWriter;
use super::bind::BoundColumn;
use super::column::read_numbers;
use super::error::{EncodeError, RowFault};
use super::lists::Lists;
use super::moments::Moments;
use super::settle::settle_all;

/// A fitted vector: its numbers as f32, or for null those of `impute`; then, where `missing_flag` is set, 1 for null and 0 else.
/// Projected, these numbers are the weights of the rows of a table, whose sum is taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorEncoding {
    /// What stands in for null; its length is that of every vector.
    pub impute: Vec<f64>,
    /// Whether there were nulls in the training rows.
    pub missing_flag: bool,
    /// How many numbers it is projected to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected: Option<u16>,
}

impl VectorEncoding {
    /// Numbers a row, before a projection.
    pub fn width(&self) -> usize {
        self.impute.len() + usize::from(self.missing_flag)
    }

    /// What is wrong with it, if anything.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let is_number = |number: &f64| number.abs() <= f64::from(f32::MAX);
        match self.projected {
            Some(0) => Some("a projection to no numbers"),
            Some(_) if self.width() == 0 => Some("a projection of no numbers"),
            _ => (!self.impute.iter().all(is_number)).then_some("`impute` is no vector of finite numbers"),
        }
    }

    /// Writes some rows of a batch's column, one slice of `out` a number.
    pub(super) fn write(
        &self,
        column: &BoundColumn,
        array: &ArrayRef,
        rows: Range<usize>,
        numbers: &mut Vec<f64>,
        out: &mut [&mut [f32]],
    ) -> Result<(), EncodeError> {
        let array = array.slice(rows.start, rows.len());
        let (vectors, length) = (Vectors::read(&array, numbers), self.impute.len());
        for row in 0..rows.len() {
            let vector = vectors.row(row, length).map_err(|fault| column.row_error(rows.start + row, fault))?;
            let numbers = vector.unwrap_or(&self.impute).iter().map(|number| *number as f32);
            let flag = if vector.is_none() { 1.0 } else { 0.0 };
            out.iter_mut().zip(numbers.chain([flag])).for_each(|(out, number)| out[row] = number);
        }
        Ok(())
    }
}

/// The vectors of some rows.
struct Vectors<'a> {
    /// A row's place among the numbers; none for null.
    rows: Vec<Option<Range<usize>>>,
    numbers: &'a [f64],
}

impl<'a> Vectors<'a> {
    fn read(array: &ArrayRef, numbers: &'a mut Vec<f64>) -> Self {
        let (lists, nulls) = (Lists::of(array), array.logical_nulls());
        let span = lists.span();
        read_numbers(&lists.elements.slice(span.start, span.len()), numbers);
        let is_there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        let places = lists.rows_in_span().enumerate();
        let rows = places.map(|(row, places)| is_there(row).then_some(places)).collect();
        Self { rows, numbers }
    }

    /// How long the first one is.
    fn length(&self) -> Option<usize> {
        self.rows.iter().flatten().next().map(ExactSizeIterator::len)
    }

    /// A row's numbers, so many of them; none for null.
    fn row(&self, row: usize, length: usize) -> Result<Option<&'a [f64]>, RowFault> {
        let Some(places) = &self.rows[row] else { return Ok(None) };
        if places.is_empty() {
            return Err(RowFault::VectorEmpty);
        }
        if places.len() != length {
            return Err(RowFault::VectorLength { found: places.len(), expected: length });
        }
        let numbers = &self.numbers[places.clone()];
        match numbers.iter().position(|number| number.is_nan()) {
            Some(place) => Err(RowFault::VectorNumber { place }),
            None => Ok(Some(numbers)),
        }
    }
}

/// What is learned of a vector column.
#[derive(Debug)]
pub(super) struct VectorFit {
    declared: VectorFeature,
    missing: u64,
    /// How long vectors are, once one was seen.
    length: Option<usize>,
    /// The numbers at each place, where their means are asked for.
    places: Vec<Moments>,
}

impl VectorFit {
    pub(super) fn new(feature: &VectorFeature) -> Self {
        Self { declared: feature.clone(), missing: 0, length: None, places: Vec::new() }
    }

    /// Rows without a vector.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// Adds the rows of a column.
    pub(super) fn add(&mut self, column: &BoundColumn, array: &ArrayRef) -> Result<(), EncodeError> {
        let of_type = match array.data_type() {
            DataType::FixedSizeList(_, length) => Some(*length as usize),
            _ => None,
        };
        let mut numbers = Vec::new();
        let vectors = Vectors::read(array, &mut numbers);
        let Some(length) = self.length.or(of_type).or_else(|| vectors.length()) else {
            self.missing += array.len() as u64;
            return Ok(());
        };
        self.length = Some(length);
        let found = (0..array.len()).map(|row| vectors.row(row, length).map_err(|fault| column.row_error(row, fault)));
        let found: Vec<&[f64]> = found.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        self.missing += (array.len() - found.len()) as u64;
        if self.declared.impute == VectorImpute::Mean {
            self.add_means(length, &found);
        }
        Ok(())
    }

    fn add_means(&mut self, length: usize, vectors: &[&[f64]]) {
        self.places.resize(length, Moments::default());
        let mut numbers = Vec::with_capacity(vectors.len());
        for (place, moments) in self.places.iter_mut().enumerate() {
            numbers.clear();
            numbers.extend(vectors.iter().map(|vector| vector[place]));
            moments.add(&numbers);
        }
    }

    /// Adds what another has seen.
    pub(super) fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        self.length = self.length.or(other.length);
        self.places.resize(self.places.len().max(other.places.len()), Moments::default());
        self.places.iter_mut().zip(&other.places).for_each(|(moments, more)| moments.merge(more));
    }

    pub(super) fn finish(self) -> VectorEncoding {
        let length = self.length.unwrap_or(0);
        let impute = match self.declared.impute {
            VectorImpute::Zero => vec![0.0; length],
            VectorImpute::Mean => {
                let means = settle_all(self.places.iter().map(Moments::mean));
                if means.is_empty() { vec![0.0; length] } else { means }
            }
        };
        let missing_flag = self.missing > 0;
        let projected = self.declared.width.filter(|_| length > 0 || missing_flag);
        VectorEncoding { impute, missing_flag, projected }
    }
}

#[cfg(test)]
mod tests;
