//! Merge keys (`<<`) and what aliases bring in.

use std::collections::BTreeSet;

use crate::mistake::Mistake;
use crate::node::{Entry, Node, Value};
use crate::problem::Place;

/// Adds what stands under a `<<` to the mappings to merge.
pub(super) fn collect(node: Node, merged: &mut Vec<Node>) -> Option<(Place, Mistake)> {
    let place = node.place.clone();
    let mappings = match node.value {
        Value::List(items) => items,
        Value::Map(_) => vec![node],
        _ => return Some((place, Mistake::Merge)),
    };
    let (good, bad): (Vec<Node>, Vec<Node>) =
        mappings.into_iter().partition(|node| matches!(node.value, Value::Map(_)));
    merged.extend(good);
    bad.into_iter().next().map(|node| (node.place, Mistake::Merge))
}

/// The entries of a mapping after those of its merged mappings: own ones win, then earlier ones.
pub(super) fn merge(mut entries: Vec<Entry>, merged: Vec<Node>) -> Vec<Entry> {
    if merged.is_empty() {
        return entries;
    }
    let mut names: BTreeSet<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    for mapping in merged {
        if let Value::Map(others) = mapping.value {
            entries.extend(others.into_iter().filter(|other| names.insert(other.name.clone())));
        }
    }
    entries
}

/// How many values a tree holds, long texts counted as several.
pub(super) fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
        Value::Text(text) | Value::Number(_, text) | Value::Parameter(_, text) => size_of_text(text),
        Value::Null | Value::Unknown | Value::Boolean(_) => 1,
    }
}

/// A text's share in [`size`].
pub(super) fn size_of_text(text: &str) -> usize {
    1 + text.len() / 256
}

/// How many lists and mappings are in one another.
pub(super) fn depth(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.node)).max().unwrap_or(0),
        _ => 0,
    }
}
