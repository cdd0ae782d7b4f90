//! AUC within groups of rows, such as a person's: how well the rows of one group are ordered among themselves.

use serde::{Deserialize, Serialize};
use spec::ColumnName;

use super::cells::EXACT_ROWS;
use super::metrics::Interval;
use super::ranking::{NORMAL_975, mean_variance};
use super::sample::{is_drawn, mixed};

/// Stands for a row without a group.
pub const NO_GROUP: u64 = 0;

/// Groups are left out whole as long as at least so many stay; of fewer groups, rows.
const LEAST_GROUPS: usize = 4096;

#[derive(Debug, Clone, Copy)]
struct Row {
    group: u64,
    score: f32,
    is_positive: bool,
    weight: f32,
    /// What was drawn for the row.
    drawn: u32,
}

/// Collects predicted probabilities, 0/1 labels and groups, in bounded memory (at most 24 MiB): all rows while there are up
/// to [`EXACT_ROWS`]; then a uniform sample of whole groups, or of rows where groups are few. The same rows in the same order give
/// the same sample.
#[derive(Debug, Clone)]
pub struct GroupedAuc {
    column: ColumnName,
    rows: Vec<Row>,
    most_rows: usize,
    all_rows: u64,
    without_group: u64,
    /// A group is in with a chance of one in 2^this.
    group_halvings: u32,
    /// A row of a group that is in is in with a chance of one in 2^this.
    row_halvings: u32,
}

impl GroupedAuc {
    /// One without rows, whose groups are the values of a column.
    pub fn new(column: ColumnName) -> Self {
        Self::with_most_rows(column, EXACT_ROWS)
    }

    /// The column whose values are the groups.
    pub fn column(&self) -> &ColumnName {
        &self.column
    }

    fn with_most_rows(column: ColumnName, most_rows: usize) -> Self {
        let (rows, all_rows, without_group) = (Vec::new(), 0, 0);
        Self { column, rows, most_rows, all_rows, without_group, group_halvings: 0, row_halvings: 0 }
    }

    /// Adds a row of a group, given by a hash of its value, [`NO_GROUP`] for none: score in 0..1, label 0 or 1, weight > 0.
    pub fn push(&mut self, group: u64, score: f32, label: f32, weight: f32) {
        self.all_rows += 1;
        if group == NO_GROUP {
            self.without_group += 1;
            return;
        }
        let drawn = (mixed(self.all_rows) >> 32) as u32;
        let row = Row { group, score, is_positive: label > 0.0, weight, drawn };
        if self.is_in(&row) {
            self.rows.push(row);
            while self.rows.len() > self.most_rows {
                self.thin();
            }
        }
    }

    fn is_in(&self, row: &Row) -> bool {
        is_drawn(mixed(row.group), self.group_halvings) && row.drawn.leading_zeros() >= self.row_halvings
    }

    fn thin(&mut self) {
        let mut groups: Vec<u64> = self.rows.iter().map(|row| row.group).collect();
        groups.sort_unstable();
        groups.dedup();
        if groups.len() >= 2 * LEAST_GROUPS {
            self.group_halvings += 1
        } else {
            self.row_halvings += 1
        }
        let mut rows = std::mem::take(&mut self.rows);
        rows.retain(|row| self.is_in(row));
        self.rows = rows;
    }

    /// What the rows so far show.
    pub fn metrics(&self) -> GroupedMetrics {
        let mut rows = self.rows.clone();
        rows.sort_by(|a, b| a.group.cmp(&b.group).then_with(|| a.score.total_cmp(&b.score)));
        let groups: Vec<Group> = rows.chunk_by(|a, b| a.group == b.group).map(Group::of).collect();
        let both: Vec<(f64, f64)> = groups.iter().filter_map(|group| Some((group.weight, group.auc?))).collect();
        let weight: f64 = both.iter().map(|(weight, _)| weight).sum();
        let auc = (!both.is_empty()).then(|| both.iter().map(|(weight, auc)| weight * auc).sum::<f64>() / weight);
        let interval = auc.and_then(|auc| interval(&both, weight, auc));
        let one_class = groups.iter().filter(|group| group.auc.is_none());
        GroupedMetrics {
            column: self.column.clone(),
            auc,
            interval,
            groups: both.len() as u64,
            one_class_groups: one_class.clone().count() as u64,
            one_class_rows: one_class.map(|group| group.rows).sum(),
            rows_without_group: self.without_group,
            rows: rows.len() as u64,
            all_rows: self.all_rows - self.without_group,
        }
    }
}

/// The rows of one group.
struct Group {
    rows: u64,
    weight: f64,
    /// None where all rows are of one class.
    auc: Option<f64>,
}

impl Group {
    /// From rows by ascending score.
    fn of(rows: &[Row]) -> Self {
        let (mut won, mut positives, mut negatives) = (0.0, 0.0, 0.0);
        for tie in rows.chunk_by(|a, b| a.score == b.score) {
            let of_class = |is_positive: bool| -> f64 {
                tie.iter().filter(|row| row.is_positive == is_positive).map(|row| f64::from(row.weight)).sum()
            };
            let (positive, negative) = (of_class(true), of_class(false));
            won += positive * (negatives + 0.5 * negative);
            positives += positive;
            negatives += negative;
        }
        let pairs = positives * negatives;
        Self { rows: rows.len() as u64, weight: positives + negatives, auc: (pairs > 0.0).then(|| won / pairs) }
    }
}

/// The 95 % interval of the groups' weighted mean, groups being the units, cut to 0..1.
fn interval(groups: &[(f64, f64)], weight: f64, mean: f64) -> Option<Interval> {
    let (spread, squares) = groups.iter().fold((0.0, 0.0), |(spread, squares), (weight, auc)| {
        (spread + (weight * (auc - mean)).powi(2), squares + weight * weight)
    });
    let half = NORMAL_975 * mean_variance(spread, squares, weight)?.sqrt();
    Some(Interval { low: (mean - half).max(0.0), high: (mean + half).min(1.0) })
}

/// AUC within groups: the groups' AUCs, weighted by the weight of their rows (GAUC: Zhu and others, KDD 2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupedMetrics {
    /// The column whose values are the groups.
    pub column: ColumnName,
    /// The weighted mean of the groups' AUCs; absent without a group of both classes.
    pub auc: Option<f64>,
    /// Its 95 % interval, groups being the units; absent with fewer than two groups of both classes.
    pub interval: Option<Interval>,
    /// Groups with rows of both classes, those that count.
    pub groups: u64,
    /// Groups that are left out, since all their rows are of one class.
    pub one_class_groups: u64,
    /// Their rows.
    pub one_class_rows: u64,
    /// Rows that are left out, since they have no group.
    pub rows_without_group: u64,
    /// Rows with a group that were measured.
    pub rows: u64,
    /// Rows with a group that there are; more than `rows` where a sample of them was measured.
    pub all_rows: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(most_rows: usize, rows: impl IntoIterator<Item = (u64, f32, f32, f32)>) -> GroupedMetrics {
        let mut grouped = GroupedAuc::with_most_rows("person".parse().unwrap(), most_rows);
        rows.into_iter().for_each(|(group, score, label, weight)| grouped.push(group, score, label, weight));
        grouped.metrics()
    }

    /// Rows of seven groups, one of them of one class, and two rows without a group.
    fn rows() -> Vec<(u64, f32, f32, f32)> {
        let row = |row: u16| {
            let (group, score) = (u64::from(row * 5 % 7 + 1), f32::from(row * 37 % 10) / 10.0);
            let label = f32::from(u8::from(group != 3 && (row * 13 % 9) < 4));
            (group, score, label, 0.5 + f32::from(row % 4))
        };
        (0..60).map(row).chain([(NO_GROUP, 0.9, 1.0, 1.0), (NO_GROUP, 0.1, 0.0, 1.0)]).collect()
    }

    #[test]
    fn groups_count_by_their_rows_and_those_of_one_class_not_at_all() {
        // scikit-learn's roc_auc_score of each group with sample_weight, numpy's average of them by the groups' weight.
        let weighted = grouped(100, rows());
        assert!((weighted.auc.unwrap() - 0.408877806976).abs() < 1e-9, "{weighted:?}");
        let Interval { low, high } = weighted.interval.unwrap();
        assert!((low - 0.129768769195).abs() < 1e-9 && (high - 0.687986844757).abs() < 1e-9, "{weighted:?}");
        assert_eq!((weighted.groups, weighted.one_class_groups, weighted.one_class_rows), (6, 1, 8));
        assert_eq!((weighted.rows, weighted.all_rows, weighted.rows_without_group), (60, 60, 2));
        let alike = grouped(100, rows().into_iter().map(|(group, score, label, _)| (group, score, label, 1.0)));
        assert!((alike.auc.unwrap() - 0.407692307692).abs() < 1e-9, "{alike:?}");
    }

    #[test]
    fn without_a_group_of_both_classes_there_is_none() {
        let nothing = grouped(100, [(1, 0.2, 0.0, 1.0), (1, 0.4, 0.0, 1.0), (2, 0.4, 1.0, 1.0), (0, 0.1, 1.0, 1.0)]);
        assert_eq!((nothing.auc, nothing.interval, nothing.groups), (None, None, 0));
        assert_eq!((nothing.one_class_groups, nothing.one_class_rows, nothing.rows_without_group), (2, 3, 1));
        let one = grouped(100, [(7, 0.2, 0.0, 1.0), (7, 0.4, 1.0, 1.0)]);
        assert_eq!((one.auc, one.interval), (Some(1.0), None));
    }

    /// Rows of so many groups whose AUC is a half in truth.
    fn noise(rows: u64, groups: u64) -> impl Iterator<Item = (u64, f32, f32, f32)> {
        (0..rows).map(move |row| {
            let drawn = mixed(row ^ 0xABCD);
            let score = (drawn >> 40) as f32 / (1u64 << 24) as f32;
            (1 + row % groups, score, f32::from(u8::from(drawn & 3 == 0)), 1.0)
        })
    }

    #[test]
    fn of_many_groups_whole_ones_are_drawn_and_of_few_rows() {
        let many = grouped(100_000, noise(400_000, 40_000));
        assert!(many.rows <= 100_000 && many.rows > 25_000 && many.rows.is_multiple_of(10), "{many:?}");
        assert_eq!((many.groups + many.one_class_groups) * 10, many.rows, "every group is whole");
        let few = grouped(10_000, noise(100_000, 3));
        assert_eq!((few.groups, few.one_class_groups, few.all_rows), (3, 0, 100_000));
        assert!(few.rows <= 10_000 && few.rows > 2_500, "{few:?}");
        for sampled in [many, few] {
            assert!((sampled.auc.unwrap() - 0.5).abs() < 0.05, "{sampled:?}");
        }
    }
}
