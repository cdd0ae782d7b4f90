//! Measures of order for amounts: Spearman's rank correlation and the normalized Gini, with the error that rounding allows.

use super::cells::Cell;
use super::decile::Group;
use super::ranking::Bounded;

/// Below this a variance of ranks, or a Gini, is rounding alone.
const TINY: f64 = 1e-15;

/// Cells in the order of one of their two numbers.
struct Axis {
    /// Indices of the cells, ascending.
    order: Vec<u32>,
    key: fn(&Cell) -> u32,
    span: fn(&Cell) -> (u32, u32),
}

impl Axis {
    fn predictions(cells: &[Cell]) -> Self {
        Self { order: (0..cells.len() as u32).collect(), key: Cell::x_key, span: Cell::x_span }
    }

    fn labels(cells: &[Cell]) -> Self {
        let mut axis = Self { key: Cell::y_key, span: Cell::y_span, ..Self::predictions(cells) };
        axis.order.sort_by_key(|&index| cells[index as usize].y_key());
        axis
    }

    /// Runs of cells that are equal on this axis.
    fn ties<'a>(&'a self, cells: &'a [Cell]) -> impl DoubleEndedIterator<Item = Tie<'a>> {
        let key = |index: u32| (self.key)(&cells[index as usize]);
        let runs = self.order.chunk_by(move |&a, &b| key(a) == key(b));
        runs.map(move |members| Tie { members, cells, span: self.span })
    }
}

struct Tie<'a> {
    members: &'a [u32],
    cells: &'a [Cell],
    span: fn(&Cell) -> (u32, u32),
}

impl Tie<'_> {
    fn group(&self) -> Group {
        let cells = self.members.iter().map(|&index| &self.cells[index as usize]);
        cells.fold(Group { weight: 0.0, predicted: 0.0, actual: 0.0 }, |group, cell| Group {
            weight: group.weight + cell.weight,
            predicted: group.predicted + cell.x_sum,
            actual: group.actual + cell.y_sum,
        })
    }

    /// Whether rounding made the tie: its numbers differ.
    fn is_mixed(&self) -> bool {
        let spans = || self.members.iter().map(|&index| (self.span)(&self.cells[index as usize]));
        spans().map(|(low, _)| low).min() < spans().map(|(_, high)| high).max()
    }
}

/// Weighted midranks of one axis: a cell's rank is the weight share below it plus half of its own tie's, less ½.
struct Ranks {
    /// By cell.
    ranks: Vec<f64>,
    /// Variance of the ranks.
    variance: f64,
    /// The most that the variance of ranks within ties of rounding can be: Σ m³/12 over them, m their weight share.
    hidden: f64,
}

impl Ranks {
    fn of(cells: &[Cell], axis: &Axis, total: f64) -> Self {
        let mut ranks = Self { ranks: vec![0.0; cells.len()], variance: 0.0, hidden: 0.0 };
        let mut below = 0.0;
        for tie in axis.ties(cells) {
            let share = tie.group().weight / total;
            let rank = below + 0.5 * share - 0.5;
            tie.members.iter().for_each(|&index| ranks.ranks[index as usize] = rank);
            ranks.variance += share * rank * rank;
            below += share;
            if tie.is_mixed() {
                ranks.hidden += share.powi(3) / 12.0;
            }
        }
        ranks
    }
}

/// Spearman's rank correlation: Pearson's of the weighted midranks. None where either side is constant.
///
/// Rounded ranks are the means of the true ranks in each tie, so that with d = true - rounded rank, E[d²] ≤ `hidden`;
/// the covariance moves by at most √(hidden_x·var_y) + √(hidden_y·var_x) + √(hidden_x·hidden_y), and the variances grow
/// by at most `hidden`.
pub(super) fn spearman(cells: &[Cell]) -> Option<Bounded> {
    let total: f64 = cells.iter().map(|cell| cell.weight).sum();
    let x = Ranks::of(cells, &Axis::predictions(cells), total);
    let y = Ranks::of(cells, &Axis::labels(cells), total);
    if x.variance <= TINY || y.variance <= TINY {
        return None;
    }
    let products = cells.iter().zip(&x.ranks).zip(&y.ranks).map(|((cell, x), y)| cell.weight * x * y);
    let covariance = products.sum::<f64>() / total;
    let moved = (x.hidden * y.variance).sqrt() + (y.hidden * x.variance).sqrt() + (x.hidden * y.hidden).sqrt();
    let narrow = (x.variance * y.variance).sqrt();
    let wide = ((x.variance + x.hidden) * (y.variance + y.hidden)).sqrt();
    let value = (covariance / narrow).clamp(-1.0, 1.0);
    Some(Bounded { value, error: farthest(value, [covariance - moved, covariance + moved], [narrow, wide]) })
}

/// The farthest that any of the quotients lies from a value, itself one of them; 0 where all are the same.
fn farthest(value: f64, numerators: [f64; 2], denominators: [f64; 2]) -> f64 {
    if numerators[0] == numerators[1] && denominators[0] == denominators[1] {
        return 0.0;
    }
    let quotients = numerators.iter().flat_map(|above| denominators.map(|below| above / below));
    quotients.map(|quotient| (quotient - value).abs()).fold(0.0, f64::max)
}

/// Groups of equal prediction, descending.
pub(super) fn groups_by_prediction(cells: &[Cell]) -> Vec<Group> {
    Axis::predictions(cells).ties(cells).rev().map(|tie| tie.group()).collect()
}

/// Gini of the labels in the order of predictions over their Gini in their own order. None where a label is negative,
/// or all are equal.
///
/// Within a tie of rounding of weight share m and label share s, any order's curve lies within s·m/2 of the tie's
/// straight line in area, and the labels' own order above it.
pub(super) fn normalized_gini(cells: &[Cell]) -> Option<Bounded> {
    if cells.iter().any(|cell| cell.y_sum < 0.0) {
        return None;
    }
    let predicted = gini(cells, &Axis::predictions(cells));
    let perfect = gini(cells, &Axis::labels(cells));
    if perfect.value.is_nan() || perfect.value <= TINY {
        return None;
    }
    let value = predicted.value / perfect.value;
    let numerators = [predicted.value - predicted.error, predicted.value + predicted.error];
    let denominators = [perfect.value, perfect.value + perfect.error];
    Some(Bounded { value, error: farthest(value, numerators, denominators) })
}

/// Twice the area between the gain curve, best first, and the diagonal.
fn gini(cells: &[Cell], axis: &Axis) -> Bounded {
    let total: f64 = cells.iter().map(|cell| cell.weight).sum();
    let sum: f64 = cells.iter().map(|cell| cell.y_sum).sum();
    let (mut area, mut gained, mut unsure) = (0.0, 0.0, 0.0);
    for tie in axis.ties(cells).rev() {
        let Group { weight, actual, .. } = tie.group();
        area += weight * (2.0 * gained + actual);
        gained += actual;
        if tie.is_mixed() {
            unsure += weight * actual;
        }
    }
    Bounded { value: area / (total * sum) - 1.0, error: unsure / (total * sum) }
}
