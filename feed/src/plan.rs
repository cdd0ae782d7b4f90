//! What a feed is to deliver, and the columns that it has to read for it.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::{and, cast, filter_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use artifacts::rows::{Columns, Projection, common_schema};
use model::encode::{EncodeError, Encoders, Encoding};
use model::input::Targets;
use spec::ColumnName;

use crate::error::{FeedError, Place, ValueFault};
use crate::label::{LabelFault, Labels, teaching};
use crate::order::Order;
use crate::split::{Part, Splitter};
use crate::table::{RowGroup, Table};

/// What a feed is to deliver.
#[derive(Debug, Clone)]
pub struct FeedPlan {
    /// The rows.
    pub table: Table,
    /// How they are encoded.
    pub encoders: Arc<Encoders>,
    /// What they teach; nothing by default.
    pub labels: Labels,
    /// The part of the rows that is wanted; all where absent.
    pub part: Option<(Splitter, Part)>,
    /// Whether rows are to be learned from: tasks then get their share of negative rows, and rows that are left to no task
    /// do not come.
    pub learning: bool,
    /// Columns that come along unencoded, row for row. Text is `Utf8`, also where the file has dictionaries.
    pub carry: Vec<ColumnName>,
    /// In which order.
    pub order: Order,
    /// Rows a batch. Shuffled, only the last one has fewer; in sequence, also the last of a row group, and where neither a
    /// part nor labels are asked for, one that the next row group's first rows do not fit into.
    pub batch_rows: usize,
    /// Threads that decode and encode.
    pub threads: usize,
}

/// A plan's columns, checked.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) table: Table,
    pub(crate) labels: Labels,
    pub(crate) part: Option<(Splitter, Part)>,
    pub(crate) projections: Arc<[Projection]>,
    /// The columns of every batch.
    pub(crate) schema: SchemaRef,
    pub(crate) carry: Option<SchemaRef>,
}

impl Reading {
    /// The columns for these features, labels, part and carried columns, in every file of a table.
    pub(crate) fn new(
        table: Table,
        features: &FeatureColumns,
        labels: Labels,
        part: Option<(Splitter, Part)>,
        carry: &[ColumnName],
    ) -> Result<Self, FeedError> {
        let others = labels.columns().chain(part.iter().map(|(splitter, _)| splitter.column())).chain(carry);
        let names: Vec<&str> = features.all.iter().chain(others).map(ColumnName::as_str).collect();
        let columns = Columns::new(names).with_dictionaries(&features.categories);
        let schema = common_schema(table.files(), &columns)?;
        labels.check(&schema)?;
        if let Some((splitter, _)) = &part
            && let Ok(field) = schema.field_with_name(splitter.column().as_str())
        {
            splitter.check(field.data_type())?;
        }
        let carried = || common_schema(table.files(), &Columns::new(carry));
        let carry = if carry.is_empty() { None } else { Some(carried()?) };
        let projections = table.files().iter().map(|file| file.project(&columns)).collect::<Result<_, _>>()?;
        Ok(Self { table, labels, part, projections, schema, carry })
    }

    /// Rows to decode at once: `wanted`, or fewer where a row is so wide that they would take more than 64 MiB.
    pub(crate) fn chunk_rows(&self, wanted: usize) -> usize {
        const MOST_BYTES: usize = 64 << 20;
        let bytes_a_row = 16 * self.schema.fields().len().max(1);
        wanted.min(MOST_BYTES / bytes_a_row).max(1)
    }

    /// Which rows of a batch are wanted; none stands for all. `first` is the batch's first row in its row group.
    pub(crate) fn selection(
        &self,
        row_group: &RowGroup,
        first: u64,
        batch: &RecordBatch,
    ) -> Result<Option<BooleanArray>, FeedError> {
        let Some((splitter, wanted)) = &self.part else { return Ok(None) };
        let parts = self.parts(splitter, row_group, first, batch)?;
        if parts.iter().all(|part| part == wanted) {
            return Ok(None);
        }
        Ok(Some(parts.iter().map(|part| Some(part == wanted)).collect()))
    }

    /// The part of each row of a batch.
    pub(crate) fn parts(
        &self,
        splitter: &Splitter,
        row_group: &RowGroup,
        first: u64,
        batch: &RecordBatch,
    ) -> Result<Vec<Part>, FeedError> {
        let column = batch.column_by_name(splitter.column().as_str()).expect("the projection has the split column");
        let parts = splitter.parts(column, row_group.first_row + first);
        parts.map_err(|(row, fault)| self.fault(row_group, first + row as u64, splitter.column(), fault))
    }

    /// What the rows of a batch teach.
    pub(crate) fn targets(&self, row_group: &RowGroup, first: u64, batch: &RecordBatch) -> Result<Targets, FeedError> {
        self.labels.read(batch).map_err(|fault| self.label_fault(row_group, first, fault))
    }

    /// Takes from targets what is not learned from, and tells which of the rows that were selected are.
    pub(crate) fn sample(
        &self,
        row_group: &RowGroup,
        first: u64,
        batch: &RecordBatch,
        targets: &mut Targets,
        selection: Option<BooleanArray>,
    ) -> Result<Option<BooleanArray>, FeedError> {
        if !self.labels.are_sampled() {
            return Ok(selection);
        }
        self.labels.sample(batch, targets).map_err(|fault| self.label_fault(row_group, first, fault))?;
        let teaching = BooleanArray::from(teaching(targets, self.labels.tasks(), batch.num_rows()));
        Ok(Some(match selection {
            Some(selection) => and(&selection, &teaching).map_err(|source| self.rows(row_group, source))?,
            None => teaching,
        }))
    }

    fn label_fault(&self, row_group: &RowGroup, first: u64, fault: LabelFault) -> FeedError {
        match fault {
            LabelFault::Value(row, column, fault) => self.fault(row_group, first + row as u64, &column, fault),
            LabelFault::Condition(task, source) => FeedError::Condition { task, url: self.url(row_group), source },
        }
    }

    fn fault(&self, row_group: &RowGroup, row: u64, column: &ColumnName, fault: ValueFault) -> FeedError {
        let url = self.url(row_group);
        let place = Place { url, row_group: row_group.place.row_group, row, column: column.clone() };
        FeedError::Value { place: Box::new(place), fault }
    }

    /// An encoder's error, with the place of its row if it is about one: a row of those that are selected, of all where absent.
    pub(crate) fn encode_error(
        &self,
        row_group: &RowGroup,
        first: u64,
        selection: Option<&BooleanArray>,
        error: EncodeError,
    ) -> FeedError {
        match error {
            EncodeError::Row { feature, column, row, fault } => {
                let row = selection.and_then(|rows| rows.values().set_indices().nth(row)).unwrap_or(row);
                self.fault(row_group, first + row as u64, &column, ValueFault::Feature { feature, fault })
            }
            other => other.into(),
        }
    }

    /// The carried columns of a batch.
    pub(crate) fn carried(&self, row_group: &RowGroup, batch: &RecordBatch) -> Result<Option<RecordBatch>, FeedError> {
        let Some(schema) = &self.carry else { return Ok(None) };
        let carried = schema.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name()).expect("the projection has the carried columns");
            if column.data_type() == field.data_type() { Ok(column.clone()) } else { cast(column, field.data_type()) }
        });
        let carried = carried.collect::<Result<Vec<ArrayRef>, ArrowError>>();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let carried = carried.and_then(|columns| RecordBatch::try_new_with_options(schema.clone(), columns, &options));
        carried.map(Some).map_err(|source| self.rows(row_group, source))
    }

    /// The rows of a batch that are selected.
    pub(crate) fn filtered(
        &self,
        row_group: &RowGroup,
        batch: &RecordBatch,
        selection: &BooleanArray,
    ) -> Result<RecordBatch, FeedError> {
        filter_record_batch(batch, selection).map_err(|source| self.rows(row_group, source))
    }

    pub(crate) fn rows(&self, row_group: &RowGroup, source: ArrowError) -> FeedError {
        FeedError::Rows { url: self.url(row_group), row_group: row_group.place.row_group, source }
    }

    fn url(&self, row_group: &RowGroup) -> String {
        self.table.file_of(row_group).file().url.clone()
    }
}

/// The columns that features read.
#[derive(Debug, Clone, Default)]
pub(crate) struct FeatureColumns {
    pub(crate) all: Vec<ColumnName>,
    /// Those whose text is best read as dictionaries.
    pub(crate) categories: BTreeSet<ColumnName>,
}

impl FeatureColumns {
    /// Those of fitted features.
    pub(crate) fn of(encoders: &Encoders) -> Self {
        let mut columns = Self::default();
        for feature in encoders.features() {
            let is_category = match feature.encoding {
                Encoding::Categorical(_) | Encoding::Cross(_) | Encoding::Bag(_) | Encoding::Sequence(_) => true,
                Encoding::Numeric(_) | Encoding::Timestamp(_) | Encoding::Vector(_) | Encoding::Buckets(_) => false,
            };
            columns.add(feature.columns.iter().cloned(), is_category);
        }
        columns
    }

    /// Adds the columns of one feature.
    pub(crate) fn add(&mut self, columns: impl Iterator<Item = ColumnName>, is_category: bool) {
        for column in columns {
            if is_category {
                self.categories.insert(column.clone());
            }
            self.all.push(column);
        }
    }
}
