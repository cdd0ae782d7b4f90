//! The nearest people of a population to given ones, by their embeddings: exact, in one pass.
//!
//! ```text
//! dot: s = q·x        cosine: s = q·x / (|q|·|x|), 0 where either has no length
//! ```
//!
//! Products of 32 bits of a block of queries with a block of people find who may be among the nearest; whoever may be, rounding
//! allowed for, is compared by the similarity in 64 bits, of equally similar people the one of the lower tie (a hash of the key)
//! first. So the result does not depend on how people are cut into blocks, batches and shards, or on threads.

use std::cmp::Ordering;
use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

use crate::kernel::product::{Matrix, MatrixMut, Write, product_transposed_right};
use crate::segments::Points;

/// People of a block.
const PEOPLE: usize = 256;

/// Queries of a block, which is one thread's.
const QUERIES: usize = 256;

/// How like two embeddings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Similarity {
    /// The cosine of the angle between them, -1..1.
    Cosine,
    /// Their product.
    Dot,
}

/// Somebody near a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// The similarity, computed in 64 bits.
    pub similarity: f64,
    /// Orders equally similar people.
    pub tie: u128,
    /// The person's row in the population.
    pub row: u64,
}

impl Neighbour {
    /// Which of two is nearer: the first.
    pub fn order(&self, other: &Self) -> Ordering {
        other.similarity.total_cmp(&self.similarity).then(self.tie.cmp(&other.tie)).then(self.row.cmp(&other.row))
    }
}

/// Embeddings whose nearest are looked for.
#[derive(Debug, Clone)]
pub struct Queries {
    similarity: Similarity,
    width: usize,
    /// `[queries, width]`, as they are.
    exact: Vec<f32>,
    lengths: Vec<f64>,
    /// What products are taken with: of length 1 for the cosine.
    screened: Vec<f32>,
    /// Who they are: nobody is near to oneself.
    ties: Vec<u128>,
}

impl Queries {
    /// Embeddings one behind the other, each of `width` numbers, and the ties of the people whose they are.
    pub fn new(embeddings: Vec<f32>, width: usize, ties: Vec<u128>, similarity: Similarity) -> Self {
        let points = Points { numbers: &embeddings, width };
        let lengths: Vec<f64> = points.rows().map(length).collect();
        let screened = screened(points, &lengths, similarity);
        Self { similarity, width, lengths, screened, ties, exact: embeddings }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.ties.len()
    }

    fn similarity_of(&self, query: usize, x: &[f32], length: f64) -> f64 {
        let of_query = &self.exact[query * self.width..][..self.width];
        let dot = of_query.iter().zip(x).map(|(q, x)| f64::from(*q) * f64::from(*x)).sum::<f64>();
        // Adding zero makes a negative zero positive, so that both are one similarity.
        match self.similarity {
            Similarity::Dot => dot + 0.0,
            Similarity::Cosine if length > 0.0 && self.lengths[query] > 0.0 => {
                dot / (length * self.lengths[query]) + 0.0
            }
            Similarity::Cosine => 0.0,
        }
    }

    /// What a product of 32 bits may be off at the most: the rounding of its terms and sum (Higham 2002, 3.1), and that of numbers
    /// brought to length 1 before.
    fn doubt(&self, query: usize, longest: f64) -> f64 {
        let units = (self.width + 8) as f64 / (1 << 24) as f64;
        let product_of_lengths = match self.similarity {
            Similarity::Cosine => 1.0,
            Similarity::Dot => self.lengths[query] * longest,
        };
        1.01 * units / (1.0 - units) * product_of_lengths
    }
}

/// Some people of the population, in its order.
struct People<'a> {
    exact: Points<'a>,
    screened: Vec<f32>,
    lengths: Vec<f64>,
    ties: &'a [Option<u128>],
    first_row: u64,
}

/// The nearest so far.
#[derive(Debug, Clone)]
pub struct Search {
    queries: Arc<Queries>,
    most: usize,
    /// By query, the nearest first.
    nearest: Vec<Vec<Neighbour>>,
}

impl Search {
    /// Nobody looked at yet; `most` neighbours of each query are wanted.
    pub fn new(queries: Arc<Queries>, most: usize) -> Self {
        Self { nearest: vec![Vec::new(); queries.count()], queries, most }
    }

    /// Looks at people, whose first is row `first_row` of the population; those without a tie are nobody's neighbours. Runs on the
    /// rayon pool that it is called in.
    pub fn look(&mut self, embeddings: &[f32], ties: &[Option<u128>], first_row: u64) {
        let queries = &*self.queries;
        let exact = Points { numbers: embeddings, width: queries.width };
        let lengths: Vec<f64> = exact.rows().map(length).collect();
        let screened = screened(exact, &lengths, queries.similarity);
        let people = People { exact, screened, lengths, ties, first_row };
        let blocks = self.nearest.par_chunks_mut(QUERIES).zip(queries.screened.par_chunks(QUERIES * queries.width));
        let most = self.most;
        blocks.enumerate().for_each(|(block, (nearest, screened))| {
            let of_block = Block { queries, first: block * QUERIES, screened, most };
            of_block.look(&people, nearest);
        });
    }

    /// Adds somebody found elsewhere.
    pub fn offer(&mut self, query: usize, neighbour: Neighbour) {
        insert(&mut self.nearest[query], neighbour, self.most);
    }

    /// The nearest of each query, the nearest first.
    pub fn finish(self) -> Vec<Vec<Neighbour>> {
        self.nearest
    }
}

/// The queries of one thread.
struct Block<'a> {
    queries: &'a Queries,
    first: usize,
    screened: &'a [f32],
    most: usize,
}

impl Block<'_> {
    fn look(&self, people: &People<'_>, nearest: &mut [Vec<Neighbour>]) {
        let width = self.queries.width;
        let mut products = vec![0.0; QUERIES * PEOPLE];
        for (place, rows) in people.screened.chunks(PEOPLE * width).enumerate() {
            let (queries, count, first) = (nearest.len(), rows.len() / width, place * PEOPLE);
            let q = Matrix { numbers: self.screened, rows: queries, columns: width, stride: width };
            let x = Matrix { numbers: rows, rows: count, columns: width, stride: width };
            let to = MatrixMut { numbers: &mut products, rows: queries, columns: count, stride: count };
            product_transposed_right(q, x, to, Write::Over);
            let longest = people.lengths[first..first + count].iter().copied().fold(0.0, f64::max);
            for ((query, nearest), products) in (self.first..).zip(&mut *nearest).zip(products.chunks_exact(count)) {
                self.offer_all(query, nearest, (products, first), people, longest);
            }
        }
    }

    /// Offers a query those of a block's people whose products say that they may be near enough.
    fn offer_all(
        &self,
        query: usize,
        nearest: &mut Vec<Neighbour>,
        (products, first): (&[f32], usize),
        people: &People<'_>,
        longest: f64,
    ) {
        let doubt = self.queries.doubt(query, longest);
        let mut floor = self.floor(nearest, doubt);
        for (row, product) in (first..).zip(products) {
            if *product < floor {
                continue;
            }
            let Some(tie) = people.ties[row].filter(|tie| *tie != self.queries.ties[query]) else { continue };
            let similarity = self.queries.similarity_of(query, people.exact.row(row), people.lengths[row]);
            let row = people.first_row + row as u64;
            if insert(nearest, Neighbour { similarity, tie, row }, self.most) {
                floor = self.floor(nearest, doubt);
            }
        }
    }

    /// Products below this are of people who are not near enough for certain.
    fn floor(&self, nearest: &[Neighbour], doubt: f64) -> f32 {
        match nearest.last() {
            Some(last) if nearest.len() == self.most => ((last.similarity - doubt) as f32).next_down(),
            Some(_) | None => f32::NEG_INFINITY,
        }
    }
}

/// Puts somebody in the place that is theirs, if they are near enough; says whether they were.
fn insert(nearest: &mut Vec<Neighbour>, neighbour: Neighbour, most: usize) -> bool {
    let place = nearest.partition_point(|other| other.order(&neighbour) == Ordering::Less);
    if place == most || neighbour.similarity.is_nan() {
        return false;
    }
    nearest.truncate(most - 1);
    nearest.insert(place, neighbour);
    true
}

fn screened(points: Points<'_>, lengths: &[f64], similarity: Similarity) -> Vec<f32> {
    if similarity == Similarity::Dot {
        return points.numbers.to_vec();
    }
    let mut units = Vec::with_capacity(points.numbers.len());
    for (row, length) in points.rows().zip(lengths) {
        let scale = if *length > 0.0 { length.recip() } else { 0.0 };
        units.extend(row.iter().map(|number| (f64::from(*number) * scale) as f32));
    }
    units
}

fn length(x: &[f32]) -> f64 {
    x.iter().map(|number| f64::from(*number) * f64::from(*number)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(similarity: Similarity, most: usize) -> Vec<Vec<(u64, f64)>> {
        let people = [3.0, 4.0, 0.0, 0.0, 8.0, 6.0, 30.0, 40.0];
        let queries = Queries::new(vec![1.0, 0.0, 3.0, 4.0], 2, vec![99, 10], similarity);
        let mut search = Search::new(Arc::new(queries), most);
        search.look(&people, &[Some(10), Some(11), Some(12), Some(9)], 100);
        let told = |nearest: Vec<Neighbour>| nearest.iter().map(|found| (found.row, found.similarity)).collect();
        search.finish().into_iter().map(told).collect()
    }

    #[test]
    fn the_nearest_by_hand() {
        // Equal cosines stand in the order of their ties; nobody is near to oneself.
        let [of_first, of_second] = &found(Similarity::Cosine, 3)[..] else { panic!("two queries") };
        assert_eq!(*of_first, [(102, 0.8), (103, 0.6), (100, 0.6)]);
        assert_eq!((of_second[0].0, of_second[1].0, of_second[2].0), (103, 102, 101));
        assert_eq!(found(Similarity::Dot, 2), [vec![(103, 30.0), (102, 8.0)], vec![(103, 250.0), (102, 48.0)]]);
    }

    #[test]
    fn people_without_a_key_are_nobodys_neighbours() {
        let queries = Queries::new(vec![1.0], 1, vec![1], Similarity::Dot);
        let mut search = Search::new(Arc::new(queries), 5);
        search.look(&[9.0, 8.0, f32::NAN], &[None, Some(2), Some(3)], 0);
        assert_eq!(search.finish(), [vec![Neighbour { similarity: 8.0, tie: 2, row: 1 }]]);
    }

    proptest! {
        /// Against sorting every similarity in 64 bits, with many that are equal; in one batch, in several, and merged.
        #[test]
        fn the_nearest_are_those_of_brute_force(
            width in 1usize..9,
            grid in prop::collection::vec(-3i8..4, 40..900),
            scale in prop::sample::select(vec![1.0f32, 0.001, 1e4]),
            is_cosine: bool,
            most in 1usize..12,
            cut in 1usize..50,
        ) {
            let similarity = if is_cosine { Similarity::Cosine } else { Similarity::Dot };
            let numbers: Vec<f32> = grid.iter().map(|place| f32::from(*place) / 7.0 * scale).collect();
            let rows = numbers.len() / width;
            let people = Points { numbers: &numbers[..rows * width], width };
            let ties: Vec<Option<u128>> = (0..rows as u128).map(|row| (row % 13 != 5).then_some(row * 7919 % 101)).collect();
            let asked = rows.min(5);
            let own: Vec<u128> = (0..asked as u128).map(|row| row * 7919 % 101).collect();
            let queries = Arc::new(Queries::new(numbers[..asked * width].to_vec(), width, own.clone(), similarity));
            let mut expected = Vec::new();
            for (query, own) in own.iter().enumerate() {
                let neighbour = |(row, tie): (usize, &Option<u128>)| {
                    let similarity = queries.similarity_of(query, people.row(row), length(people.row(row)));
                    tie.filter(|tie| tie != own).map(|tie| Neighbour { similarity, tie, row: row as u64 })
                };
                let mut all: Vec<Neighbour> = ties.iter().enumerate().filter_map(neighbour).collect();
                all.sort_by(Neighbour::order);
                all.truncate(most);
                expected.push(all);
            }
            let mut at_once = Search::new(Arc::clone(&queries), most);
            at_once.look(people.numbers, &ties, 0);
            prop_assert_eq!(&at_once.finish(), &expected);

            let (mut merged, mut first) = (Search::new(Arc::clone(&queries), most), 0);
            for (numbers, ties) in people.numbers.chunks(cut * width).zip(ties.chunks(cut)) {
                let mut part = Search::new(Arc::clone(&queries), most);
                part.look(numbers, ties, first);
                for (query, nearest) in part.finish().into_iter().enumerate() {
                    nearest.into_iter().for_each(|neighbour| merged.offer(query, neighbour));
                }
                first += ties.len() as u64;
            }
            prop_assert_eq!(merged.finish(), expected);
        }
    }
}
