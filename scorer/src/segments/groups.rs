//! A column's values in groups that are known before the population is counted, so that counting takes bounded memory: the most
//! frequent texts of a sample, or the few numbers that there are, or five bands of about as many people.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::DataType;
use artifacts::keys::{is_key_type, key_texts};
use serde::{Deserialize, Serialize};
use spec::ids::ColumnName;

use super::numbers::{column_numbers, is_number};
use crate::error::{Result, ScorerError};

/// Texts that are told apart; all others are one group.
const TEXTS: usize = 50;

/// Different numbers up to which each is a group.
const NUMBERS: usize = 12;

/// Bands that other numbers are cut into.
const BANDS: usize = 5;

/// How far, in relation to it, a number may be from that of its group: JSON may have rounded that.
const SAME: f64 = 1e-12;

/// A column that segments are described by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescribedColumn {
    /// The column.
    pub column: ColumnName,
    /// Its values.
    pub groups: Groups,
}

/// Groups of values. Behind them there are two more: of any other value, and of none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// Each text is a group, the most frequent first.
    Texts(Vec<String>),
    /// Each number is a group, ascending.
    Numbers(Vec<f64>),
    /// Bands of numbers: below the first, from each to below the next, from the last on; ascending.
    Bands(Vec<f64>),
}

/// Whether the values of a column of this type can be told apart.
pub(crate) fn can_describe(data_type: &DataType) -> bool {
    is_number(data_type) || is_key_type(data_type)
}

impl Groups {
    /// The groups of a sample's values.
    ///
    /// # Errors
    ///
    /// A type that has none.
    pub(super) fn of(column: &ColumnName, sample: &[ArrayRef]) -> Result<Self> {
        match sample.first().is_some_and(|values| is_number(values.data_type())) {
            true => Self::of_numbers(sample),
            false => Self::of_texts(column, sample),
        }
    }

    fn of_numbers(sample: &[ArrayRef]) -> Result<Self> {
        let mut values = Vec::new();
        for batch in sample {
            values.extend(column_numbers(batch)?);
        }
        Ok(Self::of_values(values, BANDS))
    }

    /// The groups of a sample's numbers: one each where there are few different ones, else so many bands at the most.
    pub(crate) fn of_values(mut values: Vec<f64>, bands: usize) -> Self {
        values.retain(|value| value.is_finite());
        values.sort_unstable_by(f64::total_cmp);
        let mut different = values.clone();
        different.dedup();
        if different.len() <= NUMBERS.max(bands) {
            return Self::Numbers(different);
        }
        let mut edges: Vec<f64> = (1..bands).map(|band| plain(values[values.len() * band / bands])).collect();
        edges.dedup();
        // Nobody is below the least value.
        edges.retain(|edge| *edge > different[0]);
        Self::Bands(edges)
    }

    fn of_texts(column: &ColumnName, sample: &[ArrayRef]) -> Result<Self> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for batch in sample {
            for text in texts_of(column, batch)?.iter().flatten() {
                match counts.get_mut(text) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(text.to_owned(), 1)),
                }
            }
        }
        let mut texts: Vec<(String, u64)> = counts.into_iter().collect();
        // Stable: equally frequent ones stay in ascending order.
        texts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(Self::Texts(texts.into_iter().take(TEXTS).map(|(text, _)| text).collect()))
    }

    /// How many there are, with that of other values and that of none.
    pub fn count(&self) -> usize {
        2 + match self {
            Self::Texts(texts) => texts.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Bands(edges) => edges.len() + 1,
        }
    }

    /// Whether the column's values are numbers.
    pub fn are_numbers(&self) -> bool {
        match self {
            Self::Texts(_) => false,
            Self::Numbers(_) | Self::Bands(_) => true,
        }
    }

    /// What a group is called; nothing for that of other values, which says nothing.
    pub fn label(&self, group: usize) -> Option<String> {
        if group + 1 == self.count() {
            return Some("(missing)".to_owned());
        }
        match self {
            Self::Texts(texts) => texts.get(group).cloned(),
            Self::Numbers(numbers) => numbers.get(group).map(ToString::to_string),
            Self::Bands(edges) => match (group.checked_sub(1).and_then(|edge| edges.get(edge)), edges.get(group)) {
                (None, Some(high)) => Some(format!("below {high}")),
                (Some(low), Some(high)) => Some(format!("{low} to below {high}")),
                (Some(low), None) => Some(format!("{low} or more")),
                (None, None) => None,
            },
        }
    }

    /// The group of a number; NaN is none.
    pub(crate) fn of_number(&self, number: f64) -> usize {
        let (other, missing) = (self.count() - 2, self.count() - 1);
        match self {
            _ if number.is_nan() => missing,
            Self::Texts(_) => other,
            Self::Bands(edges) => edges.partition_point(|edge| *edge <= number),
            Self::Numbers(numbers) => {
                let is_same = |known: f64| (known - number).abs() <= SAME * known.abs();
                let next = numbers.partition_point(|known| *known < number);
                let near = [next.checked_sub(1), Some(next)].into_iter().flatten();
                near.into_iter().find(|at| numbers.get(*at).is_some_and(|known| is_same(*known))).unwrap_or(other)
            }
        }
    }
}

/// A band's edge with six digits that count, rounded down so that whoever was on it stays above; whole numbers stay.
fn plain(edge: f64) -> f64 {
    if edge.fract() == 0.0 {
        return edge;
    }
    let scale = 10f64.powi(5 - edge.abs().log10().floor() as i32);
    Some((edge * scale).floor() / scale).filter(|plain| plain.is_finite()).unwrap_or(edge)
}

impl DescribedColumn {
    /// The groups of a column's texts, row by row.
    pub(super) fn groups_of_texts(&self, values: &ArrayRef) -> Result<Vec<usize>> {
        let known: HashMap<&str, usize> = match &self.groups {
            Groups::Texts(texts) => texts.iter().enumerate().map(|(group, text)| (text.as_str(), group)).collect(),
            Groups::Numbers(_) | Groups::Bands(_) => HashMap::new(),
        };
        let (other, missing) = (self.groups.count() - 2, self.groups.count() - 1);
        let texts = texts_of(&self.column, values)?;
        let group = |text: Option<&str>| text.map_or(missing, |text| known.get(text).copied().unwrap_or(other));
        Ok(texts.iter().map(group).collect())
    }
}

fn texts_of(column: &ColumnName, values: &ArrayRef) -> Result<arrow::array::StringArray> {
    key_texts(values).map_err(|source| ScorerError::Key { column: column.clone(), source })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int64Array, StringArray};

    use super::*;

    fn groups(sample: ArrayRef) -> Groups {
        Groups::of(&"c".parse().unwrap(), &[sample]).unwrap()
    }

    #[test]
    fn the_most_frequent_texts_are_groups_and_the_others_are_one() {
        let texts = (0..60).flat_map(|text| std::iter::repeat_n(format!("t{text:02}"), if text == 7 { 3 } else { 1 }));
        let found = groups(Arc::new(StringArray::from(texts.collect::<Vec<_>>())));
        assert_eq!(
            (found.count(), found.label(0).as_deref(), found.label(1).as_deref()),
            (52, Some("t07"), Some("t00"))
        );
        let described = DescribedColumn { column: "c".parse().unwrap(), groups: found };
        let rows: ArrayRef = Arc::new(StringArray::from(vec![Some("t00"), Some("t59"), None, Some("?")]));
        assert_eq!(described.groups_of_texts(&rows).unwrap(), [1, 50, 51, 50]);
        assert_eq!((described.groups.label(50), described.groups.label(51).as_deref()), (None, Some("(missing)")));
    }

    #[test]
    fn few_numbers_are_a_group_each_and_many_are_bands() {
        let few = groups(Arc::new(Int64Array::from(vec![Some(3), Some(1), None, Some(1)])));
        assert_eq!(few, Groups::Numbers(vec![1.0, 3.0]));
        assert_eq!([1.0, 3.0, 2.0, f64::NAN].map(|number| few.of_number(number)), [0, 1, 2, 3]);
        let many = groups(Arc::new(Float64Array::from_iter_values((0..100).map(f64::from))));
        assert_eq!(many, Groups::Bands(vec![20.0, 40.0, 60.0, 80.0]));
        let found = [0.0, 19.9, 20.0, 80.0, 1e9, f64::NAN].map(|number| many.of_number(number));
        assert_eq!(found, [0, 0, 1, 4, 4, 6]);
        let labels: Vec<_> = (0..7).map(|group| many.label(group)).collect();
        assert_eq!((labels[0].as_deref(), labels[1].as_deref()), (Some("below 20"), Some("20 to below 40")));
        assert_eq!(
            (labels[4].as_deref(), labels[5].as_deref(), labels[6].as_deref()),
            (Some("80 or more"), None, Some("(missing)"))
        );
    }

    #[test]
    fn edges_have_few_digits_and_are_not_above_their_value() {
        let found = [3f64.ln(), 1_465.319_999_999_999_7, -2.0 / 3.0, 12_345_678.9, 20.0, 0.0, 1e-310].map(plain);
        assert_eq!(found, [1.09861, 1465.31, -0.666667, 12_345_600.0, 20.0, 0.0, 1e-310]);
    }

    #[test]
    fn a_value_that_most_people_have_makes_fewer_bands() {
        let skewed = (0..100).map(|row| if row < 70 { 0.0 } else { f64::from(row) });
        let found = groups(Arc::new(Float64Array::from_iter_values(skewed)));
        assert_eq!(found, Groups::Bands(vec![80.0]));
    }
}
