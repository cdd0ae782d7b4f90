//! The whole decision against a plain sort of all rows, for any sharding and any limit on memory.

use indexmap::IndexMap;
use proptest::prelude::*;
use spec::audience::{Rest, Size, TierCut};

use super::cut::{ByRank, CutError, Cuts, Selected, TierRows, divide, last_ordinals, selected};
use super::histogram::{RankHistogram, cell_of};
use super::holdout::{Draws, draw, held_out};
use super::order::{Place, rank_bits};
use super::search::Search;

/// Ranks with many ties, many near-ties in one cell, and the odd special value.
fn ranks() -> impl Strategy<Value = Vec<f64>> {
    let one = prop_oneof![
        4 => Just(0.25),
        4 => (0_u32..40).prop_map(|step| 0.5 + f64::from(step) * 1e-9),
        2 => (0_u32..10).prop_map(|step| f64::from(step) / 10.0),
        2 => -1.0..1.0_f64,
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(-0.0), Just(0.0)],
    ];
    prop::collection::vec(one, 0..300)
}

/// The places of the rows that have one, as publishing would read them.
fn places(ranks: &[f64], keys: &[u128]) -> Vec<Place> {
    let rows = ranks.iter().zip(keys).enumerate();
    rows.filter_map(|(position, (rank, key))| Some(Place::new(rank_bits(*rank)?, *key, position as u64))).collect()
}

fn histogram(places: &[Place], shard_rows: usize) -> RankHistogram {
    let mut merged = RankHistogram::default();
    for shard in places.chunks(shard_rows) {
        let mut counts = vec![0; 1 << 16];
        shard.iter().for_each(|place| counts[usize::from(cell_of(place.rank))] += 1);
        merged.merge(&RankHistogram::from_counts(&counts));
    }
    merged
}

/// Runs a search over sharded rows, hashing keys only where the pass asks for it.
fn find(mut search: Search, rows: &[Place], shard_rows: usize) -> (Vec<Place>, usize) {
    let mut passes = 0;
    while !search.is_done() {
        passes += 1;
        assert!(passes <= 17, "a search ends after its digits");
        let pass = search.pass();
        let mut all = pass.observed();
        for shard in rows.chunks(shard_rows).rev() {
            let mut observed = pass.observed();
            for row in shard.iter().filter(|row| pass.wants_rank(row.rank)) {
                let key = if pass.needs_keys() { row.key } else { 0 };
                pass.observe(Place { key, ..*row }, &mut observed);
            }
            all.merge(observed);
        }
        search.absorb(all);
    }
    (search.into_places().into_iter().map(|place| place.expect("an ordinal below the total")).collect(), passes)
}

fn tiers(shares: &[f64]) -> IndexMap<spec::TierName, TierCut> {
    let named = |index: usize| format!("t{index}").parse().expect("a name");
    let mut tiers: IndexMap<_, _> =
        shares.iter().enumerate().map(|(index, share)| (named(index), TierCut::Share(*share))).collect();
    tiers.insert(named(shares.len()), TierCut::Rest(Rest::Rest));
    tiers
}

fn keys_for(rows: usize, distinct: u64) -> Vec<u128> {
    (0..rows as u64).map(|row| xxhash_rust::xxh3::xxh3_128(&(row % distinct).to_le_bytes())).collect()
}

fn rows_of(size: Size, places: &[Place], histogram: &RankHistogram) -> u64 {
    match selected(size, histogram).expect("a legal size") {
        Selected::Rows(rows) => rows,
        Selected::AtLeast { rank, above } => {
            let cell = cell_of(rank);
            above + places.iter().filter(|p| cell_of(p.rank) == cell && p.rank >= rank).count() as u64
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cuts_and_tiers_are_those_of_a_full_sort(
        ranks in ranks(),
        distinct in 1_u64..400,
        shard_rows in 1_usize..400,
        limit in prop_oneof![Just(0_u64), 1_u64..10, Just(1 << 20)],
        size in prop_oneof![
            (0_u64..350).prop_map(Size::Top),
            (0.0..=1.0).prop_map(Size::Share),
            prop_oneof![Just(0.25), Just(0.5 + 3e-9), -1.0..1.5].prop_map(Size::Threshold),
        ],
        shares in prop_oneof![Just(vec![]), Just(vec![0.2, 0.3]), Just(vec![0.0, 0.5]), Just(vec![1.0])],
        holdout in 0.0..1.0_f64,
    ) {
        let keys = keys_for(ranks.len(), distinct);
        let rows = places(&ranks, &keys);
        let counted = histogram(&rows, shard_rows);
        prop_assert_eq!(counted.total(), rows.len() as u64);

        let mut sorted = rows.clone();
        sorted.sort_by(|a, b| b.cmp(a));
        let expected = match size {
            Size::Top(top) => top.min(rows.len() as u64),
            Size::Share(share) => (share * rows.len() as f64 + 0.5).floor() as u64,
            Size::Threshold(least) => ranks.iter().filter(|rank| **rank >= least).count() as u64,
        };
        let size = rows_of(size, &rows, &counted);
        prop_assert_eq!(size, expected);

        let divided = divide(size, &tiers(&shares)).expect("legal tiers");
        prop_assert_eq!(divided.iter().map(|tier| tier.rows).sum::<u64>(), size);
        let search = Search::in_histogram(&counted, &last_ordinals(&divided), limit);
        let (lasts, _) = find(search, &rows, shard_rows);
        let cuts = Cuts::new(&divided, lasts);

        let mut naive = vec![None; sorted.len()];
        let mut end = 0;
        for (index, tier) in divided.iter().enumerate() {
            let start = end;
            end += tier.rows as usize;
            naive[start..end].fill(Some(index));
        }
        for (place, tier) in sorted.iter().zip(&naive) {
            prop_assert_eq!(cuts.tier_of(place), *tier);
            match cuts.by_rank(place.rank) {
                ByRank::Tier(told) => prop_assert_eq!(Some(told), *tier),
                ByRank::Below => prop_assert_eq!(None, *tier),
                ByRank::Tied => {}
            }
        }
        check_holdout(&cuts, &divided, &sorted, holdout, limit, shard_rows)?;
    }
}

fn check_holdout(
    cuts: &Cuts,
    divided: &[TierRows],
    sorted: &[Place],
    share: f64,
    limit: u64,
    shard_rows: usize,
) -> Result<(), TestCaseError> {
    let held = held_out(divided, share).expect("a share");
    let salted = |place: &Place| place.key.rotate_left(64) ^ 0x5eed;
    let mut draws = Draws::default();
    for (index, tier) in divided.iter().enumerate() {
        let drawn: Vec<_> = sorted
            .iter()
            .filter(|place| cuts.tier_of(place) == Some(index))
            .map(|place| draw(salted(place), place.position.0))
            .collect();
        let ordinals: Vec<_> = held[index].checked_sub(1).into_iter().collect();
        let (lasts, _) = find(Search::in_one_rank(0, tier.rows, &ordinals, limit), &drawn, shard_rows);
        draws.lasts.push(lasts.first().copied());

        let mut naive: Vec<_> = sorted.iter().filter(|place| cuts.tier_of(place) == Some(index)).collect();
        naive.sort_by_key(|place| (salted(place), place.position.0));
        for (order, place) in naive.into_iter().enumerate() {
            let is_held = draws.holds_out(index, &draw(salted(place), place.position.0));
            prop_assert_eq!(is_held, (order as u64) < held[index]);
        }
    }
    Ok(())
}

#[test]
fn a_population_of_one_rank_is_settled_by_keys_within_few_passes() {
    let rows: Vec<_> = keys_for(100_000, 100_000).into_iter().enumerate().map(|(at, key)| (at as u64, key)).collect();
    let bits = rank_bits(0.5).expect("a number");
    let places: Vec<_> = rows.iter().map(|(at, key)| Place::new(bits, *key, *at)).collect();
    let counted = histogram(&places, 1000);
    let (lasts, passes) = find(Search::in_histogram(&counted, &[49_999], 1000), &places, 1000);
    let mut sorted = places;
    sorted.sort_by(|a, b| b.cmp(a));
    assert_eq!(lasts, [sorted[49_999]]);
    assert_eq!(passes, 5, "three digits of the rank, one of the key, and the rows of that cell");
}

#[test]
fn tiers_round_half_up_along_the_way() {
    let rows = |selected, shares: &[f64]| {
        divide(selected, &tiers(shares)).expect("legal tiers").iter().map(|tier| tier.rows).collect::<Vec<_>>()
    };
    assert_eq!(rows(10, &[0.2, 0.3]), [2, 3, 5]);
    assert_eq!(rows(5, &[0.1, 0.1, 0.1]), [1, 0, 1, 3]);
    assert_eq!(rows(0, &[0.2, 0.3]), [0, 0, 0]);
    assert_eq!(rows(1, &[0.5]), [1, 0]);
}

#[test]
fn tiers_that_are_not_everyone_are_refused() {
    let mut incomplete = tiers(&[0.2, 0.3]);
    incomplete.pop();
    assert_eq!(divide(10, &incomplete), Err(CutError::Incomplete { percent: 50.0 }));
    assert!(matches!(divide(10, &tiers(&[0.7, 0.7])), Err(CutError::Incomplete { .. })));
    assert!(matches!(divide(10, &tiers(&[1.5])), Err(CutError::TierShare { .. })));
    let mut rest_first = tiers(&[]);
    rest_first.insert("last".parse().expect("a name"), TierCut::Share(0.5));
    assert!(matches!(divide(10, &rest_first), Err(CutError::RestNotLast { .. })));
}

#[test]
fn no_tiers_are_one_tier_all() {
    let divided = divide(7, &IndexMap::new()).expect("no tiers are legal");
    assert_eq!(divided, [TierRows { tier: "all".parse().expect("a name"), rows: 7 }]);
}

#[test]
fn sizes_that_are_none_are_refused() {
    let empty = RankHistogram::default();
    assert_eq!(selected(Size::Share(1.1), &empty), Err(CutError::SizeShare { share: 1.1 }));
    assert_eq!(selected(Size::Threshold(f64::NAN), &empty), Err(CutError::Threshold));
    assert_eq!(selected(Size::Top(5), &empty), Ok(Selected::Rows(0)));
}
