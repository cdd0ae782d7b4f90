//! What fitted encoders must not hold: an `encoders.json` may come from anywhere.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;

use indexmap::IndexMap;
use spec::feature::{Pool, SequencePool};
use spec::{EmbeddingTableName, FeatureName, TaskName};

use super::{Encoding, FeatureIds, FittedFeature, FittedTable, Ids};
use crate::encode::classes::Classes;
use crate::encode::error::InvalidEncoders;
use crate::encode::ids::Vocabulary;

/// The shared tables by name.
type Tables<'a> = BTreeMap<&'a EmbeddingTableName, &'a FittedTable>;

/// Refuses features and shared tables that contradict themselves or one another.
pub(super) fn check(tables: &[FittedTable], features: &[FittedFeature]) -> Result<(), InvalidEncoders> {
    let mut shared = Tables::new();
    for table in tables {
        let twice = shared.insert(&table.name, table).map(|_| "its name is taken");
        if let Some(problem) = twice.or_else(|| table_problem(table.width, &table.ids)) {
            return Err(InvalidEncoders::Table { table: table.name.clone(), problem });
        }
    }
    let mut names = BTreeSet::new();
    for feature in features {
        if !names.insert(&feature.name) {
            return Err(InvalidEncoders::Twice { feature: feature.name.clone() });
        }
        if let Some(problem) = problem(feature, &shared).or_else(|| attention_problem(feature, features)) {
            return Err(InvalidEncoders::Feature { feature: feature.name.clone(), problem });
        }
    }
    Ok(())
}

fn problem(feature: &FittedFeature, shared: &Tables<'_>) -> Option<&'static str> {
    let columns = |count: usize| (feature.columns.len() != count).then_some("it reads another number of columns");
    match &feature.encoding {
        Encoding::Numeric(numeric) => columns(1).or_else(|| numeric.problem()),
        Encoding::Timestamp(timestamp) => columns(1).or_else(|| timestamp.problem()),
        Encoding::Vector(vector) => columns(1).or_else(|| vector.problem()),
        Encoding::Buckets(buckets) => columns(1).or_else(|| buckets.problem()),
        Encoding::Sequence(sequence) => columns(1).or_else(|| ids_problem(sequence.width, &sequence.ids, shared)),
        Encoding::Categorical(categorical) => {
            columns(1).or_else(|| ids_problem(categorical.width, &categorical.ids, shared))
        }
        Encoding::Bag(bag) => {
            let count = if bag.pool == Pool::Weighted { 2 } else { 1 };
            columns(count).or_else(|| ids_problem(bag.width, &bag.ids, shared))
        }
        Encoding::Cross(_) if feature.columns.is_empty() => Some("a cross of no columns"),
        Encoding::Cross(cross) => {
            let ids = Ids::Hash { buckets: cross.buckets, seed: cross.seed };
            match &cross.table {
                None => table_problem(cross.width, &ids),
                Some(name) => shared_problem(cross.width, Some(&ids), name, shared),
            }
        }
    }
}

/// What is wrong with a sequence's attention among its features.
fn attention_problem(feature: &FittedFeature, features: &[FittedFeature]) -> Option<&'static str> {
    let Encoding::Sequence(sequence) = &feature.encoding else { return None };
    let is_one_id = |encoding: &Encoding| matches!(encoding, Encoding::Categorical(_) | Encoding::Cross(_));
    let is_there =
        |target: &FeatureName| features.iter().any(|other| other.name == *target && is_one_id(&other.encoding));
    let sequence_of = |name: &FeatureName| {
        let other = features.iter().find(|other| other.name == *name)?;
        if let Encoding::Sequence(other) = &other.encoding { Some(other) } else { None }
    };
    let is_led = |name| sequence_of(name).is_some_and(|leader| leader.with.contains(&feature.name));
    let leads = |name| {
        let other = sequence_of(name);
        other.is_some_and(|other| {
            other.steps_of.as_ref() == Some(&feature.name) && other.max_length == sequence.max_length
        })
    };
    match sequence.pool {
        _ if !sequence.steps_of.as_ref().is_none_or(is_led) => {
            Some("the sequence whose steps it shares does not say so")
        }
        SequencePool::Mean if !sequence.with.is_empty() => Some("an average of several sequences"),
        SequencePool::Attention | SequencePool::SelfAttention if sequence.steps_of.is_some() => {
            Some("it shares steps and says itself how they are pooled")
        }
        _ if !sequence.with.iter().all(leads) => Some("sequences of its steps are not there, or of another length"),
        _ if sequence.heads == Some(0) => Some("attention of no heads"),
        SequencePool::Attention if !sequence.target.as_ref().is_none_or(is_there) => {
            Some("its target is no feature of one id")
        }
        SequencePool::Mean | SequencePool::Attention | SequencePool::SelfAttention => None,
    }
}

fn ids_problem(width: u16, ids: &FeatureIds, shared: &Tables<'_>) -> Option<&'static str> {
    match ids {
        FeatureIds::Own(ids) => table_problem(width, ids),
        FeatureIds::Table(name) => shared_problem(width, None, name, shared),
    }
}

/// What is wrong with a feature of this width, and of these ids if it has its own, in a shared table.
fn shared_problem(
    width: u16,
    ids: Option<&Ids>,
    name: &EmbeddingTableName,
    shared: &Tables<'_>,
) -> Option<&'static str> {
    match shared.get(name) {
        None => Some("its table is not there"),
        Some(table) if table.width != width => Some("its table has another width"),
        Some(table) => ids.filter(|ids| table.ids != **ids).map(|_| "its table has other ids"),
    }
}

fn table_problem(width: u16, ids: &Ids) -> Option<&'static str> {
    match ids {
        _ if width == 0 => Some("a table of width 0"),
        Ids::Hash { buckets: 0, .. } => Some("no buckets"),
        Ids::Hash { .. } => None,
        Ids::Vocabulary(vocabulary) => has_repeats(vocabulary).then_some("a value appears twice in the vocabulary"),
    }
}

/// Refuses classes of multiclass tasks that contradict themselves.
pub(super) fn check_classes(classes: &IndexMap<TaskName, Classes>) -> Result<(), InvalidEncoders> {
    match classes.iter().find(|(_, classes)| !classes.is_valid() || has_repeats(&classes.values)) {
        Some((task, _)) => Err(InvalidEncoders::Classes { task: task.clone() }),
        None => Ok(()),
    }
}

fn has_repeats(vocabulary: &Vocabulary) -> bool {
    fn repeats<T: Hash + Eq>(values: &[T]) -> bool {
        let mut seen = HashSet::with_capacity(values.len());
        !values.iter().all(|value| seen.insert(value))
    }
    match vocabulary {
        Vocabulary::Integers(values) => repeats(values),
        Vocabulary::Texts(values) => repeats(values),
    }
}
