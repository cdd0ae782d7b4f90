//! Seed lists that no task was trained for: read and learned once, when a run is planned, and frozen; every shard's people are
//! scored for all of them, from the embeddings that the model computes anyway or by networks that were fine-tuned to them.

mod learn;
mod learned;
mod people;
mod roll;

use std::collections::BTreeSet;

use query::{KeySet, ListsWanted, Session};
use spec::TaskName;
use spec::scoring::SeedLists;
use spec::task::lists::name_of;
use worker::Progress;

use crate::error::{Result, ScorerError};
use crate::run::Run;
pub(crate) use learn::learn;
pub use learned::LearnedLists;
use roll::Roll;

/// A list with people of the population on it.
pub(crate) struct SeedList {
    /// The column of its scores.
    name: TaskName,
    /// Where the document says how it is learned.
    declared: TaskName,
    /// All on the list.
    keys: KeySet,
    /// The hashes of those who are in the population, ascending.
    found: Vec<u128>,
}

impl SeedList {
    /// The column of its scores.
    pub(crate) fn name(&self) -> &TaskName {
        &self.name
    }
}

/// Reads the seed lists and looks their people up in the population; small ones are left out and noted.
///
/// # Errors
///
/// Tables that cannot be read; lists without people, or with names that are none or the same.
pub(crate) async fn read(run: &Run, session: &Session, progress: &Progress) -> Result<Vec<SeedList>> {
    let spec = run.spec();
    let mut lists = Vec::new();
    for (name, declared) in &spec.seed_lists {
        lists.extend(read_lists(run, session, name, declared).await?);
    }
    if lists.is_empty() {
        return Ok(lists);
    }
    refuse_same_names(&lists)?;
    progress.phase("find seeds", "rows", None);
    let population = spec::KeyTable { table: spec.population.clone(), key: None };
    let mut roll = Roll::new(lists.iter().map(|list| &list.keys));
    session.each_key(&population, &spec.key, |hash| roll.call(hash)).await?;
    for (list, found) in lists.iter_mut().zip(roll.finish()) {
        list.found = found;
    }
    keep_large(run, lists, progress)
}

async fn read_lists(run: &Run, session: &Session, name: &TaskName, declared: &SeedLists) -> Result<Vec<SeedList>> {
    let (seeds, key) = (&declared.seeds, &run.spec().key);
    let list = |column: TaskName, keys| SeedList { name: column, declared: name.clone(), keys, found: Vec::new() };
    let Some(column) = &seeds.campaign else {
        return Ok(vec![list(name.clone(), session.read_keys(&seeds.keys(), key).await?)]);
    };
    let wanted = ListsWanted { column, only: seeds.value.as_deref(), most: seeds.most_lists() };
    let read = session.read_key_lists(&seeds.keys(), key, &wanted).await?;
    let named = |(value, keys): (String, KeySet)| match seeds.value {
        Some(_) => Ok(list(name.clone(), keys)),
        None => Ok(list(name_of(name, &value)?, keys)),
    };
    read.lists.into_iter().map(named).collect()
}

fn refuse_same_names(lists: &[SeedList]) -> Result<()> {
    let mut names = BTreeSet::new();
    match lists.iter().find(|list| !names.insert(&list.name)) {
        None => Ok(()),
        Some(list) => Err(ScorerError::SameList { name: list.name.clone() }),
    }
}

/// Leaves lists out that have too few people in the population.
fn keep_large(run: &Run, lists: Vec<SeedList>, progress: &Progress) -> Result<Vec<SeedList>> {
    let mut kept = Vec::new();
    for list in lists {
        let seeds = &run.spec().seed_lists[&list.declared].seeds;
        let (found, least) = (list.found.len(), seeds.least_seeds());
        if found as u64 >= least {
            kept.push(list);
        } else if seeds.lists().is_some() {
            progress.note(format!(
                "{} is left out: {found} of its seeds are in the population, fewer than {least}",
                list.name
            ));
        } else {
            return Err(ScorerError::FewSeeds { name: list.name, found, least });
        }
    }
    let is_left = |name: &&TaskName| kept.iter().any(|list| list.declared == **name);
    match run.spec().seed_lists.keys().find(|name| !is_left(name)) {
        None => Ok(kept),
        Some(name) => Err(ScorerError::NoSeeds { name: name.clone() }),
    }
}
