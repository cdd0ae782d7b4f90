//! A task that learns from a share of its negative rows gets every positive and that share, by key; what is measured
//! gets all rows.
#![allow(missing_docs, clippy::unwrap_used)]

extern crate kindred_feed as feed;

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use artifacts::keys::{hash_text, seed_of, unit_interval};
use common::*;
use feed::{Feed, FeedPlan, Fitted, Labels, Order, Part, RowSets, Seeds, fit_encoders};

const ROWS: i64 = 4000;

/// Whether a rate leaves a negative row in.
fn is_kept(id: i64, rate: f64) -> bool {
    unit_interval(hash_text(id.to_string().as_bytes(), seed_of("negative_rate", ""))) < rate
}

fn sampled(tasks: serde_json::Value) -> Labels {
    Labels::new(&serde_json::from_value(tasks).unwrap(), None, &key(), &RowSets::default()).unwrap()
}

struct Table {
    table: feed::Table,
    runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
}

impl Table {
    fn new() -> Self {
        let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
        write_customers(folder.path(), ROWS as usize, 1500, 400);
        Self { table: table(folder.path(), &runtime), runtime, _folder: folder }
    }

    fn fit(&self, labels: &Labels) -> Fitted {
        let plan = feed::FitPlan { labels: labels.clone(), ..fit_plan(&self.table, 2) };
        fit_encoders(plan, self.runtime.handle()).unwrap()
    }

    /// For each training row that comes its id with what it counts for each task.
    fn rows(&self, labels: &Labels, order: Order, learning: bool) -> Vec<(i64, Vec<f32>)> {
        let fitted = self.fit(labels);
        let plan = FeedPlan {
            labels: labels.clone(),
            learning,
            encoders: Arc::new(fitted.encoders.clone()),
            ..plan(&self.table, &fitted, order, Some(Part::Train), 3)
        };
        let mut found = Vec::new();
        for batch in Feed::open(plan, self.runtime.handle()).unwrap() {
            let batch = batch.unwrap();
            let (ids, observed) = (ids(&batch), &batch.batch.targets.observed);
            let counts = |row: usize| (0..labels.tasks()).map(|task| observed[task * ids.len() + row]).collect();
            found.extend(ids.iter().enumerate().map(|(row, &id)| (id, counts(row))));
        }
        found.sort_by_key(|(id, _)| *id);
        found
    }
}

fn shuffled() -> Order {
    Order::Shuffled { seed: 3, epoch: 1, window_rows: 900 }
}

#[test]
fn every_positive_and_the_share_of_the_negatives_is_learned_from() {
    let table = Table::new();
    let labels = sampled(serde_json::json!({"buys": {"kind": "binary", "label": "bought", "negative_rate": 0.25}}));
    let is_positive = |id: &i64| id % 3 == 0;
    let expected: Vec<i64> = (0..ROWS)
        .filter(|&id| part_of(id) == Part::Train && id % 9 != 0 && (is_positive(&id) || is_kept(id, 0.25)))
        .collect();
    for order in [shuffled(), Order::Sequential] {
        let found = table.rows(&labels, order, true);
        assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), expected);
        assert!(found.iter().all(|(_, counts)| counts == &[1.0]));
    }
    let negatives = expected.iter().filter(|id| !is_positive(id)).count() as f64;
    let of = (0..ROWS).filter(|&id| part_of(id) == Part::Train && id % 3 != 0).count() as f64;
    // Standard deviation of a share of 1867 rows: 0.01; five of them.
    assert!((negatives / of - 0.25).abs() < 0.05, "{}", negatives / of);
    let fitted = table.fit(&labels);
    assert_eq!((fitted.learned_rows, fitted.train.tasks[0].learned), (expected.len() as u64, expected.len() as u64));
}

#[test]
fn what_is_measured_has_all_rows() {
    let table = Table::new();
    let labels = sampled(serde_json::json!({"buys": {"kind": "binary", "label": "bought", "negative_rate": 0.25}}));
    let training: Vec<i64> = (0..ROWS).filter(|&id| part_of(id) == Part::Train).collect();
    let found = table.rows(&labels, Order::Sequential, false);
    assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), training);
    assert!(found.iter().all(|(id, counts)| (counts[0] > 0.0) == (id % 9 != 0)));
}

#[test]
fn a_row_that_one_task_leaves_out_still_teaches_another_and_lower_rates_are_parts_of_higher_ones() {
    let table = Table::new();
    let labels = sampled(serde_json::json!({
        "half": {"kind": "binary", "label": "bought", "negative_rate": 0.5},
        "tenth": {"kind": "binary", "label": "bought", "negative_rate": 0.1},
        "spends": {"kind": "value", "label": "spend"},
    }));
    let found = table.rows(&labels, shuffled(), true);
    let taught = |task: usize| -> BTreeSet<i64> {
        found.iter().filter(|(_, counts)| counts[task] > 0.0).map(|(id, _)| *id).collect()
    };
    assert!(taught(1).is_subset(&taught(0)) && taught(1).len() < taught(0).len());
    let training = || (0..ROWS).filter(|&id| part_of(id) == Part::Train);
    assert_eq!(taught(2), training().filter(|id| id % 8 != 0).collect());
    assert!(found.iter().all(|(_, counts)| counts.iter().any(|&count| count > 0.0)));
}

#[test]
fn seeds_always_teach_and_people_who_are_excluded_never_as_negatives() {
    let table = Table::new();
    let of = |step: i64| {
        let set: BTreeSet<u128> =
            (0..ROWS).step_by(step as usize).map(|id| hash_text(id.to_string().as_bytes(), 0)).collect();
        BTreeMap::from([("alike".parse().unwrap(), Seeds::new(move |hash| set.contains(&hash)))])
    };
    let sets = RowSets { seeds: of(17), excluded: of(5), ..RowSets::default() };
    let tasks = serde_json::json!({
        "alike": {"kind": "lookalike", "seeds": {"table": "seeds"}, "negative_rate": 0.5}
    });
    let labels = Labels::new(&serde_json::from_value(tasks).unwrap(), None, &key(), &sets).unwrap();
    let training = || (0..ROWS).filter(|&id| part_of(id) == Part::Train);
    let is_seed = |id: &i64| id % 17 == 0;
    let learned: Vec<i64> = training().filter(|id| is_seed(id) || id % 5 != 0 && is_kept(*id, 0.5)).collect();
    let found = table.rows(&labels, shuffled(), true);
    assert_eq!(found.iter().map(|(id, _)| *id).collect::<Vec<_>>(), learned);
    let counts = table.fit(&labels).train.tasks[0].clone();
    let observed = training().filter(|id| is_seed(id) || id % 5 != 0).count() as u64;
    assert_eq!((counts.observed, counts.positives), (observed, training().filter(is_seed).count() as u64));
}

#[test]
fn a_rate_that_leaves_no_negatives_is_refused() {
    let table = Table::new();
    let labels = sampled(serde_json::json!({"buys": {"kind": "binary", "label": "bought", "negative_rate": 1e-9}}));
    let plan = feed::FitPlan { labels, ..fit_plan(&table.table, 2) };
    let message = fit_encoders(plan, table.runtime.handle()).unwrap_err().to_string();
    assert!(message.starts_with("task `buys`: `negative_rate` leaves none of the"), "{message}");
}
