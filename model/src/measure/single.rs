//! What one column alone says about a label: the leak check's measures. A column that ranks the label almost perfectly
//! by itself usually was written after the fact.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Folds of the out-of-fold target rate.
const FOLDS: usize = 5;

/// Rows of the overall rate that are added to each level's own: a level seen once says little.
const PRIOR_ROWS: f64 = 10.0;

/// Seeds the hash that assigns rows to folds, so that it is no other split of the same keys.
const FOLD_SEED: u64 = 0x6c65_616b;

/// How well a numeric column alone orders a binary label: max(AUC, 1 - AUC), ties worth ½. Nulls (and NaN) are one level,
/// put below or above all numbers, whichever says more. None where a class is missing.
pub fn numeric_auc(values: &[Option<f64>], labels: &[bool]) -> Option<f64> {
    let auc_with = |null: f64| {
        let scored = values.iter().zip(labels).map(|(value, &label)| (number_or(*value, null), label));
        plain_auc(scored.collect()).map(|auc| auc.max(1.0 - auc))
    };
    Some(auc_with(f64::NEG_INFINITY)?.max(auc_with(f64::INFINITY)?))
}

/// How well a numeric column alone orders an amount: |Spearman|, nulls as in [`numeric_auc`]. None where either side is
/// constant.
pub fn numeric_spearman(values: &[Option<f64>], amounts: &[f64]) -> Option<f64> {
    let amounts = midranks(amounts);
    let with = |null: f64| {
        let numbers: Vec<f64> = values.iter().map(|value| number_or(*value, null)).collect();
        correlation(&midranks(&numbers), &amounts).map(f64::abs)
    };
    Some(with(f64::NEG_INFINITY)?.max(with(f64::INFINITY)?))
}

/// How well a categorical column alone orders a binary label: the AUC of each level's smoothed rate of positives among the
/// rows of the other four folds, so that a level that occurs once cannot vote for itself. `levels` are any numbers that
/// tell levels apart (null one of them); `keys` decide the fold, so that one key's rows stay together. None where a class
/// is missing.
pub fn categorical_auc(levels: &[u64], keys: &[u64], labels: &[bool]) -> Option<f64> {
    let folds: Vec<usize> = keys.iter().map(|key| fold_of(*key)).collect();
    let mut order: Vec<u32> = (0..levels.len() as u32).collect();
    order.sort_by_key(|&row| levels[row as usize]);
    let overall = Counts::of(order.iter(), &folds, labels);
    let mut scored = Vec::with_capacity(levels.len());
    for level in order.chunk_by(|&a, &b| levels[a as usize] == levels[b as usize]) {
        let counts = Counts::of(level.iter(), &folds, labels);
        for &row in level {
            let (fold, label) = (folds[row as usize], labels[row as usize]);
            let (positives, rows) = counts.outside(fold);
            let (all_positives, all_rows) = overall.outside(fold);
            let prior = if all_rows > 0.0 { all_positives / all_rows } else { 0.5 };
            // The prior's own variation between folds says nothing about the column and is taken off, and with it the
            // last bits, which differ between folds even for a constant column.
            let excess = (positives + PRIOR_ROWS * prior) / (rows + PRIOR_ROWS) - prior;
            scored.push(((excess * 1e12).round(), label));
        }
    }
    plain_auc(scored)
}

fn number_or(value: Option<f64>, null: f64) -> f64 {
    value.filter(|number| !number.is_nan()).unwrap_or(null)
}

fn fold_of(key: u64) -> usize {
    (xxh3_64_with_seed(&key.to_le_bytes(), FOLD_SEED) % FOLDS as u64) as usize
}

#[derive(Default)]
struct Counts {
    rows: [f64; FOLDS],
    positives: [f64; FOLDS],
}

impl Counts {
    fn of<'a>(rows: impl Iterator<Item = &'a u32>, folds: &[usize], labels: &[bool]) -> Self {
        let mut counts = Self::default();
        for &row in rows {
            let fold = folds[row as usize];
            counts.rows[fold] += 1.0;
            counts.positives[fold] += f64::from(u8::from(labels[row as usize]));
        }
        counts
    }

    /// Positives and rows of all folds but one.
    fn outside(&self, fold: usize) -> (f64, f64) {
        let rows: f64 = self.rows.iter().sum();
        let positives: f64 = self.positives.iter().sum();
        (positives - self.positives[fold], rows - self.rows[fold])
    }
}

fn plain_auc(mut scored: Vec<(f64, bool)>) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = scored.iter().filter(|(_, label)| *label).count() as f64;
    let negatives = scored.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut won, mut below) = (0.0, 0.0);
    for tie in scored.chunk_by(|a, b| a.0 == b.0) {
        let hits = tie.iter().filter(|(_, label)| *label).count() as f64;
        let misses = tie.len() as f64 - hits;
        won += hits * (below + 0.5 * misses);
        below += misses;
    }
    Some(won / (positives * negatives))
}

/// Ranks from 0, ties sharing their mean.
fn midranks(numbers: &[f64]) -> Vec<f64> {
    let mut order: Vec<u32> = (0..numbers.len() as u32).collect();
    order.sort_by(|&a, &b| numbers[a as usize].total_cmp(&numbers[b as usize]));
    let mut ranks = vec![0.0; numbers.len()];
    let mut below = 0.0;
    for tie in order.chunk_by(|&a, &b| numbers[a as usize] == numbers[b as usize]) {
        let size = tie.len() as f64;
        for &row in tie {
            ranks[row as usize] = below + 0.5 * (size - 1.0);
        }
        below += size;
    }
    ranks
}

fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let middle = 0.5 * (x.len() as f64 - 1.0);
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    let (xx, yy) = (sum(x, x), sum(y, y));
    (xx > 0.0 && yy > 0.0).then(|| sum(x, y) / (xx * yy).sqrt())
}
