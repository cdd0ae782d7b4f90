//! Measures of order for amounts: Spearman's rank correlation and the normalized Gini, with the error that rounding allows.

use super::cells::Cell;
use super::decile::Group;
use super::ranking::Bounded;

/// Weighted midranks of one axis: a cell's rank is the weight share below it plus half of its own tie's.
struct Ranks {
    /// By cell.
    ranks: Vec<f64>,
    /// Variance of the ranks.
    variance: f64,
    /// The most that the variance of ranks within ties of rounding can be: Σ m³/12 over them, m their weight share.
    hidden: f64,
}

/// Ranks of cells in an order, by an axis: `order` lists cells by ascending key; equal keys are one tie.
fn ranks(cells: &[Cell], order: &[u32], key: fn(&Cell) -> u32, span: fn(&Cell) -> (u32, u32), total: f64) -> Ranks {
    let mut ranks = Ranks { ranks: vec![0.0; cells.len()], variance: 0.0, hidden: 0.0 };
    let mut below = 0.0;
    let cell = |index: u32| &cells[index as usize];
    for tie in order.chunk_by(|&a, &b| key(cell(a)) == key(cell(b))) {
        let share = tie.iter().map(|&index| cell(index).weight).sum::<f64>() / total;
        let rank = below + 0.5 * share - 0.5;
        for &index in tie {
            ranks.ranks[index as usize] = rank;
        }
        ranks.variance += share * rank * rank;
        below += share;
        let low = tie.iter().map(|&index| span(cell(index)).0).min();
        let high = tie.iter().map(|&index| span(cell(index)).1).max();
        if low < high {
            ranks.hidden += share.powi(3) / 12.0;
        }
    }
    ranks
}

/// Spearman's rank correlation: Pearson's of the weighted midranks. None where either side is constant.
///
/// Rounded ranks are the means of the true ranks in each tie, so that with d = true - rounded rank, E[d²] ≤ `hidden`;
/// the covariance moves by at most √(hidden_x·var_y) + √(hidden_y·var_x) + √(hidden_x·hidden_y), and the variances grow
/// by at most `hidden`.
pub(super) fn spearman(cells: &[Cell]) -> Option<Bounded> {
    let total: f64 = cells.iter().map(|cell| cell.weight).sum();
    let by_x: Vec<u32> = (0..cells.len() as u32).collect();
    let x = ranks(cells, &by_x, Cell::x_key, Cell::x_span, total);
    let y = ranks(cells, &order_by_y(cells), Cell::y_key, Cell::y_span, total);
    if x.variance <= TINY || y.variance <= TINY {
        return None;
    }
    let products = cells.iter().zip(&x.ranks).zip(&y.ranks).map(|((cell, x), y)| cell.weight * x * y);
    let covariance = products.sum::<f64>() / total;
    let value = (covariance / (x.variance * y.variance).sqrt()).clamp(-1.0, 1.0);
    let moved = (x.hidden * y.variance).sqrt() + (y.hidden * x.variance).sqrt() + (x.hidden * y.hidden).sqrt();
    let (narrow, wide) = ((x.variance * y.variance).sqrt(), ((x.variance + x.hidden) * (y.variance + y.hidden)).sqrt());
    let bound = |covariance: f64| [covariance / narrow, covariance / wide];
    let extremes = bound(covariance - moved).into_iter().chain(bound(covariance + moved));
    let error = extremes.map(|extreme| (extreme - value).abs()).fold(0.0, f64::max);
    Some(Bounded { value, error: if moved > 0.0 { error } else { 0.0 } })
}

/// Below this a variance of ranks is rounding alone.
const TINY: f64 = 1e-15;

pub(super) fn order_by_y(cells: &[Cell]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..cells.len() as u32).collect();
    order.sort_by_key(|&index| cells[index as usize].y_key());
    order
}

/// Groups of equal prediction, descending.
pub(super) fn groups_by_prediction(cells: &[Cell]) -> Vec<Group> {
    let mut groups: Vec<Group> = cells.chunk_by(|a, b| a.x_key() == b.x_key()).map(|tie| group(tie.iter())).collect();
    groups.reverse();
    groups
}

/// Groups of equal label, descending.
pub(super) fn groups_by_label(cells: &[Cell]) -> Vec<Group> {
    let order = order_by_y(cells);
    let cell = |index: u32| &cells[index as usize];
    let ties = order.chunk_by(|&a, &b| cell(a).y_key() == cell(b).y_key());
    let mut groups: Vec<Group> = ties.map(|tie| group(tie.iter().map(|&index| cell(index)))).collect();
    groups.reverse();
    groups
}

fn group<'a>(cells: impl Iterator<Item = &'a Cell>) -> Group {
    cells.fold(Group { weight: 0.0, predicted: 0.0, actual: 0.0 }, |group, cell| Group {
        weight: group.weight + cell.weight,
        predicted: group.predicted + cell.x_sum,
        actual: group.actual + cell.y_sum,
    })
}

/// Gini of the labels in the order of predictions over their Gini in their own order. None where a label is negative,
/// or all are equal.
///
/// Within a tie of rounding of weight share m and label sum share s, any order lies within s·m of the tie's straight
/// line in twice the area; a tie's own labels cannot lie further from it.
pub(super) fn normalized_gini(cells: &[Cell]) -> Option<Bounded> {
    if cells.iter().any(|cell| cell.y_sum < 0.0) {
        return None;
    }
    let predicted = gini(&groups_by_prediction(cells));
    let perfect = gini(&groups_by_label(cells));
    if perfect.is_nan() || perfect <= TINY {
        return None;
    }
    let value = predicted / perfect;
    let (unsure_order, unsure_perfect) = (unsure(cells, Axis::Prediction), unsure(cells, Axis::Label));
    let numerators = [predicted - unsure_order, predicted + unsure_order];
    let denominators = [perfect, perfect + unsure_perfect];
    let extremes = numerators.iter().flat_map(|above| denominators.map(|below| above / below));
    let error = extremes.map(|extreme| (extreme - value).abs()).fold(0.0, f64::max);
    Some(Bounded { value, error })
}

/// Twice the area between the gain curve and the diagonal.
fn gini(descending: &[Group]) -> f64 {
    let total: f64 = descending.iter().map(|group| group.weight).sum();
    let sum: f64 = descending.iter().map(|group| group.actual).sum();
    let (mut area, mut gained) = (0.0, 0.0);
    for group in descending {
        let after = gained + group.actual;
        area += group.weight * (gained + after);
        gained = after;
    }
    area / (total * sum) - 1.0
}

#[derive(Clone, Copy)]
enum Axis {
    Prediction,
    Label,
}

/// Σ s·m over the ties that rounding made on an axis.
fn unsure(cells: &[Cell], axis: Axis) -> f64 {
    let total: f64 = cells.iter().map(|cell| cell.weight).sum();
    let sum: f64 = cells.iter().map(|cell| cell.y_sum).sum();
    let (order, key, span): (Vec<u32>, fn(&Cell) -> u32, fn(&Cell) -> (u32, u32)) = match axis {
        Axis::Prediction => ((0..cells.len() as u32).collect(), Cell::x_key, Cell::x_span),
        Axis::Label => (order_by_y(cells), Cell::y_key, Cell::y_span),
    };
    let cell = |index: u32| &cells[index as usize];
    let mut unsure = 0.0;
    for tie in order.chunk_by(|&a, &b| key(cell(a)) == key(cell(b))) {
        let low = tie.iter().map(|&index| span(cell(index)).0).min();
        let high = tie.iter().map(|&index| span(cell(index)).1).max();
        if low < high {
            let weight: f64 = tie.iter().map(|&index| cell(index).weight).sum();
            let actual: f64 = tie.iter().map(|&index| cell(index).y_sum).sum();
            unsure += weight * actual;
        }
    }
    unsure / (total * sum)
}
