//! Conditions by tables, on real files: who is left out at which step, worked out again by hand.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Float64Type;
use chrono::{Days, NaiveDate};
use kindred_scorer::publish::publish;
use serde_json::json;
use worker::{Cancel, Progress};

use crate::plant::{Plant, customers, plan_now, score_all};

const PEOPLE: usize = 1500;

/// The days on which somebody was contacted, counted back from the run's: from a fixed rule, so that some had many.
fn contacts(person: usize) -> Vec<i64> {
    (0..person % 5).map(|contact| ((person / 5 + contact * 3) % 12) as i64 - 1).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_by_a_table_leaves_out_whom_a_plain_count_does() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(PEOPLE, 2);
    let run_date: NaiveDate = "2026-03-01".parse().unwrap();
    let key = |person: usize| format!("c{person:06}");
    let members: String = (0..PEOPLE).filter(|person| person % 3 > 0).map(|person| key(person) + "\n").collect();
    let adults: String = (0..PEOPLE).filter(|person| person % 7 > 0).map(|person| key(person) + "\n").collect();
    let buyers: String = (0..PEOPLE).step_by(10).map(|person| key(person) + "\n").collect();
    let mut sent = String::new();
    for person in 0..PEOPLE {
        for back in contacts(person) {
            // One day is after the run's: it is not counted.
            let day = match u64::try_from(back) {
                Ok(back) => run_date - Days::new(back),
                Err(_) => run_date + Days::new(1),
            };
            sent += &format!("{},{day}\n", key(person));
        }
        sent += if person % 50 == 0 { "c000001,\n" } else { "" };
    }
    for (name, text) in [("members", members), ("adults", adults), ("buyers", buyers)] {
        std::fs::write(plant.path(&format!("{name}.csv")), format!("customer_id\n{text}")).unwrap();
    }
    std::fs::write(plant.path("contacts.csv"), format!("customer,sent_at\n{sent}")).unwrap();
    let table = |name: &str| json!({"url": plant.path(&format!("{name}.csv"))});
    let changes = json!({
        "tables": {
            "customers": {"url": plant.path("population")}, "members": table("members"), "adults": table("adults"),
            "buyers": table("buyers"), "contacts": table("contacts"),
        },
        "audiences": {"buyers": {
            "rank_by": "orders + age / 1000",
            "where": "age IS NOT NULL AND NOT isnan(age)",
            "size": {"top": 60},
            "tiers": {"high": {"top": 10}, "mid": {"best": 0.1}, "low": "rest"},
            "include": [{"table": "members"}, {"table": "adults"}],
            "exclude": [{"table": "buyers"}],
            "caps": [
                {"table": "contacts", "key": "customer", "time": "sent_at", "most": 2, "within": "7d"},
                {"table": "contacts", "key": "customer", "time": "sent_at", "most": 1, "within": "1d"},
            ],
        }},
    });
    let run = plant.run(&model.identity, changes).await;
    score_all(&run).await.unwrap();
    let outcome = publish(&run, &Progress::new(), &Cancel::never()).await.unwrap();

    let rows = customers(0, PEOPLE);
    let ages = rows.column_by_name("age").unwrap().as_primitive::<Float64Type>().clone();
    let within = |person: usize, days: i64| contacts(person).iter().filter(|back| (0..days).contains(*back)).count();
    let mut left: Vec<usize> = (0..PEOPLE).collect();
    let mut expected = vec![("population".to_owned(), 0, PEOPLE as u64)];
    let mut step = |name: &str, stays: &dyn Fn(usize) -> bool| {
        let before = left.len();
        left.retain(|person| stays(*person));
        expected.push((name.to_owned(), (before - left.len()) as u64, left.len() as u64));
        left.len()
    };
    step("where", &|person| ages.is_valid(person) && !ages.value(person).is_nan());
    step("include members", &|person| person % 3 > 0);
    step("include adults", &|person| person % 7 > 0);
    step("exclude buyers", &|person| person % 10 > 0);
    step("cap contacts: 2 in 7d", &|person| within(person, 7) < 2);
    step("cap contacts: 1 in 1d", &|person| within(person, 1) < 1);
    let eligible = step("no score", &|_| true);
    expected.push(("below the cut".to_owned(), eligible as u64 - 60, 60));
    let told: Vec<_> =
        outcome.audiences[0].waterfall.iter().map(|s| (s.step.clone(), s.left_out, s.remaining)).collect();
    assert_eq!(told, expected);
    assert!(expected[1..7].iter().all(|(_, left_out, _)| *left_out > 0), "{expected:?}");
    let tiers: Vec<_> = outcome.audiences[0].tiers.iter().map(|tier| tier.rows as usize).collect();
    let best = (eligible + 5) / 10;
    assert_eq!(tiers, [10, best.clamp(10, 60) - 10, 60 - best.clamp(10, 60)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cap_without_times_fails_before_anybody_is_scored() {
    let plant = Plant::new();
    let model = plant.register().await;
    plant.populate(100, 1);
    std::fs::write(plant.path("contacts.csv"), "customer_id,count\nc000001,3\n").unwrap();
    let cap = |time: &str| json!({"table": "contacts", "time": time, "most": 2, "within": "7d"});
    for (time, words) in [("count", "says no time"), ("sent_at", "has no column `sent_at`")] {
        let changes = json!({
            "tables": {"customers": {"url": plant.path("population")}, "contacts": {"url": plant.path("contacts.csv")}},
            "audiences": {"buyers": {"rank_by": "age", "size": {"top": 60}, "caps": [cap(time)]}},
        });
        let run = plant.run(&model.identity, changes).await;
        let error = plan_now(&run).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
