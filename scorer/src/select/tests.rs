//! The whole decision against a plain sort of all rows, for any sharding and any limit on memory.

use indexmap::IndexMap;
use proptest::prelude::*;
use spec::audience::{Rest, Size, TierCut, TierEnd};

use super::cut::{ByRank, CutError, Cuts, TierRows, divide, last_ordinals, selected};
use super::histogram::{RankHistogram, cell_of};
use super::holdout::{Draws, draw, held_out};
use super::order::{Place, rank_bits};
use super::search::Search;
use super::sketch::{Bracket, Mark, Sketch, Summary};
use super::standing::Standing;

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

fn summaries(places: &[Place], shard_rows: usize) -> Vec<Summary> {
    let shards = places.chunks(shard_rows).map(|shard| {
        let mut sketch = Sketch::default();
        shard.iter().for_each(|place| sketch.add(Mark::of(place)));
        sketch.finish()
    });
    shards.collect()
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

/// How rows stand, with those of at least some ranks counted.
fn standing(places: &[Place], histogram: &RankHistogram, thresholds: &[f64]) -> Standing {
    let counted = thresholds.iter().filter_map(|threshold| rank_bits(*threshold));
    let at_least = counted.map(|rank| (rank, places.iter().filter(|place| place.rank >= rank).count() as u64));
    Standing { ranks: histogram.clone(), at_least: at_least.collect(), places: Vec::new() }
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
        is_told in any::<bool>(),
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
        let thresholds = if let Size::Threshold(least) = size { vec![least] } else { Vec::new() };
        let mut standing = standing(&rows, &counted, &thresholds);
        standing.places = if is_told { summaries(&rows, shard_rows) } else { Vec::new() };
        let size = selected(size, &standing).expect("a legal size");
        prop_assert_eq!(size, expected);

        let divided = divide(size, &tiers(&shares), &standing).expect("legal tiers");
        prop_assert_eq!(divided.iter().map(|tier| tier.rows).sum::<u64>(), size);
        let ordinals = last_ordinals(&divided);
        let search = Search::in_histogram(&counted, &ordinals, limit).narrowed(&standing.brackets(&ordinals));
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
    let nobody = Standing::default();
    let rows = |selected, shares: &[f64]| {
        divide(selected, &tiers(shares), &nobody).expect("legal tiers").iter().map(|tier| tier.rows).collect::<Vec<_>>()
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
    let divide = |tiers: &IndexMap<_, _>| divide(10, tiers, &Standing::default());
    assert_eq!(divide(&incomplete), Err(CutError::Incomplete { percent: 50.0 }));
    assert!(matches!(divide(&tiers(&[0.7, 0.7])), Err(CutError::Incomplete { .. })));
    assert!(matches!(divide(&tiers(&[1.5])), Err(CutError::TierShare { .. })));
    let mut rest_first = tiers(&[]);
    rest_first.insert("last".parse().expect("a name"), TierCut::Share(0.5));
    assert!(matches!(divide(&rest_first), Err(CutError::RestNotLast { .. })));
    let mut no_rest = tiers(&[0.5]);
    no_rest.insert("t1".parse().expect("a name"), TierCut::End(TierEnd::Top(5)));
    assert!(matches!(divide(&no_rest), Err(CutError::Incomplete { .. })));
}

#[test]
fn no_tiers_are_one_tier_all() {
    let divided = divide(7, &IndexMap::new(), &Standing::default()).expect("no tiers are legal");
    assert_eq!(divided, [TierRows { tier: "all".parse().expect("a name"), rows: 7 }]);
}

#[test]
fn sizes_that_are_none_are_refused() {
    let empty = Standing::default();
    assert_eq!(selected(Size::Share(1.1), &empty), Err(CutError::SizeShare { share: 1.1 }));
    assert_eq!(selected(Size::Threshold(f64::NAN), &empty), Err(CutError::Threshold));
    assert_eq!(selected(Size::Top(5), &empty), Ok(0));
}

/// Ends of tiers by name, over ranks 0.00, 0.01 … 0.99 of which so many are selected.
fn ends(selected: u64, cuts: &[TierCut]) -> Vec<u64> {
    let ranks: Vec<f64> = (0..100).map(|rank| f64::from(rank) / 100.0).collect();
    let rows = places(&ranks, &keys_for(100, 100));
    let thresholds: Vec<f64> = cuts
        .iter()
        .filter_map(|cut| if let TierCut::End(TierEnd::Threshold(rank)) = cut { Some(*rank) } else { None })
        .collect();
    let standing = standing(&rows, &histogram(&rows, 100), &thresholds);
    let named = cuts.iter().enumerate().map(|(index, cut)| (format!("t{index}").parse().expect("a name"), *cut));
    let divided = divide(selected, &named.collect(), &standing).expect("legal tiers");
    divided.iter().map(|tier| tier.rows).collect()
}

#[test]
fn tiers_end_by_number_by_score_and_with_the_best_of_the_eligible() {
    let rest = TierCut::Rest(Rest::Rest);
    let (top, best) = (|rows| TierCut::End(TierEnd::Top(rows)), |share| TierCut::End(TierEnd::Best(share)));
    let at_least = |rank| TierCut::End(TierEnd::Threshold(rank));
    assert_eq!(ends(50, &[top(10), top(25), rest]), [10, 25, 15]);
    assert_eq!(ends(50, &[top(10), top(60), top(5), rest]), [10, 40, 0, 0], "fewer are left than asked for");
    assert_eq!(ends(10, &[best(0.01), best(0.02), best(0.05), rest]), [1, 1, 3, 5]);
    assert_eq!(ends(3, &[best(0.01), best(0.02), best(0.05), rest]), [1, 1, 1, 0], "no tier ends below the cut");
    assert_eq!(ends(50, &[at_least(0.9), at_least(0.75), rest]), [10, 15, 25]);
    assert_eq!(ends(50, &[top(20), at_least(0.9), rest]), [20, 0, 30], "a tier above has them already");
    assert_eq!(ends(50, &[at_least(0.1), rest]), [50, 0]);
    assert_eq!(
        ends(50, &[TierCut::Share(0.25), top(3), TierCut::Share(0.25), TierCut::Share(0.25), rest]),
        [13, 3, 13, 12, 9]
    );
}

/// Ranks of so many rows, from a fixed sequence that is spread evenly over 0..1.
fn spread(rows: usize, rank: impl Fn(f64) -> f64) -> Vec<f64> {
    let even = |row: u64| (xxhash_rust::xxh3::xxh3_64(&row.to_le_bytes()) >> 11) as f64 / (1_u64 << 53) as f64;
    (0..rows as u64).map(|row| rank(even(row))).collect()
}

#[test]
fn one_pass_after_scoring_settles_cuts_whatever_the_ranks_are() {
    const ROWS: usize = 200_000;
    let (ordinals, collected) = ([199, 9_999, 19_999], ROWS as u64 * 6 / 100);
    let keys = keys_for(ROWS, ROWS as u64);
    let logistic = |odds: f64| 1.0 / (1.0 + (-odds).exp());
    for (name, ranks) in [
        ("even", spread(ROWS, |even| even)),
        ("rare events", spread(ROWS, |even| logistic(4.0 * even - 6.0))),
        ("single precision", spread(ROWS, |even| f64::from(even as f32))),
        ("steps of a calibration", spread(ROWS, |even| (even * 30.0).floor() / 30.0)),
        ("one rank", spread(ROWS, |_| 0.5)),
        ("two neighbours", spread(ROWS, |even| if even < 0.05 { 0.5 } else { 0.5_f64.next_down() })),
        ("rising", (0..ROWS).map(|row| row as f64).collect()),
    ] {
        let rows = places(&ranks, &keys);
        let mut sorted = rows.clone();
        sorted.sort_by(|a, b| b.cmp(a));
        let expected = ordinals.map(|ordinal| sorted[ordinal as usize]);
        for shards in [1, 3, 17] {
            let shard_rows = ROWS.div_ceil(shards);
            let counted = histogram(&rows, shard_rows);
            let standing = Standing { places: summaries(&rows, shard_rows), ..standing(&rows, &counted, &[]) };
            let search = || Search::in_histogram(&counted, &ordinals, collected);
            let (found, passes) = find(search().narrowed(&standing.brackets(&ordinals)), &rows, shard_rows);
            assert_eq!((found.as_slice(), passes), (expected.as_slice(), 1), "{name} in {shards} shards");
        }
        let counted = histogram(&rows, ROWS);
        let (found, passes) = find(Search::in_histogram(&counted, &ordinals, collected), &rows, ROWS);
        assert_eq!(found, expected);
        assert!(passes <= 5, "{name}: {passes} passes by cells alone");
    }
}

#[test]
fn a_search_goes_on_where_a_bracket_does_not_hold() {
    let rows = places(&spread(5000, |even| even), &keys_for(5000, 5000));
    let counted = histogram(&rows, 1000);
    let mut sorted = rows.clone();
    sorted.sort_by(|a, b| b.cmp(a));
    let wrong = Bracket { high: Mark::of(&sorted[10]), low: Mark::of(&sorted[20]), rows: 11 };
    let (found, passes) =
        find(Search::in_histogram(&counted, &[15, 1000], 5000).narrowed(&[wrong, wrong]), &rows, 1000);
    assert_eq!(found, [sorted[15], sorted[1000]]);
    assert_eq!(passes, 2);
}
