//! What is learned of a table's ids.

use arrow::array::ArrayRef;
use arrow::compute::filter;
use spec::feature::{Hash, IdSpace, Vocabulary};

use crate::encode::counts::ValueCounts;
use crate::encode::ids::Ids;
use crate::encode::lists::Lists;

/// The values of one feature, or of all features that share a table.
#[derive(Debug)]
pub(super) enum IdsFit {
    Vocabulary { counts: Box<ValueCounts>, declared: Vocabulary },
    Hash(Hash),
}

impl IdsFit {
    pub(super) fn new(space: &IdSpace) -> Self {
        match space {
            IdSpace::Hash(hash) => Self::Hash(hash.clone()),
            IdSpace::Vocabulary(declared) => {
                Self::Vocabulary { counts: Box::new(counts(declared)), declared: declared.clone() }
            }
        }
    }

    /// Adds the values of a column.
    pub(super) fn add(&mut self, array: &ArrayRef) {
        if let Self::Vocabulary { counts, .. } = self {
            counts.add(array);
        }
    }

    /// Adds the elements of the rows of a list column.
    pub(super) fn add_lists(&mut self, lists: &Lists) {
        if let Self::Vocabulary { counts, .. } = self {
            let (span, selected) = lists.selection();
            let elements = lists.elements.slice(span.start, span.len());
            match filter(&elements, &selected) {
                Ok(selected) => counts.add(&selected),
                Err(error) => unreachable!("a selection as long as the elements: {error}"),
            }
        }
    }

    /// Adds what another has counted.
    pub(super) fn merge(&mut self, other: Self) {
        if let (Self::Vocabulary { counts, .. }, Self::Vocabulary { counts: more, .. }) = (self, other) {
            counts.merge(*more);
        }
    }

    /// Adds what another has counted, and leaves it with nothing.
    pub(super) fn take_from(&mut self, other: &mut Self) {
        if let (Self::Vocabulary { counts: all, declared }, Self::Vocabulary { counts: more, .. }) = (self, other) {
            all.merge(std::mem::replace(more.as_mut(), counts(declared)));
        }
    }

    /// The most by which a count may be too low; 0 while counts are exact.
    pub(super) fn shortfall(&self) -> u64 {
        match self {
            Self::Vocabulary { counts, .. } => counts.shortfall(),
            Self::Hash(_) => 0,
        }
    }

    pub(super) fn finish(self) -> Ids {
        match self {
            Self::Hash(Hash { buckets, seed }) => Ids::Hash { buckets, seed },
            Self::Vocabulary { counts, declared } => {
                Ids::Vocabulary(counts.into_vocabulary(declared.min_count, declared.max_size as usize))
            }
        }
    }
}

fn counts(vocabulary: &Vocabulary) -> ValueCounts {
    ValueCounts::new((vocabulary.max_size as usize).saturating_mul(2).max(1 << 16))
}
