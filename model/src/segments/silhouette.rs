//! How well people fit their segments: the silhouette (Rousseeuw 1987).

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::Points;
use super::assign::{Centres, for_each_nearest, square_distance};
use crate::kernel::random::Stream;

/// People that are compared with one another.
const JUDGED: usize = 2000;

/// Some people of a sample and how far they are from one another.
pub(super) struct Silhouette {
    rows: Vec<usize>,
    /// `[rows, rows]`
    distances: Vec<f32>,
}

impl Silhouette {
    /// Draws them, all where they are few.
    pub(super) fn of(points: Points<'_>, stream: &mut Stream) -> Self {
        let mut rows: Vec<usize> = (0..points.count()).collect();
        if rows.len() > JUDGED {
            for place in 0..JUDGED {
                let other = place + stream.below(rows.len() - place);
                rows.swap(place, other);
            }
            rows.truncate(JUDGED);
            rows.sort_unstable();
        }
        let from = |row: &usize| {
            let x = points.row(*row);
            rows.iter().map(|other| square_distance(x, points.row(*other)).sqrt() as f32).collect::<Vec<f32>>()
        };
        let distances: Vec<Vec<f32>> = (0..rows.len()).into_par_iter().map(|place| from(&rows[place])).collect();
        Self { distances: distances.concat(), rows }
    }

    /// The mean of `(b - a) / max(a, b)`, `a` being a person's mean distance to the others of its segment and `b` the lowest
    /// mean distance to the people of another; 0 for who is alone.
    pub(super) fn mean(&self, points: Points<'_>, centres: &Centres) -> f64 {
        let judged: Vec<f32> = self.rows.iter().flat_map(|row| points.row(*row)).copied().collect();
        let mut member_of = Vec::with_capacity(self.rows.len());
        let judged = Points { numbers: &judged, width: points.width };
        for_each_nearest(judged, centres, |_, nearest| member_of.push(nearest.segment as usize));
        let of_person = |person: usize| {
            let distances = &self.distances[person * member_of.len()..][..member_of.len()];
            width_of(person, distances, &member_of, centres.count())
        };
        let widths: Vec<f64> = (0..member_of.len()).into_par_iter().map(of_person).collect();
        widths.iter().sum::<f64>() / widths.len().max(1) as f64
    }
}

/// The silhouette of one person.
fn width_of(person: usize, distances: &[f32], member_of: &[usize], segments: usize) -> f64 {
    let (mut sums, mut sizes) = (vec![0.0; segments], vec![0u32; segments]);
    for (segment, distance) in member_of.iter().zip(distances) {
        sums[*segment] += f64::from(*distance);
        sizes[*segment] += 1;
    }
    let own = member_of[person];
    if sizes[own] < 2 {
        return 0.0;
    }
    let within = sums[own] / f64::from(sizes[own] - 1);
    let others = (0..segments).filter(|segment| *segment != own && sizes[*segment] > 0);
    let beyond = others.map(|segment| sums[segment] / f64::from(sizes[segment])).fold(f64::INFINITY, f64::min);
    match within.max(beyond) {
        greater if beyond.is_finite() && greater > 0.0 => (beyond - within) / greater,
        _ => 0.0,
    }
}
