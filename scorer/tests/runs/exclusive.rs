//! Audiences that share nobody: who is published, against a plain sort of everybody, however many shards there are.

use std::collections::{BTreeMap, BTreeSet};

use artifacts::keys::{hash_text, seed_of};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::night::{Office, Person, people, publish_now, published};

/// A fixed sequence of numbers that look drawn (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }

    fn share(&mut self, hundredths: u64) -> f64 {
        (self.next(hundredths) + 1) as f64 / 100.0
    }
}

fn hash(person: &Person, seed: u64) -> u128 {
    hash_text(person.key.as_ref().expect("a key").as_bytes(), seed)
}

fn half_up(share: f64, of: usize) -> usize {
    // Shares of hundredths, as the document has them: whole numbers keep the half exact.
    ((share * 100.0).round() as usize * of + 50) / 100
}

/// Who should be in an audience, with what the plain sort knows of it.
#[derive(Debug, Default)]
struct Expected {
    taken_by: Vec<(String, u64)>,
    members: BTreeSet<usize>,
    groups: BTreeMap<(String, bool), BTreeSet<usize>>,
}

/// Takes people audience by audience, each from a list of everybody that is sorted anew.
fn expected(people: &[Person], audiences: &[(String, Value)]) -> Vec<Expected> {
    let priority = |index: usize| audiences[index].1["priority"].as_u64().unwrap_or(0);
    let names = |one: usize, other: usize| {
        let listed = audiences[one].1["exclusive_with"].as_array().cloned().unwrap_or_default();
        listed.contains(&json!(audiences[other].0))
    };
    let mut order: Vec<usize> = (0..audiences.len()).collect();
    order.sort_by_key(|index| (u64::MAX - priority(*index), *index));
    let mut all: Vec<Expected> = audiences.iter().map(|_| Expected::default()).collect();
    for (place, index) in order.iter().enumerate() {
        let mut left: BTreeSet<usize> =
            (0..people.len()).filter(|row| people[*row].rank_for(*index).is_some()).collect();
        let mut taken_by = Vec::new();
        for other in order[..place].iter().filter(|other| names(*index, **other) || names(**other, *index)) {
            let before = left.len();
            left.retain(|row| !all[*other].members.contains(row));
            taken_by.push((audiences[*other].0.clone(), (before - left.len()) as u64));
        }
        let groups = cut(people, left.into_iter().collect(), *index, &audiences[*index].1);
        let members = groups.values().flatten().copied().collect();
        all[*index] = Expected { taken_by, members, groups };
    }
    all
}

fn cut(
    people: &[Person],
    mut left: Vec<usize>,
    index: usize,
    definition: &Value,
) -> BTreeMap<(String, bool), BTreeSet<usize>> {
    let rank = |row: usize| people[row].rank_for(index).expect("only those with a rank are left");
    let tie = seed_of("tie", "");
    left.sort_by(|a, b| {
        rank(*b).partial_cmp(&rank(*a)).unwrap().then(hash(&people[*b], tie).cmp(&hash(&people[*a], tie)))
    });
    let eligible = left.len();
    let at_least = |threshold: f64| left.iter().filter(|row| rank(**row) >= threshold).count();
    let size = &definition["size"];
    let taken = match (size["top"].as_u64(), size["share"].as_f64(), size["threshold"].as_f64()) {
        (Some(top), _, _) => (top as usize).min(eligible),
        (_, Some(share), _) => half_up(share, eligible),
        (_, _, threshold) => at_least(threshold.expect("one of three")),
    };
    let mut groups = BTreeMap::new();
    let (mut start, mut shares) = (0, 0.0);
    for (tier, end) in definition["tiers"].as_object().unwrap() {
        let end = match (end.as_str(), end.as_f64(), end["top"].as_u64(), end["best"].as_f64()) {
            (Some(_), ..) => taken,
            (_, Some(share), ..) => {
                shares += share;
                half_up(shares, taken)
            }
            (_, _, Some(top), _) => start + top as usize,
            (_, _, _, Some(best)) => half_up(best, eligible),
            _ => at_least(end["threshold"].as_f64().expect("one of five")),
        };
        let end = end.clamp(start, taken);
        let mut members = left[start..end].to_vec();
        start = end;
        members.sort_by_key(|row| {
            hash(&people[*row], seed_of("holdout", definition["holdout"]["salt"].as_str().unwrap()))
        });
        let held = half_up(definition["holdout"]["share"].as_f64().unwrap(), members.len());
        groups.insert((tier.clone(), true), members[..held].iter().copied().collect());
        groups.insert((tier.clone(), false), members[held..].iter().copied().collect());
    }
    groups
}

fn drawn_audiences(numbers: &mut Numbers) -> Vec<(String, Value)> {
    let count = 2 + numbers.next(4) as usize;
    let name = |index: usize| format!("a{index}");
    let draw = |index: usize| {
        let size = match numbers.next(3) {
            0 => json!({"top": numbers.next(150) + 1}),
            1 => json!({"share": numbers.share(60)}),
            _ => json!({"threshold": numbers.next(10) as f64 / 10.0}),
        };
        let tiers = match numbers.next(4) {
            0 => json!({"high": 0.2, "mid": 0.3, "low": "rest"}),
            1 => json!({"high": {"top": numbers.next(50) + 1}, "mid": {"top": 7}, "low": "rest"}),
            2 => json!({"high": {"threshold": 0.8}, "mid": {"threshold": 0.35}, "low": "rest"}),
            _ => json!({"high": {"best": 0.01}, "mid": {"best": (numbers.next(20) + 2) as f64 / 100.0}, "low": "rest"}),
        };
        let others: Vec<String> =
            (0..count).filter(|other| *other != index && numbers.next(2) == 0).map(name).collect();
        let definition = json!({
            "size": size, "tiers": tiers, "holdout": {"share": numbers.share(40), "salt": format!("s{}", numbers.next(2))},
            "guards": {"min_size": 0}, "exclusive_with": others, "priority": numbers.next(3),
        });
        (name(index), definition)
    };
    (0..count).map(draw).collect()
}

fn drawn_people(numbers: &mut Numbers, audiences: usize) -> Vec<Person> {
    let count = numbers.next(600) as usize;
    let mut people = people(vec![0.0; count]);
    for person in &mut people {
        let mut rank = |steps: u64| (numbers.next(8) > 0).then(|| numbers.next(steps) as f64 / 10.0);
        person.ranks = (0..audiences).map(|audience| rank(if audience == 0 { 3 } else { 11 })).collect();
    }
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn exclusive_audiences_take_whom_a_plain_sort_gives_them_for_any_sharding() {
    for seed in 0..12 {
        let mut numbers = Numbers(seed);
        let audiences = drawn_audiences(&mut numbers);
        let people = drawn_people(&mut numbers, audiences.len());
        let expected = expected(&people, &audiences);
        for shards in [1, 3, 17] {
            let office = Office::new();
            let document = Value::Object(audiences.iter().cloned().collect());
            let run = office.scored("one", &people, people.len().div_ceil(shards).max(1), document).await;
            let outcome = publish_now(&run).await;
            for (index, ((name, _), expected)) in audiences.iter().zip(&expected).enumerate() {
                let told = format!("seed {seed}, {shards} shards, audience {name}");
                let (manifest, found) = published(&office, name).await;
                let ids = |rows: &BTreeSet<usize>| {
                    let key = |row: &usize| people[*row].key.clone().expect("a key");
                    rows.iter().map(|row| hex::encode(Sha256::digest(key(row)))).collect::<Vec<_>>()
                };
                for (group, members) in &expected.groups {
                    assert_eq!(found.get(group).cloned().unwrap_or_default(), ids(members), "{told}, {group:?}");
                }
                let steps = &outcome.audiences[index].waterfall;
                let taken: Vec<_> = steps
                    .iter()
                    .filter_map(|step| Some((step.step.strip_prefix("taken by ")?.to_owned(), step.left_out)))
                    .collect();
                assert_eq!(taken, expected.taken_by, "{told}");
                assert_eq!(manifest.eligible, steps[steps.len() - 2].remaining, "{told}");
                assert_eq!(steps[steps.len() - 1].remaining, expected.members.len() as u64, "{told}");
            }
            for pair in &outcome.overlap {
                let members = |name: &str| &expected[name[1..].parse::<usize>().unwrap()].members;
                let both = members(pair.audience.as_str()).intersection(members(pair.other.as_str())).count();
                assert_eq!(pair.people, both as u64, "seed {seed}, {pair:?}");
                assert!(!pair.exclusive || both == 0, "seed {seed}, {pair:?}");
            }
            assert_eq!(outcome.overlap.len(), audiences.len() * (audiences.len() - 1) / 2);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_audience_takes_the_next_people_and_none_of_the_holdout_above() {
    let office = Office::new();
    let people = people((0..10).map(|row| 1.0 - f64::from(row) / 10.0));
    let audiences = json!({
        "second": {"size": {"top": 3}, "exclusive_with": ["first"]},
        "first": {"size": {"top": 4}, "priority": 1, "holdout": {"share": 0.5, "salt": "s"}},
        "free": {"size": {"top": 5}},
    });
    let run = office.scored("one", &people, 3, audiences).await;
    let outcome = publish_now(&run).await;
    let ids = |rows: std::ops::Range<usize>| {
        rows.map(|row| hex::encode(Sha256::digest(format!("c{row}")))).collect::<BTreeSet<_>>()
    };
    let all = async |name: &str| published(&office, name).await.1.into_values().flatten().collect::<BTreeSet<_>>();
    assert_eq!(all("first").await, ids(0..4));
    assert_eq!(all("second").await, ids(4..7), "exactly three, though the four best are taken");
    assert_eq!(all("free").await, ids(0..5));
    let told: Vec<_> =
        outcome.audiences[0].waterfall.iter().map(|s| (s.step.as_str(), s.left_out, s.remaining)).collect();
    assert_eq!(told, [("population", 0, 10), ("no score", 0, 10), ("taken by first", 4, 6), ("below the cut", 3, 3)]);
    let overlap: Vec<_> = outcome
        .overlap
        .iter()
        .map(|pair| (pair.audience.as_str(), pair.other.as_str(), pair.people, pair.exclusive))
        .collect();
    assert_eq!(overlap, [("second", "first", 0, true), ("second", "free", 1, false), ("first", "free", 4, false)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audience_that_is_held_back_keeps_its_people_from_the_one_below() {
    let office = Office::new();
    let people = people((0..10).map(|row| 1.0 - f64::from(row) / 10.0));
    let audiences = json!({
        "first": {"size": {"top": 4}, "guards": {"min_size": 5}},
        "second": {"size": {"top": 2}, "exclusive_with": ["first"]},
    });
    let run = office.scored("one", &people, 4, audiences).await;
    let outcome = publish_now(&run).await;
    assert!(!outcome.audiences[0].published && outcome.audiences[1].published);
    let found = published(&office, "second").await.1.remove(&("all".to_owned(), false)).unwrap();
    assert_eq!(found, ["c4", "c5"].map(|key| hex::encode(Sha256::digest(key))));
}
