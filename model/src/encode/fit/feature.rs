//! What is learned of one feature.

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::compute::FilterPredicate;
use spec::feature::{BagFeature, Feature, IdSpace, NumericTransform, SequenceFeature, SequencePool};
use spec::{ColumnName, EmbeddingTableName, FeatureName};

use super::ids::IdsFit;
use crate::encode::bind::{BoundColumn, Columns, Reads};
use crate::encode::buckets::BucketFit;
use crate::encode::column::read_numbers;
use crate::encode::encoders::{
    BagEncoding, CategoricalEncoding, CrossEncoding, Encoding, FittedFeature, FittedTable, SequenceEncoding,
};
use crate::encode::error::EncodeError;
use crate::encode::features::columns_of;
use crate::encode::ids::{FeatureIds, Ids};
use crate::encode::lists::Lists;
use crate::encode::numeric::NumericFit;
use crate::encode::timestamp::TimestampFit;
use crate::encode::vector::VectorFit;

/// The fit of one feature.
#[derive(Debug)]
pub(super) struct FeatureFit {
    pub(super) name: FeatureName,
    columns: Vec<ColumnName>,
    bound: Vec<BoundColumn>,
    nulls: u64,
    table: TableFit,
    learned: Learned,
}

/// What is known of a feature's embedding table before anything is learned.
#[derive(Debug, Clone, Default)]
pub(super) struct TableFit {
    pub(super) width: Option<u16>,
    /// Its name and place among the shared tables, if it is shared.
    pub(super) shared: Option<(EmbeddingTableName, usize)>,
}

#[derive(Debug)]
enum Learned {
    Numeric(NumericFit),
    Timestamp(TimestampFit),
    Categorical(IdsFit),
    Bag(IdsFit, BagFeature),
    Sequence(IdsFit, SequenceFeature),
    Cross(IdsFit),
    Vector(VectorFit),
    Buckets(BucketFit),
}

impl FeatureFit {
    /// A fit of a feature whose embedding table, if it has one, has this id space.
    pub(super) fn new(
        (name, feature): (&FeatureName, &Feature),
        (table, space): (TableFit, &IdSpace),
        columns: &Columns<'_>,
        sketch_size: usize,
    ) -> Result<Self, EncodeError> {
        let learned = match feature {
            Feature::Numeric(numeric) if numeric.transform == NumericTransform::Buckets => {
                Learned::Buckets(BucketFit::new(numeric, sketch_size))
            }
            Feature::Numeric(numeric) => Learned::Numeric(NumericFit::new(numeric, sketch_size)),
            Feature::Vector(vector) => Learned::Vector(VectorFit::new(vector)),
            Feature::Timestamp(timestamp) => Learned::Timestamp(TimestampFit::new(timestamp)),
            Feature::Categorical(_) => Learned::Categorical(IdsFit::new(space)),
            Feature::Bag(bag) => Learned::Bag(IdsFit::new(space), bag.clone()),
            Feature::Sequence(sequence) => Learned::Sequence(IdsFit::new(space), sequence.clone()),
            Feature::Cross(_) => Learned::Cross(IdsFit::new(space)),
        };
        let (name, read) = (name.clone(), columns_of(name, feature));
        let mut fit = Self { name, columns: read, bound: Vec::new(), nulls: 0, table, learned };
        fit.rebind(columns)?;
        Ok(fit)
    }

    pub(super) fn rebind(&mut self, table: &Columns<'_>) -> Result<(), EncodeError> {
        let reads = |place: usize| match &self.learned {
            Learned::Numeric(_) | Learned::Buckets(_) => Reads::Numbers,
            Learned::Vector(_) => Reads::Vectors,
            Learned::Sequence(..) => Reads::Lists,
            Learned::Timestamp(_) => Reads::Times,
            Learned::Categorical(_) | Learned::Cross(_) => Reads::Categories,
            Learned::Bag(..) if place == 0 => Reads::Lists,
            Learned::Bag(..) => Reads::Weights,
        };
        let columns = self.columns.iter().enumerate();
        let bound = columns.map(|(place, column)| BoundColumn::find(&self.name, column, reads(place), table));
        self.bound = bound.collect::<Result<_, _>>()?;
        Ok(())
    }

    pub(super) fn update(&mut self, batch: &RecordBatch, rows: Option<&FilterPredicate>) -> Result<(), EncodeError> {
        let arrays = self.bound.iter().map(|bound| bound.of(batch)).collect::<Result<Vec<_>, _>>()?;
        if matches!(self.learned, Learned::Cross(_)) {
            return Ok(());
        }
        let array = match rows {
            None => arrays[0].clone(),
            Some(rows) => {
                rows.filter(arrays[0]).map_err(|source| EncodeError::Arrow { feature: self.name.clone(), source })?
            }
        };
        self.nulls += array.logical_null_count() as u64;
        self.learned.add(&self.bound[0], &array)
    }

    /// Its ids.
    pub(super) fn ids(&self) -> Option<&IdsFit> {
        match &self.learned {
            Learned::Categorical(ids) | Learned::Bag(ids, _) | Learned::Sequence(ids, _) | Learned::Cross(ids) => {
                Some(ids)
            }
            Learned::Numeric(_) | Learned::Timestamp(_) | Learned::Vector(_) | Learned::Buckets(_) => None,
        }
    }

    /// The place of the shared table that it has, and its ids.
    pub(super) fn shared_ids(&mut self) -> Option<(usize, &mut IdsFit)> {
        let (_, place) = self.table.shared.as_ref()?;
        match &mut self.learned {
            Learned::Categorical(ids) | Learned::Bag(ids, _) | Learned::Sequence(ids, _) | Learned::Cross(ids) => {
                Some((*place, ids))
            }
            Learned::Numeric(_) | Learned::Timestamp(_) | Learned::Vector(_) | Learned::Buckets(_) => None,
        }
    }

    /// The place of the shared table that it has.
    pub(super) fn table(&self) -> Option<usize> {
        self.table.shared.as_ref().map(|(_, place)| *place)
    }

    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.name == other.name
            && self.columns == other.columns
            && std::mem::discriminant(&self.learned) == std::mem::discriminant(&other.learned)
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.nulls += other.nulls;
        self.learned.merge(other.learned);
    }

    pub(super) fn finish(self, tables: &[FittedTable]) -> FittedFeature {
        let missing = match &self.learned {
            Learned::Numeric(numeric) => Some(numeric.missing()),
            Learned::Buckets(buckets) => Some(buckets.missing()),
            Learned::Vector(vector) => Some(vector.missing()),
            Learned::Timestamp(_) | Learned::Categorical(_) | Learned::Bag(..) | Learned::Sequence(..) => {
                Some(self.nulls)
            }
            Learned::Cross(_) => None,
        };
        let table = self.table;
        let encoding = match self.learned {
            Learned::Numeric(numeric) => Encoding::Numeric(numeric.finish()),
            Learned::Timestamp(timestamp) => Encoding::Timestamp(timestamp.finish()),
            Learned::Vector(vector) => Encoding::Vector(vector.finish()),
            Learned::Buckets(buckets) => Encoding::Buckets(buckets.finish()),
            Learned::Cross(ids) => Encoding::Cross(table.finish_cross(ids.finish(), tables)),
            Learned::Categorical(ids) => {
                let (width, ids) = table.finish(ids, tables);
                Encoding::Categorical(CategoricalEncoding { width, ids })
            }
            Learned::Bag(ids, bag) => {
                let (width, ids) = table.finish(ids, tables);
                Encoding::Bag(BagEncoding { width, ids, pool: bag.pool, max_length: bag.max_length })
            }
            Learned::Sequence(ids, sequence) => {
                let (width, ids) = table.finish(ids, tables);
                let heads = (sequence.pool == SequencePool::SelfAttention).then(|| sequence.heads());
                let SequenceFeature { pool, max_length, target, with, .. } = sequence;
                let steps_of = None;
                Encoding::Sequence(SequenceEncoding { width, ids, pool, max_length, target, with, steps_of, heads })
            }
        };
        FittedFeature { name: self.name, columns: self.columns, missing, encoding }
    }
}

impl TableFit {
    /// A feature's width and ids.
    fn finish(self, ids: IdsFit, tables: &[FittedTable]) -> (u16, FeatureIds) {
        match self.shared {
            Some((name, place)) => (tables[place].width, FeatureIds::Table(name)),
            None => {
                let ids = ids.finish();
                (self.width.unwrap_or(ids.default_width()), FeatureIds::Own(ids))
            }
        }
    }

    fn finish_cross(self, ids: Ids, tables: &[FittedTable]) -> CrossEncoding {
        let Ids::Hash { buckets, seed } = ids else { unreachable!("a cross is hashed") };
        let width = match &self.shared {
            Some((_, place)) => tables[*place].width,
            None => self.width.unwrap_or(ids.default_width()),
        };
        CrossEncoding { width, buckets, seed, table: self.shared.map(|(name, _)| name) }
    }
}

impl Learned {
    fn add(&mut self, column: &BoundColumn, array: &ArrayRef) -> Result<(), EncodeError> {
        let numbers = || {
            let mut numbers = Vec::new();
            read_numbers(array, &mut numbers);
            numbers
        };
        match self {
            Self::Numeric(numeric) => numeric.add(&mut numbers()),
            Self::Buckets(buckets) => buckets.add(&mut numbers()),
            Self::Vector(vector) => vector.add(column, array)?,
            Self::Timestamp(timestamp) => timestamp.add(array),
            Self::Categorical(ids) => ids.add(array),
            Self::Bag(ids, bag) => ids.add_lists(&Lists::of(array).front(bag.max_length as usize)),
            Self::Sequence(ids, sequence) => ids.add_lists(&Lists::of(array).back(sequence.max_length as usize)),
            Self::Cross(_) => {}
        }
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        match (self, other) {
            (Self::Numeric(left), Self::Numeric(right)) => left.merge(right),
            (Self::Timestamp(left), Self::Timestamp(right)) => left.merge(&right),
            (Self::Vector(left), Self::Vector(right)) => left.merge(right),
            (Self::Buckets(left), Self::Buckets(right)) => left.merge(right),
            (Self::Categorical(left), Self::Categorical(right))
            | (Self::Bag(left, _), Self::Bag(right, _))
            | (Self::Sequence(left, _), Self::Sequence(right, _)) => left.merge(right),
            _ => {}
        }
    }
}
