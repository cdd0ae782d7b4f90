//! List columns as ranges of their elements.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, NullArray, NullBufferBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;

/// A list column taken apart: which of its elements each row has.
pub(crate) struct Lists {
    /// All elements; rows refer to them.
    pub(crate) elements: ArrayRef,
    /// A row's elements: none for null.
    pub(crate) rows: Vec<Range<usize>>,
}

impl Lists {
    /// Takes apart a column of lists, or of nulls.
    pub(crate) fn of(array: &dyn Array) -> Self {
        let (elements, mut rows) = match array.data_type() {
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                (list.values(), ranges(list.offsets(), |offset| offset as usize))
            }
            DataType::LargeList(_) => {
                let list = array.as_list::<i64>();
                (list.values(), ranges(list.offsets(), |offset| offset as usize))
            }
            DataType::FixedSizeList(_, size) => {
                let size = *size as usize;
                let rows = (0..array.len()).map(|row| row * size..(row + 1) * size).collect();
                (array.as_fixed_size_list().values(), rows)
            }
            _ => {
                let none: ArrayRef = Arc::new(NullArray::new(0));
                return Self { elements: none, rows: vec![0..0; array.len()] };
            }
        };
        set_nulls_of_ranges(array.nulls(), &mut rows);
        Self { elements: elements.clone(), rows }
    }

    /// At most the first `max_length` elements of each row.
    pub(super) fn front(mut self, max_length: usize) -> Self {
        self.rows.iter_mut().for_each(|row| row.end = row.end.min(row.start + max_length));
        self
    }

    /// At most the last `max_length` elements of each row.
    pub(super) fn back(mut self, max_length: usize) -> Self {
        self.rows.iter_mut().for_each(|row| row.start = row.start.max(row.end.saturating_sub(max_length)));
        self
    }

    /// Which elements some row has, over the span of elements that rows refer to.
    pub(super) fn selection(&self) -> (Range<usize>, BooleanArray) {
        let span = self.span();
        let mut selected = NullBufferBuilder::new(span.len());
        let mut next = span.start;
        for row in self.rows.iter().filter(|row| !row.is_empty()) {
            selected.append_n_nulls(row.start - next);
            selected.append_n_non_nulls(row.len());
            next = row.end;
        }
        let selected = selected
            .finish()
            .map_or_else(|| arrow::buffer::BooleanBuffer::new_set(span.len()), |bits| bits.into_inner());
        (span, BooleanArray::new(selected, None))
    }

    /// The rows' elements, counted from the start of [`Self::span`].
    pub(super) fn rows_in_span(&self) -> impl Iterator<Item = Range<usize>> {
        let start = self.span().start;
        self.rows.iter().map(move |row| if row.is_empty() { 0..0 } else { row.start - start..row.end - start })
    }

    /// The smallest span of elements that covers all rows.
    pub(super) fn span(&self) -> Range<usize> {
        let used = || self.rows.iter().filter(|row| !row.is_empty());
        match (used().next(), used().next_back()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        }
    }
}

fn ranges<T: Copy>(offsets: &[T], index: impl Fn(T) -> usize) -> Vec<Range<usize>> {
    offsets.windows(2).map(|pair| index(pair[0])..index(pair[1])).collect()
}

fn set_nulls_of_ranges(nulls: Option<&NullBuffer>, rows: &mut [Range<usize>]) {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return };
    for (row, valid) in rows.iter_mut().zip(nulls.iter()) {
        if !valid {
            row.end = row.start;
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{FixedSizeListArray, Int32Array, LargeListArray, ListArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Field, Int32Type};

    use super::*;

    #[test]
    fn lists_of_every_kind_are_ranges_of_their_elements() {
        let items = || Arc::new(Int32Array::from(vec![1, 2, 3, 4, 5, 6]));
        let field = || Arc::new(Field::new("item", DataType::Int32, true));
        let nulls = || Some(NullBuffer::from(vec![true, false, true]));
        let list = ListArray::new(field(), OffsetBuffer::new(vec![0, 1, 3, 6].into()), items(), nulls());
        let large = LargeListArray::new(field(), OffsetBuffer::new(vec![0, 1, 3, 6].into()), items(), nulls());
        for array in [&list as &dyn Array, &large] {
            let lists = Lists::of(array).front(2);
            assert_eq!(lists.rows, [0..1, 1..1, 3..5]);
            assert_eq!(lists.span(), 0..5);
            assert_eq!(Lists::of(array).back(2).rows, [0..1, 1..1, 4..6]);
            let (_, selected) = lists.selection();
            assert_eq!(selected, BooleanArray::from(vec![true, false, false, true, true]));
        }
        let fixed = FixedSizeListArray::new(field(), 2, items(), nulls());
        assert_eq!(Lists::of(&fixed).rows, [0..2, 2..2, 4..6]);
        assert_eq!(Lists::of(&fixed.slice(2, 1)).elements.as_primitive::<Int32Type>().values(), &[5, 6]);
        assert_eq!(Lists::of(&NullArray::new(2)).span(), 0..0);
    }
}
