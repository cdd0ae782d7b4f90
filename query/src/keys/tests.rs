use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use proptest::prelude::*;
use serde_json::json;
use spec::ColumnName;

use super::*;
use crate::sandbox::{Sandbox, batch, chain, name, source};

fn key_table(table: &str, key: Option<&str>) -> KeyTable {
    KeyTable { table: name(table), key: key.map(|key| key.parse().unwrap()) }
}

fn column(text: &str) -> ColumnName {
    text.parse().unwrap()
}

fn members(set: &KeySet, keys: ArrayRef) -> Vec<bool> {
    set.contains_column(&keys).unwrap().iter().map(|is_in| is_in.unwrap()).collect()
}

#[tokio::test]
async fn distinct_keys_are_kept_and_duplicates_and_nulls_are_counted() {
    let sandbox = Sandbox::new();
    let ids = Int64Array::from(vec![Some(7), None, Some(3), Some(7), Some(7), None]);
    sandbox.write_parquet("best.parquet", &[batch(vec![("Customer Id", Arc::new(ids))])], 2);
    let mut session = sandbox.session();
    session.add_table(&name("best"), &source(json!({"url": sandbox.url("best.parquet")}))).await.unwrap();
    let set = session.read_keys(&key_table("best", Some("Customer Id")), &column("other")).await.unwrap();
    assert_eq!((set.len(), set.duplicates(), set.nulls()), (2, 2, 2));
    assert_eq!(
        members(&set, Arc::new(Int64Array::from(vec![Some(7), Some(8), None, Some(3)]))),
        [true, false, false, true]
    );
    assert_eq!(members(&set, Arc::new(StringArray::from(vec!["7", "07", "3"]))), [true, false, true]);
    assert_eq!(set, session.read_keys(&key_table("best", None), &column("Customer Id")).await.unwrap());
}

#[tokio::test]
async fn what_is_no_key_is_refused_with_table_and_column() {
    let sandbox = Sandbox::new();
    sandbox.write("t.csv", "id,score\n1,0.5\n");
    sandbox.write("l.jsonl", "{\"ids\": [1, 2]}\n");
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.csv")}))).await.unwrap();
    session.add_table(&name("l"), &source(json!({"url": sandbox.url("l.jsonl")}))).await.unwrap();
    let missing = session.read_keys(&key_table("t", None), &column("Id")).await.unwrap_err();
    assert_eq!(chain(&missing), "table `t` has no column `Id`; did you mean `id`?");
    let fraction = session.read_keys(&key_table("t", None), &column("score")).await.unwrap_err();
    assert!(chain(&fraction).contains("table `t`: column `score` cannot be a key: row 0"), "{}", chain(&fraction));
    let list = session.read_keys(&key_table("l", None), &column("ids")).await.unwrap_err();
    assert!(chain(&list).contains("column `ids` cannot be a key"), "{}", chain(&list));
    let absent = session.read_keys(&key_table("seeds", None), &column("id")).await.unwrap_err();
    assert_eq!(chain(&absent), "there is no table `seeds`; there are `l`, `t`");
}

proptest! {
    #[test]
    fn a_set_holds_exactly_what_was_put_in(hashes in prop::collection::vec(0u128..50, 0..200), probe in 0u128..60) {
        let set = KeySet::from_hashes(hashes.iter().copied());
        let mut expected = hashes.clone();
        expected.sort_unstable();
        expected.dedup();
        prop_assert_eq!(set.hashes(), &expected[..]);
        prop_assert_eq!(set.duplicates(), (hashes.len() - expected.len()) as u64);
        prop_assert_eq!(set.contains(probe), hashes.contains(&probe));
    }
}

#[test]
fn merging_in_between_changes_nothing() {
    let hashes: Vec<u128> =
        (0..3 * UNSORTED_KEYS as u128 + 5).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 2_000_000).collect();
    let set = KeySet::from_hashes(hashes.iter().copied());
    let mut expected = hashes;
    expected.sort_unstable();
    expected.dedup();
    assert_eq!(set.hashes(), &expected[..]);
}
