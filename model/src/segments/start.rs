//! First centres: k-means++ (Arthur and Vassilvitskii 2007), the best of several draws for each centre.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSlice;

use super::Points;
use super::assign::{Centres, square_distance};
use super::fit::SLICE;
use crate::kernel::random::Stream;

/// `count` people far from one another: each is drawn with a chance in proportion to the squared distance from those before
/// it, out of `2 + ln count` draws the one that leaves the least. Fewer different people are repeated.
pub(super) fn starts(points: Points<'_>, count: usize, stream: &mut Stream) -> Centres {
    let draws = 2 + (count as f64).ln() as usize;
    let mut last = stream.below(points.count());
    let mut numbers = points.row(last).to_vec();
    let mut left = nearer(points, last, None);
    while numbers.len() < count * points.width {
        let drawn = (0..draws).map(|_| draw(&left, last, stream)).collect::<Vec<_>>();
        let mut best: Option<Left> = None;
        for row in drawn {
            let after = nearer(points, row, Some(&left));
            if best.as_ref().is_none_or(|best| after.total < best.total) {
                (best, last) = (Some(after), row);
            }
        }
        left = best.unwrap_or(left);
        numbers.extend(points.row(last));
    }
    Centres::new(numbers, points.width)
}

/// The squared distances to the nearest of the centres so far.
struct Left {
    squares: Vec<f64>,
    total: f64,
}

/// What is left with one row more as a centre.
fn nearer(points: Points<'_>, row: usize, before: Option<&Left>) -> Left {
    let centre = points.row(row);
    let slices = points.numbers.par_chunks(SLICE * points.width).enumerate();
    let of_slice = |(slice, numbers): (usize, &[f32])| {
        let before = before.map(|left| &left.squares[slice * SLICE..]);
        let square = |(row, x): (usize, &[f32])| {
            let square = square_distance(x, centre);
            before.map_or(square, |before| before[row].min(square))
        };
        let squares: Vec<f64> = numbers.chunks_exact(points.width).enumerate().map(square).collect();
        let total = squares.iter().sum::<f64>();
        (squares, total)
    };
    let slices: Vec<(Vec<f64>, f64)> = slices.map(of_slice).collect();
    let total = slices.iter().map(|(_, total)| total).sum();
    Left { squares: slices.into_iter().flat_map(|(squares, _)| squares).collect(), total }
}

/// A row, by its share of what is left; `otherwise` where nothing is.
fn draw(left: &Left, otherwise: usize, stream: &mut Stream) -> usize {
    let mut rest = stream.uniform() * left.total;
    let drawn = left.squares.iter().position(|square| {
        rest -= square;
        rest < 0.0
    });
    // Rounding may leave a little behind the last row.
    let last = || left.squares.iter().rposition(|square| *square > 0.0);
    drawn.or_else(last).unwrap_or(otherwise)
}
