//! The classes of a multiclass label: learned from the training rows by count, and each row's class by its place.

use arrow::array::Array;
use arrow::datatypes::DataType;
use serde::{Deserialize, Serialize};
use spec::task::MulticlassTask;

use super::counts::ValueCounts;
use super::ids::{Ids, Vocabulary};
use super::lookup::IdLookup;
use super::values::{DictionaryCodes, encode_values};

/// What stands for the rows of no class of their own; their place is behind the last class.
pub const OTHER: &str = "other";

/// The classes of a task, by descending count of their training rows, equal counts in ascending order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// Their labels.
    pub values: Vocabulary,
    /// Training rows of each, and behind them those of no class of their own.
    pub rows: Vec<u64>,
}

impl Classes {
    /// The classes' labels as text, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.values.len());
        self.values.each_text(|text| names.push(text.to_owned()));
        names
    }

    /// Whether they make sense.
    pub(super) fn is_valid(&self) -> bool {
        self.values.len() >= 2 && self.rows.len() == self.values.len() + 1
    }
}

/// Whether a column can say what class a row is of.
pub fn is_class(data_type: &DataType) -> bool {
    match data_type {
        DataType::Null | DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_class(values),
        other => other.is_integer(),
    }
}

/// Counts labels of training rows. What it learns depends on the rows and their order, not on threads.
#[derive(Debug)]
pub struct ClassFit {
    counts: ValueCounts,
    rows: u64,
    min_count: u64,
    max_classes: usize,
}

/// Labels that are counted exactly.
const EXACT_LABELS: usize = 1 << 16;

impl ClassFit {
    /// One that has seen nothing.
    pub fn new(task: &MulticlassTask) -> Self {
        let counts = ValueCounts::new(EXACT_LABELS);
        Self { counts, rows: 0, min_count: task.min_count, max_classes: task.max_classes as usize }
    }

    /// Counts labels of rows that the task learns from; a column that [`is_class`], nulls do not count.
    pub fn add(&mut self, labels: &dyn Array) {
        self.rows += (labels.len() - labels.logical_null_count()) as u64;
        self.counts.add(labels);
    }

    /// The classes; may be fewer than two.
    pub fn finish(self) -> Classes {
        let (values, mut rows) = self.counts.into_counted(self.min_count, self.max_classes);
        rows.push(self.rows.saturating_sub(rows.iter().sum()));
        Classes { values, rows }
    }
}

/// Finds the class of labels.
#[derive(Debug)]
pub struct ClassReader {
    texts: IdLookup,
    signed: IdLookup,
    unsigned: IdLookup,
    classes: usize,
}

/// The id of null; a vocabulary's own are above it.
const NULL: i32 = -1;

impl ClassReader {
    /// Of these classes.
    pub fn new(classes: &Classes) -> Self {
        let ids = Ids::Vocabulary(classes.values.clone());
        let lookup = |data_type| IdLookup::new(&ids, &data_type, 0, NULL);
        Self {
            texts: lookup(DataType::Utf8),
            signed: lookup(DataType::Int64),
            unsigned: lookup(DataType::UInt64),
            classes: classes.values.len(),
        }
    }

    /// The place of each row's class, that of no class of its own behind the last; none for null. For a column that
    /// [`is_class`].
    pub fn read(&self, labels: &dyn Array) -> Vec<Option<usize>> {
        let mut ids = vec![NULL; labels.len()];
        encode_values(labels, self.lookup(labels.data_type()), &mut DictionaryCodes::default(), &mut ids);
        let class = |id: i32| match id {
            NULL => None,
            // Id 1 is what is not in the vocabulary, 2 its first value.
            1 => Some(self.classes),
            id => Some(id as usize - 2),
        };
        ids.into_iter().map(class).collect()
    }

    fn lookup(&self, data_type: &DataType) -> &IdLookup {
        match data_type {
            DataType::Dictionary(_, values) => self.lookup(values),
            DataType::UInt64 => &self.unsigned,
            other if other.is_integer() => &self.signed,
            _ => &self.texts,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, DictionaryArray, Int32Array, StringArray, UInt64Array};
    use arrow::datatypes::Int8Type;

    use super::*;

    fn task(min_count: u64, max_classes: u32) -> MulticlassTask {
        let task = serde_json::json!({"label": "next", "min_count": min_count, "max_classes": max_classes});
        serde_json::from_value(task).unwrap()
    }

    fn fitted(task: &MulticlassTask, labels: &[ArrayRef]) -> Classes {
        let mut fit = ClassFit::new(task);
        labels.iter().for_each(|labels| fit.add(labels));
        fit.finish()
    }

    #[test]
    fn classes_are_by_count_and_then_by_name_and_the_rest_is_other() {
        let labels = [Some("b"), Some("c"), None, Some("a"), Some("b"), Some("c"), Some("a"), Some("d"), Some("c")];
        let labels: ArrayRef = Arc::new(StringArray::from(labels.to_vec()));
        let classes = fitted(&task(2, 10), std::slice::from_ref(&labels));
        assert_eq!((classes.names(), &classes.rows[..]), (vec!["c".into(), "a".into(), "b".into()], &[3, 2, 2, 1][..]));
        let found = ClassReader::new(&classes).read(&labels);
        assert_eq!(found, [2, 0, 9, 1, 2, 0, 1, 3, 0].map(|class| (class != 9).then_some(class)));
        let fewer = fitted(&task(1, 2), &[labels]);
        assert_eq!((fewer.names(), &fewer.rows[..]), (vec!["c".into(), "a".into()], &[3, 2, 3][..]));
    }

    #[test]
    fn a_class_is_known_whatever_type_its_column_has() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![7, 7, -3, -3, -3, 5]));
        let classes = fitted(&task(2, 10), &[numbers]);
        assert_eq!(classes.names(), ["-3", "7"]);
        let reader = ClassReader::new(&classes);
        assert_eq!(reader.read(&UInt64Array::from(vec![Some(7), None, Some(8)])), [Some(1), None, Some(2)]);
        let texts: DictionaryArray<Int8Type> = [Some("7"), Some("-3"), None, Some("07")].into_iter().collect();
        assert_eq!(reader.read(&texts), [Some(1), Some(0), None, Some(2)]);
        assert_eq!(reader.read(&arrow::array::NullArray::new(2)), [None, None]);
        let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true, false]));
        let classes = fitted(&task(1, 10), std::slice::from_ref(&flags));
        assert_eq!(classes.names(), ["false", "true"]);
        assert_eq!(ClassReader::new(&classes).read(&flags), [Some(1), Some(0), Some(1), Some(0)]);
    }

    #[test]
    fn labels_that_are_no_classes_are_told_by_their_type() {
        assert!(is_class(&DataType::Int64) && is_class(&DataType::Utf8) && is_class(&DataType::Boolean));
        assert!(!is_class(&DataType::Float64) && !is_class(&DataType::Date32));
    }
}
