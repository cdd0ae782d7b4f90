use std::sync::Arc;

use arrow::array::{Date32Array, Int64Array, TimestampMillisecondArray};
use serde_json::json;

use crate::sandbox::{Sandbox, batch, chain, name, source};

#[tokio::test]
async fn the_latest_of_dates_and_timestamps_is_an_instant() {
    let sandbox = Sandbox::new();
    let hour = 3_600_000;
    let columns = batch(vec![
        ("day", Arc::new(Date32Array::from(vec![Some(20_000), None, Some(20_454)]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![hour, 0, 2 * hour]).with_timezone("+02:00"))),
        ("never", Arc::new(Date32Array::from(vec![None::<i32>; 3]))),
        ("orders", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ]);
    sandbox.write_parquet("t.parquet", &[columns], 2);
    let mut session = sandbox.session();
    session.add_table(&name("t"), &source(json!({"url": sandbox.url("t.parquet")}))).await.unwrap();
    let session = &session;
    let latest = |column: &'static str| async move { session.latest_time(&name("t"), &column.parse().unwrap()).await };
    assert_eq!(latest("day").await.unwrap(), Some("2026-01-01T00:00:00Z".parse().unwrap()));
    assert_eq!(latest("at").await.unwrap(), Some("1970-01-01T02:00:00Z".parse().unwrap()));
    assert_eq!(latest("never").await.unwrap(), None);
    let wrong = latest("orders").await.unwrap_err();
    assert_eq!(chain(&wrong), "table `t`: column `orders` is Int64; how fresh a table is says a date or a timestamp");
    assert!(chain(&latest("dy").await.unwrap_err()).contains("no column `dy`"));
}
