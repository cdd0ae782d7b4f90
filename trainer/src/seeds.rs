//! The seeds of lookalike tasks: lists read, counted among the examples, small ones left out, one task made of each.

mod census;
mod quality;
mod signs;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use indexmap::IndexMap;
use query::{InspectOptions, KeySet, ListsWanted, Session};
use spec::task::lists::name_of;
use spec::task::{LookalikeTask, SeedTable};
use spec::{KeyTable, Task, TaskName, TrainingSpec};

use crate::error::{Result, TrainerError};
pub use quality::{SeedQuality, Sign};
pub(crate) use quality::{Sighting, warnings};

use census::{Census, Counted};

/// The seed lists of a document.
pub(crate) struct SeedLists {
    /// The document with one task a list, and the share of negatives that each learns from.
    pub(crate) spec: TrainingSpec,
    /// By task, in the document's order.
    pub(crate) lists: IndexMap<TaskName, SeedList>,
    /// Lists that are too small.
    pub(crate) left_out: Vec<LeftOut>,
}

/// One task's seeds.
pub(crate) struct SeedList {
    pub(crate) keys: Arc<KeySet>,
    /// People who are no negatives.
    pub(crate) excluded: Option<Arc<KeySet>>,
    quality: SeedQuality,
}

/// A list that has too few seeds among the examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    task: TaskName,
    value: String,
    found: u64,
    least: u64,
}

impl LeftOut {
    /// The place in the document.
    pub(crate) fn path(&self) -> String {
        format!("spec.tasks.{}.seeds", self.task)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { task, value, found, least } = self;
        write!(
            f,
            "Campaign {value} of {task} is left out: {found} of its seeds are in the examples, fewer than {least}."
        )
    }
}

/// A list as it was read, before it is counted.
struct ReadList {
    /// The task in the document.
    task: TaskName,
    /// The campaign, where the task's table has several.
    value: Option<String>,
    keys: Arc<KeySet>,
    excluded: Option<Arc<KeySet>>,
}

/// Reads the seeds of all lookalike tasks and counts them among the examples.
///
/// # Errors
///
/// Tables that cannot be read; empty lists; lists that are too small where they are not one of many; campaigns that make no names.
pub(crate) async fn read(session: &Session, spec: &TrainingSpec) -> Result<SeedLists> {
    let mut read = Vec::new();
    for (name, task) in &spec.tasks {
        if let Task::Lookalike(task) = task {
            read.extend(read_task(session, spec, name, task).await?);
        }
    }
    if read.is_empty() {
        return Ok(SeedLists { spec: spec.clone(), lists: IndexMap::new(), left_out: Vec::new() });
    }
    let mut census = Census::new(read.iter().map(|list| (&list.keys, list.excluded.as_ref())));
    let examples = KeyTable { table: spec.examples.clone(), key: None };
    session.each_key(&examples, &spec.key, |hash| census.add(hash)).await?;
    let counted = census.finish();
    let (kept, left_out) = large_enough(spec, read.into_iter().zip(counted).collect())?;
    let sample = sample(session, spec).await?;
    name_lists(spec, kept, left_out, sample.as_ref())
}

async fn read_task(
    session: &Session,
    spec: &TrainingSpec,
    name: &TaskName,
    task: &LookalikeTask,
) -> Result<Vec<ReadList>> {
    let excluded = read_excluded(session, spec, task).await?;
    let SeedTable { campaign, value, .. } = &task.seeds;
    let mut lists: Vec<(Option<String>, KeySet)> = match campaign {
        None => vec![(None, session.read_keys(&task.seeds.keys(), &spec.key).await?)],
        Some(column) => {
            let wanted = ListsWanted { column, only: value.as_deref(), most: task.seeds.most_lists() };
            let read = session.read_key_lists(&task.seeds.keys(), &spec.key, &wanted).await?;
            read.lists.into_iter().map(|(value, keys)| (Some(value), keys)).collect()
        }
    };
    let table = task.seeds.table.clone();
    if let (Some(value), []) = (value, &lists[..]) {
        return Err(TrainerError::NoCampaign { task: name.clone(), table, value: value.clone() });
    }
    if lists.iter().all(|(_, keys)| keys.is_empty()) {
        return Err(TrainerError::NoSeeds { task: name.clone(), table });
    }
    lists.sort_by_cached_key(|(value, _)| value.as_ref().map(|value| (value.parse::<i64>().ok(), value.clone())));
    let list = |(value, keys)| ReadList { task: name.clone(), value, keys: Arc::new(keys), excluded: excluded.clone() };
    Ok(lists.into_iter().map(list).collect())
}

async fn read_excluded(session: &Session, spec: &TrainingSpec, task: &LookalikeTask) -> Result<Option<Arc<KeySet>>> {
    let mut hashes = Vec::new();
    for table in &task.exclude {
        hashes.extend_from_slice(session.read_keys(table, &spec.key).await?.hashes());
    }
    Ok((!task.exclude.is_empty()).then(|| Arc::new(KeySet::from_hashes(hashes))))
}

type CountedList = (ReadList, Counted);

/// Parts lists that are large enough from those that are left out.
fn large_enough(spec: &TrainingSpec, lists: Vec<CountedList>) -> Result<(Vec<CountedList>, Vec<LeftOut>)> {
    let (mut kept, mut left_out): (Vec<CountedList>, _) = (Vec::new(), Vec::new());
    for (list, counted) in lists {
        let Some(seeds) = spec.tasks.get(&list.task).and_then(Task::seeds) else { continue };
        let (task, found, least) = (list.task.clone(), counted.people, seeds.least_seeds());
        if found >= least || seeds.min_size.is_none() && seeds.lists().is_none() {
            kept.push((list, counted));
        } else if let Some(value) = list.value.clone().filter(|_| seeds.lists().is_some()) {
            left_out.push(LeftOut { task, value, found, least });
        } else {
            return Err(TrainerError::FewSeeds { task, found, least });
        }
    }
    match left_out.iter().find(|out| kept.iter().all(|(list, _)| list.task != out.task)) {
        None => Ok((kept, left_out)),
        Some(LeftOut { task, least, .. }) => {
            let lists = left_out.iter().filter(|out| out.task == *task).count();
            let table = spec.tasks[task].seeds().map(|seeds| seeds.table.clone()).unwrap_or(spec.examples.clone());
            Err(TrainerError::NoListLeft { task: task.clone(), table, lists, least: *least })
        }
    }
}

/// Some rows of the examples.
async fn sample(session: &Session, spec: &TrainingSpec) -> Result<Option<RecordBatch>> {
    let inspection = session.inspect(&spec.examples, &InspectOptions::default()).await?;
    let Some(first) = inspection.sample.first() else { return Ok(None) };
    Ok(concat_batches(&first.schema(), &inspection.sample).ok())
}

/// Makes a task of each list, and says how many negatives it learns from.
fn name_lists(
    spec: &TrainingSpec,
    kept: Vec<CountedList>,
    left_out: Vec<LeftOut>,
    sample: Option<&RecordBatch>,
) -> Result<SeedLists> {
    let mut values: BTreeMap<TaskName, Vec<String>> = BTreeMap::new();
    let is_table = |task: &TaskName| spec.tasks[task].seeds().is_some_and(|seeds| seeds.lists().is_some());
    for (list, _) in kept.iter().filter(|(list, _)| is_table(&list.task)) {
        values.entry(list.task.clone()).or_default().extend(list.value.clone());
    }
    let mut expanded = spec.with_lists(&values)?;
    let mut lists = IndexMap::new();
    for (list, counted) in kept {
        let name = match &list.value {
            Some(value) if is_table(&list.task) => name_of(&list.task, value)?,
            _ => list.task.clone(),
        };
        let Some(Task::Lookalike(task)) = expanded.tasks.get_mut(&name) else { continue };
        if let Some(negatives) = task.negatives.take() {
            task.negative_rate = negatives.rate(counted.rows, counted.others());
        }
        let mut quality = SeedQuality::of(task, &list.keys, &counted);
        if let Some(sample) = sample {
            quality.signs = signs::find(spec, sample, &list.keys, list.excluded.as_deref());
        }
        lists.insert(name, SeedList { keys: list.keys, excluded: list.excluded, quality });
    }
    Ok(SeedLists { spec: expanded, lists, left_out })
}

impl SeedLists {
    /// What is known of each list.
    pub(crate) fn qualities(&self) -> IndexMap<TaskName, SeedQuality> {
        self.lists.iter().map(|(task, list)| (task.clone(), list.quality.clone())).collect()
    }

    /// What a reader of a run's log should know, a line a list.
    pub(crate) fn notes(&self) -> Vec<String> {
        let lists = self.lists.iter().map(|(task, list)| format!("{task}: {}", list.quality));
        lists.chain(self.left_out.iter().map(ToString::to_string)).collect()
    }
}
