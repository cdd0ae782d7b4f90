use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Int64Array, StringArray, TimestampSecondArray};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::{Sandbox, batch, chain, name, source};

fn cap(fields: Value) -> ContactCap {
    let mut all = json!({"table": "contacts", "time": "sent_at", "most": 2, "within": "7d"});
    fields.as_object().unwrap().iter().for_each(|(field, value)| all[field] = value.clone());
    serde_json::from_value(all).unwrap()
}

async fn session(sandbox: &Sandbox, url: &str) -> Session {
    let mut session = sandbox.session();
    session.add_table(&name("contacts"), &source(json!({"url": sandbox.url(url)}))).await.unwrap();
    session
}

/// Which of some keys a cap leaves out on 2026-03-10.
async fn capped(session: &Session, cap: &ContactCap, keys: &[&str]) -> Vec<bool> {
    let found = session.read_capped(cap, &"id".parse().unwrap(), "2026-03-10".parse().unwrap()).await.unwrap();
    let keys: ArrayRef = Arc::new(StringArray::from(keys.to_vec()));
    found.contains_column(&keys).unwrap().iter().map(Option::unwrap).collect()
}

#[tokio::test]
async fn whoever_was_contacted_as_often_in_the_days_up_to_the_runs_is_capped() {
    let sandbox = Sandbox::new();
    let rows = [
        "id,sent_at",
        // The first and the last day of seven, and the days beside them.
        "inside,2026-03-04",
        "inside,2026-03-10",
        "early,2026-03-03",
        "early,2026-03-10",
        "late,2026-03-10",
        "late,2026-03-11",
        "once,2026-03-07",
        "often,2026-03-07",
        "often,2026-03-07",
        "often,2026-03-08",
        "unknown,2026-03-08",
        "unknown,",
        ",2026-03-08",
        ",2026-03-08",
    ];
    sandbox.write("contacts.csv", &(rows.join("\n") + "\n"));
    let session = session(&sandbox, "contacts.csv").await;
    let keys = ["inside", "early", "late", "once", "often", "unknown", ""];
    let of = async |fields| capped(&session, &cap(fields), &keys).await;
    assert_eq!(of(json!({})).await, [true, false, false, false, true, false, false]);
    assert_eq!(of(json!({"most": 3})).await, [false, false, false, false, true, false, false]);
    assert_eq!(of(json!({"most": 1, "within": "1d"})).await, [true, true, true, false, false, false, false]);
    assert_eq!(of(json!({"within": "8d"})).await, [true, true, false, false, true, false, false]);
}

#[tokio::test]
async fn times_with_a_zone_are_instants_and_days_are_the_zones() {
    // 2026-03-04 00:00 in Shanghai is 16:00 of the day before in UTC.
    let at = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    let times = [
        at("2026-03-03T15:59:59Z"),
        at("2026-03-03T16:00:00Z"),
        at("2026-03-10T15:59:59Z"),
        at("2026-03-10T16:00:00Z"),
    ];
    let ids = Int64Array::from(vec![1, 2, 3, 4]);
    let sandbox = Sandbox::new();
    for (file, zone) in [("instants.parquet", Some("+00:00")), ("local.parquet", None)] {
        let times = TimestampSecondArray::from(times.to_vec()).with_timezone_opt(zone);
        sandbox.write_parquet(file, &[batch(vec![("id", Arc::new(ids.clone())), ("sent_at", Arc::new(times))])], 2);
    }
    let keys = ["1", "2", "3", "4"];
    let shanghai = cap(json!({"most": 1, "time_zone": "Asia/Shanghai"}));
    let utc = cap(json!({"most": 1}));
    let instants = session(&sandbox, "instants.parquet").await;
    assert_eq!(capped(&instants, &shanghai, &keys).await, [false, true, true, false]);
    assert_eq!(capped(&instants, &utc, &keys).await, [false, false, true, true]);
    let local = session(&sandbox, "local.parquet").await;
    for cap in [shanghai, utc] {
        assert_eq!(capped(&local, &cap, &keys).await, [false, false, true, true], "on the zone's clock already");
    }
}

#[tokio::test]
async fn a_column_that_is_no_time_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("contacts.csv", "id,sent_at,count\n1,2026-03-04,7\n");
    let session = session(&sandbox, "contacts.csv").await;
    let told = |fields| chain(&session.check_cap(&cap(fields), &"id".parse().unwrap()).unwrap_err());
    assert_eq!(
        told(json!({"time": "count"})),
        "table `contacts`: column `count` is of type Int64 and says no time: a cap needs a date or a timestamp (of CSV and \
         JSON, give the column's type under `types`)"
    );
    assert_eq!(told(json!({"time": "sent"})), "table `contacts` has no column `sent`; did you mean `sent_at`?");
    assert_eq!(told(json!({"key": "Id"})), "table `contacts` has no column `Id`; did you mean `id`?");
}

proptest! {
    #[test]
    fn a_tally_counts_every_key(keys in prop::collection::vec(0_u128..20, 0..200), at_once in 1_usize..50, most in 1_u32..6) {
        let mut tally = Tally::default();
        let mut counts = HashMap::new();
        for (index, key) in keys.iter().enumerate() {
            tally.add(*key);
            *counts.entry(*key).or_insert(0_u32) += 1;
            if index % at_once == 0 {
                tally.merge();
            }
        }
        let mut expected: Vec<_> = counts.into_iter().filter(|(_, count)| *count >= most).map(|(key, _)| key).collect();
        expected.sort_unstable();
        prop_assert_eq!(tally.of_at_least(most).collect::<Vec<_>>(), expected);
    }
}
