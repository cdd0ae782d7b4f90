//! What is said of documents whose parts do not go together.

use crate::testing::{SCORING, TRAINING, check_edits, mistakes};

#[test]
fn a_table_that_is_named_exists() {
    check_edits(
        TRAINING,
        &[
            (
                "examples: customers",
                "examples: §custmers",
                &["spec.examples: there is no table `custmers` (did you mean `customers`?)"],
            ),
            (
                "table: best_customers",
                "table: §seeds",
                &[
                    "spec.tasks.best.seeds.table: there is no table `seeds` (tables so far: transactions, stores, raw, customers, best_customers)",
                ],
            ),
            (
                "name: best_customers",
                "name: §stores",
                &[
                    "spec.prepare[1].name: there is already a table `stores`",
                    "35:44: spec.tasks.best.seeds.table: there is no table `best_customers` (tables so far: transactions, stores, raw, customers)",
                ],
            ),
        ],
    );
    check_edits(
        SCORING,
        &[
            (
                "population: consenting",
                "population: §consent",
                &["spec.population: there is no table `consent` (did you mean `consenting`?)"],
            ),
            (
                "table: recent_buyers",
                "table: §blocked",
                &[
                    "spec.audiences.likely-buyers.exclude[0].table: there is no table `blocked` (tables so far: customers, recent_buyers, consenting)",
                ],
            ),
        ],
    );
}

#[test]
fn no_table_is_missed_where_the_tables_themselves_are_wrong() {
    check_edits(
        TRAINING,
        &[
            (
                "- name: customers\n",
                "- §§nam: customers\n",
                &[
                    "spec.prepare[0].nam: unknown field `nam` (did you mean `name`?)",
                    "spec.prepare[0]: `name` is missing (it takes a table's name)",
                ],
            ),
            (
                "{name: best_customers, sql: SELECT customer_id FROM customers}",
                "§best_customers",
                &["spec.prepare[1]: expected a mapping with `name`, found the text `best_customers`"],
            ),
        ],
    );
    let without_tables = "apiVersion: kindred.dev/v1\nkind: Scoring\nmetadata: {name: a}\nspec: {model: m@1, tables: 5, population: p, key: k}\n";
    assert_eq!(
        mistakes(without_tables),
        ["4:28: spec.tables: expected a mapping from names, each to a mapping with `url`, found the number 5"]
    );
}

#[test]
fn options_of_a_table_belong_to_its_format() {
    check_edits(
        TRAINING,
        &[
            (
                "format: parquet}",
                "format: parquet, delimiter: §\",\", §types: {a: string}}",
                &[
                    "spec.tables.stores.delimiter: `delimiter` belongs to csv, and the format is parquet",
                    "spec.tables.stores.types: `types` belongs to csv and json, and the format is parquet",
                ],
            ),
            (
                "\"s3://bucket/stores/*.parquet\", format: parquet",
                "stores.jsonl.gz, header: §true",
                &["spec.tables.stores.header: `header` belongs to csv, and the format is json"],
            ),
            (
                "url: data/transactions.csv, delimiter: \";\"",
                "url: data/transactions.csv, header: §false",
                &["spec.tables.transactions.header: without a header the columns have no names: give `columns`"],
            ),
            (
                "columns: [id, date, amount]",
                "columns: [id, date, §id]\n      header: §true\n      types: {date: date, phone: §string}",
                &[
                    "spec.tables.raw.columns[2]: `id` is listed twice",
                    "spec.tables.raw.header: `columns` is for files without a header: leave out `header: true` or `columns`",
                    "spec.tables.raw.types.phone: there is no column `phone` (columns: id, date, id)",
                ],
            ),
        ],
    );
}

#[test]
fn a_model_does_not_see_what_it_predicts() {
    check_edits(
        TRAINING,
        &[
            (
                "    recency_days:",
                "    §customer_id:",
                &[
                    "spec.features.customer_id: the feature reads `customer_id`, which is the key: a model must not see it",
                ],
            ),
            (
                "column: city",
                "column: §bought_again",
                &[
                    "spec.features.area.column: the feature reads `bought_again`, which is the label of the task `repurchase`: a model must not see it",
                ],
            ),
            (
                "of: [city, channel]",
                "of: [city, §spend_next]",
                &[
                    "spec.features.city_x_channel.of[1]: the feature reads `spend_next`, which is the label of the task `spend`: a model must not see it",
                ],
            ),
            (
                "split: {by: key, validation: 0.1, test: 10%}",
                "split: {by: column, column: channel}",
                &[
                    "27:5: spec.features.channel: the feature reads `channel`, which is the column that splits the rows: a model must not see it",
                    "31:46: spec.features.city_x_channel.of[1]: the feature reads `channel`, which is the column that splits the rows: a model must \
                 not see it",
                ],
            ),
            ("column: city", "column: sample_weight", &[]),
        ],
    );
}

#[test]
fn a_column_has_one_role() {
    check_edits(
        TRAINING,
        &[
            (
                "weight: sample_weight",
                "weight: §customer_id",
                &["spec.weight: the column `customer_id` is also the key"],
            ),
            (
                "label: bought_again",
                "label: §customer_id",
                &["spec.tasks.repurchase.label: the column `customer_id` is also the key"],
            ),
            (
                "label: spend_next",
                "label: §sample_weight",
                &["spec.tasks.spend.label: the column `sample_weight` is also the weight"],
            ),
            ("label: spend_next", "label: bought_again", &[]),
            (
                "by: key, validation: 0.1, test: 10%",
                "by: column, column: §customer_id",
                &["spec.split.column: the column `customer_id` is also the key"],
            ),
        ],
    );
}

#[test]
fn a_feature_says_one_thing() {
    check_edits(
        TRAINING,
        &[
            (
                "vocabulary: {min_count: 5, max_size: 10000}",
                "vocabulary: {min_count: 5}, §hash: {buckets: 5}",
                &["spec.features.channel.hash: `hash` and `vocabulary` exclude one another: keep one"],
            ),
            (
                "of: [city, channel]",
                "of: [city, channel, §city]",
                &["spec.features.city_x_channel.of[2]: `city` is listed twice"],
            ),
            (
                "[age_days, month]",
                "[age_days, month, §age_days]",
                &["spec.features.first_seen.encode[2]: `age_days` is listed twice"],
            ),
            (
                "[age_days, month]",
                "[§days, age_days]",
                &[
                    "spec.features.first_seen.encode[0]: unknown timestamp part `days` (available: age_days, hour, weekday, month)",
                ],
            ),
        ],
    );
}

#[test]
fn a_split_leaves_rows_to_train_on_and_gives_those_that_are_needed() {
    let split = "split: {by: key, validation: 0.1, test: 10%}";
    check_edits(
        TRAINING,
        &[
            (
                split,
                "§split: {by: random, validation: 0.6, test: 40%}",
                &["spec.split: validation and test together take 1 of the rows and leave none to train on"],
            ),
            (
                split,
                "split: {by: time, column: d, validation_from: 2026-02-01, test_from: §2026-02-01}",
                &["spec.split.test_from: `test_from` 2026-02-01 is not after `validation_from` 2026-02-01"],
            ),
            (
                split,
                "split: {by: key, validation: 0}",
                &[
                    "49:31: spec.training.early_stopping.measure: early stopping needs validation rows, and `split.validation` is 0",
                    "55:16: spec.calibration: calibration needs validation rows, and `split.validation` is 0",
                ],
            ),
            (
                split,
                "split: {by: key, test: 0}",
                &["59:71: spec.register.promote.when: promotion needs test rows, and `split.test` is 0"],
            ),
        ],
    );
}

#[test]
fn tasks_and_their_weights_make_sense() {
    check_edits(
        TRAINING,
        &[
            (
                ", loss: nnpu",
                "",
                &[
                    "35:86: spec.tasks.best.prior: `prior` belongs to the losses nnpu and elkan_noto, and the loss is plain",
                ],
            ),
            ("prior: 5%, ", "", &[]),
            ("loss: nnpu", "loss: elkan_noto", &[]),
            ("prior: 5%, loss: nnpu", "loss: elkan_noto", &[]),
            (
                "positive_weight: 2",
                "positive_weight: §2, loss: {kind: focal, gamma: 1.5}",
                &[
                    "spec.tasks.repurchase.positive_weight: `positive_weight` belongs to the cross-entropy; the focal loss weighs positive rows by `alpha`",
                ],
            ),
            ("positive_weight: 2", "loss: {kind: focal, gamma: 0, alpha: 0.5}", &[]),
            ("positive_weight: 2", "positive_weight: 2, loss: {kind: cross_entropy}", &[]),
            ("positive_weight: 2", "negative_rate: 5%", &[]),
            (
                "positive_weight: 2",
                "negative_rate: §0",
                &["spec.tasks.repurchase.negative_rate: 0 is out of range: expected above 0 and at most 1"],
            ),
            (
                "positive_weight: 2",
                "loss: {kind: focal, gamma: §-1, alpha: §1}",
                &[
                    "spec.tasks.repurchase.loss.gamma: -1 is out of range: expected at least 0 and at most 10",
                    "spec.tasks.repurchase.loss.alpha: 1 is out of range: expected above 0 and below 1",
                ],
            ),
            (
                "{repurchase: 1, spend: 0.2}",
                "{repurchase: §-1, speed: §0.2}",
                &[
                    "spec.training.task_weights.repurchase: -1 is out of range: expected at least 0",
                    "spec.training.task_weights.speed: there is no task `speed` (did you mean `spend`?)",
                ],
            ),
            (
                "{repurchase: 1, spend: 0.2}",
                "{repurchase: 0, spend: 0, best: 0}",
                &["48:5: spec.training.task_weights: every task weighs 0: nothing would be learned"],
            ),
            ("{repurchase: 1, spend: 0.2}", "{repurchase: 0, spend: 0}", &[]),
        ],
    );
    for name in ["model_version", "scored_at", "customer_id"] {
        let renamed = TRAINING.replace("best: {kind", &format!("{name}: {{kind"));
        assert_eq!(
            mistakes(&renamed),
            [format!("35:{}: spec.tasks.{name}: `{name}` is a column of the score table itself", 5)]
        );
    }
}

#[test]
fn a_regression_says_how_far_a_number_is_off() {
    let value = "{kind: value, label: spend_next}";
    let path = "spec.tasks.spend.loss";
    let of = |loss: &str| format!("{{kind: regression, label: spend_next, loss: {loss}}}");
    check_edits(
        TRAINING,
        &[
            (value, "{kind: regression, label: spend_next}", &[]),
            (value, &of("{kind: huber, delta: 0.5}"), &[]),
            (value, &of("{kind: tweedie, power: 1.2}"), &[]),
            (
                value,
                &of("§huber"),
                &[&format!(
                    "{path}: expected a mapping with `kind`, one of squared, huber, poisson, tweedie, found the text `huber` (write {{kind: huber}})"
                )],
            ),
            (
                value,
                &of("{kind: §hubber}"),
                &[&format!("{path}.kind: unknown regression loss kind `hubber` (did you mean `huber`?)")],
            ),
            (
                value,
                &of("{kind: poisson, §power: 1.5}"),
                &[&format!("{path}.power: unknown field `power` (fields here: kind)")],
            ),
            (
                value,
                &of("{kind: tweedie, power: §2}"),
                &[&format!("{path}.power: 2 is out of range: expected above 1 and below 2")],
            ),
            (value, &of("{kind: huber, delta: §0}"), &[&format!("{path}.delta: 0 is out of range: expected above 0")]),
        ],
    );
}

#[test]
fn every_task_may_say_which_rows_it_learns_from_and_how_much_they_count() {
    let both = ", when: \"city = 'Rome'\", weight: importance}";
    for task in ["positive_weight: 2}", "label: spend_next}", "loss: nnpu}"] {
        let with_both = TRAINING.replace(task, &task.replace('}', both));
        let document = crate::testing::document(&with_both);
        let crate::Document::Training(training) = document else { panic!("a Training document") };
        let tasks: Vec<_> = training.spec.tasks.values().filter(|task| task.when().is_some()).collect();
        assert_eq!(tasks.len(), 1, "{task}");
        assert_eq!((tasks[0].when(), tasks[0].weight().unwrap().as_str()), (Some("city = 'Rome'"), "importance"));
    }
    check_edits(
        TRAINING,
        &[(
            "label: spend_next}",
            "label: spend_next, when: §\"\"}",
            &["spec.tasks.spend.when: expected a text, found a blank text"],
        )],
    );
}

#[test]
fn the_steps_of_a_funnel_follow_each_other_in_a_network_that_reads_them() {
    let funnel = TRAINING.replace("kind: mmoe\n", "kind: esmm\n").replace("    experts: 4\n", "");
    let funnel: String = funnel.lines().filter(|line| !is_mmoe_line(line)).map(|line| format!("{line}\n")).collect();
    let steps = "positive_weight: 2";
    check_edits(
        &funnel,
        &[
            (
                steps,
                "positive_weight: 2, after: §repurchase",
                &["spec.tasks.repurchase.after: the task comes after itself"],
            ),
            (
                steps,
                "positive_weight: 2, after: §spend",
                &["spec.tasks.repurchase.after: `spend` is not a binary task"],
            ),
            (
                steps,
                "positive_weight: 2, after: §click",
                &["spec.tasks.repurchase.after: there is no task `click` (tasks: repurchase, spend, best)"],
            ),
            (
                steps,
                "negative_rate: §0.5, after: §repurchase",
                &[
                    "spec.tasks.repurchase.negative_rate: `negative_rate` leaves out rows that the other steps of the funnel learn from",
                    "spec.tasks.repurchase.after: the task comes after itself",
                ],
            ),
            (
                steps,
                "when: §age > 30, after: §repurchase",
                &[
                    "spec.tasks.repurchase.when: `when` leaves out rows that the other steps of the funnel learn from: give the step a label of 0 where the step before did not happen",
                    "spec.tasks.repurchase.after: the task comes after itself",
                ],
            ),
            (
                "kind: esmm",
                "kind: §esmm",
                &[
                    "spec.network.kind: `esmm` is for the steps of a funnel, and no task says which step it comes `after`",
                ],
            ),
        ],
    );
    check_edits(
        TRAINING,
        &[(
            steps,
            "positive_weight: 2, after: §spend",
            &[
                "spec.tasks.repurchase.after: `after` is for networks of the kinds esmm, escm2 and aitm, and the network's kind is mmoe",
                "33:80: spec.tasks.repurchase.after: `spend` is not a binary task",
            ],
        )],
    );
}

/// Whether it is a field that only MMoE has.
fn is_mmoe_line(line: &str) -> bool {
    ["    expert_layers:", "    tower_layers:", "    dropout:"].iter().any(|field| line.starts_with(field))
}

#[test]
fn a_task_with_groups_can_be_watched_by_them() {
    let grouped = TRAINING.replace("positive_weight: 2}", "positive_weight: 2, group_by: city}");
    check_edits(&grouped, &[("measure: repurchase.auc", "measure: repurchase.grouped_auc", &[])]);
}

#[test]
fn a_measure_belongs_to_its_task() {
    let of_values = "these do: rmse, mae, spearman, normalized_gini, loss";
    let of_classes = "these do: auc, grouped_auc, pr_auc, log_loss, normalized_entropy, brier, ece, ks, gini, lift_top_decile, \
                      precision_at_1_percent, precision_at_5_percent, precision_at_10_percent, precision_at_20_percent, \
                      recall_at_1_percent, recall_at_5_percent, recall_at_10_percent, \
                      recall_at_20_percent, loss";
    let path = "spec.training.early_stopping.measure";
    check_edits(
        TRAINING,
        &[
            ("measure: repurchase.auc", "measure: loss", &[]),
            ("measure: repurchase.auc", "measure: best.lift_top_decile", &[]),
            ("measure: repurchase.auc", "measure: spend.loss", &[]),
            (
                "measure: repurchase.auc",
                "measure: §best.grouped_auc",
                &[&format!("{path}: `grouped_auc` needs the groups of the task `best`: give it `group_by`, a column")],
            ),
            (
                "measure: repurchase.auc",
                "measure: §repurchase.rmse",
                &[&format!("{path}: `rmse` does not measure a binary task; {of_classes}")],
            ),
            (
                "measure: repurchase.auc",
                "measure: §best.mae",
                &[&format!("{path}: `mae` does not measure a lookalike task; {of_classes}")],
            ),
            (
                "measure: repurchase.auc",
                "measure: §spend.auc",
                &[&format!("{path}: `auc` does not measure a value task; {of_values}")],
            ),
            (
                "measure: repurchase.auc",
                "measure: §buy.auc",
                &[&format!("{path}: there is no task `buy` (tasks: repurchase, spend, best)")],
            ),
            (
                "measure: repurchase.auc",
                "measure: §repurchase.acu",
                &[&format!("{path}: there is no measure `acu`: did you mean `auc`?")],
            ),
            (
                "measure: repurchase.auc",
                "measure: §auc",
                &[&format!("{path}: `auc` names no measure: write task.measure, such as repurchase.auc")],
            ),
        ],
    );
    let path = "spec.register.promote.when";
    let whole = "\"repurchase.auc >= 0.70 and spend.rmse < 100\"";
    check_edits(
        TRAINING,
        &[
            (
                whole,
                "§repurchase.auc",
                &[&format!(
                    "{path}: `repurchase.auc` is no comparison: write task.measure, one of >= > <= <, and a number, joined by `and`"
                )],
            ),
            (whole, "§spend.auc > 0.7", &[&format!("{path}: `auc` does not measure a value task; {of_values}")]),
            (
                whole,
                "§§repurchase.rmse < 1 and buy.auc > 0.7",
                &[
                    &format!("{path}: `rmse` does not measure a binary task; {of_classes}"),
                    &format!("{path}: there is no task `buy` (tasks: repurchase, spend, best)"),
                ],
            ),
        ],
    );
}

#[test]
fn a_rule_over_what_tasks_share_needs_a_network_that_shares() {
    let weights = "{repurchase: 1, spend: 0.2}";
    let linear: String = TRAINING.lines().filter(|line| !is_mmoe_line(line)).map(|line| format!("{line}\n")).collect();
    let linear = linear.replace("kind: mmoe", "kind: linear").replace("    experts: 4\n", "");
    for rule in ["gradnorm", "pcgrad"] {
        let told = format!(
            "spec.training.task_weights: `{rule}` looks at weights that tasks share, and in a linear network they share none"
        );
        check_edits(&linear, &[(weights, &format!("§{rule}"), &[&told]), (weights, "dwa", &[])]);
        check_edits(TRAINING, &[(weights, rule, &[])]);
    }
    check_edits(
        TRAINING,
        &[(
            weights,
            "§gradnrom",
            &["spec.training.task_weights: unknown task weight rule `gradnrom` (did you mean `gradnorm`?)"],
        )],
    );
}

#[test]
fn classes_have_measures_and_columns_of_their_own() {
    let best = "{kind: lookalike, seeds: {table: best_customers, key: customer_id}, prior: 5%, loss: nnpu}";
    let of_best = format!("best: {best}");
    check_edits(
        TRAINING,
        &[
            (
                best,
                "{kind: multiclass, label: next, max_classes: §2000}",
                &["spec.tasks.best.max_classes: 2000 is out of range: expected 2 to 1000"],
            ),
            (
                of_best.as_str(),
                "§best: {kind: multiclass, label: next, top: 3}\n    best_3: {kind: binary, label: b}",
                &[
                    "spec.tasks.best: its scores have a column `best_3` of the task's classes, and there is another one of that name",
                ],
            ),
        ],
    );
    check_edits(
        &TRAINING.replace(best, "{kind: multiclass, label: next, top: 3}"),
        &[
            ("measure: repurchase.auc", "measure: best.top_3_accuracy", &[]),
            (
                "measure: repurchase.auc",
                "measure: §best.auc",
                &[
                    "spec.training.early_stopping.measure: `auc` does not measure a multiclass task; these do: log_loss, \
                     normalized_entropy, accuracy, top_3_accuracy, top_5_accuracy, mrr, ece, loss",
                ],
            ),
        ],
    );
}

#[test]
fn a_measure_of_a_task_that_is_wrong_itself_is_left_alone() {
    check_edits(
        TRAINING,
        &[(
            "{kind: binary, label: bought_again, positive_weight: 2}",
            "{kind: §survival, label: a}",
            &[
                "spec.tasks.repurchase.kind: task kind `survival` is not available; available: binary, value, regression, multiclass, lookalike",
            ],
        )],
    );
}

#[test]
fn training_runs_on_what_there_is() {
    check_edits(
        TRAINING,
        &[
            (
                "device: auto",
                "device: cpu",
                &["53:16: spec.training.precision: `precision: bf16` needs a GPU, and the device is cpu"],
            ),
            (
                "    processes: 1\n",
                "    processes: §2\n",
                &["spec.training.processes: 2 trainer processes are not available; available: 1"],
            ),
            (
                "{processes: 1,",
                "{processes: §4,",
                &["spec.resources.processes: 4 trainer processes are not available; available: 1"],
            ),
        ],
    );
}

#[test]
fn an_alias_moves_one_way() {
    check_edits(
        TRAINING,
        &[
            ("[candidate]", "[candidate, §candidate]", &["spec.register.aliases[1]: `candidate` is listed twice"]),
            (
                "[candidate]",
                "[production]",
                &[
                    "59:54: spec.register.promote.alias: the alias `production` is also under `aliases`, and so it would move without the condition",
                ],
            ),
        ],
    );
}

#[test]
fn tiers_take_everybody_once() {
    let path = "spec.audiences.likely-buyers.tiers";
    check_edits(
        SCORING,
        &[
            (
                "{high: 20%, mid: 0.3, low: rest}",
                "{high: 20%, mid: §rest, low: 0.3}",
                &[&format!("{path}.mid: `rest` takes what the tiers above leave, so it is the last tier")],
            ),
            (
                "tiers: {high: 20%, mid: 0.3, low: rest}",
                "§tiers: {high: 60%, mid: 50%, low: rest}",
                &[&format!("{path}: the tiers take 1.1 of the people together, which is more than all")],
            ),
            (
                "tiers: {high: 20%, mid: 0.3, low: rest}",
                "§tiers: {high: 0.1, mid: 0.2}",
                &[&format!(
                    "{path}: the tiers take 0.3 of the people together; add a last tier with `rest` for the others"
                )],
            ),
            ("{high: 20%, mid: 0.3, low: rest}", "{high: 0.7, mid: 0.1, low: 0.2}", &[]),
            (
                "{high: 20%, mid: 0.3, low: rest}",
                "{high: §2, mid: 0.1}",
                &[&format!("{path}.high: 2 is out of range: expected above 0 and at most 1")],
            ),
        ],
    );
}

#[test]
fn published_columns_have_different_names() {
    check_edits(
        SCORING,
        &[
            (
                "{column: customer_id, hash: none}",
                "§{column: hashed_email, hash: none}",
                &[
                    "spec.audiences.likely-buyers.ids[1]: two id columns would be named `hashed_email`: give one another name with `as`",
                ],
            ),
            (
                "{column: customer_id, hash: none}",
                "§{column: customer_id, hash: none, as: score}",
                &[
                    "spec.audiences.likely-buyers.ids[1]: published files have a column `score` of their own: give another name with `as`",
                ],
            ),
            (
                ", as: hashed_email}, {column: customer_id, hash: none}",
                "}, §{column: phone, hash: md5, as: sha256_email}",
                &[
                    "spec.audiences.likely-buyers.ids[1]: two id columns would be named `sha256_email`: give one another name with `as`",
                ],
            ),
        ],
    );
}

#[test]
fn the_score_table_has_each_column_once() {
    check_edits(
        SCORING,
        &[
            (
                "keep: [customer_id, city]",
                "keep: [city, §city, §scored_at, §\"rank:x\"]",
                &[
                    "spec.keep[1]: `city` is listed twice",
                    "spec.keep[2]: `scored_at` is a column of the score table itself",
                    "spec.keep[3]: `rank:x` is a column of the score table itself",
                ],
            ),
            (
                "  key: customer_id",
                "  key: §model_version",
                &["spec.key: `model_version` is a column of the score table itself"],
            ),
        ],
    );
}

#[test]
fn guards_can_be_passed() {
    let path = "spec.audiences.likely-buyers";
    check_edits(
        SCORING,
        &[
            (
                "min_size: 1000,",
                "min_size: 300000,",
                &[&format!("25:44: {path}.guards.max_size: `max_size` 200000 is below `min_size` 300000")],
            ),
            (
                "{top: 100000}",
                "{top: §500}",
                &[&format!(
                    "{path}.size.top: the audience has at most 500 people, and `min_size` 1000 would always hold it back"
                )],
            ),
            (
                "{top: 100000}",
                "{top: §300000}",
                &[&format!(
                    "{path}.size.top: the audience takes 300000 people, and `max_size` 200000 would hold it back"
                )],
            ),
        ],
    );
}

#[test]
fn a_table_is_excluded_once() {
    check_edits(
        SCORING,
        &[
            (
                "[{table: recent_buyers, key: buyer}]",
                "[{table: recent_buyers, key: buyer}, §{table: recent_buyers, key: buyer}]",
                &["spec.audiences.likely-buyers.exclude[1]: `recent_buyers` is listed twice"],
            ),
            (
                "[{table: recent_buyers, key: buyer}]",
                "[{table: recent_buyers, key: buyer}, {table: recent_buyers}]",
                &[],
            ),
        ],
    );
}

#[test]
fn tiers_by_number_or_score_go_down_to_the_rest() {
    let path = "spec.audiences.likely-buyers.tiers";
    let tiers = "tiers: {high: 20%, mid: 0.3, low: rest}";
    check_edits(
        SCORING,
        &[
            (tiers, "tiers: {high: {top: 500}, mid: {threshold: 0.5}, more: 30%, low: rest}", &[]),
            (tiers, "tiers: {a: {best: 1%}, b: {best: 2%}, c: {best: 5%}, d: rest}", &[]),
            (
                tiers,
                "§tiers: {high: {top: 500}, low: {threshold: 0.5}}",
                &[&format!(
                    "{path}: tiers by number or score need not take everybody: add a last tier with `rest` for the others"
                )],
            ),
            (
                tiers,
                "tiers: {a: {threshold: 0.5}, b: {threshold: §0.8}, c: {best: 2%}, d: {best: §1%}, e: rest}",
                &[
                    &format!(
                        "{path}.b.threshold: a tier above ends at 0.5, so this one takes nobody: put tiers from the top down"
                    ),
                    &format!(
                        "{path}.d.best: a tier above ends at 0.02, so this one takes nobody: put tiers from the top down"
                    ),
                ],
            ),
        ],
    );
}

#[test]
fn tables_of_keys_and_contacts_are_there_and_do_not_contradict() {
    let path = "spec.audiences.likely-buyers";
    let exclude = "exclude: [{table: recent_buyers, key: buyer}]";
    check_edits(
        SCORING,
        &[
            (exclude, "include: [{table: customers}, {table: recent_buyers}]", &[]),
            (
                exclude,
                "include: [{table: §zoo}, {table: customers}, §{table: customers}]",
                &[
                    &format!(
                        "{path}.include[0].table: there is no table `zoo` (tables so far: customers, recent_buyers, consenting)"
                    ),
                    &format!("{path}.include[2]: `customers` is listed twice"),
                ],
            ),
            (
                exclude,
                "include: [{table: customers}]\n      exclude: [§{table: customers}]",
                &[&format!("{path}.exclude[0]: `customers` is also under `include`: nobody would be left")],
            ),
            (
                exclude,
                "caps: [{table: recent_buyers, key: buyer, time: sent_at, most: 3, within: 7d, time_zone: Asia/Shanghai}]",
                &[],
            ),
            (
                exclude,
                "caps: [{table: §recent_buyer, time: at, most: §0, within: §12h, time_zone: §Shanghai}]",
                &[
                    &format!("{path}.caps[0].table: there is no table `recent_buyer` (did you mean `recent_buyers`?)"),
                    &format!("{path}.caps[0].most: 0 is out of range: expected at least 1"),
                    &format!(
                        "{path}.caps[0].within: `12h` is not a number of days: write 1 to 9999 and d or w, such as 90d or 13w"
                    ),
                    &format!(
                        "{path}.caps[0].time_zone: there is no time zone `Shanghai` (did you mean `Asia/Shanghai`?)"
                    ),
                ],
            ),
        ],
    );
}
