//! Networks that ask something of the features or tasks. (Funnels are with the tasks.)

use super::{Checker, spec};
use crate::contradiction::NetworkContradiction;
use crate::feature::Feature;
use crate::ids::FeatureName;
use crate::network::{Network, TwoTowerNetwork};
use crate::task::Task;
use crate::training::{TaskWeightRule, TaskWeights, TrainingSpec};

pub(super) fn check(checker: &mut Checker<'_>, training: &TrainingSpec) {
    if checker.is_damaged(&spec("network").name("kind")) {
        return;
    }
    match &training.network {
        Network::SeedTower(_) => check_seed_lists(checker, training),
        Network::TwoTower(network) => check_towers(checker, training, network),
        Network::Metaheac(_) => check_campaigns(checker, training),
        Network::Linear(_)
        | Network::SharedBottom(_)
        | Network::Mmoe(_)
        | Network::Ple(_)
        | Network::Stem(_)
        | Network::Esmm(_)
        | Network::Escm2(_)
        | Network::Aitm(_) => {}
    }
}

fn check_seed_lists(checker: &mut Checker<'_>, training: &TrainingSpec) {
    let seeds = || training.tasks.values().filter_map(Task::seeds);
    let are_told_apart = seeds().count() > 1 || seeds().any(|seeds| seeds.lists().is_some());
    if !are_told_apart && !checker.has_damage(&spec("tasks")) {
        checker.report(&spec("network").name("kind"), NetworkContradiction::FewSeedLists.into());
    }
}

/// Every task is a campaign, and its gradient is taken after a step of its own.
fn check_campaigns(checker: &mut Checker<'_>, training: &TrainingSpec) {
    for (name, task) in &training.tasks {
        let kind = spec("tasks").name(name).name("kind");
        if !matches!(task, Task::Lookalike(_)) && !checker.is_damaged(&kind) {
            checker.report(&kind, NetworkContradiction::NoCampaign { task: name.to_string() }.into());
        }
    }
    let rule = match &training.training.task_weights {
        TaskWeights::Rule(TaskWeightRule::Gradnorm) => "gradnorm",
        TaskWeights::Rule(TaskWeightRule::Pcgrad) => "pcgrad",
        TaskWeights::Rule(TaskWeightRule::Uncertainty | TaskWeightRule::Dwa) | TaskWeights::Fixed(_) => return,
    };
    checker.report(&spec("training").name("task_weights"), NetworkContradiction::OwnSteps { rule }.into());
}

fn check_towers(checker: &mut Checker<'_>, training: &TrainingSpec, network: &TwoTowerNetwork) {
    let (of_items, item) = (spec("network").name("item_features"), spec("network").name("item"));
    checker.check_unique(&of_items, network.item_features.iter().map(FeatureName::as_str));
    for (index, feature) in network.item_features.iter().enumerate() {
        check_exists(checker, &of_items.item(index), feature);
    }
    let name = network.item.to_string();
    if check_exists(checker, &item, &network.item) && !checker.has_damage(&of_items) {
        let has_id = |feature: &Feature| matches!(feature, Feature::Categorical(_) | Feature::Cross(_));
        if !network.item_features.contains(&network.item) {
            checker.report(&item, NetworkContradiction::ItemOfUser { item: name }.into());
        } else if training.features.get(&network.item).is_some_and(|feature| !has_id(feature)) {
            checker.report(&item, NetworkContradiction::ItemWithoutId { item: name }.into());
        }
    }
    check_sequences(checker, training, network);
    let is_users = |feature: &FeatureName| !network.item_features.contains(feature);
    if !training.features.keys().any(is_users) && !checker.has_damage(&spec("features")) {
        checker.report_whole(&of_items, NetworkContradiction::NoUserFeatures.into());
    }
    if !training.tasks.values().any(|task| matches!(task, Task::Binary(_))) && !checker.has_damage(&spec("tasks")) {
        checker.report(&spec("network").name("kind"), NetworkContradiction::NoPairs.into());
    }
}

/// What a sequence looks at is of its own tower.
fn check_sequences(checker: &mut Checker<'_>, training: &TrainingSpec, network: &TwoTowerNetwork) {
    let is_item = |feature: &FeatureName| network.item_features.contains(feature);
    for (name, feature) in &training.features {
        let Feature::Sequence(sequence) = feature else { continue };
        let path = spec("features").name(name);
        let target = sequence.target.iter().map(|target| (target, path.name("target")));
        let with = sequence.with.iter().enumerate().map(|(place, other)| (other, path.name("with").item(place)));
        let is_across = |other: &FeatureName| training.features.contains_key(other) && is_item(other) != is_item(name);
        for (other, path) in target.chain(with).filter(|(other, _)| is_across(other)) {
            checker.report(&path, NetworkContradiction::OtherTower { feature: other.to_string() }.into());
        }
    }
}

/// Whether a feature is there; one that is not is reported.
fn check_exists(checker: &mut Checker<'_>, path: &crate::node::Path, name: &FeatureName) -> bool {
    let Some(known) = checker.names_written("features") else { return false };
    let exists = known.iter().any(|known| known == name.as_str());
    if !exists {
        checker.report(path, NetworkContradiction::UnknownFeature { name: name.to_string(), known }.into());
    }
    exists
}

#[cfg(test)]
mod tests {
    use crate::testing::{TRAINING, check_edits, edited};

    const MMOE: &str =
        "    kind: mmoe\n    experts: 4\n    expert_layers: [128, 64]\n    tower_layers: []\n    dropout: 0.1\n";

    #[test]
    fn towers_are_of_features_that_are_there() {
        let of = |fields: &str| format!("    {{kind: two_tower, {fields}}}\n");
        check_edits(
            TRAINING,
            &[
                (MMOE, &of("item_features: [product_ids, channel], item: channel, temperature: 0.05"), &[]),
                (
                    MMOE,
                    &of("item_features: [channel, §chanel, §channel], item: §area"),
                    &[
                        "spec.network.item_features[1]: there is no feature `chanel` (did you mean `channel`?)",
                        "spec.network.item_features[2]: `channel` is listed twice",
                        "spec.network.item: `area` is the item and not among `item_features`: name it there too",
                    ],
                ),
                (
                    MMOE,
                    &of("item_features: [product_ids], item: §product_ids"),
                    &[
                        "spec.network.item: `product_ids` says no item: `item` takes a categorical feature or a cross, which have one id a row",
                    ],
                ),
                (
                    MMOE,
                    &of(
                        "§item_features: [recency_days, channel, area, product_ids, first_seen, city_x_channel], item: area",
                    ),
                    &["spec.network.item_features: every feature is the item's: the user's tower has nothing to read"],
                ),
                (
                    MMOE,
                    "    {kind: two_tower, item: area}\n",
                    &["36:3: spec.network: `item_features` is missing (it takes a list, each item a column's name)"],
                ),
            ],
        );
    }

    #[test]
    fn a_sequence_looks_at_nothing_of_the_other_tower() {
        let towers = edited(TRAINING, MMOE, "    {kind: two_tower, item_features: [channel], item: channel}\n");
        let first = "    first_seen: {kind: timestamp, reference: ${today}, encode: [age_days, month]}\n";
        let with = |target: &str| {
            format!("{first}    past: {{kind: sequence, hash: {{buckets: 50}}, pool: attention, target: {target}}}\n")
        };
        check_edits(
            &towers,
            &[
                (first, &with("area"), &[]),
                (
                    first,
                    &with("§channel"),
                    &[
                        "spec.features.past.target: `channel` is of the other tower, and nothing but the towers' product joins a user and an item",
                    ],
                ),
            ],
        );
    }

    #[test]
    fn a_metaheac_network_knows_campaigns_alone_and_takes_its_own_steps() {
        let tasks = "repurchase: {kind: binary, label: bought_again, positive_weight: 2}\n    spend: {kind: value,";
        let marked = "repurchase: {kind: §binary, label: bought_again, positive_weight: 2}\n    spend: {kind: §value,";
        let campaigns = edited(TRAINING, MMOE, "    {kind: metaheac, critics: 3, inner_learning_rate: 0.1}\n");
        let no_campaign = |task: &str| {
            format!(
                "spec.tasks.{task}.kind: `metaheac` knows every task as a campaign, and `{task}` is no lookalike task: take it out, or use seed_tower, which has tasks of behaviour beside seed lists"
            )
        };
        check_edits(&campaigns, &[(tasks, marked, &[&no_campaign("repurchase"), &no_campaign("spend")])]);
        let lists = "repurchase: {kind: lookalike, seeds: {table: best_customers}}\n    spend: {kind: binary,";
        let binary = edited(&edited(&campaigns, tasks, lists), " and spend.rmse < 100", "");
        let last = edited(
            &binary,
            "spend: {kind: binary, label: spend_next}",
            "spend: {kind: lookalike, seeds: {table: best_customers}}",
        );
        check_edits(
            &last,
            &[
                ("embeddings: {kind", "embeddings: {kind", &[]),
                ("{repurchase: 1, spend: 0.2}", "uncertainty", &[]),
                (
                    "{repurchase: 1, spend: 0.2}",
                    "§pcgrad",
                    &[
                        "spec.training.task_weights: `metaheac` takes each campaign's gradient after a step of its own, and `pcgrad` compares them before: use uncertainty, dwa or a weight for each task",
                    ],
                ),
            ],
        );
    }

    #[test]
    fn a_seed_tower_tells_two_lists_apart_or_more() {
        let best = "best: {kind: lookalike, seeds: {table: best_customers, key: customer_id}, prior: 5%, loss: nnpu}";
        let towers = edited(TRAINING, MMOE, "    {kind: seed_tower, prototype_weight: 1}\n");
        let lists = edited(&towers, best, "best: {kind: lookalike, seeds: {table: best_customers, campaign: city}}");
        check_edits(&lists, &[("prototype_weight: 1", "prototype_weight: 0.2, embedding_width: 16", &[])]);
        check_edits(
            &towers,
            &[
                (
                    "kind: seed_tower",
                    "kind: §seed_tower",
                    &[
                        "spec.network.kind: `seed_tower` draws the seeds of a list away from those of others, and there are fewer than two lists: give it another lookalike task, or one whose seeds have a `campaign`",
                    ],
                ),
                (
                    best,
                    "best: {kind: lookalike, seeds: {table: best_customers}}\n    rest: {kind: lookalike, seeds: {table: best_customers}}",
                    &[],
                ),
            ],
        );
    }
}
