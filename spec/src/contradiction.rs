//! Mistakes of meaning: parts of a document that do not go together, each well formed.

mod feature;
mod network;

pub use self::feature::FeatureContradiction;
pub use self::network::NetworkContradiction;
use crate::measure::Measure;
use crate::mistake::choice;
use crate::node::quoted;

/// Parts of a document that do not go together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Contradiction {
    /// A table that is neither declared nor made by a step.
    #[error("there is no table {}", quoted(.name))]
    UnknownTable {
        /// The name as written.
        name: String,
        /// The tables that there are.
        known: Vec<String>,
    },
    /// A step that makes a table of a name that is taken.
    #[error("there is already a table {}", quoted(.name))]
    TableTwice {
        /// The table.
        name: String,
    },
    /// A task that is not declared.
    #[error("there is no task {}", quoted(.name))]
    UnknownTask {
        /// The name as written.
        name: String,
        /// The tasks that there are.
        known: Vec<String>,
    },
    /// A measure that makes no sense for its task.
    #[error("`{measure}` does not measure a {kind} task; these do: {}", .known.iter().map(|measure| measure.name()).collect::<Vec<_>>().join(", "))]
    MeasureOfAnotherKind {
        /// The measure.
        measure: Measure,
        /// The task's kind.
        kind: &'static str,
        /// The measures of the kind.
        known: &'static [Measure],
    },
    /// A measure of groups of a task without any.
    #[error("`{measure}` needs the groups of the task {}: give it `group_by`, a column", quoted(.task))]
    NoGroups {
        /// The measure.
        measure: Measure,
        /// The task.
        task: String,
    },
    /// A feature that reads a column which says what is to be predicted, or whose row it is.
    #[error("the feature reads {}, which is {role}: a model must not see it", quoted(.column))]
    ColumnAsFeature {
        /// The column.
        column: String,
        /// What the column is.
        role: Role,
    },
    /// One column with two roles that exclude one another.
    #[error("the column {} is also {role}", quoted(.column))]
    ColumnTwice {
        /// The column.
        column: String,
        /// What it already is.
        role: Role,
    },
    /// Parts of a feature, or of features that share a table.
    #[error(transparent)]
    Feature(#[from] FeatureContradiction),
    /// A network that asks something else of features or tasks.
    #[error(transparent)]
    Network(#[from] NetworkContradiction),
    /// An item of a list a second time.
    #[error("{} is listed twice", quoted(.item))]
    ListedTwice {
        /// The item.
        item: String,
    },
    /// Validation and test shares that leave nothing to train on.
    #[error("validation and test together take {taken} of the rows and leave none to train on")]
    NothingToTrain {
        /// Their sum.
        taken: f64,
    },
    /// Test rows from before the validation rows.
    #[error("`test_from` {test_from} is not after `validation_from` {validation_from}")]
    SplitOrder {
        /// The first day of validation.
        validation_from: chrono::NaiveDate,
        /// The first day of test.
        test_from: chrono::NaiveDate,
    },
    /// Something that needs rows that the split does not give.
    #[error("{what} needs {part} rows, and `split.{part}` is 0")]
    NoRows {
        /// What needs them.
        what: &'static str,
        /// `validation` or `test`.
        part: &'static str,
    },
    /// A funnel network without a funnel.
    #[error("`{network}` is for the steps of a funnel, and no task says which step it comes `after`")]
    NoFunnel {
        /// The network's kind.
        network: &'static str,
    },
    /// A funnel's step in a network that does not know of funnels.
    #[error("`after` is for networks of the kinds esmm, escm2 and aitm, and the network's kind is {network}")]
    FunnelOfNetwork {
        /// The network's kind.
        network: &'static str,
    },
    /// Rows left out of a step of a funnel.
    #[error("`negative_rate` leaves out rows that the other steps of the funnel learn from")]
    FunnelOfShares,
    /// A condition on the rows of a step of a funnel.
    #[error(
        "`when` leaves out rows that the other steps of the funnel learn from: give the step a label of 0 where the step before did not happen"
    )]
    FunnelOfCondition,
    /// A step that comes before itself.
    #[error("the task comes after itself")]
    FunnelLoop,
    /// A step after something that is no event.
    #[error("`{task}` is not a binary task")]
    FunnelOfKind {
        /// The task.
        task: String,
    },
    /// A rule of task weights over what tasks share, in a network where they share nothing.
    #[error("`{rule}` looks at weights that tasks share, and in a linear network they share none")]
    NothingShared {
        /// The rule.
        rule: &'static str,
    },
    /// Weights of tasks that are all zero.
    #[error("every task weighs 0: nothing would be learned")]
    NoWeight,
    /// bf16 on a CPU.
    #[error("`precision: bf16` needs a GPU, and the device is cpu")]
    Bf16OnCpu,
    /// More trainer processes than can work together.
    #[error("{processes} trainer processes are not available; available: 1")]
    TrainerProcesses {
        /// How many are asked for.
        processes: u32,
    },
    /// A process that may hold less than its SQL may use.
    #[error(
        "a process that may hold {limit} has no room for the {memory} that `resources.memory` gives to its SQL: raise this above it, or write less there"
    )]
    NoRoomForSql {
        /// What a process may hold, as written.
        limit: String,
        /// What SQL may use, as written or as the default.
        memory: String,
    },
    /// A weight of positive rows beside a loss that has its own.
    #[error("`positive_weight` belongs to the cross-entropy; the focal loss weighs positive rows by `alpha`")]
    PositiveWeightOfFocalLoss,
    /// A prior for a loss without one.
    #[error("`prior` belongs to the losses nnpu and elkan_noto, and the loss is plain")]
    PriorOfPlainLoss,
    /// Two ways to say how many people that are no seeds are learned from.
    #[error("`negatives` and `negative_rate` exclude one another: keep one")]
    RateAndRatio,
    /// People left out under a loss that needs to know the share of the seeds.
    #[error("the loss elkan_noto learns from all people that are no seeds; leave some out with the loss plain or nnpu")]
    SampledElkanNoto,
    /// One of several campaigns, and no column that tells them apart.
    #[error("`value` is a value of the column `campaign`: name that column")]
    CampaignOfNoColumn,
    /// People as campaigns.
    #[error("`campaign` is the seeds' key: name the column that tells campaigns apart")]
    CampaignIsKey,
    /// A bound on lists where there is one.
    #[error("`max_lists` is for tables of many lists: name their column with `campaign`, without `value`")]
    MaxListsOfOneList,
    /// A task named like a list of a table.
    #[error("the seed lists of task `{table}` become tasks named `{table}_…`: give this task another name")]
    NamedLikeList {
        /// The task that stands for the table.
        table: String,
    },
    /// An alias that moves always and on a condition.
    #[error("the alias `{alias}` is also under `aliases`, and so it would move without the condition")]
    AliasTwice {
        /// The alias.
        alias: String,
    },
    /// A name that the score table uses itself.
    #[error("{} is a column of the score table itself", quoted(.name))]
    Reserved {
        /// The name.
        name: String,
    },
    /// A multiclass task whose classes have a column that is something else too.
    #[error("its scores have a column {} of the task's classes, and there is another one of that name", quoted(.column))]
    OutputTwice {
        /// The column.
        column: String,
    },
    /// Segments whose columns have names that are taken.
    #[error("the score table has a column {} already: give the segments another name", quoted(.column))]
    SegmentColumn {
        /// The column.
        column: String,
    },
    /// A range of numbers of segments without anything to choose from.
    #[error("`from` {from} is not below `to` {to}")]
    SegmentRange {
        /// The lowest number.
        from: u32,
        /// The highest.
        to: u32,
    },
    /// Fewer people than segments can be found in.
    #[error("{k} segments need a sample of at least {least} people")]
    SegmentSample {
        /// The most segments that there may be.
        k: u32,
        /// The fewest people.
        least: u32,
    },
    /// Batches of more people than there are.
    #[error("a batch of {batch_size} is larger than the sample of {sample}")]
    SegmentBatch {
        /// People of a batch.
        batch_size: u32,
        /// People of the sample.
        sample: u32,
    },
    /// How to fit segments that are there already.
    #[error("`{option}` is for fitting segments, and these are those of a run")]
    SegmentsOfRun {
        /// The field.
        option: &'static str,
    },
    /// An option of one format with another.
    #[error("`{option}` belongs to {of}, and the format is {format}")]
    OptionOfAnotherFormat {
        /// The option.
        option: &'static str,
        /// The formats that have it.
        of: &'static str,
        /// The format.
        format: &'static str,
    },
    /// No header and no names.
    #[error("without a header the columns have no names: give `columns`")]
    NoColumnNames,
    /// A header and names.
    #[error("`columns` is for files without a header: leave out `header: true` or `columns`")]
    HeaderAndColumns,
    /// A type for a column that is not among the columns.
    #[error("there is no column {}", quoted(.name))]
    UnknownColumn {
        /// The column as written.
        name: String,
        /// The columns that there are.
        known: Vec<String>,
    },
    /// `rest` above another tier.
    #[error("`rest` takes what the tiers above leave, so it is the last tier")]
    RestNotLast,
    /// Tiers that take more than there is.
    #[error("the tiers take {taken} of the people together, which is more than all")]
    TiersTooLarge {
        /// Their sum.
        taken: f64,
    },
    /// Tiers that leave people out.
    #[error("the tiers take {taken} of the people together; add a last tier with `rest` for the others")]
    TiersTooSmall {
        /// Their sum.
        taken: f64,
    },
    /// A size that the guards never let through.
    #[error("the audience has at most {top} people, and `min_size` {min_size} would always hold it back")]
    SizeBelowMinimum {
        /// `size.top`
        top: u64,
        /// `guards.min_size`
        min_size: u64,
    },
    /// A size that the guards let through only by chance.
    #[error("the audience takes {top} people, and `max_size` {max_size} would hold it back")]
    SizeAboveMaximum {
        /// `size.top`
        top: u64,
        /// `guards.max_size`
        max_size: u64,
    },
    /// Guards that nothing can pass.
    #[error("`max_size` {max_size} is below `min_size` {min_size}")]
    GuardsCross {
        /// `guards.min_size`
        min_size: u64,
        /// `guards.max_size`
        max_size: u64,
    },
    /// An id column named like a column that every published file has.
    #[error("published files have a column {} of their own: give another name with `as`", quoted(.name))]
    IdNameReserved {
        /// The name.
        name: String,
    },
    /// A preset without a column or table that its kind needs.
    #[error("the preset {kind} needs {words}")]
    PresetNeeds {
        /// The preset's kind.
        kind: &'static str,
        /// What states it.
        words: &'static str,
    },
    /// A field of a preset that belongs to another kind.
    #[error("`{option}` belongs to the preset {}, and the kind is {kind}", .of.join(" and "))]
    PresetOption {
        /// The field.
        option: &'static str,
        /// The kinds that have it.
        of: Vec<&'static str>,
        /// The preset's kind.
        kind: &'static str,
    },
    /// A brand or category for the first purchase of anything.
    #[error("`of` is for `scope: brand` and `scope: category`, and the scope is site")]
    PresetOfSite,
    /// Cut-offs for a kind that has its own.
    #[error("the preset {kind} has no choice of cut-offs: {why}")]
    PresetCutOffs {
        /// The preset's kind.
        kind: &'static str,
        /// Why there is none.
        why: &'static str,
    },
    /// A table of customers that nothing is taken from.
    #[error("the preset {kind} takes nothing from this table: state columns to `keep`, or leave it out")]
    PresetTableUnused {
        /// The preset's kind.
        kind: &'static str,
    },
    /// A stated column that has the name of one that the preset makes.
    #[error("the preset makes a column {} itself: give this one another name in a prepare step", quoted(.column))]
    PresetColumn {
        /// The column.
        column: String,
    },
    /// Cut-offs before all calendars.
    #[error("the cut-offs and the window before them reach back beyond the year 1")]
    PresetTooEarly,
    /// Two published columns of one name.
    #[error("two id columns would be named {}: give one another name with `as`", quoted(.name))]
    IdNameTwice {
        /// The name.
        name: String,
    },
}

/// What a column is beside a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// `key`
    Key,
    /// `weight`
    Weight,
    /// The label of a task.
    Label {
        /// The task.
        task: String,
    },
    /// The column that says which part of the split a row is in.
    SplitPart,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key => f.write_str("the key"),
            Self::Weight => f.write_str("the weight"),
            Self::Label { task } => write!(f, "the label of the task `{task}`"),
            Self::SplitPart => f.write_str("the column that splits the rows"),
        }
    }
}

impl Contradiction {
    /// What was probably meant.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownTable { name, known } => Some(choice("tables so far", name, known)),
            Self::UnknownTask { name, known } => Some(choice("tasks", name, known)),
            Self::UnknownColumn { name, known } => Some(choice("columns", name, known)),
            Self::Feature(contradiction) => contradiction.hint(),
            Self::Network(contradiction) => contradiction.hint(),
            Self::TableTwice { .. }
            | Self::MeasureOfAnotherKind { .. }
            | Self::NoGroups { .. }
            | Self::ColumnAsFeature { .. }
            | Self::ColumnTwice { .. }
            | Self::ListedTwice { .. }
            | Self::NothingToTrain { .. }
            | Self::SplitOrder { .. }
            | Self::NoRows { .. }
            | Self::NoFunnel { .. }
            | Self::FunnelOfNetwork { .. }
            | Self::FunnelLoop
            | Self::FunnelOfShares
            | Self::FunnelOfCondition
            | Self::FunnelOfKind { .. }
            | Self::NoWeight
            | Self::NothingShared { .. }
            | Self::Bf16OnCpu
            | Self::TrainerProcesses { .. }
            | Self::NoRoomForSql { .. }
            | Self::PositiveWeightOfFocalLoss
            | Self::PriorOfPlainLoss
            | Self::RateAndRatio
            | Self::SampledElkanNoto
            | Self::CampaignOfNoColumn
            | Self::CampaignIsKey
            | Self::MaxListsOfOneList
            | Self::NamedLikeList { .. }
            | Self::AliasTwice { .. }
            | Self::Reserved { .. }
            | Self::OutputTwice { .. }
            | Self::SegmentColumn { .. }
            | Self::SegmentRange { .. }
            | Self::SegmentSample { .. }
            | Self::SegmentBatch { .. }
            | Self::SegmentsOfRun { .. }
            | Self::OptionOfAnotherFormat { .. }
            | Self::NoColumnNames
            | Self::HeaderAndColumns
            | Self::RestNotLast
            | Self::TiersTooLarge { .. }
            | Self::TiersTooSmall { .. }
            | Self::SizeBelowMinimum { .. }
            | Self::SizeAboveMaximum { .. }
            | Self::GuardsCross { .. }
            | Self::IdNameReserved { .. }
            | Self::IdNameTwice { .. }
            | Self::PresetNeeds { .. }
            | Self::PresetOption { .. }
            | Self::PresetOfSite
            | Self::PresetCutOffs { .. }
            | Self::PresetTableUnused { .. }
            | Self::PresetColumn { .. }
            | Self::PresetTooEarly => None,
        }
    }
}
