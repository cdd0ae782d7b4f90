//! What a row adds to the difference of two models' measures of probabilities.

use super::super::binary::{log_loss_of, probability_of_label};
use super::{Row, Spread};

/// The variance of AUC - AUC' (DeLong, DeLong and Clarke-Pearson 1988): the placements' differences, positives and
/// negatives apart. By ranks (Sun and Xu 2014), in n log n. With weights the placements are weighted means, and rows the
/// units; with equal weights it is DeLong's L·S·Lᵀ.
pub(super) fn auc_variance(rows: &[Row], difference: f64) -> Option<f64> {
    let model = placements(rows, |row| row.model)?;
    let other = placements(rows, |row| row.other)?;
    let spread = |is_positive: bool| {
        let of_class = rows.iter().enumerate().filter(move |(_, row)| (row.label > 0.0) == is_positive);
        Spread::of(of_class.map(|(index, row)| (model[index] - other[index] - difference, row.weight)))
    };
    Some(spread(true).variance()? + spread(false).variance()?)
}

/// Of each row the share of the other class that it is on the right side of, equal scores counting half. None where a
/// class is missing.
fn placements(rows: &[Row], score: impl Fn(&Row) -> f32) -> Option<Vec<f64>> {
    let total = |is_positive: bool| -> f64 {
        rows.iter().filter(|row| (row.label > 0.0) == is_positive).map(|row| f64::from(row.weight)).sum()
    };
    let (positives, negatives) = (total(true), total(false));
    if positives <= 0.0 || negatives <= 0.0 {
        return None;
    }
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    order.sort_by(|&a, &b| score(&rows[a as usize]).total_cmp(&score(&rows[b as usize])));
    let mut placements = vec![0.0; rows.len()];
    let (mut positives_below, mut negatives_below) = (0.0, 0.0);
    for tie in order.chunk_by(|&a, &b| score(&rows[a as usize]) == score(&rows[b as usize])) {
        let of_tie = |is_positive: bool| -> f64 {
            let members = tie.iter().map(|&index| &rows[index as usize]);
            members.filter(|row| (row.label > 0.0) == is_positive).map(|row| f64::from(row.weight)).sum()
        };
        let (positive, negative) = (of_tie(true), of_tie(false));
        let won = (negatives_below + 0.5 * negative) / negatives;
        let lost = (positives_below + 0.5 * positive) / positives;
        for &index in tie {
            placements[index as usize] = if rows[index as usize].label > 0.0 { won } else { 1.0 - lost };
        }
        positives_below += positive;
        negatives_below += negative;
    }
    Some(placements)
}

/// The variance of a difference of mean log losses.
pub(super) fn log_loss_variance(rows: &[Row], difference: f64) -> Option<f64> {
    let loss = |score: f32, row: &Row| log_loss_of(probability_of_label(score, row.label > 0.0));
    mean_difference_variance(rows, difference, loss)
}

/// The variance of a difference of Brier scores.
pub(super) fn brier_variance(rows: &[Row], difference: f64) -> Option<f64> {
    let loss = |score: f32, row: &Row| (1.0 - probability_of_label(score, row.label > 0.0)).powi(2);
    mean_difference_variance(rows, difference, loss)
}

fn mean_difference_variance(rows: &[Row], difference: f64, loss: impl Fn(f32, &Row) -> f64) -> Option<f64> {
    let deviation = |row: &Row| (loss(row.model, row) - loss(row.other, row) - difference, row.weight);
    Spread::of(rows.iter().map(deviation)).variance()
}
