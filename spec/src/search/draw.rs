//! Values drawn for trials.

use serde_json::{Value as Json, json};

use super::Domain;
use crate::shape::Shape;

/// What a value depends on beside its domain, and on nothing else: more trials or fields leave those before as they were.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw<'a> {
    pub(super) seed: u64,
    pub(super) trial: u32,
    /// Which try at settings that no trial had before.
    pub(super) again: u32,
    pub(super) path: &'a str,
}

impl Draw<'_> {
    /// A value of a field.
    pub(super) fn value(self, domain: &Domain, shape: &Shape) -> Json {
        let at = self.uniform();
        match domain {
            Domain::Uniform([low, high]) if is_whole(shape) => whole(low + at * (high - low + 1.0), *low, *high),
            Domain::Uniform([low, high]) => json!(rounded(low + at * (high - low), *low, *high)),
            Domain::LogUniform([low, high]) if is_whole(shape) => {
                whole((low.ln() + at * ((high + 1.0).ln() - low.ln())).exp(), *low, *high)
            }
            Domain::LogUniform([low, high]) => {
                json!(rounded((low.ln() + at * (high.ln() - low.ln())).exp(), *low, *high))
            }
            Domain::Choice(values) => {
                let index = (at * values.len() as f64) as usize;
                values.get(index).or(values.last()).cloned().unwrap_or(Json::Null)
            }
        }
    }

    /// A number in 0..1: SplitMix64's mixing (Steele, OOPSLA 2014) of an FNV-1a hash of the path with the other parts.
    fn uniform(self) -> f64 {
        let path = self.path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let parts = [u64::from(self.trial), u64::from(self.again), path];
        let mixed = parts.into_iter().fold(mix(self.seed), |state, part| mix(state ^ part));
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Whether a field takes whole numbers alone.
pub(super) fn is_whole(shape: &Shape) -> bool {
    match shape {
        Shape::Optional(shape) => is_whole(shape),
        shape => matches!(shape, Shape::Whole { .. }),
    }
}

fn whole(number: f64, low: f64, high: f64) -> Json {
    json!(number.floor().clamp(low, high) as u64)
}

/// Four significant digits: a value that can be read, and typed again.
fn rounded(number: f64, low: f64, high: f64) -> f64 {
    format!("{number:.3e}").parse().unwrap_or(number).clamp(low, high)
}
