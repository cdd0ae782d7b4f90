//! Segments: groups of people who are near one another, by k-means over a sample of the population (Lloyd 1982), from
//! k-means++ starts (Arthur and Vassilvitskii 2007); with a batch size, by mini-batches (Sculley, Web-Scale K-Means Clustering,
//! WWW 2010).
//!
//! ```text
//! x = (min(max(r, low), high) - mean) / deviation           of a person's numbers r; 0 for a missing one
//! segment = argmin_j |x - c_j|²                             the lowest j of equal ones
//! ```
//!
//! Distances are compared as `|c|² - 2·x·c`, one matrix product a block of people; whatever that leaves in doubt is decided by
//! differences in 64 bits, so that a segment does not depend on how people were cut into blocks. Sums are taken in the order of
//! the sample, so centres do not depend on threads.

mod assign;
mod fit;
mod scaling;
mod silhouette;
mod start;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::kernel::random::Stream;
pub use assign::Centres;
use assign::for_each_nearest;
use fit::{Fitted, fit_once};
pub use scaling::Scaling;
use silhouette::Silhouette;

/// Rows of numbers, one behind the other.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    /// `[rows, width]`
    pub numbers: &'a [f32],
    /// Numbers of each row, at least 1.
    pub width: usize,
}

impl<'a> Points<'a> {
    /// How many there are.
    pub fn count(self) -> usize {
        self.numbers.len() / self.width
    }

    /// One of them.
    pub fn row(self, row: usize) -> &'a [f32] {
        &self.numbers[row * self.width..][..self.width]
    }

    /// One after the other.
    pub fn rows(self) -> impl Iterator<Item = &'a [f32]> {
        self.numbers.chunks_exact(self.width)
    }
}

/// How segments are fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentOptions {
    /// Numbers of segments to choose from, by the mean silhouette.
    pub counts: RangeInclusive<u32>,
    /// Seeds all draws.
    pub seed: u64,
    /// Fits from other starts, of which the one of the lowest inertia counts.
    pub restarts: u32,
    /// Rounds over the sample at the most, or batches.
    pub iterations: u32,
    /// People a batch; without it every round is over the whole sample.
    pub batch_size: Option<u32>,
}

/// A sample that does not hold so many segments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} segments are asked for, and the {people} people of the sample fall into {found} alone: too few differ"
)]
pub struct FewDistinct {
    /// Segments asked for.
    pub count: u32,
    /// People of the sample.
    pub people: usize,
    /// Segments that anybody was in.
    pub found: usize,
}

/// Segments that were fitted. Segment 0 is the largest of the sample, and so on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segments {
    /// What makes `x` of a person's numbers.
    pub scaling: Scaling,
    /// `c_j`
    pub centres: Centres,
    /// People of the sample in each segment.
    pub sizes: Vec<u64>,
    /// The sum of the squared distances to the nearest centre, over the sample.
    pub inertia: f64,
    /// The share of the sample's variance that lies between segments: 0..1.
    pub explained: f64,
    /// The mean silhouette of some people of the sample, -1..1: near 1 where segments lie far apart, near 0 where they touch.
    pub silhouette: f64,
    /// What was chosen from.
    pub choices: Vec<Choice>,
}

/// A number of segments that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Segments.
    pub count: u32,
    /// The inertia that is left.
    pub inertia: f64,
    /// The mean silhouette.
    pub silhouette: f64,
}

/// Where some people belong.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Assigned {
    /// The segment of each, from 0.
    pub segments: Vec<u32>,
    /// The distance of each to the centre, in deviations.
    pub distances: Vec<f32>,
}

impl Segments {
    /// Fits segments to a sample of people's numbers, NaN for a missing one. Runs on the rayon pool that it is called in.
    ///
    /// # Errors
    ///
    /// People of whom too few differ.
    pub fn fit(mut numbers: Vec<f32>, width: usize, options: &SegmentOptions) -> Result<Self, FewDistinct> {
        let scaling = Scaling::fit(Points { numbers: &numbers, width });
        scaling.apply(&mut numbers);
        let points = Points { numbers: &numbers, width };
        let judge = Silhouette::of(points, &mut Stream::new(options.seed));
        let (mut best, mut choices) = (None, Vec::new());
        for count in options.counts.clone() {
            let Some(fitted) = fit_best(points, count, options) else { break };
            let silhouette = judge.mean(points, &fitted.centres);
            choices.push(Choice { count, inertia: fitted.inertia, silhouette });
            if best.as_ref().is_none_or(|(_, highest)| silhouette > *highest) {
                best = Some((fitted, silhouette));
            }
        }
        let Some((fitted, silhouette)) = best else {
            let (count, found) = (*options.counts.start(), fit::distinct(points, *options.counts.start() as usize));
            return Err(FewDistinct { count, people: points.count(), found });
        };
        let spread = fit::spread(points);
        let explained = if spread > 0.0 { (1.0 - fitted.inertia / spread).max(0.0) } else { 0.0 };
        let Fitted { centres, sizes, inertia } = fitted;
        Ok(Self { scaling, centres, sizes, inertia, explained, silhouette, choices })
    }

    /// The numbers of a person.
    pub fn width(&self) -> usize {
        self.centres.width()
    }

    /// How many segments there are.
    pub fn count(&self) -> usize {
        self.centres.count()
    }

    /// The segments of people by their numbers, `[people, width]`, NaN for a missing one.
    pub fn assign(&self, mut numbers: Vec<f32>) -> Assigned {
        self.scaling.apply(&mut numbers);
        let mut assigned = Assigned::default();
        for_each_nearest(Points { numbers: &numbers, width: self.width() }, &self.centres, |_, nearest| {
            assigned.segments.push(nearest.segment);
            assigned.distances.push(nearest.square.sqrt() as f32);
        });
        assigned
    }
}

/// The best of several fits, its segments in the order of their size; nothing where the people fall into fewer.
fn fit_best(points: Points<'_>, count: u32, options: &SegmentOptions) -> Option<Fitted> {
    if points.count() < count as usize {
        return None;
    }
    let mut best: Option<Fitted> = None;
    for restart in 0..options.restarts {
        let mut stream = Stream::of(options.seed, &[u64::from(count), u64::from(restart)]);
        let fitted = fit_once(points, count as usize, options, &mut stream);
        if best.as_ref().is_none_or(|best| fitted.inertia < best.inertia) {
            best = Some(fitted);
        }
    }
    best.filter(|fitted| fitted.sizes.iter().all(|size| *size > 0)).map(Fitted::by_size)
}

#[cfg(test)]
mod tests;
