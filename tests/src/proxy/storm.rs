//! Misfortunes that follow from a seed: the same request for the same time has the same fate, in whatever order requests
//! come.

use std::fmt;

use super::{Call, Misfortune};

/// The environment variable that names the seed.
const SEED_VARIABLE: &str = "KINDRED_STORM_SEED";
/// After so many fates of its own, a request of the same method, path and query is answered once.
const IN_A_ROW: u64 = 4;

/// A schedule of misfortunes.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    seed: u64,
    one_in: u64,
}

impl fmt::Display for Storm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SEED_VARIABLE}={}", self.seed)
    }
}

impl Storm {
    /// One request in so many meets with something; the seed is the environment's, or `seed`.
    pub fn from_environment(seed: u64, one_in: u64) -> Self {
        let told = std::env::var(SEED_VARIABLE).ok().and_then(|seed| seed.parse().ok());
        Self::of(told.unwrap_or(seed), one_in)
    }

    /// The storm of a seed, whatever the environment says.
    pub fn of(seed: u64, one_in: u64) -> Self {
        Self { seed, one_in }
    }

    /// What becomes of a request.
    pub fn fate(&self, call: &Call) -> Misfortune {
        let draw = self.draw(call);
        if call.before % IN_A_ROW == IN_A_ROW - 1 || !draw.is_multiple_of(self.one_in) {
            return Misfortune::None;
        }
        let fates = fates(call);
        fates[(draw / self.one_in % fates.len() as u64) as usize]
    }

    /// FNV-1a over what is asked, mixed as SplitMix64 does.
    fn draw(&self, call: &Call) -> u64 {
        let text = format!("{} {}?{} {} {}", call.method, call.path, call.query, call.before, self.seed);
        let hash = text
            .bytes()
            .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
        let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

/// What may happen to such a request. A body that is shorter than the object, and says so, is told only where something
/// besides says how long it should be: a range, a listing's form, an entry's seal.
fn fates(call: &Call) -> &'static [Misfortune] {
    use Misfortune::{
        Conflict, CutAfter, CutAnswer, CutBefore, CutUpload, ErrorAfter, ErrorBefore, ShortAnswer, Slow, SlowDown,
    };
    let is_listing = call.query.contains("list-type");
    match call.method.as_str() {
        "PUT" if call.is_conditional => &[ErrorBefore, ErrorAfter, Conflict, CutBefore, CutUpload, CutAfter, Slow],
        "PUT" => &[ErrorBefore, SlowDown, ErrorAfter, CutBefore, CutUpload, CutAfter, Slow],
        "GET" if call.is_ranged || is_listing => &[ErrorBefore, SlowDown, CutAfter, CutAnswer, ShortAnswer, Slow],
        "GET" => &[ErrorBefore, SlowDown, CutAfter, CutAnswer, Slow],
        "POST" => &[ErrorBefore, SlowDown, ErrorAfter, CutBefore, CutAfter, CutAnswer, Slow],
        _ => &[ErrorBefore, SlowDown, CutBefore, CutAfter, Slow],
    }
}
