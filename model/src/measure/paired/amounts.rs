//! What a row adds to the difference of two models' measures of amounts: influence functions, and with them the variance
//! of the infinitesimal jackknife (Efron 1982).

use super::{Row, Spread};

/// The variance of a difference of mean absolute errors.
pub(super) fn mae_variance(rows: &[Row], difference: f64) -> Option<f64> {
    let deviation = |row: &Row| {
        let off = |predicted: f32| (f64::from(predicted) - f64::from(row.label)).abs();
        (off(row.model) - off(row.other) - difference, row.weight)
    };
    Spread::of(rows.iter().map(deviation)).variance()
}

/// The variance of RMSE - RMSE': a row moves an RMSE by (e² - MSE) / (2·RMSE). None where one of them is 0.
pub(super) fn rmse_variance(rows: &[Row], difference: f64) -> Option<f64> {
    let square = |predicted: f32, row: &Row| (f64::from(predicted) - f64::from(row.label)).powi(2);
    let mean_square =
        |predicted: fn(&Row) -> f32| weighted_mean(rows, |index| square(predicted(&rows[index]), &rows[index]));
    let (model, other) = (mean_square(|row| row.model), mean_square(|row| row.other));
    if model <= 0.0 || other <= 0.0 {
        return (difference == 0.0).then_some(0.0);
    }
    let influence = |row: &Row| {
        let of_model = (square(row.model, row) - model) / (2.0 * model.sqrt());
        let of_other = (square(row.other, row) - other) / (2.0 * other.sqrt());
        (of_model - of_other, row.weight)
    };
    Spread::of(rows.iter().map(influence)).variance()
}

/// The variance of the difference D of two normalized Ginis.
///
/// With F_p(r) the share of rows below r in the order p (equal ones by half), A_p = E[y·F_p] and μ = E[y], a
/// normalized Gini is (2A_p - μ) / (2A_y - μ). A row moves A_p by y_r·F_p(r) + E[y; p above p_r] - 2A_p, where equal ones
/// count by half, so D = 2(A_p - A_p') / (2A_y - μ) moves by
/// (2·(IF(A_p) - IF(A_p')) - D·(2·IF(A_y) - (y_r - μ))) / (2A_y - μ).
pub(super) fn normalized_gini_variance(rows: &[Row], difference: f64) -> Option<f64> {
    let (model, other) = (Area::of(rows, |row| row.model), Area::of(rows, |row| row.other));
    let perfect = Area::of(rows, |row| row.label);
    let level = weighted_mean(rows, |index| f64::from(rows[index].label));
    let scale = 2.0 * perfect.mean - level;
    if scale <= 0.0 {
        return None;
    }
    let influence = |(index, row): (usize, &Row)| {
        let of_difference = 2.0 * (model.influences[index] - other.influences[index]);
        let of_scale = 2.0 * perfect.influences[index] - (f64::from(row.label) - level);
        ((of_difference - difference * of_scale) / scale, row.weight)
    };
    Spread::of(rows.iter().enumerate().map(influence)).variance()
}

/// The variance of the difference of two Spearman correlations with the labels. None where a side is constant.
///
/// With u, v the midranks less ½ of prediction and label, ρ = E[uv] / √(E[u²]·E[v²]). A row moves E[uv] by
/// u_r·v_r + E[v; p above p_r] + E[u; y above y_r] - 3E[uv], where equal ones count by half, and E[u²] and E[v²] in the same way.
pub(super) fn spearman_variance(rows: &[Row]) -> Option<f64> {
    let labels = Order::of(rows, |row| row.label);
    let (model, other) = (Order::of(rows, |row| row.model), Order::of(rows, |row| row.other));
    let (model, other) = (spearman_influences(rows, &model, &labels)?, spearman_influences(rows, &other, &labels)?);
    let influences = model.iter().zip(&other).zip(rows);
    Spread::of(influences.map(|((model, other), row)| (model - other, row.weight))).variance()
}

fn spearman_influences(rows: &[Row], predictions: &Order, labels: &Order) -> Option<Vec<f64>> {
    let (u, v) = (predictions.ranks(rows), labels.ranks(rows));
    let moved = |first: (&Order, &[f64]), second: (&Order, &[f64])| {
        let level = weighted_mean(rows, |index| first.1[index] * second.1[index]);
        let (by_first, by_second) = (first.0.above(rows, second.1), second.0.above(rows, first.1));
        let influence =
            |index: usize| first.1[index] * second.1[index] + by_first[index] + by_second[index] - 3.0 * level;
        (level, (0..rows.len()).map(influence).collect::<Vec<f64>>())
    };
    let (product, of_product) = moved((predictions, &u), (labels, &v));
    let (square, of_square) = moved((predictions, &u), (predictions, &u));
    let (label_square, of_label_square) = moved((labels, &v), (labels, &v));
    if square <= 0.0 || label_square <= 0.0 {
        return None;
    }
    let scale = (square * label_square).sqrt();
    let correlation = product / scale;
    let influence = |index: usize| {
        let of_scale = of_square[index] / square + of_label_square[index] / label_square;
        of_product[index] / scale - 0.5 * correlation * of_scale
    };
    Some((0..rows.len()).map(influence).collect())
}

fn weighted_mean(rows: &[Row], value: impl Fn(usize) -> f64) -> f64 {
    let (sum, weight) = rows.iter().enumerate().fold((0.0, 0.0), |(sum, weight), (index, row)| {
        (sum + f64::from(row.weight) * value(index), weight + f64::from(row.weight))
    });
    sum / weight
}

/// A = E[y·F] of one order, and what each row moves it by.
struct Area {
    mean: f64,
    influences: Vec<f64>,
}

impl Area {
    fn of(rows: &[Row], key: impl Fn(&Row) -> f32) -> Self {
        let order = Order::of(rows, key);
        let amounts: Vec<f64> = rows.iter().map(|row| f64::from(row.label)).collect();
        let shares: Vec<f64> = order.ranks(rows).iter().map(|rank| rank + 0.5).collect();
        let mean = weighted_mean(rows, |index| amounts[index] * shares[index]);
        let above = order.above(rows, &amounts);
        let influence = |index: usize| amounts[index] * shares[index] + above[index] - 2.0 * mean;
        Self { mean, influences: (0..rows.len()).map(influence).collect() }
    }
}

/// Rows in ascending order of a number, equal ones together.
struct Order {
    ties: Vec<Vec<u32>>,
}

impl Order {
    fn of(rows: &[Row], key: impl Fn(&Row) -> f32) -> Self {
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by(|&a, &b| key(&rows[a as usize]).total_cmp(&key(&rows[b as usize])));
        let ties = order.chunk_by(|&a, &b| key(&rows[a as usize]) == key(&rows[b as usize]));
        Self { ties: ties.map(<[u32]>::to_vec).collect() }
    }

    /// Weighted midranks: of each row the weight share below it and half of its equals', less ½.
    fn ranks(&self, rows: &[Row]) -> Vec<f64> {
        let total: f64 = rows.iter().map(|row| f64::from(row.weight)).sum();
        let mut ranks = vec![0.0; rows.len()];
        let mut below = 0.0;
        for tie in &self.ties {
            let weight: f64 = tie.iter().map(|&index| f64::from(rows[index as usize].weight)).sum();
            tie.iter().for_each(|&index| ranks[index as usize] = (below + 0.5 * weight) / total - 0.5);
            below += weight;
        }
        ranks
    }

    /// Of each row the values of the rows above it and half of its equals', as a share of all weight.
    fn above(&self, rows: &[Row], values: &[f64]) -> Vec<f64> {
        let total: f64 = rows.iter().map(|row| f64::from(row.weight)).sum();
        let held = |index: u32| f64::from(rows[index as usize].weight) * values[index as usize];
        let mut above = vec![0.0; rows.len()];
        let mut sum = 0.0;
        for tie in self.ties.iter().rev() {
            let of_tie: f64 = tie.iter().map(|&index| held(index)).sum();
            tie.iter().for_each(|&index| above[index as usize] = (sum + 0.5 * of_tie) / total);
            sum += of_tie;
        }
        above
    }
}
