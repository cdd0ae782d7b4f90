//! A shard's places in a few numbers, from which the place at any ordinal is known to lie between two marks.
//!
//! Places are taken in one by one; whenever a buffer is full, every other one of its places goes on to the next buffer and
//! counts for twice as many (Manku, Rajagopalan and Lindsay, *Approximate medians and other quantiles in one pass and with
//! limited memory*, 1998). By how much that can have gone wrong is added up on the way, so the bounds hold for any data, in any
//! order; the numbers are the same for the same rows in the same order.

use serde::{Deserialize, Serialize};

use super::order::Place;

/// Places that a buffer holds, an even number: 128 KiB a buffer, one buffer for each doubling of the rows beyond the first.
const CAPACITY: usize = 1 << 13;

/// Marks that a summary has at the most.
const MARKS: u64 = 512;

/// A place without what is below the top 64 bits of the key's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark(pub u64, pub u64);

impl Mark {
    /// The mark of a place.
    pub fn of(place: &Place) -> Self {
        Self(place.rank, (place.key >> 64) as u64)
    }
}

/// Takes in the places of a shard.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    buffers: Vec<Buffer>,
    rows: u64,
    over: u64,
    under: u64,
}

#[derive(Debug, Clone, Default)]
struct Buffer {
    marks: Vec<Mark>,
    keeps_second: bool,
}

/// What a shard tells of its places.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// All of them.
    rows: u64,
    /// Marks, the greatest first and no two the same, each with the rows at or above it.
    marks: Vec<(Mark, u64)>,
    /// By how much that may be too high.
    over: u64,
    /// By how much it may be too low.
    under: u64,
}

impl Sketch {
    /// Takes in a row.
    pub fn add(&mut self, mark: Mark) {
        self.rows += 1;
        self.push(0, mark);
    }

    fn push(&mut self, level: usize, mark: Mark) {
        if self.buffers.len() == level {
            self.buffers.push(Buffer::default());
        }
        self.buffers[level].marks.push(mark);
        if self.buffers[level].marks.len() == CAPACITY {
            self.collapse(level);
        }
    }

    /// Sends every other mark of a full buffer on. Keeping the first of each pair can count the rows above a place once too
    /// often, keeping the second once too seldom; they take turns.
    fn collapse(&mut self, level: usize) {
        let buffer = &mut self.buffers[level];
        let mut marks = std::mem::take(&mut buffer.marks);
        marks.sort_unstable_by(|a, b| b.cmp(a));
        let first = usize::from(buffer.keeps_second);
        let error = if buffer.keeps_second { &mut self.under } else { &mut self.over };
        *error += 1 << level;
        buffer.keeps_second = !buffer.keeps_second;
        marks.into_iter().skip(first).step_by(2).for_each(|mark| self.push(level + 1, mark));
    }

    /// What is told of all rows taken in.
    pub fn finish(self) -> Summary {
        let levels = self.buffers.into_iter().enumerate();
        let weighed =
            levels.flat_map(|(level, buffer)| buffer.marks.into_iter().map(move |mark| (mark, 1_u64 << level)));
        let mut weighed: Vec<(Mark, u64)> = weighed.collect();
        weighed.sort_unstable_by(|a, b| b.cmp(a));
        let step = self.rows.div_ceil(MARKS).max(1);
        let (mut marks, mut above, mut next) = (Vec::new(), 0, step);
        for equal in weighed.chunk_by(|(one, _), (other, _)| one == other) {
            above += equal.iter().map(|(_, weight)| weight).sum::<u64>();
            if above >= next {
                marks.push((equal[0].0, above));
                next = above + step;
            }
        }
        Summary { rows: self.rows, marks, over: self.over, under: self.under }
    }
}

impl Summary {
    /// The rows that it tells of.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Of rows at or above the `index`-th mark, at least so many.
    fn at_least(&self, index: usize) -> u64 {
        self.marks[index].1.saturating_sub(self.over)
    }

    /// Of rows at or above anything that is above the `index`-th mark, at most so many.
    fn at_most(&self, index: usize) -> u64 {
        self.marks.get(index).map_or(self.rows, |(_, above)| (above + self.under).min(self.rows))
    }
}

/// Two marks between which a place lies, both included, and the rows that lie there at the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// The upper end.
    pub high: Mark,
    /// The lower end.
    pub low: Mark,
    /// Rows between them at the most.
    pub rows: u64,
}

impl Bracket {
    /// All places of so many rows.
    fn of_all(rows: u64) -> Self {
        Self { high: Mark(u64::MAX, u64::MAX), low: Mark(0, 0), rows }
    }

    /// Whether a mark lies in it.
    pub fn contains(&self, mark: Mark) -> bool {
        (self.low..=self.high).contains(&mark)
    }
}

/// Brackets of the places at some ordinals among the rows of all shards together, in the order of the ordinals.
pub fn brackets(shards: &[Summary], ordinals: &[u64]) -> Vec<Bracket> {
    let all: u64 = shards.iter().map(|shard| shard.rows).sum();
    let mut events: Vec<(Mark, usize, usize)> = Vec::new();
    for (shard, summary) in shards.iter().enumerate() {
        events.extend(summary.marks.iter().enumerate().map(|(index, (mark, _))| (*mark, shard, index)));
    }
    events.sort_unstable_by(|a, b| b.cmp(a));
    let (mut least, mut most) = (0, shards.iter().map(|shard| shard.at_most(0)).sum::<u64>());
    let mut found: Vec<(Bracket, u64, bool)> = ordinals.iter().map(|_| (Bracket::of_all(all), 0, false)).collect();
    for of_mark in events.chunk_by(|one, other| one.0 == other.0) {
        let (mark, before) = (of_mark[0].0, least);
        for (_, shard, index) in of_mark {
            let summary = &shards[*shard];
            least += summary.at_least(*index) - index.checked_sub(1).map_or(0, |above| summary.at_least(above));
            most = most - summary.at_most(*index) + summary.at_most(index + 1);
        }
        for (ordinal, (bracket, above, is_closed)) in ordinals.iter().zip(&mut found).filter(|(_, found)| !found.2) {
            if most <= *ordinal {
                (bracket.high, *above) = (mark, before);
            }
            if least > *ordinal {
                (bracket.low, bracket.rows, *is_closed) = (mark, most - *above, true);
            }
        }
    }
    found
        .into_iter()
        .map(|(bracket, above, is_closed)| match is_closed {
            true => bracket,
            false => Bracket { rows: all - above, ..bracket },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summary(marks: &[Mark]) -> Summary {
        let mut sketch = Sketch::default();
        marks.iter().for_each(|mark| sketch.add(*mark));
        sketch.finish()
    }

    fn check(marks: &[Mark], shards: usize) -> u64 {
        let summaries: Vec<Summary> = marks.chunks(marks.len().div_ceil(shards).max(1)).map(summary).collect();
        let mut sorted = marks.to_vec();
        sorted.sort_unstable_by(|a, b| b.cmp(a));
        let ordinals: Vec<u64> = (0..sorted.len() as u64).step_by((sorted.len() / 37).max(1)).collect();
        let mut widest = 0;
        for (ordinal, bracket) in ordinals.iter().zip(brackets(&summaries, &ordinals)) {
            assert!(bracket.contains(sorted[*ordinal as usize]), "{ordinal} of {}: {bracket:?}", sorted.len());
            let inside = sorted.iter().filter(|mark| bracket.contains(**mark)).count() as u64;
            assert!(inside <= bracket.rows, "{inside} rows in {bracket:?}");
            widest = widest.max(bracket.rows);
        }
        widest
    }

    /// A fixed sequence of numbers that look drawn.
    fn mixed(row: u64) -> u64 {
        let mixed = (row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    #[test]
    fn a_bracket_holds_its_place_and_few_rows_whatever_the_order_of_the_rows() {
        let rows = 400_000_u64;
        let falling: Vec<Mark> = (0..rows).map(|row| Mark(rows - row, 0)).collect();
        let rising: Vec<Mark> = (0..rows).map(|row| Mark(row, 0)).collect();
        let drawn: Vec<Mark> = (0..rows).map(|row| Mark(mixed(row), 0)).collect();
        let one_rank: Vec<Mark> = (0..rows).map(|row| Mark(7, mixed(row))).collect();
        let few_ranks: Vec<Mark> = (0..rows).map(|row| Mark(mixed(row) % 5, mixed(row))).collect();
        for marks in [falling, rising, drawn, one_rank, few_ranks] {
            for shards in [1, 7] {
                let widest = check(&marks, shards);
                assert!(widest * 100 <= rows * 3, "{widest} of {rows} in {shards} shards");
            }
        }
    }

    proptest! {
        #[test]
        fn bounds_hold_for_any_rows(marks in prop::collection::vec((0_u64..9, 0_u64..5), 1..300), shards in 1_usize..20) {
            let marks: Vec<Mark> = marks.into_iter().map(|(rank, key)| Mark(rank, key)).collect();
            check(&marks, shards);
        }
    }

    #[test]
    fn a_summary_is_small_and_travels() {
        let told = summary(&(0..300_000).map(|row| Mark(mixed(row), 0)).collect::<Vec<_>>());
        assert!(told.marks.len() as u64 <= MARKS);
        assert!((told.over + told.under) * 100 < told.rows, "{told:?}");
        let json = serde_json::to_string(&told).unwrap();
        assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), told);
    }
}
