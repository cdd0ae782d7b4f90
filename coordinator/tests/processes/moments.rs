//! Moments of a run, from a seed: so many things have come to be in its workspace, and a little later.

use std::fmt;
use std::path::Path;
use std::process::Child;

use crate::stage::Scene;

/// The environment variable that names the seed.
const SEED_VARIABLE: &str = "KINDRED_KILL_SEED";

/// Moments and choices that follow from a seed.
pub(crate) struct Moments {
    seed: u64,
    state: u64,
}

impl fmt::Display for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SEED_VARIABLE}={}", self.seed)
    }
}

impl Moments {
    pub(crate) fn from_environment() -> Self {
        let seed = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
        Self { seed, state: seed }
    }

    /// From 0 to `sides` - 1 (SplitMix64).
    fn below(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    pub(crate) fn pick(&mut self, of: Vec<i32>) -> Option<i32> {
        if of.is_empty() { None } else { Some(of[self.below(of.len() as u64) as usize]) }
    }

    /// Returns when up to eight more things have come to be, and a little later; at once if the coordinator ends first.
    pub(crate) async fn pass(&mut self, scene: &Scene, coordinator: &mut Child) {
        let enough = things_in(&scene.path("")) + self.below(9);
        while things_in(&scene.path("")) < enough && coordinator.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
        }
        for _ in 0..self.below(2000) {
            tokio::task::yield_now().await;
        }
    }
}

/// How many files and folders there are below a folder.
fn things_in(folder: &Path) -> u64 {
    // What goes away meanwhile does not count.
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| 1 + if entry.path().is_dir() { things_in(&entry.path()) } else { 0 }).sum()
}

/// Kills a process; false if it has ended.
pub(crate) fn kill_if_there(pid: i32) -> bool {
    // SAFETY: kill takes two integers; the process was just seen to be a worker of this test.
    unsafe { libc::kill(pid, libc::SIGKILL) == 0 }
}
