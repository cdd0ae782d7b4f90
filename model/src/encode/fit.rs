//! Learning encoders from training rows, in one pass and bounded memory.

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{FilterBuilder, FilterPredicate, filter};
use arrow::datatypes::Schema;
use rayon::prelude::*;
use spec::feature::{BagFeature, Feature, IdSpace};
use spec::{ColumnName, FeatureName};

use super::bind::{BoundColumn, Columns, Reads};
use super::column::{Lists, read_numbers};
use super::counts::ValueCounts;
use super::encoders::{BagEncoding, CategoricalEncoding, CrossEncoding, Encoders, Encoding, FittedFeature};
use super::error::{EncodeError, InvalidEncoders};
use super::features::columns_of;
use super::ids::Ids;
use super::numeric::NumericFit;
use super::timestamp::TimestampFit;

/// Fits encoders. The result depends on the rows and their order, not on threads.
#[derive(Debug)]
pub struct EncoderFit {
    features: Vec<FeatureFit>,
    rows: u64,
}

#[derive(Debug)]
struct FeatureFit {
    name: FeatureName,
    columns: Vec<ColumnName>,
    bound: Vec<BoundColumn>,
    nulls: u64,
    learned: Learned,
}

#[derive(Debug)]
enum Learned {
    Numeric(NumericFit),
    Timestamp(TimestampFit),
    Categorical(IdsFit, Option<u16>),
    Bag(IdsFit, BagFeature),
    Cross(CrossEncoding),
}

#[derive(Debug)]
enum IdsFit {
    Vocabulary { counts: Box<ValueCounts>, min_count: u64, max_size: usize },
    Hash { buckets: u32, seed: u64 },
}

impl EncoderFit {
    /// A fit of these features on tables of this schema.
    ///
    /// # Errors
    ///
    /// A column that is missing or of a type that its feature does not read.
    pub fn new<'a>(
        features: impl IntoIterator<Item = (&'a FeatureName, &'a Feature)>,
        schema: &Schema,
    ) -> Result<Self, EncodeError> {
        let features: Vec<_> = features.into_iter().collect();
        let sketch_size = if features.len() <= 1000 { 4096 } else { 1024 };
        let table = Columns::of(schema);
        let bind = |&(name, feature): &(&FeatureName, &Feature)| FeatureFit::new(name, feature, &table, sketch_size);
        Ok(Self { features: features.iter().map(bind).collect::<Result<_, _>>()?, rows: 0 })
    }

    /// Goes on with tables of another schema, whose columns have the same names.
    ///
    /// # Errors
    ///
    /// As [`EncoderFit::new`].
    pub fn rebind(&mut self, schema: &Schema) -> Result<(), EncodeError> {
        let table = Columns::of(schema);
        self.features.iter_mut().try_for_each(|feature| feature.rebind(&table))
    }

    /// Learns from the rows for which `rows` is true; from all where it is absent. Features are learned in parallel.
    ///
    /// # Errors
    ///
    /// A batch that is not of the schema that the fit was bound to.
    pub fn update(&mut self, batch: &RecordBatch, rows: Option<&BooleanArray>) -> Result<(), EncodeError> {
        let selected = rows.map_or(batch.num_rows(), BooleanArray::true_count);
        let some = rows.filter(|_| selected < batch.num_rows());
        let predicate = some.map(|rows| FilterBuilder::new(rows).optimize().build());
        let update = |feature: &mut FeatureFit| feature.update(batch, predicate.as_ref());
        let results: Vec<_> = self.features.par_iter_mut().map(update).collect();
        results.into_iter().collect::<Result<(), _>>()?;
        self.rows += selected as u64;
        Ok(())
    }

    /// Adds what a fit of the same features has learned from later rows.
    ///
    /// # Errors
    ///
    /// The other is a fit of other features.
    pub fn merge(&mut self, other: Self) -> Result<(), EncodeError> {
        let name =
            |feature: Option<&FeatureFit>| feature.map_or("nothing".to_owned(), |feature| feature.name.to_string());
        for place in 0..self.features.len().max(other.features.len()) {
            let (left, right) = (self.features.get(place), other.features.get(place));
            if !left.zip(right).is_some_and(|(left, right)| left.is_like(right)) {
                return Err(EncodeError::DifferentFits { left: name(left), right: name(right) });
            }
        }
        self.rows += other.rows;
        for (left, right) in self.features.iter_mut().zip(other.features) {
            left.nulls += right.nulls;
            left.learned.merge(right.learned);
        }
        Ok(())
    }

    /// How many rows it has learned from.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// For each feature with a vocabulary that had more distinct values than are counted exactly: the most by which a count
    /// may be too low.
    pub fn inexact_counts(&self) -> Vec<(&FeatureName, u64)> {
        let inexact = self.features.iter().filter_map(|feature| match &feature.learned {
            Learned::Categorical(IdsFit::Vocabulary { counts, .. }, _)
            | Learned::Bag(IdsFit::Vocabulary { counts, .. }, _) => Some((&feature.name, counts.shortfall())),
            Learned::Categorical(..)
            | Learned::Bag(..)
            | Learned::Numeric(_)
            | Learned::Timestamp(_)
            | Learned::Cross(_) => None,
        });
        inexact.filter(|&(_, shortfall)| shortfall > 0).collect()
    }

    /// What was learned.
    ///
    /// # Errors
    ///
    /// Tables of one width that have too many rows together.
    pub fn finish(self) -> Result<Encoders, EncodeError> {
        let features: Vec<FittedFeature> = self.features.into_par_iter().map(FeatureFit::finish).collect();
        Encoders::new(self.rows, features).map_err(|invalid| match invalid {
            InvalidEncoders::TooManyRows { width, rows } => EncodeError::TooManyRows { width, rows },
            other => unreachable!("fitted encoders are valid: {other}"),
        })
    }
}

impl FeatureFit {
    fn new(
        name: &FeatureName,
        feature: &Feature,
        table: &Columns<'_>,
        sketch_size: usize,
    ) -> Result<Self, EncodeError> {
        let learned = match feature {
            Feature::Numeric(numeric) => Learned::Numeric(NumericFit::new(numeric, sketch_size)),
            Feature::Timestamp(timestamp) => Learned::Timestamp(TimestampFit::new(timestamp)),
            Feature::Categorical(categorical) => Learned::Categorical(
                IdsFit::new(&IdSpace::of(categorical.vocabulary.as_ref(), categorical.hash.as_ref())),
                categorical.width,
            ),
            Feature::Bag(bag) => {
                Learned::Bag(IdsFit::new(&IdSpace::of(bag.vocabulary.as_ref(), bag.hash.as_ref())), bag.clone())
            }
            Feature::Cross(cross) => {
                let ids = Ids::Hash { buckets: cross.hash.buckets, seed: cross.hash.seed };
                let width = cross.width.unwrap_or(ids.default_width());
                Learned::Cross(CrossEncoding { width, buckets: cross.hash.buckets, seed: cross.hash.seed })
            }
        };
        let mut fit =
            Self { name: name.clone(), columns: columns_of(name, feature), bound: Vec::new(), nulls: 0, learned };
        fit.rebind(table)?;
        Ok(fit)
    }

    fn rebind(&mut self, table: &Columns<'_>) -> Result<(), EncodeError> {
        let reads = match &self.learned {
            Learned::Numeric(_) => Reads::Numbers,
            Learned::Timestamp(_) => Reads::Times,
            Learned::Categorical(..) | Learned::Cross(_) => Reads::Categories,
            Learned::Bag(..) => Reads::Lists,
        };
        let bound = self.columns.iter().map(|column| BoundColumn::find(&self.name, column, reads, table));
        self.bound = bound.collect::<Result<_, _>>()?;
        Ok(())
    }

    fn update(&mut self, batch: &RecordBatch, rows: Option<&FilterPredicate>) -> Result<(), EncodeError> {
        for bound in &self.bound {
            let array = bound.of(batch)?;
            if matches!(self.learned, Learned::Cross(_)) {
                continue;
            }
            let array = match rows {
                None => array.clone(),
                Some(rows) => {
                    rows.filter(array).map_err(|source| EncodeError::Arrow { feature: self.name.clone(), source })?
                }
            };
            self.nulls += array.logical_null_count() as u64;
            self.learned.add(&array);
        }
        Ok(())
    }

    fn is_like(&self, other: &Self) -> bool {
        self.name == other.name
            && self.columns == other.columns
            && std::mem::discriminant(&self.learned) == std::mem::discriminant(&other.learned)
    }

    fn finish(self) -> FittedFeature {
        let missing = match &self.learned {
            Learned::Numeric(numeric) => Some(numeric.missing()),
            Learned::Timestamp(_) | Learned::Categorical(..) | Learned::Bag(..) => Some(self.nulls),
            Learned::Cross(_) => None,
        };
        let encoding = match self.learned {
            Learned::Numeric(numeric) => Encoding::Numeric(numeric.finish()),
            Learned::Timestamp(timestamp) => Encoding::Timestamp(timestamp.finish()),
            Learned::Cross(cross) => Encoding::Cross(cross),
            Learned::Categorical(ids, width) => {
                let ids = ids.finish();
                Encoding::Categorical(CategoricalEncoding { width: width.unwrap_or(ids.default_width()), ids })
            }
            Learned::Bag(ids, bag) => {
                let ids = ids.finish();
                let width = bag.width.unwrap_or(ids.default_width());
                Encoding::Bag(BagEncoding { width, ids, pool: bag.pool, max_length: bag.max_length })
            }
        };
        FittedFeature { name: self.name, columns: self.columns, missing, encoding }
    }
}

impl Learned {
    fn add(&mut self, array: &ArrayRef) {
        match self {
            Self::Numeric(numeric) => {
                let mut numbers = Vec::new();
                read_numbers(array, &mut numbers);
                numeric.add(&mut numbers);
            }
            Self::Timestamp(timestamp) => timestamp.add(array),
            Self::Categorical(ids, _) => ids.add(array),
            Self::Bag(ids, bag) => ids.add_lists(array, bag.max_length as usize),
            Self::Cross(_) => {}
        }
    }

    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Numeric(left), Self::Numeric(right)) => left.merge(right),
            (Self::Timestamp(left), Self::Timestamp(right)) => left.merge(&right),
            (Self::Categorical(left, _), Self::Categorical(right, _)) => left.merge(right),
            (Self::Bag(left, _), Self::Bag(right, _)) => left.merge(right),
            _ => {}
        }
    }
}

impl IdsFit {
    fn new(space: &IdSpace) -> Self {
        match space {
            IdSpace::Hash(hash) => Self::Hash { buckets: hash.buckets, seed: hash.seed },
            IdSpace::Vocabulary(vocabulary) => {
                let max_size = vocabulary.max_size as usize;
                let limit = max_size.saturating_mul(2).max(1 << 16);
                Self::Vocabulary {
                    counts: Box::new(ValueCounts::new(limit)),
                    min_count: vocabulary.min_count,
                    max_size,
                }
            }
        }
    }

    fn add(&mut self, array: &ArrayRef) {
        if let Self::Vocabulary { counts, .. } = self {
            counts.add(array);
        }
    }

    fn add_lists(&mut self, array: &ArrayRef, max_length: usize) {
        if let Self::Vocabulary { counts, .. } = self {
            let lists = Lists::of(array, max_length);
            let (span, selected) = lists.selection();
            let elements = lists.elements.slice(span.start, span.len());
            match filter(&elements, &selected) {
                Ok(selected) => counts.add(&selected),
                Err(error) => unreachable!("a selection as long as the elements: {error}"),
            }
        }
    }

    fn merge(&mut self, other: Self) {
        if let (Self::Vocabulary { counts, .. }, Self::Vocabulary { counts: more, .. }) = (self, other) {
            counts.merge(*more);
        }
    }

    fn finish(self) -> Ids {
        match self {
            Self::Hash { buckets, seed } => Ids::Hash { buckets, seed },
            Self::Vocabulary { counts, min_count, max_size } => {
                Ids::Vocabulary(counts.into_vocabulary(min_count, max_size))
            }
        }
    }
}

#[cfg(test)]
mod tests;
