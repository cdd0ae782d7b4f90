//! Centres of a sample: rounds over all of it (Lloyd 1982), or batches (Sculley 2010).

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use super::assign::{Centres, for_each_nearest, square_distance};
use super::start::starts;
use super::{Points, SegmentOptions};
use crate::kernel::random::Stream;

/// Rows that one thread goes through; sums are put together in the order of these.
pub(super) const SLICE: usize = 4096;

/// Centres that move by less than this, squared, of the mean variance of a number, have settled.
const TOLERANCE: f64 = 1e-4;

/// Rounds in which a segment without people may get some, beyond those asked for.
const EXTRA_ROUNDS: u32 = 10;

/// What a fit came to.
#[derive(Debug, Clone)]
pub(super) struct Fitted {
    pub(super) centres: Centres,
    pub(super) sizes: Vec<u64>,
    pub(super) inertia: f64,
}

impl Fitted {
    /// The largest segment first; of equally large ones the one whose centre's numbers are lower.
    pub(super) fn by_size(self) -> Self {
        let points = self.centres.points();
        let numbers = |segment: usize| points.row(segment);
        let of_equal = |a: usize, b: usize| {
            let pairs = numbers(a).iter().zip(numbers(b)).map(|(a, b)| a.total_cmp(b));
            pairs.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        };
        let mut order: Vec<usize> = (0..self.sizes.len()).collect();
        order.sort_by(|a, b| self.sizes[*b].cmp(&self.sizes[*a]).then_with(|| of_equal(*a, *b)));
        let sizes = order.iter().map(|segment| self.sizes[*segment]).collect();
        let sorted: Vec<f32> = order.iter().flat_map(|segment| numbers(*segment)).copied().collect();
        Self { centres: Centres::new(sorted, points.width), sizes, inertia: self.inertia }
    }
}

/// One fit from one draw of first centres.
pub(super) fn fit_once(points: Points<'_>, count: usize, options: &SegmentOptions, stream: &mut Stream) -> Fitted {
    let first = starts(points, count, stream);
    match options.batch_size {
        None => rounds(points, first, options.iterations),
        Some(batch_size) => {
            let centres = batches(points, first, (options.iterations, batch_size as usize), stream);
            rounds(points, centres, 0)
        }
    }
}

/// Moves centres to the means of their people until they settle, for so many rounds at the most.
pub(super) fn rounds(points: Points<'_>, mut centres: Centres, most: u32) -> Fitted {
    let settled = TOLERANCE * spread(points) / points.numbers.len().max(1) as f64;
    let mut pass = Pass::over(points, &centres);
    for round in 0..most.saturating_add(EXTRA_ROUNDS) {
        let is_whole = !pass.sizes.contains(&0) || pass.inertia <= 0.0;
        if is_whole && round >= most {
            break;
        }
        let moved = pass.means(points, &centres);
        let shift: f64 = moved.points().rows().zip(centres.points().rows()).map(|(a, b)| square_distance(a, b)).sum();
        centres = moved;
        let next = Pass::over(points, &centres);
        let is_still = shift <= settled || next.member_of == pass.member_of;
        pass = next;
        if is_still && is_whole {
            break;
        }
    }
    Fitted { centres, sizes: pass.sizes, inertia: pass.inertia }
}

/// Moves centres towards the people of so many batches, each by one over the people that it has met.
fn batches(points: Points<'_>, mut centres: Centres, (count, size): (u32, usize), stream: &mut Stream) -> Centres {
    let width = points.width;
    let mut met = vec![0u64; centres.count()];
    let mut exact: Vec<f64> = centres.points().numbers.iter().map(|number| f64::from(*number)).collect();
    let mut batch = Vec::with_capacity(size * width);
    for _ in 0..count {
        batch.clear();
        (0..size).for_each(|_| batch.extend(points.row(stream.below(points.count()))));
        let batch = Points { numbers: &batch, width };
        for_each_nearest(batch, &centres, |row, nearest| {
            let segment = nearest.segment as usize;
            met[segment] += 1;
            let rate = 1.0 / met[segment] as f64;
            let centre = exact[segment * width..][..width].iter_mut();
            centre.zip(batch.row(row)).for_each(|(centre, x)| *centre += rate * (f64::from(*x) - *centre));
        });
        centres = Centres::new(exact.iter().map(|number| *number as f32).collect(), width);
    }
    centres
}

/// One look at which centre is nearest to whom.
struct Pass {
    member_of: Vec<u32>,
    /// `|x - c|²` of each.
    squares: Vec<f64>,
    sums: Vec<f64>,
    sizes: Vec<u64>,
    inertia: f64,
}

impl Pass {
    fn over(points: Points<'_>, centres: &Centres) -> Self {
        let of_slice = |numbers: &[f32]| Self::over_slice(Points { numbers, width: points.width }, centres);
        let slices: Vec<Self> = points.numbers.par_chunks(SLICE * points.width).map(of_slice).collect();
        slices.into_iter().fold(Self::empty(centres), Self::and)
    }

    fn empty(centres: &Centres) -> Self {
        let (sums, sizes) = (vec![0.0; centres.points().numbers.len()], vec![0; centres.count()]);
        Self { member_of: Vec::new(), squares: Vec::new(), sums, sizes, inertia: 0.0 }
    }

    fn over_slice(points: Points<'_>, centres: &Centres) -> Self {
        let mut pass = Self::empty(centres);
        for_each_nearest(points, centres, |row, nearest| {
            let segment = nearest.segment as usize;
            pass.member_of.push(nearest.segment);
            pass.squares.push(nearest.square);
            pass.inertia += nearest.square;
            pass.sizes[segment] += 1;
            let sum = pass.sums[segment * points.width..][..points.width].iter_mut();
            sum.zip(points.row(row)).for_each(|(sum, x)| *sum += f64::from(*x));
        });
        pass
    }

    fn and(mut self, next: Self) -> Self {
        self.member_of.extend(next.member_of);
        self.squares.extend(next.squares);
        self.inertia += next.inertia;
        self.sums.iter_mut().zip(next.sums).for_each(|(sum, more)| *sum += more);
        self.sizes.iter_mut().zip(next.sizes).for_each(|(size, more)| *size += more);
        self
    }

    /// The means of the segments' people. One without any moves to whoever is farthest from a centre; the next one to the next.
    fn means(&self, points: Points<'_>, centres: &Centres) -> Centres {
        let width = points.width;
        let empty = self.sizes.iter().filter(|size| **size == 0).count();
        let mut farthest = self.farthest(empty).into_iter();
        let mut numbers = Vec::with_capacity(centres.points().numbers.len());
        for (segment, size) in self.sizes.iter().enumerate() {
            match (*size, centres.points().row(segment)) {
                (0, old) => numbers.extend(farthest.next().map_or(old, |row| points.row(row))),
                (size, _) => {
                    let sum = &self.sums[segment * width..][..width];
                    numbers.extend(sum.iter().map(|sum| (sum / size as f64) as f32));
                }
            }
        }
        Centres::new(numbers, width)
    }

    /// So many of the rows that are farthest from their centres and not on them, the first of equally far ones first.
    fn farthest(&self, count: usize) -> Vec<usize> {
        if count == 0 {
            return Vec::new();
        }
        let mut rows: Vec<usize> = (0..self.squares.len()).filter(|row| self.squares[*row] > 0.0).collect();
        rows.sort_by(|a, b| self.squares[*b].total_cmp(&self.squares[*a]).then(a.cmp(b)));
        rows.truncate(count);
        rows
    }
}

/// The sum of the squared distances from the mean of all.
pub(super) fn spread(points: Points<'_>) -> f64 {
    let count = points.count().max(1) as f64;
    let mut mean = vec![0.0; points.width];
    for row in points.rows() {
        mean.iter_mut().zip(row).for_each(|(mean, x)| *mean += f64::from(*x) / count);
    }
    let square = |row: &[f32]| row.iter().zip(&mean).map(|(x, mean)| (f64::from(*x) - mean).powi(2)).sum::<f64>();
    points.rows().map(square).sum()
}

/// How many different rows there are, counted up to `most`.
pub(super) fn distinct(points: Points<'_>, most: usize) -> usize {
    let mut found: Vec<&[f32]> = Vec::new();
    for row in points.rows() {
        if found.len() == most {
            break;
        }
        if !found.contains(&row) {
            found.push(row);
        }
    }
    found.len()
}
