//! What is said of documents that are not of the right form.

use crate::testing::{SCORING, TRAINING, check_edits, mistakes};

#[test]
fn an_unknown_field_is_named_with_what_was_meant() {
    check_edits(
        TRAINING,
        &[
            (
                "  key: customer_id\n",
                "  key: customer_id\n  §keys: a\n",
                &["spec.keys: unknown field `keys` (did you mean `key`?)"],
            ),
            (
                "metadata:\n",
                "metadata:\n  §owner: me\n",
                &["metadata.owner: unknown field `owner` (fields here: name)"],
            ),
            (
                "transform: standardize",
                "§transfrom: standardize",
                &["spec.features.recency_days.transfrom: unknown field `transfrom` (did you mean `transform`?)"],
            ),
            (
                "experts: 4",
                "§heads: 4",
                &[
                    "spec.network.heads: unknown field `heads` (fields here: kind, experts, expert_layers, tower_layers, dropout, interaction)",
                ],
            ),
            (
                "min_count: 5",
                "§Min-Count: 5",
                &["spec.features.channel.vocabulary.Min-Count: unknown field `Min-Count` (did you mean `min_count`?)"],
            ),
            (
                "kind: rowwise_adagrad",
                "kind: §adagard",
                &[
                    "spec.training.embeddings.kind: unknown embedding optimizer kind `adagard` (did you mean `adagrad`?)",
                ],
            ),
        ],
    );
}

#[test]
fn a_missing_field_is_named_with_what_it_takes() {
    check_edits(
        TRAINING,
        &[
            ("apiVersion: kindred.dev/v1\n", "§", &["`apiVersion` is missing (it takes kindred.dev/v1)"]),
            ("kind: Training\n", "", &["1:1: `kind` is missing (it takes one of Training, Scoring, Preparation)"]),
            ("  examples: customers\n", "", &["5:1: spec: `examples` is missing (it takes a table's name)"]),
            (
                "    kind: mmoe\n",
                "",
                &[
                    "36:3: spec.network: `kind` is missing (it takes one of linear, shared_bottom, mmoe, ple, stem, esmm, escm2, aitm, seed_tower, two_tower, metaheac)",
                ],
            ),
            (
                "url: data/transactions.csv, ",
                "",
                &["8:5: spec.tables.transactions: `url` is missing (it takes a path or URL)"],
            ),
            ("by: key, ", "", &["24:3: spec.split: `by` is missing (it takes one of key, random, column, time)"]),
            (
                "by: key, validation: 0.1, test: 10%",
                "by: time",
                &[
                    "24:3: spec.split: `column` is missing (it takes a column's name)",
                    "24:3: spec.split: `validation_from` is missing (it takes a date)",
                    "24:3: spec.split: `test_from` is missing (it takes a date)",
                ],
            ),
        ],
    );
    check_edits(
        SCORING,
        &[
            (
                "      size: {top: 100000}\n",
                "",
                &[
                    "16:5: spec.audiences.likely-buyers: `size` is missing (it takes a mapping with exactly one of top, share, threshold)",
                ],
            ),
            (
                "share: 0.1, ",
                "",
                &[
                    "22:7: spec.audiences.likely-buyers.holdout: `share` is missing (it takes a share such as 0.05 or 5%)",
                ],
            ),
        ],
    );
}

#[test]
fn a_value_of_another_type_is_named_with_what_would_be_right() {
    check_edits(
        TRAINING,
        &[
            (
                "batch_size: 1024",
                "batch_size: §ten",
                &["spec.training.batch_size: expected a whole number, found the text `ten`"],
            ),
            (
                "batch_size: 1024",
                "batch_size: §10_000",
                &["spec.training.batch_size: expected a whole number, found the text `10_000` (write 10000)"],
            ),
            (
                "batch_size: 1024",
                "batch_size: §\"1024\"",
                &[
                    "spec.training.batch_size: expected a whole number, found the text `1024` (write 1024 without quotes)",
                ],
            ),
            (
                "batch_size: 1024",
                "batch_size: §2.5",
                &["spec.training.batch_size: expected a whole number, found the number 2.5"],
            ),
            (
                "epochs: 20",
                "§epochs:",
                &["spec.training.epochs: expected a whole number, found nothing (leave the field out for its default)"],
            ),
            (
                "batch_size: 1024",
                "§batch_size: [1]",
                &["spec.training.batch_size: expected a whole number, found a list"],
            ),
            (
                "key: customer_id\n  weight",
                "key: §5\n  weight",
                &["spec.key: expected a column's name, found the number 5 (put it in quotes: \"5\")"],
            ),
            (
                "examples: customers",
                "examples: §true",
                &["spec.examples: expected a table's name, found true (put it in quotes: \"true\")"],
            ),
            (
                "of: [city, channel]",
                "of: §city",
                &[
                    "spec.features.city_x_channel.of: expected a list, each item a column's name, found the text `city` (write [city])",
                ],
            ),
            (
                "{kind: bag, hash: {buckets: 100000}, width: 16, pool: mean, max_length: 50}",
                "§bag",
                &[
                    "spec.features.product_ids: expected a mapping with `kind`, one of numeric, categorical, bag, sequence, vector, timestamp, cross, found the text `bag` (write {kind: bag})",
                ],
            ),
            (
                "format: parquet",
                "format: parquet, header: §yes",
                &["spec.tables.stores.header: expected true or false, found the text `yes` (write true)"],
            ),
            (
                "task_weights: {repurchase: 1, spend: 0.2}",
                "task_weights: §5",
                &[
                    "spec.training.task_weights: expected one of uncertainty, gradnorm, dwa, pcgrad, or a mapping from names, each to a number, found the number 5",
                ],
            ),
        ],
    );
    assert_eq!(
        mistakes("- a\n"),
        ["1:1: expected a mapping with `kind`, one of Training, Scoring, Preparation, found a list"]
    );
    assert_eq!(
        mistakes("text"),
        ["1:1: expected a mapping with `kind`, one of Training, Scoring, Preparation, found the text `text`"]
    );
}

#[test]
fn an_unknown_word_is_named_with_what_was_meant() {
    check_edits(
        TRAINING,
        &[
            (
                "kind: Training",
                "kind: §training",
                &["kind: unknown document kind `training` (did you mean `Training`?)"],
            ),
            (
                "kindred.dev/v1",
                "§kindred.dev/v2",
                &["apiVersion: unknown api version `kindred.dev/v2` (did you mean `kindred.dev/v1`?)"],
            ),
            ("kind: mmoe", "kind: §moe", &["spec.network.kind: unknown network kind `moe` (did you mean `mmoe`?)"]),
            (
                "kind: mmoe",
                "kind: §transformer",
                &[
                    "spec.network.kind: unknown network kind `transformer` (available: linear, shared_bottom, mmoe, ple, stem, esmm, escm2, aitm, seed_tower, two_tower, metaheac)",
                ],
            ),
            (
                "impute: zero",
                "impute: §mode",
                &["spec.features.recency_days.impute: unknown impute `mode` (available: mean, median, zero)"],
            ),
            (
                "[age_days, month]",
                "[age_days, §week_day]",
                &["spec.features.first_seen.encode[1]: unknown timestamp part `week_day` (did you mean `weekday`?)"],
            ),
        ],
    );
}

#[test]
fn the_rest_of_a_mapping_with_a_misspelt_kind_is_checked_too() {
    check_edits(
        TRAINING,
        &[(
            "{kind: numeric, transform: standardize, impute: zero}",
            "{kind: §numerical, transform: §log, impute: zero}",
            &[
                "spec.features.recency_days.kind: unknown feature kind `numerical` (did you mean `numeric`?)",
                "spec.features.recency_days.transform: unknown numeric transform `log` (did you mean `log1p`?)",
            ],
        )],
    );
}

#[test]
fn what_the_design_names_and_is_not_built_is_refused_by_name() {
    check_edits(
        TRAINING,
        &[
            (
                "kind: value",
                "kind: §survival",
                &[
                    "spec.tasks.spend.kind: task kind `survival` is not available; available: binary, value, regression, multiclass, lookalike",
                ],
            ),
            ("kind: mmoe", "kind: §cgc", &["spec.network.kind: network kind `cgc` is written {kind: ple, levels: 1}"]),
            (
                "kind: mmoe",
                "kind: §deepfm",
                &[
                    "spec.network.kind: network kind `deepfm` is written {kind: shared_bottom, interaction: {kind: deepfm}}",
                ],
            ),
            (
                "experts: 4\n",
                "experts: 4\n    §activation: gelu\n",
                &["spec.network.activation: `activation` is not available"],
            ),
            (
                "{kind: numeric, transform: standardize, impute: zero}",
                "{kind: sequence, hash: {buckets: 5}, pool: §atention, §attention: {}}",
                &[
                    "spec.features.recency_days.pool: unknown sequence pool `atention` (did you mean `attention`?)",
                    "spec.features.recency_days.attention: `attention` is not available",
                ],
            ),
            (
                "width: 8}",
                "width: 8, §embedding: own}",
                &["spec.features.area.embedding: `embedding` is not available"],
            ),
            (
                "{kind: value, label: spend_next}",
                "{kind: §survival, label: spend_next}",
                &[
                    "spec.tasks.spend.kind: task kind `survival` is not available; available: binary, value, regression, multiclass, lookalike",
                ],
            ),
            (
                "positive_weight: 2",
                "group_by: person, loss: §focal",
                &[
                    "spec.tasks.repurchase.loss: expected a mapping with `kind`, one of cross_entropy, focal, found the text `focal` (write {kind: focal})",
                ],
            ),
            ("test: 10%", "test: 10%, §stratify: bought_again", &["spec.split.stratify: `stratify` is not available"]),
        ],
    );
    check_edits(
        SCORING,
        &[
            (
                "processes: 4",
                "§gpus_per_process: 1",
                &["spec.resources.gpus_per_process: `gpus_per_process` is not available"],
            ),
            (
                "max_change: 30%",
                "§min_cell: 20",
                &["spec.audiences.likely-buyers.guards.min_cell: `min_cell` is not available"],
            ),
            (
                "high: 20%",
                "high: {§count: 500}",
                &["spec.audiences.likely-buyers.tiers.high.count: `count` is written top: 500"],
            ),
            (
                "high: 20%",
                "§high: {top: 500, threshold: 0.5}",
                &[
                    "spec.audiences.likely-buyers.tiers.high: expected exactly one of top, best, threshold, found top, threshold",
                ],
            ),
            (
                "high: 20%",
                "high: §all",
                &[
                    "spec.audiences.likely-buyers.tiers.high: expected a share such as 0.05 or 5%, or a mapping with exactly one of top, best, threshold, or rest, found the text `all`",
                ],
            ),
            (
                "high: 20%",
                "high: {threshold: §.inf}",
                &["spec.audiences.likely-buyers.tiers.high.threshold: .inf is out of range: expected a finite number"],
            ),
            (
                "hash: sha256",
                "hash: §hmac",
                &["spec.audiences.likely-buyers.ids[0].hash: id hash `hmac` is written hmac_sha256"],
            ),
            (
                "normalize: email",
                "normalize: §phone",
                &["spec.audiences.likely-buyers.ids[0].normalize: id normalization `phone` is written e164"],
            ),
            (
                "kind: csv",
                "kind: §json",
                &["spec.audiences.likely-buyers.format.kind: file kind `json` is written jsonl"],
            ),
            (
                "size: {threshold: 0.3}",
                "size: {§reach: 0.3}",
                &["spec.audiences.above.size.reach: `reach` is not available"],
            ),
            (
                "size: {threshold: 0.3}",
                "size: {§similarity: 0.8}",
                &[
                    "spec.audiences.above.size.similarity: `similarity` is written threshold: 0.8, with `rank_by` a lookalike task or a seed list",
                ],
            ),
            (
                "metadata: {name: nightly-customers}",
                "metadata: {name: nightly-customers, §namespace: prod}",
                &["metadata.namespace: `namespace` is not available"],
            ),
        ],
    );
}

#[test]
fn a_number_out_of_range_is_named_with_its_range() {
    let widest = u64::MAX.to_string();
    let beyond_seeds = format!("spec.training.seed: 18446744073709551616 is out of range: expected at most {widest}");
    check_edits(
        TRAINING,
        &[
            ("epochs: 20", "epochs: §0", &["spec.training.epochs: 0 is out of range: expected 1 to 100000"]),
            ("epochs: 20", "epochs: §5e9", &["spec.training.epochs: 5e9 is out of range: expected 1 to 100000"]),
            ("epochs: 20", "epochs: §-1", &["spec.training.epochs: -1 is out of range: expected 1 to 100000"]),
            ("epochs: 20", "epochs: §.inf", &["spec.training.epochs: .inf is out of range: expected 1 to 100000"]),
            (
                "dropout: 0.1",
                "dropout: §1",
                &["spec.network.dropout: 1 is out of range: expected at least 0 and below 1"],
            ),
            (
                "learning_rate: 0.001",
                "learning_rate: §0",
                &["spec.training.optimizer.learning_rate: 0 is out of range: expected above 0"],
            ),
            (
                "learning_rate: 0.001",
                "learning_rate: §.nan",
                &["spec.training.optimizer.learning_rate: .nan is out of range: expected above 0"],
            ),
            (
                "weight_decay: 1e-4",
                "weight_decay: §-1e-4",
                &["spec.training.optimizer.weight_decay: -1e-4 is out of range: expected at least 0"],
            ),
            ("seed: 18446744073709551615", "seed: §18446744073709551616", &[&beyond_seeds]),
            (
                "buckets: 10000}",
                "buckets: §0}",
                &["spec.features.city_x_channel.hash.buckets: 0 is out of range: expected 1 to 1000000000"],
            ),
            ("width: 16", "width: §513", &["spec.features.product_ids.width: 513 is out of range: expected 1 to 512"]),
            (
                "expert_layers: [128, 64]",
                "expert_layers: [128, §0]",
                &["spec.network.expert_layers[1]: 0 is out of range: expected 1 to 16384"],
            ),
            (
                "expert_layers: [128, 64]",
                "§expert_layers: []",
                &["spec.network.expert_layers: expected 1 to 16 items, found 0"],
            ),
            (
                "of: [city, channel]",
                "§of: [city]",
                &["spec.features.city_x_channel.of: expected 2 to 16 items, found 1"],
            ),
            ("prior: 5%", "prior: §0", &["spec.tasks.best.prior: 0 is out of range: expected above 0 and below 1"]),
            (
                "prior: 5%",
                "prior: §100%",
                &["spec.tasks.best.prior: 100% is out of range: expected above 0 and below 1"],
            ),
        ],
    );
    check_edits(
        SCORING,
        &[
            (
                "{share: 5%}",
                "{share: §0}",
                &["spec.audiences.share-of-all.size.share: 0 is out of range: expected above 0 and at most 1"],
            ),
            (
                "{share: 5%}",
                "{share: §5}",
                &["spec.audiences.share-of-all.size.share: 5 is out of range: expected above 0 and at most 1"],
            ),
            (
                "{threshold: 0.3}",
                "{threshold: §.inf}",
                &["spec.audiences.above.size.threshold: .inf is out of range: expected a finite number"],
            ),
            (
                "{top: 100000}",
                "{top: §0}",
                &["spec.audiences.likely-buyers.size.top: 0 is out of range: expected at least 1"],
            ),
            ("processes: 4", "processes: §0", &["spec.resources.processes: 0 is out of range: expected 1 to 1024"]),
        ],
    );
}

#[test]
fn a_size_is_exactly_one_of_its_forms() {
    check_edits(
        SCORING,
        &[
            (
                "{top: 100000}",
                "{}",
                &["19:7: spec.audiences.likely-buyers.size: expected exactly one of top, share, threshold, found none"],
            ),
            (
                "{top: 100000}",
                "{top: 1000, share: 5%}",
                &[
                    "19:7: spec.audiences.likely-buyers.size: expected exactly one of top, share, threshold, found top, share",
                ],
            ),
            (
                "{top: 100000}",
                "{§topp: 100}",
                &["spec.audiences.likely-buyers.size.topp: unknown field `topp` (did you mean `top`?)"],
            ),
            (
                "{top: 100000}",
                "§5%",
                &[
                    "spec.audiences.likely-buyers.size: expected a mapping with exactly one of top, share, threshold, found the text `5%`",
                ],
            ),
        ],
    );
}

#[test]
fn a_text_without_its_form_is_named_with_the_form() {
    let name = "is not a name: use 1 to 63 lower-case letters, digits, `-` and `_`, starting with a letter or digit";
    let column = "is not a column's name: it is longer than 255 bytes or holds a control character";
    let long = "x".repeat(256);
    check_edits(
        TRAINING,
        &[
            ("name: repurchase", "name: §Re Purchase", &[&format!("metadata.name: `Re Purchase` {name}")]),
            ("name: repurchase", "name: §../../etc/passwd", &[&format!("metadata.name: `../../etc/passwd` {name}")]),
            ("name: repurchase", "name: §\"a\\nb\"", &[&format!("metadata.name: `a\\nb` {name}")]),
            ("name: repurchase", "name: §\"\"", &["metadata.name: expected a name, found a blank text"]),
            ("name: repurchase", &format!("name: §{long}"), &[&format!("metadata.name: `{}…` {name}", "x".repeat(60))]),
            (
                "    spend:",
                "    §Spend:",
                &[
                    &format!("spec.tasks.Spend: `Spend` {name}"),
                    "48:42: spec.training.task_weights.spend: there is no task `spend` (did you mean `Spend`?)",
                    "59:71: spec.register.promote.when: there is no task `spend` (did you mean `Spend`?)",
                ],
            ),
            ("key: customer_id\n  weight", "key: §\"a\\tb\"\n  weight", &[&format!("spec.key: `a\\tb` {column}")]),
            ("key: customer_id\n  weight", "key: \"\\u202Eid\"\n  weight", &[]),
            (
                "    stores:",
                "    §../stores:",
                &[
                    "spec.tables.\"../stores\": `../stores` is not a table's name: use 1 to 63 letters, digits, `_` and `-`, not starting with `-`",
                ],
            ),
            (
                "url: data/raw.txt",
                "url: §\"data/\\0raw.txt\"",
                &["spec.tables.raw.url: `data/\\u{0}raw.txt` is not a path or URL: it holds a control character"],
            ),
            (
                "delimiter: whitespace",
                "delimiter: §\"||\"",
                &[
                    "spec.tables.raw.delimiter: `||` is not a field separator: one ASCII character, or the word whitespace",
                ],
            ),
            (
                "reference: ${today}",
                "reference: §1998-02-30",
                &[
                    "spec.features.first_seen.reference: `1998-02-30` is not a date: write year, month and day, such as 2026-03-31",
                ],
            ),
            (
                "sql: SELECT customer_id FROM customers",
                "sql: §\"\"",
                &["spec.prepare[1].sql: expected a text, found a blank text"],
            ),
            (
                "device: auto",
                "device: §cuda:-1",
                &["spec.training.device: `cuda:-1` is not a device: use auto, cpu, cuda or cuda:N"],
            ),
            (
                "memory: 1.5GiB",
                "memory: §4G",
                &[
                    "spec.resources.memory: `4G` is not an amount of memory of at least 1MiB: write a number and a unit, such as 4GiB or 512MB",
                ],
            ),
            (
                "memory: 1.5GiB",
                "memory: §5B",
                &[
                    "spec.resources.memory: `5B` is not an amount of memory of at least 1MiB: write a number and a unit, such as 4GiB or 512MB",
                ],
            ),
            (
                "aliases: [candidate]",
                "aliases: [§\"7\"]",
                &[
                    "spec.register.aliases[0]: `7` is not an alias: use 1 to 63 lower-case letters, digits, `-` and `_`, not digits alone, starting with a letter or digit",
                ],
            ),
        ],
    );
    let model = "is not a model: write name@alias or name@version, such as repurchase@production";
    check_edits(
        SCORING,
        &[
            ("repurchase@production", "§repurchase", &[&format!("spec.model: `repurchase` {model}")]),
            ("repurchase@production", "§repurchase@0", &[&format!("spec.model: `repurchase@0` {model}")]),
            ("repurchase@production", "§../x@1", &[&format!("spec.model: `../x@1` {model}")]),
            ("repurchase@production", "repurchase@007", &[]),
            ("expires_after: 14d", "retain: {versions: 7, for: 30d}", &[]),
            (
                "expires_after: 14d",
                "retain: {versions: §0, for: §month}",
                &[
                    "spec.audiences.likely-buyers.retain.versions: 0 is out of range: expected at least 1",
                    "spec.audiences.likely-buyers.retain.for: `month` is not a length of time: write a whole number above 0 and s, m, h, d or w, such as 14d",
                ],
            ),
            (
                "expires_after: 14d",
                "expires_after: §0d",
                &[
                    "spec.audiences.likely-buyers.expires_after: `0d` is not a length of time: write a whole number above 0 and s, m, h, d or w, such as 14d",
                ],
            ),
        ],
    );
}
