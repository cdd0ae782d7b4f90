//! The target group index: how much more frequent a value is in a group than among everybody, and how sure that is.
//!
//! The group is a part of the population, so both shares hold the same people. The interval therefore compares the group with the rest of
//! the population: with `x` of `n` in the group and `y` of `m` outside, the ratio of the two shares is `ρ = (x/n) / (y/m)`, and
//! `TGI = 100 / (f + (1 − f)/ρ)` with `f = n / (n + m)`, which grows with `ρ`: the ends of the one interval are those of the other.
//! That of `ρ` is Katz's (Katz, Baptista, Azen and Pike 1978): `ln ρ ± 1.96 √(1/x − 1/n + 1/y − 1/m)`. Where nobody or everybody of a side
//! has the value, it counts half a person more or less there (Walter 1975); the upper end of a value that nobody outside has is `100 / f`.

use serde::{Deserialize, Serialize};

/// The quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// People with a value, and all of them: in a group, and in the population that it is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// In the group, with the value.
    pub having: u64,
    /// In the group.
    pub people: u64,
    /// In the population, with the value.
    pub population_having: u64,
    /// In the population.
    pub population: u64,
}

/// How frequent a value is in a group, against the population.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The group's people who have the value.
    pub people: u64,
    /// Their share of the group, 0..1.
    pub share: f64,
    /// 100 times this share over that of the population.
    pub tgi: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How many standard errors the share of the group lies from that of a group drawn at random (Pearson 1900); below 0 where it is less.
    pub z: f64,
}

impl Index {
    /// The index of a value that somebody has, in a group that is not empty.
    pub fn of(counts: Counts) -> Self {
        let Counts { having, people, population_having, population } = counts;
        let [x, n, all, total] = [having, people, population_having, population].map(|count| count as f64);
        let (share, of_all) = (x / n, all / total);
        let tgi = 100.0 * share / of_all;
        let (low, high) = interval(counts).unwrap_or((tgi, tgi));
        Self { people: having, share, tgi, low: low.min(tgi), high: high.max(tgi), z: z(x, n, all, total) }
    }

    /// Whether the interval lies above 100, or below it.
    pub fn is_clear(&self) -> bool {
        self.low > 100.0 || self.high < 100.0
    }
}

/// The interval of the index; none of a group that is everybody, whose index is known.
fn interval(counts: Counts) -> Option<(f64, f64)> {
    let (y, m) = (counts.population_having - counts.having, counts.population - counts.people);
    if m == 0 {
        return None;
    }
    let (x, n) = (inside(counts.having, counts.people), counts.people as f64);
    let (outside, rest) = (inside(y, m), m as f64);
    let ratio = ((x / n) / (outside / rest)).ln();
    let error = (1.0 / x - 1.0 / n + 1.0 / outside - 1.0 / rest).max(0.0).sqrt();
    let f = n / (n + rest);
    let index = |ratio: f64| 100.0 / (f + (1.0 - f) / ratio.exp());
    let high = if y == 0 { 100.0 / f } else { index(ratio + Z * error) };
    Some((index(ratio - Z * error), high))
}

/// So many of them, by half a person less than all and more than none.
fn inside(having: u64, people: u64) -> f64 {
    match having {
        0 => 0.5,
        all if all == people => all as f64 - 0.5,
        some => some as f64,
    }
}

/// The share's distance from that of a draw at random without putting back.
fn z(x: f64, n: f64, all: f64, total: f64) -> f64 {
    let share = all / total;
    let variance = n * share * (1.0 - share) * (total - n) / (total - 1.0).max(1.0);
    if variance > 0.0 { (x - n * share) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(having: u64, people: u64, population_having: u64, population: u64) -> Index {
        Index::of(Counts { having, people, population_having, population })
    }

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn shares_and_intervals_are_those_of_scipy() {
        let index = of(60, 100, 80, 400);
        close(index.tgi, 300.0);
        // scipy.stats.contingency.relative_risk(60, 100, 20, 300).confidence_interval(0.95); f is 1/4.
        close(index.low, 100.0 / (0.25 + 0.75 / 5.723_555_960_818_146));
        close(index.high, 100.0 / (0.25 + 0.75 / 14.152_041_240_533_542));
        // (60 - 20) / sqrt(100 * 0.2 * 0.8 * 300 / 399)
        close(index.z, 40.0 / (100.0 * 0.2 * 0.8 * 300.0 / 399.0_f64).sqrt());
        assert!(index.is_clear());
    }

    #[test]
    fn a_value_of_the_group_alone_has_the_highest_index_there_is() {
        let index = of(50, 100, 50, 1000);
        close(index.tgi, 1000.0);
        assert_eq!(index.high, 1000.0);
        assert!(index.low > 100.0 && index.low < 1000.0, "{index:?}");
    }

    #[test]
    fn a_group_that_is_everybody_and_a_value_that_everybody_has_say_nothing() {
        for index in [of(30, 100, 30, 100), of(100, 100, 400, 400)] {
            close(index.tgi, 100.0);
            assert!(index.z == 0.0 && !index.is_clear() && index.low <= 100.0 && index.high >= 100.0, "{index:?}");
        }
    }

    #[test]
    fn what_is_rarer_is_below_100() {
        let index = of(30, 1000, 5000, 10_000);
        close(index.tgi, 6.0);
        assert!(index.high < 100.0 && index.z < -20.0, "{index:?}");
    }
}
