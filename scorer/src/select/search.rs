//! Finds the places at given ordinals among any number of rows, in a few passes and bounded memory.
//!
//! A radix search over the 16-bit digits of a [`Place`]: a pass counts rows by the next digit below each prefix that holds
//! a wanted ordinal; once a prefix holds few enough rows, the next pass collects them and settles it by sorting. Ties of
//! the rank only mean that the search goes on into the digits of the key's hash, however many rows share them. Where it is
//! known between which marks a place lies, the first pass collects what lies there and is the last.

use super::histogram::RankHistogram;
use super::order::{DIGITS, FIRST_KEY_DIGIT, Place};
use super::sketch::{Bracket, Mark};

/// Rows that a search collects at the most, over all its prefixes: 64 MiB.
pub const COLLECTED_ROWS: u64 = 1 << 21;

/// A search under way: alternate [`Search::pass`] over all rows and [`Search::absorb`] until [`Search::is_done`].
#[derive(Debug)]
pub struct Search {
    open: Vec<Node>,
    found: Vec<Option<Place>>,
    collected_rows: u64,
}

/// Rows that share a prefix, among which wanted ordinals lie.
#[derive(Debug, Clone)]
struct Node {
    prefix: Place,
    digits: usize,
    rows: u64,
    /// Which result, and its ordinal among these rows.
    wanted: Vec<(usize, u64)>,
    /// Between which marks each of them lies, where that is known.
    brackets: Vec<Bracket>,
    collects: bool,
}

/// What one pass over the rows looks for; shared by the threads that read.
#[derive(Debug, Clone)]
pub struct Pass {
    nodes: Vec<Node>,
    needs_keys: bool,
}

/// What one thread saw in a pass; merged in any order.
#[derive(Debug, Default)]
pub struct Observed {
    counts: Vec<Vec<u64>>,
    places: Vec<Vec<Place>>,
    /// By node and bracket, the rows of the node that are above it.
    above: Vec<Vec<u64>>,
}

impl Search {
    /// Searches ranks that a histogram has counted. `ordinals` count from 0 at the greatest place and are below its total.
    pub fn in_histogram(histogram: &RankHistogram, ordinals: &[u64], collected_rows: u64) -> Self {
        let mut search = Self { open: Vec::new(), found: vec![None; ordinals.len()], collected_rows };
        let wanted = ordinals.iter().copied().enumerate().collect();
        let by_cell = histogram.cells().iter().rev().map(|(cell, rows)| (*cell, *rows));
        search.open = descend(Place::new(0, 0, u64::MAX), 0, wanted, by_cell);
        search.decide_what_to_collect();
        search
    }

    /// Searches rows of one rank, told apart by their keys: `rows` of them, `ordinals` below that.
    pub fn in_one_rank(rank: u64, rows: u64, ordinals: &[u64], collected_rows: u64) -> Self {
        let wanted: Vec<_> = ordinals.iter().copied().enumerate().collect();
        let prefix = Place::last_of_rank(rank);
        let open = match wanted.is_empty() {
            true => Vec::new(),
            false => {
                vec![Node { prefix, digits: FIRST_KEY_DIGIT, rows, wanted, brackets: Vec::new(), collects: false }]
            }
        };
        let mut search = Self { open, found: vec![None; ordinals.len()], collected_rows };
        search.decide_what_to_collect();
        search
    }

    /// Looks between brackets first, one for each ordinal; where one does not hold, the search goes on without it.
    #[must_use]
    pub fn narrowed(mut self, brackets: &[Bracket]) -> Self {
        for node in &mut self.open {
            node.brackets = node.wanted.iter().filter_map(|(result, _)| brackets.get(*result).copied()).collect();
            let is_narrower = node.brackets.iter().map(|bracket| bracket.rows).sum::<u64>() < node.rows;
            if !is_narrower || node.brackets.len() < node.wanted.len() {
                node.brackets.clear();
            }
        }
        self.decide_what_to_collect();
        self
    }

    /// Whether every ordinal has its place.
    pub fn is_done(&self) -> bool {
        self.open.is_empty()
    }

    /// What the next pass looks for.
    pub fn pass(&self) -> Pass {
        let needs_keys = self.open.iter().any(|node| node.collects || node.digits >= FIRST_KEY_DIGIT);
        Pass { nodes: self.open.clone(), needs_keys }
    }

    /// Takes in what a pass over all rows saw.
    pub fn absorb(&mut self, observed: Observed) {
        let nodes = std::mem::take(&mut self.open);
        let seen = observed.counts.into_iter().zip(observed.places).zip(observed.above);
        for (node, ((counts, mut places), above)) in nodes.into_iter().zip(seen) {
            if node.collects {
                places.sort_unstable_by(|a, b| b.cmp(a));
                self.open.extend(node.settled(&places, &above, &mut self.found));
                continue;
            }
            let by_digit = (0..=u16::MAX).rev().map(|digit| (digit, counts[usize::from(digit)]));
            self.open.extend(descend(node.prefix, node.digits, node.wanted, by_digit));
        }
        self.decide_what_to_collect();
    }

    /// The places found, in the order of the ordinals; `None` for one that the rows passed over did not have.
    pub fn into_places(self) -> Vec<Option<Place>> {
        self.found
    }

    fn decide_what_to_collect(&mut self) {
        let mut left = self.collected_rows;
        let mut by_rows: Vec<usize> = (0..self.open.len()).collect();
        by_rows.sort_by_key(|index| self.open[*index].collected());
        for index in by_rows {
            let node = &mut self.open[index];
            node.collects = node.collected() <= left || node.digits == DIGITS;
            left = left.saturating_sub(node.collected());
        }
    }
}

impl Node {
    /// Rows that it collects at the most.
    fn collected(&self) -> u64 {
        if self.brackets.is_empty() { self.rows } else { self.brackets.iter().map(|bracket| bracket.rows).sum() }
    }

    /// Finds the places at its ordinals among those collected, greatest first. What is not among them stays to be looked for.
    fn settled(mut self, places: &[Place], above: &[u64], found: &mut [Option<Place>]) -> Option<Self> {
        if self.brackets.is_empty() {
            for (result, ordinal) in self.wanted {
                found[result] = places.get(ordinal as usize).copied();
            }
            return None;
        }
        for (((result, ordinal), bracket), above) in self.wanted.iter().zip(&self.brackets).zip(above) {
            let mut inside = places.iter().filter(|place| bracket.contains(Mark::of(place)));
            found[*result] = ordinal.checked_sub(*above).and_then(|index| inside.nth(index as usize)).copied();
        }
        self.wanted.retain(|(result, _)| found[*result].is_none());
        self.brackets.clear();
        (!self.wanted.is_empty()).then_some(self)
    }

    fn collect(&self, place: Place, places: &mut Vec<Place>, above: &mut [u64]) {
        let mark = Mark::of(&place);
        above.iter_mut().zip(&self.brackets).for_each(|(above, bracket)| *above += u64::from(mark > bracket.high));
        if self.brackets.is_empty() || self.brackets.iter().any(|bracket| bracket.contains(mark)) {
            places.push(place);
        }
    }
}

/// The children of a prefix that hold wanted ordinals; `by_digit` counts rows, greatest digit first.
fn descend(
    prefix: Place,
    digits: usize,
    mut wanted: Vec<(usize, u64)>,
    by_digit: impl Iterator<Item = (u16, u64)>,
) -> Vec<Node> {
    wanted.sort_by_key(|(_, ordinal)| *ordinal);
    let mut wanted = wanted.into_iter().peekable();
    let mut children = Vec::new();
    let mut before = 0;
    for (digit, rows) in by_digit {
        let mut inside = Vec::new();
        while let Some((result, ordinal)) = wanted.next_if(|(_, ordinal)| *ordinal < before + rows) {
            inside.push((result, ordinal - before));
        }
        before += rows;
        if !inside.is_empty() {
            let prefix = prefix.with_digit(digits, digit);
            let (wanted, brackets) = (inside, Vec::new());
            children.push(Node { prefix, digits: digits + 1, rows, wanted, brackets, collects: false });
        }
    }
    children
}

impl Pass {
    /// Whether it looks for nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Whether rows are told apart by the hash of their key; if not, any hash will do.
    pub fn needs_keys(&self) -> bool {
        self.needs_keys
    }

    /// Whether a row of this rank can matter.
    pub fn wants_rank(&self, rank: u64) -> bool {
        let rank = Place::last_of_rank(rank);
        self.nodes.iter().any(|node| node.prefix.shares_prefix(&rank, node.digits.min(FIRST_KEY_DIGIT)))
    }

    /// Nothing seen yet.
    pub fn observed(&self) -> Observed {
        let counts = self.nodes.iter().map(|node| if node.collects { Vec::new() } else { vec![0; 1 << 16] });
        let above = self.nodes.iter().map(|node| vec![0; node.brackets.len()]);
        Observed { counts: counts.collect(), places: vec![Vec::new(); self.nodes.len()], above: above.collect() }
    }

    /// Counts or keeps a row.
    pub fn observe(&self, place: Place, observed: &mut Observed) {
        for (index, node) in self.nodes.iter().enumerate() {
            if !node.prefix.shares_prefix(&place, node.digits) {
                continue;
            }
            if node.collects {
                node.collect(place, &mut observed.places[index], &mut observed.above[index]);
            } else {
                observed.counts[index][usize::from(place.digit(node.digits))] += 1;
            }
            return;
        }
    }
}

impl Observed {
    /// What both saw.
    pub fn merge(&mut self, other: Self) {
        for (counts, more) in self.counts.iter_mut().zip(other.counts) {
            counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        for (places, more) in self.places.iter_mut().zip(other.places) {
            places.extend(more);
        }
        for (above, more) in self.above.iter_mut().zip(other.above) {
            above.iter_mut().zip(more).for_each(|(above, more)| *above += more);
        }
    }
}
