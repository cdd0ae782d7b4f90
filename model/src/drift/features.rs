//! Counts the columns that features read.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter;
use indexmap::IndexMap;
use rayon::prelude::*;
use spec::{ColumnName, Feature, FeatureName};

use super::category::CategoryCells;
use super::distribution::{Distribution, Kind};
use crate::encode::lists::Lists;
use crate::encode::{columns_of, is_number, read_numbers};

/// The features whose distributions are counted, and the counts so far.
///
/// Features that read one column of numbers, categories or lists of categories are; a timestamp moves with the days, a
/// vector has no order, and the columns of a cross count where features of their own read them.
#[derive(Debug, Default)]
pub struct FeatureCounts {
    features: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    name: FeatureName,
    column: ColumnName,
    distribution: Distribution,
    cells: CategoryCells,
    numbers: Vec<f64>,
}

impl FeatureCounts {
    /// Nothing counted, for those of a document's features that are.
    pub fn new<'a>(features: impl IntoIterator<Item = (&'a FeatureName, &'a Feature)>) -> Self {
        let counted = features.into_iter().filter_map(|(name, feature)| {
            let column = columns_of(name, feature).into_iter().next()?;
            Some(Counted {
                name: name.clone(),
                column,
                distribution: Distribution::new(kind_of(feature)?),
                cells: CategoryCells::default(),
                numbers: Vec::new(),
            })
        });
        Self { features: counted.collect() }
    }

    /// The columns that are read.
    pub fn columns(&self) -> impl Iterator<Item = &ColumnName> {
        self.features.iter().map(|counted| &counted.column)
    }

    /// Counts the rows for which `rows` is true; all where it is absent. Columns that a batch does not have are not counted.
    pub fn add(&mut self, batch: &RecordBatch, rows: Option<&BooleanArray>) {
        let rows = rows.filter(|rows| rows.true_count() < batch.num_rows());
        self.features.par_iter_mut().for_each(|counted| {
            let column = batch.column_by_name(counted.column.as_str());
            let selected = column.and_then(|column| match rows {
                Some(rows) => filter(column, rows).ok(),
                None => Some(column.clone()),
            });
            selected.iter().for_each(|column| counted.add(column));
        });
    }

    /// The distributions.
    pub fn finish(self) -> IndexMap<FeatureName, Distribution> {
        self.features.into_iter().map(|counted| (counted.name, counted.distribution)).collect()
    }
}

fn kind_of(feature: &Feature) -> Option<Kind> {
    match feature {
        Feature::Numeric(_) => Some(Kind::Numbers),
        Feature::Categorical(_) | Feature::Bag(_) | Feature::Sequence(_) => Some(Kind::Categories),
        Feature::Vector(_) | Feature::Timestamp(_) | Feature::Cross(_) => None,
    }
}

impl Counted {
    fn add(&mut self, column: &ArrayRef) {
        match self.distribution.kind {
            Kind::Numbers if is_number(column.data_type()) => {
                read_numbers(column, &mut self.numbers);
                self.distribution.add_numbers(self.numbers.iter().copied());
            }
            Kind::Numbers => {}
            Kind::Categories if column.data_type().is_nested() && !is_dictionary(column) => self.add_lists(column),
            Kind::Categories => self.distribution.add(self.cells.of(column)),
        }
    }

    /// A list counts by its elements; one without any is missing.
    fn add_lists(&mut self, column: &ArrayRef) {
        let lists = Lists::of(column);
        let codes: Vec<Option<u16>> = self.cells.of(&lists.elements).collect();
        let is_empty = |row: &&std::ops::Range<usize>| row.is_empty();
        self.distribution.missing += lists.rows.iter().filter(is_empty).count() as u64;
        self.distribution.add(lists.rows.iter().flat_map(|row| codes[row.clone()].iter().copied()));
    }
}

fn is_dictionary(column: &ArrayRef) -> bool {
    matches!(column.data_type(), arrow::datatypes::DataType::Dictionary(..))
}
