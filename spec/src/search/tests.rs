//! What is said of searches, and what they try.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;
use crate::testing::{TRAINING, check_edits, document, edited, mistakes};
use crate::training::TrainingSpec;
use crate::{Document, Network};

const SEARCH: &str = "  search:
    method: {kind: successive_halving, factor: 3, min_epochs: 1}
    trials: 9
    parallel: 3
    seed: 11
    objective: spend.spearman
    space:
      network.dropout: {uniform: [0, 0.5]}
      training.optimizer.learning_rate: {log_uniform: [1e-4, 0.1]}
      network.experts: {log_uniform: [2, 16]}
      network.expert_layers: {choice: [[64], [32, 16]]}
      features.area.width: {choice: [~, 4, 16]}
      training.task_weights: {choice: [uncertainty, {spend: 0.5}]}
";

fn searching() -> String {
    format!("{TRAINING}{SEARCH}")
}

fn spec_of(text: &str) -> TrainingSpec {
    match document(text) {
        Document::Training(training) => training.spec,
        Document::Scoring(_) => panic!("a Training document"),
    }
}

fn small(search: &str) -> TrainingSpec {
    spec_of(&format!(
        "apiVersion: kindred.dev/v1\nkind: Training\nmetadata: {{name: a}}\nspec:\n  tables: {{t: {{url: t.parquet}}}}\n  \
         examples: t\n  key: id\n  features: {{x: {{kind: numeric}}, \"y.z\": {{kind: categorical}}}}\n  \
         tasks: {{buy: {{kind: binary, label: b}}}}\n  network: {{kind: mmoe}}\n  search: {search}\n"
    ))
}

fn plan(search: &str) -> SearchPlan {
    SearchPlan::of(&small(search)).unwrap()
}

#[test]
fn a_field_that_is_not_there_is_named_with_what_was_meant() {
    check_edits(
        &searching(),
        &[
            (
                "network.dropout:",
                "§network.dropuot:",
                &["spec.search.space.\"network.dropuot\": unknown field `dropuot` (did you mean `dropout`?)"],
            ),
            (
                "network.dropout:",
                "§netwrk.dropout:",
                &["spec.search.space.\"netwrk.dropout\": unknown field `netwrk` (did you mean `network`?)"],
            ),
            (
                "features.area.width:",
                "§features.aera.width:",
                &["spec.search.space.\"features.aera.width\": unknown field `aera` (did you mean `area`?)"],
            ),
            (
                "network.dropout: {uniform: [0, 0.5]}",
                "§network.kind: {choice: [mmoe, ple]}",
                &[
                    "spec.search.space.\"network.kind\": `network.kind` says which fields there are: search the whole of `network`, such as {choice: [{kind: …}, {kind: …}]}",
                ],
            ),
            (
                "network.dropout:",
                "§network.interaction.rank:",
                &[
                    "spec.search.space.\"network.interaction.rank\": the document has no `network.interaction`: write it there, or search the whole of it",
                ],
            ),
            (
                "network.dropout:",
                "§network.dropout.rate:",
                &["spec.search.space.\"network.dropout.rate\": `network.dropout` has no fields of its own"],
            ),
            (
                "network.dropout: {uniform: [0, 0.5]}",
                "§calibration: {choice: [platt, none]}",
                &[
                    "spec.search.space.calibration: `calibration` is not searched: it is fitted to the validation rows, which judge the trials",
                ],
            ),
        ],
    );
}

#[test]
fn every_value_is_checked_against_its_field() {
    check_edits(
        &searching(),
        &[
            (
                "uniform: [0, 0.5]",
                "uniform: [0, §1]",
                &[
                    "spec.search.space.\"network.dropout\".uniform[1]: 1 is out of range: expected at least 0 and below 1",
                ],
            ),
            (
                "uniform: [0, 0.5]",
                "§uniform: [0.5, 0.5]",
                &["spec.search.space.\"network.dropout\".uniform: 0.5 is not below 0.5"],
            ),
            (
                "log_uniform: [2, 16]",
                "log_uniform: [§0, §2.5]",
                &[
                    "spec.search.space.\"network.experts\".log_uniform[0]: 0 is out of range: expected 1 to 256",
                    "spec.search.space.\"network.experts\".log_uniform[1]: expected a whole number, found the number 2.5",
                ],
            ),
            (
                "network.dropout: {uniform: [0, 0.5]}",
                "network.dropout: {§log_uniform: [0, 0.5]}",
                &[
                    "spec.search.space.\"network.dropout\".log_uniform: `log_uniform` takes numbers above 0, and its lower end is 0",
                ],
            ),
            (
                "{choice: [[64], [32, 16]]}",
                "{choice: [§64, [32, §0]]}",
                &[
                    "spec.search.space.\"network.expert_layers\".choice[0]: expected a list, each item a whole number, found the number 64",
                    "spec.search.space.\"network.expert_layers\".choice[1][1]: 0 is out of range: expected 1 to 16384",
                ],
            ),
            (
                "{choice: [[64], [32, 16]]}",
                "{§uniform: [1, 5]}",
                &[
                    "spec.search.space.\"network.expert_layers\".uniform: the field is no number but a list, each item a whole number: give a `choice`",
                ],
            ),
            (
                "choice: [uncertainty,",
                "choice: [§uncertain,",
                &[
                    "spec.search.space.\"training.task_weights\".choice[0]: unknown task weight rule `uncertain` (did you mean `uncertainty`?)",
                ],
            ),
            (
                "uniform: [0, 0.5]}",
                "§unifrom: [0, 0.5]}",
                &["spec.search.space.\"network.dropout\".unifrom: unknown field `unifrom` (did you mean `uniform`?)"],
            ),
        ],
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    check_edits(
        &searching(),
        &[
            (
                "min_epochs: 1",
                "min_epochs: §21",
                &["spec.search.method.min_epochs: `min_epochs` 21 is above `training.epochs`, 20"],
            ),
            (
                "objective: spend.spearman",
                "objective: §spend.auc",
                &[
                    "spec.search.objective: `auc` does not measure a value task; these do: rmse, mae, spearman, normalized_gini, loss",
                ],
            ),
            (
                "network.dropout: {uniform: [0, 0.5]}",
                "§training.epochs: {uniform: [2, 40]}",
                &[
                    "spec.search.space.\"training.epochs\": `training.epochs` is not searched: successive halving shares the epochs out; search it with method: {kind: random}",
                ],
            ),
        ],
    );
    let overlapping = edited(
        &searching(),
        "      features.area.width:",
        "      features.area: {choice: [{kind: categorical}]}\n      features.area.width:",
    );
    assert_eq!(
        mistakes(&overlapping),
        [
            "73:7: spec.search.space.\"features.area.width\": it is part of `features.area`, which is searched too: keep one of them"
        ]
    );
}

#[test]
fn a_mistake_on_the_way_to_a_field_is_said_once() {
    let found = mistakes(&edited(&searching(), "kind: mmoe", "kind: transformer"));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("unknown network kind `transformer`"), "{}", found[0]);
}

#[test]
fn settings_that_make_no_valid_document_are_found_before_anything_runs() {
    let text = edited(
        &searching(),
        "features.area.width: {choice: [~, 4, 16]}",
        "features.area.vocabulary: {choice: [{max_size: 10}, {max_size: 20}]}",
    );
    let found = mistakes(&text);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("67:5: spec.search.space: trial 1 (network.dropout "), "{}", found[0]);
    assert!(
        found[0].ends_with(
            "would be no valid document: spec.features.area.hash: `hash` and `vocabulary` exclude one another: keep one"
        ),
        "{}",
        found[0]
    );
}

#[test]
fn percentages_are_put_in_as_numbers() {
    let text = edited(&searching(), "{uniform: [0, 0.5]}", "{choice: [5%, 0.25]}");
    let search = spec_of(&text).search.unwrap();
    assert_eq!(search.space["network.dropout"], Domain::Choice(vec![json!(0.05), json!(0.25)]));
}

#[test]
fn trials_stay_what_they_are_when_others_are_added() {
    let spec = spec_of(&searching());
    let nine = SearchPlan::of(&spec).unwrap();
    let more = spec_of(&edited(&searching(), "trials: 9", "trials: 40"));
    let forty = SearchPlan::of(&more).unwrap();
    assert_eq!((nine.trials.len(), forty.trials.len()), (9, 40));
    assert_eq!(nine.trials, forty.trials[..9]);
    let other_seed = spec_of(&edited(&searching(), "seed: 11", "seed: 12"));
    assert_ne!(SearchPlan::of(&other_seed).unwrap().trials[1], nine.trials[1]);
}

#[test]
fn the_first_trial_is_the_document_and_the_others_set_every_field() {
    let spec = spec_of(&searching());
    let plan = SearchPlan::of(&spec).unwrap();
    assert_eq!(plan.trials[0].document(&spec).unwrap(), TrainingSpec { search: None, ..spec.clone() });
    assert_eq!(plan.trials[0].settings["features.area.width"], json!(8));
    for trial in &plan.trials[1..] {
        let drawn = trial.document(&spec).unwrap();
        let Network::Mmoe(network) = &drawn.network else { panic!("{:?}", drawn.network) };
        assert_eq!(json!(network.dropout), trial.settings["network.dropout"]);
        assert_eq!(json!(network.experts), trial.settings["network.experts"]);
        assert_eq!(json!(network.expert_layers), trial.settings["network.expert_layers"]);
        assert_eq!(json!(drawn.training.task_weights), trial.settings["training.task_weights"]);
        assert_eq!((drawn.search, drawn.tasks), (None, spec.tasks.clone()));
    }
}

#[test]
fn draws_stay_in_their_domain_and_reach_its_ends() {
    let plan = plan(
        "{trials: 1000, method: {kind: random}, space: {network.experts: {uniform: [1, 4]}, \
         network.dropout: {uniform: [0.1, 0.2]}, training.batch_size: {log_uniform: [16, 4096]}, \
         training.optimizer.learning_rate: {log_uniform: [0.0001, 0.01]}}}",
    );
    let of =
        |path: &str| plan.trials[1..].iter().map(|trial| trial.settings[path].as_f64().unwrap()).collect::<Vec<_>>();
    let experts: BTreeSet<u64> = of("network.experts").iter().map(|number| *number as u64).collect();
    assert_eq!(experts, BTreeSet::from([1, 2, 3, 4]));
    assert!(of("network.dropout").iter().all(|dropout| (0.1..=0.2).contains(dropout)));
    assert!(of("training.batch_size").iter().all(|size| (16.0..=4096.0).contains(size) && size.fract() == 0.0));
    // Half of the logarithms, and so of the draws, lie below the geometric mean; 5 deviations of a fair coin are 79.
    let below = of("training.optimizer.learning_rate").iter().filter(|rate| **rate < 0.001).count();
    assert!((421..=579).contains(&below), "{below}");
    assert!(of("training.optimizer.learning_rate").iter().all(|rate| rate.to_string().len() <= 9), "four digits");
}

#[test]
fn a_space_that_is_used_up_has_fewer_trials_and_none_twice() {
    let plan = plan("{trials: 50, space: {network.experts: {uniform: [3, 5]}, training.clip_norm: {choice: [~, 1]}}}");
    let distinct: BTreeSet<String> = plan.trials.iter().map(Trial::words).collect();
    assert_eq!(distinct.len(), plan.trials.len());
    assert!(plan.trials.len() <= 7, "2 · 3 drawn ones, and the document's own: {}", plan.trials.len());
}

#[test]
fn a_feature_s_name_may_hold_dots() {
    let spec = small("{trials: 2, space: {features.y.z.width: {choice: [3]}}}");
    let plan = SearchPlan::of(&spec).unwrap();
    let drawn = serde_json::to_value(plan.trials[1].document(&spec).unwrap()).unwrap();
    assert_eq!(drawn["features"]["y.z"]["width"], json!(3));
}

#[test]
fn rungs_train_ever_fewer_trials_ever_longer_up_to_all_epochs() {
    let rungs = |trials: u32, factor: u32, min_epochs: u32| {
        let search = format!(
            "{{trials: {trials}, method: {{kind: successive_halving, factor: {factor}, min_epochs: {min_epochs}}}, \
             space: {{network.dropout: {{uniform: [0, 0.9]}}}}}}"
        );
        plan(&search).rungs.iter().map(|rung| (rung.trials, rung.epochs)).collect::<Vec<_>>()
    };
    // The document trains for 20 epochs.
    assert_eq!(rungs(9, 3, 1), [(9, 2), (3, 7), (1, 20)]);
    assert_eq!(rungs(27, 3, 1), [(27, 2), (9, 7), (3, 20)], "20 / 27 is less than an epoch");
    assert_eq!(rungs(16, 4, 2), [(16, 5), (4, 20)], "20 / 16 is less than two epochs");
    assert_eq!(rungs(10, 2, 1), [(10, 3), (5, 5), (2, 10), (1, 20)]);
    assert_eq!(rungs(2, 3, 1), [(2, 20)], "too few to leave any out");
}

#[test]
fn random_search_trains_every_trial_in_full() {
    let spec = small("{trials: 5, method: {kind: random}, space: {training.epochs: {uniform: [1, 40]}}}");
    let plan = SearchPlan::of(&spec).unwrap();
    assert_eq!(plan.rungs, [Rung { trials: 5, epochs: 20 }]);
    let epochs = plan.trials[3].on_rung(&spec, plan.rungs[0]).unwrap().training.epochs;
    assert_eq!(json!(epochs), plan.trials[3].settings["training.epochs"]);
}

#[test]
fn trainings_are_numbered_rung_by_rung() {
    let plan = plan("{trials: 9, space: {network.dropout: {uniform: [0, 0.9]}}}");
    assert_eq!(plan.trainings(), 13);
    assert_eq!(plan.by_rung(), [0..9, 9..12, 12..13]);
    assert_eq!(plan.place(0), Some(Place { rung: 0, place: 0 }));
    assert_eq!(plan.place(10), Some(Place { rung: 1, place: 1 }));
    assert_eq!(plan.place(12), Some(Place { rung: 2, place: 0 }));
    assert_eq!(plan.place(13), None);
    let trial = plan.trials[4].on_rung(&small("{space: {network.dropout: {uniform: [0, 0.9]}}}"), plan.rungs[1]);
    assert_eq!(trial.unwrap().training.epochs, 7);
}
