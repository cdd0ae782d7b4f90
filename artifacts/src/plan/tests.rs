use proptest::prelude::*;

use super::*;

fn file(number: usize) -> InputFile {
    InputFile { url: format!("file:///data/{number}.parquet"), size: 1, etag: None, last_modified: None }
}

fn plan(files: &[&[u64]], shard_rows: u64) -> ShardPlan {
    let files: Vec<_> = files.iter().enumerate().map(|(at, groups)| (file(at), groups.to_vec())).collect();
    shard_plan(&files, shard_rows)
}

fn rows(plan: &ShardPlan) -> Vec<u64> {
    plan.shards.iter().map(|shard| shard.rows).collect()
}

#[test]
fn row_groups_are_joined_up_to_the_limit_and_across_files() {
    let plan = plan(&[&[40, 40, 40], &[20, 70]], 100);
    assert_eq!(rows(&plan), [80, 60, 70]);
    let parts: Vec<_> =
        plan.shards[1].parts.iter().map(|part| (part.file, part.row_groups.clone(), part.rows)).collect();
    assert_eq!(parts, [(0, 2..3, 40), (1, 0..1, 20)]);
    assert_eq!(plan.shards[2].first_row, 140);
}

#[test]
fn a_row_group_over_the_limit_is_a_shard_of_its_own() {
    assert_eq!(rows(&plan(&[&[10, 500, 10]], 100)), [10, 500, 10]);
    assert_eq!(rows(&plan(&[&[5, 5]], 0)), [5, 5]);
}

#[test]
fn a_population_without_rows_has_no_shards() {
    for files in [&[][..], &[&[][..]], &[&[0, 0][..], &[0]]] {
        let plan = plan(files, 100);
        assert!(plan.shards.is_empty() && plan.rows == 0);
    }
}

#[test]
fn the_digest_tells_plans_apart_and_survives_storage() {
    let first = plan(&[&[40, 40]], 100);
    assert_ne!(first.digest, plan(&[&[40, 41]], 100).digest);
    assert_ne!(first.digest, plan(&[&[40, 40]], 99).digest);
    let stored: ShardPlan = serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap();
    assert_eq!(stored, first);
    assert_eq!(stored.content_digest(), first.digest);
}

proptest! {
    #[test]
    fn shards_have_every_row_once_in_order_and_within_bounds(
        files in prop::collection::vec(prop::collection::vec(0u64..50, 0..12), 0..8),
        shard_rows in 0u64..120,
    ) {
        let slices: Vec<&[u64]> = files.iter().map(Vec::as_slice).collect();
        let plan = plan(&slices, shard_rows);

        let all = files.iter().enumerate().flat_map(|(file, groups)| (0..groups.len()).map(move |group| (file, group)));
        let expected: Vec<_> = all.filter(|(file, group)| files[*file][*group] > 0).collect();
        let parts = plan.shards.iter().flat_map(|shard| &shard.parts);
        let covered: Vec<_> = parts.flat_map(|part| part.row_groups.clone().map(move |group| (part.file, group))).collect();
        prop_assert_eq!(covered, expected);

        let mut first_row = 0;
        for (number, shard) in plan.shards.iter().enumerate() {
            let rows_of = |part: &ShardPart| files[part.file][part.row_groups.clone()].iter().sum::<u64>();
            prop_assert_eq!(shard.id, ShardId(number as u64));
            prop_assert_eq!(shard.first_row, first_row);
            prop_assert_eq!(shard.parts.iter().map(|part| part.rows).sum::<u64>(), shard.rows);
            prop_assert!(shard.parts.iter().all(|part| part.rows == rows_of(part) && part.rows > 0));
            let groups: usize = shard.parts.iter().map(|part| part.row_groups.len()).sum();
            prop_assert!(shard.rows <= shard_rows || groups == 1);
            first_row += shard.rows;
        }
        prop_assert_eq!(plan.rows, first_row);
        prop_assert_eq!(plan.rows, files.iter().flatten().sum::<u64>());
    }

    #[test]
    fn no_two_neighbours_would_fit_into_one_shard(
        groups in prop::collection::vec(1u64..50, 1..30),
        shard_rows in 1u64..120,
    ) {
        let plan = plan(&[&groups], shard_rows);
        for pair in plan.shards.windows(2) {
            let next = groups[pair[1].parts[0].row_groups.start];
            prop_assert!(pair[0].rows + next > shard_rows);
        }
    }
}
