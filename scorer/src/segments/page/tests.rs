use indexmap::IndexMap;
use model::segments::Choice;
use page::testing::{assert_self_contained, assert_well_formed};

use super::*;
use crate::segments::profile::{ClassMean, SegmentMean, TypicalValue};

const HOSTILE: &str = "</td><script>alert('1')</script>\" onload=\"x\" &amp; \u{202e}";

fn mean(mean: f64, index: Option<f64>) -> SegmentMean {
    SegmentMean { mean: Some(mean), index }
}

fn segment(segment: usize, people: u64, age: Option<f64>) -> SegmentProfile {
    let value = TypicalValue {
        column: "city".parse().unwrap(),
        value: HOSTILE.to_owned(),
        people: 60,
        share: 0.04,
        population_share: 0.02,
        tgi: 200.0,
        low: 150.2,
        high: 260.0,
    };
    SegmentProfile {
        segment,
        people,
        share: people as f64 / 100_000.0,
        distance: Some(1.25),
        scores: IndexMap::from([("buy".parse().unwrap(), mean(0.2, Some(100.0 + segment as f64)))]),
        classes: IndexMap::from([(
            "next".parse().unwrap(),
            vec![ClassMean { class: "tea".to_owned(), mean: 0.42, index: Some(130.4) }],
        )]),
        means: IndexMap::from([("flat".parse().unwrap(), mean(0.0, None)), ("age".parse().unwrap(), mean(41.0, age))]),
        typical: if segment == 0 { vec![value] } else { Vec::new() },
    }
}

/// Two segments of 99,000 and 1,000 people less one, and one of nobody.
fn profile(silhouette: f64) -> SegmentationProfile {
    let choice = |count| Choice { count, inertia: 1.0, silhouette };
    SegmentationProfile {
        name: "lifestyle".parse().unwrap(),
        columns: None,
        people: 99_999,
        silhouette,
        explained: 0.4,
        choices: vec![choice(2), choice(3)],
        segments: vec![segment(0, 99_000, Some(50.0)), segment(1, 999, Some(210.0)), segment(2, 0, None)],
    }
}

fn render_sample(profile: &SegmentationProfile) -> String {
    render(profile, &Provenance { run: "nightly-1", model: "buyers@3", date: "2026-01-05" })
}

#[test]
fn a_page_is_well_formed_needs_nothing_else_and_keeps_texts_texts() {
    let columns = Some(vec!["age".parse().unwrap(), "spent".parse().unwrap()]);
    for profile in [profile(0.3), SegmentationProfile { columns, choices: Vec::new(), ..profile(0.6) }] {
        let page = render_sample(&profile);
        assert_well_formed(&page);
        assert_self_contained(&page);
        assert_eq!(page, render_sample(&profile));
        assert!(page.contains("buyers@3") && page.contains("Segment 2") && page.contains("Nobody is in it."));
        assert!(page.contains("42.0\u{a0}%") && page.contains(">130<"), "the classes' probability and index");
    }
}

#[test]
fn sentences_follow_from_the_figures() {
    let said = |profile: &SegmentationProfile| sentences(profile);
    let tones = |silhouette: f64| said(&profile(silhouette))[0].0;
    assert_eq!([0.7, 0.3, 0.1].map(tones), [Tone::Good, Tone::Plain, Tone::Caution]);
    let usual = said(&profile(0.3));
    let words: Vec<&str> = usual.iter().map(|(_, words)| words.as_str()).collect();
    assert!(words[2].contains("highest silhouette of 2 to 3. More than that were not tried."), "{words:?}");
    assert_eq!(
        words[3],
        "Fewer than 1.00\u{a0}% of the people each are in: segment 1 (999 people), segment 2 (0 people)."
    );
    let mut large = profile(0.3);
    large.segments.truncate(1);
    large.choices.clear();
    assert_eq!(said(&large).len(), 2, "nothing was chosen, and nobody is few");
}

#[test]
fn what_differs_most_stands_first_and_what_has_no_index_last() {
    let page = render_sample(&profile(0.3));
    let place = |words: &str| page.find(words).unwrap();
    let apart = place("What tells them apart");
    let of = |name: &str| apart + page[apart..].find(&format!(">{name}</th>")).unwrap();
    assert!(of("age") < of("buy") && of("buy") < of("flat"));
    assert!(page[of("age")..of("buy")].contains("number less") && page[of("age")..of("buy")].contains("number more"));
}
