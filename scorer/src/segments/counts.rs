//! What a scorer counts of segments: sums that are put together over batches and shards, always in their order.

use arrow::array::ArrayRef;
use indexmap::IndexMap;
use model::segments::Assigned;
use serde::{Deserialize, Serialize};
use spec::ids::TaskName;

use super::groups::DescribedColumn;
use super::numbers::column_numbers;
use crate::error::Result;

/// The predictions of some people for an output.
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// The output.
    pub task: &'a TaskName,
    /// The labels of its classes, if it has a probability for each of them and one more of all others.
    pub classes: Option<&'a [String]>,
    /// A number a person, or the probabilities of classes one person's after another's.
    pub numbers: &'a [f32],
}

/// Everything that is counted of one way of dividing people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentCounts {
    /// People of each segment.
    pub people: Vec<u64>,
    /// Their distances to the centre, by segment.
    pub distances: Vec<Sum>,
    /// Their scores, by output that is one number and segment.
    pub scores: IndexMap<TaskName, Vec<Sum>>,
    /// The sums of their probabilities, by output of classes, class and segment.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub classes: IndexMap<TaskName, IndexMap<String, Vec<f64>>>,
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
        let of_numbers = scores.iter().filter(|scores| scores.classes.is_none());
        let of_classes = |labels: &[String]| labels.iter().map(|label| (label.clone(), vec![0.0; segments])).collect();
        Self {
            people: vec![0; segments],
            distances: vec![Sum::default(); segments],
            scores: of_numbers.map(|scores| (scores.task.clone(), vec![Sum::default(); segments])).collect(),
            classes: scores
                .iter()
                .filter_map(|scores| Some((scores.task.clone(), of_classes(scores.classes?))))
                .collect(),
            columns: columns.iter().map(column).collect(),
        }
    }

    pub(super) fn add_scores(&mut self, assigned: &Assigned, scores: &[Scores<'_>]) {
        for (person, segment) in assigned.segments.iter().enumerate() {
            let segment = *segment as usize;
            self.people[segment] += 1;
            self.distances[segment].add(f64::from(assigned.distances[person]));
        }
        for scores in scores {
            match scores.classes {
                None => self.add_numbers(assigned, scores),
                Some(labels) => self.add_classes(assigned, scores, labels.len()),
            }
        }
    }

    fn add_numbers(&mut self, assigned: &Assigned, scores: &Scores<'_>) {
        let Some(sums) = self.scores.get_mut(scores.task) else { return };
        for (segment, score) in assigned.segments.iter().zip(scores.numbers) {
            sums[*segment as usize].add(f64::from(*score));
        }
    }

    fn add_classes(&mut self, assigned: &Assigned, scores: &Scores<'_>, named: usize) {
        let Some(classes) = self.classes.get_mut(scores.task) else { return };
        for (segment, probabilities) in assigned.segments.iter().zip(scores.numbers.chunks_exact(named + 1)) {
            for (sums, probability) in classes.values_mut().zip(probabilities) {
                sums[*segment as usize] += f64::from(*probability);
            }
        }
    }

    /// Adds what was counted behind it.
    pub fn merge(&mut self, more: &Self) {
        self.people.iter_mut().zip(&more.people).for_each(|(count, more)| *count += more);
        merge_sums(&mut self.distances, &more.distances);
        self.scores.values_mut().zip(more.scores.values()).for_each(|(sums, more)| merge_sums(sums, more));
        let of_classes = self.classes.values_mut().flat_map(IndexMap::values_mut);
        for (sums, more) in of_classes.zip(more.classes.values().flat_map(IndexMap::values)) {
            sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        }
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
