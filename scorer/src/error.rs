//! What can go wrong in a scoring run, and which failures are worth another try.

use std::fmt;

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use artifacts::ArtifactsError;
use artifacts::keys::KeyError;
use artifacts::secret::SecretError;
use feed::FeedError;
use model::encode::EncodeError;
use model::error::Error as ModelError;
use model::segments::FewDistinct;
use query::QueryError;
use spec::ids::{
    AudienceName, ColumnName, InvalidName, ModelName, NeighboursName, RunId, SegmentationName, TableName, TaskName,
    Version,
};
use spec::task::lists::ListError;
use worker::{FailureClass, WorkFailure};

use crate::items::ItemsError;
use crate::select::cut::CutError;

/// This crate's results.
pub type Result<T, E = ScorerError> = std::result::Result<T, E>;

/// A failure of a scoring run's unit of work.
#[derive(Debug, thiserror::Error)]
pub enum ScorerError {
    /// Storage, or what is stored.
    #[error(transparent)]
    Artifacts(Box<ArtifactsError>),
    /// A table or an expression.
    #[error(transparent)]
    Query(Box<QueryError>),
    /// Reading and encoding the population.
    #[error(transparent)]
    Feed(Box<FeedError>),
    /// The model.
    #[error(transparent)]
    Model(Box<ModelError>),
    /// A population that lacks what the model reads.
    #[error("{misfit}")]
    Population {
        /// Which population and model.
        misfit: Box<Misfit>,
        /// Which feature, column and type.
        #[source]
        source: Box<EncodeError>,
    },
    /// A size or tiers that no audience can have.
    #[error("audiences.{audience}.{source}")]
    Cut {
        /// The audience.
        audience: AudienceName,
        /// What is wrong.
        source: CutError,
    },
    /// A holdout that is no share.
    #[error("audiences.{audience}.holdout.share is {share}; it must be between 0 and 1")]
    HoldoutShare {
        /// The audience.
        audience: AudienceName,
        /// As written.
        share: f64,
    },
    /// An expiry that is no duration.
    #[error("audiences.{audience}.expires_after is {text:?}; write a duration such as `14d`")]
    Expiry {
        /// The audience.
        audience: AudienceName,
        /// As written.
        text: String,
    },
    /// A column that an audience is to be described by, of a type whose values cannot be told apart.
    #[error(
        "audiences.{audience}.profile names column `{column}`, which is of type {found}: name columns of numbers, text, booleans, dates or timestamps"
    )]
    ProfileColumn {
        /// The audience.
        audience: AudienceName,
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// A folder for rows that do not fit in memory, which cannot be made.
    #[error("cannot make a folder for spilled rows in {}", std::env::temp_dir().display())]
    SpillFolder(#[source] std::io::Error),
    /// A limit on memory that is no amount.
    #[error("resources.memory is {text:?}; write an amount such as `4GiB`")]
    Memory {
        /// As written.
        text: String,
    },
    /// A file of a model package that this program did not write.
    #[error("the model's {file} is not what this program writes")]
    Package {
        /// The file.
        file: &'static str,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A run that was never begun, or not planned.
    #[error("there is nothing at {url}, so there is no such run or it was not planned")]
    NoRun {
        /// What is missing.
        url: String,
    },
    /// The run's document is no Scoring document.
    #[error("run {run} is not a scoring run")]
    NotScoring {
        /// The run.
        run: RunId,
    },
    /// The run's document was stored without the model that it resolved to.
    #[error("run {run} does not say which version of its model it uses")]
    NoModel {
        /// The run.
        run: RunId,
    },
    /// The population lacks a column.
    #[error("table `{table}` has no column `{column}`, which {wanted_by} needs{}", near_names(near))]
    NoColumn {
        /// The population.
        table: TableName,
        /// The column.
        column: ColumnName,
        /// What needs it.
        wanted_by: &'static str,
        /// The columns of a similar name.
        near: Vec<String>,
    },
    /// Items that have no embeddings.
    #[error(transparent)]
    Items(#[from] ItemsError),
    /// Seed lists that make no columns.
    #[error(transparent)]
    List(#[from] ListError),
    /// Two seed lists of one name.
    #[error("two seed lists are named `{name}`; give one of `seed_lists` another name")]
    SameList {
        /// The name.
        name: TaskName,
    },
    /// A seed list with too few people in the population.
    #[error("seed list `{name}`: {found} of its seeds are in the population, fewer than its `min_size` {least}")]
    FewSeeds {
        /// The list.
        name: TaskName,
        /// Its people in the population.
        found: usize,
        /// The fewest that are enough.
        least: u64,
    },
    /// A table without a list that is large enough.
    #[error(
        "seed_lists.{name}: no list has enough seeds in the population; check that the seeds' key and the population's hold \
         the same ids, or lower `min_size`"
    )]
    NoSeeds {
        /// What declares them.
        name: TaskName,
    },
    /// A seed list that everybody is on.
    #[error("seed list `{name}`: everybody in a sample of the population is on it; it needs others to tell seeds from")]
    OnlySeeds {
        /// The list.
        name: TaskName,
    },
    /// More lists than a run has room for as networks of their own.
    #[error(
        "seed_lists: {lists} lists get networks of their own with this model, and a run has room for {most}: raise `seeds.min_size`, \
         or score them in several documents"
    )]
    ManyTuned {
        /// The lists.
        lists: usize,
        /// How many there is room for.
        most: usize,
    },
    /// A column that segments can neither be made of nor described by.
    #[error(
        "segments.{segmentation}: column `{column}` is {found}; segments are of numbers, and described by numbers, text and dates: \
         cast it in a prepare step"
    )]
    SegmentColumn {
        /// The segmentation.
        segmentation: SegmentationName,
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// People of whom too few differ.
    #[error("segments.{segmentation}: {source}; ask for fewer, of more columns or of a larger `sample`")]
    FewDistinct {
        /// The segmentation.
        segmentation: SegmentationName,
        /// How many there are.
        source: FewDistinct,
    },
    /// Segments of a run that has none of the name.
    #[error("segments.{segmentation}.from_run: run {run} has no segments of this name")]
    NoSegments {
        /// The segmentation.
        segmentation: SegmentationName,
        /// The run.
        run: RunId,
    },
    /// Segments of a run that people cannot be put into.
    #[error(
        "segments.{segmentation}.from_run: the segments of run {run} are of other columns, or of another model's embedding; fit \
         new ones with `k`"
    )]
    OtherSegments {
        /// The segmentation.
        segmentation: SegmentationName,
        /// The run.
        run: RunId,
    },
    /// People asked about, none of whom is there.
    #[error(
        "neighbours.{name}: none of its {keys} people is in the population; check that the table's key and the population's hold \
         the same ids"
    )]
    NoQueries {
        /// The table of neighbours.
        name: NeighboursName,
        /// People of the key table.
        keys: usize,
    },
    /// A model whose package does not say what its training looked like.
    #[error(
        "guards.max_psi compares with what model {model} version {version} was trained on, and its package was made before \
         packages kept that: train it again, or leave out max_psi"
    )]
    NoReference {
        /// The model.
        model: ModelName,
        /// Its version.
        version: Version,
    },
    /// A length of time that is none.
    #[error("audiences.{audience}.guards.fresh: `{text}` is not a length of time, such as 36h")]
    Freshness {
        /// The audience.
        audience: AudienceName,
        /// The text.
        text: String,
    },
    /// More damage than the document allows.
    #[error(
        "{files} files of the population with {rows} rows that are known cannot be read, more than `quarantine` allows; the \
         first: {first}"
    )]
    Quarantine {
        /// Files of which anything cannot be read.
        files: u64,
        /// Rows in what cannot be read, of those that say how many they have.
        rows: u64,
        /// What is wrong with the first.
        first: String,
    },
    /// An audience that a run does not have.
    #[error("run {run} has no audience `{audience}`; it has: {}", known.join(", "))]
    NoAudience {
        /// The run.
        run: RunId,
        /// The audience.
        audience: AudienceName,
        /// Those that it has.
        known: Vec<String>,
    },
    /// A version that no guard held back.
    #[error("run {run} has no version of audience `{audience}` that a guard held back")]
    NotHeldBack {
        /// The run.
        run: RunId,
        /// The audience.
        audience: AudienceName,
    },
    /// A version that a later one stands before.
    #[error(
        "version {version} of audience `{audience}` is not published: version {by} came after it and stays the current one, \
         for people of an earlier day never replace those of a later one"
    )]
    Superseded {
        /// The audience.
        audience: AudienceName,
        /// The version that was to be released.
        version: Version,
        /// The current one.
        by: Version,
    },
    /// More people asked about than a process can keep in mind.
    #[error(
        "neighbours.{name}: more than {most} of its people are in the population; ask about fewer, or for a lower `count`"
    )]
    ManyQueries {
        /// The table of neighbours.
        name: NeighboursName,
        /// The most people that can be asked about with this count.
        most: u64,
    },
    /// A column whose name no document can have, in an expression.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// Two columns of the score table would have one name.
    #[error("the score table would have two columns `{column}`: a kept column or the key has the name of {other}")]
    NameTaken {
        /// The name.
        column: String,
        /// What else has it.
        other: &'static str,
    },
    /// Two published columns would have one name.
    #[error(
        "audiences.{audience}: two published columns would be called `{column}`; give one of its ids another name with `as`"
    )]
    PublishedTwice {
        /// The audience.
        audience: AudienceName,
        /// The name.
        column: String,
    },
    /// A column that no ids are made of.
    #[error(
        "column `{column}` is {found}, which has no one text to make ids of: cast it to text or an integer in a prepare step"
    )]
    IdType {
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// A row for each id, of a column without lists.
    #[error("audiences.{audience}: `explode` gives a row for each id of a list, and column `{column}` is {found}")]
    NoLists {
        /// The audience.
        audience: AudienceName,
        /// The column.
        column: ColumnName,
        /// Its type.
        found: DataType,
    },
    /// Lists in a format that has none.
    #[error(
        "audiences.{audience}: column `{column}` is a list, which CSV has no form for: add `explode: true` for a row for \
         each id, or write Parquet or JSON lines"
    )]
    ListInCsv {
        /// The audience.
        audience: AudienceName,
        /// The column.
        column: ColumnName,
    },
    /// An HMAC without a key, which no checked document has.
    #[error("the ids of column `{column}` are to be hashed with a key that nothing names")]
    NoSecret {
        /// The column.
        column: ColumnName,
    },
    /// A secret key that cannot be used.
    #[error("ids cannot be hashed")]
    Secret(#[from] SecretError),
    /// A secret key that was changed while a run was on its way.
    #[error(
        "{from} held the key {planned} when run {run} was planned and holds {found} now, so that its ids would be of two keys: \
         put the old key back to end this run, or change the document for a new one"
    )]
    SecretChanged {
        /// The run.
        run: RunId,
        /// Where the key is read from.
        from: String,
        /// Its id when the run was planned.
        planned: String,
        /// Its id now.
        found: String,
    },
    /// A key or id that identifies nobody.
    #[error("column `{column}` does not identify people")]
    Key {
        /// The column.
        column: ColumnName,
        /// What is wrong with it.
        #[source]
        source: KeyError,
    },
    /// A key in the score table that identifies nobody, though its shard was committed.
    #[error("a committed score file holds a key that is none")]
    StoredKey(#[source] KeyError),
    /// A shard that the plan does not have.
    #[error("the plan of run {run} has no shard {shard}")]
    NoShard {
        /// The run.
        run: RunId,
        /// The shard asked for.
        shard: u64,
    },
    /// Rows that disappeared between two passes over them.
    #[error("a pass over the scores of audience {audience} found fewer rows than its shards committed")]
    RowsLost {
        /// The audience.
        audience: AudienceName,
    },
    /// Columns that cannot be put together.
    #[error("rows of the score table cannot be computed")]
    Rows(#[source] ArrowError),
    /// A compressor that fails.
    #[error("cannot compress {url}")]
    Compress {
        /// The object being written.
        url: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A thread that panicked or was stopped.
    #[error("a computing thread stopped before it was done")]
    Thread(#[source] tokio::task::JoinError),
    /// A thread pool that cannot be started.
    #[error("the computing threads cannot be started")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// JSON that is not what this program writes.
    #[error("a result has no JSON form")]
    Json(#[source] serde_json::Error),
    /// A part of the pipeline that ended early without an error of its own.
    #[error("the scoring pipeline ended before its shard did")]
    Broken,
    /// Told to stop.
    #[error("was told to stop before it was done")]
    Cancelled,
}

impl ScorerError {
    /// An error of computing with rows.
    pub fn rows(source: ArrowError) -> Self {
        Self::Rows(source)
    }

    /// What helps against it.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Artifacts(error) => class_of(error.class()),
            Self::Query(error) => class_of(error.class()),
            Self::Feed(error) => class_of(error.class()),
            Self::Model(_)
            | Self::Population { .. }
            | Self::Cut { .. }
            | Self::HoldoutShare { .. }
            | Self::Expiry { .. }
            | Self::Memory { .. }
            | Self::Package { .. }
            | Self::NoRun { .. }
            | Self::NotScoring { .. }
            | Self::NoModel { .. }
            | Self::NoColumn { .. }
            | Self::Name(_)
            | Self::Items(_)
            | Self::List(_)
            | Self::SameList { .. }
            | Self::FewSeeds { .. }
            | Self::NoSeeds { .. }
            | Self::OnlySeeds { .. }
            | Self::ManyTuned { .. }
            | Self::SegmentColumn { .. }
            | Self::NoReference { .. }
            | Self::Freshness { .. }
            | Self::Quarantine { .. }
            | Self::NoAudience { .. }
            | Self::NotHeldBack { .. }
            | Self::Superseded { .. }
            | Self::ProfileColumn { .. }
            | Self::NoQueries { .. }
            | Self::ManyQueries { .. }
            | Self::FewDistinct { .. }
            | Self::NoSegments { .. }
            | Self::OtherSegments { .. }
            | Self::NameTaken { .. }
            | Self::PublishedTwice { .. }
            | Self::IdType { .. }
            | Self::NoLists { .. }
            | Self::ListInCsv { .. }
            | Self::NoSecret { .. }
            | Self::Key { .. }
            | Self::NoShard { .. } => FailureClass::Input,
            Self::Compress { .. } | Self::SpillFolder(_) => FailureClass::Storage,
            Self::Secret(_) | Self::SecretChanged { .. } => FailureClass::Environment,
            Self::Cancelled => FailureClass::Preempted,
            Self::RowsLost { .. }
            | Self::Rows(_)
            | Self::StoredKey(_)
            | Self::Thread(_)
            | Self::Threads(_)
            | Self::Json(_)
            | Self::Broken => FailureClass::Bug,
        }
    }
}

macro_rules! boxed {
    ($($error:ident => $variant:ident),+) => {$(
        impl From<$error> for ScorerError {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        }
    )+};
}

boxed!(ArtifactsError => Artifacts, QueryError => Query, FeedError => Feed, ModelError => Model);

/// A population and a model that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The population.
    pub table: TableName,
    /// One of its files.
    pub url: Option<String>,
    /// The model.
    pub model: ModelName,
    /// Its version.
    pub version: Version,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, url, model, version } = self;
        let place = url.as_ref().map_or_else(String::new, |url| format!(" ({url})"));
        write!(f, "table `{table}`{place} does not fit the features of model {model} version {version}")
    }
}

impl From<ScorerError> for WorkFailure {
    fn from(error: ScorerError) -> Self {
        WorkFailure::of(error.class(), &error)
    }
}

fn class_of(class: artifacts::FailureClass) -> FailureClass {
    match class {
        artifacts::FailureClass::Storage => FailureClass::Storage,
        artifacts::FailureClass::Input | artifacts::FailureClass::Integrity => FailureClass::Input,
        artifacts::FailureClass::Environment => FailureClass::Environment,
        artifacts::FailureClass::Bug => FailureClass::Bug,
    }
}

fn near_names(near: &[String]) -> String {
    match near {
        [] => String::new(),
        [nearest, ..] => format!("; did you mean `{nearest}`?"),
    }
}
