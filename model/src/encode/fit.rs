//! Learning encoders from training rows, in one pass and bounded memory.

mod feature;
mod ids;

use std::collections::BTreeMap;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::FilterBuilder;
use arrow::datatypes::Schema;
use rayon::prelude::*;
use spec::feature::{Feature, IdSpace, SharedTable, shared_tables};
use spec::{EmbeddingTableName, FeatureName};

use self::feature::{FeatureFit, TableFit};
use self::ids::IdsFit;
use super::bind::Columns;
use super::encoders::{Encoders, Encoding, FittedFeature, FittedTable};
use super::error::{EncodeError, InvalidEncoders};

/// Fits encoders. The result depends on the rows and their order, not on threads.
#[derive(Debug)]
pub struct EncoderFit {
    features: Vec<FeatureFit>,
    tables: Vec<SharedFit>,
    rows: u64,
}

/// A table that features share. Each of them counts its own values; the table has them all from [`EncoderFit::pool`] on.
#[derive(Debug)]
struct SharedFit {
    name: EmbeddingTableName,
    width: Option<u16>,
    ids: IdsFit,
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
        let columns = Columns::of(schema);
        let shared = shared_tables(features.iter().copied());
        let fit = |&(name, feature): &(&FeatureName, &Feature)| {
            let (table, space) = table_of(feature, &shared);
            FeatureFit::new((name, feature), (table, &space), &columns, sketch_size)
        };
        let features = features.iter().map(fit).collect::<Result<_, _>>()?;
        Ok(Self { features, tables: shared.iter().map(SharedFit::new).collect(), rows: 0 })
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
        self.features.iter_mut().zip(other.features).for_each(|(left, right)| left.merge(right));
        self.tables.iter_mut().zip(other.tables).for_each(|(left, right)| left.ids.merge(right.ids));
        Ok(())
    }

    /// How many rows it has learned from.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// For each feature with a vocabulary that had more distinct values than are counted exactly: the most by which a count
    /// may be too low.
    pub fn inexact_counts(&mut self) -> Vec<(&FeatureName, u64)> {
        self.pool();
        let shortfall = |feature: &FeatureFit| match feature.table() {
            Some(place) => self.tables[place].ids.shortfall(),
            None => feature.ids().map_or(0, IdsFit::shortfall),
        };
        let counts = self.features.iter().map(|feature| (&feature.name, shortfall(feature)));
        counts.filter(|&(_, shortfall)| shortfall > 0).collect()
    }

    /// Brings the counts of features that share a table together, in the document's order.
    fn pool(&mut self) {
        for feature in &mut self.features {
            if let Some((place, ids)) = feature.shared_ids() {
                self.tables[place].ids.take_from(ids);
            }
        }
    }

    /// What was learned.
    ///
    /// # Errors
    ///
    /// Tables of one width that have too many rows together.
    pub fn finish(mut self) -> Result<Encoders, EncodeError> {
        self.pool();
        let tables: Vec<FittedTable> = self.tables.into_par_iter().map(SharedFit::finish).collect();
        let finish = |feature: FeatureFit| feature.finish(&tables);
        let mut features: Vec<FittedFeature> = self.features.into_par_iter().map(finish).collect();
        share_steps(&mut features);
        Encoders::new(self.rows, tables, features).map_err(|invalid| match invalid {
            InvalidEncoders::TooManyRows { width, rows } => EncodeError::TooManyRows { width, rows },
            other => unreachable!("fitted encoders are valid: {other}"),
        })
    }
}

/// Tells sequences whose steps they share.
fn share_steps(features: &mut [FittedFeature]) {
    let with = |feature: &FittedFeature| match &feature.encoding {
        Encoding::Sequence(sequence) => {
            sequence.with.iter().map(|other| (other.clone(), feature.name.clone())).collect()
        }
        _ => Vec::new(),
    };
    let leaders: BTreeMap<FeatureName, FeatureName> = features.iter().flat_map(with).collect();
    for feature in features {
        if let Encoding::Sequence(sequence) = &mut feature.encoding {
            sequence.steps_of = leaders.get(&feature.name).cloned();
        }
    }
}

/// What a feature's table is, and its id space.
fn table_of(feature: &Feature, shared: &[SharedTable<'_>]) -> (TableFit, IdSpace) {
    let settings = feature.table_settings().unwrap_or_default();
    let own = || (TableFit { width: settings.width, shared: None }, settings.id_space());
    let Some(name) = settings.table else { return own() };
    let Some(place) = shared.iter().position(|table| table.name == name) else { return own() };
    let settings = shared[place].settings;
    (TableFit { width: settings.width, shared: Some((name.clone(), place)) }, settings.id_space())
}

impl SharedFit {
    fn new(table: &SharedTable<'_>) -> Self {
        let ids = IdsFit::new(&table.settings.id_space());
        Self { name: table.name.clone(), width: table.settings.width, ids }
    }

    fn finish(self) -> FittedTable {
        let ids = self.ids.finish();
        FittedTable { name: self.name, width: self.width.unwrap_or(ids.default_width()), ids }
    }
}

#[cfg(test)]
mod tests;
