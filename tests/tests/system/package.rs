//! A package can be read without Kindred: the Python in `docs/model-package.md` gives the same scores.

use std::fs;
use std::path::Path;
use std::process::Command;

use kindred_tests::sandbox::{Sandbox, clone_folder};
use kindred_tests::tables::People;

use crate::documents::{MMOE, scoring, training, with_lists};

/// The people, what Kindred scored them, and whether predictions are the same.
const SCORES: &str = r#"
import glob, sys, pyarrow.parquet as pq
workspace, people, *more = sys.argv[1:]
table = pa.concat_tables([pq.read_table(path) for path in sorted(glob.glob(people + "/*.parquet"))])
(manifest,) = glob.glob(workspace + "/runs/nightly-*/scores.json")
files = [workspace + "/" + file["key"] for file in json.load(open(manifest))["files"]]
scores = pa.concat_tables([pq.ParquetFile(path).read() for path in files])
assert scores["person"].to_pylist() == table["person"].to_pylist()
version = workspace + "/models/buyers/versions/00000000000000000001"

def compare(predictions):
    for task, found in predictions.items():
        if found.ndim == 2:
            names, chances = best(json.load(open(version + "/encoders.json"))["classes"][task], found, 3)
            assert len(set(names[:, 0])) > 1 and f"{task}_4" not in scores.column_names
            for place in range(3):
                stored = np.asarray(scores[f"{task}_{place + 1}_probability"])
                assert np.abs(stored - chances[:, place]).max() <= 1e-5, task
                same = np.array(scores[f"{task}_{place + 1}"].to_pylist()) == names[:, place]
                assert same.mean() > 0.999, "only classes of equal probability may change places"
            continue
        stored = np.asarray(scores[task])
        off = np.abs(found - stored) / np.maximum(1, np.abs(stored))
        assert off.max() <= 1e-5, (task, off.max(), found[off.argmax()], stored[off.argmax()])
        assert stored.std() > 1e-3, (task, "all scores are one")
        print(f"{task}: {off.max():.1e}")
"#;

const COMPARE: &str = r#"
(calibration,) = more
calibrator = json.load(open(version + "/calibration.json"))["tasks"]["repurchase"]["calibrator"]
assert calibrator["kind"] == calibration, calibrator
predictions = predict(version, table)
assert len(predictions) >= 3
rate, said = np.mean(table["bought"]), np.mean(scores["repurchase"])
assert abs(said - rate) < 0.1, (said, rate, "negatives were left out and not put back")
compare(predictions)
found, stored = embed(version, table), np.array(scores["vector"].to_pylist())
assert found.shape == stored.shape and stored.std() > 1e-3, (found.shape, stored.shape)
off = np.abs(found - stored) / np.maximum(1, np.abs(stored))
assert off.max() <= 1e-5, ("embedding", off.max())
for path in glob.glob(workspace + "/runs/nightly-*/segments/*.json"):
    profile = json.load(open(path))
    for segment in profile["segments"]:
        inside = np.asarray(scores[profile["name"]]) == segment["segment"]
        for task, told in segment["classes"].items():
            (values,) = json.load(open(version + "/encoders.json"))["classes"][task]["values"].values()
            means, of_all = predictions[task][inside].mean(0), predictions[task].mean(0)
            found = sorted(zip(means[:-1], of_all, map(str, values)), key=lambda one: -one[0])[:10]
            assert len(told) == len(found) > 2, told
            for told, (mean, of_all, name) in zip(told, found):
                assert abs(told["mean"] - mean) < 1e-5 and abs(told["index"] - 100 * mean / of_all) < 1e-2, (told, mean)
"#;

/// The Python in the documentation: what reads a package, and what feeds an exported module.
fn documented_reader() -> (String, String) {
    let page = fs::read_to_string(clone_folder().join("docs/model-package.md")).unwrap();
    let (page, module) = page.split_once("## As a TorchScript module").unwrap();
    let blocks = |page: &str| {
        let blocks = page.split("```python\n").skip(1);
        blocks.map(|block| block.split_once("\n```").unwrap().0).collect::<Vec<_>>().join("\n\n")
    };
    (blocks(page), blocks(module))
}

/// The training with all that a head's last layer carries: a unit of its own, a logarithm, a share of the negative rows.
fn training_of_every_head(network: &str) -> String {
    let spend = "    spend: {kind: value, label: spend}\n";
    let numbers = "    margin: {kind: regression, label: spend, loss: {kind: huber, delta: 2}, when: city IS NOT NULL AND age >= 30}\n    \
                   amount: {kind: regression, label: spend, loss: {kind: tweedie, power: 1.4}, weight: age}\n";
    let training = training(network);
    assert!(training.contains(spend));
    let training = training.replace("label: bought}", "label: bought, negative_rate: 0.3}");
    training.replace(spend, &format!("{spend}{numbers}"))
}

fn assert_agrees(network: &str, calibration: &str) {
    // An isotonic curve wants a thousand validation rows of the rarer class.
    let rows = if calibration == "isotonic" { 16_000 } else { People::default().rows };
    assert_training_agrees(&training_of_every_head(network), calibration, rows);
}

fn assert_training_agrees(training: &str, calibration: &str, rows: u64) {
    assert_agree((training, calibration), &scoring(2), rows);
}

fn assert_agree((training, calibration): (&str, &str), scoring: &str, rows: u64) {
    let sandbox = Sandbox::new();
    People { rows, ..People::default() }.write(&sandbox.path("people"));
    sandbox.write("training.yaml", format!("{training}  calibration: {calibration}\n"));
    sandbox.write("scoring.yaml", scoring.replace("  keep: [city]", "  keep: [city]\n  embedding: vector"));
    sandbox.kindred(["run", "training.yaml", "scoring.yaml"]).expect(0);
    let compared = Command::new("python3")
        .args(["-c", &format!("{}\n{SCORES}\n{COMPARE}", documented_reader().0)])
        .args([sandbox.path("workspace"), sandbox.path("people"), calibration.into()])
        .env("PYTHONPATH", Path::new(&clone_folder()).join(".setup/peers"))
        .output()
        .unwrap();
    assert!(compared.status.success(), "{training}: {}", String::from_utf8_lossy(&compared.stderr));
}

#[test]
fn a_linear_model_scores_the_same_outside() {
    assert_agrees("{kind: linear}", "none");
}

#[test]
fn a_shared_bottom_scores_the_same_outside() {
    assert_agrees("{kind: shared_bottom, bottom_layers: [16], tower_layers: [8]}", "platt");
}

#[test]
fn a_mixture_of_experts_scores_the_same_outside() {
    assert_agrees(MMOE, "isotonic");
}

#[test]
fn the_mean_of_several_networks_scores_the_same_outside() {
    let training = training_of_every_head("{kind: shared_bottom, bottom_layers: [16], tower_layers: [8]}");
    let training = training.replace("members: 1", "members: 3");
    assert_training_agrees(&training, "platt", People::default().rows);
}

#[test]
fn lists_vectors_and_shared_tables_score_the_same_outside() {
    let training = with_lists(&training_of_every_head(MMOE));
    assert_training_agrees(&training, "platt", People::default().rows);
}

#[test]
fn extraction_over_crosses_scores_the_same_outside() {
    let crosses = "interaction: {kind: dcn_v2, layers: 2, rank: 5}";
    let experts = "levels: 2, task_experts: 1, shared_experts: 2, expert_layers: [12, 8], tower_layers: [6]";
    assert_agrees(&format!("{{kind: ple, {experts}, {crosses}}}"), "platt");
}

#[test]
fn embeddings_of_all_tasks_and_of_each_score_the_same_outside() {
    let experts = "task_experts: 1, shared_experts: 2, expert_layers: [12, 8], tower_layers: [6]";
    assert_agrees(&format!("{{kind: stem, {experts}}}"), "isotonic");
}

#[test]
fn a_factorization_machine_beside_experts_scores_the_same_outside() {
    let experts = "experts: 2, expert_layers: [12], tower_layers: []";
    assert_agrees(&format!("{{kind: mmoe, {experts}, interaction: {{kind: deepfm, rank: 4}}}}"), "none");
}

#[test]
fn seeds_drawn_to_prototypes_score_the_same_outside() {
    let network = "bottom_layers: [16], tower_layers: [8], embedding_width: 6, interaction: {kind: dcn_v2, rank: 5}";
    let list = "    best: {kind: lookalike, seeds: {table: best, key: person}}\n";
    let step = "  examples: people\n";
    let training = training_of_every_head(&format!("{{kind: seed_tower, {network}}}"));
    assert!(training.contains(list) && training.contains(step));
    let lists = training
        .replace(step, &format!("    - name: young\n      sql: SELECT person FROM people WHERE age < 30\n{step}"))
        .replace(list, &format!("    young: {{kind: lookalike, seeds: {{table: young}}}}\n{list}"));
    assert_training_agrees(&lists, "platt", People::default().rows);
}

#[test]
fn campaigns_score_the_same_outside() {
    let network = "{kind: metaheac, experts: 3, critics: 2, expert_layers: [12, 8], critic_layers: [6]}";
    let step = "  examples: people\n";
    let lists = training(network)
        .replace(step, &format!("    - name: buyers\n      sql: SELECT person FROM people WHERE bought = 1\n{step}"))
        .replace("{kind: binary, label: bought}", "{kind: lookalike, seeds: {table: buyers}, negatives: {ratio: 1}}")
        .replace("{kind: value, label: spend}", "{kind: lookalike, seeds: {table: buyers}, loss: nnpu, prior: 0.2}");
    assert!(lists.contains("ratio: 1") && lists.contains("nnpu"));
    // Seeds are not calibrated: that people are no seeds does not say that they would not be.
    assert_training_agrees(&lists, "none", People::default().rows);
}

#[test]
fn two_towers_score_the_same_outside() {
    let items = "item_features: [channel, income], item: channel";
    let layers = "user_layers: [16], item_layers: [], embedding_width: 6";
    assert_agrees(&format!("{{kind: two_tower, {items}, {layers}}}"), "none");
}

/// Any person with any item: the products of the published embeddings, and what Kindred says of such rows.
const COMPARE_PRODUCTS: &str = r#"
people = pa.concat_tables([pq.read_table(path) for path in sorted(glob.glob(people + "/*.parquet"))])
import os
(manifest,) = glob.glob(workspace + "/runs/nightly-*/items/manifest.json")
items = json.load(open(manifest))
table = pq.read_table(workspace + "/" + items["file"]["key"])
assert table.num_rows == 12 and table.column_names == ["channel", "income", "embedding"], table
people_embeddings = np.array(scores["vector"].to_pylist())
found = {task: scored_pairs(os.path.dirname(os.path.dirname(manifest)), people_embeddings, task) for task in ("repurchase", "best")}
rows = np.arange(0, people.num_rows, 131)
for item in range(table.num_rows):
    pairs = people.take(rows)
    for name in ("channel", "income"):
        value = pa.array([table[name][item].as_py()] * len(rows), pairs[name].type)
        pairs = pairs.set_column(pairs.column_names.index(name), name, value)
    expected = predict(version, pairs)
    for task in ("repurchase", "best"):
        assert np.abs(found[task][rows, item] - expected[task]).max() <= 1e-5, (task, item)
assert found["repurchase"].std(1).mean() > 1e-3, "items make no difference"
"#;

#[test]
fn products_of_published_embeddings_are_the_scores() {
    let items = "item_features: [channel, income], item: channel";
    let training =
        training(&format!("{{kind: two_tower, {items}, user_layers: [16], item_layers: [8], embedding_width: 6}}"));
    // Of a person's cross with an item's column nobody has an embedding apart from an item's.
    let cross = "    city_x_channel: {kind: cross, of: [city, channel], hash: {buckets: 64}, width: 4}\n";
    assert!(training.contains(cross));
    let training = training.replace(cross, "");
    let scoring = scoring(2).replace("  keep: [city]", "  keep: [city]\n  embedding: vector\n  item_embeddings: shops");
    let step = "prepare:\n    - {name: shops, sql: \"SELECT * FROM (SELECT DISTINCT channel FROM people) AS channels, (VALUES (20000.0), (60000.0), (NULL)) AS incomes(income) ORDER BY channel, income\"}\n";
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    sandbox.write("training.yaml", &training);
    sandbox.write("scoring.yaml", scoring.replace("prepare:\n", step));
    sandbox.kindred(["check", "training.yaml", "scoring.yaml"]).expect(0);
    sandbox.kindred(["run", "training.yaml", "scoring.yaml"]).expect(0);
    let compared = Command::new("python3")
        .args(["-c", &format!("{}\n{SCORES}\n{COMPARE_PRODUCTS}", documented_reader().0)])
        .args([sandbox.path("workspace"), sandbox.path("people")])
        .env("PYTHONPATH", Path::new(&clone_folder()).join(".setup/peers"))
        .output()
        .unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));
}

#[test]
fn what_has_no_product_of_embeddings_is_refused_by_name() {
    let towers = "{kind: two_tower, item_features: [channel], item: channel, user_layers: [], item_layers: [], embedding_width: 2}";
    let several = training(towers).replace("members: 1", "members: 2");
    for (training, expected) in [
        (training(MMOE), "does not embed items, a `two_tower` network alone does"),
        (several, "is the mean of 2 networks, and no product of embeddings gives their scores"),
    ] {
        let sandbox = Sandbox::new();
        People::default().write(&sandbox.path("people"));
        sandbox.write("training.yaml", training);
        sandbox
            .write("scoring.yaml", scoring(1).replace("  keep: [city]", "  keep: [city]\n  item_embeddings: people"));
        let checked = sandbox.kindred(["check", "training.yaml", "scoring.yaml", "--output", "json"]).expect(2);
        assert!(checked.stdout.contains(expected), "{}", checked.stdout);
        sandbox.kindred(["run", "training.yaml"]).expect(0);
        let failed = sandbox.kindred(["run", "scoring.yaml"]).expect(1);
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    }
}

#[test]
fn classes_score_the_same_outside() {
    let next = "CASE WHEN age > 60 THEN 'tea' WHEN income > 60000 THEN 'wine' WHEN person % 40 = 0 THEN 'rare' \
                WHEN channel % 2 = 0 THEN 'milk' WHEN person % 3 > 0 THEN 'bread' END";
    let whole = training("{kind: mmoe, experts: 2, expert_layers: [12], tower_layers: [6]}");
    let classes = whole
        .replace(
            "      sql: SELECT person FROM people WHERE spend > 150",
            &format!("      sql: SELECT *, {next} AS next_product FROM people"),
        )
        .replace("examples: people", "examples: best")
        .replace(
            "    best: {kind: lookalike, seeds: {table: best, key: person}}",
            "    best: {kind: multiclass, label: next_product, top: 3, min_count: 60, when: age > 20, weight: age}",
        );
    let scoring = scoring(2)
        .replace("rank_by: repurchase * spend", "rank_by: best['tea'] * repurchase")
        .replace("rank_by: best\n", "rank_by: best_1_probability + best['other']\n")
        .replace(
            "  audiences:\n",
            "  segments: {groups: {columns: [age, income], k: 3, sample: 1000}}\n  audiences:\n",
        );
    assert!(classes.contains("multiclass") && classes.contains("AS next_product") && scoring.contains("best_1_"));
    assert_agree((&classes, "isotonic"), &scoring, 16_000);
}

#[test]
fn a_funnel_scores_the_same_outside() {
    assert_funnel_agrees("{kind: esmm, over: {kind: mmoe, experts: 2, expert_layers: [12], tower_layers: [6]}}");
}

#[test]
fn a_counterfactual_funnel_scores_the_same_outside() {
    let over =
        "over: {kind: shared_bottom, bottom_layers: [12], tower_layers: [6], interaction: {kind: deepfm, rank: 4}}";
    assert_funnel_agrees(&format!("{{kind: escm2, counterfactual_weight: 1, least_propensity: 5%, {over}}}"));
}

#[test]
fn steps_that_hand_over_score_the_same_outside() {
    assert_funnel_agrees("{kind: aitm, tower_layers: [16, 8]}");
}

/// Purchases, and after them those of loyal people.
fn assert_funnel_agrees(network: &str) {
    let whole = training(network);
    let loyal = "CASE WHEN bought = 1 AND spend > 20 THEN 1 ELSE 0 END AS loyal";
    let steps = whole
        .replace(
            "      sql: SELECT person FROM people WHERE spend > 150",
            &format!("      sql: SELECT *, {loyal} FROM people"),
        )
        .replace("examples: people", "examples: best")
        .replace(
            "best: {kind: lookalike, seeds: {table: best, key: person}}",
            "best: {kind: binary, label: loyal, after: repurchase}",
        );
    assert!(steps.contains("after: repurchase") && steps.contains("AS loyal"));
    assert_training_agrees(&steps, "platt", People::default().rows);
}

const COMPARE_MODULE: &str = r#"
rows = zip(table["city"].to_pylist(), table["age"].to_pylist(), table["channel"].to_pylist())
places = pa.array([None if city is None else [age % 10, channel] for city, age, channel in rows])
tasks = json.load(open(version + "/manifest.json"))["document"]["spec"]["tasks"]
found = score("model.pt", json.load(open(version + "/encoders.json")), table.append_column("places", places))
assert found.shape == (4000, len(tasks)) and len(tasks) == 5, found.shape
compare(dict(zip(tasks, found.T)))
"#;

#[test]
#[ignore = "needs PyTorch for Python, 2.7 GB: python3 scripts/setup.py bench"]
fn an_exported_module_scores_the_same_in_pytorch() {
    let sandbox = Sandbox::new();
    People::default().write(&sandbox.path("people"));
    let listed = "    - {name: listed, sql: \"SELECT *, CASE WHEN city IS NOT NULL THEN make_array(age % 10, channel) END AS places FROM people\"}\n";
    let training = training_of_every_head(MMOE)
        .replace("members: 1", "members: 2")
        .replace("prepare:\n", &format!("prepare:\n{listed}"))
        .replace("examples: people", "examples: listed")
        .replace(
            "  features:\n",
            "  features:\n    places: {kind: sequence, hash: {buckets: 40}, width: 6, pool: attention, target: city}\n",
        );
    let scoring = scoring(1)
        .replace("prepare:\n", &format!("prepare:\n{listed}"))
        .replace("population: people", "population: listed");
    sandbox.write("training.yaml", training);
    sandbox.write("scoring.yaml", scoring);
    sandbox.kindred(["run", "training.yaml", "scoring.yaml"]).expect(0);
    let exported =
        sandbox.kindred(["models", "--output", "json", "export", "buyers@candidate", "--output", "model.pt"]);
    let exported = exported.expect(0).json();
    assert_eq!(exported["signature"]["bags"], serde_json::json!(["places"]));
    assert_eq!(exported["signature"]["ids"], serde_json::json!(["city", "channel", "city_x_channel"]));
    let (reader, module) = documented_reader();
    let paths = ["bench", "peers", "libtorch"].map(|part| clone_folder().join(".setup").join(part));
    let compared = Command::new("python3")
        .args(["-c", &format!("{reader}\n{module}\n{SCORES}\n{COMPARE_MODULE}")])
        .args([sandbox.path("workspace"), sandbox.path("people")])
        .current_dir(sandbox.path("."))
        .env("PYTHONPATH", std::env::join_paths(paths).unwrap())
        .output()
        .unwrap();
    assert!(compared.status.success(), "{}", String::from_utf8_lossy(&compared.stderr));

    let again = sandbox.kindred(["models", "export", "buyers@1", "--output", "again.pt"]);
    again.expect(0);
    assert!(fs::read(sandbox.path("model.pt")).unwrap() == fs::read(sandbox.path("again.pt")).unwrap());
    let missing = sandbox.kindred(["models", "export", "buyers@7", "--output", "none.pt"]);
    missing.expect(2);
}
