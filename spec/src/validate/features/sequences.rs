//! Sequences: what belongs to which pool, and the features that they name.

use std::collections::BTreeSet;

use super::{Checker, spec};
use crate::contradiction::FeatureContradiction;
use crate::feature::{Feature, SequenceFeature, SequencePool};
use crate::ids::FeatureName;
use crate::node::Path;
use crate::training::TrainingSpec;

pub(super) fn check(checker: &mut Checker<'_>, document: &TrainingSpec) {
    let mut named = BTreeSet::new();
    for (name, feature) in &document.features {
        let Feature::Sequence(sequence) = feature else { continue };
        let path = spec("features").name(name);
        if !checker.is_damaged(&path.name("pool")) {
            check_pool(checker, &path, sequence);
        }
        if let Some(target) = &sequence.target {
            check_target(checker, &path.name("target"), target, document);
        }
        for (place, other) in sequence.with.iter().enumerate() {
            let place = path.name("with").item(place);
            check_member(checker, &place, Group { document, leader: name, sequence }, other, &mut named);
        }
    }
}

fn check_pool(checker: &mut Checker<'_>, path: &Path, sequence: &SequenceFeature) {
    let SequenceFeature { pool, target, heads, with, max_length, .. } = sequence;
    let options = [
        ("target", target.is_some(), SequencePool::Attention, "attention"),
        ("heads", heads.is_some(), SequencePool::SelfAttention, "self_attention"),
    ];
    for (option, is_given, of, pool_name) in options {
        if is_given && *pool != of {
            checker
                .report(&path.name(option), FeatureContradiction::OptionOfAttention { option, pool: pool_name }.into());
        }
    }
    if *pool == SequencePool::Mean && !with.is_empty() {
        let mistake = FeatureContradiction::OptionOfAttention { option: "with", pool: "attention or self_attention" };
        checker.report(&path.name("with"), mistake.into());
    }
    let most = SequenceFeature::MOST_AMONG;
    if *pool == SequencePool::SelfAttention && *max_length > most && !checker.is_damaged(&path.name("max_length")) {
        checker.report(&path.name("max_length"), FeatureContradiction::TooLongAmong { most }.into());
    }
}

/// Sequences of one step.
#[derive(Clone, Copy)]
struct Group<'a> {
    document: &'a TrainingSpec,
    leader: &'a FeatureName,
    sequence: &'a SequenceFeature,
}

fn check_member<'a>(
    checker: &mut Checker<'_>,
    path: &Path,
    Group { document, leader, sequence }: Group<'a>,
    member: &'a FeatureName,
    named: &mut BTreeSet<&'a FeatureName>,
) {
    let (feature, own) = (member.to_string(), spec("features").name(member));
    match document.features.get(member) {
        None if checker.has_damage(&spec("features")) => {}
        None => {
            let sequences = document.features.iter().filter(|(_, feature)| matches!(feature, Feature::Sequence(_)));
            let known = sequences.map(|(name, _)| name.to_string()).filter(|name| name != leader.as_str()).collect();
            checker.report(path, FeatureContradiction::NoFeature { feature, known }.into());
        }
        Some(Feature::Sequence(other)) => {
            if member == leader || !other.with.is_empty() {
                checker.report(path, FeatureContradiction::StepOfLeader { feature }.into());
            } else if !named.insert(member) {
                checker.report(path, FeatureContradiction::StepTwice { feature }.into());
            } else if other.pool != SequencePool::Mean {
                let mistake = FeatureContradiction::PoolOfAnother { feature: leader.to_string() };
                checker.report(&own.name("pool"), mistake.into());
            } else if other.max_length != sequence.max_length && !checker.has_damage(&spec("features")) {
                let (feature, length) = (leader.to_string(), sequence.max_length);
                checker.report(&own, FeatureContradiction::OtherLength { feature, length }.into());
            }
        }
        Some(other) => checker.report(path, FeatureContradiction::StepKind { feature, kind: other.kind() }.into()),
    }
}

fn check_target(checker: &mut Checker<'_>, path: &Path, target: &FeatureName, document: &TrainingSpec) {
    let is_one_id = |feature: &Feature| matches!(feature, Feature::Categorical(_) | Feature::Cross(_));
    let feature = target.to_string();
    match document.features.get(target) {
        Some(found) if is_one_id(found) => {}
        Some(found) => checker.report(path, FeatureContradiction::TargetKind { feature, kind: found.kind() }.into()),
        None if checker.has_damage(&spec("features")) => {}
        None => {
            let known = document.features.iter().filter(|(_, feature)| is_one_id(feature));
            let known = known.map(|(name, _)| name.to_string()).collect();
            checker.report(path, FeatureContradiction::NoFeature { feature, known }.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{TRAINING, check_edits};

    const BAG: &str = "    product_ids: {kind: bag, hash: {buckets: 100000}, width: 16, pool: mean, max_length: 50}\n";

    #[test]
    fn sequences_share_places_with_one_other() {
        let group = |with: &str, fields: &str| {
            format!(
                "    seen: {{kind: sequence, pool: self_attention, with: [{with}]}}\n    kinds: {{kind: sequence{fields}}}\n"
            )
        };
        let path = "spec.features";
        for (with, fields, mistakes) in [
            ("kinds", "", vec![]),
            ("kinds", ", max_length: 50", vec![]),
            (
                "§kins, §recency_days, §seen, kinds, §kinds",
                "",
                vec![
                    format!("{path}.seen.with[0]: there is no feature `kins` (did you mean `kinds`?)"),
                    format!(
                        "{path}.seen.with[1]: `recency_days` is a numeric feature: the places of a sequence are shared by sequences"
                    ),
                    format!(
                        "{path}.seen.with[2]: `seen` says itself how its steps are pooled: it cannot share another's"
                    ),
                    format!("{path}.seen.with[4]: `kinds` is named twice: a sequence shares the places of one other"),
                ],
            ),
            (
                "kinds",
                ", pool: §attention",
                vec![format!(
                    "{path}.kinds.pool: `seen` names this sequence in `with` and says how steps are pooled: leave it out here"
                )],
            ),
        ] {
            let mistakes: Vec<&str> = mistakes.iter().map(String::as_str).collect();
            check_edits(TRAINING, &[(BAG, &group(with, fields), &mistakes)]);
        }
        let mean = "    seen: {kind: sequence, §with: [kinds]}\n    kinds: {kind: sequence}\n";
        let message =
            "spec.features.seen.with: `with` belongs to `pool: attention or self_attention`, and the pool is another";
        check_edits(TRAINING, &[(BAG, mean, &[message])]);
        let lengths = "    seen: {kind: sequence, pool: attention, max_length: 20, with: [kinds]}\n    §kinds: {kind: sequence}\n";
        let message = "spec.features.kinds: this sequence shares the places of `seen`, of which 20 are read: say the same `max_length`";
        check_edits(TRAINING, &[(BAG, lengths, &[message])]);
    }

    #[test]
    fn attention_has_its_own_options_and_looks_for_one_id() {
        let seen = |fields: &str| format!("    last: {{kind: categorical}}\n    seen: {{kind: sequence, {fields}}}\n");
        for (fields, mistakes) in [
            ("pool: attention, target: last", vec![]),
            ("pool: attention", vec![]),
            ("pool: self_attention, heads: 4, max_length: 512", vec![]),
            (
                "target: §last, heads: §2",
                vec![
                    "target: `target` belongs to `pool: attention`, and the pool is another",
                    "heads: `heads` belongs to `pool: self_attention`, and the pool is another",
                ],
            ),
            (
                "pool: self_attention, max_length: §513",
                vec!["max_length: `pool: self_attention` looks at every pair of a list: at most 512 of a row"],
            ),
            ("pool: attention, target: §lst", vec!["target: there is no feature `lst` (did you mean `last`?)"]),
            (
                "pool: attention, target: §recency_days",
                vec![
                    "target: `recency_days` is a numeric feature: attention looks for one id a row, of a categorical feature or cross",
                ],
            ),
        ] {
            let mistakes: Vec<String> =
                mistakes.iter().map(|mistake| format!("spec.features.seen.{mistake}")).collect();
            let mistakes: Vec<&str> = mistakes.iter().map(String::as_str).collect();
            check_edits(TRAINING, &[(BAG, &seen(fields), &mistakes)]);
        }
    }
}
