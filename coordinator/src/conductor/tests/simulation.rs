//! Whole runs under seeded misfortune, on a clock that goes to whatever comes next: a store that fails, hangs and goes
//! out, workers that die, stall past their lease, get nowhere and come back, coordinators that crash and rival each
//! other. A failure names its seed.

mod check;
mod dice;
mod fleet;
mod member;
mod sea;
mod voyage;

use std::sync::atomic::Ordering;
use std::time::Duration;

pub(super) use check::{Made, check};
pub(super) use sea::{FatalLaunch, Sea, Side, Tally, Weather};
pub(super) use voyage::{Coordinator, advance, coordinator, everybody_goes_home, settle, voyage};

/// The environment variable that names the one seed to run, to find out what happened.
const SEED_VARIABLE: &str = "KINDRED_SIMULATION_SEED";
/// The environment variable that says how many seeds to run; 200 when it is not set.
const SEEDS_VARIABLE: &str = "KINDRED_SIMULATION_SEEDS";

const ROUGH: Weather = Weather::RoughUntil(Duration::from_secs(2000));

fn number_in(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// What an undisturbed run makes.
pub(super) async fn undisturbed() -> Made {
    let sea = Sea::new(0, Weather::Calm);
    let state = voyage(&sea).await;
    everybody_goes_home(&sea).await;
    let made = check(&sea, &state).await;
    assert_eq!(sea.tally.lost.load(Ordering::Relaxed), 0);
    made
}

#[tokio::test]
async fn whatever_happens_a_run_ends_with_the_same_bytes() {
    let expected = undisturbed().await;
    let seeds = match number_in(SEED_VARIABLE) {
        Some(seed) => seed..seed + 1,
        None => 0..number_in(SEEDS_VARIABLE).unwrap_or(200),
    };
    let all = Tally::default();
    for seed in seeds.clone() {
        eprintln!("{SEED_VARIABLE}={seed}");
        let sea = Sea::new(seed, ROUGH);
        let state = voyage(&sea).await;
        everybody_goes_home(&sea).await;
        assert_eq!(check(&sea, &state).await, expected, "seed {seed}: other bytes");
        add(&all, &sea.tally);
    }
    eprintln!("{all:?}");
    if seeds.end - seeds.start >= 100 {
        for (what, number) in happened(&all) {
            assert!(number.load(Ordering::Relaxed) > 0, "in all these seeds no {what}");
        }
    }
}

fn happened(tally: &Tally) -> [(&'static str, &std::sync::atomic::AtomicU64); 9] {
    [
        ("crash", &tally.crashes),
        ("rival", &tally.rivals),
        ("coordinator that was superseded", &tally.superseded),
        ("coordinator that stepped back", &tally.stepped_back),
        ("run that failed and was tried again", &tally.failed),
        ("straggler", &tally.stragglers),
        ("attempt that was lost", &tally.lost),
        ("run that waited", &tally.waiting),
        ("fault of the store", &tally.faults),
    ]
}

fn add(all: &Tally, one: &Tally) {
    for ((_, sum), (_, number)) in happened(all).into_iter().zip(happened(one)) {
        sum.fetch_add(number.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}
