//! Weights of a bag's ids: a list of numbers beside the list of values.

use std::ops::Range;

use arrow::array::RecordBatch;

use super::super::bind::{BoundColumn, Columns, Reads};
use super::super::column::read_numbers;
use super::super::encoders::FittedFeature;
use super::super::error::{EncodeError, RowFault};
use super::super::lists::Lists;
use super::Kept;

/// The column of a bag's weights.
#[derive(Debug)]
pub(super) struct WeightColumn(BoundColumn);

/// The weights of a batch's rows.
pub(super) struct Weights {
    numbers: Vec<f64>,
    rows: Vec<Range<usize>>,
}

impl WeightColumn {
    /// The column after that of the ids, if the feature has one.
    pub(super) fn bind(feature: &FittedFeature, table: &Columns<'_>) -> Result<Option<Self>, EncodeError> {
        let bind = |column| BoundColumn::find(&feature.name, column, Reads::Weights, table).map(Self);
        feature.columns.get(1).map(bind).transpose()
    }

    /// The weights of each row's ids, of those that are kept.
    pub(super) fn read(&self, batch: &RecordBatch, ids: &Lists, kept: Kept) -> Result<Weights, EncodeError> {
        let lists = Lists::of(self.0.of(batch)?);
        for (row, (ids, weights)) in ids.rows.iter().zip(&lists.rows).enumerate() {
            if ids.len() != weights.len() {
                return Err(self.0.row_error(row, RowFault::Weights { ids: ids.len(), weights: weights.len() }));
            }
        }
        let lists = kept.of(lists);
        let (span, mut numbers) = (lists.span(), Vec::new());
        read_numbers(&lists.elements.slice(span.start, span.len()), &mut numbers);
        let rows: Vec<Range<usize>> = lists.rows_in_span().collect();
        for (row, places) in rows.iter().enumerate() {
            let wrong = numbers[places.clone()].iter().position(|weight| !(0.0..f64::INFINITY).contains(weight));
            if let Some(place) = wrong {
                let value = numbers[places.start + place];
                return Err(self.0.row_error(row, RowFault::Weight { place, value }));
            }
        }
        Ok(Weights { numbers, rows })
    }
}

impl Weights {
    /// What the weights of some of a row's ids are of their sum; 0 where that is 0.
    pub(super) fn shares<'a>(
        &'a self,
        row: usize,
        is_kept: impl Fn(usize) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = f32> + 'a {
        let weights = self.numbers[self.rows[row].clone()].iter().enumerate();
        let kept = weights.filter(move |(place, _)| is_kept(*place)).map(|(_, weight)| *weight);
        let sum: f64 = kept.clone().sum();
        kept.map(move |weight| if sum > 0.0 { (weight / sum) as f32 } else { 0.0 })
    }
}
