//! Presets on a table worked out by hand: who is looked at, what is known of them before the cut-off, and each label,
//! at the very edges of the window and of the horizon. Column names are such as would break SQL that is put together
//! carelessly.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use futures::TryStreamExt;
use kindred_query::{Session, SessionOptions};
use spec::{Document, Settings, SourceFile, parse};
use tempfile::TempDir;

/// The cut-off is 2024-03-01: 31 days before `as_of`, and 60 days after the window's first day, 2024-01-01.
const TRANSACTIONS: &str = r#""customer ""id""",bought; at,amount,cat'--,product
ann,2024-01-01T00:00:00,10,toys,bear
ann,2024-02-29T23:59:59,30,books,atlas
ann,2024-02-15T12:00:00,NaN,music,drum
ann,2024-03-01T00:00:00,50,toys,bear
bob,2023-12-31T23:59:59,100,toys,bear
bob,2024-03-10T08:00:00,20,books,atlas
cid,2024-02-10T08:00:00,40,toys,bear
cid,2024-03-05T08:00:00,-40,toys,bear
dee,2024-02-20T08:00:00,40,toys,bear
dee,2024-03-31T23:59:59,40,garden,rake
eve,2024-02-01T08:00:00,40,toys,bear
eve,2024-04-01T00:00:00,99,garden,rake
fay,2024-02-05T08:00:00,-5,toys,bear
gus,2024-02-05T08:00:00,0,toys,bear
hal,2024-02-05T08:00:00,10,toys,bear
hal,2024-02-05T18:00:00,30,books,atlas
hal,2024-02-06T08:00:00,-15,books,atlas
hal,2024-03-02T08:00:00,60,,
hal,2024-03-03T08:00:00,-15,,
max,2024-03-20T08:00:00,25,toys,doll
,2024-02-05T08:00:00,10,toys,bear
"#;

/// People who registered: max and zoe before the cut-off, yan on its day. ann is there twice.
const PEOPLE: &str = "\
id,since,city
bob,2023-01-01,Bern
max,2024-01-15,Olten
zoe,2024-02-29,Zug
yan,2024-03-01,Thun
ann,2023-01-01,Bern
ann,2023-01-02,Chur
";

/// What people did: cid 8 days before the cut-off, ann 7, and bob at its midnight.
const EVENTS: &str = "\
who,at,what
zoe,2024-02-29T10:00:00,view
zoe,2024-02-25T10:00:00,cart
ann,2024-02-23T10:00:00,view
dee,2024-02-24T10:00:00,cart
dee,2024-02-24T11:00:00,cart
dee,2024-02-28T11:00:00,search
cid,2024-02-22T10:00:00,view
bob,2024-03-01T00:00:00,view
";

/// Whom campaigns reached: of the contacts between 2024-01-02 and 2024-03-01 the outcome is known, and they lie in the
/// window.
const CONTACTS: &str = "\
who,at,answered
cid,2024-01-01T10:00:00,0
cid,2024-01-02T10:00:00,0
ann,2024-02-10T10:00:00,1
dee,2024-02-19T10:00:00,0
ann,2024-03-01T23:00:00,0
ann,2024-03-02T00:00:00,1
";

struct Tables {
    folder: TempDir,
}

impl Tables {
    fn new() -> Self {
        let tables = Self { folder: TempDir::new().unwrap() };
        std::fs::write(tables.folder.path().join("t.csv"), TRANSACTIONS).unwrap();
        let others = [("people.csv", PEOPLE), ("events.csv", EVENTS), ("contacts.csv", CONTACTS)];
        for (name, text) in others {
            std::fs::write(tables.folder.path().join(name), text).unwrap();
        }
        tables
    }

    fn document(&self, kind: &str, as_of: &str, preset: &str) -> Document {
        let model = if kind == "Scoring" { "model: m@1" } else { "" };
        let at = self.folder.path().display();
        let amount = if preset.contains("without amounts") { "" } else { "amount: amount, " };
        let text = format!(
            "apiVersion: kindred.dev/v1\nkind: {kind}\nmetadata: {{name: m}}\nspec:\n  {model}\n  tables:\n    \
             t: {{url: \"{at}/t.csv\", types: {{amount: number, \"bought; at\": timestamp}}}}\n    \
             people: {{url: \"{at}/people.csv\", types: {{since: date}}}}\n    \
             events: {{url: \"{at}/events.csv\", types: {{at: timestamp}}}}\n    \
             contacts: {{url: \"{at}/contacts.csv\", types: {{at: timestamp}}}}\n  preset:\n    as_of: {as_of}\n    horizon: 31d\n    \
             window: 60d\n    transactions: {{table: t, customer: 'customer \"id\"', time: \"bought; at\", \
             {amount}category: \"cat'--\", product: product}}\n    {preset}\n"
        );
        let file = SourceFile { name: "kindred.yaml".to_owned(), text };
        let settings = Settings { set: BTreeMap::new(), run_date: "2024-04-01".parse().unwrap() };
        let mut parsed = parse(&[file], &settings).unwrap_or_else(|problems| panic!("{problems}"));
        parsed.remove(0)
    }

    /// The rows of a query over what a document prepares, sorted: a view has no order.
    async fn rows(&self, document: Document, sql: &str) -> Vec<String> {
        let (tables, steps) = match document {
            Document::Training(training) => (training.spec.tables, training.spec.prepare),
            Document::Scoring(scoring) => (scoring.spec.tables, scoring.spec.prepare),
        };
        let spill_folder = self.folder.path().join("spill");
        let mut session = Session::new(SessionOptions { memory_bytes: 256 << 20, spill_folder, threads: 1 }).unwrap();
        for (name, source) in &tables {
            session.add_table(name, source).await.unwrap();
        }
        for (index, step) in steps.iter().enumerate() {
            session.add_view(index, step).await.unwrap_or_else(|error| panic!("{error}\n{}", step.sql));
        }
        let mut lines = lines(&session.stream(sql).await.unwrap().try_collect::<Vec<_>>().await.unwrap());
        lines.sort();
        lines
    }

    /// Columns of the examples of a preset as of 2024-04-01, behind the customer.
    async fn examples(&self, preset: &str, columns: &str) -> Vec<String> {
        let document = self.document("Training", "2024-04-01", preset);
        self.rows(document, &format!("SELECT \"customer \"\"id\"\"\", {columns} FROM preset_examples")).await
    }
}

fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("-");
    let mut lines = Vec::new();
    for batch in batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

#[tokio::test]
async fn repurchase_is_of_buyers_in_the_window_and_counts_the_day_of_the_cut_off_and_not_that_of_today() {
    // bob bought a second before the window; fay only returned, and gus paid nothing; eve buys at the horizon's end.
    let rows = Tables::new().examples("kind: repurchase", "repurchased").await;
    assert_eq!(rows, ["ann|true", "cid|false", "dee|true", "eve|false", "hal|true"]);
}

#[tokio::test]
async fn purchase_is_of_all_who_are_known_before_the_cut_off() {
    let tables = Tables::new();
    let buyers = tables.examples("kind: purchase", "purchased").await;
    assert_eq!(buyers, ["ann|true", "bob|true", "cid|false", "dee|true", "eve|false", "hal|true"]);
    let customers = "kind: purchase\n    customers: {table: people, customer: id, since: since, keep: [city]}";
    let known = tables.examples(customers, "purchased, city, orders, recency_days, distinct_products").await;
    // yan is known since the cut-off, and so not before it.
    assert_eq!(
        known,
        [
            "ann|true|Bern|2|1|2",
            "bob|true|Bern|0|-|0",
            "cid|false|-|1|20|1",
            "dee|true|-|1|10|1",
            "eve|false|-|1|29|1",
            "hal|true|-|1|25|2",
            "max|true|Olten|0|-|0",
            "zoe|false|Zug|0|-|0"
        ]
    );
}

#[tokio::test]
async fn churn_is_of_active_customers_who_do_not_buy() {
    // dee bought 10 days before the cut-off, cid 20, hal 25, eve 29. A return is no purchase.
    let rows = Tables::new().examples("kind: churn\n    active_within: 25d", "churned").await;
    assert_eq!(rows, ["ann|false", "cid|true", "dee|false", "hal|false"]);
}

#[tokio::test]
async fn value_is_what_is_spent_less_what_is_returned_and_never_below_nothing() {
    let rows = Tables::new().examples("kind: value", "purchased, next_spend").await;
    assert_eq!(rows, ["ann|true|50.0", "cid|false|0.0", "dee|true|40.0", "eve|false|0.0", "hal|true|45.0"]);
}

#[tokio::test]
async fn upsell_is_a_mean_order_above_the_usual_one() {
    let tables = Tables::new();
    // ann: 50 after 10 and 30; dee: 40 after 40; hal: 60 after 40 in two rows of one day.
    let above = tables.examples("kind: upsell", "purchased, bought_above_usual").await;
    assert_eq!(above, ["ann|true|true", "cid|false|false", "dee|true|false", "eve|false|false", "hal|true|true"]);
    let far_above = tables.examples("kind: upsell\n    uplift: 0.5", "bought_above_usual").await;
    assert_eq!(far_above, ["ann|true", "cid|false", "dee|false", "eve|false", "hal|false"], "60 is not above 60");
}

#[tokio::test]
async fn cross_sell_is_a_category_that_was_never_bought_before() {
    // ann buys toys again; dee buys of the garden; hal's purchase is of no known category.
    let rows = Tables::new().examples("kind: cross_sell", "purchased, bought_new_category").await;
    assert_eq!(rows, ["ann|true|false", "cid|false|false", "dee|true|true", "eve|false|false", "hal|true|false"]);
}

#[tokio::test]
async fn high_intent_is_of_those_who_were_seen_within_days() {
    let tables = Tables::new();
    let events = "events: {table: events, customer: who, time: at, action: what, actions: [view, cart]}";
    let interest = "purchased, days_since_event, events, event_days, events_1d, events_7d, view_events, cart_events, \
                    cart_events_7d, view_recency_days, orders";
    let rows = tables.examples(&format!("kind: high_intent\n    {events}"), interest).await;
    assert_eq!(rows, ["ann|true|7|1|1|0|1|1|0|0|7|2", "dee|true|2|3|2|0|3|0|2|2|-|1", "zoe|false|1|2|2|1|2|1|1|1|1|0"]);
    let longer = tables.examples(&format!("kind: high_intent\n    active_within: 8d\n    {events}"), "purchased").await;
    assert_eq!(longer, ["ann|true", "cid|false", "dee|true", "zoe|false"]);
    let events = "events: {table: events, customer: who, time: at}";
    let customers = "customers: {table: people, customer: id, since: since}";
    let purchase = tables.examples(&format!("kind: purchase\n    {events}\n    {customers}"), "events").await;
    assert_eq!(purchase, ["ann|1", "bob|0", "cid|1", "dee|3", "eve|0", "hal|0", "max|0", "zoe|2"]);
}

#[tokio::test]
async fn acquisition_is_of_those_who_are_known_and_have_not_bought_it() {
    let tables = Tables::new();
    let customers = "customers: {table: people, customer: id, since: since}";
    let site = tables.examples(&format!("kind: acquisition\n    {customers}"), "acquired").await;
    assert_eq!(site, ["max|true", "zoe|false"]);
    // All who bought before the cut-off are known, and nobody bought of the garden; eve does as of today, too late.
    let garden = "kind: acquisition\n    scope: category\n    of: garden";
    let rows = tables.examples(garden, "acquired").await;
    assert_eq!(rows, ["ann|false", "bob|false", "cid|false", "dee|true", "eve|false", "hal|false"]);
    let toys = format!("kind: acquisition\n    scope: category\n    of: toys\n    {customers}");
    assert_eq!(tables.examples(&toys, "acquired").await, ["max|true", "zoe|false"]);
    let none = "kind: acquisition\n    scope: category\n    of: \"toys' OR '1'='1\"";
    assert_eq!(tables.examples(none, "acquired").await.len(), 6, "a value is a value, whatever is in it");
}

#[tokio::test]
async fn response_is_of_contacts_whose_outcome_is_known() {
    let tables = Tables::new();
    let bought = "kind: response\n    contacts: {table: contacts, customer: who, time: at}";
    // cid buys 39 days after the contact, ann on the day of her second one.
    assert_eq!(
        tables.examples(bought, "cut_off, answered, contacts, days_since_contact").await,
        ["ann|2024-02-10|true|0|-", "ann|2024-03-01|true|1|20", "cid|2024-01-02|false|1|1", "dee|2024-02-19|true|0|-"]
    );
    let said = "kind: response\n    contacts: {table: contacts, customer: who, time: at, responded: answered}";
    let rows = tables.examples(said, "cut_off, answered, responses").await;
    assert_eq!(
        rows,
        ["ann|2024-02-10|true|0", "ann|2024-03-01|false|0", "cid|2024-01-02|false|0", "dee|2024-02-19|false|0"]
    );
    // In scoring everybody who is known could be reached; ann's answer counts once its 31 days are over.
    let scoring = tables.document("Scoring", "2024-03-12", said);
    let sql = "SELECT \"customer \"\"id\"\"\", contacts, responses, response_rate FROM preset_customers";
    let rows = tables.rows(scoring, sql).await;
    assert_eq!(rows, ["ann|3|1|1.0", "bob|0|0|-", "cid|0|0|-", "dee|1|0|-", "eve|0|0|-", "hal|0|0|-"]);
}

#[tokio::test]
async fn a_new_product_is_for_buyers_of_similar_ones() {
    let tables = Tables::new();
    let seeds = |similar: &str| format!("kind: new_product\n    similar: {similar}");
    let similar = async |preset: &str| {
        let document = tables.document("Training", "2024-04-01", &seeds(preset));
        tables.rows(document, "SELECT item FROM preset_similar ORDER BY item").await
    };
    // dee buys the rake; doll and bear are toys; six bought the bear before the cut-off, two of them the atlas too.
    assert_eq!(similar("{to: [rake], by: none}").await, ["rake"]);
    assert_eq!(similar("{to: [doll], by: category}").await, ["bear", "doll"]);
    assert_eq!(similar("{to: [atlas], most: 1}").await, ["atlas", "bear"]);
    let label = async |preset: &str| tables.examples(&seeds(preset), "bought_similar").await;
    let rake = ["ann|false", "cid|false", "dee|true", "eve|false", "hal|false"];
    assert_eq!(label("{to: [rake], by: none}").await, rake);
    let bear = ["ann|true", "cid|false", "dee|false", "eve|false", "hal|false"];
    assert_eq!(label("{to: [doll], by: category}").await, bear);
    assert_eq!(label("{to: [atlas], most: 1}").await, bear);
    let document = tables.document("Training", "2024-04-01", &seeds("{to: [atlas], most: 1}"));
    assert_eq!(tables.rows(document, "SELECT * FROM preset_seeds").await, ["2024-03-01|ann"]);
}

#[tokio::test]
async fn features_are_of_the_window_alone() {
    let habits = "cut_off, recency_days, tenure_days, orders, items, orders_30d, mean_gap_days, gaps_since_last, spend, \
                  spend_30d, mean_order, last_order, last_to_mean, returns, returned";
    let rows = Tables::new().examples("kind: repurchase", habits).await;
    assert_eq!(rows[0], "ann|2024-03-01|1|60|2|2|1|59.0|0.01694915254237288|40.0|30.0|20.0|30.0|1.5|0|0.0");
    assert_eq!(rows[4], "hal|2024-03-01|25|25|1|2|1|-|-|40.0|40.0|40.0|40.0|1.0|1|15.0");
    let tastes = "distinct_products, products, distinct_categories, categories";
    let rows = Tables::new().examples("kind: repurchase", tastes).await;
    assert_eq!(rows[0], "ann|2|[atlas, bear]|2|[books, toys]");
}

#[tokio::test]
async fn scoring_as_of_the_cut_off_sees_what_training_saw() {
    let tables = Tables::new();
    let events = "events: {table: events, customer: who, time: at, action: what, actions: [cart]}";
    for kind in [
        "purchase",
        "repurchase",
        "churn",
        "value",
        "upsell",
        "cross_sell",
        "high_intent\n    active_within: 9d",
        "acquisition\n    scope: category\n    of: garden",
        "new_product\n    similar: {to: [bear]}",
    ] {
        let preset = format!("kind: {kind}\n    {events}");
        let then = tables.document("Training", "2024-04-01", &preset);
        let now = tables.document("Scoring", "2024-03-01", &preset);
        let all = "SELECT * FROM preset_customers";
        let seen = tables.rows(now, all).await;
        assert!(seen.len() > 3, "{seen:?}");
        assert_eq!(tables.rows(then, all).await, seen, "{kind}");
    }
}

#[tokio::test]
async fn every_cut_off_has_people_and_outcomes_of_its_own() {
    // As of 2024-01-30, bob's purchase of 2023-12-31 is 30 days old, and ann's next one comes on its 30th day.
    let rows = Tables::new()
        .examples("kind: repurchase\n    cut_offs: {count: 2}", "cut_off, orders, spend, repurchased")
        .await;
    assert_eq!(
        rows,
        [
            "ann|2024-01-30|1|10.0|true",
            "ann|2024-03-01|2|40.0|true",
            "bob|2024-01-30|1|100.0|false",
            "cid|2024-03-01|1|40.0|false",
            "dee|2024-03-01|1|40.0|true",
            "eve|2024-03-01|1|40.0|false",
            "hal|2024-03-01|1|40.0|true"
        ]
    );
}

#[tokio::test]
async fn without_amounts_every_row_is_a_purchase() {
    // fay's return and gus's gift count, and so do ann's row without a number and cid's return after the cut-off.
    let rows = Tables::new().examples("kind: repurchase # without amounts", "orders, items, repurchased").await;
    assert_eq!(
        rows,
        [
            "ann|3|3|true",
            "cid|1|1|true",
            "dee|1|1|true",
            "eve|1|1|false",
            "fay|1|1|false",
            "gus|1|1|false",
            "hal|2|3|true"
        ]
    );
}
