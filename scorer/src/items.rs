//! Embeddings of items, the other side of a model of two towers: a table beside the score table, so that whoever has both can
//! score any pair of a person and an item.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, ListArray, NullArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use artifacts::object::FileRecord;
use artifacts::registry::{ModelIdentity, ModelPackage, load_identity};
use artifacts::rows::{BATCH_ROWS, Columns, common_schema, open_files, read_row_group};
use artifacts::{InputFile, ParquetOptions, ParquetWriter, layout};
use futures::TryStreamExt;
use indexmap::IndexMap;
use model::encode::{EncodeError, Encoder, Encoders};
use model::input::Inputs;
use model::predictor::Predictor;
use model::predictor::items::ItemHead;
use serde::{Deserialize, Serialize};
use spec::Network;
use spec::ids::{ColumnName, ModelName, RunId, TableName, TaskName, Version};
use tokio::task::spawn_blocking;

use crate::error::{Result, ScorerError};
use crate::plan::{read_encoders, table_files};
use crate::run::Run;
use crate::score::layout::embedding_item;
use crate::score::load_predictor;

/// The column that the table of embeddings has beside the items' own.
const EMBEDDING: &str = "embedding";

/// Items that have no embeddings.
#[derive(Debug, thiserror::Error)]
pub enum ItemsError {
    /// A model without a side of items.
    #[error(
        "item_embeddings: model {model} version {version} does not embed items, a `two_tower` network alone does: leave \
         `item_embeddings` out, or score with such a model"
    )]
    OtherNetwork {
        /// The model.
        model: ModelName,
        /// Its version.
        version: Version,
    },
    /// A mean of networks, which is no product of embeddings.
    #[error(
        "item_embeddings: model {model} version {version} is the mean of {networks} networks, and no product of embeddings \
         gives their scores: train it with `training: {{members: 1}}`"
    )]
    SeveralNetworks {
        /// The model.
        model: ModelName,
        /// Its version.
        version: Version,
        /// How many there are.
        networks: usize,
    },
    /// A column that has the name of the one that is made.
    #[error("item_embeddings: table `{table}` has a column `embedding` already: rename it in a prepare step")]
    Column {
        /// The table.
        table: TableName,
    },
    /// A table that lacks what the items' features read, or a row of it.
    #[error("item_embeddings: table `{table}` does not fit the model's `item_features`")]
    Misfit {
        /// The table.
        table: TableName,
        /// Which feature, column and type.
        #[source]
        source: Box<EncodeError>,
    },
}

/// What a table of items' embeddings is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemsManifest {
    /// The run.
    pub run: RunId,
    /// The model.
    pub model: ModelIdentity,
    /// The table of the items.
    pub table: TableName,
    /// What each task makes of the product of embeddings, in the order in which an embedding has the tasks' parts, all of one
    /// length.
    pub tasks: IndexMap<TaskName, ItemHead>,
    /// The file: the items' own columns, then `embedding`.
    pub file: FileRecord,
}

/// The side of items of a model.
pub(crate) struct ItemSide {
    table: TableName,
    tasks: Vec<TaskName>,
    encoders: Encoders,
    predictor: Predictor,
    /// The columns that features of items read.
    columns: BTreeSet<ColumnName>,
}

/// Checks that a run's items fit its model, before anything is scored.
///
/// # Errors
///
/// A model or a table without what items need, storage that fails.
pub(crate) async fn check(run: &Run, package: &ModelPackage) -> Result<()> {
    let Some(table) = &run.spec().item_embeddings else { return Ok(()) };
    let side = ItemSide::new(run, package, table)?;
    let (schema, _) = own_columns(run, table).await?;
    side.encoder(&schema).map(drop)
}

/// Writes the embeddings of a run's items, if it has some. Done again, it writes the same.
///
/// # Errors
///
/// As [`check`]; a row that cannot be encoded.
pub(crate) async fn publish_items(run: &Run) -> Result<Option<ItemsManifest>> {
    let Some(table) = &run.spec().item_embeddings else { return Ok(None) };
    let package = load_identity(&run.workspace, &run.model).await?;
    let side = Arc::new(ItemSide::new(run, &package, table)?);
    let file = side.write(run).await?;
    let tasks = side.tasks.iter().cloned().zip(side.predictor.item_heads()?).collect();
    let manifest = ItemsManifest { run: run.id.clone(), model: run.model.clone(), table: table.clone(), tasks, file };
    let created = run.workspace.create_once(&layout::run_items_manifest(&run.id), &manifest).await?;
    Ok(Some(created.settled(manifest)))
}

impl ItemSide {
    fn new(run: &Run, package: &ModelPackage, table: &TableName) -> Result<Self> {
        let training = &package.manifest.document.spec;
        let (model, version) = (run.model.model.clone(), run.model.version);
        let Network::TwoTower(network) = &training.network else {
            return Err(ItemsError::OtherNetwork { model, version }.into());
        };
        let encoders = read_encoders(package)?;
        let predictor = load_predictor(run, package, &encoders)?;
        if predictor.networks() > 1 {
            let networks = predictor.networks();
            return Err(ItemsError::SeveralNetworks { model, version, networks }.into());
        }
        let features = encoders.features().iter().filter(|feature| network.item_features.contains(&feature.name));
        let columns = features.flat_map(|feature| feature.columns.clone()).collect();
        Ok(Self { table: table.clone(), tasks: training.tasks.keys().cloned().collect(), encoders, predictor, columns })
    }

    /// The encoder of tables of items: what features of people read is missing there.
    fn encoder(&self, schema: &Schema) -> Result<Encoder> {
        self.encoders.bind(&self.with_nobody(schema)).map_err(|source| self.misfit(source))
    }

    fn misfit(&self, source: EncodeError) -> ScorerError {
        ItemsError::Misfit { table: self.table.clone(), source: Box::new(source) }.into()
    }

    /// The items' columns of a table, then those of people, which say nothing.
    fn with_nobody(&self, schema: &Schema) -> Schema {
        let own = schema.fields().iter().filter(|field| self.columns.contains(field.name().as_str()));
        let of_people = self.encoders.columns().into_iter().filter(|column| !self.columns.contains(*column));
        let nobody = of_people.map(|column| Arc::new(Field::new(column.as_str(), DataType::Null, true)));
        Schema::new(own.cloned().chain(nobody).collect::<Vec<_>>())
    }

    /// The rows of a batch of items as the encoder reads them.
    fn rows(&self, items: &RecordBatch) -> Result<RecordBatch> {
        let schema = Arc::new(self.with_nobody(&items.schema()));
        let column = |field: &Arc<Field>| match items.column_by_name(field.name()) {
            Some(column) if *field.data_type() != DataType::Null => Arc::clone(column),
            _ => Arc::new(NullArray::new(items.num_rows())) as ArrayRef,
        };
        let columns = schema.fields().iter().map(column).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(items.num_rows()));
        RecordBatch::try_new_with_options(schema, columns, &options).map_err(ScorerError::rows)
    }

    async fn write(self: &Arc<Self>, run: &Run) -> Result<FileRecord> {
        let (own, files) = own_columns(run, &self.table).await?;
        let encoder = self.encoder(&own)?;
        let embedding = Field::new(EMBEDDING, DataType::List(embedding_item()), false);
        let fields = own.fields().iter().cloned().chain([Arc::new(embedding)]);
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let key = layout::run_items_table(&run.id);
        let mut writer = ParquetWriter::create(&run.workspace, key, &schema, &ParquetOptions::default())?;
        let columns = Columns::new(own.fields().iter().map(|field| field.name()));
        for file in open_files(&files).await? {
            let projection = file.project(&columns)?;
            for row_group in 0..file.row_groups() {
                let mut batches = read_row_group(&file, row_group, &projection, BATCH_ROWS);
                while let Some(items) = batches.try_next().await? {
                    let (side, bound, of_thread) = (Arc::clone(self), encoder.clone(), items.clone());
                    let embeddings = spawn_blocking(move || side.embed(bound, &of_thread)).await;
                    let embeddings = embeddings.map_err(ScorerError::Thread)??;
                    let columns = items.columns().iter().cloned().chain([embeddings]).collect();
                    let rows = RecordBatch::try_new(Arc::clone(&schema), columns).map_err(ScorerError::rows)?;
                    writer.write(&rows).await?;
                }
            }
        }
        Ok(writer.finish().await?)
    }

    fn embed(&self, mut encoder: Encoder, items: &RecordBatch) -> Result<ArrayRef> {
        let (mut inputs, mut numbers) = (Inputs::default(), Vec::new());
        encoder.encode(&self.rows(items)?, &mut inputs).map_err(|source| self.misfit(source))?;
        self.predictor.embed_items(&inputs, &mut numbers)?;
        let width = self.predictor.item_width().ok_or(ScorerError::Broken)?;
        let offsets = OffsetBuffer::from_lengths(std::iter::repeat_n(width, items.num_rows()));
        Ok(Arc::new(ListArray::new(embedding_item(), offsets, Arc::new(Float32Array::from(numbers)), None)))
    }
}

/// The columns of a table of items, and its files.
async fn own_columns(run: &Run, table: &TableName) -> Result<(SchemaRef, Vec<InputFile>)> {
    let files = table_files(run, table).await?;
    let opened = open_files(&files).await?;
    let first = opened.first().ok_or(ScorerError::Broken)?;
    let names: Vec<&String> = first.schema().fields().iter().map(|field| field.name()).collect();
    if names.iter().any(|name| *name == EMBEDDING) {
        return Err(ItemsError::Column { table: table.clone() }.into());
    }
    Ok((common_schema(&opened, &Columns::new(names))?, files))
}
