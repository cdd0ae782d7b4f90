//! Who is nearest to which centre.

use serde::{Deserialize, Serialize};

use super::Points;
use crate::kernel::product::{Matrix, MatrixMut, Write, product_transposed_right};

/// Rows of a block.
const BLOCK: usize = 256;

/// Half the distance from 1 to the next number of 32 bits.
const UNIT_ROUNDOFF: f64 = 1.0 / (1 << 24) as f64;

/// The centres of segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Vec<Vec<f32>>", from = "Vec<Vec<f32>>")]
pub struct Centres {
    /// `[segments, width]`
    numbers: Vec<f32>,
    width: usize,
}

impl Centres {
    /// Centres one behind the other.
    pub(super) fn new(numbers: Vec<f32>, width: usize) -> Self {
        Self { numbers, width }
    }

    /// As points.
    pub fn points(&self) -> Points<'_> {
        Points { numbers: &self.numbers, width: self.width }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.points().count()
    }

    /// Numbers of each.
    pub fn width(&self) -> usize {
        self.width
    }
}

impl From<Vec<Vec<f32>>> for Centres {
    fn from(rows: Vec<Vec<f32>>) -> Self {
        let width = rows.first().map_or(1, Vec::len).max(1);
        Self { numbers: rows.concat(), width }
    }
}

impl From<Centres> for Vec<Vec<f32>> {
    fn from(centres: Centres) -> Self {
        centres.points().rows().map(<[f32]>::to_vec).collect()
    }
}

/// The centre that is nearest to a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Nearest {
    /// Its number.
    pub(super) segment: u32,
    /// `|x - c|²`
    pub(super) square: f64,
}

/// Calls back with every row's nearest centre, the first of equally near ones, in the rows' order.
pub(super) fn for_each_nearest(points: Points<'_>, centres: &Centres, mut each: impl FnMut(usize, Nearest)) {
    let (count, width) = (centres.count(), centres.width);
    let search = Search::of(centres);
    let mut products = vec![0.0; BLOCK * count];
    for (block, numbers) in points.numbers.chunks(BLOCK * width).enumerate() {
        let rows = numbers.len() / width;
        let x = Matrix { numbers, rows, columns: width, stride: width };
        let c = Matrix { numbers: &centres.numbers, rows: count, columns: width, stride: width };
        let to = MatrixMut { numbers: &mut products, rows, columns: count, stride: count };
        product_transposed_right(x, c, to, Write::Over);
        let of_block = numbers.chunks_exact(width).zip(products.chunks_exact(count));
        of_block.enumerate().for_each(|(row, (x, products))| each(block * BLOCK + row, search.nearest(x, products)));
    }
}

/// What comparing distances to centres needs.
struct Search<'a> {
    centres: &'a Centres,
    /// `|c|²` of each.
    squares: Vec<f64>,
    /// The greatest `|c|`.
    longest: f64,
    /// What the rounding of a product is at the most, of `|x|·|c|`: any order of its sum allowed for (Higham 2002, 3.1).
    rounding: f64,
}

impl<'a> Search<'a> {
    fn of(centres: &'a Centres) -> Self {
        let squares: Vec<f64> = centres.points().rows().map(square).collect();
        let longest = squares.iter().copied().fold(0.0, f64::max).sqrt();
        let units = centres.width as f64 * UNIT_ROUNDOFF;
        Self { centres, squares, longest, rounding: units / (1.0 - units) }
    }

    /// The nearest of the centres by their products with `x`: those which rounding leaves in doubt are compared by differences.
    fn nearest(&self, x: &[f32], products: &[f32]) -> Nearest {
        let estimates =
            || self.squares.iter().zip(products).map(|(square, product)| square - 2.0 * f64::from(*product));
        let lowest = estimates().fold(f64::INFINITY, f64::min);
        // Each of two estimates that are compared may be off by twice the rounding.
        let doubt = 4.0 * self.rounding * square(x).sqrt() * self.longest;
        let mut nearest = Nearest { segment: 0, square: f64::INFINITY };
        for (segment, _) in (0u32..).zip(estimates()).filter(|(_, estimate)| *estimate <= lowest + doubt) {
            let square = square_distance(x, self.centres.points().row(segment as usize));
            if square < nearest.square {
                nearest = Nearest { segment, square };
            }
        }
        nearest
    }
}

fn square(x: &[f32]) -> f64 {
    x.iter().map(|number| f64::from(*number) * f64::from(*number)).sum()
}

/// `|x - c|²`, summed in four lanes.
pub(super) fn square_distance(x: &[f32], c: &[f32]) -> f64 {
    let term = |x: f32, c: f32| (f64::from(x) - f64::from(c)).powi(2);
    let mut lanes = [0.0; 4];
    let (mut of_x, mut of_c) = (x.chunks_exact(4), c.chunks_exact(4));
    for (x, c) in (&mut of_x).zip(&mut of_c) {
        for (lane, (x, c)) in lanes.iter_mut().zip(x.iter().zip(c)) {
            *lane += term(*x, *c);
        }
    }
    let rest: f64 = of_x.remainder().iter().zip(of_c.remainder()).map(|(x, c)| term(*x, *c)).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}
