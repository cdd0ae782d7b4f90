//! Clusters of directions: spherical k-means (Dhillon and Modha 2001) from k-means++ starts (Arthur and Vassilvitskii 2007). The
//! starts come from a fixed stream of numbers, so the same directions give the same centres.

use crate::kernel::random::Stream;

/// Rounds at the most.
const ROUNDS: usize = 25;

/// Directions a cluster should have at least.
const LEAST: usize = 5;

/// The cosine of two vectors of length 1.
pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A vector at length 1; zeros stay zeros.
pub(super) fn unit(x: &[f64]) -> Vec<f64> {
    let length = cosine(x, x).sqrt();
    if length > 0.0 { x.iter().map(|number| number / length).collect() } else { x.to_vec() }
}

/// At most `most` centres of directions, fewer where there are few directions.
pub(super) fn centres(directions: &[Vec<f64>], most: usize) -> Vec<Vec<f64>> {
    let count = most.min(directions.len() / LEAST).max(1).min(directions.len());
    let mut centres = starts(directions, count);
    let mut member_of = Vec::new();
    for _ in 0..ROUNDS {
        let nearest: Vec<usize> = directions.iter().map(|direction| nearest(&centres, direction)).collect();
        if nearest == member_of {
            break;
        }
        member_of = nearest;
        for (index, centre) in centres.iter_mut().enumerate() {
            let members = directions.iter().zip(&member_of).filter(|(_, of)| **of == index);
            let sum = members.fold(vec![0.0; centre.len()], |mut sum: Vec<f64>, (direction, _)| {
                sum.iter_mut().zip(direction).for_each(|(sum, number)| *sum += number);
                sum
            });
            if sum.iter().any(|number| *number != 0.0) {
                *centre = unit(&sum);
            }
        }
    }
    centres
}

/// The first of the centres that are nearest.
fn nearest(centres: &[Vec<f64>], direction: &[f64]) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for (index, centre) in centres.iter().enumerate() {
        let cosine = cosine(centre, direction);
        if cosine > best.1 {
            best = (index, cosine);
        }
    }
    best.0
}

/// Directions far from one another: each is drawn with a chance that grows with its distance from those before it.
fn starts(directions: &[Vec<f64>], count: usize) -> Vec<Vec<f64>> {
    let mut stream = Stream::new(0x5eed);
    let mut starts: Vec<Vec<f64>> = directions.first().cloned().into_iter().collect();
    let mut far: Vec<f64> = vec![f64::INFINITY; directions.len()];
    while starts.len() < count {
        let last = &starts[starts.len() - 1];
        for (far, direction) in far.iter_mut().zip(directions) {
            *far = far.min((1.0 - cosine(direction, last)).max(0.0));
        }
        let total: f64 = far.iter().sum();
        if total <= 0.0 {
            break;
        }
        let mut left = stream.uniform() * total;
        let drawn = far.iter().position(|far| {
            left -= far;
            left < 0.0
        });
        starts.push(directions[drawn.unwrap_or(directions.len() - 1)].clone());
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_separated_groups_get_a_centre_each() {
        let around = |angle: f64| {
            (0..20).map(move |step| {
                let angle = angle + 0.01 * (f64::from(step) - 9.5);
                vec![angle.cos(), angle.sin()]
            })
        };
        let directions: Vec<Vec<f64>> = [0.3, 1.9, 4.0].into_iter().flat_map(around).collect();
        let mut found: Vec<f64> = centres(&directions, 3).iter().map(|centre| centre[1].atan2(centre[0])).collect();
        found.sort_by(f64::total_cmp);
        let expected = [4.0 - std::f64::consts::TAU, 0.3, 1.9];
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
    }

    #[test]
    fn few_or_equal_directions_have_few_centres() {
        assert_eq!(centres(&vec![vec![1.0, 0.0]; 40], 8).len(), 1);
        assert_eq!(centres(&[vec![1.0, 0.0], vec![0.0, 1.0]], 8).len(), 1);
        assert!(centres(&[], 8).is_empty());
    }
}
