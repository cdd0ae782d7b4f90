//! A column's values as groups: told apart once, and then looked up row by row.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use artifacts::keys::key_texts;
use artifacts::rows::Columns;
use spec::ids::ColumnName;

use super::plan::{ColumnValues, ProfiledColumn};
use crate::error::{Result, ScorerError};
use crate::segments::column_numbers;
use crate::segments::groups::Groups;

/// A column whose groups of values are known.
#[derive(Debug)]
pub(super) struct Grouped {
    pub(super) column: ProfiledColumn,
    pub(super) groups: Groups,
    places: HashMap<String, usize>,
}

impl Grouped {
    pub(super) fn new(column: ProfiledColumn, groups: Groups) -> Self {
        let places = match &groups {
            Groups::Texts(texts) => texts.iter().enumerate().map(|(place, text)| (text.clone(), place)).collect(),
            Groups::Numbers(_) | Groups::Bands(_) => HashMap::new(),
        };
        Self { column, groups, places }
    }

    /// The group of other values, and that of none.
    pub(super) fn rest(&self) -> (usize, usize) {
        (self.groups.count() - 2, self.groups.count() - 1)
    }

    /// Calls back with the group of every row.
    pub(super) fn each(&self, values: &ArrayRef, mut each: impl FnMut(usize, usize)) -> Result<()> {
        if self.column.values == ColumnValues::Numbers {
            let numbers = column_numbers(values)?.into_iter().enumerate();
            numbers.for_each(|(row, number)| each(row, self.groups.of_number(number)));
            return Ok(());
        }
        let (other, missing) = self.rest();
        let group = |text: Option<&str>| text.map_or(missing, |text| self.places.get(text).copied().unwrap_or(other));
        let texts = Texts::of(&self.column, values)?;
        let groups: Vec<usize> = texts.texts.iter().map(group).collect();
        texts.each(|row, place| each(row, place.map_or(missing, |place| groups[place])));
        Ok(())
    }
}

/// The texts of a column's rows, each of a dictionary once.
pub(super) struct Texts {
    texts: arrow::array::StringArray,
    /// For each row its text's place; the rows themselves where there is none.
    places: Option<Vec<Option<usize>>>,
}

impl Texts {
    pub(super) fn of(column: &ProfiledColumn, values: &ArrayRef) -> Result<Self> {
        let is_no_text = |source| ScorerError::Key { column: column.column.clone(), source };
        let dictionary = values.as_any_dictionary_opt().filter(|dictionary| !dictionary.values().is_empty());
        let Some(dictionary) = dictionary else {
            return Ok(Self { texts: key_texts(&plain(column, values)?).map_err(is_no_text)?, places: None });
        };
        let texts = key_texts(&plain(column, dictionary.values())?).map_err(is_no_text)?;
        let places = dictionary.normalized_keys().into_iter().enumerate();
        let places = places.map(|(row, place)| dictionary.is_valid(row).then_some(place)).collect();
        Ok(Self { texts, places: Some(places) })
    }

    fn each(&self, mut each: impl FnMut(usize, Option<usize>)) {
        match &self.places {
            Some(places) => places.iter().enumerate().for_each(|(row, place)| each(row, *place)),
            None => (0..self.texts.len()).for_each(|row| each(row, Some(row))),
        }
    }

    /// How many of some rows have each text.
    pub(super) fn count(&self, is_wanted: impl Fn(usize) -> bool) -> impl Iterator<Item = (&str, u64)> {
        let mut counts = vec![0_u64; self.texts.len()];
        self.each(|row, place| {
            if let Some(place) = place.filter(|_| is_wanted(row)) {
                counts[place] += 1;
            }
        });
        let counted = self.texts.iter().zip(counts).filter(|(_, count)| *count > 0);
        counted.filter_map(|(text, count)| Some((text?, count)))
    }
}

fn plain(column: &ProfiledColumn, values: &ArrayRef) -> Result<ArrayRef> {
    match column.values {
        ColumnValues::Days => cast(values, &DataType::Date32).map_err(ScorerError::rows),
        ColumnValues::Texts | ColumnValues::Numbers => Ok(ArrayRef::clone(values)),
    }
}

/// Columns to be read, texts as dictionaries.
pub(super) fn reading<'a>(columns: impl Iterator<Item = &'a ProfiledColumn> + Clone) -> Columns {
    let name = |column: &'a ProfiledColumn| column.column.as_str();
    let texts = columns.clone().filter(|column| column.values != ColumnValues::Numbers).map(name);
    Columns::new(columns.map(name)).with_dictionaries(texts)
}

/// The column of a batch by its name.
pub(super) fn column_of<'a>(batch: &'a arrow::array::RecordBatch, column: &ColumnName) -> Result<&'a ArrayRef> {
    batch.column_by_name(column.as_str()).ok_or(ScorerError::Broken)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray, TimestampSecondArray};

    use super::*;

    fn groups_of(values: ColumnValues, groups: Groups, rows: &ArrayRef) -> Vec<usize> {
        let grouped = Grouped::new(ProfiledColumn { column: "c".parse().unwrap(), values }, groups);
        let mut found = Vec::new();
        grouped
            .each(rows, |row, group| {
                assert_eq!(row, found.len());
                found.push(group);
            })
            .unwrap();
        found
    }

    #[test]
    fn a_dictionary_and_plain_text_are_the_same_groups() {
        let texts = Groups::Texts(vec!["a".to_owned(), "b".to_owned()]);
        let rows: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("?"), Some("a"), Some("b")]));
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        for rows in [&rows, &cast(&rows, &dictionary).unwrap()] {
            assert_eq!(groups_of(ColumnValues::Texts, texts.clone(), rows), [1, 3, 2, 0, 1]);
        }
        let nothing: ArrayRef =
            cast(&(Arc::new(StringArray::from(vec![None::<&str>; 2])) as ArrayRef), &dictionary).unwrap();
        assert_eq!(groups_of(ColumnValues::Texts, texts, &nothing), [3, 3]);
    }

    #[test]
    fn moments_are_told_apart_by_day_and_ids_one_by_one() {
        let days = Groups::Texts(vec!["1970-01-01".to_owned(), "1970-01-02".to_owned()]);
        let rows: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(5), Some(86_400), Some(86_399), None]));
        assert_eq!(groups_of(ColumnValues::Days, days, &rows), [0, 1, 0, 3]);
        let shops = Groups::Texts(vec!["17".to_owned()]);
        let rows: ArrayRef = Arc::new(Int64Array::from(vec![17, 4]));
        assert_eq!(groups_of(ColumnValues::Texts, shops, &rows), [0, 1]);
    }

    #[test]
    fn texts_of_wanted_rows_are_counted() {
        let rows: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
        let column = ProfiledColumn { column: "c".parse().unwrap(), values: ColumnValues::Texts };
        let counted = Texts::of(&column, &rows).unwrap();
        let mut found: Vec<_> = counted.count(|row| row > 0).collect();
        found.sort_unstable();
        assert_eq!(found, [("a", 1), ("b", 1)]);
    }
}
