//! Feeds deliver every row once, in the stated order, whatever the files, batches and threads; errors end them.
#![allow(missing_docs, clippy::unwrap_used)]

extern crate kindred_feed as feed;

mod common;

use std::sync::Arc;

use common::*;
use feed::{Feed, FeedBatch, FeedError, FeedPlan, Labels, Order, Part};
use proptest::prelude::*;

fn shuffled(epoch: u64, window_rows: usize) -> Order {
    Order::Shuffled { seed: 7, epoch, window_rows }
}

fn collect(plan: FeedPlan, runtime: &tokio::runtime::Runtime) -> Vec<FeedBatch> {
    Feed::open(plan, runtime.handle()).unwrap().collect::<Result<_, _>>().unwrap()
}

fn all_ids(batches: &[FeedBatch]) -> Vec<i64> {
    batches.iter().flat_map(ids).collect()
}

#[test]
fn in_sequence_every_row_comes_once_in_the_order_of_the_files() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 2500, 1000, 300);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    let batches = collect(plan(&table, &fitted, Order::Sequential, None, 2), &runtime);
    assert_eq!(all_ids(&batches), (0..2500).collect::<Vec<_>>());
    batches.iter().for_each(|batch| check_rows(batch, &fitted));
}

#[test]
fn small_row_groups_share_batches_and_large_ones_are_cut() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    // Batches have 100 rows: row groups of 7, 40 and 230.
    for (file, (rows, row_group_rows)) in [(500, 7), (500, 40), (500, 230)].into_iter().enumerate() {
        let path = folder.path().join(format!("part-{file}.parquet"));
        write(&path, &customers(500 * file as i64, rows), row_group_rows);
    }
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    let unlabelled =
        |threads| FeedPlan { labels: Labels::default(), ..plan(&table, &fitted, Order::Sequential, None, threads) };
    let batches = collect(unlabelled(2), &runtime);
    assert_eq!(all_ids(&batches), (0..1500).collect::<Vec<_>>());
    let rows: Vec<usize> = batches.iter().map(FeedBatch::rows).collect();
    // 14 × 7 = 98 at a time; the last 7 + 3 of the file with 40 + 40; 40 + 40 at a time, and with the last 20; then pieces of 230.
    assert_eq!(rows, [98, 98, 98, 98, 98, 90, 80, 80, 80, 80, 100, 100, 100, 30, 100, 100, 70]);
    let of_one_thread: Vec<usize> = collect(unlabelled(1), &runtime).iter().map(FeedBatch::rows).collect();
    assert_eq!(of_one_thread, rows);
}

#[test]
fn shuffled_rows_are_all_rows_in_another_order_every_epoch_but_the_same_for_any_number_of_threads() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 2500, 1000, 300);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    let run = |order, threads| collect(plan(&table, &fitted, order, None, threads), &runtime);
    let batches = run(shuffled(0, 700), 1);
    batches.iter().for_each(|batch| check_rows(batch, &fitted));
    assert!(batches.iter().all(|batch| batch.rows() == 100));
    let order = all_ids(&batches);
    assert_eq!(all_ids(&run(shuffled(0, 700), 4)), order);
    assert_ne!(all_ids(&run(shuffled(1, 700), 4)), order);
    let mut sorted = order;
    sorted.sort_unstable();
    assert_eq!(sorted, (0..2500).collect::<Vec<_>>());
}

#[test]
fn a_window_as_large_as_the_table_mixes_all_rows() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 4000, 4000, 200);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    let order = all_ids(&collect(plan(&table, &fitted, shuffled(0, 1 << 20), None, 2), &runtime));
    // The mean of 1000 of 4000 ids drawn without return: standard deviation 32; six of them.
    let mean = order[..1000].iter().sum::<i64>() / 1000;
    assert!(mean.abs_diff(2000) < 190, "{mean}");
    let neighbours = order.windows(2).filter(|pair| pair[1] - pair[0] == 1).count();
    assert!(neighbours < 10, "{neighbours}");
}

#[test]
fn parts_share_out_the_rows_by_key() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 2000, 2000, 450);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    for order in [Order::Sequential, shuffled(3, 500)] {
        for part in Part::ALL {
            let batches = collect(plan(&table, &fitted, order, Some(part), 2), &runtime);
            batches.iter().for_each(|batch| check_rows(batch, &fitted));
            let mut found = all_ids(&batches);
            let expected: Vec<i64> = (0..2000).filter(|&id| part_of(id) == part).collect();
            if order != Order::Sequential {
                assert_ne!(found, expected);
                found.sort_unstable();
            }
            assert_eq!(found, expected, "{part:?}");
            assert!(batches.iter().all(|batch| (1..=100).contains(&batch.rows())));
        }
    }
}

#[test]
fn selected_rows_fill_batches_within_a_row_group() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 20_000, 20_000, 20_000);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    let batches = collect(plan(&table, &fitted, Order::Sequential, Some(Part::Test), 2), &runtime);
    let full = batches.iter().filter(|batch| batch.rows() == 100).count();
    assert_eq!(full, batches.len() - 1);
}

#[test]
fn a_shard_has_the_rows_of_its_row_groups() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 2000, 1000, 300);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    let files: Vec<_> = table.files().iter().map(|file| (file.file().clone(), file.row_group_rows())).collect();
    let shards = artifacts::plan::shard_plan(&files, 650).shards;
    let rows = |shard: &artifacts::plan::Shard| {
        all_ids(&collect(plan(&table.part(&shard.parts), &fitted, Order::Sequential, None, 2), &runtime))
    };
    assert!(shards.len() > 2);
    assert_eq!(shards.iter().flat_map(rows).collect::<Vec<_>>(), (0..2000).collect::<Vec<_>>());
}

#[test]
fn a_table_without_rows_is_over_at_once() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 100, 100, 100);
    let full = table(folder.path(), &runtime);
    let fitted = fitted(&full, 1, &runtime);
    let empty = tempfile::tempdir().unwrap();
    write(&empty.path().join("none.parquet"), &customers(0, 0), 100);
    let empty = table(empty.path(), &runtime);
    assert!(collect(plan(&empty, &fitted, Order::Sequential, None, 2), &runtime).is_empty());
    assert!(collect(plan(&empty, &fitted, shuffled(0, 10), Some(Part::Train), 2), &runtime).is_empty());
}

/// The first error of a feed over files of which one is spoiled; also checks that nothing follows it.
fn error_of(spoil: impl Fn(&std::path::Path), order: Order) -> FeedError {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 3000, 1000, 200);
    let good = table(folder.path(), &runtime);
    let fitted = fitted(&good, 2, &runtime);
    spoil(folder.path());
    let spoiled = table(folder.path(), &runtime);
    let mut feed = match Feed::open(plan(&spoiled, &fitted, order, None, 2), runtime.handle()) {
        Ok(feed) => feed,
        Err(error) => return error,
    };
    let error = feed.by_ref().find_map(Result::err).expect("an error");
    assert!(feed.next().is_none() && feed.next().is_none());
    error
}

fn replace_middle(column: &str, array: arrow::array::ArrayRef) -> impl Fn(&std::path::Path) {
    let column = column.to_owned();
    move |folder| {
        let batch = customers(1000, array.len());
        let schema = batch.schema();
        let columns = schema.fields().iter().zip(batch.columns()).map(|(field, old)| {
            let new = if field.name() == &column { array.clone() } else { old.clone() };
            (field.name().clone(), new, true)
        });
        let batch = arrow::array::RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        write(&folder.join("part-0001.parquet"), &batch, 200);
    }
}

#[test]
fn labels_that_are_none_are_named_with_file_row_group_and_column_and_end_the_feed() {
    let mut labels = vec![0; 500];
    labels[450] = 7;
    for order in [Order::Sequential, shuffled(0, 100)] {
        let labels = Arc::new(arrow::array::Int32Array::from(labels.clone()));
        let error = error_of(replace_middle("bought", labels), order);
        let message = error.to_string();
        assert!(
            message.contains(
                "part-0001.parquet: row group 2, row 50, column `bought`: the label of binary task `buys` is 7"
            ),
            "{message}"
        );
        assert_eq!(error.class(), artifacts::FailureClass::Input);
    }
}

#[test]
fn a_damaged_row_group_is_named_and_ends_the_feed() {
    let damage = |folder: &std::path::Path| {
        let path = folder.join("part-0001.parquet");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 3;
        bytes[middle..middle + 400].fill(0xff);
        std::fs::write(path, bytes).unwrap();
    };
    for order in [Order::Sequential, shuffled(0, 100)] {
        let message = error_of(damage, order).to_string();
        assert!(message.contains("part-0001.parquet: row group"), "{message}");
    }
}

#[test]
fn missing_columns_and_types_that_differ_between_files_are_named_at_once() {
    let texts = Arc::new(arrow::array::StringArray::from(vec!["x"; 100]));
    let message = error_of(replace_middle("age", texts), Order::Sequential).to_string();
    assert!(message.contains("`age`") && message.contains("part-0001.parquet"), "{message}");
    let without = |folder: &std::path::Path| {
        let batch = customers(1000, 100).project(&[0, 1, 2, 3, 4, 6]).unwrap();
        write(&folder.join("part-0001.parquet"), &batch, 200);
    };
    let message = error_of(without, Order::Sequential).to_string();
    assert!(message.contains("part-0001.parquet has no column `bought`"), "{message}");
}

#[test]
fn a_dropped_feed_stops_all_its_threads_and_lets_go_of_its_files() {
    let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
    write_customers(folder.path(), 60_000, 60_000, 1000);
    let table = table(folder.path(), &runtime);
    let fitted = fitted(&table, 2, &runtime);
    for order in [Order::Sequential, shuffled(0, 5000)] {
        for taken in [0, 1, 30] {
            let mut feed = Feed::open(plan(&table, &fitted, order, None, 3), runtime.handle()).unwrap();
            (0..taken).for_each(|_| assert!(feed.next().unwrap().is_ok()));
            drop(feed);
            // The runtime drops an aborted task a moment after; what it held is let go of then.
            let file = &table.files()[0];
            let started = std::time::Instant::now();
            while Arc::strong_count(file) > 1 {
                assert!(started.elapsed().as_secs() < 20, "{order:?}, {taken} taken: the file is still held");
                std::thread::yield_now();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_cut_into_row_groups_batches_and_threads_delivers_the_same_rows(
        rows in 1usize..900,
        row_group_rows in 1usize..400,
        batch_rows in 1usize..300,
        window_rows in 1usize..1200,
        threads in 1usize..5,
    ) {
        let (folder, runtime) = (tempfile::tempdir().unwrap(), runtime());
        write_customers(folder.path(), rows, 350, row_group_rows);
        let table = table(folder.path(), &runtime);
        let whole = fit_plan(&table, 1);
        prop_assume!(feed::fit_encoders(whole, runtime.handle()).is_ok());
        let fitted = fitted(&table, 1, &runtime);
        let run = |order, threads| {
            let mut plan = plan(&table, &fitted, order, None, threads);
            plan.batch_rows = batch_rows;
            collect(plan, &runtime)
        };
        let expected: Vec<i64> = (0..rows as i64).collect();
        prop_assert_eq!(all_ids(&run(Order::Sequential, threads)), expected.clone());
        let batches = run(shuffled(1, window_rows), threads);
        batches.iter().for_each(|batch| check_rows(batch, &fitted));
        prop_assert!(batches[..batches.len() - 1].iter().all(|batch| batch.rows() == batch_rows));
        let mut found = all_ids(&batches);
        prop_assert_eq!(&all_ids(&run(shuffled(1, window_rows), 1)), &found);
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}
