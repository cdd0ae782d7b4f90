//! What a scorer counts of segments: sums that are put together over batches and shards, always in their order.

use arrow::array::ArrayRef;
use indexmap::IndexMap;
use model::segments::Assigned;
use serde::{Deserialize, Serialize};
use spec::ids::TaskName;

use super::groups::DescribedColumn;
use super::numbers::column_numbers;
use crate::error::Result;

/// The scores of some people for an output that is one number.
pub type Scores<'a> = (&'a TaskName, &'a [f32]);

/// Everything that is counted of one way of dividing people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentCounts {
    /// People of each segment.
    pub people: Vec<u64>,
    /// Their distances to the centre, by segment.
    pub distances: Vec<Sum>,
    /// Their scores, by output and segment.
    pub scores: IndexMap<TaskName, Vec<Sum>>,
    /// Their values, by described column.
    pub columns: Vec<ColumnCounts>,
}

/// Numbers that were added up, those that are none or beyond 32 bits left out.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
}

/// What is counted of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnCounts {
    /// People by `[segments][groups]`.
    pub groups: Vec<Vec<u64>>,
    /// Of a column of numbers, their sums by segment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Vec<Sum>>,
}

impl Sum {
    fn add(&mut self, number: f64) {
        if number.abs() <= f64::from(f32::MAX) {
            self.count += 1;
            self.sum += number;
        }
    }

    fn merge(&mut self, more: Self) {
        self.count += more.count;
        self.sum += more.sum;
    }

    /// The mean; nothing of nothing.
    pub fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

impl SegmentCounts {
    /// Nothing counted.
    pub(super) fn new(segments: usize, scores: &[Scores<'_>], columns: &[DescribedColumn]) -> Self {
        let column = |described: &DescribedColumn| ColumnCounts {
            groups: vec![vec![0; described.groups.count()]; segments],
            numbers: described.groups.are_numbers().then(|| vec![Sum::default(); segments]),
        };
        Self {
            people: vec![0; segments],
            distances: vec![Sum::default(); segments],
            scores: scores.iter().map(|(name, _)| ((*name).clone(), vec![Sum::default(); segments])).collect(),
            columns: columns.iter().map(column).collect(),
        }
    }

    pub(super) fn add_scores(&mut self, assigned: &Assigned, scores: &[Scores<'_>]) {
        for (person, segment) in assigned.segments.iter().enumerate() {
            let segment = *segment as usize;
            self.people[segment] += 1;
            self.distances[segment].add(f64::from(assigned.distances[person]));
            for ((_, scores), sums) in scores.iter().zip(self.scores.values_mut()) {
                sums[segment].add(f64::from(scores[person]));
            }
        }
    }

    /// Adds what was counted behind it.
    pub fn merge(&mut self, more: &Self) {
        self.people.iter_mut().zip(&more.people).for_each(|(count, more)| *count += more);
        merge_sums(&mut self.distances, &more.distances);
        self.scores.values_mut().zip(more.scores.values()).for_each(|(sums, more)| merge_sums(sums, more));
        self.columns.iter_mut().zip(&more.columns).for_each(|(column, more)| column.merge(more));
    }
}

impl ColumnCounts {
    pub(super) fn add(&mut self, segments: &[u32], described: &DescribedColumn, column: &ArrayRef) -> Result<()> {
        let groups = match &mut self.numbers {
            None => described.groups_of_texts(column)?,
            Some(sums) => {
                let numbers = column_numbers(column)?;
                segments.iter().zip(&numbers).for_each(|(segment, number)| sums[*segment as usize].add(*number));
                numbers.iter().map(|number| described.groups.of_number(*number)).collect()
            }
        };
        segments.iter().zip(groups).for_each(|(segment, group)| self.groups[*segment as usize][group] += 1);
        Ok(())
    }

    fn merge(&mut self, more: &Self) {
        for (groups, more) in self.groups.iter_mut().zip(&more.groups) {
            groups.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
        if let (Some(sums), Some(more)) = (&mut self.numbers, &more.numbers) {
            merge_sums(sums, more);
        }
    }
}

fn merge_sums(sums: &mut [Sum], more: &[Sum]) {
    sums.iter_mut().zip(more).for_each(|(sum, more)| sum.merge(*more));
}
