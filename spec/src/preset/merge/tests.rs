//! What a filled document is, whose fields win, and what is said of mistakes in and around a preset.

use proptest::prelude::*;

use crate::testing::{check_edits, document, edited, mistakes, settings};
use crate::{Document, ScoringSpec, SourceFile, TrainingSpec, expand, parse};

const TRAINING: &str = "\
apiVersion: kindred.dev/v1
kind: Training
metadata: {name: again}
spec:
  preset:
    kind: repurchase
    as_of: ${run_date}
    horizon: 90d
    transactions: {table: sales, customer: customer_id, time: bought_at, amount: amount, product: product, category: category}
  tables:
    sales: {url: data/sales.parquet}
    people: {url: data/people.parquet}
";

const SCORING: &str = "\
apiVersion: kindred.dev/v1
kind: Scoring
metadata: {name: nightly}
spec:
  preset:
    kind: repurchase
    as_of: ${run_date}
    horizon: 90d
    transactions: {table: sales, customer: customer_id, time: bought_at, amount: amount, product: product, category: category}
  model: again@production
  tables:
    sales: {url: data/sales.parquet}
    people: {url: data/people.parquet}
  audiences:
    buyers: {rank_by: repurchase, size: {share: 10%}}
";

/// Every kind with what it needs beside the fields of the documents above.
const KINDS: [&str; 10] = [
    "purchase",
    "repurchase",
    "churn",
    "value",
    "upsell",
    "cross_sell",
    "high_intent\n    events: {table: people, customer: who, time: at, action: what, actions: [view]}",
    "response\n    contacts: {table: people, customer: who, time: at, responded: answered}",
    "acquisition\n    customers: {table: people, customer: who, since: at}",
    "new_product\n    similar: {to: [a]}",
];

fn training(text: &str) -> TrainingSpec {
    match document(text) {
        Document::Training(training) => training.spec,
        Document::Scoring(_) => panic!("a Training document was expected"),
    }
}

fn scoring(text: &str) -> ScoringSpec {
    match document(text) {
        Document::Scoring(scoring) => scoring.spec,
        Document::Training(_) => panic!("a Scoring document was expected"),
    }
}

fn expanded(text: &str) -> String {
    let file = SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() };
    expand(&[file], &settings(&[])).unwrap_or_else(|problems| panic!("{problems}"))
}

fn steps(spec: &TrainingSpec) -> Vec<&str> {
    spec.prepare.iter().map(|step| step.name.as_str()).collect()
}

fn sql<'a>(spec: &'a TrainingSpec, step: &str) -> &'a str {
    &spec.prepare.iter().find(|other| other.name.as_str() == step).unwrap().sql
}

#[test]
fn a_preset_fills_what_the_user_does_not_write() {
    let spec = training(TRAINING);
    assert_eq!((spec.examples.as_str(), spec.key.as_str()), ("preset_examples", "customer_id"));
    assert_eq!(steps(&spec).last(), Some(&"preset_examples"));
    assert_eq!(spec.tasks.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["repurchase"]);
    assert_eq!(spec.network.kind(), "shared_bottom");
    for feature in ["recency_days", "orders_90d", "spend", "distinct_categories", "categories"] {
        assert!(spec.features.keys().any(|name| name.as_str() == feature), "{feature}");
    }
    let spec = scoring(SCORING);
    assert_eq!((spec.population.as_str(), spec.key.as_str()), ("preset_customers", "customer_id"));
}

#[test]
fn the_newest_cut_off_lies_a_horizon_before_the_day_one_stands_on_and_scoring_looks_from_that_day() {
    assert_eq!(sql(&training(TRAINING), "preset_cut_offs"), "SELECT DATE '2025-12-31' AS cut_off");
    let several = edited(TRAINING, "horizon: 90d", "horizon: 90d\n    cut_offs: {count: 3, every: 4w}");
    assert_eq!(
        sql(&training(&several), "preset_cut_offs"),
        "SELECT DATE '2025-12-31' AS cut_off\nUNION ALL\nSELECT DATE '2025-12-03' AS cut_off\nUNION ALL\n\
         SELECT DATE '2025-11-05' AS cut_off"
    );
    assert_eq!(scoring(SCORING).prepare[0].sql, "SELECT DATE '2026-03-31' AS cut_off");
}

#[test]
fn scoring_computes_features_with_the_sql_of_training() {
    for kind in KINDS.into_iter().filter(|kind| !kind.starts_with("response")) {
        let preset = format!("kind: {kind}");
        let training = training(&edited(TRAINING, "kind: repurchase", &preset));
        let scoring = scoring(&edited(SCORING, "kind: repurchase", &preset));
        let shared = scoring.prepare.len();
        assert_eq!(scoring.prepare.last().map(|step| step.name.as_str()), Some("preset_customers"));
        assert_eq!(training.prepare[1..shared], scoring.prepare[1..], "{kind}");
    }
}

#[test]
fn the_users_own_wins_over_what_is_filled() {
    let spec = training(&format!(
        "{TRAINING}  prepare:\n    - {{name: preset_people, sql: SELECT 1}}\n    - {{name: mine, sql: SELECT 2}}\n  \
         features:\n    orders: {{kind: numeric, transform: log1p}}\n    spend: ~\n    city: {{kind: categorical}}\n  \
         tasks:\n    again: {{kind: binary, label: repurchased}}\n    repurchase: ~\n  network: {{kind: linear}}\n  \
         split: {{by: random, validation: 0.3, test: 0.3}}\n"
    ));
    assert_eq!(
        steps(&spec),
        [
            "mine",
            "preset_cut_offs",
            "preset_orders",
            "preset_people",
            "preset_history",
            "preset_habits",
            "preset_products",
            "preset_categories",
            "preset_customers",
            "preset_outcomes",
            "preset_examples"
        ]
    );
    assert_eq!(sql(&spec, "preset_people"), "SELECT 1");
    let features: Vec<&str> = spec.features.keys().map(|name| name.as_str()).collect();
    assert_eq!(features[..3], ["recency_days", "tenure_days", "orders"], "overridden where it stood");
    assert_eq!(features.last(), Some(&"city"));
    assert!(!features.contains(&"spend"));
    assert_eq!(serde_json::to_value(&spec.features["orders"]).unwrap()["transform"], "log1p");
    assert_eq!(spec.tasks.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["again"]);
    assert_eq!(spec.network.kind(), "linear");
    assert_eq!(serde_json::to_value(&spec.split).unwrap()["by"], "random");
}

#[test]
fn an_expanded_document_is_the_filled_one_and_holds_no_preset() {
    let quoted = edited(TRAINING, "customer: customer_id", "customer: 'the \"id\": $${x} #1'");
    let overridden =
        format!("{TRAINING}  features: {{city: {{kind: categorical, hash: {{buckets: 10}}}}, orders: ~}}\n");
    let both = format!("{TRAINING}---\n{SCORING}");
    let kinds = KINDS.map(|kind| edited(TRAINING, "kind: repurchase", &format!("kind: {kind}")));
    let texts = [TRAINING, SCORING, &quoted, &overridden, &both].into_iter().chain(kinds.iter().map(String::as_str));
    for text in texts {
        let whole = expanded(text);
        assert!(!whole.contains("preset:"), "{whole}");
        let file = |text: &str| SourceFile { name: "a.yaml".to_owned(), text: text.to_owned() };
        let filled = parse(&[file(text)], &settings(&[])).unwrap();
        let filled: Vec<Document> = filled.into_iter().map(Document::without_preset).collect();
        // Another day changes nothing: the day is written out.
        let later = crate::Settings { run_date: "2027-01-01".parse().unwrap(), ..settings(&[]) };
        assert_eq!(parse(&[file(&whole)], &later).unwrap_or_else(|problems| panic!("{problems}\n{whole}")), filled);
        assert_eq!(expanded(&whole), whole);
    }
}

#[test]
fn a_kind_gets_the_columns_that_it_needs_and_no_field_of_another() {
    check_edits(
        TRAINING,
        &[
            (
                "kind: repurchase",
                "kind: §repurchse",
                &["spec.preset.kind: unknown preset kind `repurchse` (did you mean `repurchase`?)"],
            ),
            (
                "    kind: repurchase\n",
                "",
                &[
                    "5:3: spec.preset: `kind` is missing (it takes one of purchase, repurchase, churn, value, upsell, cross_sell, high_intent, response, acquisition, new_product)",
                ],
            ),
            (
                "    kind: repurchase\n    as_of: ${run_date}\n    horizon: 90d\n    transactions: {table: sales, customer: customer_id, time: bought_at, amount: amount, product: product, category: category}",
                "    kind: value\n    as_of: 2026-01-01\n    §transactions: {table: sales, customer: customer_id, time: bought_at}",
                &["spec.preset.transactions: the preset value needs `transactions.amount`"],
            ),
            (
                "kind: repurchase\n    as_of: ${run_date}\n    horizon: 90d\n    transactions: {table: sales, customer: customer_id, time: bought_at, amount: amount, product: product, category: category}",
                "kind: cross_sell\n    as_of: 2026-01-01\n    §transactions: {table: sales, customer: customer_id, time: bought_at}",
                &["spec.preset.transactions: the preset cross_sell needs `transactions.category`"],
            ),
            (
                "horizon: 90d",
                "uplift: §0.1\n    active_within: §30d",
                &[
                    "spec.preset.uplift: `uplift` belongs to the preset upsell, and the kind is repurchase",
                    "spec.preset.active_within: `active_within` belongs to the preset churn and high_intent, and the kind is repurchase",
                ],
            ),
            (
                "horizon: 90d",
                "horizon: §3 months\n    window: §0d\n    §windw: 5d",
                &[
                    "spec.preset.horizon: `3 months` is not a number of days: write 1 to 9999 and d or w, such as 90d or 13w",
                    "spec.preset.window: `0d` is not a number of days: write 1 to 9999 and d or w, such as 90d or 13w",
                    "spec.preset.windw: unknown field `windw` (did you mean `window`?)",
                ],
            ),
            (
                "as_of: ${run_date}\n    horizon: 90d",
                "as_of: §0001-06-01\n    horizon: 90d",
                &["spec.preset.as_of: the cut-offs and the window before them reach back beyond the year 1"],
            ),
            (
                "as_of: ${run_date}",
                "as_of: §yesterday",
                &["spec.preset.as_of: `yesterday` is not a date: write year, month and day, such as 2026-03-31"],
            ),
        ],
    );
}

#[test]
fn a_kind_without_the_table_that_it_needs_is_refused_and_so_is_one_that_it_has_no_use_for() {
    check_edits(
        TRAINING,
        &[
            (
                "  preset:\n    kind: repurchase",
                "  §preset:\n    kind: high_intent",
                &["spec.preset: the preset high_intent needs `events`"],
            ),
            (
                "  preset:\n    kind: repurchase",
                "  §preset:\n    kind: response",
                &["spec.preset: the preset response needs `contacts`"],
            ),
            (
                "  preset:\n    kind: repurchase",
                "  §preset:\n    kind: acquisition\n    customers: {table: people, customer: id, keep: [city]}",
                &[
                    "spec.preset: the preset acquisition needs `customers` with `since`, or `events`: people who are known and have not bought",
                ],
            ),
            (
                "  preset:\n    kind: repurchase",
                "  §preset:\n    kind: acquisition\n    scope: category",
                &["spec.preset: the preset acquisition needs `of`"],
            ),
            (
                "kind: repurchase\n    as_of: ${run_date}\n    horizon: 90d\n    transactions:",
                "kind: acquisition\n    as_of: 2026-01-01\n    scope: brand\n    of: x\n    §transactions:",
                &["spec.preset.transactions: the preset acquisition needs `transactions.brand`"],
            ),
            (
                "kind: repurchase",
                "kind: acquisition\n    of: §toys\n    events: {table: people, customer: id, time: at, §actions: [view]}",
                &[
                    "spec.preset.of: `of` is for `scope: brand` and `scope: category`, and the scope is site",
                    "spec.preset.events.actions: the preset acquisition needs `events.action` for these",
                ],
            ),
            (
                "kind: repurchase",
                "kind: new_product\n    similar: {to: [a]}\n    §cut_offs: {count: 2}",
                &[
                    "spec.preset.cut_offs: the preset new_product has no choice of cut-offs: its seeds are those of one cut-off",
                ],
            ),
            (
                "horizon: 90d",
                "§contacts: {table: people, customer: id, time: at}\n    scope: §site\n    §similar: {to: [a]}",
                &[
                    "spec.preset.contacts: `contacts` belongs to the preset response, and the kind is repurchase",
                    "spec.preset.scope: `scope` belongs to the preset acquisition, and the kind is repurchase",
                    "spec.preset.similar: `similar` belongs to the preset new_product, and the kind is repurchase",
                ],
            ),
        ],
    );
}

#[test]
fn tables_and_columns_that_a_preset_states_go_with_the_document() {
    check_edits(
        TRAINING,
        &[
            (
                "{table: sales,",
                "{table: §sale,",
                &["spec.preset.transactions.table: there is no table `sale` (did you mean `sales`?)"],
            ),
            (
                "{table: sales, customer: customer_id,",
                "{table: sales, customer: §spend,",
                &[
                    "5:3: spec.features.spend: in what the preset repurchase fills: the feature reads `spend`, which is the key: a model must not see it",
                    "spec.preset.transactions.customer: the preset makes a column `spend` itself: give this one another name in a prepare step",
                ],
            ),
            (
                "horizon: 90d",
                "customers: {table: people, customer: id, keep: [§orders, city, §city, §customer_id]}",
                &[
                    "spec.preset.customers.keep[0]: the preset makes a column `orders` itself: give this one another name in a prepare step",
                    "spec.preset.customers.keep[2]: `city` is listed twice",
                    "spec.preset.customers.keep[3]: the preset makes a column `customer_id` itself: give this one another name in a prepare step",
                ],
            ),
            (
                "    horizon: 90d",
                "    §customers: {table: people, customer: id}",
                &[
                    "spec.preset.customers: the preset repurchase takes nothing from this table: state columns to `keep`, or leave it out",
                ],
            ),
        ],
    );
}

#[test]
fn a_mistake_in_what_is_filled_says_so_and_one_of_the_users_stands_on_his_own_line() {
    let own_label = format!("{TRAINING}  tasks: {{repurchase: {{kind: binary, label: orders}}}}\n");
    assert_eq!(
        mistakes(&own_label),
        [
            "5:3: spec.features.orders: in what the preset repurchase fills: the feature reads `orders`, which is the label of the task `repurchase`: a model must not see it"
        ]
    );
    let taken = edited(TRAINING, "people:", "preset_orders:");
    assert_eq!(
        mistakes(&taken),
        ["5:3: spec.prepare[1].name: in what the preset repurchase fills: there is already a table `preset_orders`"]
    );
    let own = format!("{TRAINING}  features:\n    orders: {{kind: numeric, transform: log}}\n    nothing: ~\n");
    assert_eq!(mistakes(&own).len(), 2, "{:?}", mistakes(&own));
    assert!(mistakes(&own)[0].starts_with("14:40: spec.features.orders.transform: unknown numeric transform `log`"));
    assert!(mistakes(&own)[1].starts_with("15:5: spec.features.nothing: expected a mapping"), "{:?}", mistakes(&own));
}

#[test]
fn mistakes_beside_a_wrong_preset_are_found_in_the_same_pass() {
    let text = edited(TRAINING, "horizon: 90d", "horizon: long");
    let text =
        format!("{text}  training: {{epochs: 0}}\n  register: {{promote: {{alias: p, when: repurchse.auc > 0.5}}}}\n");
    let found = mistakes(&text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("spec.preset.horizon") && found[1].contains("spec.training.epochs"), "{found:?}");
    assert!(found[2].contains("there is no task `repurchse` (did you mean `repurchase`?)"), "{found:?}");
}

proptest! {
    #[test]
    fn whatever_a_column_is_called_sql_takes_it_for_a_name(name in "[a-z\"'; $%\\\\{}\\-\u{e9}]{1,12}") {
        prop_assume!(!name.trim().is_empty());
        let written = serde_json::to_string(&name.replace("${", "$${")).unwrap();
        let spec = training(&edited(TRAINING, "customer: customer_id", &format!("customer: {written}")));
        prop_assert_eq!(spec.key.as_str(), name.as_str());
        let doubled = name.replace('"', "\"\"");
        let orders = sql(&spec, "preset_orders");
        prop_assert!(orders.contains(&format!("SELECT \"{doubled}\" AS \"customer\",")), "{}", orders);
        prop_assert!(orders.contains(&format!("WHERE \"{doubled}\" IS NOT NULL")), "{}", orders);
    }
}
