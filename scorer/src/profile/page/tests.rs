use artifacts::Digest;
use artifacts::registry::ModelIdentity;
use indexmap::IndexMap;
use page::testing::{assert_self_contained, assert_well_formed};
use spec::{TierName, Version};

use super::*;
use crate::profile::scores::{LastScores, ReachPoint, ScoreCell, lowest_of};
use crate::profile::tgi::{Counts, Index};
use crate::profile::told::{ColumnProfile, Expected, Overlap, PROFILE_SCHEMA_VERSION, SeedsProfile, TierProfile};
use crate::select::waterfall::Step;

const HOSTILE: &str = "</td><script>alert('1')</script>\" onload=\"x\" &amp; \u{202e}";

fn index(having: u64, people: u64, population_having: u64) -> Index {
    Index::of(Counts { having, people, population_having, population: 1000 })
}

fn value(value: &str, place: usize, having: u64, population: u64) -> ValueProfile {
    ValueProfile {
        value: value.to_owned(),
        kind: ValueKind::Value,
        place,
        population,
        population_share: population as f64 / 1000.0,
        audience: index(having, 200, population),
        tiers: IndexMap::from([("high".parse().unwrap(), index(having / 4, 50, population))]),
        seeds: (place == 0).then(|| index(40, 100, population)),
    }
}

fn tiers<T>(high: T, low: T) -> IndexMap<TierName, T> {
    IndexMap::from([("high".parse().unwrap(), high), ("low".parse().unwrap(), low)])
}

fn profile(values: Vec<ValueProfile>) -> Profile {
    let column = ColumnProfile {
        column: HOSTILE.chars().filter(|c| !c.is_control()).collect::<String>().parse().unwrap(),
        values,
        suppressed: 2,
        beyond: 1,
        surely_above: Some(17),
    };
    let tier = |people, lowest| TierProfile { people, holdout: 5, highest: Some(0.9), lowest };
    let cell = |cell, eligible, selected| ScoreCell { cell, from: lowest_of(cell), eligible, tiers: vec![selected, 0] };
    let expected = |people, sum| Expected::of(people, sum);
    let output = |kind| OutputProfile {
        kind,
        population: expected(1000, 100.0),
        tiers: tiers(expected(45, 20.0), expected(145, 40.0)),
        holdout: tiers(expected(5, 2.0), expected(5, 1.0)),
    };
    Profile {
        schema_version: PROFILE_SCHEMA_VERSION,
        audience: "likely".parse().unwrap(),
        version: Version(4),
        run: "nightly-1".parse().unwrap(),
        date: "2026-03-01".parse().unwrap(),
        model: ModelIdentity { model: "buyers".parse().unwrap(), version: Version(3), manifest: Digest::of(b"m") },
        rank_by: format!("buy * {HOSTILE}"),
        population: 1000,
        eligible: 800,
        selected: 200,
        waterfall: vec![
            Step { step: "population".to_owned(), left_out: 0, remaining: 1000 },
            Step { step: HOSTILE.to_owned(), left_out: 200, remaining: 800 },
        ],
        tiers: tiers(tier(45, Some(0.5)), tier(145, None)),
        outputs: IndexMap::from([
            ("buy".parse().unwrap(), output(OutputKind::Probability)),
            ("spend".parse().unwrap(), output(OutputKind::Amount)),
            ("best".parse().unwrap(), output(OutputKind::Likeness)),
        ]),
        overlaps: vec![Overlap { audience: "others".parse().unwrap(), people: 300, shared: 50 }],
        seeds: Some(SeedsProfile { table: "seeds".parse().unwrap(), listed: 120, population: 100, selected: 60 }),
        scores: vec![cell(0xbfe0, 600, 0), cell(0xbff0, 200, 200), cell(0xfff0, 0, 0)],
        reach: vec![
            ReachPoint { rank: None, people: 0, share: 0.0, seeds: Some(0.0) },
            ReachPoint { rank: Some(1.0), people: 200, share: 0.25, seeds: Some(0.6) },
            ReachPoint { rank: Some(0.5), people: 800, share: 1.0, seeds: Some(1.0) },
        ],
        last: Some(LastScores {
            version: Version(3),
            selected: 190,
            eligible: vec![(0xbfd0, 3), (0xbfe0, 500)],
            distance: 0.2,
        }),
        min_cell: 30,
        columns: vec![column],
        left_out: vec!["history".parse().unwrap()],
    }
}

#[test]
fn a_page_is_well_formed_needs_nothing_else_and_keeps_texts_texts() {
    let full = profile(vec![value(HOSTILE, 0, 120, 200), value("b", 1, 40, 500)]);
    let nobody = Profile {
        selected: 0,
        eligible: 0,
        scores: Vec::new(),
        reach: Vec::new(),
        last: None,
        seeds: None,
        columns: Vec::new(),
        outputs: IndexMap::new(),
        ..profile(Vec::new())
    };
    for profile in [&full, &profile(Vec::new()), &nobody] {
        let page = render(profile);
        assert_well_formed(&page);
        assert_self_contained(&page);
        assert_eq!(page, render(profile));
        assert!(page.contains("buyers@3") && page.contains("version 4"));
    }
    assert!(render(&nobody).contains("Nobody is in it."));
}

#[test]
fn sentences_follow_from_the_figures() {
    let profile = profile(vec![value("Rome", 0, 120, 200), value("Oslo", 1, 40, 500)]);
    let said: Vec<(Tone, String)> = sentences(&profile);
    let words: Vec<&str> = said.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(
        words[0],
        "Of the 190 people to be addressed, 60 are expected to buy: a rate of 31.6\u{a0}%, 3.16× that of all people."
    );
    assert!(words[1].starts_with("The 190 people to be addressed are expected to have 60.00 of spend"), "{words:?}");
    assert!(words[3].contains("Rome (TGI 300)") && !words[3].contains("Oslo"), "{words:?}");
    assert!(words[4].starts_with("It holds 60.0\u{a0}% of the 100 seeds of seeds"), "{words:?}");
    assert_eq!(words[5], "It has 200 people; version 3 had 190.");
    assert_eq!(said[6].0, Tone::Caution, "{words:?}");
}

#[test]
fn a_page_of_500_long_values_lists_them_all() {
    let long =
        |at: usize| format!("{at:03} {}", "an exceedingly long name of a shop that nobody can remember ".repeat(4));
    let values = (0..500).map(|at| value(&long(at), at, 60 + at as u64 % 100, 300)).collect();
    let page = render(&profile(values));
    assert_well_formed(&page);
    let listed = (0..500).filter(|at| page.contains(&format!(">{at:03} an exceedingly"))).count();
    assert_eq!(listed, 500);
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}
